import copy
import dataclasses
import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from specs import TRANSFORMER
from torch import nn

from tinylm import ledger
from tinylm.config import ConfigError, RunSpec, TrainConfig
from tinylm.config.serialise import spec_from_dict, to_dict
from tinylm.evaluation import adaptive, weights
from tinylm.flops import forward_parts, hidden_shapes, run_cost, window_flops
from tinylm.models.networks import build, n_params, own_module, own_modules
from tinylm.models.networks.code_hash import code_hash
from tinylm.training import loop
from tinylm.training.loop import Hooks

V, T, D = 11, 16, 8
HEAD = 2 * T * D * V


class Net(nn.Module):
    """Embedding, a body (B, T, D) -> (B, T, D), vocabulary head."""

    def __init__(self, vocab_size, body=nn.Identity):
        super().__init__()
        self.embedding, self.body, self.head = nn.Embedding(vocab_size, D), body(), nn.Linear(D, vocab_size)

    def forward(self, x_BT):
        return self.head(self.body(self.embedding(x_BT)))


class Conv(nn.Conv1d):
    def __init__(self):
        super().__init__(D, D, 3)

    def forward(self, x_BTD):
        return F.relu(super().forward(F.pad(x_BTD.mT, (2, 0))).mT)


class Attention(nn.Module):
    def __init__(self, causal=True):
        super().__init__()
        self.qkv, self.causal = nn.Linear(D, 3 * D), causal

    def forward(self, x_BTD):
        q, k, v = self.qkv(x_BTD).chunk(3, -1)
        return x_BTD + F.scaled_dot_product_attention(q, k, v, is_causal=self.causal and x_BTD.shape[1] > 1)


class Gru(nn.GRU):
    def __init__(self, **settings):
        super().__init__(D, D, **{"batch_first": True} | settings)

    def forward(self, x_BTD):
        return super().forward(x_BTD)[0]


class Hidden(nn.Module):
    """Non-causal attention behind a gate that is closed at first."""

    def __init__(self):
        super().__init__()
        self.attention, self.gate = Attention(causal=False), nn.Parameter(torch.zeros(D))

    def forward(self, x_BTD):
        return x_BTD + self.gate * self.attention(x_BTD)


class Elementwise(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(D, D))

    def forward(self, x_BTD):
        return (x_BTD[..., None] * self.weight).sum(-2)


