"""The library as a researcher uses it: each task in a real kernel, in three lines or fewer, on records and models as published."""

import doctest
import inspect
import os
import pkgutil
import pydoc
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest
from kernel import started

import tinylm as tl
from tinylm import files
from tinylm.config import TinylmError
from tinylm.report.runs import Run, Seeds

MOST_LINES = 3
# Interrupt, pressed in the midst of an import of torch.
INTERRUPTED_IMPORT = """
import os, signal, sys
import tinylm as tl

class Presses:
    def find_spec(name, path=None, target=None):
        if name == "{module}":
            sys.meta_path.remove(Presses)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Presses)
"""
TRAINS = 'tl.train("grammar-char", tl.Linear(context_length=4, d_model=2), steps=1).test_nll'
FIRST = [
    ("torch.functional", TRAINS),
    ("torch.functional", 'tl.load("shakespeare").generate("HAM", length=1)'),
]
BEFORE = """
import pathlib
import torch
import tinylm as tl
pathlib.Path("scale.txt").write_text("1")
text = tl.corpus("grammar-char")
model = tl.load("shakespeare")
small = tl.Transformer(context_length=16, n_layer=1, n_head=2, d_model=16, d_ff=16)
run = tl.train(text, small, flops=2e7)
"""
# A task -> what a user writes, and what holds afterwards; `_` is what the cell shows.
TASKS = {
    "load and sample": (
        """
        model = tl.load("shakespeare")
        model.generate("HAMLET:", length=5, temperature=0)
        """,
        "assert _ == 'HAMLET:\\nI ha'",
    ),
    "surprise": (
        'model.surprise("To be, or not to be")',
        "assert len(_) == 19 and _.isna().sum() == 1 and 0 < _.mean() < 4 and '<span' in _._repr_html_()",
    ),
    "logits": ('model.logits("HAMLE")', "assert _.shape == (5, 65) and model.vocabulary.tokens[_[-1].argmax()] == 'R'"),
    "top five": ('model.top("HAMLE", k=5)', "assert _['token'][0] == 'R' and len(_) == 5 and _['probability'].is_monotonic_decreasing"),
    "train a shape": (
        """
        run = tl.train(text, tl.Transformer(context_length=8, n_layer=2, n_head=1, d_model=8, d_ff=8), flops=2e7)
        run.history
        """,
        "assert run.record.flops <= 2e7 and _['flops'].iloc[-1] == run.record.flops and run.test_nll < 3.6 and run.model.generate('a')",
    ),
    "plot against a recorded run": (
        'tl.plot(run, "control/MLP")',
        "assert [one.get_text() for one in _.legends[0].get_texts()] == [run.run.name, 'MLP'], (_.legends, run)",
    ),
    "cost": (
        "tl.cost(tl.Transformer(), text)",
        "assert _.totals.index.tolist() == ['executed', 'textbook', '2ND', '6ND'] and _.parts.loc['executed', 'run'].sum() == _.flops > 0",
    ),
    "records": (
        'tl.runs(architecture="transformer", budget=1e12)',
        """
        assert {"name", "section", "n_params", "flops", "test_nll", "d_model"} <= {*_.columns} and len(_) > 10
        assert {*_.select_dtypes("number")} >= {*_.columns} - {"section", "role", "architecture", "name", "corpus", "optimizer", "status"}
        """,
    ),
    "counts": (
        """
        counts = tl.train(text, tl.Counts(order=4, cache=256)).model
        print(counts.score(text), counts.generate("the ", length=9))
        counts.distribution("the ")
        """,
        "assert abs(_.sum() - 1) < 1e-9 and _.index.tolist() == list(text.vocab) and counts.score(text).nll < 1.2",
    ),
    "a module of one's own at equal FLOPs": (
        """
        from torch import nn
        own = tl.train(text, lambda v: nn.Sequential(nn.Embedding(v, 16), nn.Linear(16, v)), flops=run.record.flops, context_length=16)
        tl.plot(own, run, "control/Linear")
        """,
        "assert 0.9 * run.record.flops < own.record.flops <= run.record.flops and len(_.legends[0].get_texts()) == 3",
    ),
    "attention": (
        'model.attention("HAMLET:").weights(layer=2, head=1)',
        "assert _.shape == (7, 7) and abs(_.sum(axis=1) - 1).max() < 1e-5",
    ),
    "a paired difference": ('tl.compare("control/KN-6", "control/KN-4")', "assert _.interval[0] < _.difference < _.interval[1] < 0"),
    "a paired difference over seeds": ('tl.compare("control/MLP", "control/Linear")', "assert '5 seeds, paired t' in repr(_)"),
}
MISTAKES = {  # what a user writes -> the one line that it shows
    'tl.corpus("grammar-chr")': "DataError: 'grammar-chr' is neither a text file nor a corpus; did you mean 'grammar-char'?",
    "tl.Transformer(n_layers=2)": "FieldError: Transformer.n_layers: transformer has no such field; did you mean 'n_layer'?",
    "tl.train(text, small, flops=-1e9)": "FieldError: TrainConfig.flops: must not be negative, got -1000000000.0",
    "tl.train(text, tl.Transformer(context_length=300_000), flops=1e9)": "ArgumentError: context_length=300000 is too long: ",
    "tl.train(text, tl.Linear(context_length=30_000, d_model=2), flops=5e10, batch_size=1)": (
        "ArgumentError: context_length=30000 leaves nothing to score: valid or test of grammar-char has 20,000 tokens"
    ),
    "tl.train(text, small, flops=1e9, sedes=range(3))": "ConfigError: there is no argument 'sedes'; did you mean 'seeds'?",
    'model.generate("H", lenght=6)': "CallError: Model.generate: got an unexpected keyword argument 'lenght'; did you mean 'length'?",
    'model.sruprise("x")': "MissingAttribute: 'NetworkModel' object has no attribute 'sruprise'; did you mean 'surprise'?",
    "run.modle": "MissingAttribute: 'Run' object has no attribute 'modle'; did you mean 'model'?",
    "small.n_layers": "MissingAttribute: 'Transformer' object has no attribute 'n_layers'; did you mean 'n_layer'?",
    "tl.explore.Budgets": "MissingAttribute: module 'tinylm.explore' has no attribute 'Budgets'; did you mean 'Budget'?",
    'tl.load("shakespear")': "WeightsError: no run is called 'shakespear'; did you mean 'shakespeare'?",
    """
    class Reads(torch.nn.Embedding):
        def forward(self, x): return super().forward(x) * float(open("scale.txt").read())
    tl.train(text, lambda v: Reads(v, v), flops=1e6)
    """: "ConfigError: the code uses open, and what it reads cannot be part of the run's key",
    """
    class Own(torch.nn.Linear):
        def __init__(self, v): super().__init__(v, hidden=3)
    tl.train(text, Own, flops=1e6)
    """: "ConfigError: Own cannot be made: TypeError: Linear.__init__() got an unexpected keyword argument 'hidden' (line 2, in __init__)",
    """
    class Own(torch.nn.Embedding):
        def forward(self, x): return super().forward(x)[:, :, 0] @ x
    tl.train(text, lambda v: Own(v, v), flops=1e6)
    """: "ConfigError: Own fails on ids (2, 128); it must take ids (B, T) for any T from 1 to the context length: RuntimeError: ",
    "tl.train(text, run.model, flops=1e9)": "ConfigError: this NetworkModel is trained already; give its shape: Transformer(",
    'tl.load("/nowhere/x.pt")': "WeightsError: there is no file /nowhere/x.pt; weights files end in .safetensors",
    "tl.plot(tl.runs())": "RunError: ",
    "tl.cost(text, torch.nn.Linear)": "ConfigError: the model comes first: tl.cost(model, text)",
    """
    from torch import nn
    class Mine(nn.Sequential): forward_flops = 1000
    tl.train(text, lambda v: Mine(nn.Embedding(v, 16), nn.Linear(16, v)), flops=1e9)
    """: "ConfigError: Mine states 1,000 FLOPs for a window of 128 tokens, but",
}
LONG = """
run = tl.train(text, small, steps=400)
run.test_nll
"""
# No clock decides: from its third report on, the training waits until it is told to stop.
WAITS = """
import time
from tinylm.training import executors
real, heard = executors.run_one, []
def waits(spec, settings, progress, stop, *more):
    def told(now):
        heard.append(now.step)
        progress(now)
        while len(heard) > 2 and not stop():
            time.sleep(0.01)
    return real(spec, settings, told, stop, *more)
executors.run_one = waits
"""
GOES_ON = """
def hears(spec, settings, progress, stop, *more):
    return real(spec, settings, lambda now: (heard.append(now.step), progress(now)), stop, *more)
heard, stopped = [], heard
executors.run_one = hears
"""
UNINTERRUPTED = """
from tinylm import ledger
from tinylm.training import loop
alone = ledger.from_json(ledger.to_json(loop.train(run.record.spec, text)))  # rounded as records are
assert 0 < stopped[-1] < heard[0] and heard[-1] == 400, (stopped, heard)
assert (alone.curve, alone.test) == (run.record.curve, run.record.test), (alone, run.record)
"""
# Interrupt, pressed when a record is looked for or a network computes.
PRESSED = """
import os, signal, sys
def press(frame, event, what):
    if event == "call" and frame.f_code.co_name in ("known", "forward"):
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGINT)
sys.setprofile(press)
"""
SCRIPT = """
import tinylm as tl
runs = tl.train("grammar-char", tl.Linear(context_length=4, d_model=4), steps=4, seeds=range(2))
print(sorted(run.record.spec.seed for run in runs), runs.test_nll > 0)
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """A session that has begun."""
    with started(tmp_path_factory.mktemp("session"), BEFORE) as kernel:
        yield kernel


def lines(code):
    return inspect.cleandoc(code)


def test_every_task_is_three_lines_or_fewer():
    for code in (*(code for code, _ in TASKS.values()), *MISTAKES, LONG, SCRIPT.strip()):
        assert len(lines(code).splitlines()) <= MOST_LINES, code


def test_tab_offers_the_names_of_the_interface_and_no_others(kernel):
    assert dir(tl) == sorted(tl.__all__)
    assert sorted(name.removeprefix("tl.") for name in kernel.offered("tl.")) == sorted(tl.__all__)
    assert kernel.offered("tl.tra") in (["train"], ["tl.train"])


@pytest.mark.parametrize("task", TASKS)
def test_a_task(kernel, task):
    code, holds = TASKS[task]
    kernel.run(lines(code))
    assert not kernel.error and not kernel.text("stderr")
    assert kernel.shown
    kernel.run(lines(holds))
    assert not kernel.error


def test_a_plot_of_ones_own_is_seen_after_ours(kernel):
    kernel.run('tl.plot(run, "control/MLP")')
    kernel.run("import matplotlib.pyplot as plt\nplt.plot([1, 2])")
    assert sum("image/png" in data for data in kernel.shown) == 1


def test_an_interrupted_cell_goes_on_when_it_is_run_again_to_the_result_of_an_uninterrupted_run(kernel):
    shown = []

    def interrupt(message):
        if message["msg_type"] == "comm_msg" and "NLL" in str(message["content"]):
            shown.append(message)
            if len(shown) == 1:
                kernel.manager.interrupt_kernel()

    kernel.run(WAITS).run(LONG, interrupt)
    assert re.fullmatch(r"Stopped: stopped at step \d+ of 400; run the cell again to go on", kernel.traceback)
    kernel.run(GOES_ON).run(LONG)
    assert not kernel.error
    kernel.run(UNINTERRUPTED)
    assert not kernel.error


@pytest.mark.parametrize(("module", "call"), FIRST)
def test_an_interrupt_while_torch_is_imported_costs_one_line_and_not_the_session(tmp_path, module, call):
    with started(tmp_path, "") as kernel:  # which has no torch yet
        kernel.run(INTERRUPTED_IMPORT.replace("{module}", module))
        kernel.run(call)
        assert re.fullmatch(r"Stopped: stopped [^\n]*; (repeat|run the cell again) to (go on|begin( again)?)", kernel.traceback)
        kernel.run(f"assert {call}")
        assert not kernel.error


@pytest.mark.parametrize("call", ["tl.runs()", "tl.explore.Runs()", 'model.score("To be\\n" * 99)', "model.surprise('To be')"])
def test_an_interrupt_of_what_computes_is_one_line(kernel, call):
    kernel.run(f"{PRESSED}\ntry:\n    {call}\nfinally:\n    sys.setprofile(None)")
    assert kernel.traceback == "Stopped: stopped before it was done; repeat to begin again"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(kernel, mistake):
    shown = kernel.run(lines(mistake)).traceback
    assert shown.startswith(MISTAKES[mistake]) and "\n" not in shown
    assert "it must take ids" not in shown or shown.endswith(" (line 2, in forward)")
    assert not kernel.contents("stream")


@pytest.mark.parametrize("how", ["unguarded", "stdin"])
def test_a_script_needs_no_guard_and_no_file(how, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with open(script) as source:
        command = [sys.executable, "-" if how == "stdin" else script]
        done = subprocess.run(
            command, stdin=source, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"TINYLM_HOME": str(tmp_path)}
        )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert done.stdout.splitlines()[-1] == "[0, 1] True"


def test_type_checkers_read_the_names_that_python_has():
    names = {}
    exec(Path(tl.__file__).with_suffix(".pyi").read_text(encoding="utf-8"), names)
    assert names["__all__"] == tl.__all__
    imported = {name for name in names if not name.startswith("__")} - {"tinylm"}
    assert imported > {*tl.__all__} and all(getattr(tl, name) is names[name] for name in imported)


def test_there_is_one_version():
    assert f"\nversion: {tl.__version__}\n" in (files.ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_several_seeds_are_of_another_type_than_one_run():
    one, several = typing.get_overloads(tl.train.__wrapped__)
    assert (one.__annotations__["return"], several.__annotations__["return"]) == (Run, Seeds)
    assert typing.get_type_hints(one)["seeds"] is type(None)


def test_no_name_is_that_of_a_module_which_would_replace_it_once_imported():
    assert {module.name for module in pkgutil.iter_modules(tl.__path__)} & {*tl.__all__} == {"explore"}


FUNCTIONS = [name for name in tl.__all__ if inspect.isfunction(getattr(tl, name))]
USERS = ("OUT", "LOCAL_LEDGER", "CHECKPOINTS", "WEIGHTS", "TEXTS")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_function_is_true(name, tmp_path, monkeypatch):
    for place in USERS:
        monkeypatch.setattr(files, place, tmp_path / place)
    known = {one: getattr(tl, one) for one in tl.__all__}
    (example,) = doctest.DocTestFinder(recurse=False).find(known[name], name, globs=known)
    assert example.examples, f"{name} has no example"
    said = []
    for out in (lambda text: None, said.append):  # what is trained the first time, and says so, is found the second
        doctest.DocTestRunner().run(example, out=out, clear_globs=False)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_wrong_call_is_one_line(name):
    with pytest.raises(TinylmError, match="xyzzy|missing"):
        getattr(tl, name)(xyzzy=1)


def test_a_wrong_question_to_a_model_is_one_line():
    model = tl.load("shakespeare")
    asked = [name for name in dir(model) if not name.startswith("_") and inspect.ismethod(getattr(model, name)) and name != "parts"]
    assert {"generate", "score", "attention"} <= {*asked}
    for name in asked:
        with pytest.raises(TinylmError, match=f"Model.{name}: "):
            getattr(model, name)("a", xyzzy=1)


@pytest.mark.parametrize("name", tl.__all__)
def test_every_name_has_help_and_its_functions_have_types(name):
    named = getattr(tl, name)
    assert inspect.getdoc(named)
    if name in FUNCTIONS:
        told = inspect.signature(named)
        kinds = [told.return_annotation, *(parameter.annotation for parameter in told.parameters.values())]
        assert inspect.Signature.empty not in kinds


def test_help_is_a_page():
    page = pydoc.render_doc(tl, renderer=pydoc.plaintext)
    assert all(f"tl.{name}" in page or f"`{name}`" in page for name in tl.__all__)
    assert "_PLACES" not in page


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(AttributeError, match="no attribute 'Transformr'; did you mean 'Transformer'"):
        tl.Transformr  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'xyzzy'$"):
        tl.xyzzy  # noqa: B018
