import pytest
import transfers

from tinylm import study
from tinylm.analysis import positions
from tinylm.analysis.summaries import Result
from tinylm.report import answers, tables

GAINS = {"rope": 0.1, "alibi": 0.05, "none": 0.0, "learned": 0.0}


def results(**gains):
    runs = [run for run in study.section_plan("rope", "full") if run.role != "ablation"]
    return [Result(run, transfers.lowered(run, (GAINS | gains)[run.spec.model.position])) for run in runs]


@pytest.fixture(scope="module")
def found():
    return results()


def test_a_text_has_its_lengths_and_then_the_growth(found):
    table = tables.positions_by_length(found)
    assert list(table.columns) == ["text", "T", "n", "learned", "rotary positions", "ALiBi", "no positions"]
    assert list(table["T"]) == ["128", "256", "512", "1,024", "per doubling"] * 2
    assert not table["rotary positions"][0].endswith("*") and table["no positions"][0].endswith("*")
    assert table["ALiBi"][0].startswith("+0.0") and table["ALiBi"][4].endswith("*")


def test_longer_windows_have_a_column_for_each_length_of_training(found):
    table = tables.positions_beyond(found)
    columns = [f"gain over training and test with {length}" for length in (128, 512)]
    assert set(table.columns) == {"text", "positions", "n", *columns} and len(table) == 2 * 3


def test_the_answer_says_where_rotary_positions_are_ahead(found):
    gains = positions.gains(found)
    rotary = gains[(gains["positions"] == "rope") & (gains["corpus"] == "wikitext-2-char")].sort_values("length")
    first, last = rotary["gain"].iloc[[0, -1]]
    told = f"they are ahead at every length on 2 texts: by {first:.3f} at 128 and {last:.3f} at 1,024 on WikiText-2 as characters, by 0."
    assert told in answers.rope(found)
    assert "ahead in 0 and behind in 8 of 8 cases: by −0." in answers.rope(results(rope=-0.1))


def test_without_records_a_line_says_so():
    for table in (tables.positions_by_length([]), tables.positions_beyond([])):
        assert table.iloc[0].tolist() == ["none is recorded"]
