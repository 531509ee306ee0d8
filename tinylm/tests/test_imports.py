"""The picture of who imports whom, kept true."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import tinylm

ROOT = Path(tinylm.__file__).parent
FILES = {p for p in ROOT.rglob("*.py") if p.parent.name != "tests"}
# Each row may import from the rows above it, and only from those.
LAYERS = [
    ["checked", "spans"],
    ["model_config"],
    ["config"],
    ["kinds"],
    [
        "download",
        "folders",
        "grammar",
        "ladder",
        "models",
        "ngram",
        "paper",
        "parameters",
        "profiles",
        "serialise",
        "sister",
        "speakers",
        "versions",
    ],
    ["ledger", "ngram_cache", "vocabulary"],
    ["texts"],
    ["data"],
    ["corpus_stats", "flops", "recipes", "scoring"],
    ["batches", "cpu", "evaluate", "checkpoint", "counts", "optimizers", "study"],
    ["averaging", "update", "weights"],
    ["adaptive", "train"],
    ["events", "sweep"],
]
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer}
TORCH_FREE = [
    "at_test_time",
    "claim_list",
    "claims",
    "config",
    "corpus_stats",
    "data",
    "explore",
    "fits",
    "gains",
    "ladder",
    "flops",
    "kinds",
    "ledger",
    "literature",
    "ngram",
    "ngram_cache",
    "paper",
    "parameters",
    "plots",
    "pretrained",
    "pretrained.card",
    "profiles",
    "readings",
    "recipes",
    "report",
    "results",
    "scoring",
    "serialise",
    "show",
    "significance",
    "sister",
    "speakers",
    "study",
    "tables",
    "vocabulary",
]
LIGHT = ["config", "data", "flops", "ladder", "ledger", "parameters", "profiles", "paper", "recipes", "scoring", "sister", "study"]


def module_name(path: Path) -> str:
    """`tinylm.models.base` for a file, `tinylm.models` for a package's own."""
    parts = ["tinylm", *path.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def imports(path: Path) -> set[str]:
    """The modules of tinylm that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # `from tinylm import data` imports a module, `from tinylm.data import load` a name of one.
            found |= {name if (name := f"{node.module}.{alias.name}") in MODULES else str(node.module) for alias in node.names}
    return found & MODULES.keys()


GRAPH = {name: imports(path) - {name} for name, path in MODULES.items()}


def test_no_module_imports_itself_in_a_circle():
    tuple(graphlib.TopologicalSorter(GRAPH).static_order())


def test_configs_import_nothing_of_tinylm_but_their_checks():
    assert GRAPH["tinylm.config"] == {"tinylm.checked", "tinylm.model_config"}
    assert GRAPH["tinylm.model_config"] == {"tinylm.checked"}
    assert GRAPH["tinylm.checked"] == set()


def top(name: str) -> str:
    """`models` for `tinylm.models.base`."""
    return name.removeprefix("tinylm").removeprefix(".").split(".")[0]


@pytest.mark.parametrize("name", sorted(name for name in GRAPH if top(name) in LEVEL))
def test_imports_point_down(name):
    used = {top(other) for other in GRAPH[name]} - {top(name)}
    allowed = {other for other, level in LEVEL.items() if level < LEVEL[top(name)]} | {"paths"}
    assert used <= allowed


def test_models_know_configs_only():
    used = set().union(*(GRAPH[name] for name in GRAPH if top(name) == "models"))
    assert {name for name in used if top(name) != "models"} == {"tinylm.config", "tinylm.spans"}


def loaded_by(names: list[str], watched: list[str]) -> list[str]:
    """Which of the watched modules a fresh Python has loaded after importing tinylm's named ones."""
    wanted = [name for name in names if f"tinylm.{name}" in MODULES]
    code = f"import importlib, sys\nfor name in {wanted}: importlib.import_module('tinylm.' + name)\n"
    code += f"print(*(set({watched}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_records_become_figures_without_torch():
    assert loaded_by(TORCH_FREE, ["torch", "safetensors"]) == []


def test_a_plan_needs_no_plotting_libraries():
    assert loaded_by(LIGHT, ["torch", "matplotlib", "pandas", "scipy", "IPython"]) == []


@pytest.mark.parametrize("path", sorted(FILES), ids=module_name)
def test_modules_and_functions_stay_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 40, node.name
