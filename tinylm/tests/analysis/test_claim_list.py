import itertools

import pytest

from tinylm import study
from tinylm.analysis import claim_list, claims
from tinylm.analysis.claims import Which
from tinylm.study import reported


def test_the_list_names_each_effect_once_and_every_run_but_the_unplanned():
    contrasts = [claim.contrast for claim in claim_list.CLAIMS]
    assert len(set(contrasts)) == len(contrasts)
    assert {claim.follows for claim in claim_list.CLAIMS} - {""} <= set(contrasts)
    assert all(claim.above < claim.below for claim in claim_list.CLAIMS)
    texts = [claim.text for claim in claim_list.CLAIMS]
    assert len([*itertools.groupby(texts)]) == len(set(texts)), "the statements of a claim stand together"


def test_what_two_rows_share_is_said_once():
    contrasts = [claim.contrast for claim in claim_list.CLAIMS]
    assert "rotary positions − learned positions on Tiny Shakespeare, T = 128" in contrasts
    assert "Self-Attention on Tiny Shakespeare, T = 32 − MLP on Tiny Shakespeare" in contrasts


def test_every_run_of_a_claim_is_one_row_of_the_study():
    groups = {run.row: [run] for run in study.plan("full")}
    for which in {which.name: which for claim in claim_list.CLAIMS for which in claim.runs}.values():
        assert which.records(groups), which
    with pytest.raises(ValueError, match="words may be any of PTB Transformer, WikiText-2 Transformer; say more of it"):
        Which("words", {"section": "words", "role": "baseline"}).records(groups)


def test_the_papers_own_numbers_lie_in_the_range_that_is_claimed_of_them():
    """So no claim has its runs or its bound the wrong way round."""
    groups = {run.row: run for run in study.plan("full")}
    stated = {}
    for claim in claim_list.CLAIMS:
        rows = [reported.paper_row(study.select(groups, **which.fields)[0].spec) for which in claim.runs]
        if claim.source == claim_list.PAPER and claim.measure is claims.test_difference and all(rows):
            stated[claim.contrast] = claim.above < rows[0].test_nll - rows[1].test_nll < claim.below
    assert len(stated) == 11
    assert {contrast for contrast, holds in stated.items() if not holds} == set()


def test_attention_is_compared_with_the_mlp_in_both_conventions():
    equal = [claim for claim in claim_list.CLAIMS if "equal" in claim.contrast and claim.text == "Attention beats the MLP per FLOP"]
    per_flop = [(claim.contrast, claim.measure.keywords["convention"]) for claim in equal]
    assert [convention for _, convention in per_flop] == ["flops"] * 2 + ["flops_textbook"] * 2
    assert [("executed" in contrast, "textbook" in contrast) for contrast, _ in per_flop] == [(True, False)] * 2 + [(False, True)] * 2


def test_every_expectation_is_of_claims_that_are_judged():
    judged = {claim.contrast for claim in claim_list.CLAIMS}
    assert all({claim.contrast for claim in one.claims} <= judged and one.claims for one in claim_list.EXPECTED)
