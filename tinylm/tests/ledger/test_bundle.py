import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records import made

from tinylm import ledger
from tinylm.ledger import bundle
from tinylm.ledger.bundle import BundleError, entries, merge, pack


@pytest.fixture
def tar(tmp_path):
    """Writes a tar of the given members, (name or TarInfo) -> bytes, and returns its path."""

    def write(members, file="runs.tar"):
        with tarfile.open(tmp_path / file, "w") as out:
            for member, content in members:
                info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
                info.size = len(content)
                out.addfile(info, io.BytesIO(content))
        return tmp_path / file

    return write


def name(record, section="local"):
    return f"{section}/{ledger.file_name(record.spec)}"


def text(record):
    return ledger.to_json(record).encode()


def actions(merged):
    return [line.action for line in merged]


def test_the_same_records_give_the_same_bytes_in_any_order(tmp_path):
    records = [("local", made(seed)) for seed in range(3)]
    pack(records, tmp_path / "a.tar")
    pack(reversed(records), tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        members = tar.getmembers()
    assert [m.name for m in members] == sorted(m.name for m in members)
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}


def test_what_is_there_and_no_bundle_is_never_replaced(tmp_path, tar):
    text_file, foreign = tmp_path / "my.txt", tar([("thesis.tex", b"words")])
    text_file.write_text("to be trained on\n" * 999)
    (tmp_path / "empty").touch()
    pack([("rope", made(1))], tmp_path / "cut.tar")
    (tmp_path / "cut.tar").write_bytes((tmp_path / "cut.tar").read_bytes()[:700])
    for file in (text_file, foreign, tmp_path / "empty", tmp_path / "cut.tar"):
        before = file.read_bytes()
        with pytest.raises(BundleError, match="is there and is no bundle of run records .*; name another file, or move this one away"):
            pack([("rope", made(1))], file)
        assert file.read_bytes() == before
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "broken").symlink_to(tmp_path / "nothing")
    for odd in (tmp_path, tmp_path / "fifo", tmp_path / "broken", Path("/dev/null"), Path("/"), Path("."), Path("")):
        with pytest.raises(BundleError, match="is not a plain file; name a new one, such as runs.tar"):
            pack([], odd)
    with pytest.raises(BundleError, match="cannot write .*: File name too long"):
        pack([], tmp_path / ("a" * 300))


def test_a_bundle_is_replaced_by_a_newer_one(tmp_path):
    for records in ([], [("rope", made(1))], [("rope", made(1)), ("words", made(2))]):
        pack(records, tmp_path / "a.tar")
        assert len(list(entries(tmp_path / "a.tar"))) == len(records)


def test_records_arrive_as_they_were_packed(tmp_path):
    pack([("rope", made(1)), ("words", made(2))], tmp_path / "a.tar")
    found = list(entries(tmp_path / "a.tar"))
    assert {(e.section, e.record.spec.seed, e.problem) for e in found} == {("rope", 1, ""), ("words", 2, "")}
    assert actions(merge(tmp_path / "a.tar", tmp_path / "new" / "ledger")) == ["added", "added"]
    path = tmp_path / "new" / "ledger" / "rope" / ledger.file_name(made(1).spec)
    assert path.read_bytes() == text(made(1))
    assert actions(merge(tmp_path / "a.tar", tmp_path / "new" / "ledger")) == ["kept", "kept"]


def test_an_empty_bundle_is_whole(tmp_path):
    pack([], tmp_path / "a.tar")
    assert merge(tmp_path / "a.tar", tmp_path) == []


def test_what_is_there_stays_unless_stale_or_broken(tmp_path):
    folder = tmp_path / "ledger"
    new = made(0, seconds=2.0)
    pack([("local", new)], tmp_path / "a.tar")
    path = ledger.write(made(0, seconds=1.0), folder / "elsewhere")
    (line,) = merge(tmp_path / "a.tar", folder)
    assert line.action == "differs" and str(path) in line.reason and ledger.read(path).seconds == 1.0
    ledger.write(made(0, seconds=1.0, version="last-0 adam-0"), folder / "elsewhere")
    (line,) = merge(tmp_path / "a.tar", folder)
    assert line.action == "replaced" and "stale" in line.reason and ledger.read(path) == new
    path.write_text("{")
    assert actions(merge(tmp_path / "a.tar", folder)) == ["replaced"]
    assert ledger.read(path) == new and len(list(folder.glob("**/*.json"))) == 1


