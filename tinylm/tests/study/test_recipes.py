import dataclasses

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


def own(monkeypatch, n_train, vocab_size=60):
    """A text of one's own of so many characters, of which so many are distinct."""
    name = "text-0123456789ab"
    sizes = {"train": n_train, "valid": n_train // 20, "test": n_train // 20}
    about = data.CorpusInfo(name=name, level="character", vocab_size=vocab_size, n_tokens=sizes, sha256="", held_out="own")
    known = data.info
    monkeypatch.setattr(data, "info", lambda asked: about if asked == name else known(asked))
    return name


@pytest.mark.parametrize(
    ("n_train", "budget", "times"), [(10**6, 10**12, 1.5), (300_000, 10**12, 5), (36_000, 10**11, 18), (9_000, 2 * 10**10, 14)]
)
def test_a_short_text_is_not_read_too_often(monkeypatch, n_train, budget, times):
    name = own(monkeypatch, n_train)
    assert recipes.modest_budget("transformer", name, 10**12) == budget
    spec = recipe("transformer", name, budget)
    assert recipes.passes(spec) == pytest.approx(times, rel=0.05) and not recipes.over_fitting(spec)
    assert spec.train.n_evals == max(2, min(20, -int(-recipes.passes(spec) // 1)))
    often = recipe("transformer", name, 30 * budget)
    said = recipes.over_fitting(often)
    assert ("a network may know a text by heart and do worse; the weights with the lowest valid NLL are kept" in said) == (times > 2)
    assert often.train.n_evals <= 20 and often.train.keep == "best"


def test_a_published_text_keeps_its_recipes_and_its_budget():
    assert recipes.modest_budget("transformer", "tiny_shakespeare", 10**12) == 10**12
    assert recipe("transformer", "tiny_shakespeare", 1e12).train.n_evals == recipes.N_EVALS
    assert recipe("transformer", "tiny_shakespeare", 1e12).model.induction == (2, 3, 4, 6)


def test_with_thousands_of_characters_the_highest_orders_of_induction_are_left_out(monkeypatch):
    found = {}
    for size in (60, 6_174, 65_000):
        name = own(monkeypatch, 10**6, size)
        found[size] = recipe("transformer", name, 1e12).model.induction
        assert run_cost(recipe("transformer", name, 1e12), data.info(name)).steps
    assert found == {60: (2, 3, 4, 6), 6_174: (2, 3, 4), 65_000: (2, 3)}


def test_a_text_without_recipes_takes_those_of_the_text_nearest_in_length():
    nearest = {"grammar-char": "tiny_shakespeare", "tiny_shakespeare-plays-respelled": "tiny_shakespeare-respelled", "ptb": "ptb-eos"}
    assert {name: recipes.nearest_text("transformer", name) for name in nearest} == nearest
    assert recipe("transformer", "ptb", 1e14).model == recipe("transformer", "ptb-eos", 1e14).model


def test_a_recipe_that_is_not_there_names_what_is():
    with pytest.raises(RecipeError, match="no recipe of 'rnn' for a corpus of characters; there are: linear, mlp"):
        recipe("rnn", "tiny_shakespeare", 1e12)
    with pytest.raises(RecipeError, match=r"unknown level 'char'; .*[Tt]here are: character, subword, word"):
        recipes.architectures("char")
    with pytest.raises(RecipeError, match="above zero"):
        recipe("mlp", "tiny_shakespeare", 0)


def test_the_recipe_of_the_nearest_budget_is_taken_in_powers_and_spends_what_is_asked():
    small, large = (known.model for known in recipes.RECIPES["tiny_shakespeare", "lstm"][1:])
    assert recipe("lstm", "tiny_shakespeare", 3.1e12).model == small and recipe("lstm", "tiny_shakespeare", 3.3e12).model == large
    assert recipe("lstm", "tiny_shakespeare", 3.3e12).train.flops == 33 * 10**11


def test_a_model_that_predicts_every_position_is_trained_at_each_and_scored_with_most_of_a_context():
    dense, single = recipe("lstm", "tiny_shakespeare", 1e12), recipe("mlp", "tiny_shakespeare", 1e12)
    assert (dense.train.loss_at, dense.train.eval_stride) == ("all", dense.model.context_length // 8)
    assert (single.train.loss_at, single.train.eval_stride) == ("last", 1)


def test_architectures_of_a_level_are_those_that_have_a_recipe():
    assert set(recipes.architectures("word")) == {
        "transformer",
        "transformer-no-pointer",
        "transformer-softmaxes",
        "lstm",
        "mogrifier",
        "gated-counts",
    }
    assert "transformer-no-pointer" not in recipes.architectures("character") and "lstm" in recipes.architectures("character")


def test_a_text_that_is_too_short_for_a_recipe_is_refused(monkeypatch):
    def sized(**n_tokens):
        short = dataclasses.replace(data.info("grammar-char"), n_tokens={"train": 10_000, "valid": 1_000, "test": 1_000} | n_tokens)
        found = data.info
        monkeypatch.setattr(recipes.data, "info", lambda name: short if name == "grammar-char" else found(name))

    sized(test=recipes.EVAL_START)
    assert not recipes.is_long_enough("grammar-char")
    with pytest.raises(RecipeError, match="its least split has 256 characters, and 256 are context only"):
        recipe("linear", "grammar-char", 1e12)
    sized(train=1_024)
    assert recipes.is_long_enough("grammar-char") and recipe("linear", "grammar-char", 1e12)
    with pytest.raises(RecipeError, match="it reads 1,024 tokens at a time, and train has 1,024"):
        recipe("transformer", "grammar-char", 1e11)


def test_counts_are_tuned_for_their_text_and_borrowed_without_its_held_out_play():
    tuned = recipes.recipe("counts", "tiny_shakespeare", 0).model
    assert tuned.weights_corpus == "tiny_shakespeare-plays" and recipes.tuned_counts("tiny_shakespeare-recast") == tuned
    assert recipes.tuned_counts("grammar-char") == dataclasses.replace(tuned, weights_corpus="")
    assert recipes.tuned_counts("grammar-word").order == recipes.tuned_counts("ptb-eos").order == 8
    assert recipes.tuned_counts("tiny_shakespeare-plays").weights_corpus == ""  # else it would be fitted to what it is scored on
    spec = recipes.recipe("counts", "grammar-char", 1e12)
    assert spec.train.eval_start == recipes.EVAL_START and spec.train.flops == 0
