import dataclasses
import math

import numpy as np
import pytest
from scipy import stats
from synthetic import record

from tinylm import study
from tinylm.analysis import agreement
from tinylm.analysis.summaries import Result
from tinylm.study import reported


def retrained(deviations, seeds=(0.0, 0.01, -0.01), **fields):
    """Results of rows of the study, whose seeds lie around the study's value minus a deviation each."""
    runs = [run for run in study.select(study.plan("full"), seed=0, **fields) if reported.paper_row(run.spec)]
    found = []
    for run, deviation in zip(runs, deviations, strict=True):
        for seed, noise in enumerate(seeds):
            spec = dataclasses.replace(run.spec, seed=seed)
            nll = reported.paper_row(run.spec).test_nll - deviation + noise
            found.append(Result(dataclasses.replace(run, spec=spec), dataclasses.replace(record(nll), spec=spec)))
    return found


def test_a_rows_margin_is_the_smallest_shift_that_two_one_sided_tests_rule_out():
    (row,) = agreement.rows(retrained([0.02], section="architectures", architecture="MLP")).to_dict("records")
    se = 0.01 * (1 + 1 / 3) ** 0.5
    assert row["deviation"] == pytest.approx(0.02) and row["sd"] == pytest.approx(0.01) and row["df"] == 2
    assert row["p"] == pytest.approx(2 * stats.t.sf(0.02 / se, 2))
    against = max(stats.t.cdf((0.02 - row["margin"]) / se, 2), stats.t.sf((0.02 + row["margin"]) / se, 2))
    assert against == pytest.approx(0.05), "a shift as large as the margin is just ruled out"


def test_seed_sds_are_pooled_over_the_rows_of_a_section_and_architecture_and_lend_a_row_of_one_seed_theirs():
    several = retrained([0.0] * 3, section="sweeps", architecture="Linear") + retrained(
        [0.0] * 3, (0.1, -0.1), section="sweeps", architecture="MLP"
    )
    frame = agreement.rows(several)
    assert frame["sd"].tolist() == pytest.approx([0.01] * 3 + [0.02**0.5] * 3) and frame["df"].tolist() == [6] * 3 + [3] * 3
    one = [r for r in several if r.run.architecture == "Linear" and not (r.run.spec.seed and r.run.spec.model.context_length == 32)]
    frame = agreement.rows(one)
    assert frame["n"].tolist() == [1, 3, 3] and frame["sd"].tolist() == pytest.approx([0.01] * 3)
    assert frame["margin"][0] > 1.2 * frame["margin"][1]


def test_the_joint_test_sees_a_small_shift_that_no_row_sees():
    rng = np.random.default_rng(0)

    def deviations(shift):
        return agreement.rows(retrained(rng.normal(shift, 0.011, 12), section="sweeps"))

    same, other = deviations(0.0), deviations(0.017)
    assert agreement.joint(same).n_rows == 12 and agreement.joint(same).is_alike
    assert other["p"].min() > 0.01 and not agreement.joint(other).is_alike
    p = same["p"].to_numpy()
    assert agreement.joint(same).fisher == pytest.approx(stats.chi2.sf(-2 * np.log(p).sum(), 24))
    assert agreement.joint(same).ks == pytest.approx(stats.kstest(p, "uniform").pvalue)


def test_runs_that_agree_too_well_are_not_alike():
    found = agreement.rows(retrained([1e-5] * 12, section="sweeps"))
    assert agreement.joint(found).fisher > 0.99 and not agreement.joint(found).is_alike


def test_without_a_spread_there_is_no_test():
    frame = agreement.rows(retrained([0.02], (0.0,), section="architectures", architecture="MLP"))
    assert frame["deviation"][0] == pytest.approx(0.02) and math.isnan(frame["margin"][0]) and agreement.joint(frame) is None
    assert agreement.joint(agreement.rows([])) is None
