from tinylm.study import section_plan


def test_seeds_change_the_seed_only():
    runs = [run for run in section_plan("architectures", "full") if run.name == "Transformer"]
    assert [run.spec.seed for run in runs] == [0, 1, 2, 3, 4]
    assert len({(run.spec.corpus, run.spec.model, run.spec.train) for run in runs}) == 1
