import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from specs import LINEAR, LSTM, MLP, MOGRIFIED, TRANSFORMER, VOCAB_SIZE, spec

from tinylm import ledger
from tinylm.config import ConfigError, NgramConfig
from tinylm.evaluation import weights
from tinylm.evaluation.nlls import token_nlls
from tinylm.flops import run_cost, window_flops
from tinylm.ledger import versions
from tinylm.models import checkpoint
from tinylm.models.networks import build
from tinylm.models.networks.threads import threads
from tinylm.training import loop
from tinylm.training.loop import Hooks, Interrupted

DROPOUT = dataclasses.replace(TRANSFORMER, embedding_dropout=0.1, projection_dropout=0.1)
POINTING = dataclasses.replace(DROPOUT, pointer=4, output_dropout=0.1, dropout_kind="variational", attention_window=2)
RUN = {"epochs": 2, "n_evals": 4, "lr": 3e-3}  # 16 steps of 4 windows, every 8th of 2
ADAMW = {"loss_at": "all", "optimizer": "adamw", "weight_decay": 0.1, "schedule": "cosine", "warmup": 0.5, "clip": 0.5, "beta2": 0.95}
MUON = {"optimizer": "muon", "adam_lr": 1e-3, "weight_decay": 0.1, "schedule": "wsd", "decay": 0.5, "clip": 0.5}
FALLING = MUON | {"weight_decay_schedule": "linear"}
EMA = {"average": "ema", "ema_decay": 0.6}
MOVED = (
    "these numbers moved: bump the version of the {} in tinylm/ledger/versions.py, which makes the published records stale, "
    "or undo the change that moved them"
)
GOLDEN = {
    "last adam": (
        spec(DROPOUT, n_evals=3, lr=1e-2),
        [2.3572197, 2.5122533, 2.5796723],
        [2.580518, 2.5556233, 2.4926766],
    ),
    "last adam, feed-forward": (
        spec(MLP, n_evals=3, lr=1e-2),
        [2.5262601, 2.3502173, 2.5410366],
        [2.4081183, 2.4032875, 2.3951252],
    ),
    "all adamw, warm-up, cosine, clipping": (
        spec(DROPOUT, n_evals=3, lr=1e-2, **ADAMW),
        [2.6492059, 2.3961468, 2.2831461],
        [2.4547396, 2.3285679, 2.206298],
    ),
    "all adamw, every variant": (
        spec(
            dataclasses.replace(
                DROPOUT,
                n_kv_head=1,
                norm="rms",
                norm_place="pre",
                position="rope",
                ffn="swiglu",
                qk_norm=True,
                tied=True,
                bias=False,
                init="scaled",
            ),
            n_evals=3,
            lr=1e-2,
            **ADAMW,
        ),
        [2.4416621, 2.31637, 2.2048309],
        [2.3175573, 2.2029695, 2.1305642],
    ),
    "last muon, wsd": (spec(DROPOUT, n_evals=3, lr=1e-2, **MUON), [2.3572197, 2.5148623, 2.3893282], [2.5540541, 2.5449244, 2.536725]),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_three_steps_are_pinned(corpus, name):
    planned, train_nll, valid_nll = GOLDEN[name]
    curve = loop.train(planned, corpus).curve
    what = f"protocol {planned.train.loss_at!r} or the optimizer {planned.train.optimizer!r}"
    rel = 1e-3 if planned.train.optimizer == "muon" else 1e-5  # its products are in bf16, which processors round differently
    assert [point["train_nll"] for point in curve] == pytest.approx(train_nll, rel=rel), MOVED.format(what)
    assert [point["valid_nll"] for point in curve] == pytest.approx(valid_nll, rel=rel), MOVED.format(what)


@pytest.fixture
def every_step(monkeypatch):
    monkeypatch.setattr(loop, "CHECK_EVERY", 1)


def stop_at(*calls):
    """A `stop` that says yes when it is asked for the n-th time."""
    counter = itertools.count(1)
    return lambda: next(counter) in calls


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (DROPOUT, {}),
        (DROPOUT, ADAMW),
        (DROPOUT, MUON),
        (DROPOUT, EMA),
        (dataclasses.replace(LSTM, layer_dropout=0.1), MUON | EMA),
        (POINTING, {"loss_at": "all", "precision": "bf16"} | MUON),
        (dataclasses.replace(MOGRIFIED, weight_dropout=0.1), {"loss_at": "all", "precision": "bf16"} | FALLING),
    ],
    ids=["last adam", "all adamw", "last muon", "averaged", "lstm muon averaged", "pointer all muon bf16", "mogrified decay falls"],
)
@pytest.mark.parametrize("stops", [(1,), (7, 1, 1), (3, 5, 3), (8,), (15,)], ids=str)
def test_an_interrupted_run_ends_with_the_same_bits(corpus, tmp_path, every_step, model, settings, stops):
    planned = spec(model, **RUN, **settings)
    whole = loop.train(planned, corpus, hooks=Hooks(weights=tmp_path / "whole"))
    state = tmp_path / "state"
    for n_steps in stops:
        with pytest.raises(Interrupted, match="of 16"):
            loop.train(planned, corpus, hooks=Hooks(checkpoint=state, stop=stop_at(n_steps)))
        torch.manual_seed(12345)  # a new process's random state is another
    assert checkpoint.facts(state)["history"]["step"] == sum(stops)
    resumed = loop.train(planned, corpus, hooks=Hooks(checkpoint=state, weights=tmp_path / "resumed"))
    timeless = {"seconds": 0.0, "curve_seconds": []}
    assert dataclasses.replace(resumed, **timeless) == dataclasses.replace(whole, **timeless)
    weights = [load_file(tmp_path / name) for name in ("whole", "resumed")]
    assert all(torch.equal(weights[0][name], tensor) for name, tensor in weights[1].items())


