import dataclasses
import json

import numpy as np
import pytest
import torch
from specs import TRANSFORMER
from synthetic import planned

from tinylm import data, files, ledger, study
from tinylm.config import NgramConfig, RunSpec, TrainConfig
from tinylm.evaluation import generate, nlls
from tinylm.evaluation.probes import AVERAGES
from tinylm.models import checkpoint
from tinylm.models.networks import build


@pytest.fixture
def row(monkeypatch, tmp_path):
    """Three networks of random weights that stand in for the seeds of a recipe."""
    monkeypatch.setattr(files, "WEIGHTS", tmp_path)
    runs = []
    for seed in range(3):
        train = TrainConfig(flops=10**9, loss_at="all", eval_start=20, eval_tokens=300)
        spec = RunSpec(corpus="grammar-char", model=TRANSFORMER, train=train, seed=seed)
        torch.manual_seed(seed)
        checkpoint.save(tmp_path / f"{spec.key}.safetensors", build(TRANSFORMER, data.vocab_size("grammar-char")).state_dict(), {})
        runs.append(planned("A network", spec, role="frontier"))
    return tuple(runs)


def test_every_set_of_seeds_is_averaged_and_scored(row, tmp_path):
    facts = AVERAGES.record(row, tmp_path)
    assert AVERAGES.read(row, [tmp_path]) == ledger.rounded(json.loads(json.dumps(facts)))
    assert facts["keys"] == [run.spec.key for run in row]
    assert {size: len(found["test"]) for size, found in facts["nlls"].items()} == {"1": 3, "2": 3, "3": 1}
    corpus, probs = data.load("grammar-char"), []
    ids = torch.from_numpy(corpus.split("test")[:320].astype(np.int32))
    for run in row:
        model = generate.load_model(run.spec, corpus, files.WEIGHTS / f"{run.spec.key}.safetensors")
        probs.append(np.exp(-nlls.token_nlls(model, ids, run.spec).astype(np.float64)))
    assert facts["nlls"]["1"]["test"] == pytest.approx([-np.log(each).mean() for each in probs])
    assert facts["nlls"]["2"]["test"][1] == pytest.approx(-np.log((probs[0] + probs[2]) / 2).mean())
    for split in ("valid", "test"):
        alone, all_of_them = (np.mean(facts["nlls"][size][split]) for size in ("1", "3"))
        assert all_of_them < alone, "networks that have learnt nothing are wrong in different places"


def test_the_average_of_other_seeds_is_another(row, tmp_path):
    AVERAGES.record(row, tmp_path)
    assert AVERAGES.read(row[:2], [tmp_path]) is None


def test_what_is_averaged_are_the_seeds_of_the_frontiers_rows(row):
    alone = planned("Alone", dataclasses.replace(row[0].spec, train=TrainConfig(flops=10**10, loss_at="all")), role="frontier")
    counts = [
        planned("Counts", dataclasses.replace(row[0].spec, model=NgramConfig(order=2), seed=seed), role="vocabulary") for seed in (0, 1)
    ]
    assert AVERAGES.subjects([*row, alone, *counts, planned("Swept", row[0].spec, role="sweep")]) == [row]
    for seeds in AVERAGES.subjects(study.plan("full")):
        assert [run.spec.seed for run in seeds] == [0, 1, 2, 3, 4] and len({run.row for run in seeds}) == 1
