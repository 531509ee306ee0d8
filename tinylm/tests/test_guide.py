"""The guides followed to the letter: a new architecture in a copy of the repository, the page on Python in a kernel."""

import re
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import kernel
import pytest

from tinylm import files

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SCRIPTS = Path(sysconfig.get_path("scripts"))
SECONDS = re.compile(r"\b[\d.]+ s\b")  # which differ from run to run
SHORT_KEY = re.compile(r", [0-9a-f]{8}\b")  # that of a module of one's own differs from one version of Python to another
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")  # whose last digits differ from machine to machine


def blocks(page):
    """Language and text of each block of a page of docs/."""
    return BLOCK.findall((files.DOCS / page).read_text(encoding="utf-8"))


@pytest.fixture
def copy(tmp_path):
    """What the guide needs of the repository: neither ledger nor corpora."""
    shutil.copytree(files.ROOT / "tinylm", tmp_path / "tinylm", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "datasets/manifest.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(files.ROOT / name, tmp_path / name)
    return tmp_path


def said(command, folder, monkeypatch):
    """The output of a command line of the guide, run in a folder of its own `tinylm`."""
    program, *arguments = shlex.split(command)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    done = subprocess.run([SCRIPTS / program, *arguments], cwd=folder, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def rows(text):
    """The cells of a table of runs, those that another machine may print differently left out: losses and seconds."""
    cells = [re.split(r"\s{2,}", line) for line in text.splitlines() if re.search(r" [0-9a-f]{16}$", line)]
    return [[*line[:5], *line[-2:]] for line in cells], [float(line[6].split()[0]) for line in cells]


def test_every_command_does_what_the_guide_says(copy, monkeypatch):
    page = "new_architecture.md"
    (file,) = re.findall(r"^to `(tinylm/architectures/\w+\.py)`", (files.DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
    by_language = {language: [text for found, text in blocks(page) if found == language] for language in ("python", "sh", "text")}
    (code,), (shown,) = by_language["python"], by_language["text"]
    (copy / file).write_text(code, encoding="utf-8")
    tests, flops, train = [said(command.strip(), copy, monkeypatch) for command in by_language["sh"]]
    assert "1 skipped" not in tests and "passed" in tests
    assert "executed: convolutions" in flops
    assert rows(train)[0] == rows(shown)[0]
    assert rows(train)[1] == pytest.approx(rows(shown)[1], abs=0.1)
    for check in ("check", "format --check"):
        said(f"ruff {check} tinylm/architectures", copy, monkeypatch)


def printed(cell):
    """What a cell shows as text, pictures, panels and progress bars left out."""
    assert not cell.error
    results = [content["data"] for content in cell.contents("execute_result")]
    return cell.text("stdout") + "".join(data["text/plain"] for data in results if not {"image/png", kernel.WIDGET} & data.keys())


def words_and_numbers(text):
    """A text without its seconds, as words, and the numbers with a decimal point that stand between them; seeds end in any order."""
    text = "\n".join(sorted(text.splitlines(), key=lambda line: line if "(seed " in line else ""))
    text = SHORT_KEY.sub(", key", SECONDS.sub("# s", text))
    return NUMBER.sub("#", text).split(), [float(number) for number in NUMBER.findall(text)]


def test_every_block_of_the_page_on_python_shows_what_stands_below_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(files.ROOT))
    monkeypatch.delenv("TINYLM_DATA", raising=False)  # the page needs no corpora
    page = blocks("library.md")
    assert {language for language, _ in page} == {"python", "text"}
    cells = [(code, below) for (language, code), below in zip(page, [*page[1:], ("", "")], strict=True) if language == "python"]
    assert sum(below == "text" for _, (below, _) in cells) >= len(cells) - 2  # a panel and a picture show no text
    with kernel.started(tmp_path, prelude="") as reader:
        for code, (below, shown) in cells:
            text = printed(reader.run(code))
            (words, numbers), (shown_words, shown_numbers) = words_and_numbers(text), words_and_numbers(shown)
            assert below != "text" or words == shown_words, code
            recorded = "tl.runs(" in code and "tl.train(" not in code  # the same everywhere
            allowed = {"abs": 1e-6} if recorded else {"rel": 0.02, "abs": 0.011}
            assert below != "text" or numbers == pytest.approx(shown_numbers, **allowed), code
