import copy
import dataclasses

import pytest
import torch
from specs import LINEAR, MLP, TRANSFORMER, VOCAB_SIZE, spec

from tinylm.config import TrainConfig
from tinylm.flops import hidden_shapes
from tinylm.models.networks import build
from tinylm.training.optimizers import make_optimizer
from tinylm.training.step import Update


@pytest.mark.parametrize("model", [LINEAR, TRANSFORMER])
def test_adamw_decays_matrices_and_embeddings_only(model):
    built = build(model, VOCAB_SIZE)
    optimizer = make_optimizer(built, TrainConfig(steps=1, optimizer="adamw", weight_decay=0.3))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert len(decay) == len(list(built.parameters()))
    for name, parameter in built.named_parameters():
        is_matrix = name.endswith("weight") and "norm" not in name
        assert decay[id(parameter)] == (0.3 if is_matrix else 0.0), name


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_settings_reach_the_optimizer(name):
    train = TrainConfig(steps=1, optimizer=name, lr=0.01, beta1=0.8, beta2=0.95)
    optimizer = make_optimizer(build(LINEAR, VOCAB_SIZE), train)
    for group in optimizer.param_groups:
        assert (group["lr"], group["betas"]) == (0.01, (0.8, 0.95))
    if name == "adam":
        assert optimizer.param_groups[0]["weight_decay"] == 0


def test_one_update_of_adamw_by_hand():
    model = build(LINEAR, VOCAB_SIZE)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = make_optimizer(model, TrainConfig(steps=1, optimizer="adamw", lr=0.1, weight_decay=0.5))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    torch.testing.assert_close(model.head.weight.detach(), before["head.weight"] * (1 - 0.1 * 0.5) - 0.1)
    torch.testing.assert_close(model.head.bias.detach(), before["head.bias"] - 0.1)


PLAIN = dataclasses.replace(TRANSFORMER, attention_dropout=0.0, ffn_dropout=0.0)
MUON = TrainConfig(steps=9, optimizer="muon", lr=0.02, adam_lr=0.003, weight_decay=0.3, beta2=0.95)


def updated(model, step, num_steps=3):
    """The model after updates with the same made-up gradients."""
    for seed in range(num_steps):
        generator = torch.Generator().manual_seed(seed)
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        step()
    return model


def twins(config=PLAIN):
    torch.manual_seed(0)
    first = build(config, VOCAB_SIZE)
    return first, copy.deepcopy(first)


@pytest.mark.parametrize("ffn", ["relu2", "swiglu", "none"])
def test_muon_is_pytorchs_muon_beside_pytorchs_adamw(ffn):
    model, reference = twins(dataclasses.replace(PLAIN, ffn=ffn, tied=True))
    ours = make_optimizer(model, MUON)
    is_hidden = {name: name.startswith("blocks.") and p.ndim == 2 for name, p in reference.named_parameters()}
    named = dict(reference.named_parameters())
    muon = torch.optim.Muon([named[n] for n in named if is_hidden[n]], lr=0.02, weight_decay=0.3, adjust_lr_fn="match_rms_adamw")
    others = [{"params": [named[n]], "weight_decay": 0.3 if named[n].ndim == 2 else 0.0} for n in named if not is_hidden[n]]
    adam = torch.optim.AdamW(others, lr=0.003, betas=(0.9, 0.95))
    updated(model, ours.step)
    updated(reference, lambda: (muon.step(), adam.step()))
    for name, parameter in model.named_parameters():
        atol = 1e-4 if is_hidden[name] else 1e-6  # moved by about 4e-3, in products that are rounded to bf16
        torch.testing.assert_close(parameter, named[name], rtol=1e-5, atol=atol)


def test_muons_matrices_are_the_ones_whose_products_are_counted():
    for config in (PLAIN, MLP, dataclasses.replace(PLAIN, ffn="swiglu", n_kv_head=1, tied=True), dataclasses.replace(PLAIN, ffn="none")):
        built = [tuple(p.shape) for p in build(config, VOCAB_SIZE).hidden_matrices()]
        assert sorted(built) == sorted(hidden_shapes(config))
    assert build(LINEAR, VOCAB_SIZE).hidden_matrices() == []


