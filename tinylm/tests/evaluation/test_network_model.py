import numpy as np
import pytest
import torch
import torch.nn.functional as F
from specs import LINEAR, LSTM, MOGRIFIED, TRANSFORMER, VOCAB_SIZE, spec

from tinylm.evaluation import generate, nlls
from tinylm.evaluation.network_model import NetworkModel
from tinylm.models.networks import build


def trained(corpus, config, loss_at):
    """An untrained model, opened as if it had been trained on the Markov corpus."""
    torch.manual_seed(0)
    planned = spec(config, loss_at=loss_at)
    lead = generate.lead_ids(corpus, config.context_length)
    network = build(config, VOCAB_SIZE).eval()
    return NetworkModel(spec=planned, vocabulary=corpus.vocabulary, lead_ids=lead, network=network)


@pytest.mark.parametrize(
    ("config", "loss_at"), [(TRANSFORMER, "all"), (TRANSFORMER, "last"), (LSTM, "all"), (MOGRIFIED, "all"), (LINEAR, "last")]
)
def test_each_token_costs_what_its_own_window_says(corpus, config, loss_at):
    opened, ids, length = trained(corpus, config, loss_at), corpus.valid[100:112], config.context_length
    lead = opened.lead_ids[-(length - 1) :] if loss_at == "last" else opened.lead_ids[:0]
    text = torch.from_numpy(np.concatenate([lead, ids]).astype("int64"))
    found = opened.surprises(ids)
    assert found.shape == (12,) and np.isnan(found[0])
    step = length // 2 if loss_at == "all" else 1  # that windows move by
    for i in range(1, 12):
        end = len(lead) + i
        begin = max(0, end - length)
        begin = min(-(-begin // step) * step, len(text) - 1 - length) if begin else 0  # the last window ends with the text
        logits = opened.network(text[None, begin:end], 1)[0, 0]
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


@pytest.mark.parametrize(
    ("config", "loss_at"), [(TRANSFORMER, "all"), (TRANSFORMER, "last"), (LSTM, "all"), (MOGRIFIED, "all"), (LINEAR, "last")]
)
@pytest.mark.parametrize("n", [1, 5, 40])
def test_the_next_token_is_predicted_from_one_window_as_it_is_generated(corpus, monkeypatch, config, loss_at, n):
    opened, ids = trained(corpus, config, loss_at), corpus.valid[:n]
    read = []
    forward = opened.network.forward
    monkeypatch.setattr(opened.network, "forward", lambda x, n_out: read.append(x.numel()) or forward(x, n_out))
    p = opened.distribution(corpus.decode(ids))
    assert sum(read) <= config.context_length
    assert opened.vocabulary.index[p.idxmax()] == next(opened.continued(ids, generate.Sampling(temperature=0.0)))


def test_long_scoring_of_a_model_has_a_bar_and_that_of_a_training_run_none(corpus, monkeypatch, capsys):
    monkeypatch.setattr(nlls, "WAIT", 0.0)
    opened = trained(corpus, TRANSFORMER, "all")
    opened.token_nlls(corpus.test, opened.spec)
    assert "scoring" in capsys.readouterr().err
    nlls.token_nlls(opened.network, torch.from_numpy(corpus.test.astype("int32")), opened.spec)
    assert capsys.readouterr().err == ""


def test_a_long_text_is_read_in_windows_that_move_by_half_a_context(corpus, monkeypatch):
    opened, n = trained(corpus, TRANSFORMER, "all"), 200
    read = []
    forward = opened.network.forward
    monkeypatch.setattr(opened.network, "forward", lambda x, n_out: read.append(x.numel()) or forward(x, n_out))
    assert len(opened.surprises(corpus.valid[:n])) == n
    assert sum(read) <= 2 * n
