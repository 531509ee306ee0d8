"""What every probe does with its records, by a probe that measures words."""

import pytest
from specs import LINEAR
from synthetic import planned

from tinylm import data, files, ledger
from tinylm.config import NgramConfig, RunSpec, TrainConfig
from tinylm.evaluation.probes.probe import Probe, RunProbe


class Lengths(Probe[str]):
    """How long a word is; of the word `lost` nothing can be measured."""

    folder = "lengths"
    title = "lengths"

    def subjects(self, plan, corpora):
        return list(corpora)

    def name(self, subject):
        return subject

    def key(self, subject):
        return subject

    def is_possible(self, subject, data_dir):
        return subject != "lost"

    def is_current(self, subject, facts):
        return facts.get("length") == len(subject)

    def measure(self, subject, data_dir):
        return {"length": len(subject), "share": len(subject) / 3}


PROBE = Lengths()


def test_what_is_recorded_is_read_to_the_digits_of_the_ledger(tmp_path):
    assert PROBE.read("word", [tmp_path]) is None
    assert PROBE.record("word", tmp_path) == {"length": 4, "share": 4 / 3}
    assert PROBE.read("word", [tmp_path]) == {"length": 4, "share": 1.333333}
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")] == ["lengths/word.json"]


def test_the_first_folder_with_a_record_of_this_very_subject_wins(tmp_path):
    folders = [tmp_path / name for name in ("published", "local")]
    for folder, length in zip(folders, (5, 4), strict=True):
        ledger.write_facts(folder / "lengths" / "word.json", {"length": length, "in": folder.name})
    assert PROBE.read("word", folders)["in"] == "local", "the published one is of another word"
    PROBE.record("word", folders[0])
    assert PROBE.read("word", folders) == PROBE.read("word", folders[:1]) != PROBE.read("word", folders[1:])


def test_what_can_be_measured_and_has_no_current_record_is_missing(tmp_path):
    words = ["recorded", "stale", "lost", "new"]
    PROBE.record("recorded", tmp_path)
    ledger.write_facts(tmp_path / "lengths" / "stale.json", {"length": 6})
    assert PROBE.missing(words, [tmp_path], None) == ["stale", "new"]


def test_a_broken_record_is_missing(tmp_path):
    PROBE.record("word", tmp_path)
    (tmp_path / "lengths" / "word.json").write_text("{")
    with pytest.warns(ledger.LedgerWarning, match=r"word\.json"):
        assert PROBE.missing(["word"], [tmp_path], None) == ["word"]


class OfRuns(RunProbe):
    folder = "toy"
    title = "toy"

    def subjects(self, plan, corpora):
        return list(plan)

    def measure(self, subject, data_dir):
        return {}


def test_a_run_needs_its_weights_and_its_corpus_and_counts_the_corpus_alone(home, monkeypatch):
    specs = [RunSpec(corpus="grammar-char", model=model, train=TrainConfig(epochs=1)) for model in (LINEAR, NgramConfig(order=2))]
    network, counts = (planned("a run", spec) for spec in specs)
    assert OfRuns().missing([network, counts], [home], None) == [counts]
    files.WEIGHTS.mkdir(parents=True)
    (files.WEIGHTS / f"{network.spec.key}.safetensors").touch()
    assert OfRuns().missing([network, counts], [home], None) == [network, counts]
    monkeypatch.setattr(data, "available", lambda name, data_dir: False)
    assert OfRuns().missing([network, counts], [home], None) == []
