"""Other platforms, as far as Linux can tell: names of files, paths of Windows, encodings, and what docs/platforms.md says of them."""

import ast
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import run_specs

from tinylm import files, ledger
from tinylm.data import download, grammar, own_texts
from tinylm.ledger import bundle
from tinylm.training import executors

ROOT = files.PACKAGE.parent
RESERVED = re.compile(r'[<>:"|?*\x00-\x1f]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE)


def tracked():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.splitlines() or pytest.skip("no git here")


def test_every_file_of_the_repository_may_exist_on_windows():
    names = tracked()
    assert [name for name in names if any(RESERVED.search(part) for part in name.split("/"))] == []
    assert len({name.lower() for name in names}) == len(names) and max(map(len, names)) < 150


@given(spec=run_specs(), corpus=st.sampled_from([*download.manifest()["corpora"], *grammar.SOURCES, "text-0123456789ab"]))
def test_so_may_the_names_that_the_library_gives(spec, corpus):
    name = ledger.file_name(replace(spec, corpus=corpus))
    assert not RESERVED.search(name) and PureWindowsPath(name).parts == (name,)
    for prefix in own_texts.PREFIXES.values():
        assert PureWindowsPath(prefix + spec.key[:12]).parts == (prefix + spec.key[:12],)


@pytest.mark.parametrize("name", ["..\\x", "C:\\x", "C:x", "\\\\server\\share\\x", "a\\b", "a:b", "..", "rope\\..\\..\\x"])
def test_a_member_of_a_bundle_leads_nowhere_else_on_windows(name):
    assert not bundle.RECORD_NAME.fullmatch(f"{name}-s0-0123456789abcdef.json") and not bundle.SECTION_NAME.fullmatch(name)


def test_a_path_of_windows_is_taken_for_a_file():
    assert all(own_texts.is_file_name(path) for path in ("C:\\Users\\me\\story.txt", "..\\story.txt", "story.txt"))
    assert PureWindowsPath(files.PACKAGE.name, "tests").as_posix() == "tinylm/tests"


def test_processes_are_spawned_as_windows_does_it():
    assert executors.SpawnContext._name == "spawn"
    assert "fork" not in {node.value for path in files.PACKAGE.glob("training/*.py") for node in _texts(path)}


def _texts(path):
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Constant)]


def test_every_text_file_is_opened_with_its_encoding():
    found = [f"{path}:{line}" for path in [*files.PACKAGE.rglob("*.py"), ROOT / "run_me.py"] for line in _unsaid(path)]
    assert [place for place in found if "/tests/" not in place] == []


def _unsaid(path: Path):
    """Lines that open a text without its encoding."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or any(word.arg == "encoding" for word in node.keywords):
            continue
        if isinstance(node.func, ast.Attribute):
            is_file = node.func.attr in ("read_text", "write_text") and getattr(node.func.value, "id", "") != "ledger"  # its own
        else:
            is_file = getattr(node.func, "id", "") == "open"
        is_binary = any("b" in arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str))
        if is_file and not is_binary:
            yield node.lineno


def test_commands_run_where_a_default_encoding_is_an_error(home):
    (home / "my.txt").write_text("Süße Träume, 雨!\n" * 600, encoding="utf-8")
    python = [sys.executable, "-X", "warn_default_encoding", "-W", "error::EncodingWarning", "-m", "tinylm"]
    for line in (f"train --recipe counts --corpus {home / 'my.txt'}", "models"):
        done = subprocess.run([*python, *line.split()], capture_output=True, text=True, env=_environment(home), encoding="utf-8")
        assert done.returncode == 0 and not done.stderr, done.stderr


def _environment(home):
    return os.environ | {"TINYLM_HOME": str(home / "home"), "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


def test_the_page_on_platforms_names_each():
    page = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
    assert all(f"\n| {name}" in page for name in ("Linux", "macOS", "Windows")) and "PyTorch" in page
    assert all(f"Python 3.{minor}, torch 2." in page for minor in (11, 12, 13))
    assert "docs/platforms.md" in (ROOT / "README.md").read_text(encoding="utf-8")
