"""The outcomes of runs: one JSON file each, what is measured beside them, and bundles of both. Needs no torch."""

from tinylm.ledger.records import (
    Ledger,
    LedgerError,
    LedgerWarning,
    RunRecord,
    Score,
    file_name,
    flatten,
    from_json,
    read,
    read_facts,
    rounded,
    rows,
    to_json,
    write,
    write_facts,
    write_text,
)

__all__ = [
    "Ledger",
    "LedgerError",
    "LedgerWarning",
    "RunRecord",
    "Score",
    "file_name",
    "flatten",
    "from_json",
    "read",
    "read_facts",
    "rounded",
    "rows",
    "to_json",
    "write",
    "write_facts",
    "write_text",
]
