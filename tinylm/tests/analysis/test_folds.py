import math

import numpy as np
import pytest
from synthetic import record, result

from tinylm import data
from tinylm.analysis import folds
from tinylm.analysis.folds import by_fold, over_folds
from tinylm.study import recipes

CORPORA = [f"tiny_shakespeare-without-{play}" for play in ("tempest", "coriolanus", "winters-tale")]


def run(architecture, corpus, nll, n_blocks=4, seed=0):
    return result("", record(corpus=corpus, blocks=[nll] * n_blocks, seed=seed), architecture=architecture)


def test_a_row_has_each_architectures_mean_over_its_seeds():
    found = [run("A", CORPORA[0], 2.0), run("A", CORPORA[0], 2.2, seed=1), run("B", CORPORA[0], 1.5), run("B", CORPORA[2], 1.0, n_blocks=2)]
    frame = by_fold(found)
    assert folds.architectures(frame) == ["A", "B"] and list(frame.index) == [CORPORA[0], CORPORA[2]]
    assert frame.loc[CORPORA[0], "A"] == pytest.approx(2.1) and math.isnan(frame.loc[CORPORA[2], "A"])
    assert list(frame["n_tokens"]) == [1_000, 500] and list(frame["searched"]) == [False, True]


def test_parts_count_by_their_tokens():
    found = [run("A", c, nll, n) for c, nll, n in zip(CORPORA, (2.0, 2.3, 2.6), (1, 2, 2), strict=True)]
    found += [run("B", c, 1.0, n) for c, n in zip(CORPORA, (1, 2, 2), strict=True)]
    gap = over_folds(by_fold(found), "A", "B")
    weights, gaps = np.array([0.2, 0.4, 0.4]), np.array([1.0, 1.3, 1.6])
    assert gap.mean == pytest.approx(weights @ gaps) and (gap.n, gap.df) == (3, 2)
    assert gap.se == pytest.approx(math.sqrt(1.5 * (weights**2 @ (gaps - weights @ gaps) ** 2)))


def test_with_equal_parts_it_is_the_usual_paired_t():
    found = [run(a, c, nll) for a, nlls in (("A", (2.0, 2.4, 2.9)), ("B", (1.0, 1.0, 1.0))) for c, nll in zip(CORPORA, nlls, strict=True)]
    gap = over_folds(by_fold(found), "A", "B")
    assert gap.se == pytest.approx(np.std(gap.gaps, ddof=1) / math.sqrt(3))
    alone = over_folds(by_fold([run("A", CORPORA[0], 2.0), run("B", CORPORA[0], 1.0)]), "A", "B")
    assert math.isnan(alone.se) and alone.mean == pytest.approx(1.0)


def test_the_plays_that_recipes_were_searched_on():
    searched = [name for name in data.names() if name.startswith("tiny_shakespeare") and recipes.searched_on(name)]
    assert searched == [
        *("tiny_shakespeare-plays", "tiny_shakespeare-plays-renamed", "tiny_shakespeare-plays-recast", "tiny_shakespeare-plays-respelled"),
        "tiny_shakespeare-without-winters-tale",
    ]
