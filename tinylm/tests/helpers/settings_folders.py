"""Places for what Matplotlib, IPython and Jupyter keep of their own, where the home folder takes nothing."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

VARIABLES = ("MPLCONFIGDIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")


def provide():
    """Have these packages, in this process and in those it starts, use a temporary folder where the home cannot be written.

    Else they warn on stderr, where a test expects nothing. What is set stays.
    """
    try:
        with tempfile.TemporaryFile(dir=Path.home()):
            return
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        place = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    for name in VARIABLES:
        os.environ.setdefault(name, os.path.join(place, name.lower()))