def test_the_best_weights_survive_an_interruption(corpus, tmp_path, every_step):
    planned, state = spec(steps=20, n_evals=10, lr=0.3), tmp_path / "state"
    whole = loop.train(planned, corpus)
    with pytest.raises(Interrupted):
        loop.train(planned, corpus, hooks=Hooks(checkpoint=state, stop=stop_at(19)))
    assert whole.best_step < 19, "this test needs a run that ends worse than it was"
    assert loop.train(planned, corpus, hooks=Hooks(checkpoint=state)).test == whole.test


def test_looking_more_often_changes_nothing(corpus, monkeypatch):
    planned = spec(DROPOUT, **RUN)
    rare = loop.train(planned, corpus)
    monkeypatch.setattr(loop, "CHECK_EVERY", 1)
    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    often = loop.train(planned, corpus)
    assert dataclasses.replace(often, seconds=rare.seconds, curve_seconds=rare.curve_seconds) == rare


def test_a_checkpoint_is_saved_as_time_passes(corpus, tmp_path, every_step, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    steps, state = [], tmp_path / "state"

    def progress(now):
        steps.append((now.step, now.num_steps, now.flops, checkpoint.facts(state)["history"]["step"] if state.exists() else 0))

    loop.train(spec(**RUN), corpus, hooks=Hooks(checkpoint=state, progress=progress))
    per_window = window_flops(spec(), VOCAB_SIZE)[0]
    windows = [4 * step - 2 * (step // 8) for step in range(1, 17)]
    assert steps == [(step, 16, n * per_window, step - 1) for step, n in enumerate(windows, 1)]


def test_reports_of_a_run_add_up_to_its_curve(corpus, tmp_path, every_step):
    planned, state, told = spec(**RUN), tmp_path / "state", []
    with pytest.raises(Interrupted):
        loop.train(planned, corpus, hooks=Hooks(checkpoint=state, progress=told.append, stop=stop_at(5)))
    curve = loop.train(planned, corpus, hooks=Hooks(checkpoint=state, progress=told.append)).curve
    assert [now.step for now in told] == list(range(1, 17))
    assert [(now.step, now.valid_nll) for now in told if now.valid_nll] == [(point["step"], point["valid_nll"]) for point in curve]
    assert [now.tokens_seen for now in told if now.valid_nll] == [point["tokens_seen"] for point in curve]
    windows = [4 - 2 * (step % 8 == 0) for step in range(1, 17)]
    first = curve[0]["step"]
    mean = sum(n * now.train_nll for n, now in zip(windows[:first], told, strict=False)) / sum(windows[:first])
    assert mean == pytest.approx(curve[0]["train_nll"], rel=1e-9)
    assert all(before.seconds < after.seconds for before, after in itertools.pairwise(told))


def test_without_a_checkpoint_an_interrupted_run_starts_again(corpus, every_step):
    planned = spec(**RUN)
    with pytest.raises(Interrupted, match="stopped at step 2 of 16"):
        loop.train(planned, corpus, hooks=Hooks(stop=stop_at(2)))
    assert loop.train(planned, corpus).curve == loop.train(planned, corpus).curve


def anew(planned, corpus, state):
    """The steps that a run reports beside an unusable checkpoint, and its one warning; it ends like a run in one piece."""
    steps, said = [], []
    hooks = Hooks(checkpoint=state, progress=lambda now: steps.append(now.step), warn=said.append)
    assert loop.train(planned, corpus, hooks=hooks).curve == loop.train(planned, corpus).curve
    (warning,) = said
    assert state.with_name("state.bad").exists() and "it is set aside as state.bad, and the run starts anew" in warning
    return steps, warning


def interrupted(planned, corpus, state):
    with pytest.raises(Interrupted):
        loop.train(planned, corpus, hooks=Hooks(checkpoint=state, stop=stop_at(5)))


def test_a_checkpoint_of_another_version_is_set_aside(corpus, tmp_path, every_step, monkeypatch):
    planned, state = spec(**RUN), tmp_path / "state"
    interrupted(planned, corpus, state)
    monkeypatch.setitem(versions.PROTOCOLS, "last", 9)
    steps, warning = anew(planned, corpus, state)
    assert steps[0] == 1 and "state is of another version" in warning


def test_a_checkpoint_of_another_seed_is_set_aside(corpus, tmp_path, every_step):
    state = tmp_path / "state"
    interrupted(spec(**RUN, seed=1), corpus, state)
    steps, warning = anew(spec(**RUN), corpus, state)
    assert steps[0] == 1 and "state is of another key" in warning


def flipped(content):
    """One bit of the last tensor is another."""
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"\xff" * len(b), flipped])
def test_a_damaged_checkpoint_is_set_aside(corpus, tmp_path, every_step, damage):
    state = tmp_path / "state"
    interrupted(spec(**RUN), corpus, state)
    state.write_bytes(damage(state.read_bytes()))
    steps, warning = anew(spec(**RUN), corpus, state)
    assert steps[0] == 1 and "state is not a readable checkpoint" in warning


def test_a_checkpoint_that_fits_only_in_part_leaves_nothing_behind(corpus, tmp_path, every_step):
    planned, state = spec(DROPOUT, **RUN), tmp_path / "state"
    interrupted(planned, corpus, state)
    tensors, facts = checkpoint.load(state)
    checkpoint.save(state, {name: t for name, t in tensors.items() if name != "random.cpu"}, facts)
    steps, warning = anew(planned, corpus, state)
    assert steps[0] == 1 and "state does not fit the run (KeyError" in warning


def test_a_run_goes_on_with_the_threads_of_its_checkpoint(corpus, tmp_path, every_step):
    planned, state = spec(**RUN), tmp_path / "state"
    with threads(2):
        interrupted(planned, corpus, state)
    with threads(1):
        found, said = [], []
        hooks = Hooks(checkpoint=state, progress=lambda now: found.append(torch.get_num_threads()), warn=said.append)
        assert loop.train(planned, corpus, hooks=hooks).environment["threads"] == "2"
        assert set(found) == {2} and said == [] and torch.get_num_threads() == 1


def test_a_run_that_cannot_go_on_as_it_began_says_so(corpus, tmp_path, every_step, monkeypatch):
    planned, state, said = spec(**RUN), tmp_path / "state", []
    interrupted(planned, corpus, state)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)  # as where PyTorch's own pool of threads has begun to work
    made_by = loop.environment(torch.device("cpu")) | {"threads": "3", "torch": "1.0"}
    tensors, facts = checkpoint.load(state)
    checkpoint.save(state, tensors, facts | {"environment": made_by})
    loop.train(planned, corpus, hooks=Hooks(checkpoint=state, warn=said.append))
    (warning,) = said
    assert f"threads 3, now {torch.get_num_threads()}; torch 1.0, now {torch.__version__}: last digits may differ" in warning


