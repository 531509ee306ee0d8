"""What the explorer's panels are made of: rows of controls that wrap, messages instead of tracebacks, pictures, the ledger's records."""

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from tinylm import data
from tinylm.config import TinylmError, shown
from tinylm.config.calls import public
from tinylm.data import Corpus
from tinylm.report import display
from tinylm.report.plots.style import Drawn

STYLE_SHEET = Path(__file__).with_name("explore.css")
IN_A_ROW = {"max_width": "100%", "margin": "2px 16px 2px 0"}
WIDE: dict[str, Any] = {"layout": {"width": "100%"}, "style": {"description_width": "initial"}}


class ExplorerError(TinylmError):
    """A choice that nothing can be computed from; the message says what to choose."""


class Panel(widgets.VBox):
    """Controls in rows that wrap, a line for messages, and what is shown below them; `data` holds its numbers as a DataFrame."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__init__ = public()(cls.__init__)

    def __init__(self, controls: Sequence[widgets.Widget], shown: Sequence[widgets.Widget]) -> None:
        self.notice, self.data = widgets.HTML(), pd.DataFrame()
        style = widgets.HTML(f"<style>{STYLE_SHEET.read_text(encoding='utf-8')}</style>", layout={"display": "none"})
        super().__init__([style, side_by_side(*controls), self.notice, *shown])
        self.add_class("tinylm-explore")

    def __repr__(self) -> str:
        return f"tl.explore.{type(self).__name__}: a panel, which a notebook shows; `data` has its numbers"

    def tell(self, text: str) -> None:
        """Show a message in place of the last one; an empty one shows nothing."""
        self.notice.value = notice(text) if text else ""

    @contextmanager
    def mistakes_told(self) -> Iterator[None]:
        """A user's mistake becomes one message instead of a traceback."""
        self.tell("")
        try:
            yield
        except TinylmError as error:
            self.tell(str(error))


def called(corpora: Iterable[str]) -> list[tuple[str, str]]:
    """Corpora as options: an own text by its file's name."""
    return [(data.called(name), name) for name in corpora]


class PicturePanel(Panel):
    """A panel that draws: `figure` is the figure it shows, to save or to change, and `data` its points.

    They are None and empty where it shows no figure.
    """

    def __init__(self, controls: Sequence[widgets.Widget], above: Sequence[widgets.Widget], beside: Sequence[widgets.Widget]) -> None:
        self.picture, self.figure = widgets.HTML(), None
        super().__init__(controls, [*above, side_by_side(self.picture, *beside)])

    def draw(self, drawn: Drawn, alt: str) -> None:
        """Show a figure in place of the last one, with its alternative text."""
        self.figure, self.data = drawn[0], pd.DataFrame(drawn[1])
        self.picture.value = display.picture(self.figure, alt)

    def draw_nothing(self) -> None:
        """Take away the last figure and its points."""
        self.figure, self.data, self.picture.value = None, pd.DataFrame(), ""


def given_text(text: str) -> str:
    """The text that a panel begins with; ExplorerError for anything else."""
    if not isinstance(text, str):
        raise ExplorerError(f"give a text in quotes, got {shown.brief(text)}")
    return text


def corpus_name(corpus: str | Corpus) -> str:
    """The name of the corpus that a panel begins with, "" for any; DataError where there is none."""
    return corpus.info.name if isinstance(corpus, Corpus) else data.info(corpus).name if corpus else ""


@contextmanager
def unobserved(widget: widgets.Widget, follow: Callable[..., None]) -> Iterator[None]:
    """Several changes of a widget, none of which `follow` hears of."""
    widget.unobserve(follow, "value")
    try:
        yield
    finally:
        widget.observe(follow, "value")


def control(kind: type[widgets.Widget], label: str, width: str = "auto", **options: Any) -> widgets.Widget:
    """A control beside its label, never wider than the page."""
    layout = IN_A_ROW | {"width": width, "display": "flex", "flex_flow": "row nowrap"}
    return kind(description=label, layout=layout, style={"description_width": "initial"}, **options)


def button(label: str, **options: Any) -> widgets.Button:
    """A button as wide as its label."""
    return widgets.Button(description=label, layout=IN_A_ROW | {"width": "auto"}, **options)


def toggle(label: str, options: dict[str, Any]) -> widgets.ToggleButtons:
    """Buttons of which one is pressed, beside their label."""
    toggle = control(widgets.ToggleButtons, label, options=options)
    toggle.style.button_width = "auto"
    return toggle


def side_by_side(*shown: widgets.Widget) -> widgets.Box:
    """What stands in one row where the page is wide enough for it."""
    return widgets.Box(shown, layout={"display": "flex", "flex_flow": "row wrap", "align_items": "flex-start", "width": "100%"})


def notice(text: str) -> str:
    """A message as HTML."""
    return f'<p class="tinylm-notice">{html.escape(text)}</p>'


def table(data: display.Data, caption: str, note: str | None = None) -> str:
    """A table as HTML that scrolls sideways where the page is narrow."""
    return f'<div class="tinylm-scroll">{display.table_html(data, caption, note)}</div>'
