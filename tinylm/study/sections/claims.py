"""The runs that judge the stated claims. Needs no torch."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tinylm import data
from tinylm.config import LinearConfig, MLPConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.study import sister
from tinylm.study.parameters import Section, StudyError, checked
from tinylm.study.planned import Planned, with_seeds


@checked
def claims(
    *,
    corpus: str = "tiny_shakespeare",
    context_length: int = 128,
    d_model: int = 128,
    d_hidden: int = 256,
    context_lengths: Sequence[int] = (16, 32, 64, 128),
    linear_epochs: int = 12,
    mlp_epochs: int = 28,
    attention_epochs: int = 4,
    windows_per_epoch: int = 50_000,
    eval_tokens: int = 10_000,
    sister_context_lengths: Sequence[int] = (16, 32, 64, 128),
    sister_heads: Sequence[int] = (1, 2, 4, 8),
    sister_layers: Sequence[int] = (2, 4, 6),
    sister_windows: int = 7_680,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
) -> list[Planned]:
    """What judges the stated claims: the paper's MLP and Linear trained longer, its Self-Attention at shorter contexts, the sister
    project's models under its own protocol.

    All are scored on the same tokens, those of the paper's slice. Feed-forward models read `windows_per_epoch` windows an epoch,
    the sister's attention models as many tokens as `sister_windows` windows of 64 hold. The most expensive runs come last.
    """
    if max(*context_lengths, *sister_context_lengths) > context_length:
        raise StudyError(f"context_lengths, sister_context_lengths: none may exceed context_length={context_length}, where scoring begins")
    train = TrainConfig(epochs=1, windows_per_epoch=windows_per_epoch, eval_start=context_length, eval_tokens=eval_tokens)
    spec = RunSpec(corpus=corpus, model=MLPConfig(context_length=context_length, d_model=d_model, d_hidden=d_hidden), train=train)
    rows = [Planned(section="claims", role="long", architecture="MLP", name="MLP, long", spec=_for_epochs(spec, mlp_epochs))]
    rows += _linear(_for_epochs(spec, linear_epochs), context_lengths, d_model)
    rows += _attention(_for_epochs(spec, attention_epochs), [length for length in context_lengths if length < context_length], d_model)
    sisters = sister.feedforward(train, data.vocab_size(corpus), sister_context_lengths, context_length)
    sisters |= sister.attention(replace(train, windows_per_epoch=sister_windows), context_length, d_model, sister_heads, sister_layers)
    for name, (architecture, model, train_as) in sisters.items():
        own = replace(spec, model=model, train=train_as)
        rows.append(Planned(section="claims", role="sister", architecture=architecture, name=name, spec=own))
    return with_seeds(rows, seeds)


def _for_epochs(spec: RunSpec, epochs: int) -> RunSpec:
    return replace(spec, train=replace(spec.train, epochs=epochs, n_evals=epochs))


def _linear(spec: RunSpec, context_lengths: Sequence[int], d_model: int) -> list[Planned]:
    """The paper's Linear, trained longer, at each context."""
    row = partial(Planned, section="claims", role="long", architecture="Linear")
    models = {length: LinearConfig(context_length=length, d_model=d_model) for length in context_lengths}
    return [row(name=f"Linear, T = {length}, long", spec=replace(spec, model=model)) for length, model in models.items()]


def _attention(spec: RunSpec, context_lengths: Sequence[int], d_model: int) -> list[Planned]:
    """The paper's Self-Attention at each context."""
    row = partial(Planned, section="claims", role="context", architecture="Self-Attention")
    model = TransformerConfig(d_model=d_model, n_layer=1, d_ff=4 * d_model)
    models = {length: replace(model, context_length=length) for length in context_lengths}
    return [row(name=f"Self-Attention, T = {length}", spec=replace(spec, model=own)) for length, own in models.items()]


QUICK = {
    "context_length": 32,
    "context_lengths": [8, 32],
    "linear_epochs": 6,
    "mlp_epochs": 6,
    "attention_epochs": 2,
    "windows_per_epoch": 2_000,
    "eval_tokens": 1_000,
    "sister_context_lengths": [8, 32],
    "sister_heads": [1, 4],
    "sister_layers": [2],
    "sister_windows": 64,
    "seeds": [0],
}
SMOKE = {
    "corpus": "grammar-char",
    "context_length": 16,
    "d_model": 16,
    "d_hidden": 32,
    "context_lengths": [8, 16],
    "linear_epochs": 2,
    "mlp_epochs": 2,
    "attention_epochs": 1,
    "windows_per_epoch": 256,
    "eval_tokens": 500,
    "sister_context_lengths": [8, 16],
    "sister_heads": [1, 2],
    "sister_layers": [1, 2],
    "sister_windows": 2,
    "seeds": [0],
}
SECTION = Section(notebook="14_claims", plan=claims, quick=QUICK, smoke=SMOKE)
