"""The teaching notebooks: small cells with one idea each, little prose, and three questions that a changed number answers."""

import ast
import re

import nbformat
import pytest

from tinylm import files, study
from tinylm.data import grammar
from tinylm.report import execution

LESSONS = {path.stem: path for path in (files.NOTEBOOKS / "learn").glob("*.ipynb")}
EACH = pytest.mark.parametrize("name", sorted(LESSONS))
MOST_LINES, LONGEST_LINE = 12, 110  # of a cell, a text in quotation marks being one line; the page of a notebook shows no longer ones
MOST_WORDS, WORDS_PER_LINE = 60, 7  # of a cell of prose; of all prose for each line of code
UNCOMPARED = "nbval-ignore-output"
WHAT_IF = re.compile(r"^- What if `(\w+)` is [\d,.e]+\b.*\?", re.MULTILINE)


def cells(name, kind):
    return [cell for cell in nbformat.read(LESSONS[name], as_version=4).cells if cell.cell_type == kind]


def tags(cell):
    return cell.metadata.get("tags", [])


def calls(name, function):
    """The first argument of each call of tl.`function` in a notebook, None where it is no text."""
    nodes = [node for cell in cells(name, "code") for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
    named = [node for node in nodes if ast.unparse(node.func) == f"tl.{function}"]
    return {getattr(node.args[0], "value", None) for node in named}


def numbers(name):
    """Names that a notebook gives a number."""
    nodes = [node for cell in cells(name, "code") for node in ast.parse(cell.source).body if isinstance(node, ast.Assign)]
    return {ast.unparse(node.targets[0]) for node in nodes if isinstance(getattr(node.value, "value", None), int | float)}


def test_there_are_four_and_none_is_part_of_the_report():
    assert sorted(LESSONS) == ["copying", "cost", "counts", "loss"]
    assert not LESSONS.keys() & {section.notebook for section in study.SECTIONS.values()}


@EACH
def test_metadata_is_that_of_any_python3_kernel(name):
    notebook = nbformat.read(LESSONS[name], as_version=4)
    assert notebook.metadata == execution.KERNEL_METADATA
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)


@EACH
def test_cells_are_small_and_prose_is_short(name):
    code, prose = cells(name, "code"), [cell.source for cell in cells(name, "markdown")]
    for cell in code:
        assert len(ast.unparse(ast.parse(cell.source)).splitlines()) <= MOST_LINES, cell.source
        assert max(map(len, cell.source.splitlines())) <= LONGEST_LINE, cell.source
    assert max(len(text.split()) for text in prose[:-1]) <= MOST_WORDS, max(prose[:-1], key=lambda text: len(text.split()))
    assert sum(len(text.split()) for text in prose) <= WORDS_PER_LINE * sum(len(cell.source.splitlines()) for cell in code)
    assert not [text for text in prose if re.search(r"\d\.\d{3}", text)], "a number with three decimals is a result; compute it in a cell"


@EACH
def test_three_questions_at_the_end_are_answered_by_changing_one_number(name):
    questions = cells(name, "markdown")[-1].source.partition("## What if ...?\n")[2]
    asked = WHAT_IF.findall(questions)
    assert len(asked) == questions.count("\n- ") == 3
    assert {*asked} <= numbers(name)


@EACH
def test_neither_corpora_nor_a_network_are_needed(name):
    assert calls(name, "corpus") <= grammar.SOURCES.keys()
    assert all((files.PRETRAINED / f"{model}.safetensors").exists() for model in calls(name, "load"))


@EACH
def test_outputs_are_stored_with_a_picture_and_compared_unless_they_were_trained(name):
    code = cells(name, "code")
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert [output for output in outputs if "image/png" in output.get("data", {}) and output.metadata["report"]["alt"]]
    trains = [cell for cell in code if re.search(r"tl\.train\(", cell.source)]
    assert all(UNCOMPARED in tags(cell) for cell in trains), "what was trained once is found the second time, and prints less"
    compared = [cell for cell in code if cell.outputs and UNCOMPARED not in tags(cell)]
    assert len(compared) >= 5


def test_the_counts_are_a_model_of_about_thirty_lines():
    names = "This is the whole model: " + "`grams`, `kneser_ney`, `discounts`, `fit` and `probability`"
    assert any(cell.source.startswith(names) for cell in cells("counts", "markdown"))
    nodes = [node for cell in cells("counts", "code") for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)]
    lines = {node.name: node.end_lineno - node.lineno + 1 for node in nodes}
    assert sum(lines[part] for part in re.findall(r"`(\w+)`", names)) <= 32
