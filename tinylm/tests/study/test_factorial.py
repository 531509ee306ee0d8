from dataclasses import replace

import pytest

from tinylm import data, files, ledger
from tinylm.config import LSTMConfig, MLPConfig, TransformerConfig
from tinylm.flops import n_params
from tinylm.study import factorial, recipes
from tinylm.study.factorial import CELLS, CHOSEN, CONTROLS, Cell


def test_every_cell_is_searched_at_every_budget_and_known_by_its_run():
    assert len(CELLS) == 12 and all(chosen.keys() in ({*CELLS}, {*CELLS, *CONTROLS}) for chosen in CHOSEN.values())
    for run, cell in zip(factorial.rows("copying", "tiny_shakespeare", 1e12), CHOSEN[1e12], strict=True):
        assert factorial.cell_of(run) == cell and run.name.startswith(f"{cell}, ") and run.budget == 10**12
        assert run.spec.train.lr == CHOSEN[1e12][cell][1]


def test_induction_reaches_as_far_in_every_architecture():
    for run in factorial.rows("copying", "tiny_shakespeare", 1e12):
        model, cell = run.spec.model, factorial.cell_of(run)
        assert bool(model.induction) == cell.induction
        if cell.added:
            assert model.context_length == factorial.REACH and run.spec.train.loss_at == "all"
        else:
            assert model.context_length <= 128
        assert run.spec.train.eval_start == recipes.EVAL_START, "all cells are scored on the same tokens"


@pytest.mark.parametrize("architecture", factorial.ARCHITECTURES)
def test_induction_adds_next_to_no_parameters(architecture):
    shape = {"Transformer": (48, 64), "LSTM": (96,), "MLP": (16, 256)}[architecture]
    cells = [Cell(architecture, induction, "adamw") for induction in (False, True)]
    made = [factorial.spec(cell, "tiny_shakespeare", 1e12, shape, 1e-3).model for cell in cells]
    without, with_it = (n_params(model, data.vocab_size("tiny_shakespeare")) for model in made)
    assert without < with_it < 1.2 * without


@pytest.mark.parametrize("architecture", factorial.ARCHITECTURES)
def test_a_control_differs_from_its_cell_in_induction_alone(architecture):
    shape = {"Transformer": (48, 64), "LSTM": (96,), "MLP": (16, 256)}[architecture]
    cells = [Cell(architecture, True, "muon"), Cell(architecture, False, "muon", window=True)]
    cell, control = (factorial.spec(one, "tiny_shakespeare", 1e12, shape, 1e-3) for one in cells)
    assert control.train == cell.train and control.model == replace(cell.model, induction=(), induction_times=1)


def test_another_budget_takes_the_settings_of_the_nearest():
    assert factorial.rows("copying", "tiny_shakespeare", 9e11)[0].spec.train.lr == CHOSEN[1e12][CELLS[0]][1]


def test_a_step_of_an_mlp_has_more_predictions_at_larger_budgets():
    cell = Cell("MLP", False, "adamw")
    small, large = (factorial.spec(cell, "tiny_shakespeare", flops, (16, 256), 1e-3).train.batch_size for flops in (1e12, 1e13))
    assert (small, large) == (128, 256)


def test_every_cell_has_the_best_settings_of_its_search_and_a_rate_bracketed_on_both_sides():
    known = ledger.Ledger([files.LEDGER])
    searched = [record for key, record in known.records.items() if known.sections[key] == ledger.SEARCH and record.valid]
    for flops, chosen in CHOSEN.items():
        for cell, (shape, lr) in chosen.items():
            nlls: dict[tuple, float] = {}
            for record in searched:
                tried = shape_of(cell, record.spec.model), record.spec.train.lr
                if tried[0] and replace(record.spec, seed=0) == factorial.spec(cell, recipes.SEARCHED, flops, *tried):
                    nlls[tried] = min(record.valid.nll, nlls.get(tried, record.valid.nll))
            assert min(nlls, key=nlls.__getitem__) == (shape, lr), (flops, cell, nlls)
            rates = [rate for tried, rate in nlls if tried == shape]
            assert min(rates) < lr < max(rates), (flops, cell, rates)


def shape_of(cell, model):
    """The arguments of the cell's maker that would give a model of its kind; nothing for another kind."""
    if isinstance(model, LSTMConfig) and cell.architecture == "LSTM":
        return (model.d_model,)
    if isinstance(model, MLPConfig) and cell.architecture == "MLP":
        return (model.d_model, model.d_hidden)
    if isinstance(model, TransformerConfig) and cell.architecture == "Transformer" and model.context_length <= factorial.REACH:
        return (model.d_model, (cell.added and model.attention_window) or model.context_length)
    return ()
