import numpy as np

from tinylm.report import plots


def test_an_attention_map_names_rows_and_columns_and_turns_long_names():
    weights = np.array([[0.4, 0.6, 0.0], [0.2, 0.3, 0.5]])
    fig, rows = plots.attention_map(weights, ["a", "b"], ["…", "a", "b"])
    assert rows[1] == {"reader": 0, "source": 1, "reader_token": "a", "source_token": "a", "weight": 0.6} and len(rows) == 6
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["a", "b"]
    assert {label.get_rotation() for label in fig.axes[0].get_xticklabels()} == {0}
    fig, _ = plots.attention_map(weights, ["the", "sea"], ["…", "the", "sea"])
    assert {label.get_rotation() for label in fig.axes[0].get_xticklabels()} == {90}
