import dataclasses
import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from specs import LINEAR, TRANSFORMER, VOCAB_SIZE, spec

from tinylm.config import ConfigError, NgramConfig
from tinylm.config.scored import check_scoring, least_context
from tinylm.evaluation import nlls
from tinylm.evaluation.counts import count_record
from tinylm.evaluation.nlls import token_nlls
from tinylm.models.networks import LanguageModel, build
from tinylm.models.networks.threads import threads


class Bigram(LanguageModel):
    """Logits from a table at the last token, so the NLL of a token is known whatever the windows."""

    def __init__(self):
        super().__init__()
        self.vocab_size = VOCAB_SIZE
        self.table = torch.randn(VOCAB_SIZE, VOCAB_SIZE, generator=torch.Generator().manual_seed(0))

    def forward(self, x_BT, n_out):
        return self.table[x_BT[:, -n_out:]]


class Seen(LanguageModel):
    """Gives the token after t others the probability 2^-t: its NLL says how many tokens it saw."""

    def __init__(self):
        super().__init__()
        self.vocab_size = 2

    def forward(self, x_BT, n_out):
        p_N = 0.5 ** torch.arange(x_BT.shape[1] - n_out + 1, x_BT.shape[1] + 1)
        return torch.stack([p_N.log(), (1 - p_N).log()], -1).expand(len(x_BT), -1, -1)


windows = {"context": st.integers(1, 8), "n_split": st.integers(9, 70), "start": st.integers(0, 20), "tokens": st.integers(0, 30)}


@given(stride=st.integers(1, 8), n_positions=st.integers(1, 64), **windows)
def test_every_scored_token_is_scored_once_in_order(stride, n_positions, context, n_split, start, tokens):
    planned = spec(eval_context=context, eval_stride=min(stride, context), eval_start=start and start + context, eval_tokens=tokens)
    first = start + context
    if first >= n_split:
        with pytest.raises(ConfigError, match="nothing to score"):
            token_nlls(Bigram(), torch.zeros(n_split, dtype=torch.int32), planned)
        return
    ids = torch.randint(VOCAB_SIZE, (n_split,), generator=torch.Generator().manual_seed(n_split)).int()
    stop = min(n_split, first + tokens) if tokens else n_split
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(nlls.POSITIONS_PER_BATCH, "cpu", n_positions)
        nll_N = token_nlls(Bigram(), ids, planned)
    log_probs = torch.log_softmax(Bigram().table, -1)[ids[first - 1 : stop - 1].long(), ids[first:stop].long()]
    assert nll_N.dtype == np.float32
    np.testing.assert_allclose(nll_N, -log_probs.numpy(), rtol=1e-5)


@given(stride=st.integers(1, 8), **windows)
def test_every_token_sees_what_the_score_promises(stride, context, n_split, start, tokens):
    stride = min(stride, context)
    if start + context >= n_split:
        return
    planned = spec(eval_context=context, eval_stride=stride, eval_start=start and start + context, eval_tokens=tokens)
    seen_N = np.rint(token_nlls(Seen(), torch.zeros(n_split, dtype=torch.int32), planned) / np.log(2))
    assert seen_N.min() >= context - stride + 1
    assert seen_N.max() <= context


@given(start=st.integers(1, 8), stride=st.integers(1, 8), n_tokens=st.integers(1, 20))
def test_before_a_full_window_every_token_sees_all_there_is(start, stride, n_tokens):
    planned = spec(loss_at="all", eval_context=8, eval_stride=stride, eval_start=start, eval_tokens=n_tokens)
    seen_N = np.rint(token_nlls(Seen(), torch.zeros(40, dtype=torch.int32), planned) / np.log(2))
    assert len(seen_N) == n_tokens
    early = seen_N[: 9 - start] if start < 8 else seen_N[:0]
    assert early.tolist() == list(range(start, start + len(early)))
    assert all(8 - stride + 1 <= seen <= 8 for seen in seen_N[len(early) :])
    assert seen_N.min() >= least_context(planned)


@pytest.mark.parametrize("model", [TRANSFORMER, LINEAR])
def test_stride_1_is_one_window_per_token(corpus, model):
    torch.manual_seed(0)
    trained, length = build(model, VOCAB_SIZE).eval(), model.context_length
    ids = torch.from_numpy(corpus.valid.astype(np.int32))
    nll_N = token_nlls(trained, ids, spec(model, eval_tokens=40))
    for i, nll in enumerate(nll_N, start=length):
        log_probs = torch.log_softmax(trained(ids[None, i - length : i].long(), 1)[0, 0], -1)
        assert nll == pytest.approx(-log_probs[int(ids[i])].item(), rel=1e-5)


