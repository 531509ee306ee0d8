from synthetic import record, result, seeds

from tinylm.config import NgramConfig
from tinylm.report import plots


def test_the_frontier_is_a_curve_for_each_architecture():
    found = [*seeds("MLP", 1_000, [2.1]), *seeds("MLP", 100_000, [1.9]), *seeds("Linear", 1_000, [3.0])]
    _, drawn = plots.frontier(found, [result("KN-4", record(1.5, model=NgramConfig(order=4), start=8))])
    assert [row["architecture"] for row in drawn[:3]] == ["Linear", "MLP", "MLP"] and drawn[3]["name"] == "KN-4"


def test_a_chosen_budget_stands_in_the_frontier():
    found = [result("MLP, 1e3", record(2.1))]
    fig, _ = plots.frontier(found, budget=2_000)
    assert "chosen budget" in [text.get_text() for text in fig.legends[0].get_texts()]
