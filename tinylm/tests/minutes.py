"""What minutes of training get on a text of one's own: `python -m tinylm.tests.minutes [--minutes M]`, in a clone.

Trains what the study has on its texts of role timed, and counts, on the sources of Python's library; then it times each on this machine,
which must do nothing else, mixes each network with gated counts, and writes docs/ledger/bench/own-text.json. Runs that are recorded are
not trained again, so that training may be done before the machine is idle. Exit codes: 0 done, 1 not.
"""

import argparse
import sys
from collections.abc import Sequence

from tinylm import files, ledger, study
from tinylm.analysis import layout
from tinylm.cli import quick
from tinylm.cli.bench import require_idle
from tinylm.config import TinylmError
from tinylm.data import own_texts
from tinylm.report import minutes, tables
from tinylm.report.minutes import MIXTURE, OWN, Trained
from tinylm.study import Planned, select, single
from tinylm.tests import unseen
from tinylm.training import bench, machine, pool
from tinylm.training.bench import runs

TEXT = "sources of Python's library"


def planned(corpus: str, most: float) -> list[Planned]:
    """The runs of a text for at most so many minutes: counts, gated counts, and what each architecture is trained for."""
    found = study.capacity(corpora=[corpus])
    kept = select(found, role=["tuned", "gated"])
    n = sum(limit <= most for limit in tables.LIMITS)
    for architecture in dict.fromkeys(run.architecture for run in select(found, role="timed")):
        kept += select(found, role="timed", architecture=architecture)[:n]
    return kept


def rows(chosen: Sequence[Planned], seconds: dict[str, float]) -> list[Trained]:
    """The rows of runs that are recorded, and of each network mixed with the gated counts, whose times add up."""
    known = ledger.known()
    records = {run.spec.key: known.find(run.spec) for run in chosen}
    (gated,) = select(chosen, role="gated")
    scored = {run: (records[run.spec.key].valid.nll, records[run.spec.key].test.nll) for run in chosen}
    found = [_row(minutes.kind(run), nlls, seconds[run.spec.key]) for run, nlls in scored.items()]
    for run in select(chosen, role="timed"):
        for both in quick.mixtures([gated, run], records, None):
            found.append(_row(MIXTURE, (both.valid_nll, both.test.nll), seconds[run.spec.key] + seconds[gated.spec.key]))
    return found


def _row(kind: str, nlls: tuple[float, float], seconds: float) -> Trained:
    return Trained(text=TEXT, kind=kind, valid=nlls[0], test=nlls[1], n=1, seconds=seconds)


def main(argv: Sequence[str] | None = None) -> int:
    """Train, time and write; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tinylm.tests.minutes", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=tables.LIMITS[-1], metavar="M", help=f"the longest runs ({tables.LIMITS[-1]})")
    args = parser.parse_args(argv)
    corpus = own_texts.add_text(unseen.TEXTS[TEXT](), "character", "library.txt")
    chosen, known = planned(corpus, args.minutes), ledger.known()
    places = {"folder": files.LOCAL_LEDGER, "checkpoints": files.CHECKPOINTS, "weights": files.WEIGHTS}
    try:
        missing = [single.unplanned(run.spec) for run in chosen if known.find(run.spec) is None]
        pool.finish_all(missing, machine.Settings(minutes=0.0, **places), lambda run, record: print(run.title, flush=True))
        require_idle()
    except TinylmError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    seconds = runs.all_seconds(chosen, "cpu", lambda run, took: print(f"{run.name}: {took:.1f} s", flush=True))
    ledger.write_facts(files.LEDGER / "bench" / OWN, minutes.facts(rows(chosen, seconds), bench.machine("cpu")))
    frame = tables.in_minutes([])
    print(layout.markdown(list(frame.columns), frame.to_numpy().tolist(), ["left"] * len(frame.columns)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
