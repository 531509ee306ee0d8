import re
import subprocess
import sys

import pytest

from tinylm import files
from tinylm.tests import faults

ONE = faults.Fault("a fault", "somehow", ("config/test_links.py",))
FUZZED = faults.Fault("junk", "at random", ("config/test_links.py",), faults.FUZZ)


@pytest.mark.parametrize("fault", faults.FAULTS, ids=lambda fault: fault.name)
def test_the_tests_of_every_fault_exist(fault):
    for test in fault.tests:
        path, _, name = test.partition("::")
        assert f"def {name}" in (files.PACKAGE / "tests" / path).read_text(encoding="utf-8")


def test_the_page_has_every_fault_with_its_cases():
    rows = [
        re.split(r" *(?<!\\)\| *", line)[1:-1] for line in faults.PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")
    ]
    assert rows[0] == faults.HEADER
    assert [row[:2] for row in rows[2:]] == [[fault.name, fault.provoked] for fault in faults.FAULTS]
    assert all(int(row[2].replace(",", "")) > 0 for row in rows[2:])


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs the program over given faults, with a pytest that reports given outcomes; exit code, what is said, and the page."""

    def _run(known, reports, *argv):
        def reported(args, plugins):
            for report in reports:
                plugins[0].pytest_runtest_logreport(report)

        monkeypatch.setattr(faults, "FAULTS", known)
        monkeypatch.setattr(faults, "PAGE", files.ROOT / "out" / tmp_path.name)
        monkeypatch.setattr(faults.ledger, "write_text", lambda path, text: (tmp_path / "page").write_text(text))
        monkeypatch.setattr(faults.pytest, "main", reported)
        for name in (faults.FUZZ, faults.KILLS):
            monkeypatch.setenv(name, "1")
        code = faults.main(argv)
        page = tmp_path / "page"
        return code, capsys.readouterr().out, page.read_text() if page.exists() else None

    return _run


def report(node, outcome="passed", when="call"):
    return pytest.TestReport(f"tinylm/tests/{node}", ("", 0, ""), {}, outcome, None, when)


def test_cases_are_counted_and_fuzzed_ones_as_often_as_asked(run):
    node = "config/test_links.py::test_a"
    reports = [report(f"{node}[1]"), report(f"{node}[2]"), report(node, when="setup"), report("config/test_other.py::test_a")]
    code, said, page = run([ONE, FUZZED], reports, "--fuzz", "30")
    assert code == 0 and "2 faults, 62 cases, nothing lost" in said
    assert "| a fault | somehow | 2 |" in page and "| junk | at random | 60 |" in page


@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_a_fault_that_loses_something_or_was_not_tried_writes_no_page(run, outcome):
    code, said, page = run([ONE], [report("config/test_links.py::test_a", outcome)])
    assert code == 1 and page is None
    assert "no case: a fault" in said


ONE_FAULT = """
from tinylm.tests import faults
faults.FAULTS = [faults.Fault("a fault", "somehow", ("config/test_links.py",))]
faults.PAGE = faults.files.ROOT / "out" / "page"
faults.ledger.write_text = lambda path, text: print(text)
raise SystemExit(faults.main([]))
"""


def test_the_program_runs_the_tests():
    done = subprocess.run([sys.executable, "-c", ONE_FAULT], cwd=files.ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"\| a fault \| somehow \| (\d+) \|", done.stdout)[1]) > 1
