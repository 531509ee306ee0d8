import json
import re
from dataclasses import replace

import pytest
from kernel import started
from records import made
from synthetic import planned

from tinylm import files, ledger, study
from tinylm.config import LinearConfig, RunSpec, TrainConfig
from tinylm.evaluation.probes import STATISTICS
from tinylm.report import results
from tinylm.training import executors, forecast, machine, pool


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Empty ledgers in place of the project's."""
    monkeypatch.setattr(files, "LEDGER", tmp_path / "published")
    monkeypatch.setattr(files, "LOCAL_LEDGER", tmp_path / "local")
    return tmp_path


def small_run():
    train = TrainConfig(steps=2, batch_size=4, eval_tokens=20)
    return planned("Linear", RunSpec(corpus="grammar-char", model=LinearConfig(context_length=4, d_model=4), train=train))


def test_a_published_run_is_never_trained_in_a_notebook(folders, monkeypatch):
    monkeypatch.setattr(pool, "finish_all", lambda *args: pytest.fail("training was started"))
    with pytest.raises(results.MissingRecords, match="python -m tinylm train --missing --section rope"):
        results.run(study.section_plan("rope", "full"))


def test_an_edited_run_is_trained_once_and_then_found(folders, monkeypatch):
    planned = small_run()
    calls = []

    def finish_all(runs, settings):
        calls.append(runs)
        for run in runs:
            record = executors.run_one(run.spec, machine.Settings(weights=folders, checkpoints=folders), lambda *args: None, lambda: False)
            ledger.write(record, files.LOCAL_LEDGER / run.section)

    monkeypatch.setattr(pool, "finish_all", finish_all)
    first, second = results.run([planned]), results.run([planned])
    assert first == second
    assert calls == [[planned]]


def test_what_is_missing_is_named_with_its_command(folders, capsys):
    runs = study.select(study.section_plan("control", "full"), role="counts", order=[0, 1], corpus="grammar-char")
    record = executors.run_one(runs[0].spec, machine.Settings(), lambda *args: None, lambda: False)
    ledger.write(record, files.LEDGER / "control")
    found = results.run(runs)
    assert [result.run.name for result in found] == ["Uniform"]
    assert "1 planned run" in capsys.readouterr().out


@pytest.mark.parametrize("profile", ["full", "smoke"])
def test_companions_are_the_other_sections_of_the_same_study(profile):
    others = results.companions(study.section_plan("rope", profile))
    assert {run.section for run in others} == set(study.SECTIONS) - {"rope", "speed"}
    assert set(others) <= set(study.plan(profile))


def test_an_edited_section_stands_beside_the_published_study():
    edited = study.rope(**(study.SECTIONS["rope"].parameters("full") | {"seeds": [7]}))
    assert results.companions(edited) == results.companions(study.section_plan("rope", "full"))


def test_what_is_missing_of_several_sections_has_one_command(folders):
    with pytest.raises(results.MissingRecords, match="train --missing$"):
        results.run([*study.section_plan("rope", "full"), *study.section_plan("words", "full")])


def test_corpus_statistics_are_kept_and_renewed_when_the_text_changes(folders):
    (fresh,) = results.corpus_statistics(["grammar-char"])
    path = files.LOCAL_LEDGER / "corpora" / "grammar-char.json"
    assert json.loads(path.read_text()) == fresh
    path.write_text(json.dumps(fresh | {"vocab_size": 0}))
    assert results.corpus_statistics(["grammar-char"])[0]["vocab_size"] == 0
    path.write_text(json.dumps(fresh | {"sha256": "another text"}))
    assert results.corpus_statistics(["grammar-char"]) == [fresh]


def test_broken_statistics_are_named_and_made_anew(folders):
    path = files.LOCAL_LEDGER / "corpora" / "grammar-char.json"
    path.parent.mkdir(parents=True)
    for broken in ("{", "[]"):
        path.write_text(broken)
        with pytest.warns(ledger.LedgerWarning, match="skipped a broken ledger file: .*grammar-char.json"):
            assert STATISTICS.read("grammar-char", [files.LOCAL_LEDGER]) is None


