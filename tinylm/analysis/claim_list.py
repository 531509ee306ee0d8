"""The claims of the reproduced paper and of its sister project, in our own words, each as a range that an effect must lie in.

Effects are differences in nats per token, first run minus second. `FAR` and `CLOSE` were chosen after the first baselines and before the
sister project's runs: a perplexity lower by the factor exp(0.5) = 1.65, and perplexities within about five per cent of each other.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pandas as pd

from tinylm.analysis.claims import (
    Claim,
    Which,
    after_first_epoch,
    at_largest_cost,
    at_smallest_cost,
    costlier_difference,
    excess_difference,
    gap_growth,
    later_than,
    test_difference,
)
from tinylm.analysis.families import CLEAR
from tinylm.study import titles
from tinylm.study.regularisers import KEPT, MORE_TEXT
from tinylm.study.techniques import BASELINE, SEARCHED_AGAIN, SHORT

FAR = 0.5
CLOSE = 0.05
PAPER, SISTER, OURS = "study", "sister", "asked here"
STANDARD = ("SwiGLU", "RMSNorm", "GQA", "qk-norm", "Muon")  # what large models of today have, rotary positions beside them
TEXTS = ("tiny_shakespeare", "wikitext-2-char")
CONVENTIONS = {"executed": "flops", "textbook": "flops_textbook"}


def _which(label: str, section: str, at: str = "", **fields: Any) -> Which:
    return Which(label, {"section": section, **fields}, at)


LINEAR, MLP, ATTENTION, TRANSFORMER = (
    _which(name, "architectures", architecture=name) for name in ("Linear", "MLP", "Self-Attention", "Transformer")
)
KN6 = _which("KN-6", "architectures", role="counts", order=6)
LONG_MLP = _which("MLP, long", "claims", role="long", architecture="MLP")
GELU_MLP = _which("GELU MLP", "claims", architecture="GELU MLP")
BARE = _which("Attention without FFN, 4 heads", "claims", architecture="Attention without FFN", n_head=4)
TIED = _which("Tied Transformer, 4 layers", "claims", architecture="Tied Transformer", n_layer=4)
WORDS, WORD_COUNTS = (
    {name: _which(f"{name} {title}", "words", corpus=corpus, **fields) for name, corpus in (("PTB", "ptb"), ("WikiText-2", "wikitext-2"))}
    for title, fields in (("Transformer", {"role": "baseline"}), ("KN-5", {"role": "counts", "order": 5}))
)


def _linear(context_length: int, long: bool = False) -> Which:
    where = {"section": "claims", "role": "long"} if long else {"section": "sweeps", "role": "sweep"}
    label = f"Linear, T = {context_length}{', long' if long else ''}"
    return _which(label, **where, architecture="Linear", context_length=context_length)


def _one_hot(context_length: int) -> Which:
    return _which(f"One-hot Linear, T = {context_length}", "claims", architecture="One-hot Linear", context_length=context_length)


def _attention(context_length: int) -> Which:
    return _which(f"Self-Attention, T = {context_length}", "claims", role="context", context_length=context_length)


def _heads(n: int) -> Which:
    return _which(f"Self-Attention, {n} head{'s' if n > 1 else ''}", "sweeps", architecture="Self-Attention", n_head=n)


def _layers(n: int) -> Which:
    return _which(f"Transformer, {n} layers", "sweeps", role="sweep", architecture="Transformer", n_layer=n)


def _versus(text: str, source: str, first: Which, second: Which, **bounds: float) -> Claim:
    """A claim about the test NLL of one run minus that of another."""
    contrast = f"{first.name} − {second.name}"
    if first.where == second.where:
        contrast = f"{first.label} − {second.name}"
    return Claim(text=text, source=source, contrast=contrast, runs=(first, second), measure=test_difference, **bounds)


def _at_equal(name: str) -> list[Claim]:
    """Attention against the MLP at equal FLOPs of one convention."""
    return [
        Claim(
            text="Attention beats the MLP per FLOP",
            source=PAPER,
            contrast=f"{ATTENTION.label} − {mlp.label} (valid, equal {name} FLOPs)",
            runs=(ATTENTION, mlp),
            measure=partial(at_largest_cost, convention=CONVENTIONS[name]),
            below=0.0,
        )
        for mlp in (MLP, LONG_MLP)
    ]


def _per_flop() -> list[Claim]:
    ends = _versus("Attention also beats an MLP trained longer", OURS, ATTENTION, LONG_MLP, below=0.0)
    return [*_at_equal("executed"), *_at_equal("textbook"), ends]


def _small_budgets() -> list[Claim]:
    pairs = ((MLP, ATTENTION), (MLP, _linear(128, long=True)), (GELU_MLP, _one_hot(128)), (GELU_MLP, BARE))
    return [
        Claim(
            text="At small budgets an MLP is best per FLOP",
            remark="the least budget at which both are validated, not the least there is",
            source=SISTER,
            contrast=f"{mlp.label} − {other.label} (valid, first shared cost)",
            runs=(mlp, other),
            measure=partial(at_smallest_cost, convention="flops"),
            below=0.0,
        )
        for mlp, other in pairs
    ]


def _nonlinear() -> list[Claim]:
    text = f"Models with nonlinearities are far ahead of Linear, by more than {FAR:g} nats"
    return [_versus(text, PAPER, nonlinear, LINEAR, below=-FAR) for nonlinear in (MLP, ATTENTION, TRANSFORMER)]


def _depths() -> list[Claim]:
    """Whether a fourth layer is held back by too few steps alone."""
    longer = _which("Transformer, 4 layers, more steps", "sweeps", role="depth", architecture="Transformer", n_layer=4)
    at_equal_cost = Claim(
        text="A fourth layer pays at equal FLOPs",
        source=OURS,
        contrast=f"{_layers(4).label} − {_layers(3).label} (valid, equal executed FLOPs)",
        runs=(_layers(4), _layers(3)),
        measure=partial(at_largest_cost, convention="flops"),
        below=0.0,
    )
    return [_versus("With as many steps a parameter a fourth layer helps", OURS, longer, _layers(3), below=0.0), at_equal_cost]


def _sizes() -> list[Claim]:
    depth = "At a small number of updates a fourth layer hurts"
    heads = "More heads are better"
    return [
        _versus(depth, PAPER, _layers(4), _layers(3), above=0.0),
        _versus(depth, PAPER, _layers(4), _layers(2), above=0.0),
        _versus(heads, PAPER, _heads(4), _heads(1), below=0.0),
        _versus(heads, PAPER, _heads(4), _heads(2), below=0.0),
    ]


def _longer_contexts() -> list[Claim]:
    longest, shortest = _linear(128, long=True), _linear(16, long=True)
    return [_versus("A longer context helps the linear model once it is trained for longer", SISTER, longest, shortest, below=0.0)]


def _contexts() -> list[Claim]:
    longest, shortest = _linear(128, long=True), _linear(16, long=True)
    return [
        _versus("A longer context hurts the linear model", PAPER, _linear(128), _linear(32), above=0.0),
        Claim(
            text="A longer context hurts the linear model early in training",
            source=PAPER,
            contrast=f"{longest.label} − {shortest.label} (valid, first epoch)",
            runs=(longest, shortest),
            measure=after_first_epoch,
            above=0.0,
        ),
        _versus("A longer context helps the linear model of one-hot codes", SISTER, _one_hot(128), _one_hot(16), below=0.0),
        *_longer_contexts(),
        _versus("A longer context helps attention", SISTER, ATTENTION, _attention(32), below=0.0),
        _versus("A longer context helps attention", SISTER, _attention(32), _attention(16), below=0.0),
    ]


def _transferred(technique: str) -> Which:
    """A row of the section on techniques: at the larger budget that rates were searched at, on the text that is read but once."""
    label, corpus = "plain Transformer" if technique == BASELINE.name else f"Transformer with {technique}", "wikitext-2-char"
    where = {"role": "technique", "rung": technique, "corpus": corpus, "budget": SEARCHED_AGAIN}
    return _which(label, "transfer", f"on {titles.corpus(corpus)}", **where)


def _techniques() -> list[Claim]:
    rotary, learned = (
        _which(label, "rope", role="ablation", position=kind) for label, kind in (("RoPE", "rope"), ("Learned positions", "learned"))
    )
    rope = _versus("Rotary positions are worse than learned ones", PAPER, rotary, learned, above=0.0)
    general = Claim(
        text="Techniques of large models do not carry over to small ones",
        source=PAPER,
        contrast="large-model techniques",
        runs=rope.runs,
        measure=rope.measure,
        above=0.0,
        follows=rope.contrast,
    )
    plain = _transferred(BASELINE.name)  # which has rotary positions
    pairs = [(plain, _transferred("learned positions")), *((_transferred(name), plain) for name in STANDARD)]
    return [rope, general, *(_versus(general.text, PAPER, first, second, above=0.0) for first, second in pairs)]


def _positions() -> list[Claim]:
    """The study's pair with the loss at every position, at the shortest and the longest windows tried."""
    text = "Trained at every position, rotary positions are ahead of learned ones"
    claims = []
    for length, corpus in itertools.product((128, 1024), ("tiny_shakespeare", "wikitext-2-char")):
        where = {"role": "length", "corpus": corpus, "context_length": length}
        at = f"on {titles.corpus(corpus)}, T = {length:,}"
        rotary, learned = (_which(titles.POSITIONS[kind], "rope", at, position=kind, **where) for kind in ("rope", "learned"))
        claims.append(_versus(text, OURS, rotary, learned, below=0.0))
    return claims


