"""`generate`, `chat` and `evaluate` with tiny models trained on the spot, through the command line."""

import io
import json
import math

import pytest
from records import made

from tinylm import data, files, ledger
from tinylm.cli import evaluate, models
from tinylm.config import LinearConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.training import pool

pytestmark = pytest.mark.usefixtures("home")
TRAIN = TrainConfig(steps=30, eval_tokens=300, lr=3e-3)
SHAPE = TransformerConfig(context_length=16, n_layer=2, n_head=2, d_model=16, d_ff=16)
SPECS = {
    "last": RunSpec(corpus="grammar-char", model=SHAPE, train=TRAIN),
    "all": RunSpec(corpus="grammar-char", model=SHAPE, train=TrainConfig(steps=30, eval_tokens=300, lr=3e-3, loss_at="all", eval_stride=4)),
    "linear": RunSpec(corpus="grammar-char", model=LinearConfig(context_length=8, d_model=8), train=TRAIN),
    "words": RunSpec(corpus="grammar-word", model=SHAPE, train=TRAIN),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Records of the four specs, with their weights in a folder."""
    settings = pool.Settings(weights=tmp_path_factory.mktemp("weights"), checkpoints=tmp_path_factory.mktemp("checkpoints"))
    return {name: pool.run_one(spec, settings, lambda *_: None, lambda: False) for name, spec in SPECS.items()}, settings.weights


@pytest.fixture
def keys(home, trained, monkeypatch):
    """The keys of the trained runs, whose records and weights lie in this home."""
    records, folder = trained
    monkeypatch.setattr(files, "WEIGHTS", folder)
    for record in records.values():
        ledger.write(record, files.LOCAL_LEDGER / "local")
    return {name: record.spec.key for name, record in records.items()}


@pytest.mark.parametrize("name", SPECS)
def test_a_prompt_is_continued_the_same_way_each_time(call, keys, name):
    prompt = "a " if name != "words" else data.load("grammar-word").vocab[5]
    line = ["generate", "--model", keys[name], "--prompt", prompt, "--length", "40"]
    code, out, err = call(line)
    assert code == 0 and out.startswith(prompt) and out == call(line)[1] != call([*line, "--seed", "1"])[1]
    assert ("fills the window" in err) == (name != "all")
    found = json.loads(call([*line, "--json"])[1])
    assert prompt + found["text"] + "\n" == out and found["model"] == keys[name] and found["tokens"] == 40
    assert name == "words" or len(found["text"]) == 40


def test_no_temperature_needs_no_seed(call, keys):
    line = f"generate --model {keys['all'][:9]} --temperature 0 --length 50"
    assert call(line)[1] == call(f"{line} --seed 9")[1]


MISTAKES = {
    "generate": "are not here; train it with: python -m tinylm train --run",
    "generate --model RoPE@7": "no run is called 'RoPE@7'",
    "generate --model no.safetensors": "no.safetensors is not a file",
    "generate --model {last} --prompt é": "grammar-char has no 'é'; leave it out",
    "generate --model {last} --length 0": "'0' is not a whole number from 1 up",
    "generate --model {last} --temperature -1": "'-1' is not a temperature from 0 up",
    "generate --model {last} --temperature nan": "'nan' is not a temperature",
    "generate --model {last} --top-k x": "'x' is not a whole number from 0 up",
    "chat --model RoPE": "train it with: python -m tinylm train --run",
    "evaluate --model {last} --split tset": "invalid choice: 'tset'",
    "evaluate --model {last} --split valid --file a.txt": "not allowed with argument",
    "evaluate --model {last} --file absent.txt": "cannot read absent.txt: No such file",
    "evaluate --model {last} --file foreign.txt": "foreign.txt has 3 characters ('é' 2 times, '€' 1 times) outside grammar-char's",
    "evaluate --model {last} --file latin.txt": "latin.txt is not UTF-8 (byte 1)",
    "evaluate --model {last} --file short.txt": "short.txt has 3 tokens, and the first 16 are context only",
    "evaluate --model {last} --context 17": "lower the first two",
    "evaluate --model {linear} --context 4": "linear reads exactly 8 tokens",
    "evaluate --model {linear} --stride 2": "predicts one token per window",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(call, keys, line, home, monkeypatch):
    monkeypatch.chdir(home)
    (home / "foreign.txt").write_text("aé€é", encoding="utf-8")
    (home / "latin.txt").write_bytes(b"a\xe9")
    (home / "short.txt").write_text("abc", encoding="utf-8")
    code, out, err = call(line.format(**keys))
    assert code == 2 and not out
    assert MISTAKES[line] in err and "Traceback" not in err


def chat(call, monkeypatch, key, *lines, flags="--length 20 --temperature 0.9"):
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return call(f"chat --model {key} {flags}")


def test_a_chat_obeys_and_continues(call, keys, monkeypatch):
    code, out, err = chat(call, monkeypatch, keys["last"], "temp 0.3", "topk 40", "length 5", "seed 3", "help", "models", "a", "quit", "a")
    lines = out.splitlines()
    assert code == 0 and not err
    assert lines[3] == f"[grammar-char transformer {keys['last']}: temp 0.3, topk 40, length 5, seed 3]"
    assert "leave, as Ctrl-D does" in out and all(key in out for key in keys.values())
    flags = ["--temperature", "0.3", "--top-k", "40", "--length", "5", "--seed", "3"]
    alone = call(["generate", "--model", keys["last"], "--prompt", "a", *flags])[1]
    assert out.endswith(alone)


def test_a_chat_outlives_mistakes(call, keys, monkeypatch):
    code, out, err = chat(
        call, monkeypatch, keys["last"], "temp hot", "model nobody", "é", "length 0", "", " temp a", f"model {keys['all']}"
    )
    assert code == 0 and err.count("error: ") == 4 and "Traceback" not in err
    assert "\ntemp a" in f"\n{out}" and out.splitlines()[-1].startswith(f"[grammar-char transformer {keys['all']}: temp 0.9")


def test_each_continuation_has_its_own_seed(call, keys, monkeypatch):
    first = chat(call, monkeypatch, keys["all"], "length 60", "seed 1", "a", "seed 2", "a")[1]
    second = chat(call, monkeypatch, keys["all"], "length 60", "seed 1", "a", "a")[1]
    assert [line for line in first.splitlines() if line[0] != "["] == [line for line in second.splitlines() if line[0] != "["]


def test_ctrl_c_stops_the_continuation_and_not_the_chat(call, keys, monkeypatch):
    real = models.pieces

    def interrupted(trained, prompt, sampling):
        if prompt == "a":
            return real(trained, prompt, sampling)
        return (piece if i < 3 else _raise() for i, piece in enumerate(real(trained, prompt, sampling)))

    def _raise():
        raise KeyboardInterrupt

    monkeypatch.setattr(models, "pieces", interrupted)
    code, out, _ = chat(call, monkeypatch, keys["last"], "b", "length 4", "a")
    assert code == 0 and "length 4" in out and "\na" in out


@pytest.mark.parametrize("name", SPECS)
def test_a_record_is_reproduced(call, keys, trained, name):
    for split in ("valid", "test"):
        found = json.loads(call(f"evaluate --model {keys[name]} --split {split} --json")[1])
        score = getattr(trained[0][name], split)
        assert math.isclose(found["nll"], score.nll, rel_tol=1e-6) and math.isclose(found["se"], score.se, rel_tol=1e-4)
        assert found["tokens"] == score.n_tokens == 300 and math.isclose(found["record_nll"], score.nll, rel_tol=1e-6)


def test_bits_are_counted_per_character(call, keys):
    for name in ("last", "words"):
        found = json.loads(call(f"evaluate --model {keys[name]} --json")[1])
        ids = data.load(SPECS[name].corpus).test[16:316]
        text = data.load(SPECS[name].corpus).decode(ids).replace(" \n ", " \n")
        assert found["characters"] == (300 if name == "last" else len(text) + 1)
        assert math.isclose(found["bits_per_character"], found["nll"] * 300 / found["characters"] / math.log(2))
        assert math.isclose(found["perplexity"], math.exp(found["nll"]))


def test_a_text_of_ones_own_is_scored_to_its_end(call, keys, home):
    text = data.load("grammar-char")
    (home / "my.txt").write_text(text.decode(text.test[:316]), encoding="utf-8")
    own = json.loads(call(["evaluate", "--model", keys["last"], "--file", str(home / "my.txt"), "--json"])[1])
    split = json.loads(call(f"evaluate --model {keys['last']} --json")[1])
    assert (own["nll"], own["tokens"], own["record_nll"]) == (split["nll"], 300, None)
    code, out, _ = call(["evaluate", "--model", keys["all"], "--file", str(home / "my.txt"), "--stride", "2", "--context", "8"])
    assert code == 0 and "308 tokens from token 8 on; windows of 8 tokens score their last 2, so each token sees 7 or more" in out


def test_other_windows_score_the_records_tokens(call, keys):
    found = json.loads(call(f"evaluate --model {keys['all']} --stride 2 --context 8 --json")[1])
    assert (found["start"], found["tokens"], found["min_context"], found["record_nll"]) == (16, 300, 7, None)


def test_a_recorded_run_is_trained_again_for_its_weights(call, home, monkeypatch):
    record = made()
    ledger.write(record, files.LEDGER / "local")
    asked = []
    monkeypatch.setattr(pool, "train_all", lambda planned, settings, done, watch: asked.extend(planned) or done(planned[0], record) or [])
    monkeypatch.setattr(pool, "expected_speed", lambda settings, seconds: 1e9)
    code, out, _ = call(f"train --run {record.spec.key}")
    assert code == 0 and [run.spec for run in asked] == [record.spec] and "1 to train" in out
    files.WEIGHTS.mkdir(parents=True)
    (files.WEIGHTS / f"{record.spec.key}.safetensors").touch()
    assert "1 recorded, 0 to train" in call(f"train --run {record.spec.key}")[1]


@pytest.mark.parametrize(("unknown", "warns"), [(20, False), (21, True)])
def test_a_text_mostly_outside_the_vocabulary_is_said_to_tell_little(unknown, warns):
    found = {"model": "m", "text": "t", "nll": 1.0, "se": 0.1, "perplexity": 2.7, "bits_per_character": 1.0, "tokens": 100, "start": 8}
    found |= {"unknown": unknown, "context": 8, "stride": 1, "min_context": 8, "record_nll": None}
    assert (evaluate.TOO_MANY_UNKNOWN in evaluate._text(found)) is warns
