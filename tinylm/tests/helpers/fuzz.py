"""What the fuzzers share: how many cases they try, and junk in the place of a valid value.

They try 100 cases each, or as many as the environment variable TINYLM_FUZZ says: `TINYLM_FUZZ=2000 pytest -k fuzz`.
"""

import copy
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

FLOAT_MAX = sys.float_info.max
CASES = int(os.environ.get("TINYLM_FUZZ", "100"))
SLOWEST = timedelta(seconds=20)  # of a case: a busy machine is no hang

# Fixtures of a test are shared by its cases, which write their files anew.
HEALTH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def fuzzed(test: Any, at_once: int = 1) -> Any:
    """A test of hypothesis with as many cases as are asked for, so many of them in one call, none of which may take long."""
    return settings(max_examples=max(1, CASES // at_once), deadline=SLOWEST, suppress_health_check=HEALTH)(test)


EXTREME = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**63,
    10**30,
    10**31,
    10**400,
    -(10**400),
    0.5,
    -0.0,
    1e-300,
    1e38,
    1e308,
    float("inf"),
    float("nan"),
]
TEXTS = ["", "NaN", "../../x", "/etc/passwd", "\x1b[2Jred", "\ud800", "a" * 10_000, "linear", "ngram", "done", "valid"]
LISTS = [[], {}, [[]], [None], {"": None}, [0.5] * 1000, [{"step": 1}], [["a"]] * 20]


def junk() -> Any:
    """Any JSON value, extreme ones above all."""
    plain = st.sampled_from([*EXTREME, *TEXTS, *LISTS])
    anything = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), st.lists, max_leaves=5)
    return plain | plain | anything | st.integers(-5, 2000) | st.floats(0, 10)


@st.composite
def mutated(draw: Any, value: Any) -> Any:
    """A JSON value with one to three of its parts replaced, removed, repeated or doubled in value."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(value))
        if places:
            _change(draw, *draw(st.sampled_from(places)))
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """What can be changed: each holder with a key or index in it, of a list the first three."""
    if isinstance(value, dict | list):
        for place in [*value][:1000] if isinstance(value, dict) else range(min(len(value), 3)):
            yield value, place
            yield from _places(value[place])


def _change(draw: Any, holder: Any, place: Any) -> None:
    kind = draw(st.sampled_from(["replaced", "replaced", "replaced", "removed", "repeated", "scaled"]))
    old = holder[place]
    if kind == "removed":
        del holder[place]
    elif kind == "repeated":
        holder[place] = [copy.deepcopy(old) for _ in range(draw(st.integers(0, 3)))]
    elif kind == "scaled" and isinstance(old, int | float) and abs(old) < FLOAT_MAX:  # larger integers are scaled to no float
        holder[place] = old * draw(st.sampled_from([-1, 0, 0.5, 2, 10**6, 1e300]))
    else:
        holder[place] = copy.deepcopy(draw(junk()))  # the sampled lists are the same objects in every case


@st.composite
def damaged(draw: Any, content: bytes) -> bytes:
    """Bytes that are cut, or of which a stretch is overwritten, removed, repeated or swapped with another."""
    for _ in range(draw(st.integers(1, 3))):
        start, stop = sorted(draw(st.tuples(st.integers(0, len(content)), st.integers(0, len(content)))))
        stop = min(stop, start + draw(st.sampled_from([1, 8, 512, 10**6])))
        new = draw(st.sampled_from([b"", content[start:stop] * 2, bytes(stop - start), b"\xff" * (stop - start)]) | st.binary(max_size=40))
        content = content[:start] + new + content[stop:]
    return content
