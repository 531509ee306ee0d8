import pytest
import regularised
import transfers

from tinylm.report import answers, tables
from tinylm.study import select


@pytest.fixture(scope="module")
def found():
    return transfers.usual()


def test_one_budget_has_no_growth_and_says_so(found):
    plan = [one.run for one in found]
    some = [one for one in found if one.run.spec.corpus != "ptb-eos" and one.run.budget == 10**11]
    assert list(tables.techniques_by_budget(some).columns) == ["technique", "fresh, 1e11", "repeated, 1e11"]
    said = answers.transfer(some, plan)
    shared = (
        "rate, short convolution and Muon clearly lower the test NLL on fresh characters and repeated characters ($10^{11}$ FLOPs, n = 5). "
    )
    assert shared in said and "on words" not in said
    one = answers.transfer([result for result in some if result.run.spec.corpus == "wikitext-2-char"])
    assert "learning rate, short convolution and Muon clearly lower the test NLL on WikiText-2 as characters (" in one
    assert said.endswith(
        "With one budget whether a gain grows with the budget is not known; no run at $10^{12}$ or $10^{13}$ FLOPs is recorded yet; "
        "of the planned runs 50 of 75 at $10^{11}$ FLOPs are recorded."
    )


def test_each_text_is_told_at_its_own_budget(found):
    some = [one for one in found if one.run.spec.corpus == "wikitext-2-char" or one.run.budget == 10**11]
    said = answers.transfer(some)
    assert " and words ($10^{12}$ and $10^{11}$ FLOPs, n = 5). " in said


def test_a_budget_of_which_only_one_seed_is_recorded_is_not_the_one_that_is_told(found):
    some = [one for one in found if one.run.budget == 10**11 or (one.run.budget == 10**12 and one.run.spec.seed == 0)]
    assert " and words ($10^{11}$ FLOPs, n = 5). " in answers.transfer(some) and "$10^{12}$" not in answers.transfer(some)
    alone = [one for one in some if one.run.spec.seed == 0]
    said = answers.transfer(alone, [one.run for one in found])
    assert (
        "**Answer.** With one seed no difference can be tested; no run at $10^{13}$ FLOPs is recorded yet; of the planned runs 15 of 75 at"
        in said
    )


def test_texts_on_which_nothing_gains_are_told_apart_and_none_is_named_where_no_two_share_one(found):
    def without(*names, corpus="ptb-eos"):
        return answers.transfer([one for one in found if not (one.run.spec.corpus == corpus and one.run.rung in names)])

    both = "Muon and short convolution clearly lower the test NLL on fresh characters and repeated characters, none on words ("
    assert both in without("Muon", "short convolution")
    apart = [
        one for one in found if (one.run.spec.corpus, one.run.rung) not in (("ptb-eos", "Muon"), ("tiny_shakespeare", "short convolution"))
    ]
    assert "none clearly lowers the test NLL on all of fresh characters, repeated characters and words (" in answers.transfer(
        [one for one in apart if (one.run.spec.corpus, one.run.rung) != ("wikitext-2-char", "Muon")]
    )


def test_the_answer_names_what_is_clear_on_all_texts_and_counts_the_rest(found):
    said = answers.transfer(found, [one.run for one in found])
    assert said.startswith(
        "**Answer.** Of 4 techniques, each at its own learning rate, Muon and short convolution clearly lower the test NLL on fresh "
        "characters, repeated characters and words ($10^{12}$ FLOPs, n = 5). Clearly better are 2 on fresh characters, 2 on repeated "
        "characters and 2 on words; clearly worse 1 on fresh characters, 1 on repeated characters and 1 on words. "
    )
    assert " By the spread of its own seeds alone 6 of the 6 better are clear. " in said
    assert said.endswith(" clearly lowers the test NLL on fresh characters, repeated characters and words ($10^{13}$ FLOPs, n = 3).")


def test_the_abstract_names_what_helps_on_all_texts(found):
    two = [one for one in found if one.run.budget == 10**11 or one.run.spec.corpus != "ptb-eos"]
    (told,) = answers.findings([], [], two, "grammar-char")
    assert told == (
        "Of 4 techniques of large models Muon and short convolution clearly help on fresh characters, repeated characters and words "
        "($10^{12}$ and $10^{11}$ FLOPs, n = 5)."
    )
    (one,) = answers.findings([], [], [each for each in two if each.run.spec.corpus == "ptb-eos"], "grammar-char")
    assert one.endswith(" and Muon clearly help on the Penn Treebank ($10^{11}$ FLOPs, n = 5).")
    assert not answers.findings([], [], [each for each in two if each.run.spec.seed == 0], "grammar-char")


def test_the_answer_keeps_more_text_apart():
    found = regularised.results()
    told = answers.regularisation(found, select(found, corpus="ptb-eos", role="technique", rung="baseline"))
    assert told.startswith(
        "**Answer.** With $3 \\times 10^{13}$ FLOPs (n = 3) the plain Transformer's test NLL falls, in nats, with tied head by 0."
    )
    assert " At $10^{13}$ FLOPs (n = 2), of 2 changes that bring no more text tied head lowers it on both texts. " in told
    worse = [one for one in found if (one.run.spec.corpus, one.run.rung) != ("ptb-eos", "tied head")]
    assert " of 2 changes that bring no more text none lowers it on both texts." in answers.regularisation(worse)
    assert " lowers it on the text." in answers.regularisation(select(found, corpus="ptb-eos"))
    assert (
        " The test NLL of counts of the same words (KN-5) minus that of the plain Transformer of this budget is " in told
        and "not known" not in told
    )
    assert "lowest after pass 11 of 14 on the Penn Treebank and 4 of 6 on WikiText-2 ($10^{13}$ FLOPs), after " in told
    assert "on WikiText-2 ($3 \\times 10^{13}$ FLOPs), in the study's runs after 11 of 14 on the Penn Treebank." in told


def test_the_answer_to_no_runs_is_silent_and_one_seed_has_no_interval():
    assert answers.regularisation([]) == ""
    some = select(regularised.results(n_seeds=1), role="technique")
    told = answers.regularisation(some, planned=[one.run for one in regularised.results(n_seeds=1)])
    assert "[" not in told and told.endswith(
        " With one seed no difference can be tested; with one budget whether a gain grows with the budget is not known; no run at "
        r"$3 \times 10^{13}$ FLOPs is recorded yet."
    )
