import pytest
import transfers

from tinylm import study
from tinylm.analysis import positions
from tinylm.analysis.families import CLEAR, OPEN
from tinylm.analysis.summaries import Result
from tinylm.study import select

GAINS = {"rope": 0.1, "alibi": 0.05, "none": 0.0, "learned": 0.0}
PER_DOUBLING, LONGER = 0.02, -0.3


def lower(run):
    """What a kind takes off: rotary positions more with every doubling beyond 128, and less where windows are longer than trained."""
    model = run.spec.model
    doublings = (model.context_length // 128).bit_length() - 1
    extra = LONGER if run.role == "longer" and model.position == "rope" else 0.0
    return GAINS[model.position] + extra + (doublings * PER_DOUBLING if model.position == "rope" else 0.0)


@pytest.fixture(scope="module")
def found():
    runs = [run for run in study.section_plan("rope", "full") if run.role != "ablation"]
    return [Result(run, transfers.lowered(run, lower(run))) for run in runs]


def test_a_gain_is_over_learned_positions_of_the_same_length(found):
    frame = positions.gains(found).set_index(["corpus", "length", "positions"])
    assert len(frame) == 2 * 4 * 3
    assert frame.loc[("tiny_shakespeare", 1024, "rope"), "gain"] == pytest.approx(0.16, abs=0.01)
    assert frame.loc[("wikitext-2-char", 128, "alibi"), "gain"] == pytest.approx(0.05, abs=0.01)
    verdicts = [frame.loc[("wikitext-2-char", 128, kind), "verdict"] for kind in ("alibi", "none")]
    assert verdicts == [CLEAR, OPEN]


def test_a_slope_is_by_doubling(found):
    frame = positions.slopes(found).set_index(["corpus", "positions"])
    assert frame.loc[("tiny_shakespeare", "rope"), "gain"] == pytest.approx(PER_DOUBLING, abs=0.004)
    assert frame.loc[("tiny_shakespeare", "rope"), "verdict"] == CLEAR and frame.loc[("tiny_shakespeare", "none"), "verdict"] == OPEN


def test_longer_windows_at_test_stand_beside_both_lengths_of_training(found):
    frame = positions.longer(found).set_index(["corpus", "positions", "length"])
    assert set(frame.index) == {(c, k, t) for c in positions.corpora(found) for k in ("rope", "alibi", "none") for t in (128, 512)}
    assert frame.loc[("tiny_shakespeare", "rope", 128), "gain"] == pytest.approx(LONGER, abs=0.01)
    assert frame.loc[("tiny_shakespeare", "rope", 512), "gain"] == pytest.approx(LONGER - 2 * PER_DOUBLING, abs=0.01)
    assert frame.loc[("tiny_shakespeare", "alibi", 128), "verdict"] == OPEN


def test_a_part_of_the_records_has_the_rows_that_it_can(found):
    assert positions.gains([]).empty and positions.slopes([]).empty and positions.longer([]).empty
    without = [one for one in found if one.run.spec.model.position != "learned"]
    assert positions.gains(without).empty and len(positions.longer(without)) == len(positions.longer(found))
    one_length = select(found, context_length=128)
    assert positions.slopes(one_length).empty and set(positions.longer(one_length)["length"]) == {128}
    apart = [one for one in found if one.run.spec.seed == (0 if one.run.spec.model.position == "learned" else 1)]
    assert positions.gains(apart).empty
