"""Rebuilds of the smoke study that are killed without a warning, and then made again: records and figures are those of one in one piece.

There are a quarter as many kills as TINYLM_KILLS says, since each takes minutes; none unless it is given.
"""

import os
import random
import subprocess
import sys
import time

import pytest
from processes import ended, records

from tinylm import files

KILLS = int(os.environ.get("TINYLM_KILLS", "0")) // 4
KILLS_PER_RUN = 2
REBUILD = [sys.executable, files.ROOT / "run_me.py", "--profile", "smoke", "--fresh"]
LONGEST = 1500  # seconds of a rebuild on a busy machine


def started(home):
    """A rebuild in a process group of its own, with its own place for results and for temporary folders."""
    temporary = home.with_suffix(".tmp")
    temporary.mkdir(exist_ok=True)
    with open(home.with_suffix(".log"), "ab") as log:
        environment = os.environ | {"TINYLM_HOME": str(home), "TMPDIR": str(temporary)}
        return subprocess.Popen(REBUILD, env=environment, stdout=log, stderr=log, start_new_session=True)


def made(home):
    """Records without times, and figures."""
    figures = {path.name: path.read_bytes() for path in (home / "smoke" / "figures").iterdir()}
    return records(home), figures


def finished(home):
    """What a rebuild makes that is left in peace, and the seconds it takes."""
    began, rebuild = time.monotonic(), started(home)
    ended(rebuild, LONGEST)
    said = home.with_suffix(".log").read_text()
    assert rebuild.returncode == 0 and "Traceback" not in said, said
    return made(home), time.monotonic() - began


@pytest.mark.skipif(not KILLS, reason="TINYLM_KILLS is below 4")
@pytest.mark.timeout(LONGEST * (KILLS + 2))
def test_a_killed_rebuild_made_again_gives_the_records_and_figures_of_an_undisturbed_one(tmp_path):
    expected, seconds = finished(tmp_path / "whole")
    assert all(expected)
    moments = random.Random(0)
    for number in range(0, KILLS, KILLS_PER_RUN):
        home = tmp_path / f"killed{number}"
        for _ in range(min(KILLS_PER_RUN, KILLS - number)):
            rebuild = started(home)
            time.sleep(moments.uniform(0, seconds))
            rebuild.kill()
            ended(rebuild, LONGEST)
        found = finished(home)[0]
        assert found[0] == expected[0]
        assert found[1] == expected[1]
        left = [path for path in home.glob("**/*") if path.name.startswith(".") or path.suffix in (".tmp", ".failed", ".pid")]
        assert left == [] and list(home.with_suffix(".tmp").glob(".tinylm*")) == []
