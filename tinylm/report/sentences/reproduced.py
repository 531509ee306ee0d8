"""Records -> sentences on the study's losses and costs."""

import math
from collections.abc import Sequence

import numpy as np

from tinylm.analysis import agreement, significance, summaries
from tinylm.analysis.numbers import interval, p_value, signed
from tinylm.analysis.summaries import Result
from tinylm.report.sentences.phrases import records_of
from tinylm.study import select


def control(found: Sequence[Result], floor: dict[str, float]) -> str:
    """Which model comes closest to the floor, and whether any falls below it."""
    lines = summaries.summary(found).sort_values("test_nll")
    best = lines.iloc[0]
    below = lines[lines["test_nll"] < floor["test"] - 2 * lines["test_se"]]
    verdict = (
        "no model is below that"
        if below.empty
        else f"**below it, by more than two standard errors of the test text, which must be an error: {', '.join(below['name'])}**"
    )
    n = "" if best["run"].spec.is_counts else f" (n = {best['n']})"
    return (
        f"On {found[0].record.spec.corpus} the least possible test NLL is {floor['test']:.3f} nats; {verdict}, and the best, "
        f"{best['name']}, has {best['test_nll']:.3f}{n}."
    )


def cost(found: Sequence[Result]) -> str:
    """How far the stated costs are from the true ones, and what that does to the ranking by cost."""
    lines = summaries.summary(summaries.networks(found))
    if lines.empty:
        return ""
    ranked = {convention: ", ".join(lines.sort_values(convention)["name"]) for convention in ("flops", "flops_textbook", "flops_2nd")}
    ratios = "; ".join(
        f"{name}, {stated / textbook:.2g} times its textbook cost and {stated / executed:.2g} times its executed one"
        for name, stated, textbook, executed in zip(lines["name"], lines["flops_2nd"], lines["flops_textbook"], lines["flops"], strict=True)
    )
    return (
        f"In the study's convention $2ND$ a run is charged: {ratios}. From cheapest to most expensive, $2ND$ ranks {ranked['flops_2nd']}; "
        f"textbook FLOPs rank {ranked['flops_textbook']}; executed FLOPs rank {ranked['flops']}. {equal_cost(found)} {_best_counts(found)}"
    )


def reproduction(found: Sequence[Result]) -> str:
    """Whether the study's runs fall where ours do, tested on all rows together, and how large a shift the rows rule out."""
    rows = agreement.rows(found)
    joint = agreement.joint(rows)
    if joint is None:
        return ""
    margins = rows["margin"].dropna()
    alike = "lie where further seeds of ours would" if joint.is_alike else "differ from further seeds of ours"
    return (
        f"The study states {joint.n_rows} losses, sweeps and words included. Taken together they {alike} (Fisher "
        f"p = {p_value(joint.fisher)}, Kolmogorov-Smirnov p = {p_value(joint.ks)}). Differences below the margins, "
        f"{margins.median():.3f} nats in the median ({margins.min():.3f} to {margins.max():.3f}), could be missed."
    )


def equal_cost(found: Sequence[Result]) -> str:
    """Self-Attention's valid NLL where it has spent what the whole MLP run spends, in executed and in textbook FLOPs."""
    mlp, attention = (records_of(select(found, role="baseline", architecture=name)) for name in ("MLP", "Self-Attention"))
    if not mlp or not attention:
        return ""
    nll = float(np.mean([record.valid.nll for record in mlp]))
    parts = []
    for name, convention in (("executed", "flops"), ("textbook", "flops_textbook")):
        budget = getattr(mlp[0], convention)
        if budget < summaries.spent(attention[0], convention)[0]:
            parts.append(f"for the same {name} FLOPs it would end before its first validation, so that nothing can be compared")
            continue
        at_budget = float(np.mean([summaries.best_valid_at(record, budget, convention) for record in attention]))
        parts.append(f"for the same {name} FLOPs it has {at_budget:.3f} (n = {len(attention)})")
    return f"The MLP's full run ends at a valid NLL of {nll:.3f} (n = {len(mlp)}). Self-Attention: {'; '.join(parts)}."


def expected_costs(found: Sequence[Result]) -> str:
    """Whether the MLP costs less than stated, in executed FLOPs, and the attention models more, as was expected."""
    lines = summaries.summary(summaries.networks(found))
    if lines.empty:
        return ""
    shares = dict(zip((run.architecture for run in lines["run"]), lines["flops"] / lines["flops_2nd"], strict=True))
    as_expected = {name: share < 1 if name == "MLP" else share > 1 for name, share in shares.items() if name != "Linear"}
    told = [f"{shares[name]:.2g} for {name} ({'' if held else 'not '}as expected)" for name, held in as_expected.items()]
    return f"Executed divided by stated FLOPs: {', '.join(told)}." if told else ""


def _best_counts(found: Sequence[Result]) -> str:
    """The n-gram order chosen on valid against the best network, all of its seeds, on the same test tokens."""
    counts, networks = summaries.by_row(summaries.counts(found)), summaries.by_row(summaries.networks(found))
    if not counts or not networks:
        return ""
    count, network = (min(groups, key=lambda run: np.mean([r.valid.nll for r in groups[run]])) for groups in (counts, networks))
    gap = significance.difference(networks[network], counts[count])
    low, high = gap.interval()
    of_what = f"95 % interval {interval(gap.mean, low, high)}, n = {gap.n}"
    if math.isnan(low):  # one seed: only the text's noise is known
        low, high = gap.mean - 2 * gap.text_se, gap.mean + 2 * gap.text_se
        of_what = f"{signed(gap.mean)}, text SE {gap.text_se:.4f}, n = 1"
    where = "below" if low > 0 else "above" if high < 0 else "level with"
    ours, theirs = (float(np.mean([r.test.nll for r in records])) for records in (networks[network], counts[count]))
    return (
        f"Kneser-Ney counts ({count.name}, no gradient step) score {theirs:.4f} nats per token on the test slice, {where} the best of the "
        f"study's networks, {network.name}, at {ours:.4f} (difference {of_what})."
    )
