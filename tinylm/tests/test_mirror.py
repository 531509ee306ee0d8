"""Every module with logic has its tests by the same path and name, and every test file has its module: X/Y.py and tests/X/test_Y.py."""

import ast
from pathlib import Path

import tinylm

ROOT = Path(tinylm.__file__).parent
TESTS = ROOT / "tests"
WITHOUT_MODULE = {
    "architectures/test_architectures",  # whatever files that room holds
    "explore/test_browser",  # the panels in a browser
    "cli/test_fuzz",  # any arguments
    "data/test_fuzz",  # own text files of any bytes
    "evaluation/test_fuzz",  # weights files of other people
    "ledger/test_fuzz",  # records, bundles, facts and sums of other people
    "report/test_kills",  # rebuilds that are killed
    "report/test_renaming",  # all notebooks
    "report/test_toy_section",  # from a section's file to the report
    "test_guide",  # the guide to a new architecture
    "test_hosted",  # the notebook for services that run notebooks
    "test_installed",  # a wheel, and a clone used from elsewhere
    "test_imports",  # the library's own structure
    "test_learn",  # the teaching notebooks
    "test_library",  # the interface as a user meets it, in a kernel
    "test_mirror",
    "test_platforms",  # paths and encodings of all rooms
    "test_faults",  # a tool among the tests, as the next
    "test_minutes",
    "test_mutants",
    "test_unseen",
    "training/test_faults",  # disks, limits and clocks
    "training/test_kills",  # processes that are killed
    "typesetting/test_fuzz",  # Markdown and formulas of any kind
}


def has_logic(path: Path) -> bool:
    """Whether a file defines a function, or a class with more than a docstring."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(isinstance(node, functions) or (isinstance(node, ast.ClassDef) and len(node.body) > 1) for node in body)


def mirrored(path: Path) -> str:
    """Where a module's tests are, without the suffix."""
    return path.relative_to(ROOT).with_name(f"test_{path.stem}").as_posix()


def of_package(path: Path) -> set[str]:
    """Where the tests of a package's own functions may be: in its folder, or beside it."""
    folder = path.parent.relative_to(ROOT)
    return {(folder / f"test_{folder.name}").as_posix(), folder.with_name(f"test_{folder.name}").as_posix()}


MODULES = [path for path in ROOT.rglob("*.py") if TESTS not in path.parents and has_logic(path)]
PACKAGES = set().union(*(of_package(path) for path in MODULES if path.name == "__init__.py" and path.parent != ROOT))
# Architectures of a user's own have one test for all of them.
OWN = ROOT / "architectures"
EXPECTED = {mirrored(path) for path in MODULES if path.name != "__init__.py" and path.parent != OWN}
FOUND = {path.relative_to(TESTS).with_suffix("").as_posix() for path in TESTS.rglob("test_*.py")}


def test_every_module_with_logic_has_a_test_file_of_its_path_and_name():
    assert sorted(name for name in EXPECTED - FOUND) == []


def test_every_test_file_has_its_module():
    assert sorted(name for name in FOUND - EXPECTED - PACKAGES - WITHOUT_MODULE) == []


def test_the_exceptions_are_needed():
    assert WITHOUT_MODULE <= FOUND and not WITHOUT_MODULE & EXPECTED
