import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tinylm.models.networks import attention
from tinylm.models.networks.attention import attend, attend_near
from tinylm.models.networks.dropout import keep_mask, keep_scale

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


def biases(n_out=T):
    """A bias of every score, to be trained like a weight."""
    return torch.randn(H, n_out, T, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()


@given(n_out=st.integers(1, T), kv_heads=st.sampled_from([1, 2, 4]), n_chunk=st.integers(1, 6))
def test_biases_are_added_to_the_scores_of_every_window(n_out, kv_heads, n_chunk):
    leaves, bias_HNT = inputs(n_out, kv_heads), biases(n_out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "BYTES_PER_CHUNK", n_chunk * H * n_out * T * 8)
        assert_same(attend(*leaves, 0.0, bias_HNT), textbook(*leaves, bias=bias_HNT), [*leaves, bias_HNT])


@given(n_out=st.integers(1, T), window=st.integers(0, T + 1))
def test_a_bias_knows_where_queries_and_keys_stand(n_out, window):
    """Blocks of one shape have other positions, and so other biases, of which not even the differences need be the same."""
    leaves, bias_HTT = inputs(n_out), biases()
    near = torch.arange(T)[:, None] // (window or T) - torch.arange(T) // (window or T) <= 1
    all_HNT = bias_HTT.masked_fill(~near, -torch.inf)[:, T - n_out :]
    ours = attend_near(*leaves, 0.0, window, lambda query_N, key_T: bias_HTT[:, query_N[:, None], key_T])
    assert_same(ours, textbook(*leaves, bias=all_HNT), [*leaves, bias_HTT])


def test_biases_in_bf16_are_those_of_fp32_rounded():
    leaves, bias_HNT = [x.detach().float() for x in inputs()], biases().detach().float()
    rounded = attend(*(x.bfloat16() for x in leaves), 0.0, bias_HNT)
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), attend(*leaves, 0.0, bias_HNT), atol=0.05, rtol=0)


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
    ours = attend(*leaves, 0.3, *bias)
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
    assert torch.autograd.gradcheck(lambda *x: attend(*x[:3], 0.0, x[3]), [*leaves, biases(2)])


def test_the_inputs_stay_as_they_are():
    leaves = inputs()
    before = [x.detach().clone() for x in leaves]
    attend(*leaves, 0.5).sum().backward()
    assert all(torch.equal(a, b) for a, b in zip(before, leaves, strict=True))