def test_the_searchs_records_are_those_of_the_published_ledger_by_level(folders):
    for folder, corpus, seed in (("search", "grammar-char", 0), ("search/deep", "grammar-word", 1), ("budget", "grammar-char", 2)):
        spec = replace(small_run().spec, corpus=corpus, seed=seed)
        ledger.write(made(spec=spec), files.LEDGER / folder)
    ledger.write(made(spec=replace(small_run().spec, seed=3)), files.LOCAL_LEDGER / "search")
    assert [record.spec.seed for record in results.search_records("character")] == [0]
    assert [record.spec.seed for record in results.search_records("word")] == [1]


def test_hours_do_not_start_unasked(folders, monkeypatch):
    limits = []
    monkeypatch.setattr(forecast, "expected_speed", lambda settings, seconds: 1e3)
    monkeypatch.setattr(pool, "finish_all", lambda runs, settings: limits.append(settings.minutes))
    spec = small_run().spec
    plan = [planned("Linear", replace(spec, train=replace(spec.train, steps=10_000), seed=seed)) for seed in (0, 1)]
    with pytest.raises(pool.PoolError, match=r"^2 runs to train, .* min on this machine.*: tl.run\(plan, minutes=[0-9]+\)$") as refused:
        results.run(plan)
    assert limits == []
    asked = int(re.search(r"minutes=(\d+)", str(refused.value))[1])
    with pytest.raises(results.MissingRecords):  # nothing was trained by this stand-in
        results.run(plan, minutes=asked)
    assert limits == [asked]


def test_an_interrupt_before_the_first_run_is_one_line_too(folders, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(forecast, "expected_speed", interrupted)
    with pytest.raises(results.MissingRecords, match="^stopped before training; run the cell again to go on$") as stopped:
        results.run([small_run()])
    assert stopped.value.__suppress_context__


PLAN = """
model = tl.config.LinearConfig(context_length=4, d_model=4)
def plan(steps, *seeds):
    train = tl.config.TrainConfig(steps=steps, n_evals=1, batch_size=4, eval_tokens=20)
    specs = [tl.config.RunSpec(corpus="grammar-char", model=model, train=train, seed=seed) for seed in seeds]
    return [tl.study.Planned(section="toy", role="sweep", architecture="Linear", name="Linear", spec=spec) for spec in specs]
"""
OWN = """
class Own(tl.config.LinearConfig):
    kind = "own"
model = Own(context_length=4, d_model=4)
"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    with started(tmp_path_factory.mktemp("notebook")) as kernel:
        yield kernel.run(PLAN)


@pytest.mark.parametrize(("seeds", "own"), [((0,), ""), ((1, 2), ""), ((3, 4), OWN)], ids=["one run", "two runs", "a class of a cell"])
def test_a_notebook_trains_under_a_bar_and_then_finds_the_records_without_one(notebook, seeds, own):
    notebook.run(f"{own}\nfound = tl.run(plan(200, *{seeds}))")
    assert not notebook.error and not notebook.text("stderr")
    said = notebook.text("stdout")
    assert said.startswith(f"{len(seeds)} run{'s'[: len(seeds) - 1]} to train, ") and said.count("test NLL") == len(seeds)
    assert notebook.widgets == 1
    notebook.run(f"assert tl.run(plan(200, *{seeds})) == found and len(found) == {len(seeds)}")
    assert not notebook.error and notebook.widgets == 0 and not notebook.contents("stream")


def interrupter(kernel, after):
    """Presses Interrupt when the bar has shown a loss so many times."""
    shown = []

    def seen(message):
        if message["msg_type"] == "comm_msg" and "NLL" in str(message["content"]):
            shown.append(message)
            if len(shown) == after:
                kernel.manager.interrupt_kernel()

    return seen


def test_an_interrupted_cell_says_one_line_and_goes_on_when_it_is_run_again(notebook):
    at = []
    for after in (5, 1):  # a run that began anew would be stopped earlier the second time
        notebook.run("tl.run(plan(10**8, 9), minutes=60)", interrupter(notebook, after))
        stopped = re.fullmatch(r"Stopped: stopped at step ([0-9,]+) of 100,000,000; run the cell again to go on", notebook.error)
        assert stopped and "During handling" not in str(notebook.contents("error")) and not notebook.text("stderr"), notebook.error
        at.append(int(stopped[1].replace(",", "")))
    assert at[1] > at[0] > 0
