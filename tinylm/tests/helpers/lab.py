"""A JupyterLab of its own on a copy of the repository, and a page of the system's Chromium that shows one of its notebooks."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tinylm import files

SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # Cells out of sight are in the page all the same, so that it can be searched.
    "notebook-extension/tracker": {"windowingMode": "none", "autoStartDefaultKernel": True},
}
CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)


def copied(folder, notebook):
    """What a notebook needs of the repository: code, records, the manifest of the corpora; no texts, and no weights but the package's."""
    for name in ("tinylm", "docs/ledger"):
        shutil.copytree(files.ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    for name in ("datasets/manifest.json", f"notebooks/{notebook}"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(files.ROOT / name, folder / name)
    return folder


@contextlib.contextmanager
def served(folder, theme="JupyterLab Light"):
    """The address of a JupyterLab whose kernels import the folder's own `tinylm`; it ends with the context."""
    own = folder / "jupyter"
    for name, values in (SETTINGS | {"apputils-extension/themes": {"theme": theme}}).items():
        path = own / "config" / "lab" / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    places = {f"JUPYTER_{kind.upper()}_DIR": str(own / kind) for kind in ("config", "data", "runtime")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0", f"--ServerApp.root_dir={folder}"]
    with open(own / "log", "wb") as log:
        server = subprocess.Popen(command, env=os.environ | places | {"PYTHONPATH": str(folder)}, stdout=log, stderr=log)
    try:
        yield _address(own / "runtime", server)
    finally:
        server.terminate()  # which ends its kernels too
        server.wait(30)


def _address(runtime: Path, server):
    """The address with its token, once the server has written down where it listens."""
    for _ in range(600):
        assert server.poll() is None, "JupyterLab did not start"
        with contextlib.suppress(StopIteration, ValueError):
            facts = json.loads(next(runtime.glob("jpserver-*.json")).read_text())
            return lambda path: f"{facts['url']}doc/tree/{path}?token={facts['token']}"
        time.sleep(0.1)
    raise AssertionError("JupyterLab did not say where it listens")


@contextlib.contextmanager
def opened(address, width=1400, height=1000):
    """A page of the system's Chromium at an address."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(60_000)
        page.goto(address)
        yield page
        browser.close()


def run_all(page):
    """Run every cell of the notebook that the page shows, once its kernel is there: before, the menu does nothing."""
    page.get_by_text("| Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
