import re
from dataclasses import replace

import pytest
from synthetic import planned, record

from tinylm.analysis import factorial
from tinylm.analysis.summaries import Result
from tinylm.report import answers, sentences, tables
from tinylm.study.factorial import CELLS, CHOSEN, CONTROLS, Cell, rows

NLL = {"Transformer": 1.6, "LSTM": 1.7, "MLP": 1.8}


def found(seeds=3, cells=CELLS):
    """A factorial in which induction is worth 0.1, of which its window is 0.03, in the MLP 0.2, and Muon 0.05."""
    results = []
    for run, cell in zip(rows("copying", "grammar-char", 1e12), CHOSEN[1e12], strict=True):
        if cell not in cells:
            continue
        lost = 0.0 if cell.induction else (0.2 if cell.architecture == "MLP" else 0.1) - 0.03 * cell.window
        for seed in range(seeds):
            nll = NLL[cell.architecture] + lost + 0.05 * (cell.optimizer == "adamw") + 0.001 * seed
            made = record(blocks=[nll - 0.2, nll + 0.1, nll + 0.1], seed=seed, model=run.spec.model, **_train(run))
            results.append(Result(planned(run.name, made.spec, role=run.role, architecture=cell.architecture), made))
    return results


def _train(run):
    return {"optimizer": run.spec.train.optimizer, "lr": run.spec.train.lr, "loss_at": run.spec.train.loss_at, "batch_size": 1}


def test_effects_are_recovered():
    effects = factorial.effects(found()).set_index("contrast")["effect"]
    assert effects[factorial.LOOKUP] == pytest.approx(0.4 / 3)
    assert [effects[name] for name in factorial.WITHIN.values()] == pytest.approx([0.1, 0.1, 0.2])
    assert [effects[factorial.AGAINST["MLP"][induction]] for induction in (True, False)] == pytest.approx([0.2, 0.3])
    assert effects["MLP − Transformer"] == pytest.approx(0.25) and effects["AdamW − Muon in the LSTM"] == pytest.approx(0.05)
    assert effects["induction in the MLP − in the Transformer"] == pytest.approx(0.1)


def test_controls_divide_what_induction_is_worth(monkeypatch):
    searched = CHOSEN[1e12]
    monkeypatch.setitem(CHOSEN, 1e12, searched | {one: searched[Cell(one.architecture, True, one.optimizer)] for one in CONTROLS})
    effects = factorial.effects(found(cells=[*CELLS, *CONTROLS])).set_index("contrast")["effect"]
    assert effects[factorial.WINDOW] == pytest.approx(0.03)
    assert effects[factorial.EQUAL_WINDOW] == pytest.approx(0.4 / 3 - 0.03)
    assert effects[f"{factorial.EQUAL_WINDOW} in the MLP"] == pytest.approx(0.17)
    assert factorial.WINDOW not in factorial.effects(found(cells=[*CELLS, CONTROLS[0]]))["contrast"].tolist()


def test_every_contrast_is_a_difference_of_means():
    for contrast in (factorial.contrasts() | factorial.controls()).values():
        assert sum(contrast.values()) == pytest.approx(0)
        if len([w for w in contrast.values() if w > 0]) == 1:
            assert max(contrast.values()) == 1


def test_without_a_cell_there_are_no_effects():
    lacking = [result for result in found() if result.run.architecture != "LSTM"]
    none = factorial.effects(lacking)
    assert none.empty and sentences.factorial_effects(none, none) == ""
    assert tables.worth(none, none).values.tolist() == [["not every cell is recorded"]]
    assert tables.effects(factorial.effects(lacking)).values.tolist() == [["not every cell is recorded"]]
    assert tables.cells([]).values.tolist() == [["none is recorded"]]


def test_tables_and_the_sentence_have_every_cell_and_effect():
    frame = factorial.effects(found())
    shown = tables.cells(found())
    assert len(shown) == len(CELLS) and shown.loc[0, "test ± SD (n)"] == "1.601 ± 0.001 (3)"
    assert tables.effects(frame)["effect"].tolist() == list(factorial.contrasts())
    frame = factorial.effects(at(found(), 10**12))
    worth = tables.worth(frame, frame.iloc[:0]).set_index("gain")["1e12 (3)"]
    assert worth["induction with its window"].startswith("+0.133 ± 0.") and worth["its window alone"] == "–"
    assert [worth[f"… in the {name}"][:6] for name in NLL] == ["+0.100", "+0.100", "+0.200"]
    assert worth["Transformer over MLP, with it"].startswith("+0.200")
    assert f"of {len(frame)} effects at $10^{{12}}$ FLOPs " in sentences.factorial_effects(frame, frame.iloc[:0])
    told = answers.abstract([], found(), [], "grammar-char")
    assert "lowers the mean loss of three architectures by 0.133" in told and told.endswith(
        "; Transformer and LSTM differ by at most 0.100."
    )


def at(results, budget):
    """The same results as of another budget."""
    return [
        Result(replace(r.run, spec=replace(r.run.spec, train=replace(r.run.spec.train, steps=0, flops=budget))), r.record) for r in results
    ]


def test_an_effect_that_is_not_clear_has_a_star():
    frame = factorial.effects(at(found(), 10**12))
    clear, other = (frame.assign(verdict=verdict) for verdict in ("clear", "open"))
    assert not any(cell.endswith("*") for cell in tables.worth(clear, other)["1e12 (3)"])
    assert all(cell.endswith("*") for cell in tables.worth(clear, other)["1e12 + counts (3)"] if cell != "–")
    assert all(cell.endswith("*") for cell in tables.effects(other)["1e12 (3)"])


def test_a_second_budget_is_a_family_of_its_own_and_left_out_until_every_cell_is_recorded():
    small, large = at(found(2), 10**12), at(found(2), 10**13)
    assert len(factorial.cells([*small, *large[:4]], 10**13)) == 2
    assert factorial.effects([*small, *large[:4]])["budget"].unique().tolist() == [10**12]
    both = factorial.effects([*small, *large])
    assert both["budget"].tolist() == [10**12] * len(factorial.contrasts()) + [10**13] * len(factorial.contrasts())
    told = tables.effects(both)
    assert len(told) == len(factorial.contrasts()) and list(told.columns[1:]) == ["1e12 (2)", "p, Holm, 1e12", "1e13 (2)", "p, Holm, 1e13"]
    shown = tables.cells([*small, *large])
    assert len(shown) == len(CELLS) and {"valid at 1e12", "test ± SD (n) at 1e13"} <= set(shown.columns)
    columns = tables.worth(both, both).columns.tolist()
    assert columns[1:] == ["1e12 (2)", "1e13 (2)", "1e12 + counts (2)", "1e13 + counts (2)"]
    assert sentences.factorial_effects(both, both).count(" are clear") == 4
    worth = "lowers the mean loss of three architectures by 0.133 [A] nats (n = 2); Transformer and LSTM differ"
    assert re.search(re.escape(worth).replace("A", "[^]]+"), answers.abstract([], [*small, *large], [], "grammar-char"))


def test_a_cell_is_the_seeds_that_all_cells_have():
    (budget,) = factorial.budgets(found(2))
    assert {cell: len(records) for cell, records in factorial.cells(found(2), budget).items()} == dict.fromkeys(CELLS, 2)
    assert Cell("MLP", True, "muon") in factorial.cells(found(1), budget)
    lacking = [result for result in found(3) if result.record.spec.seed < 2 or result.run.architecture != "LSTM"]
    assert {len(records) for records in factorial.cells(lacking, budget).values()} == {2}
