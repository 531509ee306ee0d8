import dataclasses
import math

import numpy as np
import pandas as pd
from synthetic import planned, record, result, rungs, seeds

from tinylm.analysis import budgets, folds
from tinylm.config import NgramConfig, TransformerConfig
from tinylm.evaluation.probes import AVERAGES, headings
from tinylm.evaluation.probes.compression import Compressed
from tinylm.ledger import write_facts
from tinylm.report import mixtures, sentences, tables
from tinylm.study.ladder import RUNGS


def test_purchases_stand_beside_the_counts_of_their_own_text():
    kn = result("KN-4", record(1.5, model=NgramConfig(order=4)))
    other = result("ptb", record(1.2, corpus="grammar-word"))
    networks = [*(result("a", record(nll, seed=s)) for s, nll in enumerate([1.4, 1.45, 1.5])), other]
    window = networks[0].record.spec.model.context_length
    near, far = (result(f"cache {size}", record(1.4, model=NgramConfig(order=4, cache=size))) for size in (window, window + 1))
    for counts, gap in (([kn], "−0.050"), ([kn, near], "+0.050"), ([kn, far], "−0.050")):
        frame = tables.bought([*counts, *networks]).set_index("run")
        assert frame.loc["a", "test − counts, 95 %"].startswith("−0.050")
        assert frame.loc["a", "test − with cache, 95 %"].startswith(gap), "the cache may be as long as the window, not longer"
    assert frame.loc["ptb", "test − counts, 95 %"] == "–" and frame.loc["ptb", "perplexity"] == "3.320"
    assert frame.loc["KN-4", "test"] == "1.5000" and frame.loc["KN-4", "test − counts, 95 %"] == "–"


def test_rivals_show_what_they_cost_and_how_far_they_are_from_the_base():
    found = [*seeds("Transformer", 1_000, [2.0, 2.1, 2.2], "purchase"), *seeds("LSTM", 1_000, [2.3, 2.4, 2.5], "rival")]
    base, rival = tables.rivals([*found, *seeds("MLP", 1_000, [1.0])], "Transformer").to_dict("records")
    assert (base["recipe"], base["minus Transformer, 95 %"], base["verdict"]) == ("Transformer", "–", "–")
    assert rival["recipe"] == "LSTM" and rival["FLOPs"] == "1e3" and rival["test NLL ± SD (n)"] == "2.400 ± 0.100 (3)"
    assert rival["minus Transformer, 95 %"].startswith("+0.300 ± 0.2") and rival["verdict"] == "clear"
    assert "perplexity (n)" not in rival and tables.rivals([], "Transformer").values.tolist() == [["none is recorded"]]


def test_left_out_plays_end_in_means_and_differences():
    plays = [f"tiny_shakespeare-without-{play}" for play in ("tempest", "winters-tale")]
    nlls = {"A": (2.0, 2.3), "B": (1.5, 1.4)}
    found = [result("", record(nll, corpus=c), architecture=a) for a, both in nlls.items() for c, nll in zip(plays, both, strict=True)]
    shown = tables.by_fold(folds.by_fold(found))
    assert list(shown.columns) == ["left out", "tokens", "B", "A"], "the best first"
    assert list(shown["left out"]) == ["The Tempest", "The Winter's Tale *", "mean by tokens", "minus B, 95 %"]
    assert list(shown["A"][:3]) == ["2.0000", "2.3000", "2.1500"] and shown["A"][3].startswith("+0.700 ± ")


def test_the_ladder_tells_what_each_rung_gains_how_sure_that_is_and_whether_it_was_climbed():
    names = [rung.name for rung in RUNGS[:5]]
    frame = tables.ladder(budgets.ladder(rungs({name: [2.0 - i / 10, 2.02 - i / 10] for i, name in enumerate(names)})))
    assert list(frame["rung"]) == names
    assert list(frame["climbed"]) == ["yes"] * 4 + ["tried"]
    assert list(frame["test"]) == ["2.0100", "1.9100", "1.8100", "1.7100", "1.6100"]
    assert frame["gain, 95 %"][0] == "–" and frame["gain, 95 %"][1].startswith("+0.100 ± ")
    assert frame.loc[0, ["p alone", "p, Holm", "verdict"]].tolist() == ["–"] * 3
    assert frame.loc[1, ["p, Holm", "verdict"]].tolist() == ["0.0035", "clear"] and list(frame["n"]) == [2] * 5


