import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from specs import LINEAR, MLP, SIZES, TRANSFORMER, VOCAB_SIZE, counted, feedforward_configs, spec, transformer_configs
from torch.utils.flop_counter import FlopCounterMode

from tinylm import flops
from tinylm.config import ConfigError, ModelConfig, NgramConfig, TeacherConfig
from tinylm.data import CorpusInfo
from tinylm.flops import cost_after, n_params, optimizer_flops, run_cost, window_flops, windows_at, windows_per_epoch
from tinylm.models.networks import build
from tinylm.models.networks import n_params as built_params
from tinylm.training.optimizers import make_optimizer

INFO = CorpusInfo(name="markov", level="character", vocab_size=VOCAB_SIZE, n_tokens=SIZES, sha256="")
losses = st.sampled_from(["last", "all"])


@given(config=transformer_configs(), loss_at=losses, n_windows=st.integers(1, 3))
def test_a_transformer_costs_what_pytorch_counts(config, loss_at, n_windows):
    without = dataclasses.replace(config, convolution=0)  # which PyTorch does not count in our own kernel
    without = without if loss_at == "all" else dataclasses.replace(without, n_future=1)
    executed, textbook = window_flops(spec(without, loss_at=loss_at), VOCAB_SIZE)
    n_scored = config.context_length if loss_at == "all" else 1
    assert counted(without, n_windows, n_scored, n_scored) == n_windows * executed
    if config.pointer:
        assert textbook == executed, "a pointer needs the states of all positions"
    else:
        assert counted(without, n_windows, config.context_length, n_scored) == n_windows * textbook


@given(config=transformer_configs() | feedforward_configs(), n_targets=st.integers(1, 6))
def test_fewer_targets_cost_what_pytorch_counts(config, n_targets):
    config = dataclasses.replace(config, convolution=0) if hasattr(config, "convolution") else config
    if getattr(config, "n_future", 1) <= n_targets < config.context_length and config.predicts_every_position:
        executed, _ = window_flops(spec(config, loss_at="all", n_targets=n_targets), VOCAB_SIZE)
        assert counted(config, 1, n_targets, n_targets) == executed


@given(config=feedforward_configs(), n_windows=st.integers(1, 3))
def test_linear_and_mlp_cost_what_pytorch_counts(config, n_windows):
    executed, textbook = window_flops(spec(config), VOCAB_SIZE)
    assert counted(config, n_windows, 1, 1) == n_windows * executed
    if config.predicts_every_position:
        executed, textbook = window_flops(spec(config, loss_at="all"), VOCAB_SIZE)
        assert counted(config, n_windows, config.context_length, config.context_length) == n_windows * executed
    assert textbook == executed


@given(config=transformer_configs() | feedforward_configs())
def test_parameters_are_those_of_the_built_model(config):
    assert n_params(config, VOCAB_SIZE) == built_params(build(config, VOCAB_SIZE))


def test_backward_costs_twice_the_forward():
    parts = flops.forward_parts(MLP, VOCAB_SIZE, 1, 1)
    assert parts == {"embedding": 0, "induction": 0, "ffn": 2 * (24 * 10 + 2 * 10 * 10), "head": 2 * 10 * 11}
    assert window_flops(spec(MLP), VOCAB_SIZE)[0] == 3 * sum(parts.values())


@given(config=transformer_configs())
def test_muons_products_cost_what_pytorch_counts(config):
    planned = spec(config, optimizer="muon", batch_size=5, loss_at="all")
    model = build(config, VOCAB_SIZE)
    optimizer = make_optimizer(model, planned.train)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    with FlopCounterMode(display=False) as counter:
        optimizer.step()
    assert counter.get_total_flops() == optimizer_flops(planned)
    assert optimizer_flops(spec(config, loss_at="all")) == 0


