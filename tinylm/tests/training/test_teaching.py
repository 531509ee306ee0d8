import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from specs import TRANSFORMER, VOCAB_SIZE, spec

from tinylm import data, ledger
from tinylm.config import ConfigError, NgramConfig, RunSpec, TeacherConfig, TinylmError, TrainConfig, memory
from tinylm.evaluation import counts
from tinylm.ledger import verify
from tinylm.models import checkpoint, ngram, recency
from tinylm.models.evidence import PARTS
from tinylm.models.networks import build
from tinylm.study import Planned
from tinylm.training import executors, loop, pool, teaching
from tinylm.training.machine import Settings
from tinylm.training.step import make_update

PLAIN = dataclasses.replace(TRANSFORMER, attention_dropout=0.0, ffn_dropout=0.0)
TRAIN = TrainConfig(flops=3 * 10**8, loss_at="all", batch_size=8, lr=3e-3, n_evals=2, eval_stride=8, eval_tokens=400)
STUDENT = RunSpec(corpus="grammar-char", model=PLAIN, train=TRAIN)


def taught(student=STUDENT, **teacher):
    return dataclasses.replace(student, teacher=TeacherConfig(**{"model": PLAIN} | teacher))


class Fixed(teaching.Teacher):
    """Says the same of every token."""

    def log_probs(self, x_BT, places_BN):
        return self.said.expand(*places_BN.shape, -1)


@pytest.fixture
def fixed():
    teacher = Fixed(TeacherConfig(model=PLAIN, weight=0.3, temperature=2.0), 0.0)
    teacher.said = torch.randn(VOCAB_SIZE, generator=torch.Generator().manual_seed(3))
    return teacher


def test_the_loss_is_hintons(fixed):
    logits, nll = torch.randn(2, 5, VOCAB_SIZE, requires_grad=True), torch.tensor(1.5)
    loss = fixed.loss(nll, logits, torch.zeros(2, 8), torch.zeros(2, 5, dtype=torch.long))
    soft = (fixed.said / 2).softmax(-1).expand(10, -1)
    expected = 0.7 * 1.5 + 0.3 * 4 * F.cross_entropy(logits.flatten(0, 1) / 2, soft)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, logits)
    own = (logits / 2).softmax(-1)
    torch.testing.assert_close(gradient, 0.3 * 2 * (own - soft[0]) / 10, msg="as a cross-entropy's, whatever the temperature")


@pytest.mark.parametrize("micro_batch", [0, 1, 3])
def test_a_step_follows_the_teachers_loss_and_tells_the_texts(corpus, fixed, micro_batch):
    planned = spec(PLAIN, loss_at="all", optimizer="adamw", lr=1e-2, micro_batch=micro_batch)
    tokens, starts = torch.from_numpy(corpus.train.astype("int32")), torch.arange(4)
    torch.manual_seed(0)
    model = build(PLAIN, VOCAB_SIZE)
    before = [p.clone() for p in model.parameters()]
    windows = torch.stack([tokens[s : s + 9] for s in starts]).long()
    logits = model(windows[:, :-1], 8)
    nll = F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
    gradients = torch.autograd.grad(fixed.loss(nll, logits, windows[:, :-1], starts[:, None].expand(4, 8)), list(model.parameters()))
    told = make_update(planned, model, tokens, 1, teacher=fixed)(starts, 0)
    assert told.item() == pytest.approx(nll.item(), rel=1e-5)
    for old, new, gradient in zip(before, model.parameters(), gradients, strict=True):
        moved = gradient.abs() > 1e-6  # AdamW's first step is as long as its rate, against the gradient
        torch.testing.assert_close((old - new)[moved].sign(), gradient[moved].sign())


def test_networks_teach_by_the_mean_of_their_probabilities():
    networks = [build(PLAIN, VOCAB_SIZE) for _ in range(3)]
    x = torch.randint(VOCAB_SIZE, (2, 8))
    found = teaching.Networks(TeacherConfig(model=PLAIN), 0.0, networks).log_probs(x, torch.zeros(2, 4, dtype=torch.long))
    expected = torch.stack([network(x, 4).softmax(-1) for network in networks]).mean(0)
    torch.testing.assert_close(found.softmax(-1), expected)


