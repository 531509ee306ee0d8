"""The page docs/live: its weights are today's, its scripts compute what Python computes, and it works in a browser without a server."""

import importlib.util
import json
import re
import shutil
import subprocess

import lab
import numpy as np
import pytest

import tinylm as tl
from tinylm import data, files, ledger
from tinylm.evaluation import colouring, pretrained
from tinylm.ledger import Ledger
from tinylm.report import live_page

PAGE = files.DOCS / "live"
NODE = shutil.which("node")
MISSING = [name for name, found in (("playwright", importlib.util.find_spec("playwright")), ("chromium", lab.CHROMIUM)) if not found]
TOLERANCE = 1e-4  # of logits; 1e-5 was seen
# The logits after each token of the last of some texts, which one reader reads after another.
ROWS = """texts => {
    const reader = new Reader(new Network(LIVE.weights));
    for (const ids of texts) { reader.replace(ids); while (!reader.isDone) reader.step(); }
    return reader.rows.map(row => [...row]);
}"""
# How often each of three tokens is drawn at a temperature, from the numbers of a seed.
SHARES = """([logits, temperature, seed, n]) => {
    const counts = logits.map(() => 0);
    for (let i = 0; i < n; i++) counts[drawn(logits, temperature, uniformAt(seed, i))]++;
    return counts.map(count => count / n);
}"""


@pytest.fixture(scope="module")
def model():
    return tl.load(live_page.MODEL)


@pytest.fixture(scope="module")
def page():
    """The page as a double click opens it; at the end nothing went wrong on it, and it asked for nothing from elsewhere."""
    if MISSING:
        pytest.skip(f"needs {' and '.join(MISSING)} (pip install playwright; a Chromium of the system)")
    wrong = []
    with lab.opened("about:blank", 1280, 1000) as page:
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("request", lambda request: None if request.url.startswith(("file:", "data:")) else wrong.append(request.url))
        page.goto((PAGE / "index.html").as_uri())
        yield page
    assert wrong == []


