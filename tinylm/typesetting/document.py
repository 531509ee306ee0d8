"""Chapters -> one Typst source with numbered sections, figures and tables, every reference resolved."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import singledispatchmethod
from pathlib import Path

from tinylm.typesetting import markdown
from tinylm.typesetting.errors import Place, ReportError
from tinylm.typesetting.frontmatter import FrontMatter
from tinylm.typesetting.labels import Labels, Scope, to_label
from tinylm.typesetting.notebooks import Block, Chapter, Figure, Printed, Prose, Table
from tinylm.typesetting.tables import booktabs
from tinylm.typesetting.typstsyntax import array, quoted, truth

LONG_TABLE = 24
CITATION_KEY = re.compile(r"^\s*@\w+\s*\{\s*([^,\s]+)", re.MULTILINE)
POWER_OF_TEN = re.compile(r"([-−]?\d(?:\.\d+)?)e(-?\d+)")
PLACE_MARK = "// "


def citation_keys(bibliography: Path) -> list[str]:
    """The keys of a BibTeX file."""
    if not bibliography.is_file():
        raise ReportError(f"bibliography {bibliography} not found")
    return CITATION_KEY.findall(bibliography.read_text(encoding="utf-8"))


class Document:
    """The report's Typst source, the pictures it shows, and where each of its lines came from.

    `command` gives what a reader types to run a notebook, named without its suffix, again.
    """

    def __init__(self, chapters: Sequence[Chapter], front: FrontMatter, citations: Sequence[str], command: Callable[[str], str]) -> None:
        self.labels, self.command = Labels(citations), command
        self.pictures: dict[str, str] = {}
        for chapter in chapters:
            self._define_labels(chapter)
        abstract = self._abstract(chapters)
        body = [part for chapter in chapters for part in self._chapter(chapter)]
        cited = any("#cite(" in part for part in [abstract, *body])
        end = '#bibliography("references.bib", style: "ieee", title: "References")\n' if cited else ""
        self.source = _preamble(front, abstract) + "".join(body) + end

    def place_of(self, line: int) -> str:
        """The notebook and cell that wrote a line (from 1) of the source."""
        before = self.source.split("\n")[:line]
        marks = [text.removeprefix(PLACE_MARK) for text in before if text.startswith(PLACE_MARK)]
        return marks[-1] if marks else "the front matter"

    # First pass: what can be referred to

    def _define_labels(self, chapter: Chapter) -> None:
        first_prose = next((block for block in chapter.blocks if isinstance(block, Prose)), None)
        for block in chapter.blocks:
            with block.place.blamed():
                if isinstance(block, Figure | Table):
                    self.labels.define(_key(block), block.place)
                elif isinstance(block, Prose):
                    self._define_prose(chapter, block, starts=block is first_prose)
        if first_prose is None:
            raise ReportError(f"{chapter.file} has no text; begin it with '# Title'")

    def _define_prose(self, chapter: Chapter, block: Prose, starts: bool) -> None:
        tokens = block.tokens
        headings = markdown.headings(tokens)
        if starts:
            if not headings or tokens[0] is not headings[0] or headings[0]["attrs"]["level"] != 1:
                raise ReportError("a notebook begins with its title, '# Title': it becomes the section's")
            self.labels.define_chapter(chapter.name, chapter.file, block.place)
            headings.pop(0).update(level=1, label=to_label(f"sec:{chapter.name}"))
        for heading in headings:
            key = self.labels.define_heading(chapter.name, markdown.plain(heading["children"]), block.place)
            heading.update(label=to_label(key))
        for key in markdown.equation_labels(tokens):
            if not key.startswith("eq:"):
                raise ReportError(f"formula label {key!r}: write \\label{{eq:name}}")
            self.labels.define(key, block.place)

    # Second pass: the source

    def _abstract(self, chapters: Sequence[Chapter]) -> str:
        found = [(chapter, block) for chapter in chapters for block in chapter.abstract]
        if len({chapter.name for chapter, _ in found}) > 1:
            raise ReportError(f"abstracts in {' and '.join(sorted({str(block.place) for _, block in found}))}; tag one cell")
        parts = []
        for chapter, block in found:
            with block.place.blamed():
                tokens = [token for token in block.tokens if token["type"] != "heading"]
                parts.append(_marked(block.place, markdown.Renderer(self.labels.within(chapter.name)).all(tokens)))
        return "".join(parts)

    def _chapter(self, chapter: Chapter) -> Iterator[str]:
        _set_levels([heading for block in chapter.blocks if isinstance(block, Prose) for heading in markdown.headings(block.tokens)])
        scope = self.labels.within(chapter.name)
        for block in chapter.blocks:
            with block.place.blamed():
                yield _marked(block.place, self._render(block, scope))

    @singledispatchmethod
    def _render(self, block: Block, scope: Scope) -> str:
        raise TypeError(type(block))

    @_render.register
    def _(self, block: Prose, scope: Scope) -> str:
        return markdown.Renderer(scope).all(block.tokens)

    @_render.register
    def _(self, block: Printed, scope: Scope) -> str:
        return f"#printed({quoted(block.text.rstrip())})\n\n"

    @_render.register
    def _(self, block: Figure, scope: Scope) -> str:
        self.pictures[f"{block.name}.svg"] = block.svg
        caption = f"caption: [{markdown.inline(block.caption, scope)}], command: {quoted(self.command(block.place.notebook))}"
        options = f"alt: {quoted(block.alt)}, {caption}, wide: {truth(block.wide)}, inches: {block.inches}"
        return f"#report-figure({quoted(block.name + '.svg')}, {options}) <{to_label(_key(block))}>\n\n"

    @_render.register
    def _(self, block: Table, scope: Scope) -> str:
        cells = [[markdown.inline(cell, scope) for cell in block.header]]
        cells += [[_cell(cell, scope, stressed=i in block.bold) for cell in row] for i, row in enumerate(block.rows)]
        body = booktabs(f"{block.name} ({block.place})", block.align, [block.header, *block.rows], cells)
        note = f"[{markdown.inline(block.note, scope)}]" if block.note else "none"
        options = f"note: {note}, caption: [{markdown.inline(block.caption, scope)}], wide: {truth(block.wide)}"
        return f"#report-table({body}, {options}, long: {truth(len(block.rows) > LONG_TABLE)}) <{to_label(_key(block))}>\n\n"


def _key(block: Figure | Table) -> str:
    return f"{'fig' if isinstance(block, Figure) else 'tbl'}:{block.name}"


def _marked(place: Place, source: str) -> str:
    """The source under a comment that says where it came from, for Typst's own errors."""
    return f"{PLACE_MARK}{place}\n{source}"


def _set_levels(headings: list[markdown.Token]) -> None:
    """Put a notebook's headings below its title, without the jumps that a PDF for screen readers must not have."""
    title, *rest = headings
    shift = 1 if any(heading["attrs"]["level"] == 1 for heading in rest) else 0
    previous = title["level"]
    for heading in rest:
        previous = heading["level"] = min(heading["attrs"]["level"] + shift, previous + 1)


def _cell(cell: str, scope: Scope, stressed: bool) -> str:
    power = POWER_OF_TEN.fullmatch(cell)
    source = markdown.inline(f"${power[1]} \\times 10^{{{power[2]}}}$".replace("−", "-") if power else cell, scope)
    return f"#strong[{source}];" if stressed else source


def _preamble(front: FrontMatter, abstract: str) -> str:
    return f"""#import "paper.typ": *
#show: paper.with(
  title: {quoted(front.title)},
  authors: {array([quoted(author) for author in front.authors])},
  date: {quoted(front.written_date)},
  keywords: {array([quoted(word) for word in front.keywords])},
  abstract: {f"[{chr(10)}{abstract}]" if abstract else "none"},
)

"""
