import dataclasses

from synthetic import results

from tinylm.analysis import claims
from tinylm.analysis.claims import Claim, Which
from tinylm.report import plots


def test_the_forest_tells_verdicts_by_colour_and_by_marker_and_skips_what_has_no_effect():
    a, b, c = (Which(name, {"architecture": name}) for name in "abc")
    claim = Claim(text="t", source="s", contrast="a − b", runs=(a, b), measure=claims.test_difference, below=0.0)
    judged = claims.judge([claim, dataclasses.replace(claim, contrast="c", runs=(c,))], results(a=[2.0, 2.1], b=[2.4, 2.4]))
    fig, rows = plots.claims(judged)
    assert [row["contrast"] for row in rows] == ["a − b"]
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["a − b"]
    assert "n = 2" in [text.get_text() for text in fig.axes[0].texts]
    assert len({colour for colour, _ in plots.VERDICTS.values()}) == len({marker for _, marker in plots.VERDICTS.values()}) == 3
