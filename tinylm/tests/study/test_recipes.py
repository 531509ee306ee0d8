import pytest

from tinylm import data
from tinylm.config import TransformerConfig
from tinylm.flops import n_params, run_cost
from tinylm.study import recipes
from tinylm.study.recipes import RecipeError, recipe


@pytest.mark.parametrize(("corpus", "architecture"), recipes.RECIPES)
def test_a_recipe_spends_its_budget_and_no_more(corpus, architecture):
    for flops in (1e12, 1e13, 7.55e13):
        spec = recipe(architecture, corpus, flops)
        assert 0.97 * flops < run_cost(spec, data.info(corpus)).flops <= flops
        assert spec.train.eval_start == recipes.EVAL_START


def test_the_recipe_at_the_papers_cost_is_no_larger_than_the_papers_transformer():
    size = data.vocab_size("tiny_shakespeare")
    for corpus in ("tiny_shakespeare", "tiny_shakespeare-respelled"):
        assert n_params(recipe("transformer", corpus, 7.55e13).model, size) <= n_params(TransformerConfig(context_length=128), size)


def test_a_text_without_recipes_takes_those_of_the_text_nearest_in_length():
    nearest = {"grammar-char": "tiny_shakespeare", "tiny_shakespeare-plays-respelled": "tiny_shakespeare-respelled", "ptb": "ptb-eos"}
    assert {name: recipes.nearest_text("transformer", name) for name in nearest} == nearest
    assert recipe("transformer", "ptb", 1e14).model == recipe("transformer", "ptb-eos", 1e14).model


def test_a_recipe_that_is_not_there_names_what_is():
    with pytest.raises(RecipeError, match="no recipe of 'rnn' for a corpus of characters; there are: linear, mlp"):
        recipe("rnn", "tiny_shakespeare", 1e12)
    with pytest.raises(RecipeError, match="above zero"):
        recipe("mlp", "tiny_shakespeare", 0)
