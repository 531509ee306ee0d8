import dataclasses

import pytest
from matplotlib.colors import to_hex
from synthetic import record, result, results

from tinylm import study
from tinylm.analysis.summaries import Result
from tinylm.config import NgramConfig
from tinylm.report import plots
from tinylm.report.plots.style import FAMILIES


def texts(fig):
    return [text.get_text() for text in fig.axes[0].texts]


def costing(name, textbook, executed):
    """The record of the study's own run, with costs of ours."""
    (run,) = study.select(study.section_plan("architectures", "full"), architecture=name, seed=0)
    return Result(run, dataclasses.replace(record(2.0), spec=run.spec, flops=executed, flops_textbook=textbook))


def test_how_far_the_stated_cost_is_off_stands_on_the_line_from_it_to_the_textbook():
    fig, rows = plots.costs([costing("Linear", 10**12, 10**12), costing("Transformer", 8 * 10**13, 4 * 10**13)])
    assert [row["stated"] for row in rows] == [4.12e13, 2.21e13] and rows[1]["textbook"] == 8e13 and rows[1]["executed"] == 4e13
    assert {"41× too high", "3.6× too low", "2.0× less computed"} < set(texts(fig))
    assert not [text for text in texts(fig) if text.startswith("1.0×")], "costs that are alike"
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["Linear", "Transformer"]
    assert fig.axes[0].yaxis_inverted() and fig.axes[0].get_xscale() == "log"


def test_marks_stand_at_their_costs_in_the_architectures_look_and_are_named_once():
    fig, _ = plots.costs([costing("Transformer", 8 * 10**13, 4 * 10**13)])
    cross, textbook, executed = (line for line in fig.axes[0].lines if line.get_marker() != "None")
    assert [line.get_xdata()[0] for line in (cross, textbook, executed)] == [2.21e13, 8e13, 4e13]
    assert cross.get_marker() == "x" and textbook.get_markerfacecolor() == "white"
    assert (to_hex(executed.get_color()).upper(), executed.get_marker()) == FAMILIES["Transformer"]
    assert [text for text in texts(fig) if text in ("stated (2ND)", "textbook", "executed")] == ["stated (2ND)", "textbook", "executed"]


def test_a_run_that_the_study_does_not_have_is_given_its_2nd_and_counts_are_left_out():
    _, (row,) = plots.costs([*results(Linear=[2.0, 2.1]), result("KN-4", record(1.5, model=NgramConfig(order=4)))])
    assert row == {"name": "Linear", "stated": 3_000, "textbook": 2_000, "executed": 1_000}


@pytest.mark.parametrize("found", [[], [result("KN-4", record(1.5, model=NgramConfig(order=4)))]])
def test_without_a_network_there_is_no_row(found):
    assert plots.costs(found)[1] == []
