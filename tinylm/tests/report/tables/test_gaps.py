from dataclasses import replace

import pytest
import transfers

from tinylm import study
from tinylm.analysis import gaps
from tinylm.analysis.families import CLEAR
from tinylm.analysis.summaries import Result
from tinylm.report import answers, sentences, tables
from tinylm.study import select, techniques
from tinylm.study.titles import ATTENTION, LEARNED, MLP, ROTARY

GAINS = {MLP: 0.0, ATTENTION: 0.1, LEARNED: 0.0, ROTARY: 0.2}
SHORT = {2: -0.1, 4: 0.0}  # what attention gains with a short context


def lower(run):
    short = SHORT if run.role == "context" and run.rung == ATTENTION else {}
    return short.get(run.spec.model.context_length, GAINS[run.rung])


@pytest.fixture(scope="module")
def found():
    return [transfers.alike(run, lower(run)) for run in study.section_plan("ten_times", "full")]


def test_a_pair_has_its_texts_and_then_the_growth(found):
    table = tables.gaps_by_text(found)
    assert list(table.columns) == ["pair", "text", "passes", "n", "test NLL", "gap"]
    assert list(table["pair"]) == ["MLP − Self-Attention"] * 4 + ["learned positions − rotary positions"] * 4
    assert list(table["text"])[2:4] == ["WikiText-2 as characters", "WikiText-2 as characters, against the first 892,117"]
    assert list(table["passes"])[:4] == ["2.3 and 7.5", "2 and 6.7", "0.17 and 0.56", "–"]
    assert [cell.endswith("*") for cell in table["gap"]] == [verdict != CLEAR for verdict in gaps.gaps(found)["verdict"]]
    assert not table["gap"][0].endswith("*")


def test_contexts_stand_below_each_other(found):
    table = tables.gaps_by_context(found)
    assert list(table.columns) == ["text", "context", "n", MLP, ATTENTION, "gap"]
    assert list(table["context"]) == ["2", "4", "8", "16", "32"] * 2
    assert table["gap"][0].startswith("−0.") and table["gap"][1].endswith("*") and table["gap"][2].startswith("+0.")
    assert float(table[MLP][4]) - float(table[ATTENTION][4]) == pytest.approx(GAINS[ATTENTION], abs=0.01)


def test_the_answer_has_each_gap_and_says_who_is_ahead_with_which_context(found):
    told = answers.ten_times(found)
    assert "At $10^{13}$ FLOPs (n = 3) the lead of Self-Attention over the MLP's recipe (32 characters) is 0." in told
    assert (
        "] nats on the first 892,117 characters of WikiText-2 as characters, and 0." in told and "] on all of it (no clear change: " in told
    )
    assert "by characters of context (n = 5), on Tiny Shakespeare and WikiText-2 as characters Self-Attention is ahead with 8, " in told
    assert told.endswith(", 16 and 32, the MLP with 2, neither with 4.")
    best = sentences.at_best_contexts(found)
    assert best.startswith("At $10^{12}$ FLOPs, with the context that is best for each on valid, the MLP's test NLL minus ")
    assert "; with $10^{13}$ FLOPs for the MLP alone " in best and sentences.at_best_contexts([]) == ""
    assert sentences.searched_mlp(found, []) == "" and "Tiny Shakespeare" not in told.partition("characters of context")[0]
    assert answers.ten_times([]) == answers.ten_times(select(found, seed=0)) == ""
    assert answers.ten_times(select(found, role="context")).startswith("**Answer.** At $10^{12}$ FLOPs")
    parts = [one for one in select(found, role="gap") if one.run.spec.train.train_tokens != techniques.SHORT]
    assert "] nats on Tiny Shakespeare and 0." in answers.ten_times(parts) and "the first" not in answers.ten_times(parts)


def test_the_mlps_best_validation_is_told(found):
    told = sentences.converged(found)
    assert told.startswith(
        "The last validation of an MLP of $10^{13}$ FLOPs is its best on Tiny Shakespeare in 3 of 3 runs, 0.000 below the"
    )
    assert (
        ". The test NLL of an MLP of $10^{13}$ FLOPs minus that of one of $10^{12}$ FLOPs, with the best of its contexts on valid, is "
        in told
    )
    early = [Result(one.run, replace(one.record, best_step=1)) for one in select(found, role="gap", rung=MLP)]
    assert "in 0 of 3 runs" in sentences.converged(early) and "with the best of its contexts" not in sentences.converged(early)
    assert sentences.converged([]) == ""


def test_without_records_a_line_says_so():
    for table in (tables.gaps_by_text([]), tables.gaps_by_context([])):
        assert table.iloc[0].tolist() == ["none is recorded"]
