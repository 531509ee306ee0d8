import regularised
import transfers

from tinylm.report import sentences
from tinylm.study import select


def test_what_was_expected_of_repeated_text_alone_is_told_of_both():
    found = transfers.usual()
    told = sentences.only_repeated(found, ["Muon", "dropout"])
    assert told == (
        "Of the techniques that were expected to gain on repeated characters only, these clearly gain: on fresh characters Muon; "
        "on repeated characters Muon."
    )
    assert sentences.only_repeated(found, ["dropout"]).endswith("on fresh characters none; on repeated characters none.")
    assert sentences.only_repeated([], ["Muon"]) == ""


def test_clear_gains_are_told_with_their_size_by_text_and_budget():
    found = transfers.usual()
    told = sentences.clear_gains(found)
    assert told.startswith("These clearly lower the test NLL, in nats, at $10^{12}$ FLOPs, n = 5: on fresh characters Muon 0.07")
    assert "; at $10^{13}$ FLOPs, n = 3: on fresh characters Muon 0." in told
    nothing = [one for one in found if (one.run.spec.corpus, one.run.rung) not in (("ptb-eos", "Muon"), ("ptb-eos", "short convolution"))]
    assert sentences.clear_gains(nothing).partition("; at")[0].endswith(", on words none")
    assert sentences.clear_gains([]) == sentences.clear_gains(select(found, seed=0)) == ""


def test_whose_gain_grows_and_whose_falls_with_the_budget():
    found = transfers.usual()
    grown = "that of Muon clearly grows and that of short convolution clearly falls"
    told = f"on fresh characters {grown}; on repeated characters {grown}; on words {grown}."
    assert sentences.growth_with_budget(found) == f"With ten times the budget the gain, which may be below zero, changes: {told}"
    assert sentences.growth_with_budget([one for one in found if one.run.budget == 10**11]) == ""
    flat = transfers.results({"Muon": 0.05}, tried=["Muon"], kept=["Muon"], combined=["Muon", "RMSNorm"])
    assert sentences.growth_with_budget(flat) == "No technique's gain clearly changes with the budget."


def test_changes_are_counted_by_text_and_more_text_is_kept_apart():
    tried = select(regularised.results(), role="technique")
    told = sentences.changes(tried)
    assert told.startswith("At $10^{13}$ FLOPs (n = 2) on the Penn Treebank 1 of 2 changes lower the test NLL, most tied head (+0.2")
    assert " nats), and 1 the valid NLL; on WikiText-2 1 of 2 changes " in told and "; all words bring +0.5" in told
    assert sentences.changes([]) == sentences.on_every_text([]) == ""
    told = "at $10^{13}$ FLOPs (n = 2), of 2 changes that bring no more text tied head lowers it on both texts"
    assert sentences.on_every_text(tried) == told
