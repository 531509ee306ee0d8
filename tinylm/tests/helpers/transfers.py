"""Results of the section on techniques, whose gains are known."""

import math
import zlib
from dataclasses import replace

import numpy as np
import records

from tinylm import study
from tinylm.analysis.summaries import Result
from tinylm.study.techniques import SEPARATOR

N_BLOCKS = 40
NOISE, SEED_NOISE, TEXT_NOISE = 0.002, 0.05, 0.002  # of a run beside its seed's, of a seed in all rows, of a block's gap

GAINS = {"Muon": (0.05, 0.02), "RMSNorm": 0.0, "dropout": -0.03, "short convolution": (0.06, -0.02)}


def usual():
    """Results on three texts of a few techniques with these gains."""
    regimes = [["wikitext-2-char", 0, 1], ["tiny_shakespeare", 100_000, 5], ["ptb-eos", 0, 1]]
    return results(GAINS, regimes=regimes, tried=list(GAINS), kept=["Muon", "GELU"], combined=["Muon", "RMSNorm"])


def gain(name, budget, gains):
    """The sum of the gains of the parts: each a number, or a number at 1e11 FLOPs and by how much ten times the budget raises it."""
    at, slope = gains.get(name, 0.0) if isinstance(gains.get(name, 0.0), tuple) else (gains.get(name, 0.0), 0.0)
    return at + slope * (math.log10(budget) - 11)


def results(gains, together=0.0, **parameters):
    """A result of each planned run with these parameters; a pair gains `together` more than its parts."""
    planned = study.transfer(**parameters)
    return [Result(run, record(run, gains, together)) for run in planned]


def record(run, gains, together=0.0):
    parts = run.rung.split(SEPARATOR)
    lower = sum(gain(part, run.budget, gains) for part in parts) + together * (len(parts) > 1)
    return lowered(run, lower)


def alike(run, lower):
    """The result of a run so much lower, whose valid NLL is its test NLL."""
    made = lowered(run, lower)
    return Result(run, replace(made, valid=replace(made.valid, nll=made.test.nll)))


def lowered(run, lower):
    """A record whose test NLL is so much lower than three nats, but for the noise of its row, of its seed and of the text."""
    spec = run.spec
    by_row = np.random.default_rng(zlib.crc32(f"{run.name} {spec.seed}".encode()))
    by_seed = np.random.default_rng([spec.seed, run.budget % 2**32])
    nll = 3.0 - lower + by_seed.normal(0, SEED_NOISE) + by_row.normal(0, NOISE)
    made = records.made(spec=spec)
    size = math.ceil(made.test.n_tokens / N_BLOCKS)
    blocks = (
        nll + np.sin(np.arange(math.ceil(made.test.n_tokens / size))) + by_row.normal(0, TEXT_NOISE, math.ceil(made.test.n_tokens / size))
    )
    blocks += nll - blocks.mean()
    return replace(made, test=replace(made.test, nll=float(nll), block_size=size, blocks=list(blocks)))
