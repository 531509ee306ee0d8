"""Run the study's notebooks with papermill and keep them clean: stable bytes, no timestamps, no machine's traces."""

import os
import warnings
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import NoSuchKernel
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from tinylm import files, ledger, study
from tinylm.config import TinylmError
from tinylm.config.errors import instead

KERNEL_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
WIDGET = "application/vnd.jupyter.widget-view+json"  # which shows nothing without the kernel that made it


class NotebookError(TinylmError):
    """A notebook that failed, or parameters it does not have."""


def command(name: str, profile: str) -> str:
    """What a user types to run one notebook, given without its suffix, again under a profile, and to rebuild what it shows."""
    return f"python run_me.py --only {name}" + _of_profile(profile)


def everything(profile: str) -> str:
    """What a user types to run every notebook under a profile."""
    return "python run_me.py" + _of_profile(profile)


def _of_profile(profile: str) -> str:
    return "" if profile == "full" else f" --profile {profile}"


def execute(section: str, profile: str, folder: Path) -> Path:
    """Run a section's notebook under a profile into `folder`; the full profile runs its stored parameters as they are.

    Raises NotebookError with the cell, the error and the command that runs only this notebook again.
    """
    name = study.SECTIONS[section].notebook
    source, target = files.NOTEBOOKS / f"{name}.ipynb", folder / f"{name}.ipynb"
    parameters = {} if profile == "full" else study.SECTIONS[section].parameters(profile)
    rerun = command(name, profile)
    _check_parameters(source, parameters)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotebookError(f"cannot write to {folder}: {error.strerror}; make it writable") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of the Jupyter stack are no business of the reader's
            papermill.execute_notebook(
                source, target, parameters, kernel_name="python3", progress_bar=False, cwd=files.NOTEBOOKS, **_transport()
            )
    except (DeadKernelError, NoSuchKernel) as error:
        remedy = "free some memory, or run `pip install -r requirements.txt`, then repeat"
        raise NotebookError(f"{name}.ipynb was not finished: {type(error).__name__}: {error}; {remedy}: {rerun}") from error
    except PapermillExecutionError as error:
        beginning = error.source.strip().partition("\n")[0]
        raise NotebookError(
            f"{name}.ipynb failed in the cell that begins `{beginning}`: {error.ename}: {error.evalue}\n"
            f"  the notebook as far as it ran: {target}\n  after correcting it, run only this one again: {rerun}"
        ) from error
    clean(target)
    return target


def _transport() -> dict[str, Any]:
    """Unix sockets where there are any: no open ports, and no warning about them."""
    return {"config": Config({"KernelManager": {"transport": "ipc"}})} if os.name == "posix" else {}


def _check_parameters(source: Path, parameters: dict[str, Any]) -> None:
    if not source.exists():
        raise NotebookError(f"{source} is missing; restore it with: git checkout -- {source.relative_to(files.ROOT)}")
    try:
        known = papermill.inspect_notebook(source)
    except (ValueError, OSError) as error:
        remedy = f"restore it with: git checkout -- {source.relative_to(files.ROOT)}"
        raise NotebookError(f"{source} is not a readable notebook ({str(error)[:80]!r}); {remedy}") from error
    for name in parameters:
        if name not in known:
            raise NotebookError(f"{source.name} has no parameter {name!r}; {instead(name, known, 'its parameters are')}")


def clean(path: Path) -> None:
    """Remove what differs between two equal runs: papermill's times and paths, kernel versions, stderr, widgets."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.from_dict(KERNEL_METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {})
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr" and WIDGET not in output.get("data", {})]
    ledger.write_text(path, nbformat.writes(notebook) + "\n")


def publish(executed: list[Path]) -> None:
    """Put executed notebooks of the full profile, with their outputs, in the place of their sources."""
    for path in executed:
        ledger.write_text(files.NOTEBOOKS / path.name, path.read_text(encoding="utf-8"))
