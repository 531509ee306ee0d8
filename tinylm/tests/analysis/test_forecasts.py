import math
from dataclasses import replace

import capacity
import pytest
import records
from commandline import run

from tinylm import files, ledger
from tinylm.analysis import fits, forecasts, frames
from tinylm.study import StudyError, select


def test_a_forecast_rests_on_smaller_budgets_alone_and_hits_a_true_law():
    found = capacity.results()
    made = forecasts.made(found, "wikitext-2-char", 10**13, "2026-01-02")
    assert made["fitted_to"] == 3 * 10**12
    used = {result.run.spec.key: result.run for result in found}
    assert {used[key].budget for key in made["keys"]} == {10**11, 3 * 10**11, 10**12, 3 * 10**12}
    assert {used[key].role for key in made["keys"]} == {"isoflop"}
    said = made["forms"]["additive"]
    true = fits.foreseen(capacity.TRUE, fits.points(forecasts.fitted(found, "wikitext-2-char")), 10**13)
    assert said["nll"] == pytest.approx(true.nll, rel=1e-3)
    assert said["low"] - 1e-6 <= said["nll"] <= said["high"] + 1e-6
    assert abs(said["width"] - true.width) <= 8


def test_too_few_budgets_are_said():
    with pytest.raises(StudyError, match="at 3 budgets below 1e13 FLOPs, and 2 are recorded"):
        forecasts.made(capacity.results(largest=3 * 10**11), "wikitext-2-char", 10**13, "2026-01-02")


def test_a_forecast_is_made_once_and_compared_with_what_came(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LEDGER", tmp_path)
    found = capacity.results()
    made = forecasts.made(found, "wikitext-2-char", 10**13, "2026-01-02")
    made["forms"]["additive"]["width"] = 64
    path = forecasts.write(made, tmp_path)
    with pytest.raises(StudyError, match="made once"):
        forecasts.write(made, tmp_path)
    (back,) = forecasts.recorded()
    assert back == ledger.rounded(made) | {"forms": back["forms"]}
    assert path.name == "wikitext-2-char-1e13.json"
    outcome = forecasts.outcome(found, back, "additive")
    assert len(outcome) == 2
    assert outcome[0] == pytest.approx(made["forms"]["additive"]["nll"], rel=0.01)
    assert forecasts.outcome(capacity.results(largest=10**12), back, "additive") == []


def test_a_forecast_is_refitted_to_what_is_recorded_since_at_its_budgets():
    found = capacity.results()
    made = forecasts.made(found, "wikitext-2-char", 10**13, "2026-01-02")
    for form in made["forms"].values():  # a size that is trained there
        form |= {"width": 64, "nll": 2 * form["nll"]}  # from few and noisy runs
    (run,) = {one.run.row.spec: one for one in select(found, role="isoflop", budget=10**13, d_model=64)}.values()
    made["forms"]["additive"] |= {"n_params": run.record.n_params, "tokens": run.record.tokens_seen}
    assert forecasts.miss(found, made, "additive") < -40 and abs(forecasts.miss_refitted(found, made, "additive")) < 0.2
    assert math.isnan(forecasts.miss_refitted(capacity.results(largest=10**12), made, "additive"))
    others = [one for one in found if one.run.budget == 10**13 and one.run.role == "isoflop" and one.run.spec.model.d_model != 64]
    worse = [replace(one, record=records.made(spec=one.run.spec)) if one in others else one for one in found]
    changed = abs(forecasts.miss_refitted(worse, made, "additive"))
    assert changed < 0.2, "runs larger than those that the forecast rests on are no part of it"
    late = [one for one in found if one.run.budget > 10**12]
    assert math.isnan(forecasts.miss_refitted(late, made, "additive"))


def test_the_foreseen_size_is_compared_with_the_best_that_was_trained():
    found = capacity.results()
    made = forecasts.made(found, "wikitext-2-char", 10**13, "2026-01-02")
    trained = select(found, role=["isoflop", "forecast"], budget=10**13)
    at = {one.run.spec.model.d_model: one.record.valid.nll for one in trained}
    best = min(at, key=at.get)
    for width in (best, max(at)):
        made["forms"]["additive"]["width"] = width
        assert forecasts.above_best(found, made, "additive") == pytest.approx(at[width] - at[best])
    made["forms"]["additive"]["width"] = 8  # nothing was trained there
    assert math.isnan(forecasts.above_best(found, made, "additive"))
    alone = [one for one in found if one.run.spec.model.d_model == best]
    made["forms"]["additive"]["width"] = best
    assert math.isnan(forecasts.above_best(alone, made, "additive"))


def test_the_command_writes_a_forecast_and_says_what_it_rests_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(files, "study_ledger", lambda: tmp_path)
    monkeypatch.setattr(frames, "recorded", lambda: capacity.results(largest=10**12))
    code, out, _ = run(capsys, "ledger forecast wikitext-2-char 3e12")
    assert code == 0
    assert "additive" in out and "runs of at most 1e12 FLOPs" in out
    assert (tmp_path / "forecasts" / "wikitext-2-char-3e12.json").exists()
    code, _, err = run(capsys, "ledger forecast wikitext-2-char 3e12")
    assert code != 0 and "made once" in err
    code, _, err = run(capsys, "ledger forecast wikitext-2-char 1e12")
    assert code == 2 and "are recorded at 1e12 FLOPs or more already" in err
    code, _, err = run(capsys, "ledger forecast nonsense 3e12")
    assert code != 0 and "0 are recorded" in err
    code, _, err = run(capsys, "ledger forecast wikitext-2-char -5")
    assert code == 2 and "not a whole number" in err
