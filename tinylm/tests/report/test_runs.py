import copy
import math
from dataclasses import replace

import matplotlib.pyplot as plt
import pytest
import synthetic
from explorer import DENSE, stored, trained
from records import made

from tinylm.analysis import frames, summaries
from tinylm.config import NgramConfig, RunSpec, TinylmError, TrainConfig
from tinylm.evaluation import pretrained
from tinylm.report import runs
from tinylm.report.runs import Run, RunError, Seeds

COUNTS = RunSpec(corpus="grammar-char", model=NgramConfig(order=2), train=TrainConfig(epochs=1))


def a_run(record):
    return Run(synthetic.planned("a", record.spec), record)


def test_a_run_has_its_history_scores_and_cost():
    record = made(curve=[{"step": i, "tokens_seen": 9 * i, "flops": 500 * i, "train_nll": 3.0, "valid_nll": 4.0 - i} for i in (1, 2)])
    run = a_run(replace(record, curve_seconds=[0.5, 1.5]))
    assert run.history.columns.tolist() == ["step", "tokens_seen", "flops", "seconds", "train_nll", "valid_nll"]
    assert run.history["seconds"].tolist() == [0.5, 1.5] and all(kind.kind in "iuf" for kind in run.history.dtypes)
    assert a_run(record).history["seconds"].isna().all()
    assert (run.test_nll, run.valid_nll, run.cost.flops) == (3.25, 3.25, run.run.cost.flops)
    assert "\n" not in repr(run) and record.spec.key in repr(run) and "<svg" not in repr(run)
    assert "3.2500 ± 0.0348" in run._repr_html_() and 'src="data:image/svg' in run._repr_html_()
    assert "img" not in a_run(made())._repr_html_()


def test_a_diverged_run_has_no_scores():
    run = a_run(made(status="diverged", valid=None, test=None, curve=[]))
    assert math.isnan(run.test_nll) and math.isnan(run.valid_nll) and run.history.empty
    assert "diverged" in repr(run) and run._repr_html_()
    with pytest.raises(RunError, match="toy/a@0 has no test NLL to compare: it diverged at step 3; lower the learning rate"):
        runs.compare(run, a_run(made()))


def test_the_model_comes_from_the_weights_that_are_here(home):
    spec = trained(DENSE, "all")
    assert a_run(made(spec=spec)).model.spec == spec
    assert a_run(made(spec=COUNTS)).model.spec == COUNTS
    with pytest.raises(RunError, match=f"same tl.train trains it again, and so does: python -m tinylm train --run {made().spec.key}"):
        a_run(made()).model  # noqa: B018


def test_recorded_runs_come_by_name_and_key_and_as_rows_of_the_table(home):
    stored(made(0)), stored(made(1)), stored(made(spec=COUNTS))
    name = f"MLP, {made(0).spec.key[:8]}"
    assert [run.record.spec.seed for run in runs.recorded(name)] == [0, 1]
    assert [run.record.spec.seed for run in runs.recorded(f"local/{name}@1")] == [1]
    assert [run.record.spec for run in runs.recorded(COUNTS.key[:10])] == [COUNTS]
    assert len(runs.several(frames.runs(), name, a_run(made(0)), [a_run(made(1))])) == 3 + 2 + 1 + 1
    with pytest.raises(RunError, match=rf"no recorded run is called 'MLX{name[3:]}'; did you mean '{name}'\? tl.runs\(\) has"):
        runs.recorded(f"MLX{name[3:]}")
    with pytest.raises(RunError, match=r"no recorded run is called 'xyzzy'; tl.runs\(\) has the names"):
        runs.recorded("xyzzy")
    with pytest.raises(RunError, match=f"no recorded run is called 'local/{name}@7'; local/{name} has the seeds 0, 1"):
        runs.recorded(f"local/{name}@7")
    with pytest.raises(RunError, match="an object of type int is no run; give"):
        runs.several(3)


def test_a_model_of_the_package_is_a_recorded_run_by_its_name():
    assert [run.record.spec.key for run in runs.recorded("shakespeare")] == [pretrained.MODELS["shakespeare"]]
    assert {run.run.name for run in runs.recorded("transformer")} == {"Transformer"}  # a run's own name comes first


def test_what_a_run_alone_has_is_asked_of_one_of_several():
    found = Seeds([a_run(made(0)), a_run(made(1))])
    with pytest.raises(AttributeError, match=r"these are 2 runs; ask one of them: runs\[0\].model"):
        found.model  # noqa: B018
    with pytest.raises(AttributeError, match="'Seeds' object has no attribute 'xyzzy'"):
        found.xyzzy  # noqa: B018
    assert copy.deepcopy(found) == found


def test_a_figure_holds_all_lines_and_is_left_to_the_notebook(home):
    plt.close("all")
    fig = runs.plot(a_run(made(0)), Seeds([a_run(made(1))]), a_run(made(spec=COUNTS)))
    assert len(fig.axes[0].lines) == 3 and plt.get_fignums() == []
    assert a_run(made(0)).plot("step").axes[0].get_xlabel() == "step"