def test_networks_teach_in_their_students_precision_and_without_dropout(tmp_path):
    wet = dataclasses.replace(STUDENT, model=TRANSFORMER, train=dataclasses.replace(TRAIN, precision="bf16"))
    settings = Settings(weights=tmp_path)
    planned = taught(wet, model=TRANSFORMER, number=2)
    for one in planned.teachers:
        weights = build(TRANSFORMER, data.vocab_size("grammar-char")).state_dict()
        checkpoint.save(settings.weights_file(one), weights, {"seconds": 1.5})
    teacher = teaching.teacher(planned, data.load("grammar-char"), settings)
    assert {p.dtype for network in teacher.networks for p in network.parameters()} == {torch.bfloat16}
    x, places = torch.arange(8)[None], torch.zeros(1, 8, dtype=torch.long)
    assert torch.equal(teacher.log_probs(x, places), teacher.log_probs(x, places)) and teacher.seconds == 3.0


@pytest.mark.parametrize("cache", [0, 30])
def test_counts_say_of_each_place_what_the_other_parts_let_expect(settings, cache):
    corpus, planned = data.load("grammar-char"), taught(model=NgramConfig(order=3, cache=cache))
    train, size = corpus.train, corpus.info.vocab_size
    said = teaching.teacher(planned, corpus, settings).log_probs(torch.zeros(1, 8), torch.arange(len(train))[None])
    first, second, *later = np.array_split(train, PARTS)
    model = ngram.fit(np.concatenate([first, *later]), 3, size)
    if cache:
        model = recency.RecencyModel(model, cache, counts.fit(planned.teachers[0], corpus).counts.weights)
    for n in (0, 1, 77):
        np.testing.assert_allclose(said[0, len(first) + n].float().exp(), model.distribution(second[:n]), rtol=1e-2)


def test_counts_that_memory_does_not_hold_are_refused(settings, monkeypatch):
    monkeypatch.setattr(memory, "total", lambda: 1000)
    with pytest.raises(ConfigError, match="what counts predict of grammar-char needs about .* GB of memory.*vocabulary is small"):
        teaching.teacher(taught(model=NgramConfig(order=3)), data.load("grammar-char"), settings)


def trained(planned, settings, name="taught"):
    found = []
    run = Planned(section="toy", role="taught", architecture="Transformer", name=name, spec=planned)
    assert pool.train_all([run], settings, lambda run, record: found.append(record)) == []
    return found[0]


@pytest.mark.parametrize("teacher", [{"number": 2, "share": 0.4}, {"generations": 2}, {"model": NgramConfig(order=4)}])
def test_teachers_are_trained_before_their_student_and_all_is_counted(settings, teacher):
    planned = taught(**teacher)
    record = trained(planned, settings)
    cost = verify.problem(record)
    assert cost == "" and record.flops <= TRAIN.flops and record.status == "done"
    here = {path.stem for path in settings.weights.glob("*.safetensors")}
    before = [one for one in planned.teachers if not one.is_counts]
    assert here == {planned.key, *(one.key for one in before), *(one.key for first in before for one in first.teachers)}
    assert not list(settings.checkpoints.glob("*.safetensors")), "the teachers' states too have done their duty"
    assert record.seconds > sum(checkpoint.facts(settings.weights_file(one))["seconds"] for one in before)
    (written,) = settings.folder.glob("**/*.json")
    assert ledger.read(written).spec == planned


def test_weights_of_a_teacher_that_are_here_are_taken(settings, monkeypatch):
    planned = taught()
    first = trained(planned, settings)
    specs, train = [], loop.train
    monkeypatch.setattr(executors, "train", lambda spec, *rest: specs.append(spec) or train(spec, *rest))
    again = trained(planned, dataclasses.replace(settings, folder=settings.folder / "again"))
    assert specs == [planned] and again.test == first.test and again.seconds > 0


@pytest.mark.parametrize("in_student", [False, True])
def test_a_run_that_is_stopped_goes_on_to_the_same_bits(settings, tmp_path, monkeypatch, in_student):
    planned = taught()
    whole = trained(planned, settings)
    elsewhere = {part: tmp_path / "parts" / part for part in ("folder", "checkpoints", "weights")}
    parts, (before,) = dataclasses.replace(settings, **elsewhere), planned.teachers
    monkeypatch.setattr(loop, "CHECK_EVERY", 1)
    with pytest.raises(loop.Interrupted):
        executors.run_one(planned, parts, lambda now: None, lambda: not in_student or parts.weights_file(before).exists())
    assert parts.weights_file(before).exists() == in_student == parts.checkpoint(planned).exists() != parts.checkpoint(before).exists()
    assert trained(planned, parts).test == whole.test


def test_a_teacher_that_diverges_is_named(settings, monkeypatch):
    hopeless = dataclasses.replace(STUDENT, train=dataclasses.replace(TRAIN, lr=1e30))
    with pytest.raises(TinylmError, match="a network that should teach, seed 1000: it diverged at step .* lower the learning rate"):
        executors.run_one(taught(hopeless), settings, lambda now: None, lambda: False)
