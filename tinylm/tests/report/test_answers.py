import dataclasses
import math
from types import SimpleNamespace

import pandas as pd
from synthetic import record, reproduced, result, rungs, seeds

from tinylm.analysis import budgets, factorial, summaries
from tinylm.analysis.summaries import Result
from tinylm.config import NgramConfig, TransformerConfig
from tinylm.report import answers, sentences
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
    assert "Alone, the MLP passes the counts with a cache only from $10^{5}$ FLOPs on, in the mean; the best recipe has 1.800" in text
    assert text.endswith("times too low by the textbook count."), "no counts are recorded on its slice"
    assert "its 4 losses agree with ours" in text and "On words" not in text and len(text.split()) < 150


def test_networks_that_weigh_counts_stand_beside_them(monkeypatch):
    monkeypatch.setattr(
        answers.mixtures, "mixed", lambda results, gated=False: [mixture(one) for one in results if one.run.role == "frontier"]
    )
    monkeypatch.setattr(
        answers.mixtures,
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
    monkeypatch.setattr(sentences, "COMPRESSION", SimpleNamespace(best=lambda corpus: None))
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


def test_the_studys_losses_costs_and_counts_are_one_answer():
    found = [*reproduced(0.003, -0.006, 0.01, -0.015), result("KN-6", record(1.5, corpus="tiny_shakespeare", model=NgramConfig(order=6)))]
    found = [Result(one.run, dataclasses.replace(one.record, flops_2nd=500 if one.run.name == "MLP" else 4_000)) for one in found]
    text = answers.architectures(found)
    assert text.startswith("**Answer.** The study's losses come back, at most 0.015 nats from the mean of 3 seeds.")
    assert "they are 2 times too high for Linear and Self-Attention and Transformer, 4 times too low for MLP" in text
    assert text.endswith(
        "On its test slice (10,000 characters) counts without a cache reach 1.500 nats, the study's best network 2.006, retrained 1.991."
    )
    assert answers.architectures([]) == ""


def test_sweeps_compare_the_smallest_size_with_the_largest():
    nlls = {"small": [2.5, 2.6], "middle": [9.0, 9.0], "large": [2.4, 2.5]}
    found = [result(name, record(nll, seed=s), architecture="MLP") for name, values in nlls.items() for s, nll in enumerate(values)]
    assert (
        "smallest size (n = 2, uncorrected): a wider layer makes MLP better by 0.100 [" in answers.sweeps(found)
        and answers.sweeps([]) == ""
    )
    nlls["large"] = [2.3, 2.7]
    found = [result(name, record(nll, seed=s), architecture="MLP") for name, values in nlls.items() for s, nll in enumerate(values)]
    assert "leaves MLP undecided, better by 0.050 [−" in answers.sweeps(found)


def test_a_pair_of_positions_is_ahead_behind_or_level():
    def pair(second):
        rows = {"learned": [2.0, 2.01, 2.02], "rope": second}
        return [
            result(position, record(nll, seed=s, model=TransformerConfig(context_length=8, d_model=8, position=position)), role="ablation")
            for position, values in rows.items()
            for s, nll in enumerate(values)
        ]

    assert "Rotary positions are behind learned positions, by 0.100" in answers.rope(pair([2.1, 2.111, 2.12]))
    assert "Rotary positions are ahead of learned positions, by 0.100" in answers.rope(pair([1.9, 1.911, 1.92]))
    assert "Rotary positions are level with learned positions: +0." in answers.rope(pair([2.1, 1.9, 2.03]))
    assert answers.rope(pair([])) == answers.rope([]) == ""


def test_words_over_fit_and_lose_to_counts_of_the_same_words():
    curve = [{"step": i, "tokens_seen": i, "flops": i, "train_nll": 6.0, "valid_nll": v} for i, v in enumerate((6.5, 6.2, 6.4), 1)]
    network = dataclasses.replace(record(6.3, corpus="ptb"), curve=curve)
    counts = result("KN-5", record(6.0, corpus="ptb", model=NgramConfig(order=5)))
    text = answers.words([result("PTB Transformer", network), counts], [])
    assert "averaged over seeds, is lowest after epoch 2 of 3 on the Penn Treebank; then it overfits." in text
    assert "counts of the same words are better, by 0.300 on the Penn Treebank, in nats per word." in text
    bought = [*seeds("Transformer", 1_000, [4.0], "purchase")]
    assert answers.words([], [Result(r.run, r.record) for r in bought]) == "", "grammar-char is no text of words"


def test_the_largest_clear_steps_are_those_that_were_kept():
    names = [rung.name for rung in RUNGS if rung.climbed][:5]
    frame = budgets.ladder(rungs({name: [2.0 + 0.01 * s for s in range(3)] for name in names}))
    frame = frame.assign(gain=[math.nan, 0.1, 0.4, 0.3, 0.2], verdict=[None, "clear", "open", "clear", "clear"])
    bought = [*seeds("LSTM", 10**12, [1.5, 1.7], "purchase"), *seeds("LSTM", 10**13, [1.4], "purchase")]
    counts = result("KN-4", record(1.9, model=NgramConfig(order=4)), role="counts")
    said = answers.budget([*bought, counts], frame, "grammar-char")
    assert "Alone the LSTM, trained for $10^{13}$ FLOPs, has a test NLL of 1.400 (n = 1), the best counts of characters 1.900. " in said
    text = answers.budget([], frame, "grammar-char")
    assert (
        text
        == f"**Answer.** The largest clear gains on the ladder are, in nats, 0.300 ({names[3]}), 0.200 ({names[4]}), 0.100 ({names[1]})."
    )


def test_copying_counts_the_parts_on_which_induction_is_ahead():
    rows = {"Transformer": [1.5, 1.6, 1.7], "Transformer without induction": [1.6, 1.7, 1.65]}
    frame = pd.DataFrame(rows, index=["a", "b", "c"]).assign(n_tokens=100, searched=False)
    text = answers.copying(factorial.effects([]), frame, 10**12)
    assert text == (
        "**Answer.** On 2 of 3 parts of the text that were left out induction helps the Transformer's recipe, by 0.050 [−0.165, 0.265] "
        "in the mean ($10^{12}$ FLOPs, one seed each)."
    )
    effects = pd.DataFrame({"contrast": list(factorial.contrasts()), "effect": 0.1, "low": 0.05, "high": 0.15, "budget": 1e12, "n": 3})
    assert answers.copying(effects, frame, 10**12).startswith(
        "**Answer.** At $10^{12}$ FLOPs (n = 3) induction and its long window lower the test NLL by 0.100 [0.050, 0.150] nats"
    )
    level = answers.copying(effects.assign(low=-0.05), frame, 10**12)
    assert "a Transformer is level with an LSTM (+0.100 [−0.050, +0.150]) with induction" in level
    assert answers.copying(factorial.effects([]), frame[["Transformer", "n_tokens", "searched"]], 10**12) == ""


def test_claims_are_tallied_by_verdict_and_the_undecided_by_what_they_lack():
    judged = pd.DataFrame(
        [
            ("a", "supported", "clear"),
            ("b", "undecided", "open"),
            ("b", "supported", "clear"),
            ("c", "undecided", "clear before correction"),
        ],
        columns=["text", "verdict", "grade"],
    )
    assert answers.claims(judged) == (
        "**Answer.** Of 3 claims 1 are supported, 0 are refuted, 2 are undecided. Of the undecided, 1 are open, 1 lean."
    )


def test_the_lookup_stands_beside_the_choice_of_architecture_alone_and_mixed(monkeypatch):
    effects = pd.DataFrame({"contrast": list(factorial.contrasts()), "effect": 0.1, "low": 0.05, "high": 0.15, "budget": 1e12, "n": 3})
    is_lookup = effects["contrast"] == answers.LOOKUP[0]
    worth = {"alone": 0.3, "mixed": 0.2}
    monkeypatch.setattr(answers.mixtures, "mixed", lambda found, gated=False: "mixed")
    monkeypatch.setattr(
        answers.factorial,
        "effects",
        lambda found: effects.assign(effect=effects["effect"].where(~is_lookup, worth["mixed" if found == "mixed" else "alone"])),
    )
    (told,) = answers.findings([], [], [], "grammar-char")
    assert told.startswith("A lookup is worth more than the choice between a Transformer and an LSTM: ")
    assert (
        "lowers the mean loss of three architectures by 0.300 [0.050, 0.150] nats at $10^{12}$ FLOPs (n = 3), by 0.200 "
        "[0.050, 0.150] where counts are mixed in" in told
    )
    worth["alone"] = 0.09
    assert answers.findings([], [], [], "grammar-char")[0].startswith("A lookup is worth no more than the choice")


def test_words_have_the_best_purchase_and_the_cheapest_gated_counts_beside_it():
    words = seeds("Transformer", 10**12, [4.0, 4.0], "purchase")
    gated = [*seeds("Gated counts", 500, [5.0, 5.0, 5.0], "gated"), *seeds("Gated counts", 900, [4.5], "gated")]
    bought = [read(one, "grammar-word") for one in [*words, *gated]]
    reach = "reach perplexity 54.60 on grammar-word ($10^{12}$ FLOPs, n = 2)"
    assert f"{reach}; gated counts 148.4 ($5 \\times 10^{{2}}$ FLOPs, n = 3)." in answers.words([], bought)
    (brief,) = answers.findings([], bought, [], "grammar-char")
    assert brief.endswith(f"{reach}.")


def read(one, corpus):
    """The result with another text."""
    spec = dataclasses.replace(one.record.spec, corpus=corpus)
    return Result(dataclasses.replace(one.run, spec=spec), dataclasses.replace(one.record, spec=spec))
