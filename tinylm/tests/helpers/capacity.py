"""Results of the isoFLOP curves of the section capacity, whose losses follow a known law."""

import math
from dataclasses import replace

import records

from tinylm import data, study
from tinylm.analysis.fits import Law
from tinylm.analysis.summaries import Result

TRUE = Law("additive", (math.log(1.0), math.log(30), 0.35, math.log(60), 0.33, 0.0, 1.5))


def results(largest=10**13, corpus="wikitext-2-char"):
    """A result of each planned run of a text up to a budget."""
    made = []
    shapes = ["isoflop", "depth", "shallower", "context", "forecast"]
    for run in study.select(study.section_plan("capacity", "full"), role=shapes, corpus=corpus):
        if run.budget <= largest:
            record = records.made(spec=run.spec)
            nll = float(TRUE(record.n_params, record.tokens_seen, data.info(corpus).n_tokens["train"]))
            made.append(Result(run, replace(record, valid=replace(record.valid, nll=nll))))
    return made
