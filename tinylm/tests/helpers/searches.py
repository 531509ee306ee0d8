"""What a recorded search of learning rates found, by the multiple of the rate and by seed."""

import itertools
from dataclasses import replace

from tinylm import files, ledger

SEEDS = (100, 101, 102)  # that the report does not use


def tried(spec_of):
    """The valid NLL of each recorded multiple and seed, of which a spec is made by `spec_of`; infinite where training failed."""
    known, found = ledger.Ledger([files.LEDGER / ledger.SEARCH]), {}
    for times, seed in itertools.product([2.0**i for i in range(-6, 7)], SEEDS):
        if record := known.find(replace(spec_of(times), seed=seed)):
            found.setdefault(times, {})[seed] = record.valid.nll if record.valid else float("inf")
    return found


def require_best(found, best, of):
    """The best multiple lies between others, has as many seeds as any, and is ahead of each over the seeds that both have."""
    assert min(found) < best < max(found) and len(found[best]) == max(map(len, found.values())), (of, found)
    for times in found.keys() - {best}:
        shared = found[times].keys() & found[best].keys()
        assert sum(found[times][seed] - found[best][seed] for seed in shared) > 0, (of, times, found)
