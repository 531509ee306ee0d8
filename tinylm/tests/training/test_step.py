import dataclasses

import pytest
import torch
import torch.nn.functional as F
from specs import LINEAR, LSTM, MLP, MOGRIFIED, TRANSFORMER, VOCAB_SIZE, spec
from torch import nn

from tinylm.config import ConfigError, TransformerConfig
from tinylm.models.networks import build, own_module
from tinylm.training import cpu, loop
from tinylm.training.step import CapturedUpdate, Update, make_update

NO_DROPOUT = {"attention_dropout": 0.0, "ffn_dropout": 0.0}
PLAIN = dataclasses.replace(TRANSFORMER, **NO_DROPOUT)
DENSE = {"loss_at": "all", "optimizer": "adamw", "weight_decay": 0.1, "schedule": "cosine", "warmup": 0.2, "clip": 0.5}
MOVING = dataclasses.replace(MLP, context_length=8, window=4, dropout=0.0)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def updated(planned, corpus, num_steps=10, device="cpu", make=make_update):
    """The losses of so many steps, and the model after them."""
    torch.manual_seed(0)
    model = build(planned.model, VOCAB_SIZE).to(device).train()
    tokens = torch.from_numpy(corpus.train.astype("int32")).to(device)
    update = make(planned, model, tokens, num_steps)
    starts = torch.randint(len(tokens) - 20, (num_steps, planned.train.batch_size), generator=torch.Generator().manual_seed(1))
    sizes = [planned.train.batch_size - step % 3 // 2 for step in range(num_steps)]  # now and then a smaller batch
    losses = [update(row[:size].to(device), step) for step, (row, size) in enumerate(zip(starts, sizes, strict=True))]
    return torch.stack(losses).cpu(), model.cpu()


def assert_same_weights(first, second, **tolerance):
    for name, tensor in first.state_dict().items():
        torch.testing.assert_close(tensor, second.state_dict()[name], **tolerance)


def test_a_step_is_plain_pytorchs_step(corpus):
    planned = spec(PLAIN, lr=1e-2)
    losses, model = updated(planned, corpus, 1)
    torch.manual_seed(0)
    reference = build(PLAIN, VOCAB_SIZE).train()
    starts = torch.randint(len(corpus.train) - 20, (1, 4), generator=torch.Generator().manual_seed(1))[0]
    window = torch.stack([torch.from_numpy(corpus.train[s : s + 9].astype("int64")) for s in starts.tolist()])
    loss = F.cross_entropy(reference(window[:, :-1], 1)[:, -1], window[:, -1])
    optimizer = torch.optim.Adam(reference.parameters(), lr=1e-2)
    loss.backward()
    optimizer.step()
    assert losses[0].item() == pytest.approx(loss.item(), rel=1e-6)
    assert_same_weights(model, reference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("config", [PLAIN, LSTM, MOGRIFIED, MOVING], ids=lambda c: c.kind)
def test_the_loss_may_be_taken_at_the_last_positions_only(corpus, config):
    planned = spec(config, loss_at="all", n_targets=3)
    losses, _ = updated(planned, corpus, 1)
    torch.manual_seed(0)
    reference = build(config, VOCAB_SIZE).train()
    starts = torch.randint(len(corpus.train) - 20, (1, 4), generator=torch.Generator().manual_seed(1))[0]
    window = torch.stack([torch.from_numpy(corpus.train[s : s + 9].astype("int64")) for s in starts.tolist()])
    loss = F.cross_entropy(reference(window[:, :-1], 8)[:, -3:].flatten(0, 1), window[:, -3:].flatten())
    assert losses[0].item() == pytest.approx(loss.item(), rel=1e-6)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_says_the_loss_of_the_next_token_and_learns_the_further_ones_too(corpus, precision):
    planned = spec(dataclasses.replace(PLAIN, n_future=2), loss_at="all", precision=precision)
    losses, model = updated(planned, corpus, 1)
    alone, _ = updated(spec(PLAIN, loss_at="all", precision=precision), corpus, 1)
    assert losses[0] < 1.1 * alone[0]
    torch.manual_seed(0)
    before = build(planned.model, VOCAB_SIZE).further[0].state_dict()
    assert all(not torch.equal(tensor, before[name]) for name, tensor in model.further[0].state_dict().items() if name.endswith("weight"))


def test_noise_replaces_a_share_of_what_is_read_by_tokens_of_the_training_text_and_no_target(corpus):
    planned = spec(PLAIN, loss_at="all", token_noise=0.3, train_tokens=500)
    model, seen = build(PLAIN, VOCAB_SIZE).train(), []
    text = torch.from_numpy(corpus.train.astype("int64"))
    text[:500] %= 5  # of which every noisy token is one
    update = make_update(planned, model, text, 1)
    losses = update.computing.model.losses
    update.computing.model.losses = lambda x_BT, y_BN: seen.append((x_BT, y_BN)) or losses(x_BT, y_BN)
    starts = torch.arange(500, len(text) - 20, 7)
    update(starts, 0)
    (x_BT, y_BN), clean = seen[0], text[starts[:, None] + torch.arange(9)]
    replaced = x_BT != clean[:, :-1]
    assert torch.equal(y_BN, clean[:, 1:]) and x_BT[replaced].max() < 5
    assert 0.3 * (clean[:, :-1] >= 5).double().mean() - 0.05 < replaced.double().mean() < 0.33


# Without biases: a key's bias has no gradient but rounding's, which Adam makes as large as any other.
@pytest.mark.parametrize(
    "config", [dataclasses.replace(PLAIN, bias=False), LINEAR, LSTM, MOGRIFIED, dataclasses.replace(MLP, dropout=0.0)], ids=lambda c: c.kind
)
@pytest.mark.parametrize("micro_batch", [1, 2, 3])
def test_a_batch_in_parts_is_the_same_batch(corpus, config, micro_batch):
    whole, parts = (updated(spec(config, micro_batch=size, clip=0.5), corpus) for size in (0, micro_batch))
    torch.testing.assert_close(parts[0], whole[0])
    assert_same_weights(parts[1], whole[1], rtol=1e-3, atol=1e-5)


def test_parts_of_a_bf16_batch_add_up_in_fp32(corpus, monkeypatch):
    kept = []
    monkeypatch.setattr(Update, "set_rate", lambda self, step: kept.append(self.parameters))
    gradients = {}
    for name, settings in {"exact": {}, "whole": {"precision": "bf16"}, "parts": {"precision": "bf16", "micro_batch": 1}}.items():
        updated(spec(PLAIN, batch_size=256, **settings), corpus, 1)
        gradients[name] = torch.cat([p.grad.flatten() for p in kept[-1]])
    errors = {name: (g - gradients["exact"]).norm() / gradients["exact"].norm() for name, g in gradients.items()}
    assert errors["parts"] < 1.5 * errors["whole"]


@pytest.mark.parametrize("settings", [{}, DENSE], ids=["last", "all"])
def test_bf16_steps_stay_near_fp32_steps(corpus, settings):
    (exact, kept), (rounded, model) = (updated(spec(PLAIN, lr=1e-3, precision=p, **settings), corpus) for p in ("fp32", "bf16"))
    assert not torch.equal(exact, rounded)
    torch.testing.assert_close(rounded, exact, rtol=0.02, atol=0.02)
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    moved = {name: (tensor - kept.state_dict()[name]).abs().max() for name, tensor in model.state_dict().items()}
    assert max(moved.values()) <= 2 * 10 * 1e-3, "Adam moves a weight by at most the rate a step, in either precision"


@pytest.mark.parametrize("settings", [{"precision": "bf16"}, {"optimizer": "muon"}], ids=["bf16", "muon"])
def test_steps_are_the_same_where_the_cpu_has_no_bf16(corpus, monkeypatch, settings):
    found = []
    for has_bf16 in (True, False):
        monkeypatch.setattr(cpu, "has_bf16", lambda has_bf16=has_bf16: has_bf16)
        found.append(updated(spec(PLAIN, lr=1e-3, **settings), corpus))
    (narrow, _), (wide, model) = found
    torch.testing.assert_close(wide, narrow, rtol=0.01, atol=0.01)
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


@pytest.mark.parametrize(
    ("settings", "widened"),
    [({}, []), ({"precision": "bf16"}, ["model"]), ({"optimizer": "muon"}, ["optimizer"])],
    ids=["fp32", "bf16", "muon"],
)
def test_only_what_rounds_to_bf16_is_widened(corpus, monkeypatch, settings, widened):
    for has_bf16, expected in ((False, widened), (True, [])):
        monkeypatch.setattr(cpu, "has_bf16", lambda has_bf16=has_bf16: has_bf16)
        update = make_update(spec(PLAIN, **settings), build(PLAIN, VOCAB_SIZE), torch.from_numpy(corpus.train.astype("int32")), 9)
        products = {"model": update.model_products, "optimizer": update.optimizer_products}
        assert [name for name, context in products.items() if context is cpu.WideProducts] == expected


def test_bf16_keeps_weight_changes_that_bf16_would_lose(corpus):
    before, after = (updated(spec(PLAIN, lr=1e-6, precision="bf16"), corpus, n)[1] for n in (1, 10))
    gap = (before.head.weight - after.head.weight).abs()
    assert (gap > 0).float().mean() > 0.9
    assert gap.max() < 2e-5


def test_bf16_trains_every_architecture_and_scores_in_fp32(corpus):
    tied = TransformerConfig(
        context_length=8, n_layer=1, n_head=2, d_model=16, d_ff=24, tied=True, position="rope", norm="rms", qk_norm=True
    )
    for config in (LINEAR, LSTM, MLP, tied, dataclasses.replace(TRANSFORMER, position="alibi")):
        record = loop.train(spec(config, precision="bf16", steps=60, lr=1e-2), corpus)
        assert record.test.nll < record.curve[0]["train_nll"]


def test_a_batch_too_small_to_split_is_refused():
    with pytest.raises(ConfigError, match="micro_batch=9 is larger than the batch"):
        spec(micro_batch=9)


def test_a_lack_of_memory_names_the_setting(corpus, monkeypatch):
    def apply(self, starts_B):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Update, "apply", apply)
    with pytest.raises(loop.MemoryShort, match=r"no memory for 4 windows of 8 tokens at a time; micro_batch=2"):
        loop.train(spec(), corpus)
    with pytest.raises(loop.MemoryShort, match="no memory for 1 windows of 8 tokens at a time; lower context_length"):
        loop.train(spec(micro_batch=1), corpus)


needs_mps = pytest.mark.skipif(not torch.backends.mps.is_available(), reason="needs an Apple GPU")


@pytest.mark.parametrize("gpu", [pytest.param("cuda", marks=needs_cuda), pytest.param("mps", marks=needs_mps)])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_ten_steps_are_the_same_on_a_gpu(corpus, precision, gpu):
    planned = spec(PLAIN, lr=1e-3, precision=precision, **DENSE)
    (here, kept), (there, model) = (updated(planned, corpus, device=device) for device in ("cpu", gpu))
    torch.testing.assert_close(there, here, rtol=1e-3, atol=1e-3)
    if precision == "fp32":
        assert_same_weights(model, kept, rtol=1e-2, atol=1e-3)


@needs_cuda
def test_a_step_of_muon_never_waits_for_the_device(corpus):
    model = build(PLAIN, VOCAB_SIZE).cuda().train()
    tokens = torch.from_numpy(corpus.train.astype("int32")).cuda()
    update = Update(spec(PLAIN, optimizer="muon"), model, tokens, 9)
    starts = torch.arange(4, device="cuda")
    update(starts, 0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        update(starts, 1)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@needs_cuda
def test_a_recorded_step_of_muon_is_the_step(corpus):
    """Its products are in bf16, whose rounding differs by more than fp32's."""
    planned = spec(PLAIN, optimizer="muon", lr=1e-3)
    (plain, kept), (recorded, model) = (updated(planned, corpus, device="cuda", make=make) for make in (Update, CapturedUpdate))
    torch.testing.assert_close(recorded, plain, rtol=1e-3, atol=1e-3)
    assert_same_weights(model, kept, rtol=1e-2, atol=1e-3)


@needs_cuda
@pytest.mark.parametrize("config", [PLAIN, LSTM, MOGRIFIED, dataclasses.replace(MLP, dropout=0.0)], ids=lambda c: c.kind)
def test_a_recorded_step_is_the_step(corpus, config):
    (plain, kept), (recorded, model) = (updated(spec(config), corpus, device="cuda", make=make) for make in (Update, CapturedUpdate))
    torch.testing.assert_close(recorded, plain, rtol=1e-4, atol=1e-5)
    assert_same_weights(model, kept, rtol=1e-3, atol=1e-4)


class Idle(nn.Sequential):
    """Embedding and head, and a matrix that takes no part."""

    def __init__(self, vocab_size):
        super().__init__(nn.Embedding(vocab_size, 4), nn.Linear(4, vocab_size))
        self.register_parameter("unused", nn.Parameter(torch.ones(4, 4)))


@pytest.mark.parametrize("settings", [{}, {"precision": "bf16", "clip": 0.5, "optimizer": "adamw", "micro_batch": 2}], ids=["fp32", "bf16"])
def test_a_parameter_that_the_loss_does_not_depend_on_stays(corpus, settings):
    losses, model = updated(spec(own_module(Idle, 8, VOCAB_SIZE), lr=1e-2, **settings), corpus, 60)
    assert torch.equal(model.module.unused, torch.ones(4, 4))
    assert losses[-10:].mean() < losses[:10].mean()
