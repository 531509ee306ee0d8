import pytest
import transfers

from tinylm import study
from tinylm.analysis import gaps
from tinylm.analysis.families import CLEAR, OPEN
from tinylm.study import select
from tinylm.study.titles import ATTENTION, LEARNED, MLP, ROTARY

ATTENTION_GAIN, ROTARY_GAIN, ON_ALL, PER_TOKEN, MORE_FLOPS = 0.1, 0.2, 0.05, 0.01, 0.06


def lower(run):
    """What a model takes off: rotary positions more on all of a text, attention more with every token of context beyond four."""
    more = ON_ALL if run.spec.corpus == "wikitext-2-char" and not run.spec.train.train_tokens else 0.0
    by_context = PER_TOKEN * (run.spec.model.context_length - 4)
    if run.role == "context":
        return by_context if run.rung == ATTENTION else 0.0
    return {MLP: MORE_FLOPS, ATTENTION: MORE_FLOPS + ATTENTION_GAIN, LEARNED: 0.0, ROTARY: ROTARY_GAIN + more}[run.rung]


@pytest.fixture(scope="module")
def found():
    return [transfers.alike(run, lower(run)) for run in study.section_plan("ten_times", "full")]


def row(frame, **values):
    (found,) = frame[(frame[list(values)] == list(values.values())).all(axis=1)].itertuples()
    return found


def test_a_gap_is_of_each_text_and_grows_with_it_or_not(found):
    frame = gaps.gaps(found)
    assert len(frame) == 2 * (3 + 1) and set(frame["n"]) == {3}
    short = row(frame, second=ATTENTION, corpus="tiny_shakespeare", than=0)
    assert short.gap == pytest.approx(ATTENTION_GAIN, abs=0.01) and short.verdict == CLEAR
    grown = [row(frame, second=second, corpus="wikitext-2-char", than=892_117) for second in (ATTENTION, ROTARY)]
    assert [one.gap for one in grown] == pytest.approx([0.0, ON_ALL], abs=0.01)
    assert grown[1].verdict == CLEAR
    whole, part = (row(frame, second=ROTARY, corpus="wikitext-2-char", tokens=n, than=0) for n in (0, 892_117))
    assert grown[1].gap == pytest.approx(whole.gap - part.gap)


def test_the_noise_leaves_out_what_a_seed_does_to_both_models_of_a_text(found):
    frame = gaps.gaps(found)
    halves = (frame["high"] - frame["low"]) / 2
    assert (halves < transfers.SEED_NOISE / 2).all() and (halves > 0).all()


def test_a_context_has_its_gap(found):
    frame = gaps.by_context(found)
    rows = frame[frame["corpus"] == "tiny_shakespeare"]
    assert list(rows["length"]) == [2, 4, 8, 16, 32] and set(rows["n"]) == {5}
    assert list(rows["gap"]) == pytest.approx([PER_TOKEN * (length - 4) for length in (2, 4, 8, 16, 32)], abs=0.01)
    assert list(rows["verdict"]) == [CLEAR, OPEN, CLEAR, CLEAR, CLEAR]


def test_the_mlps_larger_budget_stands_beside_both_models_of_the_smaller_one_with_all_noise_of_seeds(found):
    frame = gaps.more_flops(found)
    assert list(frame["corpus"]) == ["tiny_shakespeare"] * 2 + ["wikitext-2-char"] * 2 and list(frame["against"]) == [ATTENTION, MLP] * 2
    expected = [PER_TOKEN * 28 - MORE_FLOPS, -MORE_FLOPS]
    for row in frame.itertuples():
        assert row.n == 3 and row.low < expected[row.against == MLP] < row.high
        assert (row.high - row.low) / 2 > transfers.SEED_NOISE / 2, "the seeds of two budgets differ"


def test_the_best_length_is_that_of_the_lowest_valid_nll(found):
    assert gaps.best_length(gaps.by_length(found, "tiny_shakespeare"), ATTENTION) == 32
    assert gaps.best_length(gaps.by_length(select(found, context_length=[4, 8]), "tiny_shakespeare"), ATTENTION) == 8
    assert gaps.best_length(gaps.by_length(select(found, role="gap"), "tiny_shakespeare"), MLP) is None


def test_a_part_of_the_records_has_the_rows_that_it_can(found):
    assert gaps.gaps([]).empty and gaps.by_context([]).empty
    assert set(gaps.gaps([one for one in found if one.run.rung != MLP])["second"]) == {ROTARY}
    whole = [one for one in found if not one.run.spec.train.train_tokens]
    assert set(gaps.gaps(whole)["than"]) == {0} and len(gaps.gaps(whole)) == 2 * 2
    apart = [one for one in found if one.run.spec.seed == (0 if one.run.rung in (MLP, LEARNED) else 1)]
    assert gaps.gaps(apart).empty and gaps.by_context(apart).empty
    assert gaps.more_flops([]).empty and gaps.more_flops(select(found, role="gap")).empty
    assert set(gaps.more_flops([one for one in found if one.run.role == "gap" or one.run.rung == MLP])["against"]) == {MLP}
    one_seed = select(found, seed=0)
    assert set(gaps.gaps(one_seed)["verdict"]) == {OPEN} and set(gaps.by_context(one_seed)["n"]) == {1}
    assert len(gaps.by_context(select(found, role="context"))) == 2 * 5


def test_both_are_compared_with_the_context_that_is_best_for_each(found):
    frame = gaps.at_best([transfers.alike(one.run, lower(one.run) + 0.2 * _is_best(one.run)) for one in found])
    assert len(set(frame["corpus"])) == 2 and set(frame["n"]) == {5}
    assert list(frame["gap"]) == pytest.approx([(32 - 4) * PER_TOKEN] * 2, abs=0.01), "attention at 32 characters, the MLP at 4"
    assert len(gaps.at_best([])) == 0


def _is_best(run):
    return run.role == "context" and run.spec.model.context_length == (32 if run.rung == ATTENTION else 4)


def test_the_mlp_of_the_factorial_stands_beside_attention_of_both_budgets(found):
    cells = [run for run in study.section_plan("copying", "full") if run.role == "factorial" and run.architecture == "MLP"]
    made = [transfers.alike(run, 0.02 if run.spec.train.optimizer == "adamw" else 0.0) for run in cells]
    run, apart = gaps.searched(found, made)
    assert run.spec.train.optimizer == "adamw" and not run.spec.model.induction and run.budget == 10**13
    assert list(apart) == [10**13, 10**12] or sorted(apart) == sorted({r.spec.train.flops for r in (one.record for one in found)})
    assert apart[10**13].mean == pytest.approx(MORE_FLOPS + ATTENTION_GAIN - 0.02, abs=0.01)
    assert gaps.searched(found, []) == (None, {})
