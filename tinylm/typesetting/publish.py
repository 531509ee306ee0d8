"""Write what the notebooks show: the report, and every figure and table as files."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tinylm.files import written
from tinylm.typesetting.bibliography import read_works
from tinylm.typesetting.document import Document
from tinylm.typesetting.errors import ReportError, writing
from tinylm.typesetting.frontmatter import read_front_matter
from tinylm.typesetting.notebooks import Figure, Table, read
from tinylm.typesetting.typeset import typeset

REFERENCES = Path(__file__).parent / "references.bib"
PUBLISHED_SUFFIXES = (".png", ".svg", ".csv")


def build(
    notebooks: Sequence[Path],
    target: Path,
    front_matter: Path,
    command: Callable[[str], str],
    notice: str = "",
    references: Path = REFERENCES,
    links: Sequence[tuple[str, str]] = (),
) -> None:
    """Turn executed notebooks, in order, into `report.pdf` and `report.html` in the folder `target`.

    The same notebooks give the same bytes. `front_matter` is a TOML file (title, authors, date, keywords), `command` gives what a
    reader types to run a notebook of that name again, `notice` is a remark behind the title, `references` a BibTeX file of which
    the cited works are printed, `links` the names and addresses that the head of the page leads to beside the PDF. Raises
    ReportError, naming notebook and cell, before anything is written, or naming what cannot be written.
    """
    front = read_front_matter(front_matter)
    front = replace(front, title=f"{front.title} {notice}".strip())
    document = Document([read(Path(path)) for path in notebooks], front, read_works(references), command, links)
    with writing(target):
        pdf, page = typeset(document, references, front.timestamp)
        target.mkdir(parents=True, exist_ok=True)
        _write(target / "report.pdf", pdf)
        _write(target / "report.html", page)


def publish_figures(notebooks: Sequence[Path], figures_dir: Path) -> None:
    """Write every figure as NAME.png, NAME.svg and NAME.csv and every table as NAME.csv into `figures_dir`.

    `notebooks` are all of them: PNG, SVG and CSV files that none of them makes any more are removed; files that did not
    change are not touched. Raises ReportError where two outputs share a name, before anything is written.
    """
    files: dict[str, bytes] = {}
    places: dict[str, str] = {}
    for block in [block for path in notebooks for block in read(Path(path)).shown]:
        if isinstance(block, Figure | Table):
            if block.name in places:
                raise ReportError(f"{block.place}: the name {block.name} is taken by {places[block.name]}; rename one")
            places[block.name] = str(block.place)
            files |= _files(block)
    with writing(figures_dir):
        figures_dir.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            _write(figures_dir / name, content)
        for path in figures_dir.iterdir():
            if path.suffix in PUBLISHED_SUFFIXES and path.name not in files:
                path.unlink()


def _files(block: Figure | Table) -> dict[str, bytes]:
    files = {} if block.csv is None else {f"{block.name}.csv": block.csv.encode()}
    if isinstance(block, Figure):
        files |= {f"{block.name}.png": block.png, f"{block.name}.svg": block.svg.encode()}
    return files


def _write(path: Path, content: bytes) -> None:
    """Write a whole file or nothing; leave one that already holds the content alone."""
    if path.is_file() and path.read_bytes() == content:
        return
    with written(path) as new:
        new.write_bytes(content)
