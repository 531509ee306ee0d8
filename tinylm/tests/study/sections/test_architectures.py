from tinylm import study
from tinylm.study import select


def plan(**changes):
    return study.architectures(**(study.SECTIONS["architectures"].parameters("smoke") | changes))


def test_the_four_baselines_are_planned_with_each_seed_and_the_counts_once():
    runs = plan(seeds=[3, 5], orders=[1, 2], linear_seeds=[5])
    assert [run.name for run in select(runs, role="counts")] == ["Unigram", "KN-2"]
    for seed in (3, 5):
        assert [r.architecture for r in select(runs, role="baseline", seed=seed)] == ["Linear", "MLP", "Self-Attention", "Transformer"]
    assert len(runs) == 2 + 2 * 4


def test_the_linear_model_has_more_seeds_and_none_twice():
    assert [run.spec.seed for run in select(plan(seeds=[0, 1], linear_seeds=[1, 5]), architecture="Linear")] == [0, 1, 5]
    assert {run.architecture for run in select(plan(seeds=[0, 1], linear_seeds=[1, 5]), seed=5)} == {"Linear"}


def test_attention_trains_longer_than_the_feed_forward_models_and_every_epoch_is_validated():
    epochs = {run.architecture: run.spec.train.epochs for run in plan(epochs_feedforward=5, epochs_attention=7, orders=[0])}
    assert epochs == {"Counts": 1, "Linear": 5, "MLP": 5, "Self-Attention": 7, "Transformer": 7}
    assert all(run.spec.train.n_evals == run.spec.train.epochs for run in plan())


def test_counts_are_scored_on_the_tokens_of_the_networks():
    runs = plan(context_length=24, eval_tokens=321)
    assert {run.spec.train.eval_start or run.spec.model.context_length for run in runs} == {24}
    assert {run.spec.train.eval_tokens for run in runs} == {321}


def test_self_attention_is_one_block_with_an_ffn_of_four_widths_and_the_transformer_several_of_two():
    (one,), (several,) = (select(plan(d_model=16, n_layer=5), architecture=name) for name in ("Self-Attention", "Transformer"))
    assert (one.spec.model.n_layer, one.spec.model.d_ff) == (1, 64)
    assert (several.spec.model.n_layer, several.spec.model.d_ff) == (5, 32)
