"""Gains, frontiers and purchases -> tables."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tinylm import data, files
from tinylm.analysis import budgets, factorial, families, folds, significance, summaries
from tinylm.analysis.numbers import NONE, amount, p_value, perplexity, plus_minus, power, signed, spread
from tinylm.analysis.significance import Estimate
from tinylm.analysis.summaries import Result
from tinylm.config.models import UNBOUNDED
from tinylm.config.shown import short
from tinylm.evaluation.probes import COMPRESSION, HEADINGS, TEST_TIME, headings
from tinylm.ledger import RunRecord
from tinylm.report import mixtures as mixed_runs
from tinylm.report import timings
from tinylm.report.tables.losses import mean, spread_over
from tinylm.study import Planned, select, teachers, titles
from tinylm.study.factorial import OPTIMIZERS, Cell
from tinylm.study.ladder import RUNGS

BLOCKS = (250, 1_000, 2_000, 4_000)  # tokens


def ladder(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per rung, compared with the last climbed one above it: what it gains, n, its test NLL, p values and the verdict."""
    return pd.DataFrame(
        {
            "rung": row.rung,
            "climbed": "yes" if row.climbed else "tried",
            "n": row.n,
            "test": f"{row.test_nll:.4f}",
            "gain, 95 %": plus_minus(row.gain, row.low, row.high),
            "p alone": p_value(row.p_alone),
            "p, Holm": p_value(row.p_holm),
            "verdict": NONE if pd.isna(row.verdict) else row.verdict,
        }
        for row in frame.itertuples()
    )


