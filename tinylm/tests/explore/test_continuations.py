import html
import re

import pytest
from explorer import DENSE, TEXT, trained

from tinylm import explore, files
from tinylm.config import LinearConfig, RunSpec, TrainConfig
from tinylm.config.serialise import to_dict
from tinylm.evaluation import generate, weights
from tinylm.models import checkpoint
from tinylm.models.networks import build


def test_models_continue_a_prompt_side_by_side_as_the_command_line_would(home):
    dense, last = trained(DENSE, "all"), trained(LinearConfig(context_length=8, d_model=4), "last")
    panel = explore.Continuations(TEXT)
    panel.models.index, panel.length.value, panel.seed.value = (0, 1), 20, 3
    panel.go.click()
    cards = re.findall(r'<div class="tinylm-card">.*?</div>', panel.cards.value, re.DOTALL)
    assert len(cards) == 2 and "Surprise in nats" in panel.cards.value
    for spec in (dense, last):
        opened = weights.open_file(files.WEIGHTS / f"{spec.key}.safetensors", {})
        stream = opened.continued(opened.vocabulary.encode(TEXT), generate.Sampling(seed=3))
        written = TEXT + "".join(opened.vocabulary.next_text(next(stream)) for _ in range(20))
        shown = [html.unescape(re.sub(r"<[^>]*>", "", re.search(r"<pre.*?</pre>", card, re.DOTALL)[0])) for card in cards]
        assert written.replace("\n", "↵\n") in shown
    first = panel.cards.value
    panel.go.click()
    assert panel.cards.value == first
    panel.seed.value = 4
    panel.go.click()
    assert panel.cards.value != first


def test_texts_and_surprises_are_handed_out(home):
    specs = trained(DENSE, "all"), trained(LinearConfig(context_length=8, d_model=4), "last")
    panel = explore.Continuations(TEXT)
    assert panel.texts == {} and panel.data.empty
    panel.models.index, panel.length.value = (0, 1), 20
    panel.go.click()
    assert list(panel.texts) == list(panel.models.label) and len(set(panel.texts.values())) == len(specs)
    assert panel.data["surprise"].dtype == float and panel.data["is_prompt"].dtype == bool
    for model, rows in panel.data.groupby("model"):
        assert "".join(rows["token"]) == panel.texts[model] and panel.texts[model].startswith(TEXT)
        assert rows["is_prompt"].sum() == len(TEXT) and len(rows) == len(TEXT) + 20
        written = rows.loc[~rows["is_prompt"], "surprise"]
        assert f"{written.mean():.2f} nats in what the model wrote" in panel.cards.value
    panel.prompt.value = "Ü"
    panel.go.click()
    assert panel.texts == {} and panel.data.empty


@pytest.mark.parametrize(("prompt", "message"), [("Ü", "grammar-char has no 'Ü'"), ("", "Write a prompt of one token or more.")])
def test_a_prompt_that_a_model_cannot_read_is_said_on_its_card(home, prompt, message):
    trained(DENSE, "all")
    panel = explore.Continuations(prompt)
    panel.go.click()
    assert message in html.unescape(panel.cards.value)


def test_words_a_model_does_not_know_are_named(home):
    spec = RunSpec(corpus="grammar-word", model=DENSE, train=TrainConfig(steps=3, loss_at="all"))
    said = {"key": spec.key, "spec": to_dict(spec), "level": "word", "vocab": ["<unk>", "sea", "<eos>"], "lead": [2] * 24}
    checkpoint.save(files.WEIGHTS / f"{spec.key}.safetensors", build(DENSE, 3).state_dict(), said)
    panel = explore.Continuations("the sea")
    panel.go.click()
    assert "grammar-word has no 'the'; <unk> stands for it." in html.unescape(panel.cards.value)
    assert "&lt;unk&gt;</span>" in panel.cards.value and "<unk>" not in panel.cards.value
