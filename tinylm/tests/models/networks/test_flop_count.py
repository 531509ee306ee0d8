import dataclasses

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from specs import TRANSFORMER, VOCAB_SIZE, feedforward_configs, lstm_configs, transformer_configs
from torch import Tensor, nn

from tinylm.config import InductionConfig
from tinylm.flops import forward_parts
from tinylm.models.networks import LanguageModel, build
from tinylm.models.networks.flop_count import TOLERANCE, Count, count, own_random_numbers, training_products

T, D = 16, 8
HEAD = 2 * T * D * VOCAB_SIZE
MASK = nn.Transformer.generate_square_subsequent_mask(T)


class Around(LanguageModel):
    """Embedding, a body, vocabulary head."""

    def __init__(self, body):
        super().__init__()
        self.embedding, self.body, self.head = nn.Embedding(VOCAB_SIZE, D), body, nn.Linear(D, VOCAB_SIZE)

    def hidden(self, x_BT, n_out):
        states = self.body(self.embedding(x_BT))
        return (states[0] if isinstance(states, tuple) else states)[:, -n_out:]


class Body(nn.Module):
    """A function of states and one matrix."""

    def __init__(self, function, *shape):
        super().__init__()
        self.function, self.weight = function, nn.Parameter(torch.randn(shape or (D, D)))

    def forward(self, x_BTD):
        return self.function(x_BTD, self.weight)


class Bilinear(nn.Bilinear):
    def forward(self, x):
        return super().forward(x, x)


class Attended(nn.MultiheadAttention):
    def forward(self, x):
        return super().forward(x, x, x, attn_mask=MASK, need_weights=False)


class Encoded(nn.TransformerEncoderLayer):
    def forward(self, x):
        return super().forward(x, src_mask=MASK, is_causal=True)


def of(body, n_out=T):
    return count(Around(body), T, VOCAB_SIZE, n_out)


ATTENTION = 2 * T * 4 * D * D + 4 * T * T * D  # four projections, scores and mixing


@pytest.mark.parametrize(
    ("body", "by_hand"),
    [
        (lambda: nn.Linear(D, D), 2 * T * D * D),
        (lambda: nn.GRU(D, D, batch_first=True), 3 * 2 * T * 2 * D * D),
        (lambda: nn.RNN(D, D, batch_first=True), 2 * T * 2 * D * D),
        (lambda: nn.LSTM(D, D, 2, batch_first=True, dropout=0.1), 2 * 4 * 2 * T * 2 * D * D),  # which FlopCounterMode takes for nothing
        (lambda: nn.LSTM(D, 4, batch_first=True, bidirectional=True), 2 * 4 * 2 * T * 4 * (D + 4)),
        (lambda: Attended(D, 2, batch_first=True), ATTENTION),
        (lambda: Encoded(D, 2, 16, batch_first=True), ATTENTION + 2 * 2 * T * D * 16),
        (lambda: Body(lambda x, w: F.scaled_dot_product_attention(x, x, x @ w, is_causal=True)), 2 * T * D * D + 4 * T * T * D),
        (lambda: Body(lambda x, w: F.conv1d(F.pad(x.mT, (2, 0)), w).mT, D, D, 3), 2 * T * 3 * D * D),
        (lambda: Body(lambda x, w: F.conv1d(F.pad(x.mT, (2, 0)), w, groups=D).mT, D, 1, 3), 2 * T * 3 * D),
        (lambda: Body(lambda x, w: torch.einsum("btd,de->bte", x, w)), 2 * T * D * D),
        (lambda: Body(lambda x, w: torch.stack([w @ row for row in x[0]])[None]), 2 * T * D * D),
        (lambda: Body(lambda x, w: torch.stack([torch.addmv(row, w, row) for row in x[0]])[None]), 2 * T * D * D),
        (lambda: Body(lambda x, w: torch.stack([row * row.dot(w[3]) for row in x[0]])[None]), 2 * T * D),
        (lambda: Body(lambda x, w: x @ F.dropout(w, 0.5)), 2 * T * D * D),
        (lambda: Body(lambda x, w: x + w[: x.shape[1]], T, D), 0),
        (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(D, D)), 2 * T * D * D),
    ],
)
def test_a_window_costs_what_a_hand_counts(body, by_hand):
    found = of(body())
    assert found.counted == found.products == HEAD + by_hand and not found.unknown
    assert of(body(), n_out=1).products == HEAD // T + by_hand


