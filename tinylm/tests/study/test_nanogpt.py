from dataclasses import replace

from tinylm import data
from tinylm.flops import n_params, run_cost
from tinylm.study import nanogpt, recipes

CORPUS = "tiny_shakespeare"


def test_its_size_and_steps_are_those_of_its_readme():
    about = data.info(CORPUS)
    positions = nanogpt.MODEL.context_length * nanogpt.MODEL.d_model
    assert f"{(n_params(nanogpt.MODEL, about.vocab_size) - positions) / 1e6:.2f}" == "0.80"  # it leaves out the positions
    whole = recipes.scored(nanogpt.spec(CORPUS, 10**12))
    steps = run_cost(replace(whole, train=replace(nanogpt.TRAIN, eval_tokens=500)), about).steps
    assert steps == 2000 and nanogpt.TRAIN.warmup * steps == nanogpt.WARM_UP


def test_its_warm_up_has_as_many_steps_in_a_run_of_any_length():
    for flops in (6 * 10**12, 9 * 10**13):
        spec = nanogpt.spec(CORPUS, flops)
        steps = run_cost(spec, data.info(CORPUS)).steps
        assert abs(spec.train.warmup * steps - nanogpt.WARM_UP) < 2
        assert (spec.train.eval_start, spec.train.flops, spec.train.precision) == (recipes.EVAL_START, flops, "fp32")
    assert nanogpt.spec(CORPUS, 10**11).train.warmup == 1.0
