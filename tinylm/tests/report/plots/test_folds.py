from synthetic import record, result

from tinylm.analysis import folds
from tinylm.report import plots
from tinylm.study import COUNTS, titles


def test_each_part_is_a_line_of_dots_with_the_first_at_the_top():
    corpora = ["tiny_shakespeare-without-tempest", "tiny_shakespeare-without-coriolanus"]
    nlls = {COUNTS: (1.5, 1.6), "LSTM": (1.9, 1.8)}
    found = [result("", record(nll, corpus=c), architecture=a) for a, both in nlls.items() for c, nll in zip(corpora, both, strict=True)]
    fig, drawn = plots.by_fold(folds.by_fold(found))
    lines = {line.get_label(): line for line in fig.axes[0].lines}
    assert list(lines["LSTM"].get_xdata()) == [1.9, 1.8] and list(lines["LSTM"].get_ydata()) == [1, 0]
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == [*map(titles.corpus, corpora)]
    assert (lines[COUNTS].get_color(), lines[COUNTS].get_marker()) == ("black", "x")
    assert [row["corpus"] for row in drawn] == corpora and drawn[1][COUNTS] == 1.6
