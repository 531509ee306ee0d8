"""Records -> the Answer of each section, and the abstract made of them: findings in short sentences, each with its numbers."""

import math
from collections.abc import Sequence

import numpy as np

from tinylm import data
from tinylm.analysis import agreement, factorial, summaries
from tinylm.analysis.numbers import amount, interval, p_value, perplexity
from tinylm.analysis.summaries import Result
from tinylm.evaluation.probes import COMPRESSION
from tinylm.report import sentences, timings
from tinylm.study import Planned, select
from tinylm.study.factorial import REACH


def abstract(found: Sequence[Result], bought: Sequence[Result], everything: Sequence[Result], corpus: str) -> str:
    """The report's abstract, one finding a sentence: what to train on a corpus, what the study's rows and costs are, and words.

    `found` are the study's baselines, `bought` the recipes with their rivals, `everything` all rows that the study has too.
    """
    sentences = [
        "Which small language model should you train when compute is scarce?",
        answer(bought, corpus),
        _lookup(bought),
        _retrained(found, everything),
        _words(bought),
        "NLL is in nats per token; all numbers are computed from run records by one command.",
    ]
    return " ".join(filter(None, sentences))


def answer(bought: Sequence[Result], corpus: str) -> str:
    """The title's question answered for a corpus: up to which budget none, from which one which, and what more buys."""
    networks, counts = (select(bought, role=role, corpus=corpus) for role in (["frontier", "purchase"], ["counts", "tuned"]))
    if not networks or not counts:
        return ""
    rival = min(counts, key=lambda result: result.record.valid.nll)
    frames, _ = sentences.brackets(networks, rival.record.valid.nll, rival.record.test.nll)
    if any(frame.empty or math.isnan(frame.iloc[0]["misses"]) for frame in frames):
        return sentences.worth_training(bought, corpus)
    first, compressed = frames[1].iloc[0], COMPRESSION.best(corpus)
    reaching = next(r.run for r in networks if r.run.architecture == first["architecture"] and r.run.budget == first["reaches"])
    how = "Kneser-Ney counts" + (" with a cache of the text just read" if rival.run.spec.model.cache else "")
    beside = f", and {compressed.name}, a text compressor, {compressed.test:.3f}" if compressed else ""
    records = min(summaries.by_row(networks).values(), key=lambda records: np.mean([record.valid.nll for record in records]))
    return (
        f"On {corpus}, with {amount(min(frame.iloc[0]['misses'] for frame in frames))} FLOPs or less, none: {how} reach a test NLL of "
        f"{rival.record.test.nll:.3f}{_in_time(rival.run, ' in {}')}{beside}. A small {first['architecture']} reaches that of the counts "
        f"at {amount(first['reaches'])} FLOPs{_in_time(reaching, ', {} on two cores')}; at {amount(records[0].flops)} the best recipe has "
        f"{np.mean([record.test.nll for record in records]):.3f} (n = {len(records)})."
    )


def _lookup(bought: Sequence[Result]) -> str:
    """What induction is worth, and what the architecture is worth beside it."""
    effects = factorial.effects(bought)
    if effects.empty:
        return ""
    by_name = effects.set_index("contrast")
    told = {name: interval(*by_name.loc[name, ["effect", "low", "high"]]) for name in (factorial.LOOKUP, factorial.AGAINST["LSTM"][True])}
    lookup, apart = told.values()
    return (
        f"What helps is the lookup: induction, which finds what followed the same characters in the last {REACH:,}, lowers the NLL of "
        f"Transformers, LSTMs and MLPs by {lookup} in the mean, and with it an LSTM is {apart} behind a Transformer."
    )


def _in_time(run: Planned, told: str) -> str:
    """How long a run takes, told; nothing where it is not known."""
    return "" if math.isnan(timings.seconds(run)) else told.format(timings.shown(run))


def _retrained(found: Sequence[Result], everything: Sequence[Result]) -> str:
    """Whether a published study's losses are reproduced, how far off its costs are, and what counts say of its best network."""
    lines, joint = summaries.summary(summaries.networks(found)), agreement.joint(agreement.rows(everything))
    if lines.empty or joint is None:
        return ""
    ratios = lines["flops_2nd"] / lines["flops_textbook"]
    best = lines.loc[lines["valid_nll"].idxmin()]
    counts = summaries.best_counts([result.record for result in found], summaries.by_row(found)[best["run"]][0])
    beaten = f", and its best network, {best['name']}, ends at {best['test_nll']:.3f} on its slice of the test" + (
        f" where counts have {counts.test.nll:.3f}" if counts else ""
    )
    return (
        f"We retrain a published study [@bhatti2025]: its losses are {'within' if joint.is_alike else 'outside'} the spread of seeds (p = "
        f"{p_value(joint.fisher)} over {joint.n_rows} rows), its stated costs are {ratios.min():.2g} to {ratios.max():.2g} times the true "
        f"ones{beaten}."
    )


def _words(bought: Sequence[Result]) -> str:
    """The best recipe on words of each text, in perplexity, beside counts with a cache."""
    told = []
    for records in sentences.best_purchases(bought).values():
        if data.info(records[0].spec.corpus).level == "word":
            _, cached = summaries.rivals([r.record for r in bought], records[0])
            beside = f" (counts with a cache {perplexity(cached.test.nll)})" if cached else ""
            told.append(f"{perplexity(float(np.mean([r.test.nll for r in records])))} on {records[0].spec.corpus}{beside}")
    return f"On words, Transformers with a pointer reach a perplexity of {' and '.join(told)}." if told else ""
