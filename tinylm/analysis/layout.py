"""Cells -> a table, one writer a medium: plain text, Markdown, HTML. `align` holds `left` or `right` for each column."""

from collections.abc import Sequence

from tinylm.config.links import anchored

Cells = Sequence[str]


def beside(header: Cells, n_left: int = 1) -> list[str]:
    """Alignment of a table whose first columns are words and whose others are numbers."""
    return ["left"] * n_left + ["right"] * (len(header) - n_left)


def plain(lines: Sequence[Cells], align: Cells) -> str:
    """Columns as wide as their widest cell, two blanks apart."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(align))]
    pad = [str.rjust if side == "right" else str.ljust for side in align]
    return "\n".join("  ".join(pad[i](cell, widths[i]) for i, cell in enumerate(line)).rstrip() for line in lines)


def markdown(header: Cells, rows: Sequence[Cells], align: Cells) -> str:
    """A pipe table; a cell must not hold a bar."""
    rule = ["---:" if side == "right" else "---" for side in align]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *rows))


def html(caption: str, header: Cells, rows: Sequence[Cells], align: Cells, note: str | None = None) -> str:
    """A table element with its caption, and the note below it; links of Markdown are links."""

    def line(tag: str, cells: Cells) -> str:
        parts = [f'<{tag} style="text-align:{side}">{anchored(cell)}</{tag}>' for cell, side in zip(cells, align, strict=True)]
        return f"<tr>{''.join(parts)}</tr>"

    head, body = line("th", header), "\n".join(line("td", row) for row in rows)
    below = f"\n<p><small>{anchored(note)}</small></p>" if note else ""
    return f"<table>\n<caption>{anchored(caption)}</caption>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>{below}"
