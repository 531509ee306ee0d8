"""Tiny corpora, configs and specs that several test files share."""

import dataclasses
from dataclasses import replace

import numpy as np
import torch
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from tinylm.config import LinearConfig, LSTMConfig, MLPConfig, ModuleConfig, NgramConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.data import Corpus, CorpusInfo
from tinylm.models.networks import build
from tinylm.models.networks.prediction import OneSoftmax

VOCAB_SIZE = 11
SIZES = {"train": 4000, "valid": 500, "test": 600}
LINEAR = LinearConfig(context_length=4, d_model=6)
MLP = MLPConfig(context_length=4, d_model=6, d_hidden=10, n_hidden=3, dropout=0.1)
TRANSFORMER = TransformerConfig(context_length=8, n_layer=2, n_head=2, d_model=16, d_ff=24)
POINTING = dataclasses.replace(TRANSFORMER, pointer=4, attention_dropout=0.0, ffn_dropout=0.0)
BESIDE_A_POINTER = [{}, {"attention_window": 2}, {"attention_window": 4, "induction": (1, 2), "convolution": 3, "position": "rope"}]
LSTM = LSTMConfig(context_length=8, n_layer=2, d_model=12, d_embedding=10)
MOGRIFIED = dataclasses.replace(LSTM, mogrifier_rounds=5, pointer=4, n_softmax=2)


def markov_corpus() -> Corpus:
    """Each token is 3 times the one before plus 1 (modulo 11), or a random one in one case of ten."""
    rng = np.random.default_rng(0)
    splits = {}
    for split, size in SIZES.items():
        ids, noise = np.zeros(size, np.uint16), rng.random(size) < 0.1
        for i in range(1, size):
            ids[i] = rng.integers(VOCAB_SIZE) if noise[i] else (3 * ids[i - 1] + 1) % VOCAB_SIZE
        splits[split] = ids
    info = CorpusInfo(name="markov", level="character", vocab_size=VOCAB_SIZE, n_tokens=SIZES, sha256="0" * 64)
    return Corpus(info=info, vocab=tuple("abcdefghijk"), **splits)


def spec(model=TRANSFORMER, seed=0, **train) -> RunSpec:
    """A spec on the Markov corpus of 3 steps of 4 windows unless told otherwise."""
    if not {"steps", "epochs", "flops"} & set(train):
        train["steps"] = 3
    settings = {"batch_size": 4, "windows_per_epoch": 30, "eval_tokens": 50} | train
    return RunSpec(corpus="markov", model=model, train=TrainConfig(**settings), seed=seed)


INDUCTIONS = st.sampled_from([{}, {"induction": (2,)}, {"induction": (1, 3), "induction_times": 2}])


@st.composite
def transformer_configs(draw) -> TransformerConfig:
    """Any small Transformer that the config allows, without dropout."""
    n_head, n_layer, loops = draw(st.sampled_from([1, 2, 4])), draw(st.integers(1, 3)), draw(st.sampled_from([1, 1, 2]))
    context_length, is_deep = draw(st.integers(1, 7)), n_layer * loops > 1
    norm_place, ffn = draw(st.sampled_from(["post", "pre"])), draw(st.sampled_from(["relu", "gelu", "swiglu", "relu2", "none"]))
    return TransformerConfig(
        context_length=context_length,
        n_layer=n_layer,
        n_head=n_head,
        n_kv_head=draw(st.sampled_from([0, *(k for k in (1, 2, 4) if n_head % k == 0)])),
        d_model=n_head * draw(st.sampled_from([2, 4])),
        d_ff=draw(st.integers(1, 9)),
        norm=draw(st.sampled_from(["layer", "rms"])),
        norm_place=norm_place,
        position=draw(st.sampled_from(["learned", "rope", "alibi", "none"])),
        ffn=ffn,
        qk_norm=draw(st.booleans()),
        tied=draw(st.booleans()),
        bias=draw(st.booleans()),
        init=draw(st.sampled_from(["multihead", "linear"])),
        softcap=draw(st.sampled_from([0.0, 5.0])),
        convolution=draw(st.sampled_from([0, 1, 3])),
        attention_window=draw(st.sampled_from([0, 0, 1, 3])),
        **draw(INDUCTIONS),
        attention_dropout=0.0,
        ffn_dropout=0.0,
        pointer=draw(st.sampled_from([0, 0, 1, 2])),
        n_softmax=draw(st.sampled_from([1, 1, 3])),
        loops=loops,
        skips=is_deep and draw(st.booleans()),
        head_gates=draw(st.booleans()),
        exclusive=draw(st.booleans()),
        parallel=norm_place == "pre" and ffn != "none" and draw(st.booleans()),
        value_residual=is_deep and draw(st.booleans()),
        residual_scalars=is_deep and draw(st.booleans()),
        bigrams=draw(st.sampled_from([0, 0, 7, 64])),
        n_future=draw(st.integers(1, min(3, context_length))),
    )


