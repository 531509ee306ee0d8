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
    assert shown.loc[0, "effect, 95 %"].startswith("−0.502 ± 0.0") and shown.loc[1, "effect, 95 %"] == "–"
    assert list(shown["p, Holm"]) == ["< 0.001", "–"]
    assert list(tables.claim_evidence(frame)["remarks"]) == ["–", "waits for RoPE"]
    text = sentences.claims(frame)
    assert "Of 2 claimed effects 1 are tested" in text and "efuted:" not in text
    assert "**Supported" not in text and "Of claims that are undecided as a whole, supported in part: a − b." in text
    whole = sentences.claims(claims.judge([BETTER], results(**CLEAR)))
    assert "**Supported:** a beats b." in whole and "in part" not in whole


def test_evidence_is_told_once_though_two_claims_follow_from_it():
    general = dataclasses.replace(BETTER, text="as a rule", contrast="in general", follows="a − b")
    frame = claims.judge([BETTER, general], results(**CLEAR))
    assert list(tables.claim_evidence(frame)["evidence"]) == ["a − b"]
    assert list(tables.claims(frame)["statement"]) == [f"a − b <{claims.NBSP}0", "as for a − b"]


def test_decided_claims_come_first_and_each_says_its_source_once():
    waiting = [dataclasses.replace(BETTER, text="z", contrast=name, runs=(NOWHERE,), source="ours") for name in ("d", "c")]
    frame = claims.judge([*waiting, BETTER], results(**CLEAR))
    assert tables.verdicts(frame)[["claim", "verdict"]].values.tolist() == [
        ["a beats b", "supported"],
        ["z", "undecided: lacks seeds or runs"],
    ]
    assert tables.claims(frame)[["claim", "source"]].values.tolist() == [["z", "ours"], ["", ""], ["a beats b", "paper"]]
    evidence = tables.claim_evidence(frame).set_index("evidence")
    assert list(evidence.loc["d", ["paper", "text SE", "p", "p, Holm"]]) == ["–"] * 4
    assert evidence.loc["a − b", "p"] == "< 0.001"