def test_rows_of_one_name_are_told_apart_by_their_sections():
    record = made()
    other = summaries.Result(synthetic.planned("a", replace(record.spec, train=TrainConfig(steps=9)), section="other"), record)
    names = [text.get_text() for text in runs.plot(a_run(record), Run(other.run, other.record)).legends[0].get_texts()]
    assert names == ["toy/a", "other/a"]


def test_a_comparison_is_a_sentence_with_numbers():
    first = Seeds(Run(r.run, r.record) for r in synthetic.results(a=[2.0, 2.1, 2.3]))
    second = Seeds(Run(r.run, r.record) for r in synthetic.results(b=[1.0, 1.2, 1.3]))
    found = runs.compare(first, second)
    assert found.difference == pytest.approx(0.9667, abs=1e-4) and found.interval[0] < found.difference < found.interval[1]
    assert repr(found).startswith(
        "a minus b: +0.9667 nats per token, 95 %"
    ) and "3 seeds, paired t, with the text's error; 1,000 tokens" in repr(found)
    for pair, said in (((first[0], second[0]), "seed 0"), ((first, second[1]), "seed 1"), ((first[2], second[0]), "seed 2 against seed 0")):
        assert f"({said}: the text's error alone; 1,000 tokens of test)" in repr(runs.compare(*pair))
    assert runs.compare(first, second[1]).difference == pytest.approx(2.1 - 1.2)
    assert "(the mean of 2 seeds against seed 2: the text's" in repr(runs.compare(first[:2], second[2]))


def test_one_block_of_text_gives_no_interval():
    first, second = (a_run(synthetic.record(blocks=[nll], seed=seed)) for nll, seed in ((2.0, 0), (1.5, 1)))
    shown = repr(runs.compare(first, second))
    assert "+0.5000 nats per token, no interval, which needs two blocks of scored text (" in shown and "nan" not in shown


def test_seeds_are_a_sequence_with_a_table_that_stays_as_it_is():
    found = Seeds(Run(r.run, r.record) for r in synthetic.results(a=[2.0, 2.2]))
    assert found.test_nll == pytest.approx(2.1) and found.frame["seed"].tolist() == [0, 1]
    assert found.valid_nll == pytest.approx(2.0) and found.seed_sd == pytest.approx(0.2 / 2**0.5)
    assert found[:1] == Seeds([found[0]]) != found and [*found] == [found[0], found[-1]]
    assert {name for name in dir(found) if not name.startswith("_")} == {"frame", "plot", "seed_sd", "test_nll", "valid_nll"}
    with pytest.raises(TypeError):
        found[0] = found[1]
    assert repr(found) == f"Seeds(2 runs of a on {found[0].record.spec.corpus}: test NLL 2.1000, seed SD 0.1414)"


def test_a_page_shows_seeds_in_a_table_with_their_mean_and_their_curves():
    curve = [{"step": i, "tokens_seen": 9 * i, "flops": 500 * i, "train_nll": 3.0, "valid_nll": 4.0 - i} for i in (1, 2)]
    found = Seeds(a_run(made(seed, curve=curve)) for seed in (0, 1))
    page = found._repr_html_()
    assert all(run.record.spec.key in page for run in found) and page.count("3.2500") >= 5 and "seed SD 0.0000" in page
    assert page.count("<img") == 1


def test_seeds_say_what_they_lack():
    assert repr(Seeds()) == Seeds()._repr_html_() == "Seeds(no runs)"
    assert "SD" not in repr(Seeds([a_run(made())]))
    diverged = Seeds([a_run(made(status="diverged", valid=None, test=None, curve=[]))])
    assert "all diverged" in repr(diverged) and "all diverged" in diverged._repr_html_()


def diverged(seed=0, curve=()):
    return a_run(made(seed, status="diverged", valid=None, test=None, curve=list(curve)))


def test_a_comparison_of_few_tokens_says_how_there_are_more():
    short = made(spec=replace(made().spec, train=replace(made().spec.train, eval_tokens=20)))
    whole = replace(short, spec=replace(short.spec, train=replace(short.spec.train, eval_tokens=0)))
    said = repr(runs.compare(a_run(short), a_run(whole)))
    assert said.endswith(f"; a narrower interval takes more tokens: tl.train(..., protocol='full') for {said.partition(' minus ')[0]}")
    assert "narrower" not in repr(runs.compare(a_run(whole), a_run(whole)))


def test_plots_have_a_limit():
    found = [a_run(made(spec=replace(made().spec, train=replace(made().spec.train, lr=n / 1000)))) for n in range(1, 42)]
    with pytest.raises(RunError, match=r"^41 runs are too many for one figure; draw at most 40, such as tl.plot"):
        runs.plot(found)


def test_a_comparison_says_how_many_runs_diverged():
    found = runs.compare([a_run(made(0)), a_run(made(1)), diverged(2)], [a_run(made(0)), a_run(made(1))])
    assert "(2 seeds, paired t, with the text's error; 20 tokens of test; 1 that diverged left out)" in repr(found)
    assert "diverged" not in repr(runs.compare(a_run(made(0)), a_run(made(1))))
    with pytest.raises(RunError, match="a has no test NLL to compare: all 2 runs diverged; lower lr"):
        runs.compare(a_run(made()), [diverged(0), diverged(1)])


