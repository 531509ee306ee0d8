import errno
import sys

import pytest
from chapters import PROSE, code, write

from tinylm.report import display
from tinylm.typesetting import ReportError, publish, publish_figures


def test_same_notebooks_give_the_same_bytes(report, shown, figure, tmp_path):
    for folder in ("one", "another/deeper"):
        report([PROSE.replace("[the next](02_part2.ipynb)", ""), code(figure("loss"))], folder=folder)
    for name in ("report.pdf", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "another/deeper" / name).read_bytes()


def test_published_files_are_those_of_the_outputs(figure, shown, tmp_path):
    notebook = write(
        tmp_path / "01_a.ipynb",
        ["# A", code([*figure("loss"), *figure("bare", data=None)]), code(shown(display.table, [{"n": 1}], "sizes", "S."))],
    )
    target = tmp_path / "figures"
    publish_figures([notebook], target)
    assert sorted(path.name for path in target.iterdir()) == ["bare.png", "bare.svg", "loss.csv", "loss.png", "loss.svg", "sizes.csv"]
    assert (target / "loss.csv").read_bytes() == b"t,loss\n1,0.5\n"
    before = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    for name in ("old.png", "old.svg", "README.md"):
        (target / name).write_text("x")
    publish_figures([notebook], target)
    assert {path: path.stat().st_mtime_ns for path in target.iterdir() if path.name != "README.md"} == before
    with pytest.raises(ReportError, match="the name loss is taken by 01_a, cell 2"):
        publish_figures([notebook, write(tmp_path / "02_b.ipynb", ["# B", code(shown(display.table, [{"n": 1}], "loss", "S."))])], target)


@pytest.mark.parametrize(("module", "package"), [("typst", r"typst==0\.15\.0"), ("pypandoc", r"pypandoc-binary==1\.17")])
def test_absent_programs_name_the_command(report, monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ReportError, match=f"pip install {package}"):
        report(["# A"])


@pytest.mark.parametrize("what", ["report.pdf", "report.html", "."])
def test_a_report_that_cannot_be_written_is_named(report, tmp_path, monkeypatch, what):
    def full(target):
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    if what == ".":
        (tmp_path / "report").write_text("a file")
    else:
        real = publish.written
        monkeypatch.setattr(publish, "written", lambda target: full(target) if target.name == what else real(target))
    with pytest.raises(ReportError, match=rf"cannot write .*{'report' if what == '.' else what}: .*; make it writable or free some space"):
        report(["# A"])


def test_figures_that_cannot_be_written_are_named_and_none_is_removed(figure, tmp_path, monkeypatch):
    target = tmp_path / "figures"
    target.mkdir()
    (target / "old.png").write_text("x")
    monkeypatch.setattr(publish, "_write", lambda path, content: (_ for _ in ()).throw(OSError(errno.EROFS, "Read-only", str(path))))
    with pytest.raises(ReportError, match=r"cannot write .*loss.csv: Read-only"):
        publish_figures([write(tmp_path / "01_a.ipynb", ["# A", code(figure("loss"))])], target)
    assert (target / "old.png").exists()