def test_the_interval_of_what_copies_is_shown_for_blocks_of_every_length():
    lasting = np.repeat(np.random.default_rng(0).exponential(size=20) * np.tile([1, -1], 10), 8)  # 2,000 tokens each
    model = TransformerConfig(context_length=8, d_model=8, d_ff=8, induction=(2,))
    found = [result("a", record(blocks=2.0 + lasting, seed=s, model=model)) for s in range(2)]
    found += [result("plain", record(blocks=2.0 + lasting, seed=s)) for s in range(2)]
    counts = result("KN-2", record(blocks=1.5 + 0 * lasting, model=NgramConfig(order=2, cache=8)))
    (row,) = tables.block_lengths([*found, counts]).to_dict("records")
    assert (row["run"], row["n"]) == ("a", 2) and row["test − counts"] == f"{0.5 + lasting.mean():+.4f}"
    assert row["chosen"] == f"{row['2,000']} (2,000)" and float(row["250"][1:]) < 0.7 * float(row["1,000"][1:]) < float(row["2,000"][1:])
    assert tables.block_lengths(found).values.tolist() == [["none is recorded", "–"]]


def test_changes_are_told_of_the_rungs_that_are_shown():
    shown = budgets.ladder(rungs({RUNGS[3].name: [2.0], RUNGS[1].name: [2.1]}))
    assert tables.changes(shown).values.tolist() == [[RUNGS[i].name, RUNGS[i].about] for i in (1, 3)]
    assert tables.changes(pd.DataFrame()).empty


def test_a_target_stands_between_the_budget_that_misses_and_the_one_that_reaches():
    found = [*seeds("MLP", 1_000, [2.5, 2.5, 2.5]), *seeds("MLP", 100_000, [1.5, 1.5, 2.4]), *seeds("LSTM", 1_000, [1.0])]
    counts = [result("KN-4", record(2.0, model=NgramConfig(order=4))), result("KN-9", record(0.5, model=NgramConfig(order=8)))]
    shown = tables.targets(found, counts).set_index(["loss of", "on"])
    assert shown.loc[["KN-4", "KN-8"], "NLL"].tolist() == ["1.900", "2.000", "0.400", "0.500"]
    assert shown.loc[["KN-4", "KN-8"], "MLP"].tolist() == ["1e3 to 1e5 (2 of 3)", "1e3 to 1e5 (2 of 3)", "above 1e5", "above 1e5"]
    assert shown.loc[("KN-4", "valid"), "LSTM"] == "at most 1e3 (1 of 1)"


def test_the_compressor_of_the_text_is_a_target_too(monkeypatch):
    monkeypatch.setattr(tables.budget.COMPRESSION, "best", lambda corpus: Compressed("PPMd", 1.7, 1.8))
    shown = tables.targets(seeds("MLP", 1_000, [1.75]), [])
    assert shown.values.tolist() == [["PPMd", "valid", "1.700", "at most 1e3 (1 of 1)"], ["PPMd", "test", "1.800", "at most 1e3 (1 of 1)"]]
    monkeypatch.setattr(tables.budget.COMPRESSION, "best", lambda corpus: None)
    assert tables.targets([], []).values.tolist() == [["none is recorded"]]


def test_a_purchase_of_one_seed_has_no_spread_and_an_interval_of_nothing():
    frame = tables.bought([result("a", record(1.4)), result("KN-4", record(1.5, model=NgramConfig(order=4)))]).set_index("run")
    assert frame.loc["a", "seed SD"] == "–" and frame.loc["a", "test − counts, 95 %"] == "−0.100"
    assert tables.bought([]).values.tolist() == [["none is recorded", "–"]]


def copier(seed=0):
    """A purchase on plays, as the headings are measured of."""
    spec = record(corpus="tiny_shakespeare-respelled", seed=seed).spec
    return planned("copier", spec, role="purchase")


