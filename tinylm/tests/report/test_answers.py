from types import SimpleNamespace

from synthetic import record, reproduced, result, seeds

from tinylm.config import NgramConfig
from tinylm.evaluation.probes.compression import Compressed
from tinylm.report import answers, sentences


def test_where_only_counts_are_recorded_the_abstract_says_nothing_of_a_study():
    counts = [result("KN-6", record(1.7, model=NgramConfig(order=6)))]
    text = answers.abstract(counts, [], counts, "grammar-char")
    assert (
        text.endswith("scarce? NLL is in nats per token; all numbers are computed from run records by one command.") and "nan" not in text
    )


def test_the_abstract_answers_the_title_and_has_a_finding_a_sentence(monkeypatch):
    monkeypatch.setattr(answers, "COMPRESSION", SimpleNamespace(best=lambda corpus: Compressed("PPMd", 1.75, 1.85)))
    study_rows = reproduced(0.003, -0.006, 0.01, -0.015)
    runs = [*seeds("MLP", 1_000, [2.1, 2.1]), *seeds("MLP", 100_000, [1.9, 1.7])]
    counts = result("KN-4", record(1.9, model=NgramConfig(order=4, cache=8)), role="tuned")
    text = answers.abstract(study_rows, [*runs, counts], study_rows, "grammar-char")
    assert text.startswith("Which small language model should you train when compute is scarce? On grammar-char, with $1.00 ")
    assert (
        "none: Kneser-Ney counts with a cache of the text just read reach a test NLL of 1.900, and PPMd, a text compressor, 1.850." in text
    )
    assert "A small MLP reaches that of the counts at $1.00 \\times 10^{5}$ FLOPs" in text and "has 1.800 (n = 2)" in text
    assert "its losses are within the spread of seeds" in text and "On words" not in text and len(text.split()) < 150


def test_without_a_bracket_the_answer_is_told_at_length(monkeypatch):
    monkeypatch.setattr(sentences, "COMPRESSION", SimpleNamespace(best=lambda corpus: None))
    runs, counts = seeds("MLP", 1_000, [2.1]), [result("KN-9", record(0.5, model=NgramConfig(order=4)))]
    assert answers.answer([*runs, *counts], "grammar-char") == sentences.worth_training([*runs, *counts], "grammar-char") != ""
    assert answers.answer(runs, "grammar-char") == answers.answer(counts, "grammar-char") == ""
