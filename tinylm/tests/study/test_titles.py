from tinylm.config import LSTMConfig, MLPConfig, ModuleConfig, NgramConfig, TransformerConfig
from tinylm.config.serialise import model_kinds
from tinylm.study import recipes, section_plan, select, titles


def test_every_recipe_and_every_kind_of_network_of_the_library_has_one_title():
    kinds = {kind for kind, config in model_kinds().items() if config.__module__ == "tinylm.config.models"}
    assert titles.TITLES.keys() == {architecture for _, architecture in recipes.RECIPES} | kinds - {NgramConfig.kind, ModuleConfig.kind}
    assert len(set(titles.TITLES.values())) == len(titles.TITLES)


def test_names_and_titles_lead_to_each_other_and_what_is_neither_stays():
    assert all(titles.recipe_name(titles.title(name)) == name for name in titles.TITLES)
    assert (titles.title("rwkv"), titles.recipe_name("rwkv"), titles.recipe_name("mlp")) == ("rwkv", "rwkv", "mlp")


def test_a_model_has_the_title_that_the_study_gives_its_architecture():
    models = (MLPConfig(), LSTMConfig(), TransformerConfig(), TransformerConfig(n_layer=1), NgramConfig())
    assert [titles.architecture(model) for model in models] == ["MLP", "LSTM", "Transformer", "Self-Attention", "Counts"]
    plan = select(section_plan("architectures", "full"), seed=0)
    assert {run.architecture for run in plan} == {titles.architecture(run.spec.model) for run in plan}
