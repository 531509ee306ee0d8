"""Gated counts in a user's hands: trained, found again, scored, and writing text."""

from dataclasses import replace

import numpy as np
import pytest

import tinylm as tl
from tinylm.evaluation.arguments import ModelError


@pytest.fixture(scope="module", params=[(), (16, 64)])
def trained(request):
    model = tl.GatedCounts(order=4, context_length=64, caches=request.param)
    return tl.train("grammar-char", model, flops=2e8, batch_size=4, optimizer="adamw", lr=1e-2).model


def test_its_probabilities_sum_to_one(trained):
    for text in ("", "the ", "the cat sees the cat s"):
        logits = trained.next_logits(trained.encode(text))
        assert np.exp(logits).sum() == pytest.approx(1, abs=1e-6)


def test_a_score_is_that_of_its_predictions(trained):
    ids = np.asarray(tl.corpus("grammar-char").test[:300])
    one_by_one = [-trained.next_logits(ids[:t])[ids[t]] for t in range(200, 300)]
    spec = replace(trained.spec, train=replace(trained.spec.train, eval_start=200, eval_tokens=100))
    np.testing.assert_allclose(trained.token_nlls(ids, spec), one_by_one, atol=1e-4)


def test_it_is_better_than_the_counts_alone(trained):
    counts = tl.train("grammar-char", tl.Counts(order=4)).model
    text = "".join(tl.corpus("grammar-char").vocab[i] for i in tl.corpus("grammar-char").test[:2000])
    assert np.nanmean(trained.surprise(text)) < np.nanmean(counts.surprise(text))


def test_it_is_found_again_writes_and_mixes(trained):
    again = tl.load(trained.key)
    assert again.generate("the ", length=5, temperature=0) == trained.generate("the ", length=5, temperature=0)
    mixed = tl.mix(trained, tl.train("grammar-char", tl.Counts(order=2)).model)
    assert mixed.weights.sum() == pytest.approx(1)


def test_what_it_cannot_do_is_said(trained):
    with pytest.raises(ModelError, match="logits"):
        trained([1, 2])
    with pytest.raises(ModelError, match="only a Transformer has attention"):
        trained.attention("the")
