import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from modules import Bigram, Later
from specs import LINEAR, LSTM, MLP, TRANSFORMER, VOCAB_SIZE, spec
from torch import nn

from tinylm import flops
from tinylm.config import ConfigError, ModelConfig, TransformerConfig
from tinylm.models import networks
from tinylm.models.networks import own_module
from tinylm.training import declared_counts, loop
from tinylm.training.declared_counts import check_counts
from tinylm.training.loop import Hooks

WIDTH = 6


@dataclass(frozen=True, kw_only=True)
class DeclaredConfig(ModelConfig):
    """An architecture of two layers whose counts are what its fields make of the true ones."""

    kind: ClassVar[str] = "declared"
    context_length: int = 8
    flops_times: float = 1.0
    n_params: int = (2 * WIDTH + 1) * VOCAB_SIZE + (WIDTH + 1) * WIDTH
    matrices: int = 1


class Declared(networks.LanguageModel):
    def __init__(self, config, vocab_size):
        super().__init__()
        self.embedding, self.layer = nn.Embedding(vocab_size, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.head = nn.Sequential(nn.Tanh(), nn.Linear(WIDTH, vocab_size))

    def hidden(self, x_BT, n_out):
        return self.layer(self.embedding(x_BT))[:, -n_out:]


networks.build.register(DeclaredConfig, Declared)


@flops.forward_parts.register
def _(config: DeclaredConfig, vocab_size: int, n_out: int, n_scored: int) -> flops.Parts:
    return {"all": round(config.flops_times * (2 * WIDTH * WIDTH * config.context_length + 2 * WIDTH * vocab_size * n_scored))}


@flops.n_params.register
def _(config: DeclaredConfig, vocab_size: int) -> int:
    return config.n_params


@flops.hidden_shapes.register
def _(config: DeclaredConfig) -> list[tuple[int, int]]:
    return [(WIDTH, WIDTH)] * config.matrices


@pytest.mark.parametrize("loss_at", ["last", "all"])
@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_true_counts_train(corpus, loss_at, optimizer):
    assert loop.train(spec(DeclaredConfig(), loss_at=loss_at, optimizer=optimizer), corpus).status == "done"


@pytest.mark.parametrize("loss_at", ["last", "all"])
@pytest.mark.parametrize("factor", [0.1, 0.98, 1.02, 30.0])
def test_a_false_flop_count_is_refused_with_both_numbers_before_any_work(corpus, loss_at, factor):
    n = 8 if loss_at == "all" else 1
    counted = 2 * WIDTH * WIDTH * 8 + 2 * WIDTH * VOCAB_SIZE * n
    said = round(factor * counted)
    hooks = Hooks(progress=lambda now: pytest.fail("it trained"))
    with pytest.raises(ConfigError, match=f"forward_parts of declared says {said:,} FLOPs .* but PyTorch counts {counted:,}; correct it"):
        loop.train(spec(DeclaredConfig(flops_times=factor), loss_at=loss_at), corpus, hooks=hooks)


def test_a_count_within_the_tolerance_is_let_pass(corpus):
    check_counts(spec(DeclaredConfig(flops_times=1.009)), VOCAB_SIZE)


@pytest.mark.parametrize("more", [-1, 1, 1000])
def test_a_false_number_of_parameters_is_refused(corpus, more):
    false = DeclaredConfig.n_params + more
    message = f"n_params of declared says {false:,} parameters, the built model has {false - more:,}; correct n_params"
    with pytest.raises(ConfigError, match=message):
        loop.train(spec(DeclaredConfig(n_params=false)), corpus)


def test_muons_matrices_are_compared_where_muon_trains(corpus):
    two = DeclaredConfig(matrices=2)
    check_counts(spec(two), VOCAB_SIZE)
    message = r"hidden_shapes of declared says \[\(6, 6\), \(6, 6\)\], the built model has \[\(6, 6\)\]; correct hidden_shapes"
    with pytest.raises(ConfigError, match=message):
        loop.train(spec(two, optimizer="muon"), corpus)


def test_a_subclass_of_a_librarys_config_is_looked_at_too():
    @dataclass(frozen=True, kw_only=True)
    class Cheap(TransformerConfig):
        kind: ClassVar[str] = "cheap"

    flops.forward_parts.register(Cheap, lambda config, vocab_size, n_out, n_scored: {"all": 1000})
    with pytest.raises(ConfigError, match="forward_parts of cheap says 1,000 FLOPs"):
        check_counts(spec(Cheap(**dataclasses.asdict(TRANSFORMER))), VOCAB_SIZE)


@pytest.mark.parametrize("config", [LINEAR, MLP, TRANSFORMER, LSTM], ids=lambda config: config.kind)
def test_the_librarys_own_models_are_not_slowed(config, monkeypatch):
    monkeypatch.setattr(declared_counts, "build", lambda *_: pytest.fail("it was built"))
    check_counts(spec(config), VOCAB_SIZE)


def test_looking_changes_no_random_numbers():
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    check_counts(spec(DeclaredConfig()), VOCAB_SIZE)
    assert torch.equal(torch.rand(2), expected)


def test_a_module_that_costs_more_after_many_calls_leaves_no_record(corpus, tmp_path):
    made, path = own_module(Later, 8, VOCAB_SIZE), tmp_path / "weights"
    assert loop.train(spec(made, loss_at="all", steps=300), corpus).status == "done"
    with pytest.raises(ConfigError, match="^Later cost ([0-9,]+) FLOPs for a window before its training, but PyTorch counts .* after it"):
        loop.train(spec(made, loss_at="all", steps=650), corpus, hooks=Hooks(weights=path))
    assert not path.exists()


def test_looking_again_leaves_the_run_as_it_is(corpus, monkeypatch):
    made = spec(own_module(Bigram, 8, VOCAB_SIZE), loss_at="all", steps=5)
    looked = loop.train(made, corpus)
    monkeypatch.setattr(loop, "check_unchanged", lambda *_: None)
    assert loop.train(made, corpus).test == looked.test