def test_a_record_states_what_was_planned(corpus, tmp_path):
    planned = spec(**RUN)
    record = loop.train(planned, corpus, hooks=Hooks(weights=tmp_path / "weights"))
    cost = dataclasses.asdict(run_cost(planned, corpus.info))
    assert cost == {name: getattr(record, name) for name in cost}
    assert (record.spec, record.status, record.version, record.vocab_size) == (planned, "done", "last-1 adam-1", VOCAB_SIZE)
    assert [point["step"] for point in record.curve] == [4, 8, 12, 16]
    assert [point["tokens_seen"] for point in record.curve] == [16, 30, 46, 60]
    assert record.curve[-1]["flops"] == record.flops
    assert {split: (s.n_tokens, s.start, s.min_context) for split, s in (("v", record.valid), ("t", record.test))} == {
        "v": (50, 8, 8),
        "t": (50, 8, 8),
    }
    assert record.corpus_sha256 == corpus.info.sha256
    assert record.environment.keys() == {"device", "threads", "python", "torch", "numpy"}
    assert ledger.read(ledger.write(record, tmp_path / "ledger")).spec == planned


def test_the_kept_weights_give_the_record(corpus, tmp_path):
    planned = spec(**RUN)
    record = loop.train(planned, corpus, hooks=Hooks(weights=tmp_path / "weights"))
    model = build(TRANSFORMER, VOCAB_SIZE)
    checkpoint.load_weights(model, tmp_path / "weights")
    for score, ids in ((record.valid, corpus.valid), (record.test, corpus.test)):
        assert score.nll == pytest.approx(token_nlls(model, torch.from_numpy(ids.astype(np.int32)), planned).mean(), rel=1e-6)
    facts = json.loads(json.dumps(weights.facts(planned, corpus)))  # a tuple is read as a list
    assert checkpoint.load(tmp_path / "weights")[1] == facts | {"seconds": record.seconds}


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_best_or_the_last_weights_are_tested(corpus, keep):
    record = loop.train(spec(steps=20, n_evals=10, lr=0.3, keep=keep), corpus)
    curve = {point["step"]: point["valid_nll"] for point in record.curve}
    best = min(curve, key=curve.get)
    assert best != 20, "this test needs a run that ends worse than it was"
    assert record.best_step == (best if keep == "best" else 20)
    assert record.valid.nll == pytest.approx(curve[record.best_step], rel=1e-9)


