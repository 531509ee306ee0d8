import dataclasses

import pytest
import torch
from specs import BESIDE_A_POINTER, LSTM, POINTING, VOCAB_SIZE

from tinylm.models.networks import build
from tinylm.models.networks.base import target_nlls


@pytest.fixture(params=[POINTING, dataclasses.replace(LSTM, pointer=4)], ids=lambda config: config.kind)
def pointing(request):
    """A model whose pointer has a large share."""
    torch.manual_seed(0)
    model = build(request.param, VOCAB_SIZE).eval()
    torch.nn.init.zeros_(model.pointer.sentinel.bias)
    return model


def by_hand(model, x_T):
    """Probabilities (V,) after the last token, by a loop over the earlier positions."""
    pointer, n = model.pointer, len(x_T)
    states_TD = model.hidden(x_T[None], n)[0]
    scores = [pointer.sentinel(states_TD[-1])[0]]
    scores += [pointer.query(states_TD[-1]) @ pointer.key(states_TD[i]) / POINTING.pointer**0.5 for i in range(n - 1)]
    shares = torch.stack(scores).softmax(0)
    p_V = shares[0] * model.head(states_TD[-1]).softmax(0)
    for share, token in zip(shares[1:], x_T[1:], strict=True):
        p_V[token] += share
    return p_V


@pytest.mark.parametrize("n", [1, 2, 8])
def test_probabilities_are_those_of_a_loop(pointing, n):
    x_T = torch.tensor([1, 2, 3, 1, 2, 4, 1, 2])[:n]
    p_V = pointing(x_T[None], 1)[0, 0].exp()
    torch.testing.assert_close(p_V, by_hand(pointing, x_T))
    assert p_V.sum().item() == pytest.approx(1, abs=1e-5)


def test_gradients_are_those_of_the_logits(pointing):
    x_BT, y_BN = torch.randint(VOCAB_SIZE, (2, 8)), torch.randint(VOCAB_SIZE, (2, 8))
    losses = pointing.nlls(x_BT, y_BN).mean(), target_nlls(pointing(x_BT, 8), y_BN).mean()
    parameters = list(pointing.parameters())
    for ours, theirs in zip(*(torch.autograd.grad(loss, parameters) for loss in losses), strict=True):
        assert ours.isfinite().all()
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("parts", BESIDE_A_POINTER, ids=str)
@pytest.mark.parametrize("n_out", [8, 5])
def test_no_position_sees_a_later_one(parts, n_out):
    model = build(dataclasses.replace(POINTING, **parts), VOCAB_SIZE).eval()
    x_BT, y_BN = torch.tensor([[1, 2, 3, 1, 2, 4, 1, 2]]), torch.tensor([[1, 2, 3, 4, 5, 6, 7, 8]])[:, -n_out:]
    for place in range(1, 8):
        changed, n_before = x_BT.clone(), max(0, place - 8 + n_out)
        changed[0, place:] = 9
        torch.testing.assert_close(model(changed, n_out)[:, :n_before], model(x_BT, n_out)[:, :n_before])
        torch.testing.assert_close(model.nlls(changed, y_BN)[:, :n_before], model.nlls(x_BT, y_BN)[:, :n_before])


def test_the_vocabulary_has_nearly_all_at_first():
    torch.manual_seed(0)
    vocabulary, _ = build(POINTING, VOCAB_SIZE).pointer.log_shares(torch.zeros(1, 8, 16), 8)
    assert vocabulary.exp()[0, 0].item() == 1
    assert vocabulary.exp()[0, -1].item() == pytest.approx(0.9, abs=0.02)


def test_states_and_nlls_come_from_one_pass(pointing, monkeypatch):
    x_BT, y_BN = torch.randint(VOCAB_SIZE, (2, 8)), torch.randint(VOCAB_SIZE, (2, 3))
    nlls, states = pointing.nlls(x_BT, y_BN), pointing.hidden(x_BT, 3)
    passes = []
    hidden = pointing.hidden
    monkeypatch.setattr(pointing, "hidden", lambda *args: passes.append(args) or hidden(*args))
    found = pointing.states_and_nlls(x_BT, y_BN)
    assert len(passes) == 1
    torch.testing.assert_close(found, (states, nlls))
