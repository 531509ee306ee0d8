import pytest
import torch
from specs import TRANSFORMER, VOCAB_SIZE
from torch import nn

from tinylm.config import ConfigError, NgramConfig
from tinylm.models.networks.base import LanguageModel, build, n_params, target_nlls


class Successor(LanguageModel):
    """Nearly sure that the token after n is n + 1; its states are the tokens in one-hot form."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(VOCAB_SIZE, VOCAB_SIZE, bias=False)
        self.head.weight.data = 9.0 * torch.eye(VOCAB_SIZE).roll(1, 0)

    def hidden(self, x_BT, n_out):
        return nn.functional.one_hot(x_BT[:, -n_out:], VOCAB_SIZE).float()


def test_nlls_are_minus_the_logs_of_the_targets_probabilities():
    p_V = torch.tensor([0.5, 0.25, 0.125, 0.125])
    logits_BNV = (p_V.log() + 7).expand(2, 2, 4)
    expected = torch.tensor([[1.0, 2.0], [3.0, 3.0]]) * torch.log(torch.tensor(2.0))
    torch.testing.assert_close(target_nlls(logits_BNV, torch.tensor([[0, 1], [2, 3]])), expected)
    assert target_nlls(logits_BNV.bfloat16(), torch.zeros(2, 2, dtype=torch.long)).dtype == torch.float32


def test_the_targets_are_those_of_the_last_positions():
    model, x_BT = Successor(), torch.tensor([[5, 1, 2, 3], [0, 4, 5, 6]])
    assert model(x_BT, 2).argmax(-1).tolist() == [[3, 4], [6, 7]]
    nlls_BN = model.nlls(x_BT, torch.tensor([[3, 4], [6, 0]]))
    assert nlls_BN.shape == (2, 2) and nlls_BN[1, 1] > 9 and nlls_BN.flatten()[:3].max() < 0.01
    states_BND, again_BN = model.states_and_nlls(x_BT, torch.tensor([[3, 4], [6, 0]]))
    assert states_BND.argmax(-1).tolist() == [[2, 3], [5, 6]] and torch.equal(again_BN, nlls_BN)


def test_a_model_without_states_says_so():
    class Stateless(LanguageModel):
        pass

    with pytest.raises(TypeError, match="Stateless defines no hidden states"):
        Stateless().hidden(torch.zeros(1, 1, dtype=torch.long), 1)


def test_counts_are_no_network():
    with pytest.raises(ConfigError, match="NgramConfig has no model"):
        build(NgramConfig(), VOCAB_SIZE)


def test_a_shared_matrix_counts_once():
    embedding, head = nn.Embedding(7, 3), nn.Linear(3, 7)
    assert n_params(nn.Sequential(embedding, head)) == 7 * 3 + 7 * 3 + 7
    head.weight = embedding.weight
    assert n_params(nn.Sequential(embedding, head)) == 7 * 3 + 7


def test_a_built_model_knows_its_vocabulary():
    assert build(TRANSFORMER, VOCAB_SIZE).vocab_size == VOCAB_SIZE


def test_hidden_matrices_are_neither_embeddings_nor_in_the_head():
    model = Successor()
    model.embedding, model.layer = nn.Embedding(7, 3), nn.Linear(3, 4)
    model.head = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 7))
    assert [id(p) for p in model.hidden_matrices()] == [id(model.layer.weight)]
