"""Rebuild the whole study: plan, train what is asked for, run the notebooks, write figures and report, retrain a sample.

By default everything is rebuilt from the run records in docs/ledger, which needs neither network nor corpora. Exit codes: 0 all
done, 1 a step failed or disagreed with its record, or a record was edited by hand, 2 a mistake on the command line, 130 interrupted.
"""

import sys
import time

from tinylm.cli import terminal

INTERRUPTED = "stopped; the same command continues"


def main() -> int:
    """Run the steps in order; 0 when all went well and the retraining check agrees."""
    started = time.perf_counter()
    with terminal.imports(INTERRUPTED):
        from tinylm.cli import rebuild
        from tinylm.report.request import describe
    request = rebuild.request(__doc__)
    print(f"1. Plan: {describe(request)}", flush=True)
    if request.only_status:
        return 0
    with terminal.imports(INTERRUPTED):  # they take seconds, which a mistake in the flags and the plan need not wait for
        from tinylm.report import pipeline

    with pipeline.alone(request):
        if request.is_full:
            print(f"   Ledger: {pipeline.verify_ledger()}", flush=True)
        print(f"2. Train{'' if request.trains else ': not asked for, the records are read'}")
        if request.trains:
            pipeline.train_missing(request)
        pipeline.record_probes(request)
        print("3. Notebooks")
        executed = pipeline.execute(request)
        print("4. Figures, HTML and PDF")
        target = pipeline.publish(request, executed)
        agrees = True
        if request.verifies:
            print(f"5. Retraining check: a sample of the ledger is trained again on this machine, about {request.verify_minutes:g} min")
            agrees = pipeline.check_by_retraining(request)
        print(f"Done in {time.perf_counter() - started:.0f} s. Results: {target}; notebooks: {executed[0].parent}")
        return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(terminal.carry_out(main, interrupted=INTERRUPTED, failed=1))
