import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from specs import LSTM, TRANSFORMER, VOCAB_SIZE

from tinylm.config import ConfigError, MLPConfig
from tinylm.models.networks import build
from tinylm.models.networks.induction import NONE, Induction, followers, row_sums

MOVING = MLPConfig(context_length=8, window=2, d_model=6, d_hidden=10, dropout=0.0)


def last_followed(row, order, n_times):
    """The same by looking at every earlier place, the latest first."""
    found = []
    for i in range(len(row)):
        ends = [j for j in range(order - 1, i) if i >= order - 1 and row[j - order + 1 : j + 1] == row[i - order + 1 : i + 1]]
        found.append(([row[j + 1] for j in reversed(ends)] + [NONE] * n_times)[:n_times])
    return found


@given(rows=st.integers(1, 9).flatmap(lambda n: st.lists(st.lists(st.integers(0, 2), min_size=n, max_size=n), min_size=1, max_size=3)))
def test_followers_are_those_of_the_latest_earlier_place(rows):
    for orders, n_times in (((1,), 1), ((1,), 3), ((2, 3), 2), ((4, 1, 2), 1)):
        found = followers(torch.tensor(rows), orders, n_times, 3).unflatten(-1, (len(orders), n_times))
        for i, order in enumerate(orders):
            assert found[:, :, i].tolist() == [last_followed(row, order, n_times) for row in rows]


def test_a_name_is_told_from_its_first_letters():
    text = "PETER: no. PET"
    x_BT = torch.tensor([[ord(c) for c in text]])
    assert chr(followers(x_BT, (3,), 1, 128)[0, -1]) == "E"
    assert followers(x_BT, (4,), 1, 128)[0, -1] == NONE


def test_no_position_sees_a_later_one(copying):
    x_BT = torch.tensor([[1, 2, 3, 1, 2, 4, 1, 2]])
    before = copying(x_BT, 8)
    changed = torch.cat([x_BT[:, :6], torch.tensor([[5, 6]])], 1)
    torch.testing.assert_close(copying(changed, 8)[:, :6], before[:, :6])


def test_what_followed_changes_the_prediction(copying):
    pair = torch.tensor([[1, 2, 3, 0, 0, 0, 1, 2], [1, 2, 4, 0, 0, 0, 1, 2]])
    model = copying
    for block in model.blocks:  # without attention only induction can tell the two apart
        torch.nn.init.zeros_(block.attention.layer.out.weight)
    first, second = model(pair, 1)
    assert not torch.allclose(first, second)


@pytest.mark.parametrize("shape", [LSTM, MOVING])
def test_no_position_of_another_architecture_sees_a_later_one(shape):
    model = build(dataclasses.replace(shape, induction=(1, 2), induction_times=2), VOCAB_SIZE).eval()
    x_BT = torch.tensor([[1, 2, 3, 1, 2, 4, 1, 2]])
    before = model(x_BT, 8)
    for t in range(1, 8):
        changed = torch.cat([x_BT[:, :t], torch.randint(VOCAB_SIZE, (1, 8 - t))], 1)
        torch.testing.assert_close(model(changed, 8)[:, :t], before[:, :t])


def test_an_mlp_knows_what_followed_outside_its_window():
    torch.manual_seed(0)
    model = build(dataclasses.replace(MOVING, induction=(2,)), VOCAB_SIZE).eval()
    pair = torch.tensor([[1, 2, 3, 0, 0, 0, 1, 2], [1, 2, 4, 0, 0, 0, 1, 2]])
    first, second = model(pair, 1)
    assert not torch.allclose(first, second)
    torch.testing.assert_close(*build(MOVING, VOCAB_SIZE).eval()(pair, 1))  # to rounding: on some processors it differs between rows


def test_an_order_whose_rows_have_no_number_is_refused():
    with pytest.raises(ConfigError, match="induction of order 5 is too high for 10,000 tokens; lower it"):
        dataclasses.replace(TRANSFORMER, induction=(2, 5)).check_vocab_size(10_000)


def test_states_are_those_of_a_sum_over_orders_and_times():
    """Of each follower's embedding times a scale, projected and added to the token's own."""
    torch.manual_seed(0)
    config = dataclasses.replace(TRANSFORMER, induction=(1, 2), induction_times=2)
    layer, embedding = Induction(config, 6, VOCAB_SIZE).double(), torch.nn.Embedding(VOCAB_SIZE, 6).double()
    x_BT = torch.randint(3, (2, 12))
    next_BTK = followers(x_BT, (1, 2), 2, VOCAB_SIZE)
    found = sum(
        embedding(next_BT.clamp(min=0)) * (next_BT != NONE).unsqueeze(-1) * scale
        for next_BT, scale in zip(next_BTK.unbind(-1), layer.scale, strict=True)
    )
    ours, expected = layer(x_BT, embedding, 12), embedding(x_BT) + layer.out(found)
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(layer(x_BT, embedding, 5), expected[:, -5:])
    direction, leaves = torch.randn_like(expected), [embedding.weight, *layer.parameters()]
    torch.testing.assert_close(*(torch.autograd.grad(states, leaves, direction) for states in (ours, expected)))


def test_sums_of_rows_in_bf16_add_up_in_fp32():
    torch.manual_seed(0)
    table, rows = torch.randn(3, 4).bfloat16().requires_grad_(), torch.randint(3, (1, 2000, 2))
    (grad,) = torch.autograd.grad(row_sums(table, rows), table, torch.full((1, 2000, 4), 1.0).bfloat16())
    assert grad[:, 0].tolist() == [float(torch.tensor(float((rows == row).sum())).bfloat16()) for row in range(3)]
