"""Records -> sentences on techniques of large models and on regularisation."""

from collections.abc import Sequence

from tinylm.analysis import techniques
from tinylm.analysis.families import CLEAR
from tinylm.analysis.summaries import Result
from tinylm.study import select
from tinylm.study.techniques import FRESH, REPEATED, regime


def only_repeated(found: Sequence[Result], names: Sequence[str]) -> str:
    """Which techniques clearly gain on repeated characters and on fresh ones, of those that were expected to gain on the former only."""
    gains, told = techniques.gains(found), []
    for corpus in techniques.corpora(found):
        rows = gains[(gains["corpus"] == corpus) & gains["technique"].isin(names)]
        kind, rows = regime(select(found, corpus=corpus)[0].run.spec), rows[rows["budget"] == techniques.fullest_budget(rows)]
        if kind in (FRESH, REPEATED) and len(rows):
            clear = list(rows["technique"][(rows["verdict"] == CLEAR) & (rows["gain"] > 0)])
            told.append(f"on {kind} {', '.join(clear) or 'none'}")
    return f"Of the techniques that were expected to gain on {REPEATED} only, these clearly gain: {'; '.join(told)}." if told else ""
