"""The notebook for Colab and Binder: it runs from the top on any text, and one setting gives its address and the README's badges."""

import importlib.util
import json
import os
import re
import shutil
import tomllib
import warnings

import nbformat
import papermill
import pytest
from IPython.core.interactiveshell import InteractiveShell
from packaging.specifiers import SpecifierSet

from tinylm import files
from tinylm.report import readme

NOTEBOOK = files.NOTEBOOKS / "hosted.ipynb"
CELLS = nbformat.read(NOTEBOOK, as_version=4).cells
INSTALL = next(cell.source for cell in CELLS if cell.cell_type == "code")
ADDRESS = "https://github.com/some-one/tiny.lm_2"
MINE = "\n".join(f"{n} green bottles hanging on the wall" for n in range(400))


def test_it_runs_from_the_top_on_a_text_of_ones_own(tmp_path, monkeypatch):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    next(cell for cell in notebook.cells if cell.source == INSTALL).source = "pass"
    nbformat.write(notebook, tmp_path / "alone.ipynb")
    monkeypatch.setenv("TINYLM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(files.ROOT) + os.pathsep + os.environ.get("PYTHONPATH", ""))
    asked = {"text": MINE, "flops": 1e9}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of the Jupyter stack
        done = papermill.execute_notebook(
            tmp_path / "alone.ipynb", tmp_path / "done.ipynb", asked, kernel_name="python3", progress_bar=False, cwd=tmp_path
        )
    written = "".join(output.get("text", "") for output in done.cells[-2].outputs)
    assert written.count("bottles") >= 2
    assert len([*(tmp_path / "home" / "weights").glob("*.safetensors")]) == 1
    assert len([*(tmp_path / "home" / "ledger").glob("local/*-s0-*.json")]) == 2


@pytest.fixture
def install(monkeypatch, capsys):
    """Runs the first cell with an address, where tinylm is or is not; gives what it hands to pip, and what it prints."""
    find, asked = importlib.util.find_spec, []

    def run(address, is_here):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: find(name, *more) if name != "tinylm" or is_here else None)
        shell = InteractiveShell()
        shell.register_magic_function(asked.append, "line", "pip")
        capsys.readouterr()
        shell.run_cell(INSTALL.replace('ADDRESS = "', f'ADDRESS = "{address}', 1)).raise_error()
        return asked, capsys.readouterr().out

    yield run
    InteractiveShell.clear_instance()


def test_the_first_cell_installs_from_the_address_unless_tinylm_is_here(install):
    assert install(ADDRESS, is_here=True) == ([], "tinylm is here\n")
    assert install("", is_here=False) == ([], "tinylm is not here: set ADDRESS to its repository and run this cell again\n")
    assert install(ADDRESS, is_here=False) == ([f'install --quiet "tinylm @ git+{ADDRESS}"'], "")


def test_the_readme_and_the_notebook_have_the_address_that_is_set():
    address = readme.repository(files.ROOT)
    assert f'ADDRESS = "{address}"' in INSTALL, "run python run_me.py"
    between = f"<!-- hosted: begin -->\n{readme.badges(address)}\n<!-- hosted: end -->"
    assert between in (files.ROOT / "README.md").read_text(encoding="utf-8"), "run python run_me.py"


def test_badges_lead_to_the_notebook_and_without_an_address_there_are_none():
    assert readme.badges("") == ""
    colab, binder = readme.badges(ADDRESS).splitlines()
    assert colab.endswith("(https://colab.research.google.com/github/some-one/tiny.lm_2/blob/main/notebooks/hosted.ipynb)")
    assert binder.endswith("(https://mybinder.org/v2/gh/some-one/tiny.lm_2/main?labpath=notebooks%2Fhosted.ipynb)")


@pytest.mark.parametrize(
    "address", ["http://github.com/a/b", "https://b.de/a/b", "a/b", "https://github.com/a", "https://github.com/a/b/c"]
)
def test_another_address_is_one_clear_error(tmp_path, address):
    (tmp_path / "pyproject.toml").write_text(f'[tool.tinylm]\nrepository = "{address}"\n')
    says = f'repository = {address!r} in pyproject.toml is no address on GitHub; write "https://github.com/OWNER/NAME", or "" for none'
    with pytest.raises(readme.ReadmeError, match=re.escape(says)):
        readme.repository(tmp_path)


def test_the_notebook_gets_the_address_and_nothing_else_changes(tmp_path):
    path = tmp_path / "hosted.ipynb"
    shutil.copy(NOTEBOOK, path)
    for address in (ADDRESS, ""):
        readme._set_address(path, address)
        cells = nbformat.read(path, as_version=4).cells
        assert f'ADDRESS = "{address}"  #' in cells[2].source
    assert json.loads(path.read_text(encoding="utf-8"))["cells"][:2] == json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"][:2]
    path.write_text("{}")
    with pytest.raises(readme.ReadmeError, match='hosted.ipynb needs one line that begins with ADDRESS = "; put it back'):
        readme._set_address(path, ADDRESS)


def test_binder_has_a_python_that_the_package_takes_and_its_requirements():
    folder = files.ROOT / ".binder"
    needed = tomllib.loads((files.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert (folder / "runtime.txt").read_text().strip().removeprefix("python-") in SpecifierSet(needed)
    assert (folder / "requirements.txt").read_text() == "-r ../requirements.txt\n"