def test_a_stride_of_the_whole_window_scores_consecutive_windows(corpus):
    torch.manual_seed(0)
    model, ids = build(TRANSFORMER, VOCAB_SIZE).eval(), torch.from_numpy(corpus.valid.astype(np.int32))
    nll_N = token_nlls(model, ids, spec(eval_stride=8, eval_tokens=16))
    for window, start in ((nll_N[:8], 7), (nll_N[8:], 15)):
        log_probs_TV = torch.log_softmax(model(ids[None, start : start + 8].long(), 8)[0], -1)
        expected = -log_probs_TV[torch.arange(8), ids[start + 1 : start + 9].long()]
        np.testing.assert_allclose(window, expected.detach().numpy(), rtol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_scoring_turns_dropout_off_and_leaves_mode_and_random_state(training):
    model, ids = build(TRANSFORMER, VOCAB_SIZE).train(training), torch.zeros(40, dtype=torch.int32)
    state = torch.get_rng_state()
    first, second = (token_nlls(model, ids, spec()) for _ in range(2))
    assert model.training is training
    assert np.array_equal(first, second)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("context", [2, 4, 8])
def test_a_whole_split_is_scored_at_any_context_and_counts_score_the_same_tokens(corpus, context):
    torch.manual_seed(0)
    model, ids = build(TRANSFORMER, VOCAB_SIZE), torch.from_numpy(corpus.test.astype(np.int32))
    whole = spec(loss_at="all", eval_stride=2, eval_context=context, eval_tokens=0)
    assert len(token_nlls(model, ids, whole)) == len(ids) - context
    counted = count_record(spec(NgramConfig(order=2), epochs=1, eval_start=context, eval_tokens=0), corpus)
    assert (counted.test.n_tokens, counted.test.start) == (len(ids) - context, context)


@pytest.mark.parametrize("model", [LINEAR, TRANSFORMER, dataclasses.replace(TRANSFORMER, induction=(2, 3), position="rope")])
def test_batches_side_by_side_give_the_same_bits(corpus, model, monkeypatch):
    monkeypatch.setitem(nlls.POSITIONS_PER_BATCH, "cpu", 4 * model.context_length)
    network, ids = build(model, VOCAB_SIZE), torch.from_numpy(corpus.valid.astype("int32"))
    planned = spec(model, eval_tokens=0)
    with threads(1):
        one, four = (token_nlls(network, ids, planned, n_at_once=n) for n in (1, 4))
    assert network.is_stateless and np.array_equal(one, four)


def test_a_model_that_may_keep_something_is_given_one_batch_at_a_time():
    model, seen = Bigram(), set()
    model.register_forward_hook(lambda *_: seen.add(threading.get_ident()))
    token_nlls(model, torch.zeros(2_000, dtype=torch.int32), spec(eval_tokens=0), n_at_once=4)
    assert seen == {threading.get_ident()}


@pytest.mark.parametrize("position", ["rope", "alibi", "none"])
def test_windows_longer_than_those_of_training_are_read_by_the_same_weights(position):
    short, long = (dataclasses.replace(TRANSFORMER, position=position, context_length=length) for length in (4, 8))
    models = []
    for config in (short, long):
        torch.manual_seed(0)
        models.append(build(config, VOCAB_SIZE))
    ids = torch.randint(VOCAB_SIZE, (60,), generator=torch.Generator().manual_seed(1)).int()
    scoring = {"eval_context": 8, "eval_stride": 4, "eval_start": 8}
    before = torch.get_rng_state()
    beyond, whole = (token_nlls(model, ids, spec(config, **scoring)) for model, config in zip(models, (short, long), strict=True))
    assert np.array_equal(beyond, whole) and torch.equal(torch.get_rng_state(), before)
    assert not np.array_equal(beyond, token_nlls(models[0], ids, spec(short, eval_stride=4, eval_start=8)))


def test_learned_positions_know_no_longer_windows():
    asked = spec(dataclasses.replace(TRANSFORMER, position="learned"), eval_context=2 * TRANSFORMER.context_length)
    with pytest.raises(ConfigError, match="eval_context <= context_length"):
        check_scoring(asked, {"valid": 1_000, "test": 1_000})
