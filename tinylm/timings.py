"""Recorded timings -> tables and sentences. Needs no torch."""

from typing import Any

from tinylm import ledger, paths

NONE = "–"


def recorded(device: str = "cpu") -> dict[str, Any]:
    """What `python -m tinylm bench --json docs/ledger/bench/DEVICE.json` saved; empty where it has not run."""
    found = ledger.read_facts(paths.LEDGER / "bench" / f"{device}.json")
    return found if found and found.get("rows") else {}


def cells(facts: dict[str, Any]) -> list[list[str]]:
    """The header and one line per row: both sides, the gain, the gain worth having."""
    lines = [["work", "against", "unit", "ours", "theirs", "gain", "wanted"]]
    for row in facts.get("rows", ()):
        wanted = f"{row['wanted']:g}" if row["wanted"] else NONE
        lines.append(
            [row["work"], row["against"], row["unit"], f"{row['ours']:.4g}", f"{row['theirs']:.4g}", f"{row['ratio']:.2f}", wanted]
        )
    return lines


def markdown(facts: dict[str, Any]) -> str:
    """The table for a README, with the machine below."""
    header, *lines = cells(facts)
    rule = ["---"] * 3 + ["---:"] * (len(header) - 3)
    rows = [f"| {' | '.join(line)} |" for line in (header, rule, *lines)]
    return "\n".join([*rows, "", f"Measured on {describe(facts)}."])


def describe(facts: dict[str, Any]) -> str:
    """The machine of the timings in words."""
    found = facts["machine"]
    return f"{found['device']}, {found['threads']} threads, Python {found['python']}, torch {found['torch']}"


def reading(facts: dict[str, Any]) -> str:
    """Which gains were reached, how near the dense step comes to the ceiling, and what takes the rest of its time."""
    wanted = [row for row in facts["rows"] if row["wanted"]]
    short = [
        f"{row['work']} against {row['against']} ({row['ratio']:.2f}, wanted {row['wanted']:g})"
        for row in wanted
        if row["ratio"] < row["wanted"]
    ]
    reached = f"{len(wanted) - len(short)} of {len(wanted)} gains are reached" + (f"; short are {'; '.join(short)}" if short else "")
    sentences = [f"On {describe(facts)}, {reached}."]
    for precision, ceiling in facts["peaks"].items():
        best = max((p for p in facts["points"] if p["precision"] == precision), key=lambda p: p["gflops"])
        sentences.append(
            f"In {precision} one large product runs at {ceiling:.0f} GFLOP/s; the fastest step, with {best['size']} {best['value']}, "
            f"reaches {best['gflops']:.0f}, {100 * best['gflops'] / ceiling:.0f} per cent of it."
        )
    for precision, shares in facts["shares"].items():
        rest = ", ".join(f"{kind} {100 * share:.0f}" for kind, share in shares.items() if kind != "matrix products")
        products = 100 * shares["matrix products"]
        sentences.append(
            f"A step in {precision} with dropout spends {products:.0f} per cent of its time on matrix products; the rest goes to {rest}."
        )
    return " ".join(sentences)
