from tinylm import study


def test_a_budget_for_a_gpu_is_planned_with_three_seeds():
    planned = study.section_plan("words", "full")
    seeds = {flops: {run.spec.seed for run in planned if run.spec.train.flops == flops} for flops in (114 * 10**12, 12 * 10**14)}
    assert seeds == {114 * 10**12: set(range(5)), 12 * 10**14: {0, 1, 2}}