def _words() -> list[Claim]:
    overfits = [
        Claim(
            text=f"On {text} training overfits after epoch {epoch}",
            source=PAPER,
            contrast=f"{words.label} (best valid after epoch {epoch} − up to it)",
            runs=(words,),
            measure=partial(later_than, epoch=epoch),
            above=0.0,
        )
        for text, words, epoch in (("the Penn Treebank", WORDS["PTB"], 2), ("WikiText-2", WORDS["WikiText-2"], 1))
    ]
    vocabulary = "The text with the larger vocabulary has the higher loss"
    excess = Claim(
        text="That text's loss is higher by more than its own difficulty, taken from counts",
        source=OURS,
        contrast="WikiText-2 − PTB Transformer (each above its KN-5)",
        runs=(WORDS["WikiText-2"], WORD_COUNTS["WikiText-2"], WORDS["PTB"], WORD_COUNTS["PTB"]),
        measure=excess_difference,
        above=0.0,
        n_texts=2,
    )
    raw = _versus(vocabulary, PAPER, WORDS["WikiText-2"], WORDS["PTB"], above=0.0)
    return [*overfits, replace(raw, n_texts=2), excess]


def _on_few_words() -> list[Claim]:
    """The open question on over-fitting: runs of the larger budget that read a few words again and again, or all of them."""
    helps, more = "On few words regularisation lowers the loss", "More text lowers the loss by more than regularisation does"
    gains, longer_texts = [], []
    for corpus in ("ptb-eos", "wikitext-2-eos"):
        where = f"on {titles.corpus(corpus)}"
        plain, *changed, longer = (
            _which(name, "regularisation", where, role="largest", corpus=corpus, rung=rung)
            for name, rung in (("plain Transformer", BASELINE.name), *((rung, rung) for rung in (*KEPT, MORE_TEXT)))
        )
        gains += [_versus(helps, OURS, one, plain, below=0.0) for one in changed]
        longer_texts += [_versus(more, OURS, longer, one, below=0.0) for one in changed]
    return [*gains, *longer_texts]


