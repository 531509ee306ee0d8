import pytest

from tinylm.config import memory


def test_this_machine_has_some_memory():
    assert memory.total() is None or 10**8 < memory.total() < 10**14


def test_a_container_has_what_its_limit_says(tmp_path, monkeypatch):
    monkeypatch.setattr("os.sysconf", {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4000}.get, raising=False)
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "LIMITS", (limit, tmp_path / "absent"))
    for text, total in (("3000000\n", 3_000_000), ("max\n", 4_000_000), ("9000000\n", 4_000_000)):
        limit.write_text(text)
        assert memory.total() == total


def test_a_system_that_does_not_say_lacks_nothing(monkeypatch):
    monkeypatch.delattr("os.sysconf", raising=False)
    monkeypatch.setattr(memory, "LIMITS", ())
    assert memory.total() is None and memory.lacking(10**30) == ""


@pytest.mark.parametrize(("needed", "said"), [(10**9, ""), (3 * 10**10, "needs about 30 GB of memory, and this machine has 24 GB")])
def test_what_is_lacking_is_said_with_both_numbers(needed, said, monkeypatch):
    monkeypatch.setattr(memory, "total", lambda: 24 * 10**9)
    assert memory.lacking(needed) == said