def test_a_muon_update_is_nearly_orthogonal_and_as_large_as_adamws():
    model, _ = twins()
    before = copy.deepcopy(model)
    updated(model, make_optimizer(model, dataclasses.replace(MUON, weight_decay=0.0)).step, 1)
    for old, new in zip(before.hidden_matrices(), model.hidden_matrices(), strict=True):
        step = (new - old).detach() / 0.02
        values = torch.linalg.svdvals(step) / (0.2 * max(step.shape) ** 0.5)
        assert (values > 0.6).float().mean() > 0.9  # five iterations leave the smallest behind
        assert values.max() < 1.3
        assert 0.1 < step.square().mean().sqrt() < 0.3


def test_muon_says_the_same_again():
    models = [twins()[0] for _ in range(2)]
    for model in models:
        updated(model, make_optimizer(model, MUON).step)
    assert all(torch.equal(a, b) for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True))


def test_a_schedule_scales_the_rates_of_both_kinds_of_parameters(corpus):
    tokens = torch.from_numpy(corpus.train.astype("int32"))
    update = Update(spec(PLAIN, optimizer="muon", lr=0.02, adam_lr=0.003, warmup=0.5), build(PLAIN, VOCAB_SIZE), tokens, 8)
    for step, factor in ((0, 0.25), (1, 0.5), (5, 1.0)):
        update.set_rate(step)
        assert [group["lr"] for group in update.optimizer.param_groups] == pytest.approx([0.02 * factor, 0.003 * factor, 0.003 * factor])


def test_a_decay_that_falls_does_so_where_parameters_decay(corpus):
    tokens = torch.from_numpy(corpus.train.astype("int32"))
    planned = spec(PLAIN, optimizer="muon", weight_decay=0.4, weight_decay_schedule="linear")
    update = Update(planned, build(PLAIN, VOCAB_SIZE), tokens, 8)
    for step, decay in ((0, 0.4), (6, 0.1)):
        update.set_rate(step)
        assert [group["weight_decay"] for group in update.optimizer.param_groups] == pytest.approx([decay, decay, 0.0])


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_decay_on_the_device_makes_the_same_update(name):
    first, second = twins()
    optimizers = [make_optimizer(model, TrainConfig(steps=9, optimizer=name, lr=0.1, weight_decay=0.5)) for model in (first, second)]
    for group in optimizers[1].param_groups:
        group["weight_decay"] = torch.tensor(group["weight_decay"])
    for model, optimizer in zip((first, second), optimizers, strict=True):
        updated(model, optimizer.step)
    for ours, theirs in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_without_a_rate_of_its_own_adamw_takes_muons():
    optimizer = make_optimizer(build(PLAIN, VOCAB_SIZE), TrainConfig(steps=1, optimizer="muon", lr=0.5))
    assert {group["lr"] for group in optimizer.param_groups} == {0.5}


@pytest.mark.parametrize("name", ["adam", "adamw", "muon"])
def test_a_restored_optimizer_makes_the_same_update(name):
    first, second = twins(TRANSFORMER)
    optimizers = [make_optimizer(model, TrainConfig(steps=9, optimizer=name)) for model in (first, second)]
    updated(first, optimizers[0].step)
    second.load_state_dict(first.state_dict())
    optimizers[1].restore({name: tensor.clone() for name, tensor in optimizers[0].tensors().items()})
    for model, optimizer in zip((first, second), optimizers, strict=True):
        updated(model, optimizer.step)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_a_state_of_another_model_is_refused():
    state = make_optimizer(build(LINEAR, VOCAB_SIZE), TrainConfig(steps=9))
    with pytest.raises(KeyError):
        state.restore({"99.exp_avg": torch.zeros(1)})


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_updates_are_those_of_pytorchs_class_to_the_bit(name):
    model, reference = twins(LINEAR)
    ours = make_optimizer(model, TrainConfig(steps=9, optimizer=name, lr=0.01, beta2=0.95))
    theirs = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name](
        [{"params": [p for p in reference.parameters() if p.ndim >= 2]}, {"params": [p for p in reference.parameters() if p.ndim < 2]}],
        lr=0.01,
        betas=(0.9, 0.95),
        weight_decay=0.0,
        fused=True,
    )
    updated(model, ours.step)
    updated(reference, theirs.step)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), reference.parameters(), strict=True))
