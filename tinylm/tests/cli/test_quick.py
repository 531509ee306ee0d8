"""`train --quick` for real, on a text of one's own."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinylm import data
from tinylm.cli import quick, specs, train
from tinylm.explore.checkpoints import Checkpoints
from tinylm.study import recipes, single


def test_a_quick_training_counts_first_and_ends_with_a_mixture_that_is_a_model_like_any_other(call, home, monkeypatch):
    monkeypatch.setenv("TINYLM_HOME", str(home / "out"))  # of the process that trains
    corpus = data.load("grammar-char")
    (home / "my.txt").write_text(corpus.vocabulary.decode(corpus.train[:12_000]))
    code, out, err = call("train --quick --corpus my.txt --device cpu --json")
    assert code == 0, err
    said = json.loads(out)
    network = said["runs"][-1]
    (mixed,) = said["mixtures"]
    assert mixed["beside"] == "counts and gated counts"
    assert [run["model"] for run in said["runs"]] == ["ngram", "gated-counts", "transformer"] and mixed["network"] == network["key"], err
    assert all(mixed["valid_nll"] <= run["valid_nll"] + 1e-4 for run in said["runs"]) and sum(mixed["weights"]) == pytest.approx(1)
    assert f"generate text with: python -m tinylm generate --model {mixed['key']} --prompt TEXT" in err
    code, out, _ = call(f"evaluate --model {mixed['key'][:6]} --json")
    assert code == 0 and json.loads(out)["nll"] == pytest.approx(mixed["test_nll"], abs=1e-4)
    code, out, _ = call(f"generate --model {mixed['file']} --prompt the --length 20")
    assert code == 0 and out.startswith("the")
    (listed,) = [line for line in call("models")[1].splitlines() if line.startswith(mixed["key"])]
    assert "KN-8" in listed and "my.txt" in listed
    (label,) = [label for label in Checkpoints(lambda config: True).scan() if " with " in label]
    assert label.startswith("my.txt") and "Transformer" in label and "KN-8" in label
    assert not [label for label in Checkpoints(lambda config: config.kind == "transformer").scan() if " with " in label]


def test_counts_are_made_beside_networks_of_texts_that_are_quickly_counted(monkeypatch):
    (network,) = [single.of_recipe("transformer", "grammar-char", flops=1e10)]
    counted, gated = quick.counts_beside([network])
    assert (
        counted.spec.is_counts and gated.spec.model.kind == "gated-counts" and {counted.spec.corpus, gated.spec.corpus} == {"grammar-char"}
    )
    assert 0 < recipes.passes(gated.spec) <= recipes.MANY_PASSES, "a short text is not read too often"
    assert not quick.counts_beside([counted, network]) and not quick.counts_beside([gated, network])
    monkeypatch.setattr(quick, "QUICKLY_COUNTED", 1_000)
    assert not quick.counts_beside([network])


def test_the_row_of_a_mixture_says_what_the_network_is_mixed_with_and_has_no_error_where_there_is_none():
    score = SimpleNamespace(nll=1.5, se=math.nan, perplexity=4.5)
    network = single.of_recipe("transformer", "grammar-char", flops=1e10)
    said = {"run": network, "record": SimpleNamespace(flops=10**10), "key": "a" * 16, "file": Path("a"), "weights": [0.5, 0.5]}
    mixed = quick.Mixed(**said, beside="counts and gated counts", valid_nll=1.5, test=score, seconds=1.0)
    assert mixed.facts()["test_se"] is None and mixed.facts()["beside"] == "counts and gated counts"
    assert mixed.row("a")[0] == "a, with counts and gated counts" and "1.5000" in mixed.row("a")


def test_the_next_command_is_for_the_best_model_and_a_mixture_that_gains_nothing_is_not(monkeypatch):
    runs = [single.of_recipe("gated-counts", "grammar-char", flops=1e10), single.of_recipe("transformer", "grammar-char", flops=1e10)]
    monkeypatch.setattr(train, "_weights", lambda spec: Path("a"))

    def best(mixed, mix=None, **nlls):
        asked = specs.SingleRuns(corpus="grammar-char", is_quick=not mix, mix=mix, fields={})
        scored = zip(runs, nlls.values(), strict=True)
        records = {run.spec.key: SimpleNamespace(valid=SimpleNamespace(nll=nll), spec=run.spec) for run, nll in scored}
        return train._best(SimpleNamespace(runs=asked), runs, records, [SimpleNamespace(valid_nll=mixed, key="both")])

    assert best(1.2, gated=1.3, network=1.4) == "both"
    assert best(1.2999, gated=1.3, network=1.4) == runs[0].spec.key
    assert best(1.2999, gated=1.4, network=1.3) == runs[1].spec.key
    assert best(1.2999, gated=1.3, network=1.4, mix="gated-counts") == "both", "what was asked for"


def test_without_a_mixture_the_next_command_is_for_the_best_network(monkeypatch, capsys):
    monkeypatch.setattr(train, "_weights", lambda spec: Path(spec.key))
    monkeypatch.setattr(train, "outcome", lambda name, record: [name] * len(train.OUTCOME))
    runs = [single.of_recipe("transformer", "grammar-char", flops=1e10, seed=seed) for seed in range(3)]
    valid = [SimpleNamespace(nll=1.5), SimpleNamespace(nll=1.4), None]  # the last one diverged
    records = {
        run.spec.key: SimpleNamespace(spec=run.spec, valid=score, test=None, diverged="") for run, score in zip(runs, valid, strict=True)
    }
    train._report(SimpleNamespace(is_study=False, label=lambda run: run.name), runs, records, [])
    assert f"--model {runs[1].spec.key} " in capsys.readouterr().out


def test_nothing_is_mixed_while_a_run_is_left():
    network = single.of_recipe("transformer", "grammar-char", flops=1e10)
    assert not list(quick.mixtures([*quick.counts_beside([network]), network], {}, None))


def test_counts_to_mix_are_named_and_gated_ones_are_no_network_to_mix():
    (network,) = [single.of_recipe("transformer", "grammar-char", flops=1e10)]
    (plain,), (gated,) = (quick.counts_to_mix([network], recipe) for recipe in ("counts", "gated-counts"))
    assert plain.spec.is_counts and gated.spec.model.kind == "gated-counts" and gated.budget == 10**10
    assert not list(quick.mixtures([gated, network], {}, None)) and not list(quick.mixtures([plain], {plain.spec.key: None}, None))
