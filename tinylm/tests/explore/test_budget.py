import ast
import dataclasses
import html
import re

import numpy as np
import pytest
from explorer import cells, stored
from records import made

from tinylm import explore
from tinylm.analysis import advice, frames
from tinylm.data import DataError, own_texts
from tinylm.explore import budget
from tinylm.explore.panel import ExplorerError
from tinylm.study import recipes, titles
from tinylm.study.recipes import recipe

SLIDER = [float(f"{10**exponent:.3g}") for exponent in np.linspace(budget.LEAST, budget.MOST, 51)]


def blocks(panel):
    """The command and the line of Python that the advice gives, each of one line or more."""
    return [html.unescape(lines).splitlines() for lines in re.findall("<pre>(.*?)</pre>", panel.advice.value, re.S)]


def test_a_budget_without_records_offers_every_command(home):
    panel = explore.Budget("grammar-char")
    assert "nothing is known" in panel.advice.value and panel.picture.value == "" and panel.figure is None and panel.data.empty
    commands, calls = blocks(panel)
    assert len(commands) == len(calls) == len(cells(panel.table.value)) == len(recipes.architectures("character")) + 1
    assert commands[0] == "python -m tinylm train --recipe counts --corpus grammar-char"
    for command, call in zip(commands[1:], calls[1:], strict=True):
        name = command.split()[5]
        assert command == f"python -m tinylm train --recipe {name} --corpus grammar-char --budget 1e12"
        parsed = ast.parse(call, mode="eval").body
        assert ast.unparse(parsed.func) == "tl.train" and [ast.literal_eval(arg) for arg in parsed.args] == ["grammar-char"]
        assert {word.arg: ast.literal_eval(word.value) for word in parsed.keywords} == {"recipe": name, "flops": 1e12}


def scored(spec, nll):
    """A record of a spec, on the tokens of recipes, where the explorer looks."""
    score = dataclasses.replace(made().valid, nll=nll, start=recipes.EVAL_START)
    return stored(made(spec=spec, n_params=9, valid=score, test=score))


def test_a_budget_recommends_what_the_records_let_expect(home):
    for name, nlls in {"mlp": (2.0, 1.8), "transformer": (2.2, 1.4)}.items():
        for flops, nll in zip((10**11, 10**13), nlls, strict=True):
            scored(recipe(name, "grammar-char", flops), nll)
    panel = explore.Budget("grammar-char")
    assert "<b>Transformer</b>" in panel.advice.value and "1.80 nats" in panel.advice.value and "0.10 below MLP." in panel.advice.value
    assert "--recipe transformer --corpus grammar-char --budget 1e12" in panel.advice.value
    assert [row[0] for row in cells(panel.table.value)[:2]] == ["Transformer", "MLP"] and "<img" in panel.picture.value
    assert panel.data["architecture"].tolist() == ["MLP"] * 2 + ["Transformer"] * 2
    assert panel.data["valid_nll"].tolist() == [2.0, 1.8, 2.2, 1.4]
    assert panel.data.drop(columns="architecture").dtypes.map(str).isin(["int64", "float64"]).all()
    assert [line.get_label() for line in panel.figure.axes[0].lines] == ["MLP", "Transformer", "chosen budget"]
    panel.flops.value = 1e10
    assert "mixed" not in panel.advice.value, "no counts are known"
    assert "<b>MLP</b>" in panel.advice.value and "its nearest recorded budget, 1e11 FLOPs, gives" in panel.advice.value


def test_counts_are_recommended_where_they_are_lower_and_measured_against_elsewhere(home):
    for flops, nll in {10**11: 2.0, 10**13: 1.4}.items():
        scored(recipe("transformer", "grammar-char", flops), nll)
    scored(recipes.counted("grammar-char", recipes.tuned_counts("grammar-char")), 1.6)
    panel = explore.Budget("grammar-char")
    assert "<b>Counts (KN-8 x 1.15 + unbounded cache)</b>: expect a valid NLL of 1.60 nats per token, without" in panel.advice.value
    assert "This is 0.10 below Transformer. Train it with:" in panel.advice.value
    assert "A network and counts mixed are often better than either" in panel.advice.value
    assert blocks(panel) == [
        ["python -m tinylm train --recipe counts --corpus grammar-char"],
        ['tl.train("grammar-char", recipe="counts")'],
    ]
    assert cells(panel.table.value)[0][:2] == ["Counts (KN-8 x 1.15 + unbounded cache)", "9"]
    panel.flops.value = 1e13
    assert "<b>Transformer</b>" in panel.advice.value and "This is 0.20 below Counts (KN-8 x 1.15" in panel.advice.value
    panel.flops.value = 10**12.33
    assert "training FLOPs. Transformer is as good. Train it" in panel.advice.value


