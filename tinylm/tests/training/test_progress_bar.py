import dataclasses
import queue
import re

import pytest
from kernel import started
from synthetic import planned

from tinylm.config import LinearConfig, NgramConfig, RunSpec, TrainConfig
from tinylm.training.loop import Progress
from tinylm.training.progress_bar import in_notebook, progress_bar, say, unwatched

LINEAR = LinearConfig(context_length=4, d_model=4)
RUN = planned("Linear", RunSpec(corpus="grammar-char", model=LINEAR, train=TrainConfig(steps=100, batch_size=4, eval_tokens=20)))
OTHER = dataclasses.replace(RUN, spec=dataclasses.replace(RUN.spec, seed=1))
COUNTS = planned("KN-2", RunSpec(corpus="grammar-char", model=NgramConfig(order=2), train=TrainConfig(epochs=1)))
HALF = Progress(step=50, num_steps=100, tokens_seen=200, flops=RUN.cost.flops // 2, seconds=1.0, train_nll=3.25, valid_nll=None)
END = dataclasses.replace(HALF, step=100, flops=RUN.cost.flops, train_nll=3.0, valid_nll=3.125)
CELL = """
import queue, warnings
warnings.simplefilter("error")
from tinylm.training.loop import Progress
from tinylm.training.progress_bar import in_notebook, progress_bar, unwatched
train = tl.config.TrainConfig(steps=100, batch_size=4, eval_tokens=20)
spec = tl.config.RunSpec(corpus="grammar-char", model=tl.config.LinearConfig(context_length=4, d_model=4), train=train)
run = tl.study.Planned(section="toy", role="sweep", architecture="Linear", name="Linear", spec=spec)
reports = queue.SimpleQueue()
with progress_bar([run], reports, unwatched) as bar:
    for part, valid in ((1, None), (2, 3.125)):
        reports.put((0, Progress(step=50 * part, num_steps=100, tokens_seen=200, flops=run.cost.flops * part // 2, seconds=1.0,
                                 train_nll=3.0, valid_nll=valid)))
    bar.write("a message")
print(in_notebook())
"""


def shown(capsys, runs, *messages):
    """What is written to stdout and stderr while the runs report."""
    reports = queue.SimpleQueue()
    with progress_bar(runs, reports, unwatched):
        for message in messages:
            reports.put(message)
    return capsys.readouterr()


def test_a_run_alone_shows_its_name_and_latest_losses(capsys):
    out, err = shown(capsys, [RUN], (0, HALF), (0, END))
    assert not out and re.search(r"Linear: 100%\|.*/[0-9.]+M FLOPs .*train NLL 3.0000, valid NLL 3.1250\]", err), err


def test_several_runs_add_up(capsys):
    out, err = shown(capsys, [RUN, OTHER], (0, HALF), (1, END), (0, END))
    assert not out and re.search(r"2 runs: 100%\|", err) and "NLL" not in err, err


def test_a_continued_run_counts_only_what_it_does_now_for_its_speed(capsys):
    reports = queue.SimpleQueue()
    with progress_bar([RUN], reports, unwatched) as bar:
        reports.put((0, HALF))
    assert (bar.n, bar.initial) == (HALF.flops, HALF.flops)
    assert bar.format_dict["rate"] is None
    capsys.readouterr()


def test_counts_have_no_bar(capsys):
    assert shown(capsys, [COUNTS]) == ("", "")
    assert not in_notebook()


@pytest.fixture
def notebook(tmp_path):
    with started(tmp_path) as kernel:
        yield kernel


def test_a_notebook_shows_a_widget_and_nothing_in_red(notebook):
    notebook.run(CELL)
    assert not notebook.error and not notebook.text("stderr")
    assert notebook.widgets == 1 and notebook.text("stdout") == "a message\nTrue\n"
    values = [str(content["data"].get("state", {}).get("value")) for content in notebook.contents("comm_msg")]
    assert any("train\u2007NLL\u20073.0000,\u2007valid\u2007NLL\u20073.1250" in value for value in values), values


def test_a_notebook_without_ipywidgets_shows_text_without_a_warning(notebook):
    notebook.run("sys.modules['ipywidgets'] = None")
    notebook.run(CELL)
    assert not notebook.error and not notebook.text("stderr")
    assert notebook.widgets == 0 and "Linear: 100%" in notebook.text("stdout") and "a message\n" in notebook.text("stdout")


def test_a_terminal_that_is_gone_stops_no_run(monkeypatch, capsys):
    reports = queue.SimpleQueue()
    with progress_bar([RUN, OTHER], reports, unwatched) as bar:

        def gone(*_):
            raise BrokenPipeError(32, "Broken pipe")

        monkeypatch.setattr(bar, "update", gone)
        monkeypatch.setattr(bar, "write", gone)
        for message in ((0, HALF), (0, "a warning"), (0, END)):
            reports.put(message)
        say(bar, "a line")
    assert reports.empty(), "every report is taken out"


def test_a_warning_names_its_run(capsys):
    out, _ = shown(capsys, [RUN, OTHER], (1, "set aside"))
    assert out == "Linear (seed 1): set aside\n"
