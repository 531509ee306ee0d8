from dataclasses import replace

import pytest
from searches import require_best, tried

from tinylm.study import recipes, techniques
from tinylm.study.techniques import TECHNIQUES

FRESH, WORDS, SHAPE = ("wikitext-2-char", 0, 1), ("ptb-eos", 0, 1), (128, 4, 48)


def spec(*names, regime=FRESH, times=1.0):
    return techniques.spec(names, regime, SHAPE, 10**12, times, 1_000)


@pytest.mark.parametrize("name", [name for name in TECHNIQUES if name != "baseline"])
def test_a_technique_changes_what_it_names_and_nothing_else(name):
    base, made = spec("baseline"), spec(name)
    changed = [
        key for part in ("model", "train") for key, value in vars(getattr(made, part)).items() if value != vars(getattr(base, part))[key]
    ]
    named = {*TECHNIQUES[name].model, *TECHNIQUES[name].train}
    follows = {"SwiGLU": {"d_ff"}, "Muon": {"lr", "adam_lr"}}.get(name, set())
    assert named <= {*changed} <= named | follows
    assert made.corpus == base.corpus and TECHNIQUES[name].about


def test_a_gated_ffn_has_as_many_weights_as_the_plain_one():
    assert spec("SwiGLU").model.d_ff * 3 == spec("baseline").model.d_ff * 2


def test_techniques_add_up():
    both = spec("RMSNorm", "Muon")
    assert (both.model.norm, both.train.optimizer) == ("rms", "muon")
    assert both == replace(spec("Muon"), model=spec("RMSNorm").model)


def test_a_factor_scales_every_rate():
    once, twice = spec("Muon").train, spec("Muon", times=2.0).train
    assert twice.lr == pytest.approx(2 * once.lr, rel=0.06) and twice.adam_lr == pytest.approx(2 * once.adam_lr, rel=0.06)


def test_a_searched_factor_is_taken_where_none_is_given(monkeypatch):
    monkeypatch.setattr(techniques, "FACTORS", {"wikitext-2-char": {"RMSNorm": 2.0, "Muon": 0.5}, "ptb-eos": {"RMSNorm": 4.0}})
    monkeypatch.setattr(techniques, "LARGER_FACTORS", techniques.FACTORS)
    assert spec("RMSNorm", times=0.0) == spec("RMSNorm", times=2.0)
    assert spec("GELU", times=0.0) == spec("GELU", times=1.0)
    assert techniques.factor(["RMSNorm", "Muon"], "tiny_shakespeare", 10**11) == 1.0, "a text of its level, and the product of two"
    assert techniques.factor(["RMSNorm"], "grammar-word", 10**11) == 4.0
    monkeypatch.setitem(techniques.FACTORS["ptb-eos"], "baseline", 2.0)
    assert techniques.factor(["baseline"], "ptb-eos", 10**11) == 2.0 and techniques.factor(["RMSNorm"], "ptb-eos", 10**11) == 4.0
    assert techniques.factor(["RMSNorm", "GELU"], "ptb-eos", 10**11) == 2.0, "one doubles what is best for the baseline, one halves it"
    assert techniques.factor(["RMSNorm"], "tiny_shakespeare-plays", 10**11) == 2.0


def test_from_the_budget_of_the_second_search_on_its_factors_are_taken(monkeypatch):
    monkeypatch.setattr(techniques, "FACTORS", {"wikitext-2-char": {"Muon": 2.0}, "ptb-eos": {"Muon": 0.5}})
    monkeypatch.setattr(techniques, "LARGER_FACTORS", {"wikitext-2-char": {"baseline": 4.0}, "ptb-eos": {}})
    factors = [techniques.factor([name], "wikitext-2-char", 10**n) for name in ("Muon", "baseline") for n in (11, 12, 13)]
    assert factors == [2.0, 1.0, 1.0, 1.0, 4.0, 4.0]
    assert techniques.factor(["Muon"], "ptb-eos", 10**11) == 0.5 and techniques.factor(["Muon"], "ptb-eos", 10**13) == 1.0
    assert spec("baseline", times=0.0) == spec("baseline", times=4.0)


def test_part_of_a_text_is_read_and_the_best_of_several_validations_counts():
    made = spec("baseline", regime=("tiny_shakespeare", 100_000, 5))
    assert (made.train.train_tokens, made.train.n_evals, made.train.keep) == (100_000, 5, "best")


SEARCHED = {"wikitext-2-char": FRESH, "tiny_shakespeare": (recipes.SEARCHED, 100_000, 5), "ptb-eos": WORDS}
SEARCHES = [(text, 10**11, 24, techniques.FACTORS) for text in SEARCHED]
SEARCHES += [(text, techniques.SEARCHED_AGAIN, 48, techniques.LARGER_FACTORS) for text in techniques.LARGER_FACTORS]


@pytest.mark.parametrize(("text", "flops", "width", "factors"), SEARCHES)
def test_every_technique_was_tried_alike_and_its_factor_is_the_best_and_bracketed_on_both_sides(text, flops, width, factors):
    for name in TECHNIQUES:
        found = tried(lambda times, name=name: techniques.spec([name], SEARCHED[text], (128, 4, width), flops, times, 80_000))
        if not found:
            assert name not in factors[text]
            continue
        begun = 1.0 if factors is techniques.FACTORS else factors[text].get("baseline", 1.0)
        assert found.keys() >= {begun / 2, begun, 2 * begun}, (name, found)
        require_best(found, factors[text].get(name, 1.0), name)
