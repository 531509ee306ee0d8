from dataclasses import replace

import pytest

from tinylm import data, study
from tinylm.flops import n_params
from tinylm.study import select

VARIED = {
    "Linear": ("context_length", "context_lengths"),
    "MLP": ("d_hidden", "hidden_widths"),
    "Self-Attention": ("n_head", "head_counts"),
    "Transformer": ("n_layer", "layer_counts"),
}


def plan(**changes):
    return study.sweeps(**(study.SECTIONS["sweeps"].parameters("smoke") | changes))


@pytest.mark.parametrize("architecture", VARIED)
def test_one_size_of_an_architecture_varies_and_no_other(architecture):
    field, parameter = VARIED[architecture]
    runs = select(plan(**{parameter: [1, 2, 8]}), role="sweep", architecture=architecture)
    assert [getattr(run.spec.model, field) for run in runs] == [1, 2, 8]
    assert len({replace(run.spec, model=replace(run.spec.model, **{field: 4})) for run in runs}) == 1
    assert len({run.name for run in runs}) == 3


def test_counts_are_scored_where_the_longest_context_is():
    (counts,) = select(plan(context_length=24, orders=[2], eval_tokens=321), role="counts")
    assert (counts.spec.train.eval_start, counts.spec.train.eval_tokens, counts.spec.seed) == (24, 321, 0)


def test_every_size_is_trained_with_each_seed():
    runs = plan(seeds=[0, 7])
    rows = {seed: [run.name for run in select(runs, role="sweep", seed=seed)] for seed in (0, 7)}
    assert rows[0] == rows[7] and len(rows[0]) == 8
    assert "Self-Attention, 1 head" in rows[0] and "Self-Attention, 2 heads" in rows[0]


def test_the_map_of_linear_crosses_contexts_budgets_and_rates():
    runs = study.select(study.section_plan("sweeps", "full"), role="context-map", seed=0)
    cells = {(run.budget, run.spec.train.lr, run.spec.model.context_length) for run in runs}
    assert len(runs) == len(cells) == 3 * 4 * 6
    assert {run.spec.train.optimizer for run in runs} == {"adam"}
    assert {run.spec.train.eval_tokens for run in runs} == {5_000}


def test_the_deepest_transformer_is_trained_again_with_as_many_steps_a_parameter_as_the_next_one():
    runs = study.section_plan("sweeps", "full")
    longer, control = select(runs, role="depth", seed=0)
    shallow, deep = (select(runs, role="sweep", architecture="Transformer", n_layer=layers, seed=0)[0] for layers in (3, 4))
    windows = {"windows_per_epoch": deep.spec.train.windows_per_epoch}
    assert replace(longer.spec, train=replace(longer.spec.train, **windows)) == deep.spec
    a_parameter = [run.cost.steps / n_params(run.spec.model, data.vocab_size(run.spec.corpus)) for run in (shallow, longer)]
    assert a_parameter[0] == pytest.approx(a_parameter[1], rel=1e-3)
    assert control.spec == replace(longer.spec, model=shallow.spec.model), "what the steps alone bring"
    assert select(plan(layer_counts=[2]), role="depth") == []