def _sister_models() -> list[Claim]:
    close = f"Attention without FFN is close to the Transformer, within {CLOSE:g} nats"
    wins = [
        Claim(
            text="With about a hundred times the MLP's compute, as stated, the Transformer wins",
            source=SISTER,
            contrast=f"{transformer.label} − {mlp.label}",
            runs=(transformer, mlp),
            measure=costlier_difference,
            below=0.0,
        )
        for transformer, mlp in ((TIED, GELU_MLP), (TRANSFORMER, MLP))
    ]
    return [_versus(close, SISTER, BARE, TIED, above=-CLOSE, below=CLOSE), *wins]


def _counts() -> list[Claim]:
    characters = [(network, KN6) for network in (LINEAR, MLP, ATTENTION, TRANSFORMER)]
    words = [(WORDS[name], WORD_COUNTS[name]) for name in WORDS]
    text = "The study's own networks beat counts of the same text"
    return [_versus(text, OURS, network, counts, below=0.0) for network, counts in characters + words]


def _on_text(name: str, corpus: str, context_length: int = 0, train_tokens: int = 0) -> Which:
    """A row of the section on ten times the text: with a context at the smaller budget, or at the larger one."""
    where: dict[str, Any] = {"role": "gap", "train_tokens": train_tokens}
    at = f"on {titles.text(corpus, train_tokens)}"
    if context_length:
        where, at = {"role": "context", "context_length": context_length}, f"{at}, T = {context_length}"
    return _which(name, "ten_times", at, rung=name, corpus=corpus, **where)


