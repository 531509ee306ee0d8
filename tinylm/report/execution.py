"""Run the study's notebooks with papermill and keep them clean: stable bytes, no timestamps, no machine's traces."""

import contextlib
import logging
import os
import subprocess
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from tinylm import files, ledger, study
from tinylm.config import TinylmError
from tinylm.config.errors import instead

KERNEL_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
LONGEST_SOCKET = 100  # bytes of the name of a Unix socket; systems allow 103 to 107
MOST_AT_ONCE = 4  # kernels, of some 400 MB each
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}  # for NumPy's products in each: more threads than cores wait for each other
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


def execute(sections: Sequence[str], profile: str, folder: Path) -> list[Path]:
    """Run sections' notebooks under a profile into `folder`, several at a time; the full profile runs their stored parameters.

    What was there stays until all cells have run. Raises NotebookError with the cell, the error and the command that runs only this
    notebook again; an interrupt ends every kernel and is raised once they are gone.
    """
    started: list[AsyncKernelManager] = []
    stop = threading.Event()

    class Kernel(AsyncKernelManager):
        async def start_kernel(self, **options: Any) -> None:
            started.append(self)
            options["env"] = ONE_THREAD | (options.get("env") or os.environ)
            await super().start_kernel(**options, stderr=subprocess.DEVNULL)  # what libraries say there is no business of the reader's

    def run(section: str) -> Path | None:
        """Where the notebook went; None where it was not begun, since one before it has failed or was interrupted."""
        try:
            return None if stop.is_set() else _execute(section, profile, folder, Kernel)
        except BaseException:
            stop.set()
            raise

    # In threads: nbclient, in the main one, takes the signals to itself, and a notebook that was interrupted then looks like a failed one.
    with warnings.catch_warnings(), ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_AT_ONCE)) as threads:
        warnings.simplefilter("ignore")  # nor are warnings of the Jupyter stack
        running = [threads.submit(run, section) for section in sections]
        try:
            while wait(running, timeout=1).not_done:  # Windows hears no Ctrl-C in a longer wait
                pass
        except KeyboardInterrupt:
            stop.set()
            with _silent("papermill"):  # which would say of each kernel that it died
                while wait(running, timeout=0.1).not_done:
                    _kill(started)  # again, since a kernel may only be starting now
            raise
    return [path for one in running if (path := one.result())]


def _execute(section: str, profile: str, folder: Path, kernel: type[AsyncKernelManager]) -> Path:
    """Run one section's notebook."""
    name = study.SECTIONS[section].notebook
    source, target = files.NOTEBOOKS / f"{name}.ipynb", folder / f"{name}.ipynb"
    parameters = {} if profile == "full" else study.SECTIONS[section].parameters(profile)
    _check_parameters(source, parameters)
    again = f"then repeat: {command(name, profile)}"
    print(f"  {name}", flush=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with files.scratch("kernel") as place:
            _run(source, target, parameters, place, kernel)
    except PapermillExecutionError as error:
        beginning = error.source.strip().partition("\n")[0]
        raise NotebookError(
            f"{name}.ipynb failed in the cell that begins `{beginning}`: {error.ename}: {error.evalue}\n"
            f"  the notebook as far as it ran: {_failed(target)}\n  correct it, {again}"
        ) from error
    except (DeadKernelError, NoSuchKernel) as error:
        remedy = "free some memory, or run `pip install -r requirements.txt`"
        raise NotebookError(f"{name}.ipynb was not finished: {type(error).__name__}: {error}; {remedy}, {again}") from error
    except OSError as error:
        problem = f"cannot write {error.filename or target}: {error.strerror or error}"
        raise NotebookError(f"{name}.ipynb was not finished: {problem}; make it writable or free some space, {again}") from error
    return target


def _failed(target: Path) -> Path:
    """Where a notebook that failed is kept as far as it ran; what stands in its place may have run to its end."""
    return target.with_suffix(".failed")


def _run(source: Path, target: Path, parameters: dict[str, Any], place: Path, kernel: type[AsyncKernelManager]) -> None:
    """Execute a notebook in a private folder, then put it clean into its place; one that fails is kept beside it."""
    new = place / target.name
    options = {"kernel_name": "python3", "progress_bar": False, "cwd": files.NOTEBOOKS, "config": _connection(place)}
    try:
        with contextlib.closing(ensure_event_loop(prefer_selector_loop=True)):  # the one that nbclient takes, and leaves open
            papermill.execute_notebook(source, new, parameters, kernel_manager_class=kernel, **options)
    except PapermillExecutionError:
        ledger.write_text(_failed(target), new.read_text(encoding="utf-8"))
        raise
    clean(new)
    ledger.write_text(target, new.read_text(encoding="utf-8"))
    _failed(target).unlink(missing_ok=True)


@contextlib.contextmanager
def _silent(name: str) -> Iterator[None]:
    """Nothing is heard of a logger."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _kill(kernels: Iterable[AsyncKernelManager]) -> None:
    for kernel in kernels:
        process = getattr(kernel.provisioner, "process", None)
        if process is not None:
            process.kill()


def _connection(place: Path) -> Config:
    """A kernel's connection file in a private folder, and Unix sockets there: no open ports.

    Ports of this machine where there are no Unix sockets, or the folder's name is too long for one; the kernel does not warn of them.
    """
    sockets = place / "k"
    has_sockets = os.name == "posix" and len(os.fsencode(sockets)) <= LONGEST_SOCKET - len("-1")
    transport = {"transport": "ipc", "ip": str(sockets)} if has_sockets else {}
    quiet = {"extra_arguments": ["--log-level=ERROR"]}
    return Config({"KernelManager": {"connection_file": str(place / "kernel.json"), **transport}, "NotebookClient": quiet})


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
            kept = [output for output in cell.outputs if output.get("name") != "stderr" and WIDGET not in output.get("data", {})]
            cell.outputs = _joined(kept)
    ledger.write_text(path, nbformat.writes(notebook) + "\n")


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs with neighbouring pieces of a stream as one: where it is cut is a matter of time."""
    found: list[NotebookNode] = []
    for output in outputs:
        if found and output.output_type == found[-1].output_type == "stream":
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def publish(executed: list[Path]) -> None:
    """Put executed notebooks of the full profile, with their outputs, in the place of their sources."""
    for path in executed:
        ledger.write_text(files.NOTEBOOKS / path.name, path.read_text(encoding="utf-8"))