def test_a_comparison_says_at_which_budget_the_other_is_recorded(home):
    scored(recipe("mlp", "grammar-char", 10**11), 2.0)
    scored(recipe("transformer", "grammar-char", 10**13), 1.4)
    panel = explore.Budget("grammar-char")
    assert (
        "<b>MLP</b>" in panel.advice.value
        and "Of Transformer no run below 1e13 FLOPs is recorded; there it reaches 1.40. " in panel.advice.value
    )
    panel.flops.value = 6e12
    assert "<b>Transformer</b>" in panel.advice.value
    assert "This is 0.60 below MLP at 1e11 FLOPs, its largest recorded budget; what more would give is not recorded. " in panel.advice.value
    scored(recipes.counted("grammar-char", recipes.tuned_counts("grammar-char")), 1.3)
    panel = explore.Budget("grammar-char")
    panel.flops.value = 6e12
    assert "This is 0.10 below Transformer at 1e13 FLOPs, its nearest recorded budget. " in panel.advice.value


@pytest.mark.parametrize("corpus", ["tiny_shakespeare", "tiny_shakespeare-respelled", "ptb-eos", "wikitext-2-eos"])
def test_no_line_of_the_figure_is_below_what_is_recommended(corpus):
    """The lines as they are drawn: a network's begins at its smallest budget, or a little before, and goes on from its largest."""
    panel = explore.Budget(corpus)
    counts = panel.data.query("name.notna() and not name.str.contains('PPMd|xz')")["valid_nll"]
    networks = dict(list(panel.data.query("name.isna()").groupby("architecture")))
    known, recommended = advice.known(corpus, frames.recorded()), set()
    for at in SLIDER:
        lines = {name: np.interp(np.log(at), np.log(rows["flops"]), rows["valid_nll"]) for name, rows in networks.items()}
        lines = {name: nll for name, nll in lines.items() if networks[name]["flops"].min() <= 2.01 * at}
        (title,) = re.findall("<b>(.*?)</b>", budget.advised(advice.offers(known, at)))
        nll = lines[title] if title in lines else counts.min()
        assert nll <= min([*lines.values(), *counts]) + 2e-3, f"{title} at {at:.3g}"
        recommended.add(title.split()[0])
    assert recommended == {"Counts" if corpus == "tiny_shakespeare-respelled" else "Gated", "Transformer"}


def test_architectures_are_called_by_the_titles_of_the_report(home):
    panel = explore.Budget("grammar-char")
    counts, *networks = (row[0] for row in cells(panel.table.value))
    assert counts.startswith("Counts (") and set(networks) == {titles.title(name) for name in recipes.architectures("character")}
    assert "Transformer without induction" in panel.table.value and "transformer-no-induction" not in panel.table.value


def test_no_corpus_is_shown_in_the_place_of_another(home):
    with pytest.raises(DataError, match="unknown corpus 'grammar-chr'; did you mean 'grammar-char'?"):
        explore.Budget("grammar-chr")
    (home / "short.txt").write_text("to be or not to be\n" * 20, encoding="utf-8")
    short = own_texts.add(home / "short.txt", "character")
    with pytest.raises(ExplorerError, match=f"{short} is too short for a recipe; there are: tiny_shakespeare, "):
        explore.Budget(short)


@pytest.mark.parametrize("exponent", [budget.LEAST, budget.MOST])
def test_every_recipe_exists_at_the_ends_of_the_slider(home, exponent):
    panel = explore.Budget()
    for _, name in panel.corpus.options:
        panel.corpus.value = name
        panel.flops.value = 10.0**exponent
        assert all(int(row[3].replace(",", "")) > 0 for row in cells(panel.table.value) if not row[0].startswith("Counts"))
