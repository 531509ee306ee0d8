"""Groups of real processes, and the records that they leave."""

import contextlib
import dataclasses
import time
from pathlib import Path

import pytest

from tinylm import ledger


def records(home):
    """The files of the ledger in a TINYLM_HOME without what they say of times."""
    found = {path.name: ledger.read(path) for path in (home / "ledger").glob("**/*.json")}
    return {name: ledger.to_json(dataclasses.replace(record, seconds=0.0, curve_seconds=[])) for name, record in found.items()}


def members(group):
    """The processes of a group that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = stat.read_text().rpartition(") ")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(int(stat.parent.name))
    return sorted(found)


def ended(leader, longest):
    """Wait for the leader of a group, at most so many seconds; then no process of the group is left."""
    leader.wait(longest)
    for _ in range(300):
        if not members(leader.pid):
            return
        time.sleep(0.1)
    pytest.fail(f"processes stayed behind: {members(leader.pid)}")