def changes(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per rung of a ladder's frame: what it changes."""
    return pd.DataFrame({"rung": rung.name, "what it changes": rung.about} for rung in RUNGS if rung.name in set(frame.get("rung", ())))


def targets(found: Sequence[Result], rivals: Sequence[Result]) -> pd.DataFrame:
    """One row per rival and split, and a column per architecture: between which budgets its runs come to reach the rival's NLL.

    After the rivals comes the compressor of the text that is best on valid, where it is recorded.
    """
    lines = [(rival.record.spec.model.title, rival.record.valid.nll, rival.record.test.nll) for rival in rivals]
    compressed = filter(None, map(COMPRESSION.best, dict.fromkeys(result.record.spec.corpus for result in found)))
    rows = []
    for name, valid, test in [*lines, *((one.name, one.valid, one.test) for one in compressed)]:
        for split, nll in (("valid", valid), ("test", test)):
            brackets = budgets.to_target(found, nll, split).set_index("architecture")
            rows.append({"loss of": name, "on": split, "NLL": f"{nll:.3f}"} | {each: _bracket(row) for each, row in brackets.iterrows()})
    return pd.DataFrame(rows or [{"loss of": "none is recorded"}])


def _bracket(row: pd.Series) -> str:
    """The budget that misses and the one that reaches, with the seeds that do."""
    misses, reaches = short(row["misses"]), short(row["reaches"])
    if math.isnan(row["reaches"]):
        return f"above {misses}"
    seeds = f"({row['n_reach']:.0f} of {row['n']:.0f})"
    return f"at most {reaches} {seeds}" if math.isnan(row["misses"]) else f"{misses} to {reaches} {seeds}"


def bought(found: Sequence[Result]) -> pd.DataFrame:
    """One row per run, counts included: what it trained on, its cost, its NLL, and for networks the distance to counts of their text.

    The first distance is to the best plain counts, the second to the best with a cache of at most the network's window.
    """
    rows, everything, groups = [], [r.record for r in found], summaries.by_row(found)
    for _, line in summaries.summary(found).iterrows():
        run, records = line["run"], groups[line["run"]]
        row = {"run": run.name, "n": line["n"], "parameters": f"{line['n_params']:,}", "executed FLOPs": amount(line["flops"])}
        row |= {"time": timings.shown(run)}
        row |= {"valid": f"{line['valid_nll']:.4f}", "test": f"{line['test_nll']:.4f}", "seed SD": spread(line["seed_sd"])}
        row |= {"perplexity": perplexity(line["test_nll"])} if data.info(run.spec.corpus).level == "word" else {}
        for title, rival in zip(("counts", "with cache"), summaries.rivals(everything, records[0]), strict=True):
            gap = significance.difference(records, [rival]) if rival and not run.spec.is_counts else None
            row |= {f"test − {title}, 95 %": plus_minus(gap.mean, *gap.interval()) if gap else NONE}
        rows.append(row)
    return pd.DataFrame(rows or [{"run": "none is recorded", "n": NONE}])


def purchased(found: Sequence[Result]) -> pd.DataFrame:
    """One row per purchase: what was trained, its time, its test loss and that of the best counts of the same tokens, whatever their cache.

    Of characters the loss is the NLL with its spread over seeds, of words the perplexity.
    """
    rows, groups = [], summaries.by_row(purchases := select(found, role="purchase"))
    counted = [result.record for result in summaries.counts(found)]
    for _, line in summaries.summary(purchases).iterrows():
        rival = summaries.best_counts(counted, groups[line["run"]][0], UNBOUNDED)
        beside = NONE if rival is None else perplexity(rival.test.nll) if _is_of_words(line["run"]) else f"{rival.test.nll:.3f}"
        rows.append([*_recipe(line), beside])
    return _recipes(rows, "counts")


def rivals(found: Sequence[Result], base: str) -> pd.DataFrame:
    """One row per network at a text and budget that has a rival: its cost, its test loss, its NLL minus that of the base, and a verdict."""
    lines = {line["run"]: line for _, line in summaries.summary(found).iterrows()}
    rows = []
    for row in budgets.rivals(found, base).itertuples():
        compared = [NONE, NONE] if pd.isna(row.verdict) else [plus_minus(row.effect, row.low, row.high), row.verdict]
        rows.append([*_recipe(lines[row.run]), *compared])
    return _recipes(rows, f"minus {base}, 95 %", "verdict") if rows else pd.DataFrame([{"text": "none is recorded"}])


LOSSES = ["test NLL ± SD (n)", "perplexity (n)"]


def _recipe(line: pd.Series) -> list[str]:
    """What is said of a recipe: its text, name, costs, and of characters the NLL with its spread over seeds, of words the perplexity."""
    run = line["run"]
    loss = [NONE, f"{perplexity(line['test_nll'])} ({line['n']})"] if _is_of_words(run) else [mean(line), NONE]
    return [run.spec.corpus, run.architecture, short(run.budget), _size(line["n_params"]), timings.shown(run), *loss]


def _is_of_words(run: Planned) -> bool:
    return data.info(run.spec.corpus).level == "word"


def _recipes(rows: Sequence[Sequence[str]], *beside: str) -> pd.DataFrame:
    """A table of recipes with more columns beside, without a loss that none of them has."""
    frame = pd.DataFrame(rows, columns=["text", "recipe", "FLOPs", "size", "time", *LOSSES, *beside])
    return frame.drop(columns=[name for name in LOSSES if rows and (frame[name] == NONE).all()])


def _size(n_params: int) -> str:
    """A number of parameters, in millions from a hundredth of one up."""
    return f"{n_params / 1e6:.2f}M" if n_params >= 10_000 else f"{n_params:,}"


def advice(
    found: Sequence[Result], budgets: Sequence[int], mixed: Sequence[Result] = (), mixed_gated: Sequence[Result] = ()
) -> pd.DataFrame:
    """One row per budget in FLOPs: what has the lowest mean valid NLL of all that costs no more, its test NLL and its time.

    `found` are counts, gated or not, and networks that are scored on the same tokens, `mixed` networks mixed with the best of the counts,
    `mixed_gated` those mixed with the gated counts of the smallest budget.
    """
    gated = min((result.run for result in select(found, role="gated")), key=lambda run: run.budget, default=None)
    counts = mixed_runs.best_counts(found)
    ways = [(found, "", None), (mixed, ", mix with counts", counts and counts.run), (mixed_gated, ", mix with gated counts", gated)]
    lines = pd.concat([summaries.summary(part).assign(how=how, partner=partner) for part, how, partner in ways], ignore_index=True)
    rows = []
    for budget in budgets:
        affordable = lines[lines["flops"] <= budget]
        if len(affordable):
            best = affordable.loc[affordable["valid_nll"].idxmin()]
            row = {"FLOPs": power(best["run"].budget), "do this": _told(best["run"]) + best["how"], "test NLL ± SD (n)": mean(best)}
            rows.append(row | {"time": timings.shown(*filter(None, [best["partner"], best["run"]]))})
    return pd.DataFrame(rows or [{"FLOPs": "none is recorded"}])


def _told(run: Planned) -> str:
    """What to do for a run, in words."""
    if run.spec.is_counts:
        return f"count: {run.spec.model.title}"
    text = "" if data.source(run.spec.corpus) == run.spec.corpus else f", on {run.spec.corpus}"
    return f"train: {titles.network(run)}{text}"


def mixtures(found: Sequence[Result]) -> pd.DataFrame:
    """One row per network that was mixed with counts: both losses, how far the mixture is below counts, and its weight.

    The counts are the best of `found` by valid. Beside it the loss of the network mixed with gated counts.
    """
    rival, rows = mixed_runs.best_counts(found), []
    pairs = mixed_runs.by_row(found) if rival else {}
    lines = {line["run"]: line for _, line in summaries.summary(mixed_runs.mixed(found)).iterrows()}
    gated = {line["run"]: mean(line) for _, line in summaries.summary(mixed_runs.mixed(found, gated=True)).iterrows()}
    architectures = list(dict.fromkeys(run.architecture for run in pairs))
    for run in sorted(pairs, key=lambda run: (architectures.index(run.architecture), run.budget)):
        alone, together = pairs[run]
        nll = float(np.mean([record.test.nll for record in alone]))
        row = {"network": run.architecture, "FLOPs": short(run.budget), "alone": f"{nll:.3f}", "mixed ± SD (n)": mean(lines[run])}
        gap = significance.difference(together, [rival.record])
        row |= {"mixed − counts": plus_minus(gap.mean, *gap.interval())}
        row |= {"weight": f"{mixed_runs.share(together, found):.2f}"}
        rows.append(row | ({"+ gated ± SD (n)": gated.get(run, NONE)} if gated else {}))
    return pd.DataFrame(rows or [{"network": "none is recorded"}])


def together(found: Sequence[Result]) -> pd.DataFrame:
    """One row per purchase of words, gated and tuned counts of a text: size, time, perplexity alone, mixed with counts and with gated ones.

    n are seeds, which may be fewer for mixtures.
    """
    shown = select(found, role=["tuned", "gated", "purchase"])
    ways = {"alone": shown, "with counts": mixed_runs.mixed(shown), "with gated counts": mixed_runs.mixed(shown, gated=True)}
    rows: dict[Planned, dict[str, str]] = {}
    for way, results in ways.items():
        for _, line in summaries.summary(results).iterrows():
            run, seeds = line["run"], "" if line["run"].spec.is_counts else f" ({line['n']})"
            cost = {"text": run.spec.corpus, "model": run.architecture, "FLOPs": short(run.budget) if run.budget else NONE}
            cost |= {"size": NONE if run.spec.is_counts else _size(line["n_params"]), "time": timings.shown(run)}
            rows.setdefault(run, cost)[way] = perplexity(line["test_nll"]) + seeds
    frame = pd.DataFrame(rows.values(), columns=["text", "model", "FLOPs", "size", "time", *ways], dtype=object).fillna(NONE)
    return frame.sort_values("text", kind="stable") if rows else pd.DataFrame([{"text": "none is recorded"}])


def averages(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per average of networks in a frame of `mixtures.averaged`: its test NLL, and that of one network of the same FLOPs."""
    rows = []
    for row in frame.itertuples():
        nlls = [record.test.nll_per_character for record in row.one]
        sd = float(np.std(nlls, ddof=min(1, len(nlls) - 1)))
        one = spread_over(float(np.mean(nlls)), sd, len(nlls))
        shown = {"averaged": f"{row.size} of {short(row.budget)}", "of": _vocabulary(row.one[0]), "FLOPs": short(row.size * row.budget)}
        shown |= {"average ± SD (choices)": spread_over(row.test, row.sd, row.n), "one network ± SD (n)": one}
        rows.append(shown | {"average − one": signed(row.test - float(np.mean(nlls)))})
    return pd.DataFrame(rows or [{"averaged": "none is recorded"}])


def taught(found: Sequence[Result]) -> pd.DataFrame:
    """One row per recipe with a teacher: its test NLL, that of the recipe alone for the same FLOPs, and the difference.

    Beside them both mixed with the tuned counts, where a mixture with a taught one is recorded.
    """
    shown = select(found, role=["frontier", teachers.ROLE])
    alone, together = (
        {line["run"]: mean(line) for _, line in summaries.summary(one).iterrows()} for one in (shown, mixed_runs.mixed(shown))
    )
    pairs = list(budgets.taught(found).itertuples())
    rows = [
        {
            "network": row.contrast,
            "test ± SD (n)": alone[row.run],
            "the recipe ± SD (n)": alone[row.recipe],
            "taught − recipe, 95 %": _starred(row),
            "p, Holm": p_value(row.p_holm),
        }
        for row in pairs
    ]
    if any(row.run in together for row in pairs):
        for row, told in zip(pairs, rows, strict=True):
            told |= {"taught + counts": together.get(row.run, NONE), "the recipe + counts": together.get(row.recipe, NONE)}
    return pd.DataFrame(rows or [{"network": "none is recorded"}])


def vocabularies(found: Sequence[Result]) -> pd.DataFrame:
    """One row per vocabulary, characters first: test NLL in nats per character of tuned counts, and at each budget of the networks.

    Networks are those that read subwords, and of their architecture those that read characters; with the seeds' spread.
    """
    cut = summaries.networks(select(found, role="vocabulary"))
    architectures = list(dict.fromkeys(result.run.architecture for result in cut))
    networks = [*select(found, role="frontier", architecture=architectures), *cut]
    return _by_vocabulary(networks, summaries.counts(select(found, role=["tuned", "vocabulary"])), _per_character)


def vocabularies_of_words(found: Sequence[Result], words: str) -> pd.DataFrame:
    """One row per vocabulary that the text of the corpus `words` is read in: test perplexity of a word, as `vocabularies`.

    Of subwords and characters it is that of all that they predict, spread over the words that the test text has.
    """
    read = [one for one in select(found, role="tokens") if data.folder_name(one.run.spec.corpus) == data.folder_name(words)]
    counted = summaries.counts([*select(found, role="tuned", corpus=words), *read])
    return _by_vocabulary(summaries.networks(read), counted, partial(_per_word, words=words))


def _by_vocabulary(networks: Sequence[Result], counted: Sequence[Result], told: Callable[[Sequence[RunRecord]], str]) -> pd.DataFrame:
    """One row per vocabulary: what is told of counts, and of the networks of each budget at which some read other tokens."""
    rows: dict[str, dict[str, str]] = {}
    shown = sorted({result.run.budget for result in networks if result.run.role != "frontier"})
    for run, records in summaries.by_row([result for result in networks if result.run.budget in shown]).items():
        rows.setdefault(_vocabulary(records[0]), {})[short(run.budget)] = told(records)
    for result in counted if shown else ():
        rows.setdefault(_vocabulary(result.record), {})["counts"] = told([result.record])
    columns = ["vocabulary", "counts", *map(short, shown)]
    frame = pd.DataFrame([{"vocabulary": name} | row for name, row in rows.items()], columns=columns, dtype=object)
    return frame.fillna(NONE) if shown else pd.DataFrame([{"vocabulary": "none is recorded"}])


def _per_character(records: Sequence[RunRecord]) -> str:
    """The test NLL per character, of networks with the seeds' spread."""
    nlls = [record.test.nll_per_character for record in records]
    if records[0].spec.is_counts:
        return f"{nlls[0]:.3f}"
    return spread_over(float(np.mean(nlls)), float(np.std(nlls, ddof=min(1, len(nlls) - 1))), len(nlls))


def _per_word(records: Sequence[RunRecord], words: str) -> str:
    """The test perplexity of a word of the corpus `words`, of networks with the number of seeds."""
    corpus = records[0].spec.corpus
    n_words, n_characters = (data.info(name).n_tokens["test"] for name in (words, data.source(corpus)))
    nll = float(np.mean([record.test.nll_per_character for record in records])) * (1 if corpus == words else n_characters / n_words)
    return perplexity(nll) + ("" if records[0].spec.is_counts else f" ({len(records)})")


def _vocabulary(record: RunRecord) -> str:
    """How many tokens of which kind a run reads."""
    return f"{record.vocab_size:,} {data.info(record.spec.corpus).level}s"


def block_lengths(found: Sequence[Result]) -> pd.DataFrame:
    """One row per network that copies: its distance to counts with a cache, and half the 95 % interval by blocks of each length."""
    rows, everything = [], [r.record for r in found]
    for run, records in summaries.by_row(summaries.networks(found)).items():
        rival = summaries.rivals(everything, records[0])[1]
        if not rival or len(records) < 2 or not summaries.copies(run.spec):
            continue
        gap, row = significance.difference(records, [rival]), {"run": run.name, "n": len(records)}
        row |= {"test − counts": signed(gap.mean)}
        row |= {f"{length:,}": _half(significance.difference(records, [rival], length)) for length in BLOCKS}
        rows.append(row | {"chosen": f"{_half(gap)} ({significance.block_length(records, [rival]):,})"})
    return pd.DataFrame(rows or [{"run": "none is recorded", "n": NONE}])


def _half(gap: Estimate) -> str:
    low, high = gap.interval()
    return f"±{(high - low) / 2:.4f}"


def copying(runs: Sequence[Planned]) -> pd.DataFrame:
    """One row per run and a column per reach: NLL in nats per character of headings, by how far back the same heading last stood."""
    found = HEADINGS.frame(runs, files.ledgers())
    if found.empty:
        return pd.DataFrame([{"run": "none is recorded"}])
    sizes = found.groupby("reach")["headings"].first()
    rows = []
    for run, lines in found.groupby("run", sort=False):
        nlls = lines.set_index("reach")["nll"]
        rows.append({"run": run.name} | {f"{r} ({sizes[r]})": NONE if pd.isna(nlls[r]) else f"{nlls[r]:.3f}" for r in headings.REACHES})
    return pd.DataFrame(rows)


def cells(found: Sequence[Result]) -> pd.DataFrame:
    """One row per cell of a factorial: at each budget its size and rate, n, and its valid and test NLL with the seeds' spread."""
    rows: dict[Cell, dict[str, Any]] = {}
    recorded = factorial.budgets(found)
    for budget in recorded:
        at = f" at {short(budget)}" if len(recorded) > 1 else ""
        for cell, records in factorial.cells(found, budget).items():
            spec, tests = records[0].spec, [record.test.nll for record in records]
            shown = spread_over(float(np.mean(tests)), float(np.std(tests, ddof=min(1, len(tests) - 1))), len(tests))
            named = {"architecture": cell.architecture, "lookup": cell.lookup, "optimizer": OPTIMIZERS[cell.optimizer]}
            row = rows.setdefault(cell, named)
            row[f"width, lr{at}"] = f"{spec.model.d_model}, {spec.train.lr:g}"
            row |= {"parameters": f"{records[0].n_params:,}"} if len(recorded) == 1 else {}  # a page is not wide enough for those of two
            row |= {f"valid{at}": f"{np.mean([record.valid.nll for record in records]):.3f}", f"test ± SD (n){at}": shown}
    return pd.DataFrame(list(rows.values()) or [{"architecture": "none is recorded"}]).fillna(NONE)


def effects(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per effect of a factorial on test NLL: at each budget, in brackets n, its interval and p value; * where it is not clear."""
    columns: dict[str, dict[str, str]] = {}
    for budget, part in frame.groupby("budget"):
        columns[f"{short(budget)} ({part['n'].min()})"] = {row.contrast: _starred(row) for row in part.itertuples()}
        columns[f"p, Holm, {short(budget)}"] = {row.contrast: p_value(row.p_holm) for row in part.itertuples()}
    names = frame["contrast"].unique()
    rows = [{"effect": name} | {column: cells.get(name, NONE) for column, cells in columns.items()} for name in names]
    return pd.DataFrame(rows or [{"effect": "not every cell is recorded"}])


def worth(effects: pd.DataFrame, mixed: pd.DataFrame) -> pd.DataFrame:
    """One row per main effect of a factorial, a column per budget, and those of its mixtures with counts; * where one is not clear."""
    names = {factorial.LOOKUP: "induction with its window"}
    names |= {title: f"… in the {name}" for name, title in factorial.WITHIN.items()}
    names |= {factorial.WINDOW: "its window alone", factorial.EQUAL_WINDOW: "induction at equal windows"}
    for rival, by_lookup in factorial.AGAINST.items():
        for induction, title in by_lookup.items():
            names[title] = f"Transformer over {rival}, with it" if induction else "… without it"
    columns = {}
    for frame, beside in ((effects, ""), (mixed, " + counts")):
        for budget, part in frame.groupby("budget"):
            columns[f"{short(budget)}{beside} ({part['n'].min()})"] = {row.contrast: _starred(row) for row in part.itertuples()}
    rows = [{"gain": shown} | {column: found.get(name, NONE) for column, found in columns.items()} for name, shown in names.items()]
    return pd.DataFrame(rows if columns else [{"gain": "not every cell is recorded"}])


def _starred(row: Any) -> str:
    return plus_minus(row.effect, row.low, row.high) + families.star(row.verdict)


def by_fold(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per left-out part: its scored tokens and the test NLL of each architecture; then the weighted means, and what each lacks."""
    names = sorted(folds.architectures(frame), key=lambda name: folds.weighted_mean(frame, name))
    best, *others = names
    rows = [
        {"left out": f"{titles.corpus(corpus)}{' *' if row[folds.SEARCHED] else ''}", "tokens": f"{row[folds.TOKENS]:,}"}
        | {name: spread(row[name]) for name in names}
        for corpus, row in frame.iterrows()
    ]
    means = {name: spread(folds.weighted_mean(frame, name)) for name in names}
    rows.append({"left out": "mean by tokens", "tokens": f"{frame[folds.TOKENS].sum():,}"} | means)
    gaps = {name: folds.over_folds(frame, name, best) for name in others}
    rows.append(
        {"left out": f"minus {best}, 95 %", "tokens": NONE, best: NONE}
        | {n: plus_minus(gap.mean, *gap.interval()) for n, gap in gaps.items()}
    )
    return pd.DataFrame(rows)


def at_test_time(runs: Sequence[Planned]) -> pd.DataFrame:
    """One row per tried run and method: its settings, the NLL it gives, its gain over static scoring ± block SE, and its FLOPs."""
    rows = []
    for run in TEST_TIME.subjects(runs):
        facts = TEST_TIME.read(run, files.ledgers()) or {"methods": []}
        by_word = data.info(run.spec.corpus).level == "word"
        for found in facts["methods"]:
            settings = ", ".join(f"{name} {value}" for name, value in found["settings"].items())
            row = {"run": run.name, "method": found["method"], "settings": settings or NONE, "test": f"{found['nll']:.4f}"}
            row |= {"perplexity": perplexity(found["nll"])} if by_word else {}
            row |= {"gain": f"{signed(found['gain'])} ± {found['gain_se']:.4f}" if settings else NONE}
            row |= {"FLOPs a token": amount(found["flops_per_token"]), "FLOPs to choose": amount(found["flops_chosen"])}
            rows.append(row)
    return pd.DataFrame(rows or [{"run": "none is recorded", "method": NONE}])
