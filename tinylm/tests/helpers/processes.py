"""Groups of real processes, and the records that they leave."""

import contextlib
import dataclasses
import json
import time
from pathlib import Path

import pytest

from tinylm import ledger


def records(home):
    """The files of the ledger in a TINYLM_HOME, those of runs without what they say of times."""
    return {str(path.relative_to(home)): _timeless(path) for path in (home / "ledger").glob("**/*.json")}


def _timeless(path):
    text = path.read_text(encoding="utf-8")
    if "spec" not in json.loads(text):  # of a probe
        return text
    return ledger.to_json(dataclasses.replace(ledger.read(path), seconds=0.0, curve_seconds=[]))


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
