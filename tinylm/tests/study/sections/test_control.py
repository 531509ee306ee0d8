from tinylm import study
from tinylm.study import recipes, select


def plan(**changes):
    return study.control(**(study.SECTIONS["control"].parameters("smoke") | changes))


def test_networks_read_the_control_corpus_alone_whatever_texts_are_shown():
    runs = plan(corpora=["ptb", "wikitext-2"], count_corpora=["grammar-word"])
    assert {run.spec.corpus for run in select(runs, role="control")} == {"grammar-char"}
    assert {run.spec.corpus for run in runs} == {"grammar-char", "grammar-word"}


def test_counts_of_the_control_share_the_networks_tokens_and_whole_texts_those_of_recipes():
    runs = plan(context_length=24, eval_tokens=321, count_orders=[1, 3])
    control = select(runs, corpus="grammar-char")
    assert {(r.spec.train.eval_start or r.spec.model.context_length, r.spec.train.eval_tokens) for r in control} == {(24, 321)}
    whole = select(runs, corpus="grammar-word")
    assert [run.spec.model.order for run in whole] == [1, 3]
    assert {(run.spec.train.eval_start, run.spec.train.eval_tokens) for run in whole} == {(recipes.EVAL_START, 0)}


def test_no_network_of_the_control_drops_out():
    for run in select(plan(), role="control"):
        assert not any(value for name, value in vars(run.spec.model).items() if "dropout" in name and name != "dropout_kind")


def test_each_seed_has_the_four_architectures():
    runs = plan(seeds=[0, 4])
    assert [run.architecture for run in select(runs, role="control", seed=4)] == ["Linear", "MLP", "Self-Attention", "Transformer"]
    assert len(select(runs, role="control")) == 8