def test_an_optimizers_products_are_part_of_every_step():
    plain, muon = (run_cost(spec(TRANSFORMER, epochs=2, optimizer=name), INFO) for name in ("adamw", "muon"))
    extra = 16 * optimizer_flops(spec(TRANSFORMER, optimizer="muon"))
    assert extra > 0 and (muon.steps, muon.windows) == (plain.steps, plain.windows) == (16, 60)
    assert (muon.flops - plain.flops, muon.flops_textbook - plain.flops_textbook) == (extra, extra)
    assert (muon.flops_2nd, muon.flops_6nd) == (plain.flops_2nd, plain.flops_6nd)
    assert cost_after(spec(TRANSFORMER, epochs=2, optimizer="muon"), INFO, 16) == muon


def test_muon_needs_a_hidden_matrix():
    with pytest.raises(ConfigError, match="linear has no hidden matrices for muon; set optimizer='adamw'"):
        run_cost(spec(LINEAR, optimizer="muon"), INFO)


@given(
    budget=st.integers(1, 10**8),
    config=transformer_configs() | feedforward_configs(),
    batch=st.integers(1, 40),
    loss_at=losses,
    optimizer=st.sampled_from(["adam", "muon"]),
)
def test_a_budget_is_never_exceeded_nor_half_used(budget, config, batch, loss_at, optimizer):
    optimizer = "adam" if config.kind == "linear" else optimizer
    loss_at = "all" if getattr(config, "n_future", 1) > 1 else loss_at if config.predicts_every_position else "last"
    planned = spec(config, flops=budget, batch_size=batch, loss_at=loss_at, optimizer=optimizer)
    full_step = window_flops(planned, VOCAB_SIZE)[0] * batch + optimizer_flops(planned)
    if full_step > budget:
        with pytest.raises(ConfigError, match="too small for one step .* raise it or lower batch_size"):
            run_cost(planned, INFO)
        return
    cost = run_cost(planned, INFO)
    assert cost.steps == budget // full_step
    assert 0 < cost.flops <= budget
    if 30 % batch == 0:  # no smaller batch at the end of an epoch
        assert budget - cost.flops < full_step


@given(per_epoch=st.integers(1, 200), batch=st.integers(1, 70), steps=st.integers(0, 40))
def test_windows_are_counted_batch_by_batch(per_epoch, batch, steps):
    sizes = [min(batch, per_epoch - start) for start in range(0, per_epoch, batch)]
    assert windows_at(steps, per_epoch, batch) == sum(sizes[step % len(sizes)] for step in range(steps))


def test_an_epoch_of_the_study_ends_with_a_batch_of_16():
    assert [windows_at(step, 50_000, 64) for step in (781, 782, 783)] == [49_984, 50_000, 50_064]


def test_a_model_that_its_corpus_cannot_have_has_no_cost():
    with pytest.raises(ConfigError, match=f"needs d_model={VOCAB_SIZE}, the size of the vocabulary; got 6"):
        run_cost(spec(dataclasses.replace(LINEAR, embedding_init="identity")), INFO)


def test_a_runs_cost_in_every_convention():
    cost = run_cost(spec(TRANSFORMER, epochs=2, loss_at="all"), INFO)
    assert (cost.steps, cost.windows, cost.tokens_seen) == (16, 60, 60 * 8)
    assert cost.flops == cost.flops_textbook == 60 * window_flops(spec(TRANSFORMER, loss_at="all"), VOCAB_SIZE)[0]
    assert (cost.flops_2nd, cost.flops_6nd) == tuple(k * n_params(TRANSFORMER, VOCAB_SIZE) * 60 * 8 for k in (2, 6))
    last = run_cost(spec(TRANSFORMER, epochs=2), INFO)
    assert last.tokens_seen == 60
    assert last.flops < last.flops_textbook < cost.flops


