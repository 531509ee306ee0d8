import dataclasses

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from specs import VOCAB_SIZE, assert_causal, transformer_configs
from torch import nn

from tinylm.config import ConfigError, TransformerConfig
from tinylm.models.networks import build
from tinylm.training.bench import textbook

PAPER = TransformerConfig(context_length=9, n_layer=3, n_head=4, d_model=16, d_ff=32, attention_dropout=0.0, ffn_dropout=0.0)
SELF_ATTENTION = dataclasses.replace(PAPER, n_layer=1, d_ff=64)
LEARNED = dataclasses.replace(PAPER, norm_place="pre", init="linear")
ROPE = dataclasses.replace(LEARNED, position="rope")
ALIBI = dataclasses.replace(LEARNED, position="alibi")


class PreNormBlock(nn.Module):
    """The paper's RoPE ablation's block: separate q, k, v and out projections; or with ALiBi in RoPE's place."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.q, self.k, self.v, self.out = (nn.Linear(config.d_model, config.d_model) for _ in range(4))
        self.norm1, self.norm2 = nn.LayerNorm(config.d_model), nn.LayerNorm(config.d_model)
        self.ffn = nn.Sequential(nn.Linear(config.d_model, config.d_ff), nn.ReLU(), nn.Linear(config.d_ff, config.d_model))

    def forward(self, x):
        y = self.norm1(x)
        heads = [layer(y).unflatten(-1, (self.config.n_head, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v)]
        if self.config.position == "rope":
            heads[:2] = [self.rotated(h) for h in heads[:2]]
        mask = self.distances(x.shape[1]).to(x.dtype) if self.config.position == "alibi" else None
        mixed = F.scaled_dot_product_attention(*heads, attn_mask=mask, is_causal=mask is None)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.ffn(self.norm2(x))

    def distances(self, length):
        """-slope times distance, one number at a time; a later key is infinitely far."""
        slopes = [2 ** (-8 * i / self.config.n_head) for i in range(1, self.config.n_head + 1)]
        rows = [[[-slope * (q - k) if k <= q else -torch.inf for k in range(length)] for q in range(length)] for slope in slopes]
        return torch.tensor(rows)

    def rotated(self, x):
        half = x.shape[-1] // 2
        angles = torch.outer(torch.arange(x.shape[2]).float(), self.config.rope_base ** (-torch.arange(half).float() / half))
        turned = torch.complex(x[..., :half], x[..., half:]) * torch.complex(angles.cos(), angles.sin())
        return torch.cat([turned.real, turned.imag], -1)


def reference_model(config):
    """The study's Transformer as a textbook writes it."""
    return textbook.Transformer(config, VOCAB_SIZE, textbook.Block if config.norm_place == "post" else PreNormBlock)


def translated(ours, config):
    """Our tensors (weights or gradients, by name) under the reference's names."""
    out = {}
    for name, tensor in ours.items():
        for old, new in (
            ("embedding.weight", "tokens.weight"),
            ("positions.tokens.", "positions."),
            ("attention.norm", "norm1"),
            ("ffn.0.norm", "norm2"),
            ("ffn.0.layer.up", "ffn.0"),
            ("ffn.0.layer.down", "ffn.2"),
            ("attention.layer.out", "attention.out_proj" if config.norm_place == "post" else "out"),
        ):
            name = name.replace(old, new)
        out[name] = tensor
    for i in range(config.n_layer):
        for part in ("weight", "bias"):
            q = out.pop(f"blocks.{i}.attention.layer.query.{part}")
            k, v = out.pop(f"blocks.{i}.attention.layer.key_value.{part}").chunk(2)
            if config.norm_place == "post":
                out[f"blocks.{i}.attention.in_proj_{part}"] = torch.cat([q, k, v])
            else:
                out |= {f"blocks.{i}.{letter}.{part}": tensor for letter, tensor in zip("qkv", (q, k, v), strict=True)}
    return out


