from dataclasses import replace

from tinylm.study import plan, reported, section_plan, select
from tinylm.study.reported_rows import PaperRow


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


def test_a_row_belongs_to_a_spec_whatever_its_seed_and_to_no_other_spec():
    (run,) = select(section_plan("architectures", "full"), architecture="MLP", seed=0)
    seventh, longer = replace(run.spec, seed=7), replace(run.spec, train=replace(run.spec.train, epochs=5))
    assert reported.paper_row(seventh) == reported.paper_row(run.spec) == PaperRow(2.3222, 4_285_377, 1.65e14)
    assert reported.paper_row(longer) is None


def test_the_rows_of_a_sweep_are_told_apart_by_the_size_that_varies():
    runs = select(section_plan("sweeps", "full"), architecture="Linear", seed=2)
    assert {run.spec.model.context_length: reported.paper_row(run.spec).test_nll for run in runs} == {32: 2.5135, 64: 2.7006, 128: 3.0496}


def test_no_run_of_the_small_profiles_stands_beside_the_paper():
    assert not [run for run in plan("smoke") if reported.paper_row(run.spec)]
