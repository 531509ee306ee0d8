"""Cells run in a kernel of their own, as JupyterLab would."""

import warnings

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

from tinylm.report import execution


def outputs(*cells, allow_errors=False):
    """What each cell shows, as a list of notebook outputs."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata=execution.KERNEL_METADATA)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of the Jupyter stack
        NotebookClient(notebook, allow_errors=allow_errors, config=Config({"KernelManager": {"transport": "ipc"}})).execute()
    return [cell.outputs for cell in notebook.cells]
