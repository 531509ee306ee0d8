"""An LSTM layer whose input and state gate each other before they meet (Melis et al. 2020)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tinylm.models.networks.layers import accumulating


class MogrifierLSTM(nn.Module):
    """Called as nn.LSTM of one layer, batch first, which keeps no last state: the states (B, T, D) of inputs x_BTI, from zero states.

    In rounds, in turns, the input is scaled by 2 sigmoid(Q h) and the state by 2 sigmoid(R x). So what meets at a position depends on
    the state before it, and no product with the input can be made for all positions at once, as nn.LSTM makes it; only the gradients of
    the weights can. Computes in fp32 whatever it is given.
    """

    def __init__(self, n_in: int, width: int, n_rounds: int) -> None:
        super().__init__()
        self.weight_ih_l0, self.weight_hh_l0 = (nn.Parameter(torch.empty(4 * width, n)) for n in (n_in, width))
        self.rounds = nn.ParameterList(torch.empty((n_in, width) if number % 2 == 0 else (width, n_in)) for number in range(n_rounds))
        self.bias_l0 = nn.Parameter(torch.empty(4 * width))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(width**-0.5), width**-0.5)  # as nn.LSTM's

    def forward(self, x_BTI: Tensor) -> tuple[Tensor, None]:
        tensors = (x_BTI.transpose(0, 1), self.weight_ih_l0, self.weight_hh_l0, self.bias_l0, *self.rounds)
        states_TBD = _Mogrified.apply(*(tensor.to(accumulating(tensor.dtype)).contiguous() for tensor in tensors))
        return states_TBD.transpose(0, 1).to(x_BTI.dtype), None


class _Mogrified(torch.autograd.Function):
    """The loops hold what a position needs of the one before or after it; all else is done for all positions at once.

    `values` are the input, the state before it, and of each round i what it makes of value i: v_i (1 + tanh(W_i v_(i+1) / 2)), which is
    v_i 2 sigmoid(W_i v_(i+1)). The last input and the last state meet in the LSTM.
    """

    @staticmethod
    def forward(ctx, x_TBI: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_G: Tensor, *rounds: Tensor) -> Tensor:
        n_positions, n_batch, width = *x_TBI.shape[:2], weight_hh.shape[1]
        states_TBD = x_TBI.new_zeros(n_positions + 1, n_batch, width)  # before the first position, and after each
        cells_TBD, gates_TBG = torch.zeros_like(states_TBD), x_TBI.new_empty(n_positions, n_batch, 4 * width)
        values, halves, squashed_TBD = [x_TBI, states_TBD[:-1]], [weight / 2 for weight in rounds], torch.empty_like(states_TBD[1:])
        for _ in rounds:
            values.append(torch.empty_like(values[-2]))
        tanhs = [torch.empty_like(value) for value in values[2:]]
        turns = [_by_position(*four) for four in zip(values, values[1:], tanhs, values[2:], strict=False)]
        meetings = _by_position(*_met(values), gates_TBG)
        moves = _by_position(
            gates_TBG[..., : 2 * width], *gates_TBG.chunk(4, -1), cells_TBD[:-1], cells_TBD[1:], squashed_TBD, states_TBD[1:]
        )
        for t in range(n_positions):
            for half, turn in zip(halves, turns, strict=True):
                _turn(half, *turn[t])
            x_BI, h_BD, gates_BG = meetings[t]
            torch.addmm(torch.addmm(bias_G, x_BI, weight_ih.mT, out=gates_BG), h_BD, weight_hh.mT, out=gates_BG)
            _move(*moves[t])
        ctx.save_for_backward(weight_ih, weight_hh, gates_TBG, cells_TBD, squashed_TBD, *halves, *tanhs, *values)
        return states_TBD[1:]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_TBD: Tensor) -> tuple[Tensor, ...]:
        weight_ih, weight_hh, gates_TBG, cells_TBD, squashed_TBD, *rest = ctx.saved_tensors
        n_rounds = len(rest) // 3  # of each one the weight, the hyperbolic tangents and a value, beside two values
        halves, tanhs, values = rest[:n_rounds], rest[n_rounds : 2 * n_rounds], rest[2 * n_rounds :]
        grad_x, grad_gates = torch.empty_like(values[0]), torch.empty_like(gates_TBG)
        grad_tanhs = [torch.empty_like(tanh) for tanh in tanhs]
        turns = [_by_position(1 + tanh, v * (1 - tanh * tanh), grad) for tanh, v, grad in zip(tanhs, values, grad_tanhs, strict=False)]
        parts = grad_gates.unflatten(-1, (4, -1)).split([3, 1], 2)
        moves = _by_position(grad_TBD, *_slopes(gates_TBG, cells_TBD, squashed_TBD), *parts)
        grad_h, grad_c = torch.zeros_like(grad_TBD[0]), torch.zeros_like(grad_TBD[0])
        for t in reversed(range(len(grad_TBD))):
            _move_back(grad_h, grad_c, *moves[t])
            grads = [grad_gates[t] @ weight_ih, grad_gates[t] @ weight_hh]  # of the last input and state, then of those before
            for number in reversed(range(n_rounds)):
                _turn_back(halves[number], grads[number % 2], grads[1 - number % 2], *turns[number][t])
            grad_x[t], grad_h = grads
        weights = [_summed(grad_gates, value) for value in _met(values)]
        gates = [_summed(grad, value) / 2 for grad, value in zip(grad_tanhs, values[1:], strict=False)]
        return grad_x, *weights, grad_gates.sum((0, 1)), *gates


def _by_position(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """What tensors (T, ...) hold at each position."""
    return list(zip(*(tensor.unbind() for tensor in tensors), strict=True))


def _met(values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The last input and the last state."""
    return (values[-2], values[-1]) if len(values) % 2 == 0 else (values[-1], values[-2])


