from dataclasses import replace

import pytest

from tinylm import study


def plan(role="ablation", **changes):
    return study.select(study.rope(**(study.SECTIONS["rope"].parameters("smoke") | changes)), role=role)


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


def test_each_kind_of_positions_has_every_length_on_every_text():
    runs = study.select(study.section_plan("rope", "full"), role="length")
    cells = [(run.spec.corpus, run.spec.model.context_length, run.spec.model.position, run.spec.seed) for run in runs]
    assert len(cells) == len(set(cells)) == 2 * 4 * 4 * 3
    assert all(0.95 * run.budget < run.cost.flops <= run.budget for run in runs)
    assert len({(run.spec.corpus, run.spec.train.eval_start, run.spec.train.eval_tokens) for run in runs}) == 2, "the same scored tokens"


def test_what_knows_no_longest_distance_is_scored_with_longer_windows_too():
    short = {run.spec.model.position: run for run in plan("length", lengths=[16, 32])[:4]}
    for run in plan("longer", longer=32):
        plain = short[run.spec.model.position].spec
        assert run.spec.model == plain.model and run.spec.train.eval_context == 32 and run.spec.train.eval_stride == 16
        assert replace(run.spec.train, eval_context=0, eval_stride=plain.train.eval_stride) == plain.train
    assert {run.spec.model.position for run in plan("longer")} == {"rope", "alibi", "none"}
