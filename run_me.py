"""Rebuild the whole study: plan, train what is asked for, run the notebooks, write figures and report, check a sample live.

By default everything is rebuilt from the run records in docs/ledger, which needs neither network nor corpora. Exit codes: 0 all
done, 1 a step failed, stopped or disagreed with its record, 2 a mistake on the command line.
"""

import argparse
import sys
import time
from pathlib import Path

from tinylm import notebooks, pipeline, study, sweep
from tinylm.config import TinylmError
from tinylm.profiles import PROFILES


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", choices=PROFILES, default="full", help="full: published study; quick: small, trained live; smoke: seconds")
    parser.add_argument("--train", action="store_true", help="first train what the full study's ledger lacks (hours on a CPU)")
    parser.add_argument("--fresh", action="store_true", help="first train every run again")
    parser.add_argument("--verify", type=float, metavar="MINUTES", default=3.0, help="length of the live check of the ledger, 0 for none (default 3)")
    parser.add_argument("--only", metavar="SECTION", action="append", help="only this notebook, e.g. 03_sweeps or sweeps; may be repeated")
    parser.add_argument("--status", action="store_true", help="print the plan and stop")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default cpu)")
    parser.add_argument("--data-dir", type=Path, help="folder that holds the corpora (default: TINYLM_DATA, then datasets/, then download)")
    return parser.parse_args()


def main() -> int:
    """Run the steps in order; 0 when all went well and the live check agrees."""
    args, started = arguments(), time.perf_counter()
    sections = tuple(dict.fromkeys(notebooks.section_of(name) for name in args.only)) if args.only else tuple(study.SECTIONS)
    request = pipeline.Request(args.profile, sections, args.device, args.data_dir, args.fresh)
    print(f"1. Plan: {pipeline.describe(request, sweep.throughput())}")
    if args.status:
        return 0
    if args.train or args.fresh or not request.is_full:
        print("2. Train")
        pipeline.train_missing(request)
    pipeline.record_corpora(request)
    print("3. Notebooks")
    executed = pipeline.execute(request)
    print("4. Figures, HTML and PDF")
    target = pipeline.publish(request, executed)
    comparisons = []
    if request.is_full and args.verify > 0 and not args.fresh:
        print(f"5. Live check: retraining a sample of the ledger on this machine, about {args.verify:g} min")
        comparisons = pipeline.check_live(request, args.verify)
        print("\n".join(f"  {comparison}" for comparison in comparisons))
    print(f"Done in {time.perf_counter() - started:.0f} s. Report: {target / 'report.pdf'} and report.html; notebooks: {executed[0].parent}")
    return 0 if all(comparison.agrees for comparison in comparisons) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TinylmError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command continues")
