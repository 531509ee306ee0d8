import dataclasses
import math

import pytest
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


def judged(**bounds):
    a, b = (Which(name, {"architecture": name}) for name in "ab")
    claim = Claim(text="t", source="s", contrast="a − b", runs=(a, b), measure=claims.test_difference, **bounds)
    general = dataclasses.replace(claim, contrast="as a rule", follows="a − b")
    return claims.judge([claim, general], results(a=[2.0, 2.1, 2.0], b=[2.4, 2.4, 2.5]))


@pytest.mark.parametrize(
    ("bounds", "shaded"), [({"below": 0.0}, (-1.3, 0.0)), ({"above": 0.1}, (0.1, 1.3)), ({"above": -0.05, "below": 0.05}, (-0.05, 0.05))]
)
def test_the_claimed_range_is_shaded_to_the_edge_where_it_has_no_end(bounds, shaded):
    (bar,) = plots.claims(judged(**bounds))[0].axes[0].patches
    assert (bar.get_x(), bar.get_x() + bar.get_width()) == pytest.approx(shaded)


def test_what_follows_from_another_claims_evidence_is_not_drawn_again():
    assert [row["contrast"] for row in plots.claims(judged(below=0.0))[1]] == ["a − b"]


def test_a_lower_bound_has_an_arrow_at_its_open_end():
    frame = judged(below=0.0)
    markers = [
        [line.get_marker() for line in plots.claims(shown)[0].axes[0].lines if line.get_marker() == ">"]
        for shown in (frame, frame.assign(high=math.inf))
    ]
    assert markers == [[], [">"]]


def test_a_forest_without_a_measured_effect_is_empty_and_no_error():
    assert plots.claims(judged(below=0.0).assign(effect=math.nan))[1] == []
