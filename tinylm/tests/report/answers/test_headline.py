import dataclasses
import math
from types import SimpleNamespace

import pandas as pd
from synthetic import record, reproduced, result, rungs, seeds

from tinylm.analysis import budgets, factorial, summaries
from tinylm.analysis.summaries import Result
from tinylm.config import NgramConfig
from tinylm.report import answers, mixtures, sentences
from tinylm.report.answers import headline
from tinylm.report.sentences import bought
from tinylm.study.ladder import RUNGS


def test_where_only_counts_are_recorded_the_abstract_says_nothing_of_a_study():
    counts = [result("KN-6", record(1.7, model=NgramConfig(order=6)))]
    text = answers.abstract(counts, [], counts, "grammar-char")
    assert text == ""


def test_the_abstract_answers_the_title_and_has_a_finding_a_sentence():
    study_rows = reproduced(0.003, -0.006, 0.01, -0.015)
    runs = [*seeds("MLP", 1_000, [2.1, 2.1]), *seeds("MLP", 100_000, [1.9, 1.7])]
    counts = result("KN-4", record(1.9, model=NgramConfig(order=4, cache=8)), role="tuned")
    text = answers.abstract(study_rows, [*runs, counts], study_rows, "grammar-char")
    assert text.startswith("On grammar-char, do not train with $10^{3}$ FLOPs or less: Kneser-Ney counts with a cache ")
    assert "Alone, the MLP is ahead of the counts with a cache only from $10^{5}$ FLOPs on in the mean; the best recipe has 1.800" in text
    assert text.endswith(" times too low."), "no counts are recorded on its slice"
    assert "its 4 losses agree with ours" in text and "On words" not in text and len(text.split()) < 150


def test_networks_that_weigh_counts_stand_beside_them(monkeypatch):
    monkeypatch.setattr(mixtures, "mixed", lambda results, gated=False: [mixture(one) for one in results if one.run.role == "frontier"])
    monkeypatch.setattr(
        mixtures,
        "by_row",
        lambda found, gated=False: {} if gated else {run: (r, [mixture(Result(run, one)).record for one in r]) for run, r in rows(found)},
    )
    runs = [*seeds("MLP", 1_000, [2.1, 2.1]), *seeds("MLP", 100_000, [1.9, 1.7])]
    gated = [*seeds("Gated counts", 500, [1.75, 1.65], "gated"), *seeds("Gated counts", 900, [1.5, 1.5], "gated")]
    counts = result("KN-4", record(1.95, model=NgramConfig(order=4, cache=8)), role="tuned")
    size = f"{gated[0].record.n_params:,} parameters"
    told = answers.answer([*runs, *gated, counts], "grammar-char")
    assert (
        f". A network of {size} that weighs them (*gated counts*) reaches 1.700 (n = 2). Mixed with the MLP of $10^{{5}}$ FLOPs they reach"
        in told
    )
    told = answers.count_or_train([*runs, *gated, counts], "grammar-char")
    assert f"A network of {size} that weighs what counts predict lowers their test NLL of 1.950 to 1.700" in told
    assert "weigh" not in answers.answer([*runs, counts], "grammar-char")


def rows(found):
    return summaries.by_row(found).items()


def mixture(one):
    """A network whose mixture with counts is better by 0.3."""
    valid, test = (dataclasses.replace(score, nll=score.nll - 0.3) for score in (one.record.valid, one.record.test))
    return Result(one.run, dataclasses.replace(one.record, valid=valid, test=test))


def test_without_a_bracket_the_answer_is_told_at_length(monkeypatch):
    monkeypatch.setattr(bought, "COMPRESSION", SimpleNamespace(best=lambda corpus: None))
    runs, counts = seeds("MLP", 1_000, [2.1]), [result("KN-9", record(0.5, model=NgramConfig(order=4)))]
    assert answers.answer([*runs, *counts], "grammar-char") == sentences.worth_training([*runs, *counts], "grammar-char") != ""
    assert answers.answer(runs, "grammar-char") == answers.answer(counts, "grammar-char") == ""


def test_a_recipe_on_a_text_made_from_the_corpus_counts_where_it_is_scored_on_the_same_tokens():
    runs = [*seeds("MLP", 1_000, [2.1, 2.1]), *seeds("MLP", 100_000, [1.9, 1.7], "purchase")]
    counts = result("KN-4", record(1.9, model=NgramConfig(order=4)), role="tuned")
    better = seeds("MLP", 200_000, [1.5, 1.5], "purchase")
    assert "has 1.500 at" in answers.answer([*runs, counts, *better], "grammar-char")
    moved = [dataclasses.replace(r.record, test=dataclasses.replace(r.record.test, start=16)) for r in better]
    elsewhere = [Result(one.run, found) for one, found in zip(better, moved, strict=True)]
    assert "has 1.800 at" in answers.answer([*runs, counts, *elsewhere], "grammar-char")


def test_the_largest_clear_steps_are_those_that_were_kept():
    names = [rung.name for rung in RUNGS if rung.climbed][:5]
    frame = budgets.ladder(rungs({name: [2.0 + 0.01 * s for s in range(3)] for name in names}))
    frame = frame.assign(gain=[math.nan, 0.1, 0.4, 0.3, 0.2], verdict=[None, "clear", "open", "clear", "clear"])
    bought = [*seeds("LSTM", 10**12, [1.5, 1.7], "purchase"), *seeds("LSTM", 10**13, [1.4], "purchase")]
    counts = result("KN-4", record(1.9, model=NgramConfig(order=4)), role="counts")
    said = answers.budget([*bought, counts], frame, "grammar-char")
    assert "For $10^{13}$ FLOPs the LSTM has a test NLL of 1.400 (n = 1); the best counts of characters have 1.900. " in said
    text = answers.budget([], frame, "grammar-char")
    assert (
        text
        == f"**Answer.** The largest clear gains on the ladder are, in nats, 0.300 ({names[3]}), 0.200 ({names[4]}), 0.100 ({names[1]})."
    )


def test_the_lookup_stands_beside_the_choice_of_architecture_alone_and_mixed(monkeypatch):
    effects = pd.DataFrame({"contrast": list(factorial.contrasts()), "effect": 0.1, "low": 0.05, "high": 0.15, "budget": 1e12, "n": 3})
    is_lookup = effects["contrast"] == headline.LOOKUP[0]
    worth = {"alone": 0.3, "mixed": 0.2}
    monkeypatch.setattr(mixtures, "mixed", lambda found, gated=False: "mixed")
    monkeypatch.setattr(
        factorial,
        "effects",
        lambda found: effects.assign(effect=effects["effect"].where(~is_lookup, worth["mixed" if found == "mixed" else "alone"])),
    )
    (told,) = answers.findings([], [], [], "grammar-char")
    assert told.startswith("A lookup is worth more than the choice between a Transformer and an LSTM. At $10^{12}$ FLOPs ")
    assert (
        "lowers the mean loss of three architectures by 0.300 [0.050, 0.150] nats (n = 3), with counts mixed in by 0.200 [0.050, 0.150] "
        "(n = 3); Transformer and LSTM differ by at most 0.100." in told
    )
    worth["alone"] = 0.09
    assert answers.findings([], [], [], "grammar-char")[0].startswith("A lookup is worth no more than the choice")
