import dataclasses

from synthetic import results

from tinylm.analysis import claims
from tinylm.analysis.claims import Claim, Which
from tinylm.report import sentences, tables

A, B, NOWHERE = (Which(name, {"architecture": name}) for name in ("a", "b", "nowhere"))
ROPE = Which("RoPE", {"section": "rope", "position": "rope"})
BETTER = Claim(text="a beats b", source="paper", contrast="a − b", runs=(A, B), measure=claims.test_difference, below=0.0)
CLEAR = {"a": [2.00, 2.02, 2.01, 1.99], "b": [2.50, 2.53, 2.49, 2.51]}


def test_tables_and_readings_say_what_the_frame_says():
    frame = claims.judge([BETTER, dataclasses.replace(BETTER, contrast="c", runs=(ROPE,))], results(**CLEAR))
    shown = tables.claims(frame)
    assert list(shown["verdict"]) == ["supported", "undecided"]
    assert shown.loc[0, "effect, 95 %"].startswith("−0.502 [−0.5") and shown.loc[1, "effect, 95 %"] == "–"
    assert list(tables.claim_evidence(frame)["remarks"]) == ["–", "waits for RoPE"]
    text = sentences.claims(frame)
    assert "Of 2 claimed effects 1 are tested" in text and "efuted:" not in text
    assert "**Supported" not in text and "Of claims that are undecided as a whole, supported in part: a − b." in text
    whole = sentences.claims(claims.judge([BETTER], results(**CLEAR)))
    assert "**Supported:** a beats b." in whole and "in part" not in whole