def test_counting_costs_no_flops():
    cost = run_cost(spec(NgramConfig(order=3), train_tokens=100), INFO)
    assert cost.tokens_seen == 100
    assert {value for name, value in dataclasses.asdict(cost).items() if name != "tokens_seen"} == {0}
    assert n_params(NgramConfig(), VOCAB_SIZE) == 0


@pytest.mark.parametrize("teacher", [{"number": 3}, {"generations": 2}, {"model": dataclasses.replace(TRANSFORMER, n_layer=5)}])
@pytest.mark.parametrize("loss_at", ["last", "all"])
def test_teachers_and_their_passes_are_part_of_a_budget(teacher, loss_at):
    teaching = TeacherConfig(**{"model": TRANSFORMER, "share": 0.4} | teacher)
    planned = dataclasses.replace(spec(TRANSFORMER, flops=10**8, loss_at=loss_at), teacher=teaching)
    cost, teachers = run_cost(planned, INFO), [run_cost(one, INFO) for one in planned.teachers]
    own = cost_after(dataclasses.replace(planned, teacher=None), INFO, cost.steps)
    n_scored = planned.n_targets
    for field, n_out in (("flops", n_scored), ("flops_textbook", 8)):
        passes = sum(flops.forward_parts(teaching.model, VOCAB_SIZE, n_out, n_scored).values()) * teaching.number * cost.windows
        before = sum(getattr(one, field) for one in teachers)
        assert getattr(cost, field) == getattr(own, field) + passes + before
    read = 2 * teaching.number * n_params(teaching.model, VOCAB_SIZE) * cost.windows * 8
    for field in ("flops_2nd", "flops_6nd"):
        assert getattr(cost, field) == getattr(own, field) + read + sum(getattr(one, field) for one in teachers)
    assert 0.9 * 10**8 < cost.flops <= 10**8 and sum(one.flops for one in teachers) <= 0.4 * 10**8
    assert (cost.steps, cost.windows) == (own.steps, own.windows) and cost == cost_after(planned, INFO, cost.steps)


def test_counts_teach_for_nothing():
    planned = spec(TRANSFORMER, flops=10**8, loss_at="all")
    assert run_cost(dataclasses.replace(planned, teacher=TeacherConfig(model=NgramConfig())), INFO) == run_cost(planned, INFO)


def test_scoring_costs_a_window_for_each_stride_begun():
    scored = spec(TRANSFORMER, eval_stride=4, eval_tokens=10, n_evals=3)
    window = sum(flops.forward_parts(TRANSFORMER, VOCAB_SIZE, 4, 4).values())
    assert flops.scoring_flops(scored, INFO) == (3 + 1) * 3 * window


@pytest.mark.parametrize("sampling", ["random", "shuffled"])
@pytest.mark.parametrize(("asked", "tokens", "windows"), [(0, 0, 3992), (30, 0, 30), (30, 20, 30), (0, 20, 12), (0, 9, 1)])
def test_windows_per_epoch(sampling, asked, tokens, windows):
    planned = spec(windows_per_epoch=asked, train_tokens=tokens, sampling=sampling)
    # Windows that are visited once each cannot be more than there are.
    assert windows_per_epoch(planned, 4000) == (min(windows, 12) if sampling == "shuffled" and tokens == 20 else windows)


@pytest.mark.parametrize(("tokens", "n_train"), [(8, 4000), (0, 8), (0, 0)])
def test_a_text_without_a_window_is_an_error(tokens, n_train):
    with pytest.raises(
        ConfigError, match=r"context_length=8 is too long: markov has \d+ training tokens; (give context_length=7 or less, or )?take a"
    ):
        windows_per_epoch(spec(train_tokens=tokens), n_train)


def test_an_unregistered_kind_is_an_error():
    for count in (lambda: flops.forward_parts(ModelConfig(), 2, 1, 1), lambda: n_params(ModelConfig(), 2), lambda: build(ModelConfig(), 2)):
        with pytest.raises(ConfigError, match="ModelConfig has no .* register one with tinylm"):
            count()
