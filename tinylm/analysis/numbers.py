"""Numbers as the text that tables and sentences show."""

import math

import pandas as pd

from tinylm.config import shown

NONE = "–"


def amount(value: float) -> str:
    """A count with three digits, as $a \\times 10^b$; a dash for none."""
    if not value:
        return NONE
    digits, exponent = f"{value:.2e}".split("e")
    return rf"${digits} \times 10^{{{int(exponent)}}}$"


def power(value: float) -> str:
    """A count with up to three digits, as $10^b$ or $a \\times 10^b$, for sentences; a dash for none."""
    if not value:
        return NONE
    digits, exponent = f"{value:.2e}".split("e")
    digits = digits.rstrip("0").rstrip(".")
    times = "" if digits == "1" else rf"{digits} \times "
    return rf"${times}10^{{{int(exponent)}}}$"


def perplexity(nll: float) -> str:
    """exp of an NLL, with four digits or, from a thousand up, as a whole number."""
    value = shown.perplexity(nll)
    return f"{value:,.0f}" if round(value, 1) >= 1000 else f"{value:#.4g}"


def spread(value: float) -> str:
    """A spread in nats with four decimals; a dash where there is none."""
    return NONE if pd.isna(value) else f"{value:.4f}"


def interval(effect: float, low: float, high: float, plus: str = "+") -> str:
    """A difference in nats with three decimals and its interval; a lower bound where it has no upper end; a dash where there is none.

    `plus` stands before what is above zero; "" where words say the direction.
    """
    if pd.isna(effect):
        return NONE
    if math.isinf(high):
        return f"at least {effect:+.3f} (from {low:+.3f})".replace("-", "−").replace("+", plus)
    ends = [f"{value:+.3f}" for value in (low, high)]
    return f"{effect:+.3f}{'' if pd.isna(low) else f' [{ends[0]}, {ends[1]}]'}".replace("-", "−").replace("+", plus)


def distance(effect: float, low: float, high: float) -> str:
    """How far apart two are, with the interval, where words say which of them is ahead."""
    return interval(effect, low, high, plus="") if effect >= 0 else interval(-effect, -high, -low, plus="")


def plus_minus(effect: float, low: float, high: float) -> str:
    """A difference in nats with three decimals and half its interval, which has equal sides, for a table; a bound with its low end."""
    if pd.isna(low):
        return interval(effect, low, high)
    if math.isinf(high):
        return f"≥ {effect:+.3f} ({low:+.3f})".replace("-", "−")
    return f"{effect:+.3f} ± {(high - low) / 2:.3f}".replace("-", "−")


def p_value(p: float) -> str:
    """A p value with two digits, down to a thousandth; a dash where there is none."""
    return NONE if pd.isna(p) else "< 0.001" if p < 0.001 else f"{p:.2g}"


def percent(value: float) -> str:
    """A signed number of per cent with one decimal; a dash for NaN."""
    return NONE if math.isnan(value) else f"{value:+.1f} %".replace("-", "−")


def verbatim(text: str) -> str:
    """Generated text as inline code: nothing in it is markup, and a slash stands for a line end."""
    return f"`` {text.replace('`', chr(39)).replace(chr(10), ' / ')} ``"


def signed(value: float, digits: int = 4) -> str:
    """A difference in nats with its sign."""
    return f"{value:+.{digits}f}".replace("-", "−")