def test_seeds_say_how_many_diverged():
    found = Seeds([a_run(made(0)), diverged(1), a_run(made(2))])
    for page in (repr(found), found._repr_html_()):
        assert "test NLL 3.2500, seed SD 0.0000, without 1 of 3 runs, which diverged" in page
    assert found.test_nll == 3.25


def test_a_figure_says_how_many_runs_diverged_and_draws_what_came_before():
    fig = runs.plot(a_run(made(0)), diverged(1, made().curve), diverged(2))
    assert [len(line.get_xdata()) for line in fig.axes[0].lines] == [1, 1]
    assert fig.axes[0].get_title(loc="right") == "2 of 3 runs diverged"
    assert runs.plot(a_run(made(0))).axes[0].get_title(loc="right") == ""
    plt.close("all")
    with pytest.raises(RunError, match="nothing to draw: every run diverged before its first validation; lower lr"):
        runs.plot(diverged())
    with pytest.raises(RunError, match="nothing to draw: counts are not trained"):
        runs.plot(a_run(made(spec=COUNTS)), loss="train_nll")
    assert plt.get_fignums() == []


def labels(*found):
    return [text.get_text() for text in runs.plot(*found).legends[0].get_texts()]


def test_a_figure_has_every_run_of_counts_and_of_a_search():
    higher = replace(COUNTS, model=NgramConfig(order=3))
    assert len(runs.plot(a_run(made(spec=COUNTS)), a_run(made(spec=higher))).axes[0].lines) == 2
    assert len(runs.plot(a_run(made(test=None))).axes[0].lines) == 1


def test_runs_of_one_name_are_told_apart_by_the_settings_that_differ():
    spec = made().spec
    others = [replace(spec, train=replace(spec.train, lr=lr, eval_tokens=n)) for lr, n in ((1e-2, 20), (1e-3, 19))]  # blocks of ten
    found = [a_run(made(spec=other)) for other in others]
    assert labels(*found) == ["a, lr=0.01", "a, lr=0.001"]
    assert repr(runs.compare(*found)).startswith("a, lr=0.01 minus a, lr=0.001: ")
    assert labels(found[0], a_run(made(1, spec=replace(others[0], seed=1)))) == ["a"]


def test_runs_of_several_corpora_are_named_with_them():
    other = replace(made().spec, corpus="grammar-word")
    assert labels(a_run(made()), a_run(made(spec=other))) == ["a on grammar-char", "a on grammar-word"]


def test_counts_say_nothing_of_steps_and_flops():
    run = a_run(made(spec=COUNTS))
    assert not any(word in text for word in ("FLOPs", "steps", "parameters") for text in (repr(run), run._repr_html_()))
    assert "n-grams" in repr(run) and "n-grams" in run._repr_html_()


def test_several_runs_of_one_side_are_seeds_of_one_model():
    longer = made(spec=replace(made().spec, train=TrainConfig(steps=4, eval_tokens=20)))
    with pytest.raises(RunError, match=rf"toy/a@0 \({made().spec.key}\) and toy/a@0 \({longer.spec.key}\) differ in more"):
        runs.compare([a_run(made()), a_run(longer)], a_run(made()))


def test_rows_of_the_table_are_runs_whatever_their_section(home):
    stored(made(0), "search"), stored(made(1))
    table = frames.runs()
    assert {run.record.spec.seed for run in runs.several(table)} == {0, 1}
    assert [run.record.spec.seed for run in runs.several(table.iloc[0])] == [table.iloc[0]["seed"]]
    with pytest.raises(RunError, match="0 is no key of a recorded run"):
        runs.several(table.reset_index())


@pytest.mark.parametrize("nothing", [[], Seeds()])
def test_no_run_is_a_mistake(nothing):
    for call in (lambda: runs.plot(nothing), lambda: runs.plot(), lambda: runs.compare(nothing, a_run(made()))):
        with pytest.raises(RunError, match="no run is given"):
            call()


def test_a_run_of_a_search_says_that_it_has_no_test_score():
    with pytest.raises(RunError, match="of a search, which scores valid only"):
        runs.compare(a_run(made()), a_run(made(test=None)))


def test_a_diverged_run_says_what_to_do_in_place_of_its_model():
    with pytest.raises(RunError, match="it diverged at step 3; lower the learning rate"):
        a_run(made(status="diverged", valid=None, test=None, curve=[])).model  # noqa: B018


def test_seeds_of_counts_have_no_spread():
    found = Seeds(a_run(made(spec=replace(COUNTS, seed=seed))) for seed in (0, 1))
    assert "3.2500" in repr(found) and "SD" not in repr(found)


def test_a_curve_that_there_is_not_is_named():
    run = a_run(made())
    for call, says in ((lambda: run.plot("steps"), "did you mean 'step'"), (lambda: runs.plot(run, loss="test"), "unknown loss 'test'")):
        with pytest.raises(TinylmError, match=says):
            call()


def test_a_run_says_its_key():
    run = a_run(made())
    assert run.key == run.record.spec.key and run.key in repr(run)
