"""The explorer's panels, driven as a page would drive them; what a browser makes of them is the next file's business."""

import dataclasses
import html
import re
import subprocess
import sys

import numpy as np
import pytest
from records import made
from synthetic import record

from tinylm import data, explore, files, ledger, study
from tinylm.config import LinearConfig, NgramConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.config.serialise import to_dict
from tinylm.evaluation import generate, weights
from tinylm.explore import budget, labels
from tinylm.explore.attention import last_tokens
from tinylm.explore.colouring import LEVELS, coloured, legend
from tinylm.explore.panel import STYLE_SHEET
from tinylm.ledger import versions
from tinylm.models import checkpoint
from tinylm.models.networks import build
from tinylm.study import recipes
from tinylm.study.recipes import recipe

TEXT = "Domin : a letter"
DENSE = TransformerConfig(context_length=24, n_layer=2, n_head=2, d_model=8, d_ff=8)


def stored(found, section="local"):
    """A record written where the explorer looks."""
    ledger.write(found, files.LOCAL_LEDGER / section)
    return found


def trained(model, loss_at, corpus="grammar-char", seed=0):
    """An untrained model of a spec with its record, as if it had been trained here; the spec."""
    spec = RunSpec(corpus=corpus, model=model, train=TrainConfig(steps=3, eval_tokens=20, loss_at=loss_at), seed=seed)
    built = build(model, data.vocab_size(corpus))
    checkpoint.save(files.WEIGHTS / f"{spec.key}.safetensors", built.state_dict(), weights.facts(spec, data.load(corpus)))
    return stored(made(spec=spec)).spec


