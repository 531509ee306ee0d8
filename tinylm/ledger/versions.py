"""Integers that say which code made a record. A record of another version is stale.

Bump one when the golden test of its protocol or optimizer fails for a reason that is meant; otherwise undo the change.
"""

from tinylm.config import RunSpec

PROTOCOLS = {"last": 1, "all": 1}
OPTIMIZERS = {"adam": 1, "adamw": 1, "muon": 1}
NGRAM = 1


def current(spec: RunSpec) -> str:
    """The version of the code that would run the spec now, e.g. `last-1 adam-1`."""
    if spec.is_counts:
        return f"ngram-{NGRAM}"
    protocol, optimizer = spec.train.loss_at, spec.train.optimizer
    return f"{protocol}-{PROTOCOLS[protocol]} {optimizer}-{OPTIMIZERS[optimizer]}"
