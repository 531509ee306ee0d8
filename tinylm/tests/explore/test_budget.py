import ast
import dataclasses
import html
import re

import pytest
from explorer import cells, stored
from records import made

from tinylm import explore
from tinylm.data import DataError, own_texts
from tinylm.explore import budget
from tinylm.explore.panel import ExplorerError
from tinylm.study import recipes, titles
from tinylm.study.recipes import recipe


def test_a_budget_without_records_offers_every_command(home):
    panel = explore.Budget("grammar-char")
    assert "nothing is known" in panel.advice.value and panel.picture.value == "" and panel.figure is None and panel.data.empty
    assert (
        panel.advice.value.count("python -m tinylm train --recipe")
        == panel.advice.value.count("tl.train(")
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
    assert panel.data["architecture"].tolist() == ["MLP"] * 2 + ["Transformer"] * 2
    assert panel.data["valid_nll"].tolist() == [2.0, 1.8, 2.2, 1.4]
    assert panel.data.drop(columns="architecture").dtypes.map(str).isin(["int64", "float64"]).all()
    assert [line.get_label() for line in panel.figure.axes[0].lines] == ["MLP", "Transformer", "chosen budget"]
    panel.flops.value = 1e10
    assert "<b>MLP</b>" in panel.advice.value and "its nearest recorded budget, 1e11 FLOPs, gives" in panel.advice.value


def test_architectures_are_compared_where_all_of_them_have_runs():
    def runs(nlls):
        return {10**exponent: [made(valid=dataclasses.replace(made().valid, nll=nll))] for exponent, nll in nlls.items()}

    found = {"mlp": runs({11: 2.0, 13: 1.5}), "transformer": runs({11: 2.1, 12: 1.6}), "lstm": {}}
    assert budget.ranked(1e13, found) == (1e12, {"transformer": pytest.approx(1.6), "mlp": pytest.approx(1.75)})
    assert budget.ranked(1e9, found) == (1e11, {"mlp": pytest.approx(2.0), "transformer": pytest.approx(2.1)})
    assert budget.ranked(1e12, {"lstm": {}}) == (1e12, {})
    text = budget.advice("grammar-char", 1e13, found)
    assert "<b>Transformer</b>" in text and "0.15 below MLP at 1e12 FLOPs, the nearest budget that the records of all" in text


def test_what_trains_a_recipe_is_the_same_in_a_terminal_and_in_python():
    commands, calls = (
        html.unescape(lines) for lines in re.findall("<pre>(.*?)</pre>", budget.training(["mlp", "lstm"], "text-1a2b", 1.26e12), re.S)
    )
    for name, command, call in zip(("mlp", "lstm"), commands.splitlines(), calls.splitlines(), strict=True):
        assert command == f"python -m tinylm train --recipe {name} --corpus text-1a2b --budget 1.26e12"
        parsed = ast.parse(call, mode="eval").body
        assert ast.unparse(parsed.func) == "tl.train" and [ast.literal_eval(arg) for arg in parsed.args] == ["text-1a2b"]
        assert {word.arg: ast.literal_eval(word.value) for word in parsed.keywords} == {"recipe": name, "flops": 1.26e12}


def test_architectures_are_called_by_the_titles_of_the_report(home):
    panel = explore.Budget("grammar-char")
    assert {row[0] for row in cells(panel.table.value)} == {titles.title(name) for name in recipes.architectures("character")}
    assert "Transformer-no-induction" in panel.table.value and "transformer-no-induction" not in panel.table.value


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
    for name in panel.corpus.options:
        panel.corpus.value = name
        panel.flops.value = 10.0**exponent
        assert all(int(row[3].replace(",", "")) > 0 for row in cells(panel.table.value))
