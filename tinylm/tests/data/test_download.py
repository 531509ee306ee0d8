import hashlib
import http.server
import json
import threading
import time

import pytest

from tinylm import files
from tinylm.data import DataError, download

TEXT = "".join(f"line {i} of a small text\n" for i in range(4000))
BODY = TEXT.encode()
TRAIN = (0, 60_000)
FAST = {"timeout": 0.3, "attempts": 3, "pause": 0.01}


class _Handler(http.server.BaseHTTPRequestHandler):
    """Behaves as the server's `faults` list says, one entry a request, then honestly."""

    def do_GET(self):
        server = self.server
        server.ranges.append(self.headers.get("Range"))
        fault = server.faults.pop(0) if server.faults else ""
        if fault.isdigit():
            return self.send_error(int(fault))
        body = BODY.replace(b"small", b"false") if fault == "lie" else BODY
        start = 0
        if self.headers.get("Range") and fault != "ignore range":
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        half = (start + len(body)) // 2
        self.wfile.write(body[start : half if fault in ("truncate", "stall") else len(body)])
        if fault == "stall":
            self.wfile.flush()
            time.sleep(1.0)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.faults, server.ranges = [], []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server
        server.shutdown()


@pytest.fixture
def datasets(server, tmp_path, monkeypatch):
    """A manifest with one corpus of one file, and one cut from a published text."""
    whole = {"url": f"http://127.0.0.1:{server.server_port}/x.txt", "bytes": len(BODY), "sha256": hashlib.sha256(BODY).hexdigest()}
    part = {"file": "train.txt", "cut": TRAIN, "sha256": hashlib.sha256(BODY[slice(*TRAIN)]).hexdigest()}
    folders = {"plain": {"splits": {"train": whole | {"file": "train.txt"}}}, "cut": {"source": whole, "splits": {"train": part}}}
    (tmp_path / "manifest.json").write_text(json.dumps({"folders": folders, "corpora": {name: {"folder": name} for name in folders}}))
    monkeypatch.setattr(files, "DATASETS", tmp_path)
    monkeypatch.setattr(files, "MANIFEST", tmp_path / "manifest.json")
    return tmp_path


def test_a_file_arrives_whole_and_a_second_call_asks_for_nothing(server, datasets):
    assert (download.download("plain") / "train.txt").read_bytes() == BODY
    download.download("plain")
    assert server.ranges == [None]
    assert [p.name for p in (datasets / "plain").iterdir()] == ["train.txt"]


def test_splits_are_cut_from_one_text(datasets, tmp_path):
    folder = download.download("cut", tmp_path / "elsewhere")
    assert (folder / "train.txt").read_bytes() == BODY[slice(*TRAIN)]
    assert [p.name for p in folder.iterdir()] == ["train.txt"]


@pytest.mark.parametrize("fault", ["truncate", "stall"])
def test_a_broken_connection_is_resumed(server, datasets, fault):
    server.faults = [fault]
    assert (download.download("plain", **FAST) / "train.txt").read_bytes() == BODY
    assert server.ranges == [None, f"bytes={len(BODY) // 2}-"]


def test_a_later_call_resumes_the_part_file(server, datasets):
    server.faults = ["truncate", "503", "503"]
    with pytest.raises(DataError, match=r"3 attempts: HTTP 503 .*resume"):
        download.download("plain", **FAST)
    server.ranges.clear()
    assert (download.download("plain", **FAST) / "train.txt").read_bytes() == BODY
    assert server.ranges == [f"bytes={len(BODY) // 2}-"]


def test_a_server_without_ranges_restarts(server, datasets):
    server.faults = ["truncate", "ignore range"]
    assert (download.download("plain", **FAST) / "train.txt").read_bytes() == BODY


def test_a_part_file_that_is_too_long_is_dropped(server, datasets):
    (datasets / "plain").mkdir()
    (datasets / "plain" / "train.txt.part").write_bytes(BODY + b"more")
    assert (download.download("plain", **FAST) / "train.txt").read_bytes() == BODY


def test_a_false_file_is_removed_and_named(server, datasets):
    server.faults = ["lie"]
    with pytest.raises(DataError, match=r"expected sha256 .* removed"):
        download.download("plain", **FAST)
    assert not any((datasets / "plain").iterdir())
    assert (download.download("plain", **FAST) / "train.txt").read_bytes() == BODY


def test_not_found_is_final(server, datasets):
    server.faults = ["404"]
    with pytest.raises(DataError, match="answers 404"):
        download.download("plain", **FAST)
    assert len(server.ranges) == 1


def test_no_server_gives_up(server, datasets):
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match="3 attempts"):
        download.download("plain", **FAST)


def test_somebody_elses_file_is_kept(server, datasets):
    (datasets / "plain").mkdir()
    (datasets / "plain" / "train.txt").write_text("mine")
    with pytest.raises(DataError, match="move it away"):
        download.download("plain", **FAST)
    assert (datasets / "plain" / "train.txt").read_text() == "mine"


def test_an_unwritable_folder_is_named(server, datasets):
    (datasets / "plain").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot write"):
        download.download("plain", **FAST)


def test_unknown_names_list_what_there_is(datasets):
    with pytest.raises(DataError, match="plain, cut"):
        download.download("grammar-char")


def test_progress_does_not_touch_stdout(server, datasets, capsys):
    download.download("plain")
    assert capsys.readouterr().out == ""
