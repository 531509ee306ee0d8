from synthetic import TIMINGS

from tinylm.report import tables


def test_each_comparison_is_a_row_with_its_gain_and_the_gain_aimed_for():
    frame = tables.timed(TIMINGS)
    assert list(frame.columns) == ["work", "against", "unit", "ours", "theirs", "gain", "aim"]
    assert frame.values.tolist() == [
        ["a step", "textbook", "ms", "1.5", "3", "2.00", "1.5"],
        ["dense", "a product", "GFLOP/s", "250.4", "500.8", "0.50", "0.65"],
        ["scoring", "one by one", "tokens/s", "1.269e+05", "885.8", "143.26", "–"],
    ]


def test_without_timings_the_table_is_empty():
    assert tables.timed({}).empty
