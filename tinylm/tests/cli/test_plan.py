"""`plan` as it is typed, on a text of one's own."""

import json
from types import SimpleNamespace

import pytest

from tinylm import data, files, ledger
from tinylm.cli import plan

PUBLISHED = files.LEDGER
FLAGS = ["--budget 1e11 --go --json", "--budget 1e11 --level letter", "--budget 1e30"]


@pytest.fixture
def text(home, monkeypatch):
    """A file of 12,000 characters of the grammar, beside the study's records."""
    monkeypatch.setattr(files, "LEDGER", PUBLISHED)
    known = data.load("grammar-char")
    (home / "my.txt").write_text(known.vocabulary.decode(known.train[:12_000]))
    return "my.txt"


def test_a_plan_says_what_to_train_and_train_says_the_same(call, text):
    code, out, err = call(f"plan --corpus {text} --budget 3e10 --device cpu")
    assert code == 0, err
    assert "Train: Gated counts. Expect a valid NLL of " in out and "bits per byte" in out
    command = out.splitlines()[-1].strip()
    assert command.startswith("python -m tinylm train --recipe gated-counts --corpus text-")
    code, out, err = call(f"plan --corpus {text} --budget 3e10 --device cpu --json")
    facts = json.loads(out)
    assert code == 0 and facts["choices"][0]["command"] == command and facts["spent"] == 0
    best = facts["choices"][0]
    assert best["low"] < best["valid_nll"] < best["high"] and best["percent"] == 80 and best["seconds"] > 0


def test_go_trains_what_is_advised(call, text):
    code, out, err = call(f"plan --corpus {text} --budget 1e10 --go --device cpu")
    assert code == 0, err
    (line,) = [line for line in out.splitlines() if line.strip().startswith("python -m tinylm train --recipe ")]
    corpus = line.split()[line.split().index("--corpus") + 1]
    trained = [record for record in ledger.known().records.values() if record.spec.corpus == corpus and not record.spec.is_counts]
    assert len(trained) == 1 and "test NLL" in out
    assert "(80 %), as counts of this text let expect" in out, "train says the same"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.txt", None),
        ("empty.txt", b""),
        ("blank.txt", b" \n" * 9),
        ("one.txt", b"a"),
        ("same.txt", b"a" * 9_000),
        ("short.txt", b"a few words"),
        ("context.txt", b"some words. " * 90),
        ("binary.txt", bytes(range(256)) * 50),
        ("nul.txt", b"a\0b" * 5_000),
    ],
)
def test_a_bad_text_is_one_line(refused, home, name, content):
    if content is not None:
        (home / name).write_bytes(content)
    said = refused(f"plan --corpus {name} --budget 1e11 --device cpu")
    assert len([line for line in said.splitlines() if line.startswith("error: ")]) == 1


def test_a_huge_file_is_refused_before_it_is_read(refused, home):
    with (home / "huge.txt").open("wb") as file:
        file.truncate(10**9)
    assert "huge.txt has 1,000 MB" in refused("plan --corpus huge.txt --budget 1e11")


@pytest.mark.parametrize(
    "words",
    ["", "--budget 0", "--budget -1", "--budget nan", "--budget inf", "--budget much", "--minutes 0", "--budget 9 --minutes 3", *FLAGS],
)
def test_a_bad_budget_is_one_line(refused, text, words):
    refused(f"plan --corpus {text} {words}")


def test_a_budget_below_a_step_leaves_counts(call, text):
    code, out, _ = call(f"plan --corpus {text} --budget 5 --device cpu")
    assert code == 0 and "Train: Counts (" in out and "--recipe counts" in out


def test_a_simpler_model_that_leads_says_why():
    def offer(title, nll, is_known=True):
        return SimpleNamespace(title=title, is_known=is_known, seen=SimpleNamespace(nll=nll))

    offers = [offer("Counts", 1.000), offer("Both", 0.997), offer("Transformer", 0.999), offer("LSTM", 0.5, is_known=False)]
    told = "Both: expected 0.003 lower, 0.3 %. Of models within 0.4 % the simplest is advised."
    assert plan._passed_over(offers) == [told] and plan._passed_over(offers[1:]) == []


def test_the_largest_file_is_said_in_megabytes():
    assert plan.LARGEST == 100 * 10**6


@pytest.mark.parametrize(
    ("recorded", "is_known", "shown"), [((10**11,), False, "above 0.629"), ((10**9,), False, "below 0.629"), ((10**10,), True, "0.629")]
)
def test_a_loss_at_another_budget_than_is_recorded_is_a_bound(recorded, is_known, shown):
    facts = {"title": "MLP", "n_params": 9, "context": 8, "steps": 7, "passes": 0.5, "flops": 10**10, "low": None, "bits_per_byte": 0.9}
    offer = SimpleNamespace(budget=10**10, recorded=recorded)
    choice = SimpleNamespace(facts=lambda: facts | {"known": is_known, "valid_nll": 0.629}, offer=offer, seconds=None)
    row = dict(zip(plan.HEADER, plan._row(choice), strict=True))
    assert row["valid NLL"] == shown and row["bits per byte"] == shown.replace("0.629", "0.900")
