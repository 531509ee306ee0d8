import numpy as np
import pytest
import torch
import torch.nn.functional as F
from specs import LINEAR, LSTM, TRANSFORMER, VOCAB_SIZE, spec

from tinylm.evaluation import generate
from tinylm.evaluation.network_model import NetworkModel
from tinylm.models.networks import build


def trained(corpus, config, loss_at):
    """An untrained model, opened as if it had been trained on the Markov corpus."""
    torch.manual_seed(0)
    planned = spec(config, loss_at=loss_at)
    lead = generate.lead_ids(corpus, config.context_length)
    network = build(config, VOCAB_SIZE).eval()
    return NetworkModel(spec=planned, vocabulary=corpus.vocabulary, lead_ids=lead, network=network)


@pytest.mark.parametrize(("config", "loss_at"), [(TRANSFORMER, "all"), (TRANSFORMER, "last"), (LSTM, "all"), (LINEAR, "last")])
def test_each_token_costs_what_its_own_window_says(corpus, config, loss_at):
    opened, ids, length = trained(corpus, config, loss_at), corpus.valid[100:112], config.context_length
    lead = opened.lead_ids[-(length - 1) :] if loss_at == "last" else opened.lead_ids[:0]
    text = torch.from_numpy(np.concatenate([lead, ids]).astype("int64"))
    found = opened.surprises(ids)
    assert found.shape == (12,) and np.isnan(found[0])
    for i in range(1, 12):
        end = len(lead) + i
        logits = opened.network(text[None, max(0, end - length) : end], 1)[0, 0]
        assert found[i] == pytest.approx(F.cross_entropy(logits, text[end]).item(), abs=1e-5)


def test_the_likeliest_continuation_is_the_least_surprising(corpus):
    opened = trained(corpus, TRANSFORMER, "all")
    prompt = corpus.valid[:5]
    predict = generate.predictor(opened.network, TRANSFORMER.context_length)
    stream = generate.stream(predict, prompt, generate.Sampling(temperature=0.0))
    likeliest = next(stream)
    costs = [opened.surprises(np.append(prompt, token))[-1] for token in range(VOCAB_SIZE)]
    assert int(np.argmin(costs)) == likeliest
    assert np.exp(-np.array(costs)).sum() == pytest.approx(1, abs=1e-5)


def test_one_token_alone_has_no_surprise(corpus):
    assert np.isnan(trained(corpus, TRANSFORMER, "all").surprises(corpus.valid[:1])).all()
