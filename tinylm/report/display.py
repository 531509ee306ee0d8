"""What a notebook cell calls to show a figure, a table, a sentence or a checked number, in the notebook and in the report.

Every output is stable: the same numbers give the same bytes, so a stored notebook can be compared with a fresh one.
"""

import base64
import csv
import html
import io
import math
import numbers
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure

from tinylm.analysis import layout
from tinylm.config import TinylmError
from tinylm.config.links import anchored, unlinked
from tinylm.files import FIGURE_NAME
from tinylm.report.plots.style import boxes_told_once

PNG_DPI = 110
# The salt fixes the ids inside an SVG; text as paths needs no font at the reader's; "standard" keeps the width that was asked for.
STABLE_RC = {"svg.hashsalt": "tinylm", "svg.fonttype": "path", "savefig.bbox": "standard"}
MISSING = "–"
NUMERIC_CELL = re.compile(r"[*$\\~<>≤≥≈±+\-−]*\d.*|–|-|")

Data = pd.DataFrame | Sequence[Mapping[str, Any]]


class ShowError(TinylmError):
    """An output that the report could not use."""


class CheckError(TinylmError):
    """A measured value outside the stated band around its reference."""


def figure(fig: Figure, name: str, caption: str, alt: str, data: Data | None = None, wide: bool = False) -> None:
    """Display a figure as PNG and SVG with its caption, its alternative text and, as CSV, the `data` it was drawn from; close it.

    `name` is the file name in figures/: prose refers to it as [Figure name](../figures/name.svg). Caption: Markdown with $math$.
    Alt: plain text, what a reader who cannot see the figure must know. `wide` lets the report use the full width. Raises ShowError
    on a bad name, an empty caption or alt.
    """
    _require_name("figure", name)
    _require(caption.strip() and alt.strip(), f"figure {name}: write a caption and an alt text; the report refuses figures without them")
    bundle = {
        "text/plain": f"Figure {name}: {unlinked(caption)}",
        "image/svg+xml": svg(fig),
        "image/png": base64.b64encode(_save(fig, "png", dpi=PNG_DPI, metadata={"Software": None})).decode(),
    }
    if data is not None:
        bundle["text/csv"] = _csv(_frame(name, data))
    plt.close(fig)
    inches = round(float(fig.get_size_inches()[0]), 4)
    _display(bundle, kind="figure", name=name, caption=caption, alt=alt, wide=wide, inches=inches)
    # What Jupyter shows below the picture; the report sets the caption itself.
    shown = f"<p><small><b>Figure {name}.</b> {anchored(caption)}</small></p>"
    _display({"text/plain": "", "text/html": shown}, kind="caption")


def table(data: Data, name: str, caption: str, note: str | None = None, wide: bool = False, bold: Iterable[int] = ()) -> None:
    """Display a table as aligned text, as HTML and, as CSV, the numbers behind it.

    Prose refers to it as [Table name](../figures/name.csv). Strings stay as they are (Markdown with $math$ in the report); whole
    numbers get thousands separators, the floats of a column one number of decimals (about four digits); both turn scientific from
    1e9. A named index becomes the first columns, an unnamed one is dropped. `bold` holds the positions of the rows to stress. Raises
    ShowError on a bad name, an empty caption or table, or a bold row that does not exist.
    """
    _require_name("table", name)
    _require(caption.strip(), f"table {name}: write a caption")
    frame = _frame(name, data)
    header, rows, align = _cells(frame)
    stressed = sorted(set(bold))
    _require(all(0 <= row < len(rows) for row in stressed), f"table {name}: bold={stressed}, but its rows are 0 to {len(rows) - 1}")
    bundle = {
        "text/plain": _plain_table(f"Table {name}: {caption}", [header, *rows], align, note),
        "text/html": layout.html(caption, header, rows, align, note),
        "text/csv": _csv(frame),
    }
    content = {"header": header, "rows": rows, "align": align, "note": note, "bold": stressed}
    _display(bundle, kind="table", name=name, caption=caption, wide=wide, **content)


def svg(fig: Figure) -> str:
    """The figure as SVG, the same bytes for the same drawing."""
    return _save(fig, "svg", metadata={"Date": None, "Creator": None}).decode()


def picture(fig: Figure, alt: str) -> str:
    """A figure as an HTML image with its alternative text; pyplot forgets the figure, so that no notebook shows it a second time."""
    data = base64.b64encode(svg(fig).encode()).decode()
    width = round(float(fig.get_size_inches()[0]) * 96)
    plt.close(fig)
    return f'<img src="data:image/svg+xml;base64,{data}" width="{width}" alt="{html.escape(alt)}">'


