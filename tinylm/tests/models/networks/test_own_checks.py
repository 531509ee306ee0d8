import functools
import random
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tinylm.config import ConfigError
from tinylm.models.networks import own_module
from tinylm.models.networks.own_checks import PROBED_FLOPS, _beside_powers, _probes, check_causal

V, D = 11, 8


class Net(nn.Module):
    """Embedding, a function (B, T, D) and ids (B, T) -> (B, T, D), vocabulary head."""

    def __init__(self, vocab_size, function, n_layer=1):
        super().__init__()
        self.embedding, self.head, self.function = nn.Embedding(vocab_size, D), nn.Linear(D, vocab_size), function
        self.layers = nn.ModuleList([nn.Linear(D, D) for _ in range(n_layer)])
        self.calls = 0

    def forward(self, x_BT):
        self.calls += 1
        return self.head(self.function(self, self.embedding(x_BT), x_BT))


def of(function, **settings):
    return functools.partial(Net, function=function, **settings)


def through_layers(net, x, skips=lambda: False):
    for layer in net.layers:
        x = x if net.training and skips() else x + layer(x).relu()
    return x


def grows(net, x, ids):
    for _ in range(1 + net.calls // 4):
        x = x + net.layers[0](x)
    return x * 0 + net.embedding(ids)


def only_when_recording(net, x, ids):
    for _ in range(1 + 4 * torch.is_grad_enabled() * net.training):
        x = x + net.layers[0](x) * 0
    return x


def by_tokens(net, x, ids):
    return x + net.layers[0](x) if (ids == ids[0, 0]).all() else x


def more_for_a_batch(net, x, ids):
    for _ in range(x.shape[0] ** 2):
        x = x + 0 * net.layers[0](x)
    return x


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda net, x, ids: through_layers(net, x, lambda: torch.rand(()) < 0.01), "Net costs .* in one call and .* in another"),
        (lambda net, x, ids: through_layers(net, x, lambda: not F.dropout(torch.ones(1), 0.01).any()), "Net costs .* in another"),
        (lambda net, x, ids: through_layers(net, x, lambda: torch.empty(1).uniform_() < 0.01), "Net costs .* in another; no budget"),
        (lambda net, x, ids: through_layers(net, x, lambda: random.random() < 1e-9), "Net draws random numbers of Python or numpy"),
        (lambda net, x, ids: through_layers(net, x, lambda: np.random.rand() < 1e-9), "Net draws random numbers of Python or numpy"),
        (lambda net, x, ids: x * (1 + net.training * np.random.default_rng().random()), "draw its random numbers with torch"),
        (grows, "Net costs .* in one call and .* in another; no budget can be kept unless each call does the same work"),
        (by_tokens, "Net costs .* whatever the tokens"),
        (more_for_a_batch, "a call of Net costs .* for one window, .* for two and .* for three; each window must cost the same"),
    ],
)
def test_a_cost_that_changes_is_refused(function, message):
    with pytest.raises(ConfigError, match=message):
        own_module(of(function), 16, V)


def test_work_is_counted_as_training_does_it():
    assert own_module(of(only_when_recording), 16, V).forward_flops == 16 * 2 * D * (5 * D + V)


def test_dropout_and_weights_of_products_are_steady():
    def composed(net, x, ids):
        return F.dropout(x @ (net.layers[0].weight @ net.layers[1].weight), 0.5, net.training)

    assert own_module(of(composed, n_layer=2), 16, V).forward_flops == 2 * 16 * D * (D + V) + 2 * D**3


def test_drawing_until_a_number_is_small_ends():
    def drawing(net, x, ids):
        while torch.rand(()) < 0.5:
            pass
        return x

    assert own_module(of(drawing), 16, V).forward_flops == 2 * 16 * D * V


class Costly(torch.autograd.Function):
    """Nothing forward, products in the gradient."""

    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, given):
        return given + 0 * sum(given @ torch.eye(D) for _ in range(10))


def test_work_in_the_gradients_counts():
    with pytest.raises(
        ConfigError, match="a window of Net costs .* FLOPs with its gradients, more than three times the 2,816 of its forward"
    ):
        own_module(of(lambda net, x, ids: Costly.apply(x)), 16, V)
    with pytest.raises(ConfigError, match="the loss of Net has no gradient: RuntimeError"):
        own_module(lambda v: Net(v, lambda net, x, ids: x).requires_grad_(False), 16, V)


def sees_next(net, x, at):
    """Position at - 1 sees position at."""
    return x if x.shape[1] <= at else torch.cat([x[:, : at - 1], x[:, at - 1 : at] + x[:, at : at + 1], x[:, at:]], 1)


def looks_up(net, x, ids):
    """The same token's next occurrence, by ids alone."""
    later = (ids[:, :, None] == ids[:, None]) & torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).triu(1)
    return x * (1 + later.any(-1, keepdim=True))


def short_only(net, x, ids):
    return x if x.shape[1] == 96 else x.flip(1)


def in_training(net, x, ids):
    return looks_up(net, x, ids) if net.training else x


def among_repeats(net, x, ids):
    return x.flip(1) if ids.shape[1] > 20 and ids.unique().numel() < 5 else x


@pytest.mark.parametrize("at", [1, 2, 13, 31, 32, 47, 50, 64, 94, 95])
def test_a_leak_at_any_single_position_is_found(at):
    with pytest.raises(ConfigError, match=f"Net is not causal: its logits at position {at - 1} change with tokens from {at} on"):
        own_module(of(lambda net, x, ids: sees_next(net, x, at)), 96, V)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (looks_up, "Net is not causal: its logits"),
        (short_only, "Net is not causal of windows of 95 tokens: its logits|Net is not causal in training of windows of 48 tokens"),
        (in_training, "Net is not causal in training: its logits"),
        (lambda net, x, ids: torch.cat([x[:, :-1] + x[:, -1:] * (x.shape[1] == 48), x[:, -1:]], 1), "in training of windows of 48 tokens"),
    ],
)
def test_a_leak_by_ids_in_training_or_at_other_lengths_is_found(function, message):
    with pytest.raises(ConfigError, match=message):
        own_module(of(function), 96, V)


def test_a_leak_among_repeated_tokens_alone_is_found():
    torch.manual_seed(0)
    net = Net(1000, among_repeats).eval()
    with pytest.raises(ConfigError, match="mine is not causal in training: its logits"):
        check_causal(net, "mine", 96, 1000, 10**6)


def test_a_costly_module_is_tried_beside_powers_of_two():
    assert _beside_powers(20) == [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 19]
    assert _beside_powers(1) == [] and _beside_powers(2) == [1]
    cheap, costly = ([starts for *_, starts in _probes(300, V, flops)] for flops in (1, int(PROBED_FLOPS)))
    assert cheap[0] == cheap[1] == list(range(1, 300))
    assert costly[0] == costly[1] == _beside_powers(300) and {255, 256, 257, 299} < {*costly[0]}


def test_every_position_of_a_small_module_is_tried_quickly():
    net = Net(65, lambda net, x, ids: through_layers(net, x), n_layer=4)
    begun = time.process_time()
    check_causal(net, "mine", 256, 65, 10**6)
    assert time.process_time() - begun < 2


def test_the_weights_are_as_they_were():
    net = Net(V, lambda net, x, ids: x)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    check_causal(net, "mine", 16, V, 1000)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
