import dataclasses

import pytest
from explorer import cells, stored
from records import made

from tinylm import explore
from tinylm.explore import budget
from tinylm.study import recipes
from tinylm.study.recipes import recipe


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
