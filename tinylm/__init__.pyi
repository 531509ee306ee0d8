# Each name of `tl` and where it is: type checkers read it, and __init__.py loads from it. `__all__` is the public interface.

import tinylm.analysis.budgets as budgets
import tinylm.analysis.claim_list as claim_list
import tinylm.analysis.claims as claims
import tinylm.analysis.factorial as factorial
import tinylm.analysis.folds as folds
import tinylm.analysis.numbers as numbers
import tinylm.analysis.significance as significance
import tinylm.analysis.summaries as summaries
import tinylm.config as config
import tinylm.data as data
import tinylm.explore as explore
import tinylm.flops as flops
import tinylm.ledger as ledger
import tinylm.report.answers as answers
import tinylm.report.display as display
import tinylm.report.mixtures as mixtures
import tinylm.report.plots as plots
import tinylm.report.sentences as sentences
import tinylm.report.tables as tables
import tinylm.report.timings as timings
import tinylm.study as study
import tinylm.study.recipes as recipes
from tinylm.analysis.frames import runs
from tinylm.config import GatedCountsConfig as GatedCounts
from tinylm.config import LinearConfig as Linear
from tinylm.config import LSTMConfig as LSTM
from tinylm.config import MLPConfig as MLP
from tinylm.config import NgramConfig as Counts
from tinylm.config import TinylmError
from tinylm.config import TransformerConfig as Transformer
from tinylm.data import corpus
from tinylm.evaluation.loading import list_models, load
from tinylm.evaluation.mixture import mix
from tinylm.report.results import companions, corpus_statistics, run, search_records
from tinylm.report.runs import compare, plot
from tinylm.report.training import cost, train
from tinylm.study import select

__version__: str

__all__ = [
    "LSTM",
    "MLP",
    "Counts",
    "GatedCounts",
    "Linear",
    "TinylmError",
    "Transformer",
    "compare",
    "corpus",
    "cost",
    "explore",
    "list_models",
    "load",
    "mix",
    "plot",
    "runs",
    "train",
]
