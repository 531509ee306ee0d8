import ast
import contextlib
import dataclasses
import errno
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import nbformat
import papermill
import pytest

from tinylm import explore, files, study
from tinylm.config.links import unlinked
from tinylm.report import execution

SOURCES = {name: files.NOTEBOOKS / f"{section.notebook}.ipynb" for name, section in study.SECTIONS.items()}
EXPLORER = files.NOTEBOOKS / "00_explore.ipynb"  # for playing with: no section of the study, and so no part of the report
HOSTED = files.NOTEBOOKS / "hosted.ipynb"  # for a machine without a clone
ALL = pytest.mark.parametrize("path", [EXPLORER, HOSTED, *SOURCES.values()], ids=lambda path: path.stem)
MAX_CELL_LINES = 15


def cells(path, kind):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def tags(cell):
    return cell.metadata.get("tags", [])


def parameters(path):
    """What a notebook's parameter cell stores."""
    (cell,) = [cell for cell in cells(path, "code") if "parameters" in tags(cell)]
    return {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cell.source).body}


def test_every_notebook_is_a_section_or_one_of_two_others():
    assert {*files.NOTEBOOKS.glob("*.ipynb")} == {EXPLORER, HOSTED, *SOURCES.values()}


@pytest.mark.parametrize("section", SOURCES)
def test_stored_parameters_are_the_full_profile(section):
    assert parameters(SOURCES[section]) == study.SECTIONS[section].parameters("full")


@ALL
def test_metadata_is_that_of_any_python3_kernel_and_holds_no_widget_state(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata == execution.KERNEL_METADATA
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)


@ALL
def test_cells_are_short_and_define_nothing(path):
    for cell in cells(path, "code"):
        assert len(cell.source.splitlines()) <= MAX_CELL_LINES, cell.source
        assert not re.search(r"^\s*(def|class) ", cell.source, re.MULTILINE), cell.source


@pytest.mark.parametrize("section", SOURCES)
def test_stored_outputs_exist_so_that_nbval_compares_something(section):
    outputs = [output for cell in cells(SOURCES[section], "code") for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    compared = [output for output in outputs if "text/csv" in output.get("data", {})]
    assert len(compared) >= 3, "a table or figure with its numbers is what nbval compares"


@ALL
def test_typed_prose_holds_no_result(path):
    for cell in cells(path, "markdown"):
        assert not re.search(r"\d\.\d{3}", unlinked(cell.source)), (
            f"a number with three decimals is a result; compute it in a cell: {cell.source[:80]}"
        )


def test_nbval_runs_the_explorers_panels_which_store_nothing_and_compares_the_rest():
    panels = [cell for cell in cells(EXPLORER, "code") if cell.source.startswith("tl.explore.")]
    assert len(panels) == len(explore.__all__) and all(tags(cell) == ["nbval-ignore-output"] for cell in panels)
    assert not any(cell.outputs for cell in panels)
    compared = [cell for cell in cells(EXPLORER, "code") if "nbval-ignore-output" not in tags(cell)]
    stored = [output for cell in compared for output in cell.outputs]
    assert any("text/csv" in output.data for output in stored)
    assert all("text/csv" in output.data or output.output_type == "execute_result" for output in stored)


def test_the_explorer_opens_with_a_few_short_cells_that_show_something():
    code = cells(EXPLORER, "code")
    panels = [i for i, cell in enumerate(code) if cell.source.startswith("tl.explore.")]
    opening = code[2 : panels[0]]  # after the import and the parameters
    assert 5 <= len(opening) <= 6
    assert all(len(cell.source.splitlines()) <= 3 and cell.outputs for cell in opening)


def test_the_explorer_runs_on_another_corpus_and_cleaning_leaves_no_widget_state(tmp_path):
    other = {"corpus": "grammar-char", "prompt": "Domin"}
    assert other.keys() == parameters(EXPLORER).keys()
    done = tmp_path / EXPLORER.name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of the Jupyter stack
        papermill.execute_notebook(EXPLORER, done, other, kernel_name="python3", progress_bar=False, cwd=files.NOTEBOOKS)
    assert "widgets" in nbformat.read(done, as_version=4).metadata
    execution.clean(done)
    assert nbformat.read(done, as_version=4).metadata == execution.KERNEL_METADATA


def test_clean_keeps_only_what_two_equal_runs_share(tmp_path):
    notebook = nbformat.v4.new_notebook(metadata={"papermill": {"start_time": "now"}})
    cell = nbformat.v4.new_code_cell("1", id="a", metadata={"tags": ["parameters"], "papermill": {"duration": 1}})
    cell.outputs = [nbformat.v4.new_output("stream", name=name, text="x") for name in ("stdout", "stderr")]
    cell.outputs.append(nbformat.v4.new_output("display_data", {execution.WIDGET: {}, "text/plain": "a progress bar"}))
    notebook.cells = [cell]
    path = tmp_path / "n.ipynb"
    nbformat.write(notebook, path)
    execution.clean(path)
    cleaned = nbformat.read(path, as_version=4)
    assert cleaned.metadata == execution.KERNEL_METADATA
    assert cleaned.cells[0].metadata == {"tags": ["parameters"]}
    assert [output.name for output in cleaned.cells[0].outputs] == ["stdout"]


def test_clean_joins_the_pieces_of_a_stream_which_are_cut_as_time_has_it(tmp_path):
    def cleaned(*texts):
        shown = nbformat.v4.new_output("display_data", {"text/plain": "4"})
        streams = [nbformat.v4.new_output("stream", text=text) for text in texts]
        cell = nbformat.v4.new_code_cell("1", id="a", outputs=[*streams, shown, *streams])
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "n.ipynb")
        execution.clean(tmp_path / "n.ipynb")
        return nbformat.read(tmp_path / "n.ipynb", as_version=4).cells[0].outputs

    assert cleaned("a", "b\n", "c") == cleaned("ab\n", "c") == cleaned("ab\nc")
    assert [output.get("text") for output in cleaned("a", "b")] == ["ab", None, "ab"]


