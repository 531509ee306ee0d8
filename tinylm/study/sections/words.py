"""The reproduced study on words, and what its cost buys on whole texts. Needs no torch."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tinylm.config import RunSpec, TrainConfig, TransformerConfig
from tinylm.study import purchases, recipes, titles
from tinylm.study.parameters import Section, StudyError, checked
from tinylm.study.planned import Planned, counts, with_seeds
from tinylm.study.purchases import Purchase

NAMES = {"ptb": "PTB", "wikitext-2": "WikiText-2"}  # of the study's rows
BOUGHT: tuple[Purchase, ...] = (
    ("ptb-eos", "Transformer without pointer", 114_000_000_000_000),
    ("ptb-eos", "Transformer", 114_000_000_000_000),
    ("ptb-eos", "Transformer", 1_200_000_000_000_000),
    ("wikitext-2-eos", "Transformer without pointer", 125_000_000_000_000),
    ("wikitext-2-eos", "Transformer", 125_000_000_000_000),
    ("wikitext-2-eos", "Transformer", 1_200_000_000_000_000),
)
RIVALS: tuple[Purchase, ...] = (
    ("ptb-eos", "Transformer", 10_000_000_000_000),
    ("ptb-eos", "Transformer with mixed softmaxes", 10_000_000_000_000),
    ("ptb-eos", "LSTM", 10_000_000_000_000),
    ("ptb-eos", "Mogrifier LSTM", 10_000_000_000_000),
    ("ptb-eos", "LSTM", 114_000_000_000_000),
    ("ptb-eos", "Mogrifier LSTM", 114_000_000_000_000),
    ("wikitext-2-eos", "Transformer", 10_000_000_000_000),
    ("wikitext-2-eos", "Transformer with mixed softmaxes", 10_000_000_000_000),
    ("wikitext-2-eos", "LSTM", 10_000_000_000_000),
    ("wikitext-2-eos", "Mogrifier LSTM", 10_000_000_000_000),
)
Vocabulary = tuple[str, float, int]  # a text, how many times its recipe's rates are best by valid, and at how many FLOPs
VOCABULARIES: tuple[Vocabulary, ...] = (
    ("wikitext-2-eos", 4.0, 1_000_000_000_000),
    ("wikitext-2-char-bpe4096", 8.0, 1_000_000_000_000),
    ("wikitext-2-char-bpe1024", 4.0, 1_000_000_000_000),
    ("wikitext-2-char", 2.0, 1_000_000_000_000),
)
RIVALS_SEEDS = 3
TRANSFORMER = titles.TITLES["transformer"]


@checked
def words(
    *,
    corpora: Sequence[str] = ("ptb", "wikitext-2"),
    context_length: int = 64,
    d_model: int = 128,
    n_layer: int = 3,
    batch_size: int = 32,
    epochs: int = 8,
    train_tokens: int = 80_000,
    eval_tokens: int = 19_935,
    orders: Sequence[int] = (0, 1, 2, 3, 5),
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    bought: Sequence[Purchase] = BOUGHT,
    caches: Sequence[int] = (128, 512),
    gated_budgets: Sequence[int] = (10_000_000_000,),
    rivals: Sequence[Purchase] = RIVALS,
    vocabularies: Sequence[Vocabulary] = VOCABULARIES,
) -> list[Planned]:
    """The Transformer on words, trained on the first tokens of each corpus, and n-gram counts of the same text.

    An epoch is a window for each place of the text. They start at random, as the study's do on characters; the first seed also with each
    visited once. Beside them recipes of whole corpora at budgets of their own, and their counts of the highest order, without and with
    a cache, and gated. `rivals` are recipes that are compared with each other at the budget that they share, with the first few seeds;
    `vocabularies` are texts in words, subwords or characters, each with its tuned counts and the Transformer's recipe.
    """
    if train_tokens < context_length + 2:
        raise StudyError(
            f"train_tokens: needs at least {context_length + 2}, a window of {context_length} and what follows; got {train_tokens}"
        )
    prefixes = {corpus: f"{NAMES.get(corpus, corpus)} " for corpus in corpora}
    sizes = {"train_tokens": train_tokens, "eval_tokens": eval_tokens, "windows_per_epoch": train_tokens - context_length - 1}
    train = TrainConfig(epochs=epochs, n_evals=epochs, batch_size=batch_size, **sizes)
    model = TransformerConfig(context_length=context_length, d_model=d_model, n_layer=n_layer, d_ff=2 * d_model)
    counting = TrainConfig(epochs=1, train_tokens=train_tokens, eval_start=context_length, eval_tokens=eval_tokens)
    reproduced = counts("words", prefixes, orders, counting) + _transformers(prefixes, model, train, seeds)
    gated = purchases.gated("words", [text for text, _, _ in bought], gated_budgets)
    compared = purchases.purchases("words", rivals, "rival") + _vocabularies(vocabularies)
    counted = _counted([text for text, *_ in vocabularies if text not in [known for known, _, _ in bought]])
    whole = purchases.bought("words", bought, [max(orders)], caches, seeds) + counted
    return reproduced + whole + with_seeds(gated, seeds) + with_seeds(compared, seeds[:RIVALS_SEEDS])


def _vocabularies(texts: Sequence[Vocabulary]) -> list[Planned]:
    """The Transformer's recipe on each text, with so many times its rates."""
    rows = []
    for text, times, flops in texts:
        (row,) = purchases.purchases("words", [(text, TRANSFORMER, flops)], "tokens")
        rates = {rate: float(f"{getattr(row.spec.train, rate) * times:.2g}") for rate in ("lr", "adam_lr")}
        rows.append(replace(row, name=f"{row.name}, rates x {times:g}", spec=replace(row.spec, train=replace(row.spec.train, **rates))))
    return rows


