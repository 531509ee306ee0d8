import dataclasses
import json
import time

import pytest
import torch
import torch.nn.functional as F
from commandline import run
from specs import LINEAR, MLP, TRANSFORMER, VOCAB_SIZE, spec

from tinylm import data, ledger
from tinylm.models.networks import build
from tinylm.report import tables, timings
from tinylm.training import bench, cpu
from tinylm.training.bench import roofline, rows, textbook
from tinylm.training.bench.timing import compare, per_call, unprepared

GPT = dataclasses.replace(rows.NANOGPT, context_length=8, n_layer=2, n_head=2, d_model=16, d_ff=24)
SMALL = dataclasses.replace(TRANSFORMER, attention_dropout=0.0, ffn_dropout=0.0, norm_place="pre")


@pytest.fixture
def small(monkeypatch, corpus):
    """A benchmark of tiny models in short bursts on the Markov corpus."""
    monkeypatch.setattr("tinylm.training.bench.timing.BURST", 0.0)
    monkeypatch.setattr(rows, "DENSE", SMALL)
    monkeypatch.setattr(roofline, "DENSE", SMALL)
    return rows.Bench("cpu", 1, corpus)


def gpt_weights(model):
    """Our weights under the names of the nanoGPT-style model."""
    names = {"positions.embedding": "positions", "embedding.weight": "tokens.weight", "attention.norm": "norm1", "ffn.0.norm": "norm2"}
    names |= {"ffn.0.layer.up": "up", "ffn.0.layer.down": "down", "attention.layer.out": "out"}
    found = {}
    for name, tensor in model.state_dict().items():
        for old, new in names.items():
            name = name.replace(old, new)
        found[name] = tensor
    for i in range(GPT.n_layer):
        parts = [found.pop(f"blocks.{i}.attention.layer.{part}.weight") for part in ("query", "key_value")]
        found[f"blocks.{i}.qkv.weight"] = torch.cat(parts)
    return found


def test_the_nanogpt_style_model_computes_our_loss():
    torch.manual_seed(0)
    ours, theirs = build(GPT, VOCAB_SIZE).double(), textbook.GPT(GPT, VOCAB_SIZE).double()
    theirs.load_state_dict(gpt_weights(ours))
    x_BT, y_BT = torch.randint(VOCAB_SIZE, (2, 3, 8))
    losses = [F.cross_entropy(logits.flatten(0, 1), y_BT.flatten()) for logits in (ours(x_BT, 8), theirs(x_BT))]
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize("config", [LINEAR, MLP], ids=lambda c: c.kind)
def test_the_textbook_feed_forward_models_compute_our_loss(config):
    torch.manual_seed(0)
    ours, theirs = build(config, VOCAB_SIZE).eval(), textbook.textbook_model(config, VOCAB_SIZE).eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x_BT = torch.randint(VOCAB_SIZE, (3, config.context_length))
    torch.testing.assert_close(ours(x_BT, 1), theirs(x_BT))


@pytest.mark.parametrize("make", [textbook.study_step, textbook.gpt_step])
def test_a_textbook_step_learns(corpus, make):
    torch.manual_seed(0)
    train = {"lr": 1e-2, "loss_at": "all", "optimizer": "adamw", "clip": 1.0} if make is textbook.gpt_step else {"lr": 1e-2}
    step = make(spec(GPT if make is textbook.gpt_step else TRANSFORMER, **train), corpus.train, VOCAB_SIZE, "cpu")
    losses = [step().item() for _ in range(60)]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_both_sides_of_a_row_are_called_and_the_process_is_put_back(monkeypatch):
    monkeypatch.setattr("tinylm.training.bench.timing.BURST", 0.0)
    cpu.prepare()
    before, seen = torch.backends.mkldnn.matmul.fp32_precision, []
    pair = compare(lambda: seen.append("ours"), unprepared(lambda: seen.append(torch.backends.mkldnn.matmul.fp32_precision)), 2, "cpu")
    assert seen.count("ours") == len(seen) / 2 == 8
    assert pair.ratio > 0
    assert torch.backends.mkldnn.matmul.fp32_precision == before
    assert not cpu.has_onednn() or "ieee" in seen


def test_a_call_is_timed_in_seconds():
    assert 0.01 < per_call(lambda: time.sleep(0.02), "cpu") < 0.1


def test_steps_and_the_roofline_are_measured(small):
    found = [*rows.dense_steps(small), *rows.evaluation(small)]
    assert all(row.ours > 0 and row.theirs > 0 and row.ratio > 0 for row in found)
    assert {row.unit for row in found} == {"GFLOP/s", "ms", "tokens/s"}
    shares = roofline.shares(small, "fp32", 1)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["matrix products"] > 0


def test_no_record_is_said_to_be_none():
    assert "tinylm bench" in timings.markdown({})


def test_a_size_changes_one_thing():
    assert roofline.sized("width", 64)[0] == dataclasses.replace(rows.DENSE, d_model=64, d_ff=128)
    assert roofline.sized("depth", 2)[0] == dataclasses.replace(rows.DENSE, n_layer=2)
    assert roofline.sized("batch", 4)[1].batch_size == 4


def test_the_machine_is_named(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nmodel name\t: Some CPU 9000\n")
    assert bench.processor(cpuinfo).startswith("Some CPU 9000, ")
    assert bench.processor(tmp_path / "none")


def test_the_command_saves_what_it_prints(monkeypatch, tmp_path, capsys):
    row = rows.Row("a step", "textbook", "ms", 1.0, 2.0, 2.0, 1.5)
    facts = {
        "machine": {"device": "cpu", "threads": "2", "python": "3", "torch": "2", "date": "2026-11-20"},
        "rows": [dataclasses.asdict(row)],
    }
    monkeypatch.setattr(bench, "run", lambda device, rounds, said: said(row) or facts)
    code, out, _ = run(capsys, f"bench --json {tmp_path / 'b.json'}")
    assert code == 0
    assert json.loads((tmp_path / "b.json").read_text()) == facts
    assert "a step against textbook: 2.00" in out


def test_a_file_that_cannot_be_written_is_known_before_measuring(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "run", lambda *_: pytest.fail("measured first"))
    (tmp_path / "file").touch()
    code, _, err = run(capsys, f"bench --json {tmp_path / 'file' / 'b.json'}")
    assert code == 2
    assert "cannot write" in err
    code, _, err = run(capsys, f"bench --json {tmp_path}")
    assert code == 2
    assert "name a file" in err


def test_an_interrupted_benchmark_leaves_the_record(monkeypatch, tmp_path, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "run", interrupted)
    (tmp_path / "b.json").write_text("kept")
    assert run(capsys, f"bench --json {tmp_path / 'b.json'}")[0] == 130
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("b.json", "kept")]


def test_the_recorded_timings_make_a_table_and_sentences():
    facts = timings.recorded()
    _, *lines = timings.cells(facts)
    assert len(lines) == len(facts["rows"]) == len(tables.timed(facts))
    assert timings.markdown(facts).count("\n|") == len(lines) + 1
    short = [row for row in facts["rows"] if row["wanted"] > 0 and row["ratio"] < row["wanted"]]
    assert all(row["work"] in timings.reading(facts) for row in short)
    assert ledger.rounded(0.123456789) == 0.1234568


def test_a_pool_of_runs_is_timed_by_their_own_seconds(small):
    bench = dataclasses.replace(small, corpus=data.load("grammar-char"))
    runs = [dataclasses.replace(spec(LINEAR, steps=2_000, eval_tokens=20), corpus="grammar-char")]
    assert rows._pool_seconds(bench, runs, 1) > 0
