import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tinylm.models.networks import attention
from tinylm.models.networks.attention import attend
from tinylm.models.networks.dropout import keep_mask, keep_scale
from tinylm.models.networks.layers import time_last_like

B, H, T, K = 5, 4, 6, 3


def textbook(q, k, v, mask=None, scale=1.0, bias=0.0):
    """softmax(q k^T / sqrt(K) + bias) v with every matrix written out; `mask` (B, H, N, T) multiplies the weights."""
    group, n_out, n_positions = q.shape[1] // k.shape[1], q.shape[2], k.shape[2]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = torch.einsum("bhnk,bhtk->bhnt", q, k) / q.shape[-1] ** 0.5 + bias
    future = torch.arange(n_positions) > torch.arange(n_positions - n_out, n_positions)[:, None]
    weights = torch.softmax(scores.masked_fill(future, -torch.inf), -1)
    return torch.einsum("bhnt,bhtk->bhnk", weights if mask is None else weights * mask * scale, v)


def inputs(n_out=T, kv_heads=H, n_batch=B, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(n_batch, H, n_out, K), (n_batch, kv_heads, T, K), (n_batch, kv_heads, T, K)]
    return [torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_() for shape in shapes]


def assert_same(ours, theirs, leaves):
    """Equal outputs, and equal gradients of a random projection of them."""
    torch.testing.assert_close(ours, theirs)
    direction = torch.randn(ours.shape, dtype=ours.dtype, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(torch.autograd.grad(ours, leaves, direction), torch.autograd.grad(theirs, leaves, direction))


@given(
    n_out=st.integers(1, T),
    kv_heads=st.sampled_from([1, 2, 4]),
    n_batch=st.integers(1, 5),
    n_chunk=st.integers(1, 6),
)
def test_chunks_equal_the_textbook_formula(n_out, kv_heads, n_batch, n_chunk):
    leaves = inputs(n_out, kv_heads, n_batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "BYTES_PER_CHUNK", n_chunk * H * n_out * T * 8)
        ours = attend(*leaves, 0.0)
        assert_same(ours, textbook(*leaves), leaves)


def always(bias_HNT):
    """A bias of all scores that is known already."""
    return lambda query_N, key_T: bias_HNT


def biases(n_out=T):
    """A bias of every score, to be trained like a weight."""
    return torch.randn(H, n_out, T, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()


@given(n_out=st.integers(1, T), kv_heads=st.sampled_from([1, 2, 4]), n_chunk=st.integers(1, 6))
def test_biases_are_added_to_the_scores_of_every_window(n_out, kv_heads, n_chunk):
    leaves, bias_HNT = inputs(n_out, kv_heads), biases(n_out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "BYTES_PER_CHUNK", n_chunk * H * n_out * T * 8)
        assert_same(attend(*leaves, 0.0, score_bias=always(bias_HNT)), textbook(*leaves, bias=bias_HNT), [*leaves, bias_HNT])


def near(window):
    """Whether a column's position lies in the block of a row's or in the one before (T, T)."""
    block_T = torch.arange(T) // (window or T)
    return block_T[:, None] - block_T <= 1


def time_last(x_BHTK):
    """The same with time as the last axis in memory."""
    return time_last_like(x_BHTK).copy_(x_BHTK)


@given(
    n_out=st.integers(1, T), kv_heads=st.sampled_from([1, 4]), n_batch=st.integers(1, 3), window=st.integers(0, T + 1), turned=st.booleans()
)
def test_blocks_equal_the_textbook_formula_however_they_are_cut(n_out, kv_heads, n_batch, window, turned):
    """Blocks that divide the positions or not, the first of the queries begun or not, one chunk or many."""
    leaves = inputs(n_out, kv_heads, n_batch)
    unseen = torch.zeros(T, T).masked_fill(~near(window), -torch.inf)[T - n_out :]
    for n_chunk in (1, 100):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(attention, "BYTES_PER_CHUNK", n_chunk * H * 8)
            ours = attend(*(time_last(x) if turned else x for x in leaves), 0.0, window)
            assert_same(ours, textbook(*leaves, bias=unseen), leaves)


@pytest.mark.parametrize("window", [1, 2, 4, 5])
@pytest.mark.parametrize("n_out", [1, 4, T])
def test_dropout_in_blocks_equals_plain_softmax_with_the_same_mask(monkeypatch, n_out, window):
    drawn, mask_BHNT = [], torch.zeros(B, H, n_out, T)
    monkeypatch.setattr(attention, "keep_mask", lambda *args: drawn.append(keep_mask(*args)) or drawn[-1])
    torch.manual_seed(0)
    leaves = inputs(n_out)
    ours = attend(*leaves, 0.3, window)
    for group, drawn_MQS in zip(attention._groups(T, n_out, window, False), drawn, strict=True):
        for i, part in enumerate(drawn_MQS.view(B, group.n, H, group.n_queries, group.n_keys).unbind(1)):
            query, key = group.first_query + i * group.n_queries, group.first_key + i * group.step
            mask_BHNT[:, :, query : query + group.n_queries, key : key + group.n_keys] = part
    bias = torch.zeros(T, T).masked_fill(~near(window), -torch.inf)[T - n_out :]
    assert_same(ours, textbook(*leaves, mask_BHNT, keep_scale(0.3), bias), leaves)


@pytest.mark.parametrize("n_positions", [64, 1000])
def test_blocks_in_bf16_are_those_of_the_textbook_rounded(n_positions):
    """Those of many matrices, and of so few that they are multiplied in fp32."""
    generator, window = torch.Generator().manual_seed(0), 16
    leaves = [torch.randn(1, H, n_positions, 16, generator=generator).bfloat16().requires_grad_() for _ in range(3)]
    exact = [x.detach().double().requires_grad_() for x in leaves]
    ours, expected = attend(*leaves, 0.0, window), attend(*exact, 0.0, window)
    direction = torch.randn(ours.shape, generator=generator)
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.double(), expected, atol=0.03, rtol=0.03)
    grads = torch.autograd.grad(ours, leaves, direction.bfloat16()), torch.autograd.grad(expected, exact, direction.bfloat16().double())
    for got, wanted in zip(*grads, strict=True):
        assert got.dtype == torch.bfloat16
        torch.testing.assert_close(got.double(), wanted, atol=0.06, rtol=0.05)


@given(n_out=st.integers(1, T), window=st.integers(0, T + 1))
def test_a_gpu_cuts_the_same_blocks(n_out, window):
    """By its own road, which a CPU can go too."""
    leaves = inputs(n_out)
    groups = attention._groups(T, n_out, window, False)
    assert_same(attention._fused(*leaves, 0.0, groups, *[None] * len(groups)), attend(*leaves, 0.0, window), leaves)


@given(n_out=st.integers(1, T), window=st.integers(0, T + 1))
def test_a_bias_knows_where_queries_and_keys_stand(n_out, window):
    """Blocks of one shape have other positions, and so other biases, of which not even the differences need be the same."""
    leaves, bias_HTT = inputs(n_out), biases()
    all_HNT = bias_HTT.masked_fill(~near(window), -torch.inf)[:, T - n_out :]
    ours = attend(*leaves, 0.0, window, lambda query_N, key_T: bias_HTT[:, query_N[:, None], key_T])
    assert_same(ours, textbook(*leaves, bias=all_HNT), [*leaves, bias_HTT])


def test_biases_in_bf16_are_those_of_fp32_rounded():
    leaves, bias_HNT = [x.detach().float() for x in inputs()], biases().detach().float()
    rounded = attend(*(x.bfloat16() for x in leaves), 0.0, score_bias=always(bias_HNT))
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), attend(*leaves, 0.0, score_bias=always(bias_HNT)), atol=0.05, rtol=0)


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("n_out", [1, 4, T])
@pytest.mark.parametrize("kv_heads", [1, 4])
def test_dropout_equals_plain_softmax_with_the_same_mask(monkeypatch, n_out, kv_heads, biased):
    drawn = []

    def recorded(shape, p, device):
        drawn.append(keep_mask(shape, p, device))
        return drawn[-1]

    monkeypatch.setattr(attention, "keep_mask", recorded)
    monkeypatch.setattr(attention, "BYTES_PER_CHUNK", 2 * H * n_out * T * 8)
    torch.manual_seed(0)
    leaves, bias = inputs(n_out, kv_heads), [biases(n_out)] if biased else []
    ours = attend(*leaves, 0.3, 0, *map(always, bias))
    assert [mask.shape[0] for mask in drawn] == [2 * H, 2 * H, H]
    mask = torch.cat(drawn).view(B, H, n_out, T)
    assert_same(ours, textbook(*leaves, mask, keep_scale(0.3), *bias), [*leaves, *bias])


def test_dropout_leaves_the_mean_unchanged():
    torch.manual_seed(0)
    leaves = [x.detach() for x in inputs()]
    repeated = [x.repeat(4000, 1, 1, 1) for x in leaves]
    mean = attend(*repeated, 0.3).view(4000, B, H, T, K).mean(0)
    torch.testing.assert_close(mean, textbook(*leaves), atol=0.08, rtol=0)
    assert (mean - textbook(*leaves)).abs().mean() < 0.01


def test_gradients_by_finite_differences():
    leaves = inputs(n_out=2, kv_heads=2, n_batch=2)
    assert torch.autograd.gradcheck(lambda *x: attend(*x, 0.0), leaves)
    assert torch.autograd.gradcheck(lambda *x: attend(*x, 0.0, 2), leaves)
    assert torch.autograd.gradcheck(lambda *x: attend(*x[:3], 0.0, score_bias=always(x[3])), [*leaves, biases(2)])


def test_the_inputs_stay_as_they_are():
    leaves = inputs()
    before = [x.detach().clone() for x in leaves]
    attend(*leaves, 0.5).sum().backward()
    assert all(torch.equal(a, b) for a, b in zip(before, leaves, strict=True))
