"""The title's question: the study's networks again, scored on the whole test split, as recipes and counts are. Needs no torch."""

from collections.abc import Sequence
from dataclasses import replace

from tinylm.config.shown import short
from tinylm.study import recipes
from tinylm.study.parameters import Section, checked
from tinylm.study.planned import Planned, select, with_seeds
from tinylm.study.sections import architectures as baselines


@checked
def answer(
    *,
    corpus: str = "tiny_shakespeare",
    context_length: int = 128,
    d_model: int = 128,
    d_hidden: int = 256,
    n_layer: int = 3,
    windows_per_epoch: int = 50_000,
    eval_tokens: int = 0,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    pilot_budgets: Sequence[int] = (15_000_000_000, 50_000_000_000),
) -> list[Planned]:
    """The four baselines, scored on the tokens that recipes and counts are scored on.

    Beside them the Transformer's recipe at small budgets, with which advice for another text compares short runs on that text.
    """
    rows = baselines.architectures(
        corpus=corpus,
        context_length=context_length,
        d_model=d_model,
        d_hidden=d_hidden,
        n_layer=n_layer,
        windows_per_epoch=windows_per_epoch,
        seeds=seeds,
        linear_seeds=seeds[:1],
    )
    pilots = [
        Planned(
            section="answer",
            role="pilot",
            architecture="Transformer",
            name=f"{corpus}, Transformer, {short(flops)}",
            spec=recipes.scored(recipes.recipe("transformer", corpus, flops), eval_tokens),
        )
        for flops in pilot_budgets
    ]
    return with_seeds(pilots, seeds) + [
        replace(run, section="answer", role="whole", name=f"{run.name}, whole split", spec=recipes.scored(run.spec, eval_tokens))
        for run in select(rows, role="baseline")
    ]


QUICK = {"windows_per_epoch": 8_000, "eval_tokens": 2_000, "seeds": [0], "pilot_budgets": [5_000_000_000]}
SMOKE = {
    "corpus": "grammar-char",
    "context_length": 16,
    "d_model": 16,
    "d_hidden": 32,
    "n_layer": 2,
    "windows_per_epoch": 640,
    "eval_tokens": 500,
    "seeds": [0],
    "pilot_budgets": [700_000_000],
}
SECTION = Section(notebook="00_answer", plan=answer, quick=QUICK, smoke=SMOKE)
