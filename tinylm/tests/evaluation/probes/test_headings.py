"""What headings cost by how far back they last stood: found in texts, recorded, shown."""

import json

import numpy as np
import pytest
import torch
from specs import TRANSFORMER
from synthetic import planned

from tinylm import data, files, ledger, study
from tinylm.config import NgramConfig, RunSpec, TrainConfig
from tinylm.evaluation.probes import HEADINGS, headings
from tinylm.evaluation.probes.headings import FURTHER, NEW, Heading, by_reach
from tinylm.models import checkpoint
from tinylm.models.networks import build
from tinylm.report import tables

TEXT = "ANNA:\nSo it is.\n\nFirst Lord:\nIt is.\n\nANNA:\nWas it?\n"


def test_a_heading_knows_how_far_back_it_last_stood():
    found = headings.headings(TEXT)
    assert [TEXT[h.start : h.stop] for h in found] == ["ANNA", "First Lord", "ANNA"]
    assert [h.distance for h in found] == [0, 0, TEXT.rindex("ANNA")]
    assert [h.reach for h in found] == [NEW, NEW, "up to 128"]
    assert [Heading(0, 4, distance).reach for distance in (128, 129, 2048, 2049)] == ["up to 128", "up to 256", "up to 2,048", FURTHER]


def test_headings_are_averaged_over_their_characters_and_those_not_scored_left_out():
    nll_N = np.arange(len(TEXT), dtype=np.float64)
    rows = {row["reach"]: row for row in by_reach(nll_N[10:], 10, headings.headings(TEXT))}
    start, stop = TEXT.index("First"), TEXT.index(":\nIt is")
    assert (rows[NEW]["headings"], rows[NEW]["characters"]) == (1, 10)
    assert rows[NEW]["nll"] == pytest.approx(np.mean(range(start, stop)))
    assert rows["up to 128"]["headings"] == 1 and rows[FURTHER]["nll"] is None


def test_the_example_reaches_from_the_first_heading_to_the_second_one_near_of_the_same_name():
    nll_N = np.arange(len(TEXT), dtype=np.float64)
    found = headings.headings(TEXT)
    shown = headings.example(TEXT, nll_N, 0, found)
    assert shown == {"text": TEXT[: TEXT.rindex("ANNA") + 4], "nll": list(range(TEXT.rindex("ANNA") + 4))}
    assert headings.example(TEXT, nll_N[1:], 1, found) is None, "the first one is not scored"
    far = [Heading(0, 4, 0), Heading(200, 204, 200), Heading(210, 214, 0), Heading(230, 234, 20), Heading(250, 254, 20)]
    assert headings.example("x" * 300, np.zeros(300), 0, far)["text"] == "x" * 24, "the first of those that stand near"


@pytest.fixture
def runs(monkeypatch):
    """A network and counts of a generated text, which stands in for plays."""
    monkeypatch.setattr(headings, "PLAYS", "grammar-char")
    scored = {"eval_start": 20, "eval_tokens": 300}
    network = RunSpec(corpus="grammar-char", model=TRANSFORMER, train=TrainConfig(flops=10**9, loss_at="all", **scored))
    counted = RunSpec(corpus="grammar-char", model=NgramConfig(order=2), train=TrainConfig(epochs=1, **scored))
    return [planned("A network", network, role="purchase"), planned("KN-2", counted)]


def test_a_network_and_counts_are_recorded_and_shown(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(headings, "headings", lambda text: [Heading(30, 34, 0), Heading(50, 54, 20), Heading(5, 9, 0)])
    torch.manual_seed(0)
    monkeypatch.setattr(files, "WEIGHTS", tmp_path)
    weights = build(TRANSFORMER, data.vocab_size("grammar-char")).state_dict()
    checkpoint.save(tmp_path / f"{runs[0].spec.key}.safetensors", weights, {})
    facts = [HEADINGS.record(run, tmp_path) for run in runs]
    assert HEADINGS.read(runs[0], [tmp_path / "none", tmp_path]) == ledger.rounded(json.loads(json.dumps(facts[0])))
    assert [len(HEADINGS.example(run, [tmp_path])["nll"]) for run in runs] == [24, 24]
    network, counted = ({row["reach"]: row["nll"] for row in found["rows"]} for found in facts)
    assert network[NEW] > 1 and counted[NEW] > 0 and network[NEW] != counted[NEW]
    monkeypatch.setattr(files, "LEDGER", tmp_path)
    shown = tables.copying(runs).set_index("run")
    assert shown.loc["KN-2", f"{NEW} (1)"] == f"{counted[NEW]:.3f}" and shown.loc[runs[0].name, f"{FURTHER} (0)"] == "–"


def test_without_records_there_is_nothing_to_show(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LEDGER", tmp_path)
    monkeypatch.setattr(files, "LOCAL_LEDGER", tmp_path)
    assert tables.copying(runs)["run"][0] == "none is recorded"


def test_of_the_published_study_the_bought_recipes_and_counts_are_read():
    found = HEADINGS.subjects(study.plan("full"))
    assert {(run.section, run.role) for run in found} == {("budget", "counts"), ("budget", "purchase"), ("copying", "factorial")}
    assert {bool(run.spec.model.induction) for run in study.select(found, role="factorial")} == {True, False}
    assert {run.spec.seed for run in found} == {0}
