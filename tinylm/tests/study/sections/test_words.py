from dataclasses import replace

import pytest

from tinylm import study
from tinylm.study import StudyError, recipes, select


def plan(**changes):
    return study.words(**(study.SECTIONS["words"].parameters("smoke") | changes))


def test_parameters_that_contradict_each_other_are_named():
    with pytest.raises(StudyError, match="train_tokens: needs at least 66"):
        study.words(train_tokens=65)


def test_only_the_first_seed_also_visits_each_window_once():
    runs = plan(seeds=[4, 2])
    assert [run.spec.seed for run in select(runs, role="baseline")] == [4, 2]
    (once,) = select(runs, role="shuffled")
    (random,) = select(runs, role="baseline", seed=4)
    assert once.spec == replace(random.spec, train=replace(random.spec.train, sampling="shuffled"))


def test_an_epoch_is_a_window_for_each_place_of_the_text():
    (run,) = select(plan(train_tokens=1_000, context_length=10), role="baseline")
    assert (run.spec.train.train_tokens, run.spec.train.windows_per_epoch) == (1_000, 989)


def test_counts_of_a_slice_read_the_networks_text_and_score_its_tokens():
    counts = select(plan(orders=[1, 2]), role="counts", corpus="grammar-word")
    (run,) = select(plan(), role="baseline")
    assert [one.spec.model.order for one in counts] == [1, 2]
    for one in counts:
        assert one.spec.train.train_tokens == run.spec.train.train_tokens
        assert one.spec.train.eval_tokens == run.spec.train.eval_tokens
        assert one.spec.train.eval_start == run.spec.model.context_length


def test_whole_texts_are_counted_at_the_highest_order_and_scored_as_the_recipes_bought():
    runs = select(plan(orders=[3, 1], caches=[8, 64]), corpus="grammar-char")
    assert [run.role for run in runs] == ["counts"] * 3 + ["tuned", "purchase", "gated", "rival", "tokens"]
    assert [(run.spec.model.order, run.spec.model.cache) for run in runs[:3]] == [(3, 0), (3, 8), (3, 64)]
    assert {(run.spec.train.eval_start, run.spec.train.eval_tokens) for run in runs} == {(recipes.EVAL_START, 0)}


def test_gated_counts_of_each_text_have_every_budget_and_seed():
    published = select(study.plan("full"), section="words", role="gated")
    assert [(run.spec.corpus, run.budget, run.spec.seed) for run in published] == [
        (text, 10**10, seed) for seed in range(5) for text in ("ptb-eos", "wikitext-2-eos")
    ]
    assert {run.architecture for run in published} == {"Gated counts"} and all(run.spec.model.caches for run in published)


def test_rivals_share_a_text_and_a_budget_with_a_transformer_and_have_three_seeds():
    published = select(study.plan("full"), section="words", role=["rival", "purchase"])
    transformers = {(run.spec.corpus, run.budget) for run in published if run.architecture == "Transformer"}
    rivals = select(published, role="rival")
    assert {run.spec.seed for run in rivals} == {0, 1, 2} and {(run.spec.corpus, run.budget) for run in rivals} <= transformers
    assert {run.architecture for run in rivals} >= {"LSTM", "Mogrifier LSTM", "Transformer with mixed softmaxes"}


def test_a_text_in_words_subwords_and_characters_has_recipes_with_three_seeds_and_tuned_counts():
    found = select(study.plan("full"), section="words", role="tokens")
    networks, counts = ([run for run in found if run.spec.is_counts == is_counts] for is_counts in (False, True))
    cut = {"wikitext-2-char", "wikitext-2-char-bpe1024", "wikitext-2-char-bpe4096"}
    assert {run.spec.corpus for run in counts} == cut and len(counts) == 3, "words are counted beside what is bought"
    assert {run.spec.corpus for run in networks} == cut | {"wikitext-2-eos"} and len(networks) == 4 * 3
    assert {run.spec.seed for run in networks} == {0, 1, 2} and {run.architecture for run in networks} == {"Transformer"}
    assert {(run.spec.train.eval_start, run.spec.train.eval_tokens) for run in found} == {(recipes.EVAL_START, 0)}
    rates = {run.spec.train.lr for run in networks if run.spec.corpus == "wikitext-2-char"}
    assert rates == {2 * recipes.recipe("transformer", "wikitext-2-char", 10**12).train.lr}


def test_texts_of_the_study_are_called_as_it_calls_them():
    names = [run.name for run in plan(corpora=["ptb", "grammar-word"], orders=[2])]
    assert names[:4] == ["PTB KN-2", "grammar-word KN-2", "PTB Transformer", "grammar-word Transformer"]
