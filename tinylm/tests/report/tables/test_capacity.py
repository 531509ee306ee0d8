import re

import capacity
import pytest

from tinylm import files
from tinylm.analysis import forecasts
from tinylm.report import answers, sentences
from tinylm.report.tables import capacity as tables


@pytest.fixture(scope="module")
def found():
    return capacity.results()


def test_the_best_size_of_each_budget_is_the_law_s_and_near_the_best_tried(found):
    table = tables.optima(found)
    assert list(table["budget"]) == ["1e11", "3e11", "1e12", "3e12", "1e13"]
    tried, law = ([int(cell.replace(",", "")) for cell in table[column]] for column in ("best tried", "of the law"))
    assert tried == sorted(tried) and law == sorted(law)
    assert all(0.4 < a / b < 2.5 for a, b in zip(tried, law, strict=True))
    assert set(table["text"]) == {"WikiText-2 as characters"}


def test_laws_say_their_values_and_what_they_miss(found):
    table = tables.laws(found).set_index("form")
    assert table.loc["additive", "alpha"] == "0.35" and table.loc["additive", "beta"] == "0.33"
    assert table.loc["additive", "p"] == "1.00"
    assert float(table.loc["additive", "miss at 1e13"].removesuffix(" %")) < 0.2


def test_forecasts_are_shown_with_what_came_of_them(found, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LEDGER", tmp_path)
    assert list(tables.forecasts(found).columns) == ["text"]
    for flops in (10**13, 10**14):
        made = forecasts.made(found, "wikitext-2-char", flops, "2026-01-02")
        for form in made["forms"].values():
            form["width"] = 64 if flops == 10**13 else form["width"]
        forecasts.write(made, tmp_path)
    table = tables.forecasts(found).set_index(["budget", "form"])
    assert table.loc[("1e13", "additive"), "outcome (n)"].endswith("(2)")
    assert abs(float(table.loc[("1e13", "additive"), "miss"].removesuffix(" %").replace("−", "-"))) < 1
    assert table.loc[("1e14", "joint"), "outcome (n)"] == "not trained" and table.loc[("1e14", "joint"), "miss"] == "–"
    assert len(table) == 4
    said = answers.capacity(found)
    assert re.search(
        r"\. At \$10\^\{13\}\$ FLOPs the valid losses missed the forecasts of two forms of the law \(additive and joint\) by [+−]0\.\d %",
        said,
    )
    assert "10^{14}" not in said  # for nothing was trained there
    assert re.search(r"; the sizes that they foresaw \(n = 2\) are at most 0\.\d{3} nats above the best of those tried there\.$", said)


def test_a_size_that_was_foreseen_and_is_the_best_tried_is_called_so(found, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LEDGER", tmp_path)
    made = forecasts.made(found, "wikitext-2-char", 10**13, "2026-01-02")
    at = [one for one in found if one.run.budget == 10**13 and one.run.role in (forecasts.ROLE, forecasts.TEST)]
    best = min(at, key=lambda one: one.record.valid.nll).run.spec.model.d_model
    for form in made["forms"].values():
        form["width"] = best
    forecasts.write(made, tmp_path)
    assert "; the sizes that they foresaw (n = 2) are the best of those tried there." in answers.capacity(found)


def test_depths_and_contexts_have_columns_in_order(found):
    table = tables.shapes(found)
    assert list(table.columns[3:]) == ["2 layers", "3 layers", "4 layers", "8 layers", "T = 64", "T = 256"]
    assert (table["4 layers"] != "–").all()
    assert list(table["T = 64"] != "–") == [True, False, True, False, False]


def test_one_more_layer_is_compared_at_each_budget_and_width(found):
    table = tables.depths(found).set_index("width")
    assert list(table.columns) == ["text", "1e11 (3)", "3e11 (3)", "1e12 (2)", "3e12 (2)", "1e13 (2)", "level at"]
    assert " ± " in table.loc["16", "1e11 (3)"] and table.loc["16", "1e12 (2)"] == "–"


def test_without_records_there_is_nothing_to_say():
    assert answers.capacity([]) == ""
    assert (
        list(tables.optima([]).columns)
        == list(tables.laws([]).columns)
        == list(tables.shapes([]).columns)
        == list(tables.depths([]).columns)
        == ["text"]
    )


def test_the_answer_says_how_the_size_grows(found, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LEDGER", tmp_path)
    said = answers.capacity(found)
    assert said.startswith(
        "**Answer.** Ten times the FLOPs pay for 3.0 to 3.1 times the parameters on WikiText-2 as characters, by several fits to the same "
        "runs."
    )
    assert "foreseen" not in said


def test_the_best_depth_and_window_stand_beside_the_usual_ones_of_the_same_width(found):
    assert re.fullmatch(
        r"At \$10\^\{13\}\$ FLOPs and width 128 the best number of layers other than 4 is [238] on WikiText-2 as characters "
        r"\([+−]0\.\d{3} \[.*\]\) \(valid, n = 2\); at \$10\^\{12\}\$ FLOPs and width 64 "
        r"the best window other than 128 is (64|256) on .* n = 2\)\.",
        sentences.best_shapes(found),
    )
    assert sentences.best_shapes([one for one in found if one.run.role == "isoflop"]) == ""


def test_a_budget_with_two_sizes_has_no_parabola(found):
    few = [result for result in found if result.run.budget < 10**13 or result.run.spec.model.d_model in (64, 96)]
    assert list(tables.optima(few)["of the parabola"] == "–") == [False] * 4 + [True]
