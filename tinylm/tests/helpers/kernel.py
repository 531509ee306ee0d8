"""A real Jupyter kernel whose `tinylm` writes into a folder of its own, and what its cells put out, as JupyterLab would show it."""

import contextlib
import os
import re
import tempfile
import warnings

from commandline import FOLDERS

WIDGET = "application/vnd.jupyter.widget-view+json"
PRELUDE = """
import pathlib, sys
import tinylm as tl
from tinylm import files
for name, place in {folders}.items():
    setattr(files, name, pathlib.Path({home!r}) / place)
"""


class Kernel:
    """Runs code as a notebook's cell would; `outputs` are the last cell's messages."""

    def __init__(self, manager, client):
        self.manager, self.client, self.outputs = manager, client, []

    def run(self, code, seen=lambda message: None):
        """The messages of a cell until it is done; `seen` is given each as it comes."""
        request = self.client.execute(code, allow_stdin=False)
        self.outputs = []
        while True:
            message = self.client.get_iopub_msg(timeout=240)
            self.outputs.append(message)
            seen(message)
            is_own = message["parent_header"].get("msg_id") == request  # and not of a Tab before
            if is_own and message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return self

    def contents(self, kind):
        return [message["content"] for message in self.outputs if message["msg_type"] == kind]

    def text(self, stream):
        """What was written to stdout or stderr."""
        return "".join(content["text"] for content in self.contents("stream") if content["name"] == stream)

    @property
    def shown(self):
        """What the cell displays and what it ends with, by MIME type."""
        return [content["data"] for kind in ("display_data", "execute_result") for content in self.contents(kind)]

    @property
    def error(self):
        """`Class: message` of the exception that ended the cell, else nothing."""
        return "".join(f"{content['ename']}: {content['evalue']}" for content in self.contents("error"))

    @property
    def traceback(self):
        """What the cell shows of that exception, without colours."""
        return "".join(re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(content["traceback"])) for content in self.contents("error"))

    @property
    def widgets(self):
        """How many widgets the cell shows."""
        return sum(WIDGET in data for data in self.shown)

    def offered(self, code):
        """What Tab offers at the end of the code."""
        return self.client.complete(code, reply=True, timeout=60)["content"]["matches"]


@contextlib.contextmanager
def started(home, prelude=PRELUDE):
    """A kernel in an empty folder, through Unix sockets: no port, and no warning about one.

    Unless told otherwise `tl` is imported, and reads nothing but what is in the folder.
    """
    from jupyter_client.manager import KernelManager

    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as sockets:  # whose paths must be short
        warnings.simplefilter("ignore")  # of the Jupyter stack
        manager = KernelManager(transport="ipc", ip=f"{sockets}/kernel")
        environment = os.environ | {"TINYLM_HOME": str(home)}
        manager.start_kernel(cwd=str(home), env=environment, extra_arguments=["--HistoryManager.hist_file=:memory:"])
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=120)
            kernel = Kernel(manager, client).run(prelude.format(folders=FOLDERS, home=str(home)))
            assert not kernel.error
            yield kernel
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
