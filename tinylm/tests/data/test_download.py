import hashlib
import http.server
import json
import subprocess
import sys
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
        if fault.startswith("drip"):
            return self.drip(fault)
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

    def drip(self, fault):
        """A byte at a time: of the headers, of a chunk's length, or of the body."""
        head = b"HTTP/1.1 200 OK\r\n"
        before = {"drip headers": b"", "drip chunks": head + b"Transfer-Encoding: chunked\r\n\r\n", "drip": head + b"\r\n"}[fault]
        self.wfile.write(before)
        for byte in head * 9 if fault == "drip headers" else b"0" * 400 if fault == "drip chunks" else BODY:
            try:
                self.wfile.write(bytes([byte]))
            except OSError:
                return
            time.sleep(0.05)
            if self.server.is_over.is_set():
                return

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.faults, server.ranges, server.is_over = [], [], threading.Event()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server
        server.is_over.set()
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
    (datasets / "plain").chmod(0o555)
    download.download("plain")
    (datasets / "plain").chmod(0o755)
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


@pytest.mark.parametrize("fault", ["drip", "drip headers", "drip chunks"])
def test_a_server_that_drips_is_given_up(server, datasets, fault):
    server.faults, started = [fault] * 3, time.monotonic()
    with pytest.raises(DataError, match=r"did not arrive in 3 attempts: only [0-9]* bytes came in 0 s; repeat the command"):
        download.download("plain", **FAST)
    assert time.monotonic() - started < 10 * FAST["timeout"]
    server.faults = [fault]
    assert (download.download("plain", **FAST) / "train.txt").read_bytes() == BODY


DOWNLOADING = """
import sys
from pathlib import Path
from tinylm import files
from tinylm.data import download
files.MANIFEST, folder = Path(sys.argv[1]), Path(sys.argv[2])
download.download(sys.argv[3], folder, timeout=20)
"""


@pytest.mark.parametrize("name", ["plain", "cut"])
def test_several_processes_may_download_into_one_folder(server, datasets, name):
    server.faults = ["truncate"] * 2
    call = [sys.executable, "-c", DOWNLOADING, str(datasets / "manifest.json"), str(datasets), name]
    processes = [subprocess.Popen(call, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in processes] == [("", 0)] * 3
    assert [path.name for path in (datasets / name).iterdir()] == ["train.txt"] and len(server.ranges) == 3


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
    assert [path.name for path in (datasets / "plain").iterdir()] == [download.LOCK]
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
