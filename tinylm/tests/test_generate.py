import json

import pytest
import torch
from specs import LINEAR, TRANSFORMER, VOCAB_SIZE, spec

from tinylm import checkpoint, data, generate, samples, study
from tinylm.config import ConfigError, LinearConfig, RunSpec, TrainConfig
from tinylm.generate import Prompt
from tinylm.models import build


def model(config=TRANSFORMER, seed=0):
    torch.manual_seed(seed)
    return build(config, VOCAB_SIZE).eval()


@pytest.mark.parametrize("config", [TRANSFORMER, LINEAR])
def test_a_seed_gives_one_text_and_another_seed_another(corpus, config):
    texts = [generate.continuation(model(config), corpus, config.context_length, Prompt(0, 40, 1.0, seed)) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert len(texts[0]) == 40


def test_a_low_temperature_takes_the_likeliest_token(corpus):
    built, length = model(), TRANSFORMER.context_length
    text = generate.continuation(built, corpus, length, Prompt(3, 1, 1e-4))
    window = torch.from_numpy(corpus.valid[3 : 3 + length].astype("int64"))
    assert text == corpus.vocab[built(window[None], 1).argmax()]


def test_a_prompt_that_cannot_be_continued_says_why(corpus):
    with pytest.raises(ConfigError, match="temperature must be above zero"):
        generate.continuation(model(), corpus, 8, Prompt(0, 1, 0.0))
    with pytest.raises(ConfigError, match="lower the start"):
        generate.continuation(model(), corpus, 8, Prompt(len(corpus.valid), 1, 1.0))


def test_weights_that_were_saved_predict_the_same(corpus, tmp_path):
    built = model()
    checkpoint.save(tmp_path / "w", built.state_dict(), {})
    loaded = generate.load_model(spec(TRANSFORMER), corpus, tmp_path / "w")
    x_BT = torch.arange(8)[None]
    assert torch.equal(built(x_BT, 1), loaded(x_BT, 1))


def test_samples_are_recorded_once_and_read_without_weights(tmp_path):
    folders = (tmp_path / "published", tmp_path / "local")
    planned = RunSpec(corpus="grammar-char", model=LinearConfig(context_length=4, d_model=4), train=TrainConfig(steps=1))
    built = build(planned.model, data.vocab_size("grammar-char"))
    checkpoint.save(tmp_path / "w", built.state_dict(), {})
    assert samples.read(planned, folders) is None
    found = samples.record(planned, tmp_path / "w", folders[1])
    assert samples.read(planned, folders) == found == json.loads(json.dumps(found))
    assert {(s["start"], s["temperature"]) for s in found["samples"]} == {(s, t) for s in (0, 19_996) for t in samples.TEMPERATURES}
    assert all(len(s["text"]) == samples.N_TOKENS and len(s["prompt"]) == 4 for s in found["samples"])


def test_only_networks_of_seed_0_are_sampled():
    runs = samples.wanted(study.section_plan("architectures", "full"))
    assert [run.name for run in runs] == ["Linear", "MLP", "Self-Attention", "Transformer"]
