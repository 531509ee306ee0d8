from dataclasses import dataclass, replace

from tinylm.config import LSTMConfig, MLPConfig, ModuleConfig, NgramConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.config.serialise import model_kinds
from tinylm.data import plays
from tinylm.study import plan, recipes, single, titles


def test_every_recipe_and_every_kind_of_network_of_the_library_has_one_title():
    kinds = {kind for kind, config in model_kinds().items() if config.__module__ == "tinylm.config.models"}
    assert titles.TITLES.keys() == {architecture for _, architecture in recipes.RECIPES} | kinds - {NgramConfig.kind, ModuleConfig.kind}
    assert len(set(titles.TITLES.values())) == len(titles.TITLES)


def test_names_and_titles_lead_to_each_other_and_what_is_neither_stays():
    assert all(titles.recipe_name(titles.title(name)) == name for name in titles.TITLES)
    assert (titles.title("rwkv"), titles.recipe_name("rwkv"), titles.recipe_name("mlp")) == ("rwkv", "rwkv", "mlp")


def test_a_model_has_the_title_that_the_study_gives_its_architecture():
    models = (MLPConfig(), LSTMConfig(), TransformerConfig(), TransformerConfig(n_layer=1, d_ff=512), NgramConfig())
    assert [titles.architecture(model) for model in models] == ["MLP", "LSTM", "Transformer", "Self-Attention", "Counts"]
    planned = {run.title: {run.architecture, titles.architecture(run.spec.model)} for run in plan("full")}
    assert [title for title, both in planned.items() if "Self-Attention" in both and len(both) > 1] == []
    assert sum("Self-Attention" in both for both in planned.values()) > 20


def test_a_transformer_of_one_layer_that_the_study_does_not_have_is_a_transformer():
    assert titles.architecture(TransformerConfig(n_layer=1, loops=4, d_ff=512)) == "Transformer", "whose block runs four times"
    assert titles.architecture(TransformerConfig(n_layer=1)) == titles.architecture(TransformerConfig(d_ff=512)) == "Transformer"


def test_a_run_of_no_plan_is_called_by_its_model_and_the_key_of_its_first_seed():
    spec = RunSpec(corpus="grammar-char", model=TransformerConfig(n_layer=2, d_model=64), train=TrainConfig(steps=1), seed=3)
    assert titles.run(spec) == f"Transformer(n_layer=2, d_model=64), {replace(spec, seed=0).key[:8]}"
    assert titles.model(NgramConfig(order=6, cache=2048)) == "KN-6 + cache 2,048" and titles.model(MLPConfig()) == "MLP"
    assert titles.model(TransformerConfig(context_length=8, n_layer=2, d_model=8, d_ff=8)) == "Transformer", "of many fields none is shown"


def test_an_architecture_of_ones_own_is_called_by_its_kind_whatever_its_class_says_of_itself():
    @dataclass(frozen=True, kw_only=True)  # whose repr lists every field
    class Own(TransformerConfig):
        kind = "own to this test"
        width: int = 3

    assert titles.model(Own(n_layer=2)) == "own to this test(n_layer=2)"


def test_every_group_of_plays_has_a_title():
    assert titles.LEFT_OUT.keys() == plays.GROUPS.keys()
    assert titles.corpus(f"{plays.PLAYS}-without-tempest") == "The Tempest" and titles.corpus("my-text") == "my-text"


def test_a_network_that_copies_is_called_so():
    copying, plain = (single.of_recipe(name, "tiny_shakespeare", flops=1e12) for name in ("transformer", "transformer-no-induction"))
    assert titles.network(copying) == "Transformer with induction" and titles.network(plain) == plain.architecture


def test_a_text_is_a_corpus_or_its_beginning():
    assert titles.text("tiny_shakespeare", 0) == titles.corpus("tiny_shakespeare") == "Tiny Shakespeare"
    assert titles.text("wikitext-2-char", 1_000) == "the first 1,000 tokens of WikiText-2 as characters"