@pytest.mark.parametrize(("model", "optimizer"), [(LINEAR, "adam"), (TRANSFORMER, "adam"), (TRANSFORMER, "muon")])
def test_steps_epochs_and_flops_bound_the_same_run(corpus, model, optimizer):
    settings = {"batch_size": 5, "n_evals": 3, "optimizer": optimizer}
    by_epochs = loop.train(spec(model, epochs=2, **settings), corpus)
    assert (by_epochs.steps, by_epochs.windows) == (12, 60)
    budget = by_epochs.flops + by_epochs.flops // 12 - 1  # one FLOP short of another step
    for bound in ({"steps": 12}, {"flops": by_epochs.flops}, {"flops": budget}):
        other = loop.train(spec(model, **bound, **settings), corpus)
        assert (other.curve, other.test, other.flops) == (by_epochs.curve, by_epochs.test, by_epochs.flops)


@pytest.mark.parametrize("n_evals", [1, 3, 13])
def test_the_training_loss_is_the_mean_over_windows_of_any_batch_size(corpus, n_evals):
    """Weights that do not move: the mean over an epoch that visits every window once is the NLL of the training text."""
    still = spec(LINEAR, epochs=1, sampling="shuffled", windows_per_epoch=0, train_tokens=54, lr=1e-30, n_evals=n_evals)
    curve = loop.train(still, corpus).curve
    torch.manual_seed(0)
    nll_N = token_nlls(build(LINEAR, VOCAB_SIZE), torch.from_numpy(corpus.train[:54].astype(np.int32)), spec(LINEAR, eval_tokens=0))
    windows = np.diff([0, *(point["tokens_seen"] for point in curve)])
    assert (len(nll_N), windows.sum()) == (50, 50)
    assert np.average([point["train_nll"] for point in curve], weights=windows) == pytest.approx(nll_N.mean(), rel=1e-5)


