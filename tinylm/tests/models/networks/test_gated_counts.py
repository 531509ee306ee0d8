import numpy as np
import pytest
import torch
from specs import VOCAB_SIZE, markov_corpus, spec
from torch.utils.flop_counter import FlopCounterMode

from tinylm.config import ConfigError, GatedCountsConfig, TrainConfig
from tinylm.flops import n_params, optimizer_flops, window_flops
from tinylm.models import evidence, ngram
from tinylm.models.networks import build
from tinylm.models.networks import n_params as built_params
from tinylm.training.loop import train

CONFIG = GatedCountsConfig(order=3, d_hidden=5, context_length=8)
NEAR = GatedCountsConfig(order=3, d_hidden=5, context_length=8, caches=(4, 12))


def model(config=CONFIG):
    torch.manual_seed(0)
    network = build(config, VOCAB_SIZE)
    torch.nn.init.normal_(network.head.weight)
    return network


def said(n=16, config=CONFIG):
    corpus = markov_corpus()
    counts = ngram.fit(corpus.train, config.order, VOCAB_SIZE)
    return torch.from_numpy(evidence.read(counts, corpus.valid[:n], config.caches).reshape(2, n // 2, -1))


def test_an_nll_is_that_of_predictions_added_by_their_shares():
    network, found = model().eval(), said()
    shares, predictions = network.log_shares(found[..., 6:]).exp(), found[..., :6].exp()
    torch.testing.assert_close(shares.sum(-1), torch.ones(2, 8))
    x = torch.zeros(2, 8, dtype=torch.long)
    torch.testing.assert_close(network.nlls(x, x, found), -(shares * predictions).sum(-1).log())


def test_a_context_that_the_text_has_not_had_has_no_share():
    found = said()
    shares = model().eval().log_shares(found[..., 6:]).exp()
    assert (shares[..., 1:4][found[..., 9:] == 0] == 0).all() and (shares[..., 1:4][found[..., 9:] > 0] > 0).all()


def test_nor_has_one_that_a_cache_has_not():
    found = said(config=NEAR)
    shares = model(NEAR).eval().log_shares(found[..., 7:]).exp()
    assert (shares[..., 1:][found[..., 11:] == 0] == 0).all() and (shares[..., 1:][found[..., 11:] > 0] > 0).all()


def test_all_begin_alike():
    network = build(CONFIG, VOCAB_SIZE).eval()
    shares = network.log_shares(said()[..., 6:])[-1, -1].exp().tolist()
    assert max(shares) == pytest.approx(min(filter(None, shares)))


@pytest.mark.parametrize("config", [CONFIG, NEAR])
def test_parameters_and_flops_are_those_that_are_declared(config):
    network, found, x = model(config).train(), said(config=config), torch.zeros(2, 8, dtype=torch.long)
    assert built_params(network) == n_params(config, VOCAB_SIZE)
    with FlopCounterMode(display=False) as counter:
        network.nlls(x, x, found).mean().backward()
    declared = spec(config, loss_at="all")
    assert counter.get_total_flops() == 2 * window_flops(declared, VOCAB_SIZE)[0]
    with pytest.raises(ConfigError, match="no hidden matrices for muon"):
        optimizer_flops(spec(CONFIG, optimizer="muon", loss_at="all"))


def test_tokens_alone_are_not_enough():
    x = torch.zeros(1, 8, dtype=torch.long)
    for ask in (lambda: model()(x, 1), lambda: model().nlls(x, x)):
        with pytest.raises(ConfigError, match="counts"):
            ask()


def test_training_reads_what_counts_say_of_its_windows():
    record = train(
        spec(GatedCountsConfig(order=3, d_hidden=8, context_length=16), steps=60, loss_at="all", lr=0.03, n_evals=2), markov_corpus()
    )
    assert record.status == "done" and record.valid.nll < record.curve[0]["valid_nll"] < np.log(VOCAB_SIZE)
    assert isinstance(record.spec.train, TrainConfig) and record.flops == record.windows * window_flops(record.spec, VOCAB_SIZE)[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss_at": "last"}, "learns at every position"),
        ({"n_targets": 1}, "n_targets must be 0 or at least 2"),
        ({"average": "ema", "ema_decay": 0.9}, "cannot average its weights"),
        ({"micro_batch": 2}, "normalised over a whole batch"),
        ({"precision": "bf16"}, "computes in fp32"),
    ],
)
def test_what_a_normalisation_over_the_batch_does_not_go_with_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        spec(CONFIG, **{"loss_at": "all"} | settings)
    with pytest.raises(ConfigError, match="context_length must be at least 2"):
        GatedCountsConfig(context_length=1)
    with pytest.raises(ConfigError, match="caches must have at least 1 token"):
        GatedCountsConfig(caches=(64, 0))
