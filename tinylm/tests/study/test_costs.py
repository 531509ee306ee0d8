import dataclasses

import pytest

from tinylm import study
from tinylm.config import NgramConfig, RunSpec, TeacherConfig, TrainConfig, TransformerConfig
from tinylm.flops import run_cost
from tinylm.study import Planned, costs


def planned(model, **train):
    spec = RunSpec(corpus="grammar-char", model=model, train=TrainConfig(**train))
    return Planned(section="local", role="single", architecture="Transformer", name="small", spec=spec)


def test_the_parts_add_up_to_the_totals_that_the_run_will_have():
    run = planned(TransformerConfig(n_layer=2, d_model=16, d_ff=32, n_head=2), steps=3)
    found = costs.cost(run)
    assert found.totals.to_dict() == {name: getattr(run.cost, field) for name, field in costs.CONVENTIONS.items()}
    assert found.parts.groupby("convention")["run"].sum().to_dict() == {"executed": run.cost.flops, "textbook": run.cost.flops_textbook}
    assert found.parts.groupby("convention")["share"].sum().tolist() == pytest.approx([1, 1])
    assert (found.steps, found.flops, found.n_params) == (3, run.cost.flops, found.facts["n_params"])
    assert all(dtype.kind in "iuf" for dtype in found.parts.dtypes)


def test_what_teachers_cost_is_a_part():
    small = TransformerConfig(n_layer=2, d_model=16, d_ff=32, n_head=2)
    alone = planned(small, flops=10**11)
    taught = TeacherConfig(model=small, number=2)
    run = dataclasses.replace(alone, spec=dataclasses.replace(alone.spec, teacher=taught))
    found = costs.cost(run)
    assert found.parts.groupby("convention")["run"].sum().to_dict() == {"executed": run.cost.flops, "textbook": run.cost.flops_textbook}
    assert found.parts.loc[("executed", "teachers"), "share"] > 0.5 and "teachers" in found._repr_html_()
    assert "teachers" not in costs.cost(alone)._repr_html_()


def test_it_is_shown_in_one_line_and_as_a_card():
    found = costs.cost(planned(TransformerConfig(n_layer=1, d_model=16, d_ff=32), steps=3))
    assert "\n" not in repr(found) and "3 steps" in repr(found) and "6ND" in repr(found)
    assert "attention projections" in found._repr_html_() and "d_ff=32) on grammar-char" in found._repr_html_()


def test_counts_cost_nothing():
    found = costs.cost(planned(NgramConfig(order=3), epochs=1))
    assert found.flops == 0 and found.totals.tolist() == [0, 0, 0, 0]
    assert "counts are not trained, 0 FLOPs" in repr(found) and "parameters" not in repr(found)
    assert "0; counts are not trained" in found._repr_html_() and "backward" not in found._repr_html_()


def test_every_planned_run_of_the_study_has_the_cost_of_its_plan():
    for run in study.section_plan("architectures", "full")[:5]:
        assert costs.cost(run).facts["flops"] == run_cost(run.spec, costs.data.info(run.spec.corpus)).flops