def test_headings_are_shown_by_reach_with_how_many_there_are(home):
    rows = [{"reach": reach, "headings": i, "characters": 9 * i, "nll": i / 4 if i else None} for i, reach in enumerate(headings.REACHES)]
    write_facts(home / "out" / "ledger" / "headings" / f"{copier().spec.key}.json", {"key": copier().spec.key, "rows": rows})
    (row,) = tables.copying([copier(), copier(seed=1)]).to_dict("records")
    assert row == {"run": "copier"} | {f"{reach} ({i})": f"{i / 4:.3f}" if i else "–" for i, reach in enumerate(headings.REACHES)}


def test_what_is_not_measured_is_said_to_be_not_recorded(home):
    assert tables.copying([copier()]).values.tolist() == [["none is recorded"]]
    assert tables.at_test_time([copier()]).values.tolist() == [["none is recorded", "–"]]


def test_methods_at_test_time_stand_beside_static_scoring(home):
    model = TransformerConfig(context_length=8, d_model=8, d_ff=8, position="rope")
    runs = [planned(corpus, record(model=model, corpus=corpus, loss_at="all").spec) for corpus in ("grammar-char", "grammar-word")]
    static = {"method": "static", "settings": {}, "nll": 2.0, "gain": 0.0, "gain_se": 0.0, "flops_per_token": 1e6, "flops_chosen": 0}
    cached = static | {"method": "cache", "settings": {"size": 100, "weight": 0.1}, "nll": 1.9, "gain": 0.1, "gain_se": 0.01}
    for run, methods in zip(runs, ([static, cached], [cached]), strict=True):
        write_facts(home / "docs" / "ledger" / "at_test_time" / f"{run.spec.key}.json", {"key": run.spec.key, "methods": methods})
    not_tried = planned("other rate", record(model=model, loss_at="all", lr=1.0).spec)
    assert tables.at_test_time([not_tried])["run"].tolist() == ["none is recorded"]
    frame = tables.at_test_time(runs)
    assert list(frame["settings"]) == ["–", "size 100, weight 0.1", "size 100, weight 0.1"]
    assert list(frame["gain"]) == ["–", "+0.1000 ± 0.0100", "+0.1000 ± 0.0100"]
    assert list(frame["perplexity"].fillna("")) == ["", "", "6.686"], "of words only"
    assert frame.loc[0, "FLOPs to choose"] == "–" and frame.loc[0, "FLOPs a token"] == r"$1.00 \times 10^{6}$"


def test_advice_is_the_best_on_valid_that_a_budget_pays_for_counts_included():
    counts = result("KN-6", record(1.9, model=NgramConfig(order=6)))
    found = [counts, *seeds("MLP", 1_000, [2.1, 2.2]), *seeds("LSTM", 10_000, [1.7, 1.8])]
    frame = tables.advice(found, [500, 1_000, 20_000])
    assert frame["do this"].tolist() == ["count: KN-6", "count: KN-6", "train: LSTM"]
    assert frame["test NLL ± SD (n)"].tolist() == ["1.900", "1.900", "1.750 ± 0.071 (2)"]
    assert tables.advice([], [1]).values.tolist() == [["none is recorded"]]


def cut(flops, nlls, characters):
    """Results of a text in subwords, whose scored tokens stand for so many characters."""
    found = seeds("Transformer", flops, nlls, role="vocabulary")
    return [
        dataclasses.replace(one, record=dataclasses.replace(one.record, vocab_size=512, **scores(one.record, characters))) for one in found
    ]


def scored(nll, characters):
    """Counts with this test NLL, of characters or of subwords."""
    found = record(nll, model=NgramConfig(order=2))
    found = dataclasses.replace(found, **scores(found, characters))
    return dataclasses.replace(found, vocab_size=512) if characters else found


def scores(record, characters):
    return {split: dataclasses.replace(getattr(record, split), characters=characters) for split in ("valid", "test")}


