"""Every module with logic has its tests by the same path and name, and every test file has its module: X/Y.py and tests/X/test_Y.py."""

import ast
from pathlib import Path

import tinylm

ROOT = Path(tinylm.__file__).parent
TESTS = ROOT / "tests"
NOT_YET = {"cli", "data", "evaluation", "explore", "ledger", "models", "training", "typesetting"}  # rooms whose tests are still to be moved
WITHOUT_TESTS = {"__main__"}  # which the tests of every command call
WITHOUT_MODULE = {
    "architectures/test_architectures",  # whatever files that room holds
    "explore/test_browser",  # the panels in a browser
    "report/test_renaming",  # all notebooks
    "report/test_toy_section",  # from a section's file to the report
    "test_guide",  # the guide to a new architecture
    "test_imports",  # the library's own structure
    "test_mirror",
}


def has_logic(path: Path) -> bool:
    """Whether a file defines a function or a class."""
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(node, defined) for node in ast.parse(path.read_text(encoding="utf-8")).body)


def mirrored(path: Path) -> str:
    """Where a module's tests are, without the suffix; those of a package's own functions bear its name."""
    name = path.parent.name if path.stem == "__init__" else path.stem
    return path.relative_to(ROOT).with_name(f"test_{name}").as_posix()


def room(name: str) -> str:
    return name.partition("/")[0]


MODULES = [path for path in ROOT.rglob("*.py") if TESTS not in path.parents and has_logic(path)]
PACKAGES = {mirrored(path) for path in MODULES if path.name == "__init__.py"}
EXPECTED = {mirrored(path) for path in MODULES if path.stem not in {"__init__", *WITHOUT_TESTS}}
FOUND = {path.relative_to(TESTS).with_suffix("").as_posix() for path in TESTS.rglob("test_*.py")}


def test_every_module_with_logic_has_a_test_file_of_its_path_and_name():
    assert sorted(name for name in EXPECTED - FOUND if room(name) not in NOT_YET) == []


def test_every_test_file_has_its_module():
    assert sorted(name for name in FOUND - EXPECTED - PACKAGES - WITHOUT_MODULE if room(name) not in NOT_YET) == []


def test_the_exceptions_are_needed():
    assert WITHOUT_MODULE <= FOUND and not WITHOUT_MODULE & EXPECTED
    assert {path.name for path in ROOT.iterdir()} >= NOT_YET