@pytest.mark.parametrize(
    ("body", "least"),
    [
        (lambda: Body(lambda x, w: (x[..., None] * w).sum(-2)), T * D * D),
        (lambda: Body(lambda x, w: (x[..., None] * w.view(D, D)).sum(-2), D * D), T * D * D),
        (lambda: Body(lambda x, w: (x[..., None] * w.mT.clone()).sum(-2)), T * D * D),
        (lambda: Body(lambda x, w: sum(w[i] * x for i in range(3)), 3, D), 3 * T * D),
    ],
)
def test_elementwise_products_with_a_matrix_are_counted(body, least):
    found = of(body())
    assert found.products == HEAD and HEAD + least <= found.counted <= HEAD + 2 * least
    assert found.agrees(HEAD + 2 * least) and not found.agrees(HEAD)
    assert str(found) == f"PyTorch counts {HEAD:,}, and elementwise work beyond the usual costs {found.beyond:,}, {found.counted:,} in all"


WIDE = 64


class Wide(nn.Module):
    """Attention of one head at a width at which products are what costs."""

    def __init__(self, attend):
        super().__init__()
        self.inward, self.qkv, self.outward, self.attend = nn.Linear(D, WIDE), nn.Linear(WIDE, 3 * WIDE), nn.Linear(WIDE, D), attend

    def forward(self, x):
        return self.outward(self.attend(*self.qkv(self.inward(x)).chunk(3, -1)))


def by_products(q, k, v):
    return (q @ k.mT).softmax(-1) @ v


def by_broadcasting(q, k, v):
    weights = (q[:, :, None] * k[:, None]).sum(-1).softmax(-1)
    return (weights[..., None] * v[:, None]).sum(-2)


def by_loops(q, k, v):
    weights = sum(q[:, :, None, i] * k[:, None, :, i] for i in range(WIDE)).softmax(-1)
    return sum(weights[:, :, i, None] * v[:, i, None] for i in range(v.shape[1]))


@pytest.mark.parametrize("attend", [by_broadcasting, by_loops])
def test_attention_costs_what_it_costs_however_it_is_written(attend):
    length = 128
    usual, other = (count(Around(Wide(how)), length, VOCAB_SIZE, length) for how in (by_products, attend))
    assert usual.beyond == 0 and other.products == usual.products - 4 * length**2 * WIDE
    assert other.counted == pytest.approx(usual.counted, rel=0.05)
    assert not other.agrees(other.products) and other.agrees(usual.counted)


def test_a_distance_costs_what_a_product_does():
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            assert of(Body(lambda x, w: torch.cdist(x, w[None]))).counted == HEAD + 2 * T * D * D


def test_a_fourier_transform_is_elementwise_work():
    found = of(Body(lambda x, w: torch.fft.irfft(torch.fft.rfft(x, dim=1) * w[0, 0], dim=1)))
    assert found.elementwise > 2 * 2.5 * D * T * 4 and found.products == HEAD


@torch.library.custom_op("tinylm_tests::hidden_product", mutates_args=())
def hidden_product(x: Tensor, w: Tensor) -> Tensor:
    return x @ w


class ByNumpy(Body):
    def __init__(self):
        super().__init__(lambda x, w: x + torch.from_numpy(x.detach().numpy() @ w.detach().numpy()))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (lambda: Bilinear(D, D, D), "aten._trilinear"),
        (lambda: Body(lambda x, w: torch.linalg.solve(w, x.mT).mT), "aten._linalg_solve_ex"),
        (lambda: Body(lambda x, w: x @ torch.linalg.inv(w)), "aten.linalg_inv_ex"),
        (lambda: Body(hidden_product), "tinylm_tests.hidden_product"),
        (ByNumpy, "the work after Tensor.numpy"),
    ],
)
def test_an_operator_of_unknown_cost_is_named_and_not_guessed(body, name):
    found = of(body())
    assert found.unknown == (name,) and found.more > 0
    assert not found.agrees(found.counted) and found.agrees(found.counted + 2 * T * D * D * D)
    assert f"and what {name} costs is not known, but at least {found.more:,}" in str(found)


