import transfers

from tinylm import study
from tinylm.analysis.summaries import Result
from tinylm.report import plots

GAINS = {"rope": 0.1, "alibi": 0.05, "none": 0.0, "learned": 0.0}


def test_a_panel_a_text_and_a_line_a_kind():
    runs = [run for run in study.section_plan("rope", "full") if run.role != "ablation"]
    fig, drawn = plots.positions_by_length([Result(run, transfers.lowered(run, GAINS[run.spec.model.position])) for run in runs])
    assert len(fig.axes) == 2 and len(drawn) == 2 * 4 * 3
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["rotary positions", "ALiBi", "no positions"]
    assert [text.get_text() for text in fig.axes[0].get_xticklabels()] == ["128", "256", "512", "1,024"]


def test_without_records_the_panel_is_empty():
    fig, drawn = plots.positions_by_length([])
    assert drawn == [] and len(fig.axes) == 1
