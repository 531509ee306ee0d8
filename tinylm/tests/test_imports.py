"""The floor plan of the library, kept true: who may import whom, and what is loaded without torch."""

import ast
import graphlib
import os
import subprocess
import sys

import pytest
from rooms import FLOOR, ROOT, drawing, imports, modules, room, rooms

MODULES, GRAPH = modules(), imports()
ROOMS = rooms(GRAPH)
WITH_TORCH = (  # beginnings of module names
    "evaluation.adaptive",
    "evaluation.attention",
    "evaluation.gated_counts",
    "evaluation.generate",
    "evaluation.huggingface",
    "evaluation.modeling_tinylm",
    "evaluation.network_model",
    "evaluation.nlls",
    "evaluation.onnx_file",
    "evaluation.pretrained.export",
    "evaluation.probes.trials",
    "evaluation.weights",
    "models.checkpoint",
    "models.networks",
    "report.cards",
    "report.retraining",
    "training.",
)
PLANNING = ["config", "data", "flops", "ledger", "study"]


def test_no_module_imports_itself_in_a_circle():
    tuple(graphlib.TopologicalSorter(GRAPH).static_order())


def test_every_room_has_a_floor_and_there_are_few():
    assert ROOMS.keys() == FLOOR.keys()
    assert len(ROOMS) <= 17


@pytest.mark.parametrize("name", sorted(ROOMS))
def test_rooms_import_from_the_floors_below_them(name):
    assert {other for other in ROOMS[name] if FLOOR[other] >= FLOOR[name]} == set()


def test_configs_import_nothing_of_tinylm_but_each_other():
    assert ROOMS["config"] == set()


def loaded_by(names: list[str], watched: list[str]) -> list[str]:
    """Which of the watched modules a fresh Python has loaded after importing the named ones."""
    code = f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\n"
    code += f"print(*(set({watched}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_records_become_figures_without_torch():
    free = [name for name in MODULES if room(name) and not name.removeprefix("tinylm.").startswith(WITH_TORCH)]
    assert loaded_by(free, ["torch", "safetensors"]) == []


def unguarded(path):
    """The lines within functions that may be the first to load torch, and which an interrupt would break for the whole session."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded, found = set(), []
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any("uninterrupted()" in ast.unparse(item) for item in node.items):
            guarded |= {id(inner) for inner in ast.walk(node)}
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in guarded and loads_torch(node):
                found.append(ast.unparse(node))
    return found


def loads_torch(node):
    """Whether an import is of torch or of a module that loads it."""
    whole = getattr(node, "module", None)
    names = [f"{whole}.{alias.name}" if whole else alias.name for alias in node.names]
    return any(name == "torch" or f"{name.removeprefix('tinylm.')}.".startswith(WITH_TORCH) for name in names)


def test_an_interrupt_waits_until_torch_is_loaded():
    lazy = {
        name: path for name, path in MODULES.items() if not name.removeprefix("tinylm.").startswith((*WITH_TORCH, "cli", "report.pipeline"))
    }
    assert {name: lines for name, path in lazy.items() if (lines := unguarded(path))} == {}
    assert unguarded(MODULES["tinylm.cli.bench"])  # a command's process ends with its interrupt


def test_a_plan_needs_no_plotting_libraries():
    planning = [name for name in MODULES if room(name) in PLANNING]
    assert loaded_by(planning, ["torch", "matplotlib", "pandas", "scipy", "IPython"]) == []


def test_the_picture_of_the_rooms_is_drawn_from_these_imports():
    stored = (ROOT.parent / "docs" / "architecture.svg").read_text(encoding="utf-8")
    assert drawing(ROOMS) == stored, "draw it anew with: python tinylm/tests/helpers/rooms.py"


@pytest.mark.parametrize("name", MODULES)
def test_functions_stay_short(name):
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 40, node.name


TRAINS = """
import sys
from tinylm.__main__ import main
assert main("train --corpus grammar-char --recipe transformer --budget 1e9".split()) == 0
assert not {"torch._dynamo", "scipy.stats", "matplotlib"} & set(sys.modules)
"""


def test_a_command_that_trains_loads_neither_a_compiler_nor_what_only_reports_need(tmp_path):
    done = subprocess.run([sys.executable, "-c", TRAINS], env=os.environ | {"TINYLM_HOME": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