def test_the_gradients_are_counted_with_the_products():
    depthwise = Around(Body(lambda x, w: F.conv1d(F.pad(x.mT, (2, 0)), w, groups=D).mT, D, 1, 3))
    x_1T = torch.arange(T)[None] % VOCAB_SIZE
    assert training_products(depthwise, x_1T) == 3 * (HEAD + 2 * T * 3 * D)
    assert training_products(Around(nn.Linear(D, D)), x_1T) == 3 * (HEAD + 2 * T * D * D)
    assert training_products(Around(Body(lambda x, w: F.conv_transpose1d(x.mT, w)[..., :T].mT, D, D, 3)), x_1T) == 3 * (
        HEAD + 2 * T * 3 * D * D
    )


def test_matrices_are_told_by_what_is_done_with_them():
    model = Around(nn.Sequential(nn.GRU(D, D, batch_first=True), Body(lambda x, w: x[0] @ w)))
    found = count(model, T, VOCAB_SIZE, T)
    assert found.looked_up == {"embedding.weight"}
    assert set(found.multiplied) == {"body.0.weight_ih_l0", "body.0.weight_hh_l0", "body.1.weight", "head.weight"}
    assert found.multiplied[-1] == "head.weight"
    model.head.weight = model.embedding.weight
    assert count(model, T, VOCAB_SIZE, T).multiplied[-1] == "embedding.weight"


def test_numbers_agree_within_the_tolerance():
    found = Count(products=1000, elementwise=3000)
    assert TOLERANCE == 0.01
    assert [found.agrees(n) for n in (989, 990, 1000, 1010, 1011)] == [False, True, True, True, False]
    wide = Count(products=1000, beyond=1000, elementwise=3000)
    assert [wide.agrees(n) for n in (1000, 1979, 1980, 4040, 4041)] == [False, False, True, True, False]
    unknown = Count(products=1000, unknown=("f",), more=500)
    assert [unknown.agrees(n) for n in (1000, 1485, 10**12)] == [False, True, True]


# Elementwise products with a matrix matter only at the sizes of tests.
def without_induction(config):
    return dataclasses.replace(config, induction=(), induction_times=1) if isinstance(config, InductionConfig) else config


WITHOUT_CONVOLUTION = transformer_configs().map(lambda config: dataclasses.replace(config, convolution=0, n_future=1))
PLAIN = (WITHOUT_CONVOLUTION | lstm_configs() | feedforward_configs()).map(without_induction)


@settings(max_examples=15)
@given(config=PLAIN, at_all=st.booleans())
def test_the_librarys_own_counts_agree(config, at_all):
    n_out = config.context_length if at_all and config.predicts_every_position else 1
    found = count(build(config, VOCAB_SIZE), config.context_length, VOCAB_SIZE, n_out)
    assert found.agrees(sum(forward_parts(config, VOCAB_SIZE, n_out, n_out).values()))


def test_a_kernel_of_elementwise_products_can_be_declared():
    shape = {"context_length": 64, "convolution": 3, "d_model": 8, "d_ff": 8, "n_layer": 1}
    config = dataclasses.replace(TRANSFORMER, **shape)
    found = count(build(config, VOCAB_SIZE), 64, VOCAB_SIZE, 64)
    assert found.beyond > 0 and found.agrees(sum(forward_parts(config, VOCAB_SIZE, 64, 64).values()))


def test_counting_leaves_mode_and_random_numbers_as_they_were():
    model = build(TRANSFORMER, VOCAB_SIZE).eval()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    count(model, TRANSFORMER.context_length, VOCAB_SIZE, 1)
    assert not model.training
    assert torch.equal(torch.rand(2), expected)


def test_random_numbers_of_a_seed():
    with own_random_numbers(5):
        first = torch.rand(2)
    torch.rand(1)
    with own_random_numbers(5):
        assert torch.equal(torch.rand(2), first)
