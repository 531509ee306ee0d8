from tinylm import study
from tinylm.report import tables


def test_planned_counts_seeds_and_skips_counts():
    frame = tables.planned(study.section_plan("architectures", "full"))
    assert list(frame["model"]) == ["Linear", "MLP", "Self-Attention", "Transformer"]
    assert list(frame["parameters"]) == ["1,073,345", "4,285,377", "231,617", "430,785"]
    assert set(frame["seeds"]) == {5}
