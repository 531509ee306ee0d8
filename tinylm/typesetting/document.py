"""Chapters -> one Typst source with numbered sections, figures and tables, every reference resolved."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import singledispatchmethod
from itertools import chain

from pandocfilters import Strong

from tinylm.typesetting import markdown, pandoc
from tinylm.typesetting.bibliography import Work
from tinylm.typesetting.errors import Place, ReportError
from tinylm.typesetting.frontmatter import FrontMatter
from tinylm.typesetting.labels import Labels, Scope, to_label
from tinylm.typesetting.notebooks import Block, Chapter, Figure, Printed, Prose, Table
from tinylm.typesetting.pandoc import Node
from tinylm.typesetting.typstsyntax import booktabs, call, lines_of, literal, plain_text, raw_block

APPENDIX = "Full tables and evidence"
REFERENCES = '#bibliography("references.bib", style: "ieee", title: "References")'
POWER_OF_TEN = re.compile(r"(?<![\w.@])([-−]?\d(?:\.\d+)?)e(-?\d+)(?![\w.@])")
PLACE_MARK = "// "


class Document:
    """The report's Typst source, the pictures it shows, and where each of its lines came from.

    `command` gives what a reader types to run a notebook, named without its suffix, again; `links` are names and addresses of
    what the page leads to beside the PDF.
    """

    def __init__(
        self,
        chapters: Sequence[Chapter],
        front: FrontMatter,
        works: Sequence[Work],
        command: Callable[[str], str],
        links: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.labels, self.command = Labels(works), command
        self.pictures: dict[str, str] = {}
        self.lines = _parsed([block for chapter in chapters for block in [*chapter.shown, *chapter.abstract]])
        for chapter in chapters:
            self._define_labels(chapter)
        start = [raw_block('#import "paper.typ": *'), *self._abstract(chapters), raw_block(_preamble(front, links))]
        first, *others = [list(self._chapter(chapter)) for chapter in chapters]
        # The first chapter is the answer, which a reader came for; its figures stand where they are, on the page of the title.
        body = [raw_block("#in-place["), *first, raw_block("]"), raw_block("#contents"), *chain(*others)]
        appendix = list(self._appendix(chapters))
        references = [raw_block(REFERENCES)] if _has_citation([*start, *body, *appendix]) else []
        self.source = self._written([*start, *body, *references, *appendix])

    def place_of(self, line: int) -> str:
        """The notebook and cell that wrote a line (from 1) of the source."""
        before = self.source.split("\n")[:line]
        marks = [text.removeprefix(PLACE_MARK) for text in before if text.startswith(PLACE_MARK)]
        return marks[-1] if marks else "the front matter"

    # First pass: what can be referred to

    def _define_labels(self, chapter: Chapter) -> None:
        first_prose = next((block for block in chapter.blocks or chapter.appendix if isinstance(block, Prose)), None)
        if chapter.blocks and chapter.appendix:
            self.labels.define_heading(chapter.name, "Appendix", chapter.appendix[0].place)
        for block in chapter.shown:
            with block.place.blamed():
                if isinstance(block, Figure | Table):
                    self.labels.define(_key(block), block.place)
                elif isinstance(block, Prose):
                    self._define_prose(chapter, block, starts=block is first_prose)
        if first_prose is None:
            raise ReportError(f"{chapter.file} has no text; begin it with '# Title'")

    def _define_prose(self, chapter: Chapter, prose: Prose, starts: bool) -> None:
        headings = markdown.headings(prose.tree)
        if starts:
            if not headings or prose.tree[0] is not headings[0] or headings[0]["c"][0] != 1:
                raise ReportError("a notebook begins with its title, '# Title': it becomes the section's")
            self.labels.define_chapter(chapter.name, chapter.file, prose.place)
            markdown.set_label(headings.pop(0), to_label(f"sec:{chapter.name}"))
        for heading in headings:
            key = self.labels.define_heading(chapter.name, markdown.words(heading), prose.place)
            markdown.set_label(heading, to_label(key))

    # Second pass: the source

    def _abstract(self, chapters: Sequence[Chapter]) -> list[Node]:
        found = [(chapter, prose) for chapter in chapters for prose in chapter.abstract]
        if len({chapter.name for chapter, _ in found}) > 1:
            raise ReportError(f"abstracts in {' and '.join(sorted({str(prose.place) for _, prose in found}))}; tag one cell")
        nodes = []
        for chapter, prose in found:
            with prose.place.blamed():
                text = [node for node in prose.tree if node["t"] != "Header"]
                nodes += [_mark(prose.place), *markdown.resolved(text, self.labels.within(chapter.name))]
        return [raw_block("#let abstract = ["), *nodes, raw_block("]")] if nodes else [raw_block("#let abstract = none")]

    def _chapter(self, chapter: Chapter) -> Iterator[Node]:
        if chapter.blocks:
            _set_levels(_headings(chapter.blocks))
            yield from self._blocks(chapter, chapter.blocks)

    def _appendix(self, chapters: Sequence[Chapter]) -> Iterator[Node]:
        """What chapters have for the appendix, each under its own title; those that are there as a whole come last.

        So that A.4 is the appendix of section 4, as long as every section before it has one.
        """
        having = sorted((chapter for chapter in chapters if chapter.appendix), key=lambda chapter: not chapter.blocks)
        if having:
            yield raw_block(f"#show: appendix.with({literal(APPENDIX)})")
        for chapter in having:
            headings = _headings(chapter.appendix)
            if chapter.blocks:
                title, label = markdown.words(_headings(chapter.blocks)[0]), to_label(f"sec:{chapter.name}/appendix")
                yield raw_block(f"#heading(level: 2, {literal(title)}) <{label}>")
                for heading in headings:
                    heading["c"][0] = 3
            else:
                _set_levels(headings, top=2)
            yield from self._blocks(chapter, chapter.appendix)

    def _blocks(self, chapter: Chapter, blocks: Sequence[Block]) -> Iterator[Node]:
        scope = self.labels.within(chapter.name)
        for block in blocks:
            with block.place.blamed():
                yield from [_mark(block.place), *self._render(block, scope)]

    @singledispatchmethod
    def _render(self, block: Block, scope: Scope) -> list[Node]:
        raise TypeError(type(block))

    @_render.register
    def _(self, block: Prose, scope: Scope) -> list[Node]:
        return markdown.resolved(block.tree, scope)

    @_render.register
    def _(self, block: Printed, scope: Scope) -> list[Node]:
        return [raw_block(f"#printed({literal(block.text.rstrip())})")]

    @_render.register
    def _(self, block: Figure, scope: Scope) -> list[Node]:
        self.pictures[f"{block.name}.svg"] = block.svg
        options = f"alt: {literal(block.alt)}, command: {literal(self.command(block.place.notebook))}"
        options += f", wide: {literal(block.wide)}, inches: {literal(block.inches)}"
        caption = self._line(block.caption, scope)
        return [call(f"#report-figure({literal(block.name + '.svg')}, {options}, caption: ", caption, f") <{to_label(_key(block))}>")]

    @_render.register
    def _(self, block: Table, scope: Scope) -> list[Node]:
        cells = [[self._line(cell, scope) for cell in block.header]]
        cells += [[_stressed(self._line(cell, scope), i in block.bold) for cell in row] for i, row in enumerate(block.rows)]
        plain = [[plain_text(cell) for cell in line] for line in (block.header, *block.rows)]
        note = self._line(block.note, scope) if block.note else None
        body = booktabs(f"{block.name} ({block.place})", block.align, plain, cells, block.wide, note)
        caption = self._line(block.caption, scope)
        end = f", lines: {lines_of(plain)}) <{to_label(_key(block))}>"
        return [call("#report-table(", *body, ", caption: ", caption, end)]

    def _line(self, text: str, scope: Scope) -> list[Node]:
        return markdown.line(self.lines[text], scope)

    def _written(self, nodes: list[Node]) -> str:
        try:
            return pandoc.write(nodes)
        except pandoc.TexError as error:
            place = None
            for node in nodes:
                place = _place(node) or place
                if any(tex.split() == error.tex.split() for tex in markdown.formulas(node)):
                    break
            raise ReportError(f"{place}: {error}") from None


def _headings(blocks: Sequence[Block]) -> list[Node]:
    return [heading for block in blocks if isinstance(block, Prose) for heading in markdown.headings(block.tree)]


def _parsed(blocks: list[Block]) -> dict[str, list[Node]]:
    """The tree of each caption and cell; texts get theirs in place."""
    texts = [block for block in blocks if isinstance(block, Prose)]
    lines = list(dict.fromkeys(line for block in blocks for line in _lines(block)))
    trees = pandoc.parse([*(prose.source for prose in texts), *(markdown.as_line(_powers_of_ten(line)) for line in lines)])
    markdown.tie(trees)
    for prose in texts:
        prose.tree[:] = trees.pop(0)
    return dict(zip(lines, trees, strict=True))


def _lines(block: Block) -> list[str]:
    if isinstance(block, Figure):
        return [block.caption]
    return [block.caption, block.note or "", *block.header, *chain(*block.rows)] if isinstance(block, Table) else []


def _powers_of_ten(line: str) -> str:
    """Numbers such as 3e12 as formulas, but in a line that has code."""

    def formula(power: re.Match[str]) -> str:
        times = "" if power[1] == "1" else rf"{power[1]} \times "
        return f"${times}10^{{{int(power[2])}}}$".replace("−", "-")

    return line if "`" in line else POWER_OF_TEN.sub(formula, line)


def _key(block: Figure | Table) -> str:
    return f"{'fig' if isinstance(block, Figure) else 'tbl'}:{block.name}"


def _mark(place: Place) -> Node:
    """A comment that says where the source below it came from, for errors."""
    return raw_block(f"{PLACE_MARK}{place}")


def _place(node: Node) -> str | None:
    return node["c"][1].removeprefix(PLACE_MARK) if node["t"] == "RawBlock" and node["c"][1].startswith(PLACE_MARK) else None


def _has_citation(nodes: list[Node]) -> bool:
    return "#cite(" in json.dumps(nodes)


def _set_levels(headings: list[Node], top: int = 1) -> None:
    """Put a notebook's headings below its title at level `top`, without the jumps that a PDF for screen readers must not have."""
    title, *rest = headings
    shift = top - 1 + any(heading["c"][0] == 1 for heading in rest)
    previous = title["c"][0] = top
    for heading in rest:
        previous = heading["c"][0] = min(heading["c"][0] + shift, previous + 1)


def _stressed(cell: list[Node], stressed: bool) -> list[Node]:
    return [Strong(cell)] if stressed else cell


def _preamble(front: FrontMatter, links: Sequence[tuple[str, str]]) -> str:
    options = {"title": front.title, "authors": front.authors, "date": front.written_date, "keywords": front.keywords, "links": list(links)}
    return f"#show: paper.with({''.join(f'{name}: {literal(value)}, ' for name, value in options.items())}abstract: abstract)"