class Applied(nn.Module):
    """A function of what it is given."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def with_body(body):
    return functools.partial(Net, body=body)


def applying(function):
    return with_body(lambda: Applied(function))


def stating(flops, body=nn.Identity):
    """A module that states its FLOPs."""
    return type("Stating", (Net,), {"forward_flops": flops, "__init__": lambda self, v: Net.__init__(self, v, body)})


class Broadcast(nn.Module):
    """Logits by a product written out, elementwise and summed."""

    def __init__(self, vocab_size):
        super().__init__()
        self.embedding, self.head = nn.Embedding(vocab_size, D), nn.Parameter(torch.randn(vocab_size, D))

    def forward(self, x_BT):
        return (self.embedding(x_BT)[:, :, None] * self.head).sum(-1)


def test_a_module_without_a_matrix_product_costs_its_elementwise_work_and_that_of_its_loss():
    table = own_module(lambda v: nn.Embedding(v, v), T, V).forward_flops
    assert T * V <= table <= 5 * T * V
    assert HEAD <= own_module(Broadcast, T, V).forward_flops <= HEAD + table


@pytest.mark.parametrize(
    ("body", "flops", "parameters", "matrices"),
    [
        (Conv, 2 * T * 3 * D * D, 3 * D * D + D, []),
        (Attention, 2 * T * 3 * D * D + 4 * T * T * D, 3 * D * D + 3 * D, [(3 * D, D)]),
        (Gru, 2 * T * 3 * D * 2 * D, 6 * D * D + 6 * D, [(3 * D, D)] * 2),
        (lambda: nn.LSTM(D, D, batch_first=True), 2 * T * 4 * D * 2 * D, 8 * D * D + 8 * D, [(4 * D, D)] * 2),
    ],
)
def test_a_module_is_counted_as_by_hand(body, flops, parameters, matrices):
    class Bare(Net):
        def forward(self, x_BT):
            states = self.body(self.embedding(x_BT))
            return self.head(states[0] if isinstance(states, tuple) else states)

    config = own_module(functools.partial(Bare, body=body), T, V)
    assert (config.name, config.context_length, config.vocab_size) == ("Bare", T, V)
    assert config.forward_flops == HEAD + flops
    assert config.n_params == V * D + (D + 1) * V + parameters == n_params(build(config, V))
    assert hidden_shapes(config) == matrices == [tuple(p.shape) for p in build(config, V).hidden_matrices()]
    for n_out in (1, T):
        assert forward_parts(config, V, n_out, n_out) == {"module": HEAD + flops}


def test_a_factory_may_ask_for_the_context_length_and_carry_its_arguments():
    class Positions(Net):
        def __init__(self, vocab_size, context_length):
            super().__init__(vocab_size)
            self.positions = nn.Parameter(torch.zeros(context_length, D))

        def forward(self, x_BT):
            return self.head(self.embedding(x_BT) + self.positions[: x_BT.shape[1]])

    assert own_module(Positions, T, V).n_params == own_module(Net, T, V).n_params + T * D
    assert own_module(lambda v: Net(v, Conv), T, V).name == "Net"
    assert own_module(with_body(Conv), T, V).forward_flops == own_module(lambda v: Net(v, Conv), T, V).forward_flops
    with pytest.raises(ConfigError, match="called with the vocabulary size .*missing a required argument: 'width'; .*functools.partial"):
        own_module(lambda vocab_size, width: Net(vocab_size), T, V)
    with pytest.raises(ConfigError, match="too many positional arguments"):
        own_module(lambda: Net(V), T, V)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (Net(V), r"this Net is built already, .*would not follow the seed; pass what builds it, such as lambda vocab_size: Net\(\.\.\.\)"),
        (3, "3 builds no module; pass a class"),
        (lambda v: "text", "gave 'text'; it must give an nn.Module"),
        (functools.partial(lambda built, v: built, Net(V)), "gives the same weights at each call; build the whole module inside it"),
        (lambda v: seeded_by_numpy(v), "gives other weights from the same seed; draw them with torch's random numbers"),
        (lambda v: Net(v + 1), r"Net must map ids \(2, 16\) to logits \(2, 16, 11\); it gave \(2, 16, 12\)"),
        (lambda v: nn.Sequential(Net(v), Applied(lambda x: (x, 1))), r"logits \(2, 16, 11\); it gave tuple"),
        (lambda v: nn.Sequential(Net(v), Applied(lambda x: x.long())), r"to logits"),
        (lambda v: nn.Sequential(Net(v), Applied(torch.log)), "the first logits of Sequential are not finite"),
        (applying(lambda x: x + torch.ones(1, T, 1)), r"Net fails on ids \(2, .\); it must take ids \(B, T\) for any T .*: RuntimeError: "),
        (with_body(lambda: Gru(batch_first=False)), "the logits of Net for one window depend on the others of the batch; is the batch its"),
        (with_body(lambda: Stateful()), "Net gives other logits for the same tokens the second time"),
        (with_body(lambda: Attention(causal=False)), "Net is not causal: its logits at position 0 change with tokens from 1 on"),
        (with_body(Hidden), "Net is not causal: its logits at position 0 change with tokens from 1 on"),
        (applying(lambda x: F.pad(x, (0, 0, 0, 1))[:, 1:]), "Net is not causal: its logits at position 0 change"),
        (applying(lambda x: torch.cat([x[:, :9], x[:, 9:].flip(1)], 1)), "Net is not causal: its logits at position 9 change"),
        (with_body(lambda: Normed()), "Net is not causal in training: its logits at position 0 change"),
        (
            with_body(lambda: Applied(lambda x: torch.linalg.solve(torch.eye(D), x.mT).mT)),
            r"must state its FLOPs, by a method forward_flops\(context_length\): PyTorch counts 2,816, and what aten._linalg_solve_ex",
        ),
    ],
)
def test_what_cannot_be_trained_honestly_is_refused(factory, message):
    with pytest.raises(ConfigError, match=message):
        own_module(factory, T, V)


def seeded_by_numpy(vocab_size):
    module = Net(vocab_size)
    module.head.weight.data[0, 0] = np.random.default_rng().normal()
    return module


class Stateful(nn.Module):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return x * self.calls


class Normed(nn.BatchNorm1d):
    def __init__(self):
        super().__init__(D)

    def forward(self, x_BTD):
        return super().forward(x_BTD.mT).mT


@pytest.mark.parametrize(
    ("body", "raised"),
    [
        ("    forward = lambda self, x: x", "cannot be made: ZeroDivisionError: division by zero"),
        ("    forward = missing", "cannot be made: NameError: name 'missing' is not defined"),
    ],
)
def test_an_error_of_the_users_says_its_line(body, raised):
    cell = f"def made(vocab_size):\n    1 / {int('missing' in body)}\n    class Own(nn.Module):\n    {body}\n    return Own()"
    space = {"nn": nn, "__name__": "__main__"}
    exec(cell, space)
    line = "4, in Own" if "missing" in body else "2, in made"
    with pytest.raises(ConfigError) as caught:
        own_module(space["made"], T, V)
    assert str(caught.value) == f"made {raised} (line {line})"


def test_what_a_module_raises_is_the_cause():
    with pytest.raises(ConfigError, match=r"^Net fails on ids \(2, 16\); .*: ZeroDivisionError: division by zero$") as caught:
        own_module(applying(lambda x: 1 / 0), T, V)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(ConfigError, match=r"Net fails on ids \(2, 16\); .*RuntimeError"):
        own_module(applying(lambda x: x.view(2, 8, D)), T, V)
    with pytest.raises(ConfigError, match=r"LSTM cannot be made from a vocabulary size alone; wrap it as lambda .*hidden_size"):
        own_module(nn.LSTM, T, V)
    with pytest.raises(ConfigError, match="^<lambda> cannot be made: TypeError: .*NoneType"):
        own_module(lambda vocab_size: Net(None), T, V)
    with pytest.raises(ConfigError, match="^len cannot be made: TypeError: "):
        own_module(len, T, V)
    with pytest.raises(ConfigError, match="context_length must be at least 1"):
        own_module(Net, 0, V)


def test_rounding_is_no_sight_of_later_tokens():
    """A causal convolution by FFT changes every position in the last digits."""
    kernel = torch.exp(-torch.arange(T) / 3)

    def convolved(x_BTD):
        n = x_BTD.shape[1]
        return torch.fft.irfft(torch.fft.rfft(x_BTD, 2 * n, dim=1) * torch.fft.rfft(kernel[:n], 2 * n)[:, None], 2 * n, dim=1)[:, :n]

    assert own_module(applying(convolved), T, V).forward_flops > HEAD


def test_a_window_of_one_token_and_dropout_are_no_obstacle():
    assert own_module(Net, 1, V).forward_flops == HEAD // T
    assert own_module(with_body(lambda: nn.Dropout(0.5)), T, V).forward_flops == HEAD


@pytest.mark.parametrize("stated", [1.004 * HEAD, round(0.996 * HEAD), lambda self, context_length: context_length * 2 * D * V])
def test_a_stated_count_within_the_tolerance_is_taken(stated):
    expected = HEAD if callable(stated) else int(stated)
    assert own_module(stating(stated), T, V).forward_flops == expected


@pytest.mark.parametrize("stated", [1000, int(0.98 * HEAD), int(1.02 * HEAD), 10**9, 0, "many", lambda self, context_length: None])
def test_a_stated_count_that_differs_is_refused_with_both_numbers(stated):
    with pytest.raises(
        ConfigError, match=r"Stating states \S+ FLOPs for a window of 16 tokens, but PyTorch counts 2,816; correct forward_flops"
    ):
        own_module(stating(stated), T, V)


def test_work_beyond_products_may_be_stated_within_what_is_possible():
    by_hand = HEAD + 2 * T * D * D
    assert HEAD < own_module(with_body(Elementwise), T, V).forward_flops <= by_hand
    assert own_module(stating(by_hand, Elementwise), T, V).forward_flops == by_hand
    for false in (HEAD, 2 * by_hand):
        with pytest.raises(ConfigError, match=f"states {false:,} FLOPs .* but PyTorch counts 2,816, and elementwise work beyond the usual"):
            own_module(stating(false, Elementwise), T, V)


def test_a_cost_that_is_not_known_is_stated():
    def body():
        return Applied(lambda x: torch.linalg.solve(torch.eye(D), x.mT).mT)

    assert own_module(stating(2 * HEAD, body), T, V).forward_flops == 2 * HEAD
    with pytest.raises(ConfigError, match="what aten._linalg_solve_ex costs is not known, but at least"):
        own_module(stating(HEAD, body), T, V)


def test_the_head_is_the_last_matrix_also_where_widths_equal_the_vocabulary():
    class Wide(nn.Module):
        def __init__(self, vocab_size):
            super().__init__()
            self.head, self.embedding = nn.Linear(vocab_size, vocab_size), nn.Embedding(vocab_size, vocab_size)
            self.inner = nn.Linear(vocab_size, vocab_size)

        def forward(self, x):
            return self.head(F.relu(self.inner(self.embedding(x))))

    model = build(own_module(Wide, T, V), V)
    assert [id(p) for p in model.hidden_matrices()] == [id(model.module.inner.weight)]


def test_trying_a_module_draws_no_random_numbers_of_the_caller():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    own_module(Net, T, V)
    assert torch.equal(torch.rand(3), expected)


def test_the_same_code_is_the_same_run_and_another_is_another():
    def key(config):
        return RunSpec(corpus="markov", model=config, train=TrainConfig(steps=1)).key

    assert own_module(Net, T, V) == own_module(Net, T, V)
    configs = [own_module(factory, T, V) for factory in (Net, with_body(Conv), with_body(Gru), applying(torch.relu), applying(torch.tanh))]
    configs.append(own_module(Net, T + 1, V))
    assert len({key(config) for config in configs}) == len(configs)
    assert configs[-1].code == configs[0].code == code_hash(Net)
    assert configs[0].is_local and not TRANSFORMER.is_local


def test_a_module_of_another_process_cannot_be_built_until_it_is_defined(monkeypatch):
    config = own_module(Net, T, V)
    monkeypatch.setattr(own_modules, "_KEPT", {})
    again = spec_from_dict(to_dict(RunSpec(corpus="markov", model=config, train=TrainConfig(steps=1)))).model
    assert again == config
    with pytest.raises(ConfigError, match=f"the code of Net .{config.code}. is not in this Python process; define it again as it was"):
        build(again, V)
    own_module(Net, T, V)
    assert n_params(build(again, V)) == config.n_params
    with pytest.raises(ConfigError, match="is not in this Python process"):
        build(dataclasses.replace(config, forward_flops=1000), V)
    with pytest.raises(ConfigError, match="Net was counted for 11 tokens, the corpus has 12; pass own_module 12"):
        build(config, 12)


def test_code_that_changed_since_it_was_counted_is_not_built():
    space = {"__name__": "__main__", "Net": Net, "width": 1}
    exec("def factory(vocab_size):\n    assert width\n    return Net(vocab_size)\n", space)
    config = own_module(space["factory"], T, V)
    build(config, V)
    space["width"] = 2
    with pytest.raises(ConfigError, match="factory, or a value or function that it uses, has changed since it was counted"):
        build(config, V)


def planned(body=Attention, seed=0, **train):
    settings = {"eval_tokens": 50, "loss_at": "all", "batch_size": 4, "lr": 3e-3, "windows_per_epoch": 40, "eval_stride": 4} | train
    return RunSpec(corpus="markov", model=own_module(with_body(body), T, V), train=TrainConfig(**settings), seed=seed)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"loss_at": "last"},
        {"optimizer": "muon", "adam_lr": 1e-3},
        {"precision": "bf16", "average": "ema", "optimizer": "adamw", "clip": 1.0},
    ],
)
def test_it_trains_as_any_model_within_the_budget(corpus, tmp_path, settings):
    spec = planned(flops=3 * 10**7, **settings)
    record = loop.train(spec, corpus, hooks=Hooks(weights=tmp_path / "weights"))
    step = run_cost(dataclasses.replace(spec, train=dataclasses.replace(spec.train, flops=0, steps=1)), corpus.info).flops
    assert 3 * 10**7 - step < record.flops <= 3 * 10**7
    assert record.flops_textbook == record.flops
    assert record.steps > 10 and record.status == "done"
    assert window_flops(spec, V) == (3 * spec.model.forward_flops,) * 2
    assert record.test.nll < np.log(V) + 0.1
    assert ledger.from_json(ledger.to_json(record)) == ledger.read(ledger.write(record, tmp_path / "ledger"))
    assert ledger.read(ledger.write(record, tmp_path / "ledger")).spec == spec


def test_it_learns_what_follows_what(corpus):
    assert loop.train(planned(Conv, steps=400, lr=1e-2), corpus).test.nll < 1.2


def test_the_seed_reaches_the_initial_weights(corpus):
    runs = [loop.train(planned(steps=3, seed=seed), corpus) for seed in (0, 0, 1)]
    assert runs[0].curve == runs[1].curve and runs[0].test == runs[1].test
    assert runs[0].curve != runs[2].curve


def test_kept_weights_are_opened_in_the_same_process(corpus, tmp_path):
    spec, path = planned(steps=3), tmp_path / "mine.safetensors"
    record = loop.train(spec, corpus, hooks=Hooks(weights=path))
    opened = weights.open_file(path, {})
    assert opened.spec == spec
    ids = torch.from_numpy(corpus.test.astype(np.int32))
    assert adaptive.static(opened.network, ids, spec).nll_N.mean() == pytest.approx(record.test.nll, rel=1e-6)
    with pytest.raises(ConfigError, match="Net gives logits only: what needs hidden states"):
        adaptive.states(opened.network, ids, spec)
    assert copy.deepcopy(opened.network).vocab_size == V


def test_muon_without_a_hidden_matrix_is_refused(corpus):
    with pytest.raises(ConfigError, match="module has no hidden matrices for muon; set optimizer='adamw'"):
        loop.train(planned(Conv, steps=3, optimizer="muon"), corpus)