@st.composite
def feedforward_configs(draw) -> LinearConfig | MLPConfig:
    """Any small Linear or MLP, without dropout."""
    shape = {"context_length": draw(st.integers(1, 6)), "d_model": draw(st.integers(1, 5))}
    if draw(st.booleans()):
        return draw(st.sampled_from([LinearConfig(**shape), LinearConfig(**shape | {"d_model": VOCAB_SIZE}, embedding_init="identity")]))
    uniform = st.fixed_dictionaries({"d_hidden": st.integers(1, 8), "n_hidden": st.integers(1, 3)})
    uneven = st.fixed_dictionaries({"hidden_widths": st.lists(st.integers(1, 8), min_size=2, max_size=4, unique=True)})
    shape |= {"window": draw(st.integers(0, shape["context_length"])), "activation": draw(st.sampled_from(["relu", "gelu"]))}
    return MLPConfig(**shape, **draw(uniform | uneven), **draw(INDUCTIONS), dropout=0.0)


@st.composite
def lstm_configs(draw) -> LSTMConfig:
    """Any small LSTM, without dropout."""
    width, tied = draw(st.integers(2, 8)), draw(st.booleans())
    return LSTMConfig(
        context_length=draw(st.integers(1, 7)),
        n_layer=draw(st.integers(1, 3)),
        d_model=width,
        d_embedding=0 if tied else draw(st.integers(0, 9).filter(lambda d: d != width)),
        tied=tied,
        **draw(INDUCTIONS),
        mogrifier_rounds=draw(st.sampled_from([0, 0, 1, 2, 5])),
        pointer=draw(st.sampled_from([0, 0, 1, 2])),
        n_softmax=draw(st.sampled_from([1, 1, 3])),
    )


def module_configs():
    """What may have been found of a module of one's own."""
    sizes, shape = st.integers(1, 10**15), st.tuples(st.integers(2, 99), st.integers(2, 99))
    return st.builds(
        ModuleConfig,
        name=st.text(max_size=9),
        code=st.text("0123456789abcdef", min_size=16, max_size=16),
        context_length=st.integers(1, 99),
        vocab_size=sizes,
        forward_flops=sizes,
        n_params=sizes,
        matrices=st.lists(shape, max_size=3),
    )


def train_configs():
    """Any training bounded by a budget, its loss at one position or at all."""
    return st.builds(
        TrainConfig,
        flops=st.integers(1, 10**18),
        lr=st.floats(1e-12, 1e3),
        beta2=st.floats(0, 0.999999),
        weight_decay=st.floats(0, 1e6),
        loss_at=st.sampled_from(["last", "all"]),
        sampling=st.sampled_from(["random", "shuffled"]),
        optimizer=st.just("adamw"),
        schedule=st.sampled_from(["constant", "cosine", "linear"]),
        keep=st.sampled_from(["best", "last"]),
    )


@st.composite
def run_specs(draw) -> RunSpec:
    """Any spec of a small model, on a corpus of any name."""
    counts = st.builds(NgramConfig, order=st.integers(0, 8))
    models = (transformer_configs(), feedforward_configs(), lstm_configs(), module_configs(), counts)
    model, train = draw(st.one_of(*models)), draw(train_configs())
    train = train if model.predicts_every_position else replace(train, loss_at="last")
    train = train if getattr(model, "n_future", 1) == 1 else replace(train, loss_at="all")
    return RunSpec(corpus=draw(st.text(max_size=9)), model=model, train=train, seed=draw(st.integers(0, 2**40)))


def counted(config, n_windows, n_computed, n_scored):
    """FLOPs that PyTorch counts in one update: the last block at `n_computed` positions, head and loss at `n_scored`.

    Where these differ, without blocks for further tokens.
    """
    model = build(config, VOCAB_SIZE)
    x_BT, y_BN = torch.zeros(n_windows, config.context_length, dtype=torch.long), torch.zeros(n_windows, n_scored, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        if n_computed == n_scored:
            model.losses(x_BT, y_BN)[1].backward()
        else:
            softmaxes = getattr(model, "softmaxes", OneSoftmax())
            softmaxes.nlls(model.head, model.hidden(x_BT, n_computed)[:, -n_scored:], y_BN).mean().backward()
    return counter.get_total_flops()


def assert_causal(model, x_BT, may_be_blind=False):
    """By gradient: each position of a single window sees itself and all before it (unless it may be blind), and nothing later."""
    model, embedded = model.double(), []
    model.embedding.register_forward_hook(lambda module, args, out: embedded.append(out))
    logits_BTV = model(x_BT, x_BT.shape[1])
    direction = torch.randn(VOCAB_SIZE, dtype=logits_BTV.dtype)
    for t in range(x_BT.shape[1]):
        (gradient_BTD,) = torch.autograd.grad(logits_BTV[0, t] @ direction, embedded[-1], retain_graph=True)
        assert not gradient_BTD[0, t + 1 :].any()
        assert gradient_BTD[0, : t + 1].abs().sum(-1).all() or may_be_blind