def link(target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name(made()))
    info.type, info.linkname = kind, target
    return info


BAD_MEMBERS = {
    "leaves the folder": [
        ("../" + name(made()), text(made())),
        ("local/../../" + name(made()), text(made())),
        ("/tmp/" + name(made()), b""),
    ],
    "not a regular file": [(link("/etc/passwd"), b""), (link(name(made()), tarfile.LNKTYPE), b""), (link("", tarfile.FIFOTYPE), b"")],
    "not named like a record": [("local/notes.txt", b"x"), ("corpora/ptb.json", b"{}"), (name(made(), "a b"), text(made()))],
    "not a run record": [(name(made()), b"{"), (name(made()), b"\xff"), (name(made()), b"[]"), (name(made()), b"[" * 100_000)],
    "its key": [(name(made()), text(made()).replace(b'"lr": 0.0003', b'"lr": 0.1'))],
    "own name": [(name(made(1)), text(made(0)))],
    "stale": [(name(made()), text(made(version="last-0 adam-0")))],
    "another text": [(name(made()), text(made(corpus_sha256="0" * 64)))],
    "too large": [(name(made()), bytes(bundle.MAX_BYTES + 1))],
    "NaN where a number must stand": [(name(made()), text(made()).replace(b'"seconds": 1.0', b'"seconds": NaN'))],
}


@pytest.mark.parametrize("reason", BAD_MEMBERS)
def test_bad_members_are_named_and_the_others_arrive(tar, tmp_path, reason):
    bad = BAD_MEMBERS[reason]
    file = tar([*bad, (name(made(7)), text(made(7)))])
    merged = merge(file, tmp_path / "ledger")
    assert actions(merged) == ["refused"] * len(bad) + ["added"]
    assert all(line.name for line in merged)
    if reason == "not a run record":
        assert all(r.reason for r in merged[:-1])
    else:
        assert all(reason in line.reason for line in merged[:-1]), merged
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] in ([file.name, name(made(7))[6:]], [name(made(7))[6:], file.name])


def test_a_tar_made_by_hand_may_have_more_folders_or_none(tar, tmp_path):
    folder = tarfile.TarInfo("./docs/ledger")
    folder.type = tarfile.DIRTYPE
    file = tar([(folder, b""), ("./docs/ledger/" + name(made(1), "rope"), text(made(1))), (name(made(2))[6:], text(made(2)))])
    assert actions(merge(file, tmp_path / "ledger")) == ["added", "added"]
    assert (tmp_path / "ledger" / name(made(1), "rope")).exists()
    assert (tmp_path / "ledger" / ledger.file_name(made(2).spec)).exists()


@pytest.mark.parametrize("left", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_cut_tar_gives_its_whole_records_and_says_so(tmp_path, left):
    pack([("local", made(seed)) for seed in range(4)], tmp_path / "a.tar")
    content = (tmp_path / "a.tar").read_bytes().rstrip(b"\0")
    (tmp_path / "a.tar").write_bytes(content[: int(left * len(content))])
    merged = merge(tmp_path / "a.tar", tmp_path / "ledger")
    assert merged[-1].action == "refused" and "cut or damaged" in merged[-1].reason
    assert actions(merged[:-1]) == ["added"] * int(4 * left)


def test_a_tar_cut_between_two_members_is_cut(tmp_path):
    pack([("local", made(seed)) for seed in range(2)], tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as tar:
        end = tar.getmembers()[1].offset
    (tmp_path / "a.tar").write_bytes((tmp_path / "a.tar").read_bytes()[:end])
    assert actions(merge(tmp_path / "a.tar", tmp_path / "ledger")) == ["added", "refused"]


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b" + bytes(600), b"x" * 2000])
def test_another_file_is_not_a_tar(tmp_path, content):
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(BundleError, match=r"a\.tar is not a plain tar file"):
        merge(tmp_path / "a.tar", tmp_path / "ledger")
    assert not (tmp_path / "ledger").exists()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("size", [-512, -1024, 2**62])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.GNUTYPE_SPARSE])
