from types import SimpleNamespace

import pandas as pd

from tinylm.analysis import factorial
from tinylm.analysis.families import CLEAR, OPEN
from tinylm.report import answers
from tinylm.report.answers import questions


def test_copying_counts_the_parts_on_which_induction_is_ahead():
    rows = {"Transformer": [1.5, 1.6, 1.7], "Transformer without induction": [1.6, 1.7, 1.65]}
    frame = pd.DataFrame(rows, index=["a", "b", "c"]).assign(n_tokens=100, searched=False)
    text = answers.copying(factorial.effects([]), frame, 10**12)
    assert text == (
        "**Answer.** On 2 of 3 parts of the text that were left out induction helps the Transformer's recipe, by 0.050 [−0.165, 0.265] "
        "in the mean ($10^{12}$ FLOPs, one seed each)."
    )
    effects = pd.DataFrame({"contrast": list(factorial.contrasts()), "effect": 0.1, "low": 0.05, "high": 0.15, "budget": 1e12, "n": 3})
    assert answers.copying(effects, frame, 10**12).startswith(
        "**Answer.** At $10^{12}$ FLOPs (n = 3) induction and its long window lower the test NLL by 0.100 [0.050, 0.150] nats"
    )
    level = answers.copying(effects.assign(low=-0.05), frame, 10**12)
    assert "a Transformer is level with an LSTM (+0.100 [−0.050, +0.150]) with induction" in level
    assert answers.copying(factorial.effects([]), frame[["Transformer", "n_tokens", "searched"]], 10**12) == ""


def test_a_lead_on_a_part_of_a_text_stands_before_that_on_all_of_it():
    row = SimpleNamespace(corpus="wikitext-2-char", than=900, gap=-0.08, low=-0.1, high=-0.06, verdict=CLEAR)
    leads = [{"corpus": row.corpus, "tokens": tokens, "gap": gap, "low": gap - 0.01, "high": gap + 0.01} for tokens, gap in TEXTS]
    told = "0.090 [0.080, 0.100] nats on the first 900 characters of WikiText-2 as characters, and 0.010 [0.000, 0.020] on all of it"
    assert questions._with_more_text(pd.DataFrame(leads), row) == f"{told} (clearly less: −0.080 [−0.100, −0.060])"
    row.gap, row.low, row.high = 0.08, 0.06, 0.1
    assert questions._with_more_text(pd.DataFrame(leads), row) == f"{told} (clearly more: +0.080 [+0.060, +0.100])"
    row.verdict = OPEN
    assert questions._with_more_text(pd.DataFrame(leads), row) == f"{told} (no clear change: +0.080 [+0.060, +0.100])"


TEXTS = ((0, 0.01), (900, 0.09))
