"""A real Jupyter kernel whose `tinylm` writes into a folder of its own, and what its cells put out."""

import contextlib
import os
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
        self.client.execute(code, allow_stdin=False)
        self.outputs = []
        while True:
            message = self.client.get_iopub_msg(timeout=240)
            self.outputs.append(message)
            seen(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return self

    def contents(self, kind):
        return [message["content"] for message in self.outputs if message["msg_type"] == kind]

    def text(self, stream):
        """What was written to stdout or stderr."""
        return "".join(content["text"] for content in self.contents("stream") if content["name"] == stream)

    @property
    def error(self):
        """`Class: message` of the exception that ended the cell, else nothing."""
        return "".join(f"{content['ename']}: {content['evalue']}" for content in self.contents("error"))

    @property
    def widgets(self):
        """How many widgets the cell shows."""
        return sum(WIDGET in content["data"] for content in self.contents("display_data"))


@contextlib.contextmanager
def started(home):
    """A kernel in an empty folder, through Unix sockets: no port, and no warning about one."""
    from jupyter_client.manager import KernelManager

    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as sockets:  # whose paths must be short
        warnings.simplefilter("ignore")  # of the Jupyter stack
        manager = KernelManager(transport="ipc", ip=f"{sockets}/kernel")
        manager.start_kernel(cwd=str(home), env=os.environ)
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=120)
            kernel = Kernel(manager, client).run(PRELUDE.format(folders=FOLDERS, home=str(home)))
            assert not kernel.error
            yield kernel
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