def _counted(texts: Sequence[str]) -> list[Planned]:
    """Tuned counts of each text, scored where its recipes are."""
    counting = TrainConfig(epochs=1, eval_start=recipes.EVAL_START)
    return [replace(purchases.tuned("words", text, counting), role="tokens") for text in texts]


def _transformers(prefixes: dict[str, str], model: TransformerConfig, train: TrainConfig, seeds: Sequence[int]) -> list[Planned]:
    """The Transformer on each corpus, and with the first seed also on each window once."""
    row = partial(Planned, section="words", architecture="Transformer")
    rows = [
        row(role="baseline", name=f"{prefix}Transformer", spec=RunSpec(corpus=corpus, model=model, train=train))
        for corpus, prefix in prefixes.items()
    ]
    shuffled = replace(train, sampling="shuffled")
    once = [replace(r, role="shuffled", name=f"{r.name}, each window once", spec=replace(r.spec, train=shuffled)) for r in rows]
    return with_seeds(rows, seeds) + with_seeds(once, seeds[:1])


QUICK = {
    "corpora": ["ptb"],
    "epochs": 4,
    "train_tokens": 8_000,
    "eval_tokens": 2_000,
    "seeds": [0],
    "bought": [["ptb-eos", "Transformer", 1_000_000_000_000]],
    "gated_budgets": [1_000_000_000],
    "rivals": [["ptb-eos", "Mogrifier LSTM", 1_000_000_000_000]],
    "vocabularies": [["tiny_shakespeare", 1.0, 100_000_000_000]],
}
SMOKE = {
    "corpora": ["grammar-word"],
    "context_length": 16,
    "d_model": 16,
    "n_layer": 1,
    "epochs": 2,
    "train_tokens": 2_000,
    "eval_tokens": 500,
    "orders": [0, 1, 3],
    "seeds": [0],
    "bought": [["grammar-char", "Transformer", 4_000_000_000]],
    "caches": [64],
    "gated_budgets": [100_000_000],
    "rivals": [["grammar-char", "LSTM", 4_000_000_000]],
    "vocabularies": [["grammar-char", 2.0, 3_000_000_000]],
}
SECTION = Section(notebook="05_word_level", plan=words, quick=QUICK, smoke=SMOKE)