@pytest.mark.parametrize(
    "config", [SELF_ATTENTION, PAPER, LEARNED, ROPE, ALIBI], ids=["self-attention", "transformer", "learned", "rope", "alibi"]
)
@pytest.mark.parametrize("n_out", [1, 9])
def test_the_papers_models_with_the_same_weights(config, n_out):
    torch.manual_seed(0)
    model, reference = build(config, VOCAB_SIZE).double(), reference_model(config).double()
    reference.load_state_dict(translated(model.state_dict(), config))
    x_BT, y_BN = torch.randint(VOCAB_SIZE, (5, 9)), torch.randint(VOCAB_SIZE, (5, n_out))
    ours, theirs = model(x_BT, n_out), reference(x_BT)[:, -n_out:]
    torch.testing.assert_close(ours, theirs)
    for logits_BNV in (ours, theirs):
        F.cross_entropy(logits_BNV.flatten(0, 1), y_BN.flatten()).backward()
    gradients = translated({name: p.grad for name, p in model.named_parameters()}, config)
    expected = {name: p.grad for name, p in reference.named_parameters()}
    assert gradients.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(gradients[name], gradient)


def distinct_tokens(config, n_batch=2):
    torch.manual_seed(0)
    return torch.randint(VOCAB_SIZE, (n_batch, config.context_length))