def test_a_false_size_leads_neither_back_nor_beyond_the_end(tmp_path, kind, size):
    headers = []
    for info in (tarfile.TarInfo("rope/a"), tarfile.TarInfo("rope/b")):
        headers.append(bytearray(info.tobuf(tarfile.GNU_FORMAT)))
    headers[1][124:136], headers[1][156:157] = tarfile.itn(size, 12, tarfile.GNU_FORMAT), kind
    headers[1][148:156] = b" " * 8
    headers[1][148:156] = b"%06o\0 " % sum(headers[1])
    (tmp_path / "a.tar").write_bytes(b"".join(headers) + bundle.END)
    merged = merge(tmp_path / "a.tar", tmp_path / "ledger")
    assert set(actions(merged)) == {"refused"} and "cut or damaged" in merged[-1].reason


@pytest.mark.timeout(60)
def test_what_is_no_regular_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "a.tar")
    for place in (tmp_path / "a.tar", "/dev/zero", tmp_path):
        with pytest.raises(BundleError, match="is not a regular file; give a tar of records"):
            merge(Path(place), tmp_path / "ledger")


def test_a_name_that_is_an_order_to_the_terminal_is_spelt_out(tar, tmp_path):
    (line,) = merge(tar([("rope/\x1b[2J.json", b"{}")]), tmp_path / "ledger")
    assert line.name == "rope/\\x1b[2J.json"


def test_no_such_file(tmp_path):
    with pytest.raises(BundleError, match="No such file"):
        merge(tmp_path / "a.tar", tmp_path)


PACKED = {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1), junk=st.binary(min_size=1, max_size=600))
def test_a_damaged_tar_never_raises_anything_else(tmp_path, position, junk):
    if not PACKED:
        pack([("local", made(seed)) for seed in range(3)], tmp_path / "a.tar")
        PACKED["bytes"] = (tmp_path / "a.tar").read_bytes()
    whole = PACKED["bytes"]
    start = int(position * len(whole.rstrip(b"\0")))
    (tmp_path / "b.tar").write_bytes(whole[:start] + junk + whole[start + len(junk) :])
    try:
        found = list(entries(tmp_path / "b.tar"))
    except BundleError:
        return
    assert all((entry.record is None) == bool(entry.problem) for entry in found)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path, monkeypatch, error):
    file = tmp_path / "a.tar"
    pack([("local", made(0))], file)
    before = file.read_bytes()

    def fail(self, member, stream):
        raise error

    monkeypatch.setattr(tarfile.TarFile, "addfile", fail)
    with pytest.raises((KeyboardInterrupt, BundleError)):
        pack([("local", made(0)), ("local", made(1))], file)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tar"] and file.read_bytes() == before


@pytest.mark.parametrize("place", ["absent/a.tar", "folder", "file/a.tar"])
def test_an_unwritable_place_is_named(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="cannot write .*; choose|is not a plain file; name a new one"):
        pack([("local", made())], tmp_path / place)
    assert not list(tmp_path.glob("**/.*"))


def test_a_member_twice_is_merged_once(tar, tmp_path):
    other = replace(made(0), seconds=9.0)
    file = tar([(name(made(0)), text(made(0))), (name(made(0)), text(other)), (name(made(0), "rope"), text(made(0)))])
    assert actions(merge(file, tmp_path / "ledger")) == ["added", "differs", "kept"]


def test_records_of_a_search_travel_without_test_scores_and_others_not_without(tmp_path, tar):
    pack([(ledger.SEARCH, made(1))], tmp_path / "a.tar")
    assert [entry.record.test for entry in entries(tmp_path / "a.tar")] == [None]
    members = [(name(made(1), ledger.SEARCH), text(made(1))), (name(made(2)), text(replace(made(2), test=None)))]
    assert [entry.problem for entry in entries(tar(members))] == [
        "a record in search/ holds no test score; set test to null",
        "it is finished and lacks a score: the file was edited; train the run again",
    ]
