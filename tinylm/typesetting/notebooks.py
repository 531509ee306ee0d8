"""Executed notebooks -> chapters: what of a notebook the report shows, in order, and where it stood.

Shown are text cells and what code cells display through `tinylm.report.display`; of printed text only that of cells tagged
`show-output`. A cell tagged `abstract` gives the abstract, one tagged `appendix` a part of the appendix, one tagged `remove-cell` nothing.
A notebook whose title is tagged `appendix` is one as a whole.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from tinylm.files import FIGURE_NAME
from tinylm.typesetting.errors import Place, ReportError
from tinylm.typesetting.pandoc import Node

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
PICTURES = ("image/svg+xml", "image/png", "image/jpeg")


@dataclass(frozen=True, kw_only=True)
class Prose:
    """Markdown, from a text cell or computed by a code cell."""

    place: Place
    source: str
    tree: list[Node] = field(default_factory=list)  # Pandoc's, once the whole report is parsed


@dataclass(frozen=True, kw_only=True)
class Printed:
    """Text that a cell tagged `show-output` printed."""

    place: Place
    text: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One picture in two formats and the numbers it was drawn from; `inches` is its width."""

    place: Place
    name: str
    caption: str
    alt: str
    wide: bool
    inches: float
    svg: str
    png: bytes
    csv: str | None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of formatted cells (Markdown), and its numbers."""

    place: Place
    name: str
    caption: str
    header: list[str]
    rows: list[list[str]]
    align: list[str]
    note: str | None
    bold: list[int]
    wide: bool
    csv: str


Block = Prose | Printed | Figure | Table


@dataclass
class Chapter:
    """What one notebook contributes; `name` is its file name without number and suffix, so that titles may change.

    Where all of it is for the appendix, there are no `blocks`.
    """

    name: str
    file: str
    blocks: list[Block] = field(default_factory=list)
    appendix: list[Block] = field(default_factory=list)
    abstract: list[Prose] = field(default_factory=list)

    @property
    def shown(self) -> list[Block]:
        """All but the abstract."""
        return [*self.blocks, *self.appendix]


def read(path: Path) -> Chapter:
    """The chapter of one executed notebook; raises ReportError where it is missing, failed, has no outputs or holds an unfit picture."""
    if not path.is_file():
        raise ReportError(f"notebook {path} not found; execute the notebooks first")
    notebook = _loaded(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if code and not any(cell.outputs for cell in code):
        raise ReportError(f"{path.stem} has no outputs: execute it first")
    chapter = Chapter(name=re.sub(r"^\d+[_-]*", "", path.stem) or path.stem, file=path.name)
    title = next((cell for cell in notebook.cells if cell.cell_type == "markdown"), None)
    whole = title is not None and "appendix" in _tags(title)
    for number, cell in enumerate(notebook.cells, 1):
        place = Place(path.stem, number, _beginning(cell.source))
        with place.blamed():
            blocks = list(_cell_blocks(cell, place))
        if "abstract" in _tags(cell):
            chapter.abstract += [block for block in blocks if isinstance(block, Prose)]
        else:
            (chapter.appendix if whole or "appendix" in _tags(cell) else chapter.blocks).extend(blocks)
    return chapter


def _loaded(path: Path) -> NotebookNode:
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (ValueError, OSError, nbformat.ValidationError, AttributeError, TypeError) as error:  # the last two: JSON, but no notebook
        raise ReportError(f"{path} is not a readable notebook ({str(error)[:80]!r}); execute it again") from error
    return notebook


def _beginning(source: str) -> str:
    line = source.strip().partition("\n")[0].strip()
    return line if len(line) <= 40 else line[:37] + "..."


def _tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def _cell_blocks(cell: NotebookNode, place: Place) -> Iterator[Block]:
    if cell.cell_type == "markdown" and "remove-cell" not in _tags(cell):
        yield Prose(place=place, source=cell.source)
    if cell.cell_type == "code":
        for output in cell.outputs:
            if output.output_type == "error":
                raise ReportError(f"the cell failed with {output.ename}: {output.evalue}; correct it and run the notebook again")
            if "remove-cell" not in _tags(cell):
                yield from _output_blocks(output, place, printed="show-output" in _tags(cell))


def _output_blocks(output: NotebookNode, place: Place, printed: bool) -> Iterator[Block]:
    if output.output_type == "stream":
        if printed and output.name == "stdout":
            yield Printed(place=place, text=ANSI.sub("", output.text))
        return
    kind = output.metadata.get("report", {}).get("kind")
    if kind == "figure":
        yield _figure(output, place)
    elif kind == "table":
        yield _table(output, place)
    elif "text/markdown" in output.data:
        yield Prose(place=place, source=output.data["text/markdown"])
    elif any(picture in output.data for picture in PICTURES):
        raise ReportError("a picture without name, caption and alt text: display it with tl.display.figure(fig, name, caption, alt)")
    elif printed and "text/plain" in output.data:
        yield Printed(place=place, text=output.data["text/plain"])


def _figure(output: NotebookNode, place: Place) -> Figure:
    fields = _fields(output, ("name", "caption", "alt", "wide", "inches"))
    if not fields["alt"].strip() or not fields["caption"].strip():
        raise ReportError(f"figure {fields['name']} needs a caption and an alt text")
    png = base64.b64decode(_data(output, "image/png"))
    return Figure(place=place, svg=_data(output, "image/svg+xml"), png=png, csv=output.data.get("text/csv"), **fields)


def _table(output: NotebookNode, place: Place) -> Table:
    fields = _fields(output, ("name", "caption", "header", "rows", "align", "note", "bold", "wide"))
    return Table(place=place, csv=_data(output, "text/csv"), **fields)


def _fields(output: NotebookNode, names: tuple[str, ...]) -> dict[str, Any]:
    report = output.metadata["report"]
    kind, absent = report["kind"], [name for name in names if name not in report]
    if absent:
        raise ReportError(f"a {kind} without {', '.join(absent)}: display it with tl.display.{kind} and run the notebook again")
    if not isinstance(report["name"], str) or not FIGURE_NAME.fullmatch(report["name"]):  # it becomes a file's
        raise ReportError(f"a {kind} called {report['name']!r}: a name is a file name of letters, digits, - and _")
    return {name: report[name] for name in names}


def _data(output: NotebookNode, mime: str) -> str:
    if mime not in output.data:
        raise ReportError(f"{output.metadata['report']['kind']} {output.metadata['report']['name']} has no {mime}: run the notebook again")
    return output.data[mime]
