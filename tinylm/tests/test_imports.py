"""The floor plan of the library, kept true: who may import whom, and what is loaded without torch."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import tinylm

ROOT = Path(tinylm.__file__).parent
FILES = {p for p in ROOT.rglob("*.py") if "tests" not in p.relative_to(ROOT).parts}
# The rooms on each floor, from the ground up: a room imports from its own floor and the floors below it, in no circle.
FLOORS = [
    ["config", "files"],
    ["data", "models", "typesetting"],
    ["flops", "ledger", "study"],
    ["analysis", "architectures", "evaluation"],
    ["training"],
    ["report"],
    ["cli", "explore"],
    ["__main__"],
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS, start=1) for room in rooms}
WITH_TORCH = (  # beginnings of module names
    "architectures",
    "cli",
    "evaluation.adaptive",
    "evaluation.generate",
    "evaluation.nlls",
    "evaluation.pretrained.export",
    "evaluation.probes.trials",
    "evaluation.surprise",
    "evaluation.weights",
    "models.checkpoint",
    "models.networks",
    "report.pipeline",
    "report.verify",
    "training.",
    "__main__",
)
PLANNING = ["config", "data", "flops", "ledger", "study"]


def module_name(path: Path) -> str:
    """`tinylm.models.networks.base` for a file, `tinylm.models.networks` for a package's own."""
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


def room(name: str) -> str:
    """`models` for `tinylm.models.networks.networks.base`."""
    return name.removeprefix("tinylm").removeprefix(".").split(".")[0]


ROOMS = {name: set() for name in sorted({room(name) for name in GRAPH} - {""})}
for importer, imported in GRAPH.items():
    if room(importer):
        ROOMS[room(importer)] |= {room(name) for name in imported} - {room(importer)}


def test_no_module_imports_itself_in_a_circle():
    tuple(graphlib.TopologicalSorter(GRAPH).static_order())


def test_every_room_has_a_floor_and_there_are_few():
    assert ROOMS.keys() == FLOOR.keys()
    assert len(ROOMS) <= 17


@pytest.mark.parametrize("name", sorted(ROOMS))
def test_rooms_import_nothing_from_above(name):
    above = {other for other in ROOMS[name] if FLOOR[other] > FLOOR[name]}
    assert above == set()


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


def test_a_plan_needs_no_plotting_libraries():
    planning = [name for name in MODULES if room(name) in PLANNING]
    assert loaded_by(planning, ["torch", "matplotlib", "pandas", "scipy", "IPython"]) == []


@pytest.mark.parametrize("path", sorted(FILES), ids=module_name)
def test_functions_stay_short(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 40, node.name