def cells(table):
    """The cells of a table in HTML, row by row, without its header."""
    rows = re.findall(r"<tr>(.*?)</tr>", table)[1:]
    return [[html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows]


def test_runs_are_found_by_corpus_architecture_and_size(home):
    for seed in range(2):
        stored(made(seed))
    stored(made(spec=RunSpec(corpus="grammar-char", model=LinearConfig(context_length=4, d_model=4), train=TrainConfig(steps=3))))
    counts = record(2.0, corpus="grammar-word", model=NgramConfig(order=2))
    stored(dataclasses.replace(counts, version=versions.current(counts.spec)))
    panel = explore.Runs("grammar-char")
    assert panel.corpus.options == ("grammar-char", "grammar-word") and panel.architecture.options == ("all", "Linear", "MLP")
    assert len(panel.chosen.value) == 2 and len(cells(panel.table.value)) == 2 and "<img" in panel.picture.value
    panel.architecture.value = "MLP"
    assert [row[1] for row in cells(panel.table.value)] == ["2"]
    panel.size.value = (panel.size.options[-1][1],) * 2
    assert "No run matches" in panel.notice.value and panel.picture.value == panel.table.value == ""
    panel.size.index = (0, len(panel.size.options) - 1)
    panel.corpus.value = "grammar-word"
    assert panel.architecture.value == "all" and panel.architecture.options == ("all", "Counts") and "img" in panel.picture.value


def test_a_toggle_changes_the_picture_and_not_the_table(home):
    stored(made())
    panel = explore.Runs()
    before, table = panel.picture.value, panel.table.value
    panel.axis.value = "step"
    against_steps = panel.picture.value
    panel.curve.value = "train_nll"
    assert len({before, against_steps, panel.picture.value}) == 3 and panel.table.value == table


def test_more_runs_than_colours_and_diverged_ones_are_said(home):
    for rate in range(1, 10):
        stored(made(spec=RunSpec(corpus="grammar-char", model=LinearConfig(), train=TrainConfig(steps=3, lr=rate / 100))))
    panel = explore.Runs()
    panel.chosen.index = tuple(range(9))
    assert "first 8 of 9" in panel.notice.value and len(cells(panel.table.value)) == 8
    diverged = stored(made(seed=7, status="diverged", valid=None, test=None))
    panel = explore.Runs()
    panel.chosen.value = (labels.run_of(diverged, {}).row,)
    assert "Diverged" in panel.notice.value and panel.picture.value == ""


def test_an_empty_ledger_says_how_to_fill_it(home):
    assert "python -m tinylm train --missing" in explore.Runs("tiny_shakespeare").notice.value


def test_names_and_sizes():
    run = study.section_plan("sweeps", "full")[-1]
    assert labels.run_of(made(spec=run.spec), study.by_key()) == run and labels.title(run) == f"sweeps/{run.name}"
    titles = [labels.architecture(model) for model in (DENSE, TransformerConfig(n_layer=1), NgramConfig())]
    assert titles == ["Transformer", "Self-Attention", "Counts"]
    assert labels.sizes([35, 1_500]) == [("0", 0), ("1k", 1_000), ("2k", 2_000)] and labels.sizes([]) == [("0", 0), ("1k", 1_000)]


def test_a_budget_without_records_offers_every_command(home):
    panel = explore.Budget("grammar-char")
    assert "nothing is known" in panel.advice.value and panel.picture.value == ""
    assert (
        panel.advice.value.count("python -m tinylm train --recipe")
        == len(cells(panel.table.value))
        == len(recipes.architectures("character"))
    )


def test_a_budget_recommends_what_the_records_let_expect(home):
    for name, nlls in {"mlp": (2.0, 1.8), "transformer": (2.2, 1.4)}.items():
        for flops, nll in zip((10**11, 10**13), nlls, strict=True):
            score = dataclasses.replace(made().valid, nll=nll)
            stored(made(spec=recipe(name, "grammar-char", flops), valid=score, test=score))
    panel = explore.Budget("grammar-char")
    assert "<b>Transformer</b>" in panel.advice.value and "1.80 nats" in panel.advice.value and "0.10 below MLP." in panel.advice.value
    assert "--recipe transformer --corpus grammar-char --budget 1e12" in panel.advice.value
    assert [row[0] for row in cells(panel.table.value)[:2]] == ["Transformer", "MLP"] and "<img" in panel.picture.value
    panel.flops.value = 1e10
    assert "<b>MLP</b>" in panel.advice.value and "the loss at 1e11 FLOPs, its nearest recorded budget" in panel.advice.value


def test_architectures_are_compared_where_all_of_them_have_runs():
    def runs(nlls):
        return {10**exponent: [made(valid=dataclasses.replace(made().valid, nll=nll))] for exponent, nll in nlls.items()}

    found = {"mlp": runs({11: 2.0, 13: 1.5}), "transformer": runs({11: 2.1, 12: 1.6}), "lstm": {}}
    assert budget.ranked(1e13, found) == (1e12, {"transformer": pytest.approx(1.6), "mlp": pytest.approx(1.75)})
    assert budget.ranked(1e9, found) == (1e11, {"mlp": pytest.approx(2.0), "transformer": pytest.approx(2.1)})
    assert budget.ranked(1e12, {"lstm": {}}) == (1e12, {})
    text = budget.advice("grammar-char", 1e13, found)
    assert "<b>Transformer</b>" in text and "0.15 below MLP at 1e12 FLOPs, the nearest budget that the records of all" in text


@pytest.mark.parametrize("exponent", [budget.LEAST, budget.MOST])
def test_every_recipe_exists_at_the_ends_of_the_slider(home, exponent):
    panel = explore.Budget()
    for name in panel.corpus.options:
        panel.corpus.value = name
        panel.flops.value = 10.0**exponent
        assert all(int(row[3].replace(",", "")) > 0 for row in cells(panel.table.value))


def test_models_continue_a_prompt_side_by_side_as_the_command_line_would(home):
    dense, last = trained(DENSE, "all"), trained(LinearConfig(context_length=8, d_model=4), "last")
    panel = explore.Continuations(TEXT)
    panel.models.index, panel.length.value, panel.seed.value = (0, 1), 20, 3
    panel.go.click()
    cards = re.findall(r'<div class="tinylm-card">.*?</div>', panel.cards.value, re.DOTALL)
    assert len(cards) == 2 and "Surprise in nats" in panel.cards.value
    for spec in (dense, last):
        opened = weights.open_file(files.WEIGHTS / f"{spec.key}.safetensors", {})
        stream = generate.continued(opened, opened.vocabulary.encode(TEXT), generate.Sampling(seed=3))
        written = TEXT + "".join(opened.vocabulary.next_text(next(stream)) for _ in range(20))
        shown = [html.unescape(re.sub(r"<[^>]*>", "", re.search(r"<pre.*?</pre>", card, re.DOTALL)[0])) for card in cards]
        assert written.replace("\n", "↵\n") in shown
    first = panel.cards.value
    panel.go.click()
    assert panel.cards.value == first
    panel.seed.value = 4
    panel.go.click()
    assert panel.cards.value != first


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


def test_without_models_or_a_choice_the_next_step_is_said(home):
    for panel in (explore.Continuations("a"), explore.Attention("a")):
        assert "python -m tinylm train" in panel.notice.value
        panel.go.click()
        assert "python -m tinylm train" in panel.notice.value
    trained(DENSE, "all")
    panel = explore.Continuations("a")
    panel.models.index = ()
    panel.go.click()
    assert "Choose one or more models." in panel.notice.value


def test_models_that_came_later_are_found_by_looking_again(home):
    panels = explore.Continuations("a"), explore.Attention("a")
    trained(DENSE, "all")
    (files.WEIGHTS / "0123456789abcdef.safetensors").write_bytes(b"text")
    for panel in panels:
        panel.again.click()
        assert panel.notice.value == ""
    panels[0].models.index = (0, 1)
    panels[0].go.click()
    assert panels[0].cards.value.count("tinylm-card") == 3 and "not a readable checkpoint" in panels[0].cards.value


def test_a_head_is_shown_for_each_layer_and_head(home):
    trained(DENSE, "all")
    panel = explore.Attention(TEXT)
    panel.go.click()
    assert (panel.layer.options, panel.head.options) == ((1, 2), (1, 2))
    pictures = [panel.picture.value]
    for widget, value in ((panel.head, 2), (panel.layer, 2), (panel.head, 1)):
        widget.value = value
        pictures.append(panel.picture.value)
    assert len(set(pictures)) == 4 and "Layer 2 of 2, head 1 of 2" in panel.caption.value
    assert "…" not in panel.caption.value and "last position only" not in panel.caption.value


def test_what_a_model_reads_before_the_text_is_one_column(home):
    trained(DENSE, "last")
    panel = explore.Attention(TEXT[:4])
    panel.go.click()
    assert "The column …" in panel.caption.value and "last position only" not in panel.caption.value
    panel.layer.value = 2
    assert "last position only" in panel.caption.value
    for maps in panel._reading.maps:
        assert maps.shape == (2, 4, 5)
        np.testing.assert_allclose(maps.sum(-1), 1, rtol=1e-5)


def test_of_a_long_text_the_last_tokens_are_shown(home):
    trained(DENSE, "all")
    panel = explore.Attention(2 * TEXT)
    panel.go.click()
    assert "Of 32 tokens the last 24 are shown." in panel.caption.value and "The column …" not in panel.caption.value


def test_a_model_without_attention_is_not_offered_and_a_text_it_cannot_read_is_said(home):
    trained(LinearConfig(context_length=8, d_model=4), "last")
    assert explore.Attention(TEXT).model.options == ()
    trained(DENSE, "all")
    for text, message in (("", "Write a text"), ("Ü", "grammar-char has no")):
        panel = explore.Attention(text)
        panel.go.click()
        assert message in panel.notice.value and panel.layer.disabled and panel.picture.value == ""


def test_rows_of_the_last_tokens_still_sum_to_one():
    full = np.tril(np.ones((1, 5, 5))) / np.arange(1, 6)[:, None]
    cut = last_tokens(full, 2)
    np.testing.assert_allclose(cut[0], [[0.75, 0.25, 0.0], [0.6, 0.2, 0.2]])
    np.testing.assert_array_equal(last_tokens(full, 5), full)


def test_colours_grow_with_surprise_and_nothing_in_a_token_is_markup():
    bounds = [0.0, *LEVELS]
    found = coloured(["<i>"] * len(bounds) + ["a\n"], [*bounds, float("nan")])
    assert re.findall(r"tinylm-s(\d)", found) == [*map(str, range(len(bounds))), "0"]
    assert "<i>" not in found and "&lt;i&gt;" in found and "a↵\n" in found and 'title="given"' in found
    assert legend().count("tinylm-s") == len(bounds)


@pytest.mark.parametrize(("page", "text"), [((255, 255, 255), (0, 0, 0)), ((17, 17, 17), (255, 255, 255))])
def test_text_is_readable_on_every_colour_in_light_and_dark(page, text):
    """WCAG 2's contrast ratio of 4.5 or more, and brightness that goes one way, so that the order needs no colour vision."""

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    rules = re.findall(r"\.tinylm-s\d \{ background: rgba\((\d+), (\d+), (\d+), ([\d.]+)\)", STYLE_SHEET.read_text())
    assert len(rules) == len(LEVELS) + 1
    shades = [luminance([float(a) * int(c) + (1 - float(a)) * p for c, p in zip(rgb, page, strict=True)]) for *rgb, a in rules]
    ends = sorted([luminance(text), luminance(page)])
    assert shades in (sorted(shades), sorted(shades, reverse=True)) and len(set(shades)) == len(shades)
    for shade in shades:
        low, high = sorted([shade, luminance(text)])
        assert (high + 0.05) / (low + 0.05) >= 4.5 and ends[0] <= shade <= ends[1]


def test_panels_load_no_torch_before_a_model_computes():
    code = "import sys, tinylm as tl; [getattr(tl.explore, name)() for name in tl.explore.__all__]; print({'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=files.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
