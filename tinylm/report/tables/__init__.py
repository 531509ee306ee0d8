"""Records and plans -> the tables of the report: numbers as text, ready for tl.display.table."""

from tinylm.report.tables.budget import (
    advice,
    against_counts,
    at_test_time,
    averages,
    block_lengths,
    bought,
    by_fold,
    cells,
    changes,
    copying,
    effects,
    ladder,
    mixtures,
    purchased,
    targets,
    together,
    vocabularies,
    worth,
)
from tinylm.report.tables.capacity import forecasts, laws, optima, shapes
from tinylm.report.tables.corpora import corpora, entropies, headings
from tinylm.report.tables.literature import published
from tinylm.report.tables.losses import counted, decomposition, excess, floors, neighbours, overfitting, reproduced, results, sister
from tinylm.report.tables.plans import continuations, flop_parts, planned
from tinylm.report.tables.speed import timed
from tinylm.report.tables.verdicts import claim_evidence, claims, verdicts

__all__ = [
    "advice",
    "against_counts",
    "at_test_time",
    "averages",
    "block_lengths",
    "bought",
    "by_fold",
    "cells",
    "changes",
    "claim_evidence",
    "claims",
    "continuations",
    "copying",
    "corpora",
    "counted",
    "decomposition",
    "effects",
    "entropies",
    "excess",
    "floors",
    "flop_parts",
    "forecasts",
    "headings",
    "ladder",
    "laws",
    "mixtures",
    "neighbours",
    "optima",
    "overfitting",
    "planned",
    "published",
    "purchased",
    "reproduced",
    "results",
    "shapes",
    "sister",
    "targets",
    "timed",
    "together",
    "verdicts",
    "vocabularies",
    "worth",
]
