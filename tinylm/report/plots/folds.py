"""Losses of parts of a text that were left out -> a figure."""

import matplotlib as mpl
import pandas as pd

from tinylm.analysis import folds
from tinylm.report.plots.style import STYLE, Drawn, legend_above, line_styles, panels
from tinylm.study import COUNTS, titles


@mpl.rc_context(STYLE)
def by_fold(frame: pd.DataFrame) -> Drawn:
    """The test NLL of each architecture on each part, a line of dots a part; counts are black crosses."""
    fig, (ax,) = panels(height=0.7 + 0.22 * len(frame))
    networks = [name for name in folds.architectures(frame) if name != COUNTS]
    styles = {name: style | {"linestyle": "none"} for name, style in zip(networks, line_styles(networks), strict=True)}
    styles |= {COUNTS: {"color": "black", "marker": "x", "linestyle": "none"}} if COUNTS in frame else {}
    rows = range(len(frame))[::-1]
    for name, style in styles.items():
        ax.plot(frame[name], rows, label=name, **style)
    names = [titles.corpus(corpus) + (" *" if searched else "") for corpus, searched in frame[folds.SEARCHED].items()]
    ax.set_yticks(rows, names)
    ax.set(xlabel="test NLL of what was left out (nats per character)", ylim=(-0.6, len(frame) - 0.4))
    legend_above(fig, ax)
    return fig, frame.reset_index().to_dict("records")
