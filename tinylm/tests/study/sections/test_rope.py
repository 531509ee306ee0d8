from dataclasses import replace

import pytest

from tinylm import study


def plan(**changes):
    return study.rope(**(study.SECTIONS["rope"].parameters("smoke") | changes))


def test_the_pair_differs_in_its_positions_alone():
    learned, rotary = plan(seeds=[2])
    assert (learned.spec.model.position, rotary.spec.model.position) == ("learned", "rope")
    assert replace(rotary.spec, model=replace(rotary.spec.model, position="learned")) == learned.spec
    assert (learned.role, rotary.role) == ("ablation", "ablation")


def test_each_seed_has_both_and_is_validated_after_every_epoch():
    runs = plan(seeds=[0, 1], epochs=3)
    assert [(run.name, run.spec.seed) for run in runs] == [(name, s) for s in (0, 1) for name in ("Learned positions", "RoPE")]
    assert {run.spec.train.n_evals for run in runs} == {3}


def test_the_ffns_dropout_is_that_of_two_masks_of_a_tenth():
    assert plan()[0].spec.model.ffn_dropout == pytest.approx(1 - 0.9 * 0.9)