def test_subwords_stand_beside_characters_by_what_a_character_costs():
    found = [*seeds("Transformer", 10**11, [1.8, 1.9]), *seeds("Transformer", 10**12, [1.5, 1.5]), *cut(10**11, [3.0, 3.2], 2_000)]
    shown = tables.vocabularies(found)
    assert shown["1e11"].tolist() == ["1.850 ± 0.071 (2)", "1.550 ± 0.071 (2)"], "1,000 tokens"
    assert list(shown) == ["vocabulary", "counts", "1e11"] and shown["vocabulary"][1].startswith("512 ")
    assert shown["counts"].tolist() == ["–", "–"]
    counted = [result("KN-2", scored(1.4, 0), role="tuned"), result("KN-2 of subwords", scored(2.6, 2_000), role="vocabulary")]
    assert tables.vocabularies([*found, *counted])["counts"].tolist() == ["1.400", "1.300"]
    said = sentences.vocabularies([*found, counted[1]], "Transformer")
    assert said.endswith("; the counts of subwords that are best on valid have 1.300.")
    told = sentences.vocabularies(found, "Transformer")
    assert "per character by −0.300 [" in told and told.endswith("] at $10^{11}$ FLOPs (n = 2), where it reaches 1.550.")
    assert sentences.vocabularies(found[:4], "Transformer") == ""
    assert tables.vocabularies([])["vocabulary"].tolist() == ["none is recorded"]


def read_as(corpus, nlls, vocab_size, characters=0):
    """Results of one row that reads a text in these tokens."""
    found = []
    for one in seeds("Transformer", 1_000, nlls):
        made = dataclasses.replace(one.record, vocab_size=vocab_size, **scores(one.record, characters))
        spec = dataclasses.replace(made.spec, corpus=corpus)
        found.append(result(one.run.name, dataclasses.replace(made, spec=spec), role="tokens", architecture="Transformer"))
    return found


def test_words_subwords_and_characters_are_told_by_what_a_word_costs():
    words = read_as("wikitext-2-eos", [5.0, 5.2], 33_278)
    cut = [*read_as("wikitext-2-char-bpe1024", [2.0], 1_024, 2_000), *read_as("wikitext-2-char", [1.0], 283)]
    frame = tables.vocabularies_of_words([*words, *cut, *read_as("ptb-eos", [1.0], 10_000)], "wikitext-2-eos")
    assert list(frame["vocabulary"]) == ["33,278 words", "1,024 subwords", "283 characters"]
    a_word = math.exp(1_255_018 / 245_569)  # of a nat a character
    assert list(frame["1e3"]) == [f"{math.exp(5.1):.1f} (2)", f"{a_word:.1f} (1)", f"{a_word:.1f} (1)"], "1,000 tokens"
    assert tables.vocabularies_of_words(words, "ptb-eos")["vocabulary"].tolist() == ["none is recorded"]


def test_averages_of_subwords_are_told_by_what_a_character_costs(monkeypatch):
    small, large = cut(10**11, [3.0, 3.0], 2_000), cut(2 * 10**11, [2.8], 2_000)
    facts = {"nlls": {"1": {"test": [3.0, 3.0]}, "2": {"test": [2.6]}}}
    monkeypatch.setattr(AVERAGES, "read", lambda seeds, folders: facts if seeds[0].budget == 10**11 else None)
    frame = mixtures.averaged([one.run for one in [*small, *large]], [*small, *large])
    assert math.isclose(frame["test"][0], 1.3), "1,000 tokens of 2,000 characters"
    assert tables.averages(frame)["average − one"].tolist() == ["−0.1000"]


def test_averages_stand_beside_one_network_of_their_cost(monkeypatch):
    small, large = seeds("Transformer", 10**11, [1.8, 1.8]), seeds("Transformer", 2 * 10**11, [1.6, 1.7])
    facts = {"nlls": {"1": {"test": [1.8, 1.8]}, "2": {"test": [1.6]}}}
    monkeypatch.setattr(AVERAGES, "read", lambda seeds, folders: facts if seeds[0].budget == 10**11 else None)
    frame = mixtures.averaged([one.run for one in [*small, *large]], [*small, *large])
    (row,) = tables.averages(frame).to_dict("records")
    assert row["averaged"] == "2 of 1e11" and row["one network ± SD (n)"] == "1.650 ± 0.071 (2)" and row["average − one"] == "−0.0500"
    assert row["of"] == "35 characters"
    told = sentences.averages(frame)
    assert "in 1 of 1 cases" in told and told.endswith("(2 networks of $10^{11}$ FLOPs each).")
    assert sentences.averages(frame[:0]) == "" and tables.averages(frame[:0])["averaged"].tolist() == ["none is recorded"]
