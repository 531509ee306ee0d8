import dataclasses
import math

import capacity
import pandas as pd
from synthetic import record, result

from tinylm.analysis import folds, positions
from tinylm.analysis.summaries import Result
from tinylm.config import TransformerConfig
from tinylm.report import sentences


def test_architectures_are_compared_over_the_plays_left_out():
    plays = [f"tiny_shakespeare-without-{play}" for play in ("tempest", "coriolanus", "winters-tale")]
    nlls = {"A": (2.0, 2.1, 2.2), "B": (1.9, 2.3, 1.9)}
    found = [result("", record(nll, corpus=c), architecture=a) for a, row in nlls.items() for c, nll in zip(plays, row, strict=True)]
    text = sentences.over_folds(folds.by_fold(found))
    assert text.startswith("B is ahead of A on 2 of 3 parts, by 0.067 [") and text.endswith(
        " (nats; means weighted by length; 95 % over the parts)."
    )
    assert sentences.over_folds(folds.by_fold(found[:3])) == ""


def layered(gap, largest=10**11):
    """Results of the curves whose deeper models' test NLLs are above the others' by what `gap` says of their steps a parameter."""
    made = []
    for one in capacity.results(largest):
        n_layer, steps = one.run.spec.model.n_layer, one.record.steps / one.record.n_params
        blocks = [2.0 + (n_layer == 4) * gap(steps) + one.run.spec.seed / 1_000] * len(one.record.test.blocks)
        made.append(
            Result(one.run, dataclasses.replace(one.record, test=dataclasses.replace(one.record.test, nll=blocks[0], blocks=blocks)))
        )
    return made


def test_one_more_layer_is_said_to_hurt_below_some_steps_a_parameter():
    said = sentences.depth(layered(lambda steps: -0.05 * math.log(steps / 0.02)))
    assert said.startswith(
        "One more layer at equal FLOPs: on WikiText-2 as characters it hurts below 0.02 steps (0.02 to 0.02) a parameter"
    )
    assert "(6 pairs of runs, 0.00" in said and said.count("(n = 3)") == 1
    assert "characters it hurts at every number of steps a parameter tried (6 pairs" in sentences.depth(layered(lambda steps: 0.1))
    assert "characters it hurts at none (6 pairs" in sentences.depth(layered(lambda steps: -0.1))
    assert "no number of steps a parameter tells where it hurts" in sentences.depth(layered(lambda steps: math.log(steps / 0.02)))
    assert sentences.depth([]) == ""


def test_a_fourth_layer_of_the_study_is_compared_in_four_ways():
    three, four = TransformerConfig(n_layer=3), TransformerConfig(n_layer=4)
    rows = [("sweep", three, [2.0, 2.1], 1_000), ("sweep", four, [2.05, 2.15], 1_500), ("depth", four, [1.9, 2.0], 2_000)]
    found = [
        result(f"{role} {model.n_layer}", record(nll, seed, model, flops=flops), role=role, architecture="Transformer")
        for role, model, nlls, flops in rows
        for seed, nll in enumerate(nlls)
    ]
    said = sentences.studied_depth(found)
    assert said.startswith("Under the study's own recipe 4 layers change the NLL of 3 by +0.050 [")
    assert said.count(";") == 2 and "by −0.100 [" in said and said.endswith("as many a parameter (n = 2).")
    steps = [result("depth 3", record(nll, seed, three), role="depth", architecture="Transformer") for seed, nll in enumerate([1.88, 1.98])]
    assert "; by +0.020 [" in (told := sentences.studied_depth([*found, *steps])) and told.endswith("steps of both (n = 2).")
    assert sentences.studied_depth(found[:4]).count(";") == 1
    assert sentences.studied_depth(found[:2]) == sentences.studied_depth([]) == ""


def test_the_growth_with_length_came_or_did_not(monkeypatch):
    slopes = pd.DataFrame(
        {"corpus": ["ptb", "wikitext-2"], "positions": "rope", "gain": [0.1, 0.2], "low": [0.05, 0.1], "high": [0.15, 0.3]}
    )
    monkeypatch.setattr(positions, "slopes", lambda found: slopes)
    assert sentences.growth_with_length([], "rope") == (
        "The growth that was expected came: twice the length changes the gain of rotary positions by +0.100 [+0.050, +0.150] on the Penn "
        "Treebank and by +0.200 [+0.100, +0.300] on WikiText-2."
    )
    slopes.loc[0, "low"] = -0.05
    assert "did not come" in sentences.growth_with_length([], "rope") and sentences.growth_with_length([], "alibi") == ""