@given(config=transformer_configs(), data=st.data())
def test_computing_the_last_positions_only_changes_nothing(config, data):
    n_out = data.draw(st.sampled_from(sorted({1, (config.context_length + 1) // 2, config.context_length})))
    x_BT = distinct_tokens(config)
    model = build(dataclasses.replace(config, n_future=1), VOCAB_SIZE).double()
    full = model(x_BT, config.context_length)[:, -n_out:]
    part = model(x_BT, n_out)
    torch.testing.assert_close(part, full)
    direction = torch.randn(full.shape, dtype=full.dtype)
    parameters = list(model.parameters())
    for ours, theirs in zip(*(torch.autograd.grad(out, parameters, direction) for out in (part, full)), strict=True):
        torch.testing.assert_close(ours, theirs)


@given(config=transformer_configs())
def test_no_prediction_sees_a_later_token(config):
    blind = config.d_model == 2 or config.attention_window > 0  # a norm of two values leaves only their order
    by_gradient = dataclasses.replace(config, induction=(), induction_times=1)  # which reads tokens; its own tests change them instead
    assert_causal(build(by_gradient, VOCAB_SIZE), distinct_tokens(config, 1), blind)


@given(config=transformer_configs(), length=st.integers(1, 7))
def test_a_shorter_window_is_the_start_of_a_longer_one(config, length):
    length = min(length, config.context_length)
    model, x_BT = build(config, VOCAB_SIZE).double(), distinct_tokens(config)
    torch.testing.assert_close(model(x_BT[:, :length], length), model(x_BT, config.context_length)[:, :length])


def test_a_longer_window_than_the_context_is_an_error():
    with pytest.raises(ConfigError, match="a window of 10 tokens does not fit context_length=9; cut it"):
        build(PAPER, VOCAB_SIZE)(torch.zeros(1, 10, dtype=torch.long), 1)


@pytest.mark.parametrize("window", [0, 4])
def test_alibi_reads_longer_windows_than_those_of_training(window):
    torch.manual_seed(0)
    short = build(dataclasses.replace(ALIBI, attention_window=window), VOCAB_SIZE).double()
    longer = build(dataclasses.replace(ALIBI, attention_window=window, context_length=36), VOCAB_SIZE).double()
    longer.load_state_dict(short.state_dict())  # no tensor is of the context's length
    x_BT = torch.randint(VOCAB_SIZE, (2, 36))
    logits_BTV = longer(x_BT, 36)
    assert logits_BTV.isfinite().all()
    torch.testing.assert_close(logits_BTV[:, :9], short(x_BT[:, :9], 9))


def test_a_tied_head_is_the_embedding():
    model = build(dataclasses.replace(PAPER, tied=True), VOCAB_SIZE)
    assert model.head.weight is model.embedding.weight


@pytest.mark.parametrize("place", ["embedding", "attention", "projection", "ffn", "output"])
def test_every_dropout_acts_in_training_only(place):
    torch.manual_seed(0)
    model, x_BT = build(dataclasses.replace(PAPER, **{f"{place}_dropout": 0.5}), VOCAB_SIZE), distinct_tokens(PAPER)
    assert not torch.equal(model(x_BT, 1), model(x_BT, 1))
    model.eval()
    assert torch.equal(model(x_BT, 1), model(x_BT, 1))
    plain = build(PAPER, VOCAB_SIZE).eval()
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model(x_BT, 1), plain(x_BT, 1))


def uniform(tensor, bound):
    """Whether a large tensor looks drawn from U(-bound, bound)."""
    spread, centre = (tensor.std() / bound).item(), (tensor.mean() / bound).item()
    return 0.98 * bound < tensor.abs().max() <= bound and abs(spread - 3**-0.5) < 0.01 and abs(centre) < 0.02


@pytest.fixture
def wide():
    torch.manual_seed(0)
    return TransformerConfig(context_length=64, n_layer=2, d_model=128, d_ff=128)


def test_multihead_initialisation_is_that_of_pytorchs_modules(wide):
    attention = build(wide, 500).blocks[1].attention.layer
    reference = nn.MultiheadAttention(128, 4)
    bound = (6 / (128 + 3 * 128)) ** 0.5
    for weight in (reference.in_proj_weight, attention.query.weight, attention.key_value.weight):
        assert uniform(weight, bound)
    for weight in (reference.out_proj.weight, attention.out.weight):
        assert uniform(weight, 128**-0.5)
    for bias in (reference.in_proj_bias, reference.out_proj.bias, attention.query.bias, attention.key_value.bias, attention.out.bias):
        assert not bias.any()


@pytest.mark.parametrize("init", ["multihead", "linear"])
def test_other_parts_start_as_pytorch_starts_them(wide, init):
    model = build(dataclasses.replace(wide, init=init), 500)
    for embedding in (model.embedding, model.positions.embedding):
        assert embedding.weight.std().item() == pytest.approx(1, abs=0.02)
    layers = [model.head, model.blocks[0].ffn[0].layer.up, model.blocks[1].ffn[0].layer.down]
    attention = model.blocks[0].attention.layer
    layers += [attention.query, attention.key_value, attention.out] if init == "linear" else []
    for layer in layers:
        assert uniform(layer.weight, 128**-0.5)
        assert 0 < layer.bias.abs().max() <= 128**-0.5
    for norm in (m for m in model.modules() if isinstance(m, nn.LayerNorm)):
        assert norm.weight.eq(1).all()
        assert not norm.bias.any()


def test_scaled_initialisation(wide):
    model = build(dataclasses.replace(wide, init="scaled"), 500)
    block = model.blocks[0]
    for module in (model.embedding, model.positions.embedding, model.head, block.attention.layer.query, block.ffn[0].layer.up):
        assert module.weight.std().item() == pytest.approx(0.02, rel=0.03)
    for module in (block.attention.layer.out, block.ffn[0].layer.down):
        assert module.weight.std().item() == pytest.approx(0.02 / 2, rel=0.03)
        assert not module.bias.any()


def test_zero_out_starts_every_block_as_the_identity(wide):
    models = []
    for init in ("scaled", "zero_out"):
        torch.manual_seed(0)
        models.append(build(dataclasses.replace(wide, init=init, norm_place="pre"), 500).eval())
    scaled, model = models
    for block, drawn in zip(model.blocks, scaled.blocks, strict=True):
        for branch, other in ((block.attention.layer, drawn.attention.layer), (block.ffn[0].layer, drawn.ffn[0].layer)):
            for name, parameter in branch.named_parameters():
                same = torch.equal(parameter, dict(other.named_parameters())[name])
                assert same != name.startswith(("out.weight", "down.weight")) and (same or not parameter.any())
    x_BT = torch.randint(500, (2, 64))
    stream_BTD = model.positions(model.embedding(x_BT))
    torch.testing.assert_close(model(x_BT, 1), model.head(model.norm(stream_BTD[:, -1:])))
    model(x_BT, 1).sum().backward()
    assert all(block.attention.layer.out.weight.grad.any() for block in model.blocks)


@pytest.mark.parametrize("tied", [False, True])
def test_a_soft_cap_bounds_the_logits(tied):
    config = dataclasses.replace(PAPER, tied=tied)
    torch.manual_seed(0)
    model, capped = build(config, VOCAB_SIZE), build(dataclasses.replace(config, softcap=0.7), VOCAB_SIZE)
    capped.load_state_dict(model.state_dict())
    x_BT = distinct_tokens(PAPER)
    torch.testing.assert_close(capped(x_BT, 9), 0.7 * torch.tanh(model(x_BT, 9) / 0.7))


PRE = dataclasses.replace(PAPER, norm_place="pre", init="scaled")


def test_blocks_that_run_twice_are_a_stack_of_twice_as_many_with_the_same_weights():
    looped = build(dataclasses.replace(PRE, n_layer=2, loops=2), VOCAB_SIZE)
    stack, x_BT = build(dataclasses.replace(PRE, n_layer=4), VOCAB_SIZE), distinct_tokens(PRE)
    stack.load_state_dict(looped.state_dict(), strict=False)
    for upper, lower in zip(stack.blocks[2:], looped.blocks, strict=True):
        upper.load_state_dict(lower.state_dict())
    torch.testing.assert_close(looped.eval()(x_BT, 9), stack.eval()(x_BT, 9))


def test_skips_add_what_the_mirrored_block_read():
    model = build(dataclasses.replace(PRE, n_layer=3, skips=True), VOCAB_SIZE).eval()
    plain, x_BT = build(dataclasses.replace(PRE, n_layer=3), VOCAB_SIZE).eval(), distinct_tokens(PRE)
    plain.load_state_dict(model.state_dict(), strict=False)
    torch.testing.assert_close(model(x_BT, 9), plain(x_BT, 9))  # the shares start at zero
    (share_D,) = model.skips
    with torch.no_grad():
        share_D.copy_(torch.randn(16))
    first_BTD = model.positions(model.embedding(x_BT))
    below_BTD = model.blocks[1](model.blocks[0](first_BTD, 9), 9)
    expected = model.head(model.norm(model.blocks[2](below_BTD + share_D * first_BTD, 9)))
    torch.testing.assert_close(model(x_BT, 9), expected)


def test_parallel_branches_read_the_same_normalised_states():
    model, x_BT = build(dataclasses.replace(PRE, n_layer=1, parallel=True), VOCAB_SIZE).eval(), distinct_tokens(PRE)
    x_BTD = model.positions(model.embedding(x_BT))
    block = model.blocks[0]
    normed_BTD = block.attention.norm(x_BTD)
    expected = x_BTD + block.attention.layer(normed_BTD, 9) + block.ffn.down(block.ffn.up(normed_BTD).relu())
    torch.testing.assert_close(model(x_BT, 9), model.head(model.norm(expected)))


def test_later_blocks_take_a_share_of_the_first_values():
    model, x_BT = build(dataclasses.replace(PRE, value_residual=True), VOCAB_SIZE).eval(), distinct_tokens(PRE)
    shares, projected, taken = (0.25, 1.0), [], []
    for parameter, share in zip(model.value_shares, shares, strict=True):
        torch.nn.init.constant_(parameter, share)
    for block in model.blocks:
        attention = block.attention.layer
        attention.register_forward_pre_hook(lambda layer, given: projected.append(layer.keys_values(given[0], 9)[1]))
        attention.mix = lambda x, q, k, v, mix=attention.mix: taken.append(v) or mix(x, q, k, v)
    model(x_BT, 9)
    first_BHTK, second_BHTK, _ = projected
    torch.testing.assert_close(taken, [first_BHTK, 0.75 * second_BHTK + 0.25 * first_BHTK, first_BHTK])


def test_blocks_read_the_first_input_again():
    model = build(dataclasses.replace(PRE, n_layer=2, residual_scalars=True), VOCAB_SIZE).eval()
    plain, x_BT = build(dataclasses.replace(PRE, n_layer=2), VOCAB_SIZE).eval(), distinct_tokens(PRE)
    plain.load_state_dict(model.state_dict(), strict=False)
    torch.testing.assert_close(model(x_BT, 9), plain(x_BT, 9))
    with torch.no_grad():
        model.scalars[1].copy_(torch.tensor([0.5, 2.0]))
    first_BTD = model.positions(model.embedding(x_BT))
    read_BTD = 0.5 * model.blocks[0](first_BTD, 9) + 2 * first_BTD
    torch.testing.assert_close(model(x_BT, 9), model.head(model.norm(model.blocks[1](read_BTD, 9))))


@pytest.mark.parametrize("n_out", [9, 4])
def test_further_tokens_have_a_block_each_beside_the_last(n_out):
    config = dataclasses.replace(PRE, n_future=3)
    model, x_BT, y_BT = build(config, VOCAB_SIZE), distinct_tokens(PRE), distinct_tokens(PRE).flip(1)
    plain = build(PRE, VOCAB_SIZE)
    plain.load_state_dict(model.state_dict(), strict=False)
    torch.testing.assert_close(model(x_BT, 9), plain(x_BT, 9))
    expected = 0.0
    for ahead, block in enumerate([plain.blocks[2], *model.further]):
        plain.blocks[2] = block
        logits_BTV = plain(x_BT, 9)[:, 9 - n_out : 9 - ahead]
        expected += F.cross_entropy(logits_BTV.flatten(0, 1), y_BT[:, 9 - n_out + ahead :].flatten())
    nll, loss = model.losses(x_BT, y_BT[:, -n_out:])
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(nll, model.nlls(x_BT, y_BT[:, -n_out:]).mean())
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("kv_heads", [0, 1])
def test_exclusive_heads_give_nothing_along_the_value_of_their_own_position(kv_heads):
    model = build(dataclasses.replace(PRE, exclusive=True, n_kv_head=kv_heads), VOCAB_SIZE).double()
    attention, x_BTD = model.blocks[0].attention.layer, torch.randn(2, 9, 16, dtype=torch.float64)
    taken = []
    attention.out.register_forward_pre_hook(lambda layer, given: taken.append(given[0]))
    attention(x_BTD, 9)
    mixed_BHTK = taken[0].unflatten(2, (PRE.n_head, -1)).transpose(1, 2)
    v_BHTK = attention.keys_values(x_BTD, 9)[1]
    torch.testing.assert_close((mixed_BHTK * v_BHTK).sum(-1), torch.zeros(2, PRE.n_head, 9, dtype=torch.float64))
    assert not mixed_BHTK[:, :, 0].abs().max() > 1e-12 and mixed_BHTK[:, :, 1:].any()


def test_a_gate_scales_each_head_by_what_its_position_holds():
    model, x_BT = build(dataclasses.replace(PRE, head_gates=True), VOCAB_SIZE).eval(), distinct_tokens(PRE)
    plain = build(PRE, VOCAB_SIZE).eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    with torch.no_grad():
        for block in model.blocks:
            block.attention.layer.gate.weight.zero_()
            block.attention.layer.gate.bias.zero_()
        torch.testing.assert_close(model(x_BT, 9), plain(x_BT, 9))  # twice a sigmoid of zero
        for ours, theirs in zip(model.blocks, plain.blocks, strict=True):
            ours.attention.layer.gate.bias[0] = -1e9  # closes the first head
            theirs.attention.layer.out.weight[:, : PRE.d_head] = 0
    torch.testing.assert_close(model(x_BT, 9), plain(x_BT, 9))


@pytest.mark.parametrize("place", ["embedding", "projection", "ffn"])
def test_variational_dropout_is_one_mask_a_window(place):
    config = dataclasses.replace(PAPER, dropout_kind="variational", norm_place="pre", init="scaled", **{f"{place}_dropout": 0.5})
    model = build(config, VOCAB_SIZE)
    module = {"embedding": model, "projection": model.blocks[0].attention.layer, "ffn": model.blocks[0].ffn[0].layer}[place].dropout
    ones = torch.ones(3, 9, 16)
    out = module(ones)
    assert not torch.equal(out, module(ones))
    assert torch.equal(out, out[:, :1].expand_as(out)) and out.unique().numel() == 2


def test_an_initialisation_follows_the_seed():
    models = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        models.append(build(PAPER, VOCAB_SIZE))
    assert torch.equal(models[0].head.weight, models[1].head.weight)
    assert not torch.equal(models[0].head.weight, models[2].head.weight)
