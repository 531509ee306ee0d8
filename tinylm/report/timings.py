"""Recorded timings -> tables and sentences. Needs no torch."""

import math
from collections.abc import Sequence
from typing import Any

from tinylm import files, ledger
from tinylm.analysis import layout
from tinylm.config import TinylmError
from tinylm.config.errors import unknown
from tinylm.config.shown import duration
from tinylm.study import Planned

NONE = "–"


class TimingsError(TinylmError):
    """A device that nothing was timed on."""


def recorded(device: str = "cpu") -> dict[str, Any]:
    """What was timed last on a device; empty where nothing is recorded of any device."""
    return next(iter(machines(device)), {})


def machines(device: str = "cpu") -> list[dict[str, Any]]:
    """What `python -m tinylm bench --json` saved in docs/ledger/bench/DEVICE.json and DEVICE-KIND.json, the newest first.

    TimingsError names the devices that there are where this one is not among them.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((files.LEDGER / "bench").glob("*.json")):
        if (facts := ledger.read_facts(path)) and facts.get("rows"):
            found.setdefault(path.stem.partition("-")[0], []).append(facts)
    if found and device not in found:
        command = f"python -m tinylm bench --json docs/ledger/bench/{device}.json"
        raise TimingsError(f"{unknown('device', device, found)}; to time one, run `{command}` there")
    return sorted(found.get(device, []), key=lambda facts: facts["machine"]["date"], reverse=True)


def seconds(*runs: Planned) -> float:
    """How long runs take to train, or to count, one after the other, on a machine that does nothing else; NaN where not known.

    Validation is left out.
    """
    return sum(_runs()["runs"].get(run.row.spec.key, math.nan) for run in runs)


def of_runs() -> str:
    """What the times of runs are; empty where none are recorded."""
    facts = _runs()
    return f"Time: of training or counting alone, on an otherwise idle machine ({describe(facts)})." if facts["runs"] else ""


def _runs() -> dict[str, Any]:
    """What `python -m tinylm bench --runs --json docs/ledger/bench/runs.json` saved."""
    found = ledger.read_facts(files.LEDGER / "bench" / "runs.json")
    return found if found and found.get("runs") else {"runs": {}}


def shown(*runs: Planned) -> str:
    """The same in a unit that suits it; a dash where it is not known."""
    known = seconds(*runs)
    return NONE if math.isnan(known) else duration(known)


def cells(facts: dict[str, Any]) -> list[list[str]]:
    """The header and one line per row: both sides, the gain, the gain worth having."""
    lines = [["work", "against", "unit", "ours", "theirs", "gain", "aim"]]
    for row in facts.get("rows", ()):
        aim = f"{row['aim']:g}" if row["aim"] else NONE
        lines.append([row["work"], row["against"], row["unit"], f"{row['ours']:.4g}", f"{row['theirs']:.4g}", f"{row['ratio']:.2f}", aim])
    return lines


def markdown(found: Sequence[dict[str, Any]]) -> str:
    """The newest table for a README, with the gains of all machines that were timed, and these below."""
    if not found:
        return "No timings are recorded: python -m tinylm bench --json docs/ledger/bench/cpu.json"
    header, *lines = cells(found[0])
    if len(found) > 1:
        header = [*header, f"on {len(found)} machines"]
        lines = [[*line, _range(found, line[0], line[1])] for line in lines]
    others = "".join(f"\n\nTimed before on {describe(facts)}." for facts in found[1:])
    return f"{layout.markdown(header, lines, layout.beside(header, 3))}\n\nMeasured on {describe(found[0])}.{others}"


def _range(found: Sequence[dict[str, Any]], work: str, against: str) -> str:
    """The least and the largest gain of one row; a dash where one machine has it."""
    gains = [row["ratio"] for facts in found for row in facts["rows"] if (row["work"], row["against"]) == (work, against)]
    return f"{min(gains):.2f} to {max(gains):.2f}" if len(gains) > 1 else NONE


def describe(facts: dict[str, Any]) -> str:
    """The machine of the timings in words."""
    found = facts["machine"]
    kind = f" ({found['kind']})" if "kind" in found else ""
    return f"{found['device']}{kind}, {found['threads']} threads, Python {found['python']}, torch {found['torch']}, {found['date']}"


def reading(facts: dict[str, Any]) -> str:
    """Which gains were reached, how near the dense step comes to the ceiling, and what takes the rest of its time."""
    aimed = [row for row in facts["rows"] if row["aim"]]
    short = [
        f"{row['work']} against {row['against']} ({row['ratio']:.2f}, aim {row['aim']:g})" for row in aimed if row["ratio"] < row["aim"]
    ]
    reached = f"{len(aimed) - len(short)} of {len(aimed)} gains are reached" + (
        f"; short of their aim are {'; '.join(short)}" if short else ""
    )
    sentences = [f"On {describe(facts)}, {reached}."]
    for precision, ceiling in facts["peaks"].items():
        best = max((p for p in facts["points"] if p["precision"] == precision), key=lambda p: p["gflops"])
        sentences.append(
            f"In {precision} one large product runs at {ceiling:.0f} GFLOP/s; the fastest step, with {best['size']} {best['value']}, "
            f"reaches {best['gflops']:.0f}, {100 * best['gflops'] / ceiling:.0f} per cent of it."
        )
    growth = "; ".join(f"{size} from {low} to {high}: {gain:.1f}" for size, low, high, gain in _growth(facts["points"]))
    sentences.append(f"How many times faster the fp32 step computes as one size grows: {growth}.")
    for precision, shares in facts["shares"].items():
        rest = ", ".join(f"{kind} {100 * share:.0f}" for kind, share in shares.items() if kind != "matrix products")
        products = 100 * shares["matrix products"]
        sentences.append(
            f"A step in {precision} with dropout spends {products:.0f} per cent of its time on matrix products; the rest goes to {rest}."
        )
    return " ".join(sentences)


def _growth(points: list[dict[str, Any]]) -> list[tuple[str, int, int, float]]:
    """Each size with its least and largest value and the ratio of the fp32 rates there."""
    found = []
    for size in dict.fromkeys(point["size"] for point in points):
        chosen = [point for point in points if (point["size"], point["precision"]) == (size, "fp32")]
        first, last = chosen[0], chosen[-1]
        found.append((size, first["value"], last["value"], last["gflops"] / first["gflops"]))
    return found