def _turn(half: Tensor, value: Tensor, by: Tensor, tanh: Tensor, out: Tensor) -> None:
    """One round at one position: the value is scaled by a gate that the other one opens."""
    torch.mm(by, half.mT, out=tanh).tanh_()
    torch.addcmul(value, value, tanh, out=out)


def _move(
    both: Tensor, enter: Tensor, forget: Tensor, cell: Tensor, leave: Tensor, before: Tensor, after: Tensor, squashed: Tensor, state: Tensor
) -> None:
    """The cell after a position and its state, from the cell before and the gates, which are opened in place, two of them at once."""
    both.sigmoid_()
    cell.tanh_()
    leave.sigmoid_()
    torch.mul(forget, before, out=after).addcmul_(enter, cell)
    torch.mul(leave, torch.tanh(after, out=squashed), out=state)


def _slopes(gates_TBG: Tensor, cells_TBD: Tensor, squashed_TBD: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What gradients are multiplied by: from state to cell, from cell to the first three gates' sums, from state to the fourth's, and
    from cell to the one before.
    """
    enter, forget, cell, leave = gates_TBG.chunk(4, -1)
    inner = [cell * enter * (1 - enter), cells_TBD[:-1] * forget * (1 - forget), enter * (1 - cell * cell)]
    outer = squashed_TBD * leave * (1 - leave)
    return leave * (1 - squashed_TBD * squashed_TBD), torch.stack(inner, 2), outer[:, :, None], forget


def _move_back(
    grad_h: Tensor, grad_c: Tensor, grad_BD: Tensor, to_cell: Tensor, inner: Tensor, outer: Tensor, forget: Tensor, *out: Tensor
) -> None:
    """The gradients of the gates' sums at one position, from those of its state and of its cell, which becomes that of the one before."""
    grad_h.add_(grad_BD)
    grad_c.addcmul_(grad_h, to_cell)
    torch.mul(inner, grad_c[:, None], out=out[0])
    torch.mul(outer, grad_h[:, None], out=out[1])
    grad_c.mul_(forget)


def _turn_back(half: Tensor, grad_value: Tensor, grad_by: Tensor, scale: Tensor, slope: Tensor, grad_tanh: Tensor) -> None:
    """The gradients of a round's two values, in place, and that of its product."""
    torch.mul(grad_value, slope, out=grad_tanh)
    torch.addmm(grad_by, grad_tanh, half, out=grad_by)
    grad_value.mul_(scale)


def _summed(grad_TBM: Tensor, value_TBN: Tensor) -> Tensor:
    """The gradient (M, N) of a weight that turns values into what has that gradient, over all positions."""
    return grad_TBM.flatten(0, 1).mT @ value_TBN.flatten(0, 1)
