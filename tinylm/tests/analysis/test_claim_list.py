import pytest

from tinylm import study
from tinylm.analysis import claim_list
from tinylm.analysis.claims import Which


def test_the_list_names_each_effect_once_and_every_run_but_the_unplanned():
    contrasts = [claim.contrast for claim in claim_list.CLAIMS]
    assert len(set(contrasts)) == len(contrasts)
    assert {claim.follows for claim in claim_list.CLAIMS} - {""} <= set(contrasts)
    assert all(claim.above < claim.below for claim in claim_list.CLAIMS)


def test_every_run_of_a_claim_is_one_row_of_the_study():
    groups = {run.row: [run] for run in study.plan("full")}
    for which in {which.label: which for claim in claim_list.CLAIMS for which in claim.runs}.values():
        assert which.records(groups), which
    with pytest.raises(ValueError, match="words may be any of PTB Transformer, WikiText-2 Transformer; say more of it"):
        Which("words", {"section": "words", "role": "baseline"}).records(groups)
