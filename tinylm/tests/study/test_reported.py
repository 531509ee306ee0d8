from tinylm.study import plan, reported, section_plan


def test_only_the_studys_runs_have_a_paper_row():
    rows = {(run.section, run.name): reported.paper_row(run.spec) for run in plan("full") if run.spec.seed == 1}
    assert rows["architectures", "Linear"].test_nll == 3.0549
    assert rows["control", "Linear"] is None
    assert not [name for (section, name), row in rows.items() if section == "claims" and row]


def claims(seed=0):
    return {run.name: run.spec for run in section_plan("claims", "full") if run.spec.seed == seed}


def test_the_sisters_rows_are_found_by_their_spec():
    rows = {name: reported.sister_row(spec) for name, spec in claims(seed=1).items()}
    assert {name: row.test_nll for name, row in rows.items() if row and not name.startswith("Attention")} == {
        "One-hot Linear, T = 128": 2.33,
        "GELU MLP": 1.94,
        "Tied Transformer, 4 layers": 1.77,
    }
    assert {row.test_nll for name, row in rows.items() if name.startswith("Attention")} == {1.82}
    assert reported.sister_row(section_plan("claims", "smoke")[0].spec) is None