@pytest.mark.parametrize("steps", [1, 3, 200])
@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_a_run_that_blows_up_has_diverged(corpus, tmp_path, monkeypatch, steps, keep, optimizer):
    monkeypatch.setattr(loop, "LOOK_AFTER", float("inf"))  # a slow machine looks at the loss more often
    planned = spec(steps=steps, lr=1e30, keep=keep, optimizer=optimizer)
    record = loop.train(planned, corpus, hooks=Hooks(weights=tmp_path / "weights"))
    assert (record.status, record.valid, record.test) == ("diverged", None, None)
    assert record.steps == min(steps, loop.CHECK_EVERY)
    shorter = run_cost(spec(steps=record.steps, optimizer=optimizer), corpus.info)
    assert {name: getattr(record, name) for name in dataclasses.asdict(shorter)} == dataclasses.asdict(shorter)
    assert not (tmp_path / "weights").exists()
    assert ledger.read(ledger.write(record, tmp_path)).status == "diverged"


@pytest.mark.parametrize(
    "planned",
    [
        spec(LINEAR, eval_context=3),
        spec(eval_context=9),
        spec(eval_stride=9),
        spec(eval_start=3),
        spec(eval_start=10_000),
        spec(train_tokens=8),
        spec(flops=10),
        spec(NgramConfig(order=2)),
    ],
)
def test_a_spec_that_cannot_run_is_refused_before_any_work(corpus, planned):
    def progress(now):
        pytest.fail("it trained")

    with pytest.raises(ConfigError):
        loop.train(planned, corpus, hooks=Hooks(progress=progress))


def test_seeds_give_other_runs_and_the_same_seed_the_same(corpus):
    runs = [loop.train(spec(DROPOUT, seed=seed, **RUN), corpus) for seed in (0, 0, 1)]
    assert runs[0].curve == runs[1].curve
    assert runs[0].curve != runs[2].curve


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (LINEAR, {"lr": 0.02}),
        (dataclasses.replace(TRANSFORMER, n_layer=1), {"lr": 0.01, "loss_at": "all", "optimizer": "adamw", "schedule": "cosine"}),
        (
            dataclasses.replace(TRANSFORMER, n_layer=1),
            {"lr": 0.02, "loss_at": "all", "optimizer": "muon", "schedule": "wsd", "average": "ema"},
        ),
        (LSTM, {"lr": 0.03, "loss_at": "all", "optimizer": "adamw", "schedule": "wsd"}),
    ],
    ids=["linear", "transformer", "muon averaged", "lstm"],
)
def test_models_learn_what_follows_what(corpus, model, settings):
    """Below the unigram entropy by far, and not below what the noise allows."""
    record = loop.train(spec(model, steps=150, batch_size=32, windows_per_epoch=0, **settings, eval_tokens=400), corpus)
    counts = np.bincount(corpus.train, minlength=VOCAB_SIZE) / len(corpus.train)
    unigram = -(counts * np.log(counts)).sum()
    p = 0.9 + 0.1 / VOCAB_SIZE
    floor = -p * math.log(p) - (1 - p) * math.log(0.1 / VOCAB_SIZE)
    assert floor - 3 * record.test.se < record.test.nll < 0.6 * unigram