@pytest.fixture
def sweeps(tmp_path, monkeypatch):
    """A notebook of one cell in the place of 03_sweeps; gives what executes it, and where it goes."""
    monkeypatch.setattr(files, "NOTEBOOKS", tmp_path)
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))

    def execute(cell):
        notebook = nbformat.v4.new_notebook(metadata=execution.KERNEL_METADATA, cells=[nbformat.v4.new_code_cell(cell, id="a")])
        nbformat.write(notebook, tmp_path / "03_sweeps.ipynb")
        return execution.execute(["sweeps"], "full", tmp_path / "out")[0]

    yield execute, tmp_path / "out" / "03_sweeps.ipynb"
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("from tinylm import data; data.info('ptp')", "DataError: unknown corpus 'ptp'; did you mean 'ptb'?"),
    ],
)
def test_a_failed_notebook_names_cell_error_and_the_command_that_reruns_only_it(sweeps, cell, error):
    execute, target = sweeps
    message = rf"(?s)03_sweeps.*cell that begins `{re.escape(cell)}`: {re.escape(error)}.*run_me.py --only 03_sweeps"
    with pytest.raises(execution.NotebookError, match=message):
        execute(cell)
    failed = nbformat.read(target.with_suffix(".failed"), as_version=4)
    assert failed.cells[-1].outputs[0].output_type == "error" and list(target.parent.iterdir()) == [target.with_suffix(".failed")]


def test_one_that_fails_leaves_those_that_have_begun_to_their_end_and_begins_no_other(sweeps, tmp_path, monkeypatch):
    _, target = sweeps
    monkeypatch.setattr(execution, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    cells = {"03_sweeps": "1 / 0", "04_rope_ablation": "import time; time.sleep(3)", "05_word_level": "1"}
    for name, cell in cells.items():
        notebook = nbformat.v4.new_notebook(metadata=execution.KERNEL_METADATA, cells=[nbformat.v4.new_code_cell(cell, id="a")])
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    with pytest.raises(execution.NotebookError, match=r"03_sweeps.*ZeroDivisionError"):
        execution.execute(["sweeps", "rope", "words"], "full", target.parent)
    assert {path.name for path in target.parent.iterdir()} == {"03_sweeps.failed", "04_rope_ablation.ipynb"}


@pytest.mark.parametrize("before", ["the one before", "", "{"])
def test_what_was_there_stays_until_a_notebook_has_run_to_its_end(sweeps, before):
    execute, target = sweeps
    target.parent.mkdir()
    target.write_text(before)
    with pytest.raises(execution.NotebookError):
        execute("1 / 0")
    assert target.read_text() == before
    assert execute("print(7)") == target
    assert nbformat.read(target, as_version=4).cells[0].outputs[0].text == "7\n"
    assert list(target.parent.iterdir()) == [target]


def test_what_was_there_stays_where_the_disk_is_full(sweeps, monkeypatch):
    execute, target = sweeps
    target.parent.mkdir()
    target.write_text("the one before")
    monkeypatch.setattr(papermill, "execute_notebook", full)
    with pytest.raises(execution.NotebookError, match=r"cannot write .*03_sweeps.ipynb: No space left.*free some space.*--only 03_sweeps"):
        execute("1")
    assert target.read_text() == "the one before" and list(target.parent.iterdir()) == [target]


def full(source, target, *_, **__):
    target.write_text("half")
    raise OSError(errno.ENOSPC, "No space left on device", str(target))


def test_a_folder_that_is_a_file_is_a_clear_error(sweeps):
    execute, target = sweeps
    target.parent.write_text("")
    with pytest.raises(execution.NotebookError, match="cannot write .*out: File exists"):
        execute("1")


STARTED = """
import sys, tempfile
from pathlib import Path
from tinylm import files
from tinylm.config.links import unlinked
from tinylm.report import execution
files.NOTEBOOKS = Path(sys.argv[1])
execution.execute(["sweeps"], "full", files.NOTEBOOKS / "out")
"""
WAITING = "import pathlib, time\npathlib.Path('begun').touch()\nfor second in range(60):\n    time.sleep(1)"


def test_a_killed_step_leaves_what_was_there_and_its_own_leftovers_go_at_the_next(sweeps, tmp_path):
    execute, target = sweeps
    execute("print(7)")
    before, place = target.read_bytes(), tmp_path / "temporary"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(WAITING)]), tmp_path / "03_sweeps.ipynb")
    step = subprocess.Popen([sys.executable, "-c", STARTED, tmp_path], env=os.environ | {"TMPDIR": str(place)})
    while not (tmp_path / "begun").exists():
        assert step.poll() is None, "it ended before its first cell"
        time.sleep(0.1)
    step.kill()
    step.wait()
    assert target.read_bytes() == before and len(list(place.iterdir())) == 1
    execute("print(8)")
    assert list(target.parent.iterdir()) == [target]