def table_html(data: Data, caption: str, note: str | None = None) -> str:
    """The HTML of `table` alone, for a widget that shows it; ShowError where the data is empty."""
    return layout.html(caption, *_cells(_frame(caption, data)), note)


def text(markdown: str) -> None:
    """Display a paragraph whose numbers the caller has computed (an f-string); Markdown, as in a text cell."""
    _display({"text/plain": unlinked(markdown), "text/markdown": markdown}, kind="text")


def check(name: str, value: float, reference: float, rtol: float) -> None:
    """Print that `value` lies within the relative band `rtol` of `reference`, without its drifting digits; raise CheckError if not."""
    _require(reference != 0 and rtol > 0, f"check {name}: a relative band needs a reference that is not 0 and rtol above 0")
    distance = abs(value - reference) / abs(reference)
    band = f"{100 * rtol:.4g} %"
    if not distance <= rtol:
        raise CheckError(f"{name}: {value:.6g} is {100 * distance:.3g} % away from {reference:.10g}, outside the band of {band}")
    print(f"{name}: within {band} of {reference:.10g}")


def _plain_table(caption: str, lines: list[list[str]], align: list[str], note: str | None) -> str:
    cells = [[unlinked(cell) for cell in line] for line in lines]
    return "\n".join([unlinked(caption), "", layout.plain(cells, align), *(["", unlinked(note)] if note else [])])


def _display(bundle: dict[str, str], **report: Any) -> None:
    display(bundle, raw=True, metadata={"report": report})


def _require(condition: object, message: str) -> None:
    if not condition:
        raise ShowError(message)


def _require_name(kind: str, name: str) -> None:
    _require(FIGURE_NAME.fullmatch(name), f"{kind} {name!r}: a name is a file name of letters, digits, - and _")


def _save(fig: Figure, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.rc_context(STABLE_RC), boxes_told_once():
        fig.savefig(buffer, format=form, **options)
    return buffer.getvalue()


def _frame(name: str, data: Data) -> pd.DataFrame:
    """The data as a DataFrame with string column names and, as its first columns, the levels of a named index."""
    frame = data if isinstance(data, pd.DataFrame) else pd.DataFrame(list(data))
    named = [level for level in frame.index.names if level is not None]
    if named:
        frame = frame.reset_index(level=named)
    _require(frame.size, f"{name}: its data is empty")
    return frame.set_axis([" ".join(map(str, c)) if isinstance(c, tuple) else str(c) for c in frame.columns], axis=1)


def _cells(frame: pd.DataFrame) -> tuple[list[str], list[list[str]], list[str]]:
    """Header, rows of formatted cells, and the side that each column is aligned to."""
    values = [frame.iloc[:, i].tolist() for i in range(frame.shape[1])]
    columns = [_format_column(column) for column in values]
    labels_first = any(isinstance(value, str) for value in values[0])
    align = [_alignment(column, label=i == 0 and labels_first) for i, column in enumerate(columns)]
    return list(frame.columns), [list(row) for row in zip(*columns, strict=True)], align


def _csv(frame: pd.DataFrame) -> str:
    """The frame as CSV, floats with six significant digits so that another machine's last bits do not show."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows([[_csv_cell(value) for value in row] for row in frame.itertuples(index=False, name=None)])
    return buffer.getvalue()


def _csv_cell(value: Any) -> str:
    if _is_missing(value):
        return ""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or isinstance(value, numbers.Integral):
        return str(value)
    return f"{float(value) + 0.0:.6g}"


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _format_column(values: list[Any]) -> list[str]:
    """The cells of one column; its numbers share one format."""
    found = [float(v) for v in values if isinstance(v, numbers.Real) and not isinstance(v, bool) and math.isfinite(v)]
    spec = _number_format(found)
    return [_format_cell(value, spec) for value in values]


def _number_format(values: list[float]) -> str:
    magnitudes = [abs(v) for v in values if v]
    if not magnitudes or (max(magnitudes) < 1e9 and all(v.is_integer() for v in values)):
        return ",.0f"
    if max(magnitudes) >= 1e9 or min(magnitudes) < 1e-3:
        return ".3g" if max(magnitudes) < 1e9 else ".2e"
    decimals = 3 - math.floor(math.log10(max(magnitudes)))
    return f",.{min(max(decimals, 0), 4)}f"


def _format_cell(value: Any, spec: str) -> str:
    if _is_missing(value):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value == 0:
        return "0"
    if isinstance(value, numbers.Real):
        return re.sub(r"e([+-])0*(\d)", lambda m: "e" + m[1].strip("+") + m[2], format(float(value), spec))
    return str(value)


def _alignment(column: list[str], label: bool) -> str:
    """Numbers to the right; words, and whatever names the rows, to the left."""
    return "right" if not label and all(NUMERIC_CELL.fullmatch(cell) for cell in column) else "left"