def _more_text() -> list[Claim]:
    """The open questions on ten times the text, and on where attention's lead ends."""
    persists = _versus(
        "On ten times the text attention is ahead of the MLP too",
        OURS,
        *(_on_text(name, TEXTS[1]) for name in (titles.ATTENTION, titles.MLP)),
        below=0.0,
    )
    rows = [_on_text(name, TEXTS[1], train_tokens=n) for n in (0, SHORT) for name in (titles.LEARNED, titles.ROTARY)]
    grows = Claim(
        text="Rotary positions gain more on ten times the text",
        source=OURS,
        contrast=f"learned − rotary positions on {titles.corpus(TEXTS[1])} (all − its beginning)",
        runs=tuple(rows),
        measure=gap_growth,
        above=0.0,
    )
    return [persists, grows, *_short_contexts(), *_longer_mlp()]


def _short_contexts() -> list[Claim]:
    pairs = [[_on_text(name, text, length) for name in (titles.ATTENTION, titles.MLP)] for text in TEXTS for length in (2, 4)]
    return [_versus("With contexts below eight attention is ahead of the MLP too", OURS, *pair, below=0.0) for pair in pairs]


def _longer_mlp() -> list[Claim]:
    """Against attention with its recipe's context."""
    pairs = [(_on_text(titles.ATTENTION, text, 32), _on_text(titles.MLP, text)) for text in TEXTS]
    return [_versus("Attention is ahead of an MLP with ten times its FLOPs", OURS, *pair, below=0.0) for pair in pairs]


CLAIMS = (
    *_per_flop(),
    *_small_budgets(),
    *_nonlinear(),
    *_sizes(),
    *_depths(),
    *_contexts(),
    *_techniques(),
    *_positions(),
    *_more_text(),
    *_words(),
    *_on_few_words(),
    *_sister_models(),
    *_counts(),
)


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What was expected before the runs of some claims' effects: below zero, above it, or none clear."""

    text: str
    claims: Sequence[Claim]
    holds: Callable[[pd.DataFrame], bool]


def _below(rows: pd.DataFrame) -> bool:
    return bool((rows["effect"] < 0).all())


def _above(rows: pd.DataFrame) -> bool:
    return bool((rows["effect"] > 0).all())


def _none_clear(rows: pd.DataFrame) -> bool:
    return CLEAR not in set(rows["grade"])


EXPECTED = (
    Expectation(text="at equal executed FLOPs Self-Attention is ahead of the study's MLP", claims=_at_equal("executed"), holds=_below),
    Expectation(text="at equal textbook FLOPs it is behind one trained longer", claims=_at_equal("textbook")[1:], holds=_above),
    Expectation(text="no difference between heads or depths is clear", claims=_sizes(), holds=_none_clear),
    Expectation(text="that a longer context wins once training is longer", claims=_longer_contexts(), holds=_below),
)