def kernels(place):
    """The processes that were started with a file in a folder."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(place).encode() in line.read_bytes():
                found.append(line.parent.name)
    return found


@pytest.mark.parametrize("moment", ["while the kernel starts", "in a cell"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_kernel_and_leaves_what_was_there(sweeps, tmp_path, number, moment):
    _, target = sweeps
    target.parent.mkdir()
    target.write_text("the one before")
    place = tmp_path / "temporary"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(WAITING)]), tmp_path / "03_sweeps.ipynb")
    code = STARTED.replace("execution.execute", "with interrupts.ended_like_interrupted(): execution.execute")
    code = f"from tinylm.config import interrupts\n{code}"
    step = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], env=os.environ | {"TMPDIR": str(place)}, stderr=subprocess.PIPE, text=True
    )
    while not (kernels(place) if moment.startswith("while") else (tmp_path / "begun").exists()):
        assert step.poll() is None, "it ended before it was interrupted"
        time.sleep(0.02)
    step.send_signal(number)
    said = step.communicate(timeout=30)[1]
    assert step.returncode and said.strip().endswith("KeyboardInterrupt") and "NotebookError" not in said, said
    assert "Kernel died" not in said
    assert kernels(place) == [] and list(place.iterdir()) == []
    assert target.read_text() == "the one before" and list(target.parent.iterdir()) == [target]


def test_a_kernel_is_met_in_a_private_folder_or_on_ports_where_its_name_is_too_long(tmp_path):
    short, long = Path("/tmp/x"), Path("/tmp") / ("x" * 100)
    manager = execution._connection(short).KernelManager
    assert (manager.transport, manager.ip, manager.connection_file) == ("ipc", "/tmp/x/k", "/tmp/x/kernel.json")
    assert list(execution._connection(long).KernelManager) == ["connection_file"]


def test_a_notebook_runs_where_the_place_for_temporary_folders_has_a_long_name(sweeps, monkeypatch, capfd):
    execute, target = sweeps
    with tempfile.TemporaryDirectory(prefix="x" * 120) as place, monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", place)
        assert execute("print(7)") == target and os.listdir(place) == []
    assert capfd.readouterr() == ("  03_sweeps\n", "")


def test_nbval_compares_notebooks_where_the_home_folder_takes_nothing(tmp_path):
    (tmp_path / "file").touch()
    packages = ("MPL", "IPYTHON", "JUPYTER")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(packages)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", SOURCES["speed"]]
    home = {"HOME": str(tmp_path / "file" / "home"), "USERPROFILE": str(tmp_path / "file" / "home")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=files.ROOT, env=environment | home)
    assert done.returncode == 0, done.stdout


def test_an_unknown_parameter_is_refused_before_the_kernel_starts(tmp_path, monkeypatch):
    odd = dataclasses.replace(study.SECTIONS["sweeps"], smoke={"seedz": [0]})
    monkeypatch.setitem(study.SECTIONS, "sweeps", odd)
    monkeypatch.setattr(papermill, "execute_notebook", lambda *args, **kwargs: pytest.fail("the kernel was started"))
    with pytest.raises(execution.NotebookError, match=r"no parameter 'seedz'; did you mean 'seeds'\? Its parameters are corpus"):
        execution.execute(["sweeps"], "smoke", tmp_path)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"devise": "cpu"}, r"speed has no parameter 'devise'; did you mean 'device'\? Its parameters are device"),
        ({"device": "gpu"}, r"unknown device 'gpu'.*There are: cpu; to time one"),
    ],
)
def test_papermill_by_hand_refuses_what_a_notebook_does_not_have(tmp_path, parameters, says):
    with warnings.catch_warnings(), pytest.raises(papermill.PapermillExecutionError, match=says):
        warnings.simplefilter("ignore")  # warnings of the Jupyter stack
        papermill.execute_notebook(SOURCES["speed"], tmp_path / "x.ipynb", parameters, progress_bar=False, cwd=files.NOTEBOOKS)


def test_a_damaged_notebook_is_named_with_the_mend(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(files, "ROOT", tmp_path)
    (tmp_path / "03_sweeps.ipynb").write_text("{")
    with pytest.raises(execution.NotebookError, match=r"03_sweeps.ipynb is not a readable notebook.*git checkout -- 03_sweeps.ipynb"):
        execution.execute(["sweeps"], "full", tmp_path / "out")
