import dataclasses
import math

import pandas as pd
from synthetic import record, result

from tinylm.analysis import claim_list
from tinylm.analysis.families import CLEAR, OPEN
from tinylm.analysis.summaries import Result
from tinylm.config import LinearConfig
from tinylm.report import sentences


def test_a_model_that_is_trained_on_and_a_better_one_of_another_project_are_not_buried():
    study_rows = [
        result("Transformer", record(2.0, flops=1_000, curve=4), section="architectures"),
        result("MLP", record(2.3, flops=100), section="architectures"),
    ]
    longer = result("MLP, long", record(2.1, flops=2_000), section="claims", role="long", architecture="MLP")
    sister = result("GELU MLP", record(1.9, flops=300), section="claims", role="sister")
    text = sentences.buried([*study_rows, longer, sister])
    # At 1,000, the one validation of the Transformer that the longer run has reached: 2.1 + 0.5 against 2.0 + 0.125.
    assert text.startswith(
        "Trained longer, the study's MLP has a lower valid NLL than its Transformer at 0 of the 1 executed costs that can be compared. On"
    )
    assert (
        "slice GELU MLP, on valid the best of the sister project's models that were trained here, has 1.900 for $3 \\times 10^{2}$" in text
    )
    assert text.endswith("FLOPs (n = 1), below every network of the study.")
    assert sentences.buried(study_rows) == ""


def test_what_was_expected_is_said_to_hold_or_not_once_it_is_recorded():
    expected = claim_list.EXPECTED
    judged = pd.DataFrame([{"contrast": claim.contrast, "effect": -0.1, "grade": OPEN} for one in expected for claim in one.claims])
    told = sentences.expectations(judged, expected)
    assert told.startswith(f"As expected, in the means of the effects: {expected[0].text}; {expected[2].text}") and told.endswith(
        f"not found: {expected[1].text}."
    )
    clear = sentences.expectations(judged.assign(grade=CLEAR), expected)
    assert f"not found: {expected[1].text}; {expected[2].text}." in clear
    assert sentences.expectations(judged.assign(effect=math.nan), expected) == ""


def long_linear(length, curves):

    runs = []
    for seed, curve in enumerate(curves):
        run = record(2.0, seed=seed, model=LinearConfig(context_length=length, d_model=4), curve=len(curve), start=32)
        points = [point | {"valid_nll": value} for point, value in zip(run.curve, curve, strict=True)]
        runs.append(result(f"T = {length}", dataclasses.replace(run, curve=points), role="long", architecture="Linear"))
    return runs


def test_the_turning_point_is_read_off_the_curves():
    short = long_linear(16, [[2.0, 1.9, 1.9]] * 2)
    turning = sentences.turning([*short, *long_linear(32, [[2.5, 1.95, 1.8], [2.5, 1.8, 1.7]])])
    assert "T = 32 falls below T = 16 at equal updates in 2 of 2 seeds, first after epoch 2 (median)" in turning
    assert "in 0 of 2 seeds; at the end it is at +0.3000" in sentences.turning([*short, *long_linear(32, [[2.5, 2.3, 2.2]] * 2)])
    assert "not recorded yet" in sentences.turning(short)


def test_rows_of_the_same_name_are_still_two_rows():
    found = [*long_linear(16, [[2.0, 1.9, 1.9]] * 2), *long_linear(32, [[2.5, 2.3, 2.2]] * 2)]
    alike = [Result(dataclasses.replace(one.run, name="one name"), one.record) for one in found]
    assert "lowest mean valid NLL (2.0000), after the last one name (1.9000)" in sentences.turning(alike)
    assert "at the end it is at +0.3000" in sentences.turning(alike)


def test_single_effects_of_an_undecided_claim_are_told_apart_from_decided_claims():
    def row(text, contrast, verdict, p=0.01, follows=""):
        return {"text": text, "contrast": contrast, "verdict": verdict, "p": p, "follows": follows, "source": "paper"}

    rows = [row("t", "a − b", "refuted"), row("t", "a − c", "supported"), row("u", "d", "undecided", math.nan), row("u", "e", "supported")]
    text = sentences.claims(pd.DataFrame([*rows, row("as a rule", "f", "refuted", follows="a − b")]))
    assert text.startswith("Of 4 claimed effects 3 are tested;") and "By source, paper: 2 supported, 1 refuted, 1 undecided." in text
    assert "**Refuted:** t; as a rule." in text and "**Supported:**" not in text
    assert text.endswith("Of claims that are undecided as a whole, supported in part: e.")
