import matplotlib.pyplot as plt
import pytest
from chapters import write
from nbformat.v4 import new_output

from tinylm.report import display
from tinylm.typesetting import build

FRONT = 'title = "Which model?"\nauthors = ["A. Author", "B. Author"]\ndate = 2026-01-05\nkeywords = ["scaling"]\n'


@pytest.fixture
def shown(monkeypatch):
    """Call `tinylm.report.display` and get its outputs as a notebook would store them."""

    def outputs(function, *args, **kwargs):
        found = []
        monkeypatch.setattr(display, "display", lambda data, raw, metadata: found.append((data, metadata)))
        function(*args, **kwargs)
        return [new_output("display_data", data, metadata=metadata) for data, metadata in found]

    return outputs


@pytest.fixture
def figure(shown):
    """The outputs of a small figure under a name."""

    def outputs(name, caption="A line.", alt="A rising line.", data=({"t": 1, "loss": 0.5},), wide=False):
        fig = plt.figure(figsize=(2, 1))
        fig.add_subplot().plot([1, 2])
        return shown(display.figure, fig, name, caption, alt, data, wide)

    return outputs


@pytest.fixture
def report(tmp_path):
    """Write notebooks given as lists of cells, build the report, return its HTML."""
    pytest.importorskip("typst", reason="pip install typst")

    def page(*notebooks, folder="report"):
        (tmp_path / "front.toml").write_text(FRONT)
        build(
            [write(tmp_path / f"0{i}_part{i}.ipynb", cells) for i, cells in enumerate(notebooks, 1)],
            tmp_path / folder,
            tmp_path / "front.toml",
            "make {}".format,
        )
        assert (tmp_path / folder / "report.pdf").read_bytes().startswith(b"%PDF-")
        return (tmp_path / folder / "report.html").read_text(encoding="utf-8")

    return page
