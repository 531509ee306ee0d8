from tinylm import data, files, ledger
from tinylm.evaluation.probes import STATISTICS


def test_statistics_hold_for_the_very_text_they_were_made_of(tmp_path):
    facts = STATISTICS.record("grammar-char", tmp_path)
    assert facts["sha256"] == data.info("grammar-char").sha256 and facts["vocab_size"] == data.vocab_size("grammar-char")
    assert STATISTICS.missing(["grammar-char"], [tmp_path], None) == []
    ledger.write_facts(tmp_path / "corpora" / "grammar-char.json", facts | {"sha256": data.info("grammar-word").sha256})
    assert STATISTICS.missing(["grammar-char"], [tmp_path], None) == ["grammar-char"]


def test_a_corpus_of_several_notebooks_is_measured_once():
    assert STATISTICS.subjects([], ["ptb", "grammar-char", "ptb"]) == ["ptb", "grammar-char"]


def test_a_corpus_without_its_texts_is_not_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "DATASETS", tmp_path)
    monkeypatch.delenv("TINYLM_DATA", raising=False)
    assert STATISTICS.missing(["ptb", "grammar-word"], [tmp_path], None) == ["grammar-word"]
