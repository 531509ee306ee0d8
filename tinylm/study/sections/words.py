"""The reproduced study on words, and what its cost buys on whole texts. Needs no torch."""

from dataclasses import replace

from tinylm.config import TrainConfig, TransformerConfig
from tinylm.study.parameters import StudyError, checked
from tinylm.study.planned import Planned, counts, planned
from tinylm.study.purchases import bought


@checked
def words(
    *,
    corpora: list[str],
    names: list[str],
    context_length: int,
    d_model: int,
    n_layer: int,
    batch_size: int,
    epochs: int,
    train_tokens: int,
    eval_tokens: int,
    orders: list[int],
    seeds: list[int],
    bought_corpora: list[str],
    bought_budgets: list[int],
    bought_architectures: list[str],
    caches: list[int],
) -> list[Planned]:
    """The Transformer on words, trained on the first tokens of each corpus, and n-gram counts of the same text.

    An epoch is a window for each place of the text. They start at random, as the study's do on characters; the first seed also with each
    visited once. Beside them recipes of whole corpora at budgets of their own, and their counts of the highest order, without and with
    a cache.
    """
    if train_tokens < context_length + 2:
        raise StudyError(
            f"train_tokens: needs at least {context_length + 2}, a window of {context_length} and what follows; got {train_tokens}"
        )
    sizes = {"train_tokens": train_tokens, "eval_tokens": eval_tokens, "windows_per_epoch": train_tokens - context_length - 1}
    train = TrainConfig(epochs=epochs, n_evals=epochs, batch_size=batch_size, **sizes)
    model = TransformerConfig(context_length=context_length, d_model=d_model, n_layer=n_layer, d_ff=2 * d_model)
    if len(names) != len(corpora):
        raise StudyError(f"names: needs one for each of the {len(corpora)} corpora, got {names!r}")
    prefixes = dict(zip(corpora, (f"{name} " for name in names), strict=True))
    models = {f"{prefix}Transformer": (corpus, model, train) for corpus, prefix in prefixes.items()}
    once = {f"{name}, each window once": (*run[:2], replace(train, sampling="shuffled")) for name, run in models.items()}
    counting = TrainConfig(epochs=1, train_tokens=train_tokens, eval_start=context_length, eval_tokens=eval_tokens)
    reproduced = counts("words", prefixes, orders, counting) + planned("words", models, seeds) + planned("words", once, seeds[:1])
    return reproduced + bought("words", bought_corpora, bought_budgets, bought_architectures, [max(orders)], caches, seeds)