def in_node(call, argument):
    """What a JavaScript function makes of an argument, beside the page's own weights and model."""
    if NODE is None:
        pytest.skip("needs node")
    scripts = [(PAGE / name).read_text(encoding="utf-8") for name in ("weights.js", "model.js")]
    source = "\n".join([*scripts, f"process.stdout.write(JSON.stringify(({call})({json.dumps(argument)})))"])
    done = subprocess.run([NODE, "-"], input=source, capture_output=True, text=True, timeout=200)  # 4,096 tokens at 20 a second
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def ids_of(n):
    """Ids of `n` characters, the first half of which repeat themselves, and the other half not."""
    grammar = data.load("grammar-char")
    repeated = tl.load(live_page.MODEL).encode(grammar.decode(grammar.train[: n // 2])).tolist()
    return repeated + np.random.default_rng(0).integers(0, 65, n - n // 2).tolist()


LONG = ids_of(2060)


def furthest(rows, model, ids):
    """How far logits lie from the model's own."""
    expected = np.concatenate(list(model.predictions(np.array(ids))))
    assert np.shape(rows) == expected.shape and np.abs(expected).max() > 5
    return np.abs(np.array(rows) - expected).max()


def test_the_weights_of_the_page_are_those_of_the_package():
    made_anew = live_page.script(live_page.MODEL, Ledger([files.LEDGER]).records)
    assert (PAGE / "weights.js").read_text(encoding="utf-8") == made_anew, "write it anew with: python -m tinylm export shakespeare --card"


def test_the_page_is_small_and_says_what_the_record_says():
    assert sum(path.stat().st_size for path in PAGE.iterdir()) < 6e6
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    facts = json.loads((PAGE / "weights.js").read_text(encoding="utf-8").partition("const LIVE = ")[2].rstrip(";\n"))["facts"]
    assert set(re.findall(r'data-fact="(\w+)"', text)) | {"context"} == set(facts)
    card = pretrained.card_file(live_page.MODEL).read_text(encoding="utf-8")
    assert all(f" {facts[name]} " in card for name in ("test_nll", "test_tokens", "parameters"))
    assert all((PAGE / link).is_file() for link in re.findall(r'(?:href|src)="([^":,]+)"', text))


def test_the_weights_are_only_written_when_they_change(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "DOCS", tmp_path)
    monkeypatch.setattr(live_page, "script", lambda name, records: f"weights of {name}")
    path = live_page.update()
    assert path == tmp_path / "live" / "weights.js" and path.read_text() == "weights of shakespeare"
    monkeypatch.setattr(ledger, "write_text", lambda *args: pytest.fail("written again"))
    live_page.update()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("transformer", "does not compute transformer: norm='layer', norm_place='post', position='learned', ffn='relu'"),
        ("ptb", "does not compute ptb: tied=True, induction=(), attention_window=0; extend it"),
    ],
)
def test_a_model_that_the_page_does_not_compute_is_refused(name, message):
    with pytest.raises(live_page.LivePageError, match=re.escape(message)):
        live_page.script(name, Ledger([files.LEDGER]).records)


def test_a_model_without_record_is_refused():
    with pytest.raises(live_page.LivePageError, match="no scored record in .*; import its record"):
        live_page.script("shakespeare", {})


def test_logits_are_those_of_python_also_beyond_the_context(model):
    ids = ids_of(3072)  # the second window of Python's, which ends with the text, begins where the page's does
    assert furthest(in_node(ROWS, [ids]), model, ids) < TOLERANCE


@pytest.mark.parametrize("texts", [[LONG, [*LONG[:1100], 1, 2, 3]], [LONG[:200], LONG[:50] + LONG[60:200]], [LONG[:90], [5, *LONG[:90]]]])
def test_a_text_that_changes_is_read_as_if_it_were_new(model, texts):
    assert furthest(in_node(ROWS, texts), model, texts[-1]) < TOLERANCE


def test_tokens_are_drawn_by_their_probabilities():
    logits, n = [0.0, 2.0, 1.0], 20_000
    for temperature in (0.5, 1.5):
        p = np.exp(np.array(logits) / temperature)
        assert in_node(SHARES, [logits, temperature, 7, n]) == pytest.approx(p / p.sum(), abs=4 * 0.5 / n**0.5)
    assert in_node(SHARES, [logits, 0, 7, 100]) == [0, 1, 0]


def read(page, text):
    """Put a text in the editor's place, and wait until all that the model knows is coloured."""
    page.fill("#text", text)
    page.wait_for_function("reader.isDone && spans.length === reader.ids.length")


def written(page, prompt, n, temperature, seed):
    """What the page writes after a prompt: the first `n` characters."""
    read(page, prompt)
    page.fill("#temperature", str(temperature))
    page.fill("#seed", str(seed))
    return written_on(page, len(prompt) + n)[len(prompt) :]


def written_on(page, length):
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(f"text.length >= {length}")
    page.get_by_role("button", name="Stop").click()
    page.wait_for_function("reader.isDone && !isWriting")
    return page.input_value("#text")[:length]


def test_the_page_computes_the_logits_in_a_browser(page, model):
    ids = ids_of(2048)
    assert furthest(page.evaluate(ROWS, [ids]), model, ids) < TOLERANCE


def test_each_character_has_the_colour_of_its_surprise(page, model):
    text = "ROMEO:\nTo be, or not to be: that is\nnot Zorban."
    read(page, text)
    assert page.evaluate("spans.map(span => span.textContent).join('')") == text
    nats = model.surprise(text).to_numpy()
    assert page.evaluate("spans.slice(1).map(span => span.nats)") == pytest.approx(nats[1:], abs=TOLERANCE)
    assert {colouring.level(each) for each in nats} == set(range(5))
    strengths = page.evaluate("spans.map(span => getComputedStyle(span).backgroundColor)")
    assert len(set(strengths)) == 5 and strengths[0] == strengths[int(np.nanargmin(nats))]
    assert f"{np.nanmean(nats):.2f} over your text ({len(text) - 1})" in page.inner_text("#means")


def test_at_temperature_zero_the_page_writes_what_python_writes(page, model):
    assert "HAMLET:" + written(page, "HAMLET:", 40, 0, 0) == str(model.generate("HAMLET:", length=40, temperature=0))
    assert page.evaluate("spans.slice(0, 47).map(span => span.matches('.model'))") == [False] * 7 + [True] * 40


def test_a_seed_repeats_a_text_and_a_stop_in_between_changes_nothing(page):
    first = written(page, "HAMLET:", 60, 1.0, 3)
    assert written(page, "HAMLET:", 60, 1.0, 4) != first
    assert written(page, "HAMLET:", 20, 1.0, 3) == first[:20]
    assert written_on(page, 67) == f"HAMLET:{first}"


def test_a_character_under_the_pointer_shows_what_was_expected_there(page, model):
    text = "HAMLET:\nTo be"
    read(page, text)
    page.evaluate("paper.scrollTop = 0")
    box = page.locator("#colours > span").nth(4).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.inner_text("#where") == "What was expected at character 5"
    assert page.inner_text("#came") == f"What came: E, {model.surprise(text).iloc[4]:.2f} nats."
    page.mouse.move(0, 0)
    assert page.inner_text("#where") == "What comes next"
    top = model.top(text)
    names = [{"\n": "line end", " ": "space"}.get(token, token) for token in top["token"]]
    assert page.locator("#top b").all_inner_texts() == names
    assert page.locator("#top li span").first.inner_text() == f"{100 * top['probability'][0]:.1f} %"


def test_characters_that_the_model_does_not_know_are_named_and_removed(page):
    read(page, "To be — or 7 😀 not")
    assert page.evaluate("spans.map(span => span.textContent).join('')") == "To be "
    assert page.inner_text("#message span").startswith("The model does not know “—”, “7”, “😀”; it reads up to the first of them.")
    assert page.get_by_role("button", name="Generate").is_disabled()
    page.get_by_role("button", name="Remove them").click()
    assert page.input_value("#text") == "To be  or   not"
    assert page.locator("#message").is_hidden() and page.get_by_role("button", name="Generate").is_enabled()


def test_nothing_is_written_without_a_text_or_a_seed(page):
    read(page, "")
    assert page.get_by_role("button", name="Generate").is_disabled()
    read(page, "HAMLET")
    page.fill("#seed", "")
    page.get_by_role("button", name="Generate").click()
    assert page.evaluate("isWriting") is False


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_a_phone_and_a_wide_window_in_both_themes(page, width, scheme):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    read(page, "HAMLET:\nA line that is so long that no window shows all of it at once, whatever its letters are, " * 3 + "\n")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("editor.scrollHeight === colours.scrollHeight"), "text and colours do not wrap alike"
    assert page.evaluate("spans.every(span => span.offsetParent === paper)"), "the box would not cut off what is scrolled out of it"
    lightness = page.evaluate("getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).reduce((a, b) => +a + +b)")
    assert (lightness > 384) == (scheme == "light")
