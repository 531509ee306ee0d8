"""The library away from its clone: installed from a wheel, and with the clone on the path, each used from another folder."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tinylm
from tinylm import files
from tinylm.data import own_texts
from tinylm.evaluation import pretrained

MOST_BYTES, MOST_BYTES_A_RECORD = 9_000_000, 3_000  # of all but the records, and of each of these, whose number grows with the study
TEXT = "the cat sat on the mat\n" * 50
PROJECT = tomllib.loads((files.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TRAIN = "train --corpus grammar-char --model blurred --context-length 8 --steps 3 --eval-tokens 50 --device cpu --json"
ARCHITECTURE = """
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from tinylm import flops
from tinylm.config import ModelConfig
from tinylm.models import networks


@dataclass(frozen=True, kw_only=True)
class BlurredConfig(ModelConfig):
    kind: ClassVar[str] = "blurred"


class Blurred(networks.LanguageModel):
    def __init__(self, config, vocab_size):
        super().__init__()
        self.embedding, self.head = nn.Embedding(vocab_size, 4), nn.Linear(4, vocab_size)

    def hidden(self, x_BT, n_out):
        return self.embedding(x_BT)[:, -n_out:]


@flops.forward_parts.register
def _(config: BlurredConfig, vocab_size: int, n_out: int, n_scored: int) -> flops.Parts:
    return {"head": 2 * 4 * vocab_size * n_scored}


@flops.n_params.register
def _(config: BlurredConfig, vocab_size: int) -> int:
    return 9 * vocab_size


networks.build.register(BlurredConfig, Blurred)
"""
SESSION = """
import json, sys
for name in sys.argv[1:]: sys.modules[name] = None
import tinylm as tl
from pathlib import Path
from tinylm import files
from tinylm.data import own_texts
own = own_texts.add(Path("my.txt"), "character")
corpora = files.OUT / "datasets" / "ptb"
corpora.mkdir(parents=True)
sys.stdout = sys.stderr  # what training says
for split in ("train", "valid", "test"): (corpora / f"{split}.txt").touch()
print(json.dumps({
    "file": tl.__file__,
    "places": [str(place) for place in (files.OUT, files.LEDGER)],
    "records": len(tl.ledger.Ledger(files.ledgers()).records),
    "searched": len(tl.search_records("character")),
    "timed": bool(tl.timings.recorded()),
    "names": [name for name in tl.__all__ if getattr(tl, name) is None],
    "corpus": [own in tl.data.names(), tl.data.load(own).train.size],
    "ptb": tl.data.available("ptb"),
    "written": tl.load("shakespeare").generate("HAMLET:", length=5, temperature=0),
    "compared": tl.compare("control/KN-6", "control/KN-4").difference < 0,
    "lines": len(tl.plot(tl.train("my.txt", tl.Counts(order=2)), "control/MLP").legends[0].get_texts()),
    "trained": tl.train("my.txt", tl.Linear(context_length=4, d_model=4), steps=3).record.spec.key,
}), file=sys.__stdout__)
"""


@dataclass(frozen=True)
class Place:
    """A folder to work in, the folder that `tinylm` is imported from, and the user's own for results."""

    here: Path
    library: Path
    home: Path

    def python(self, *words):
        """A Python of its own, which has neither the clone nor a folder of corpora unless the library's folder is the clone."""
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "TINYLM_DATA")}
        own = {"PYTHONPATH": str(self.library), "TINYLM_HOME": str(self.home), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([sys.executable, *words], cwd=self.here, env=kept | own, capture_output=True, text=True, timeout=120)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def call(self, line):
        """The standard output of a command that does what it is asked for."""
        done = self.python("-m", "tinylm", *line)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def files(self):
        """The files of the library: code, data, records, corpora; not what Python caches."""
        folders = [self.library / name for name in ("tinylm", "docs", "datasets") if (self.library / name).is_dir()]
        return {path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts}


def not_installed():
    """The modules of this environment that `pip install` of the wheel does not bring."""
    brought, queue = set(), [*PROJECT["project"]["dependencies"]]
    while queue:
        needed = Requirement(queue.pop())
        name = canonicalize_name(needed.name)
        if name not in brought and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
            brought.add(name)
            queue += metadata.requires(name) or []
    owners = metadata.packages_distributions()
    return [name for name, found in owners.items() if name != "tinylm" and brought.isdisjoint(map(canonicalize_name, found))]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built by the backend of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([*build, files.ROOT], check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module", params=["wheel", "clone"])
def place(request, tmp_path_factory):
    """The wheel installed in a folder, and the clone, each used from another folder with a text and an architecture of the user's."""
    folder = tmp_path_factory.mktemp(request.param)
    place = Place(folder / "here", folder / "library" if request.param == "wheel" else files.ROOT, folder / "home")
    if request.param == "wheel":
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", place.library]
        subprocess.run([*install, request.getfixturevalue("wheel")], check=True)
    (place.home / "architectures").mkdir(parents=True)
    (place.home / "architectures" / "blurred.py").write_text(ARCHITECTURE)
    place.here.mkdir()
    (place.here / "my.txt").write_text(TEXT)
    return place


def test_a_wheel_is_small_and_holds_what_is_read_but_no_tests(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    code = {path.relative_to(files.ROOT).as_posix() for path in files.PACKAGE.rglob("*") if path.is_file()}
    code = {name for name in code if "__pycache__" not in name and not name.startswith("tinylm/tests/")}
    records = {f"tinylm/_data/{path.relative_to(files.DOCS).as_posix()}" for path in files.LEDGER.rglob("*.json")}
    assert {name for name in names if ".dist-info/" not in name} == code | records | {
        "tinylm/_data/manifest.json",
        "tinylm/_data/ledger/SHA256SUMS",
    }
    assert "tinylm/py.typed" in names and {f"tinylm/evaluation/pretrained/{name}.safetensors" for name in pretrained.MODELS} <= names
    sizes = {entry.filename: entry.compress_size for entry in zipfile.ZipFile(wheel).infolist()}
    of_records = sum(size for name, size in sizes.items() if name in records)
    listed = sum(size for name, size in sizes.items() if Path(name).name in ("RECORD", "SHA256SUMS"))  # grow with the records
    assert of_records < MOST_BYTES_A_RECORD * len(records) and sum(sizes.values()) - of_records - listed < MOST_BYTES


def test_what_the_project_needs_is_pinned_for_its_tests():
    pinned = (files.ROOT / "requirements.txt").read_text(encoding="utf-8")
    for needed in (*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]):
        assert f"\n{needed.partition('>')[0]}==" in pinned, needed


def test_a_prompt_is_continued_from_another_folder(place):
    assert place.call(["generate", "--prompt", "HAMLET:", "--length", "5"]).startswith("HAMLET:")


def test_results_go_to_the_users_folder_and_nothing_into_the_library(place):
    before = place.files()
    (run,) = json.loads(place.call(TRAIN.split()))["runs"]
    weights = place.home / "weights" / f"{run['key']}.safetensors"
    assert run["status"] == "done" and run["weights"] == str(weights) and weights.is_file()
    (record,) = (place.home / "ledger").rglob(f"*{run['key']}.json")
    assert place.call(["ledger", "show", run["key"]]).startswith("run")
    assert place.files() == before and list(place.here.iterdir()) == [place.here / "my.txt"]
    record.unlink()


def test_a_session_finds_records_corpora_and_every_name(place):
    absent = not_installed()
    assert {"papermill", "pytest", "tensorboard"} <= set(absent) and "IPython" not in absent
    done = place.python("-c", SESSION, *absent)
    assert done.returncode == 0, done.stderr
    found, is_clone = json.loads(done.stdout), place.library == files.ROOT
    assert Path(found["file"]).is_relative_to(place.library)
    assert found["places"] == [str(place.home), str(files.LEDGER if is_clone else place.library / "tinylm" / "_data" / "ledger")]
    assert found["records"] == len(tinylm.ledger.Ledger([files.LEDGER]).records) > 500
    assert found["searched"] == len(tinylm.search_records("character")) > 100 and found["timed"] and not found["names"]
    assert found["corpus"] == [True, len(own_texts.cut(TEXT)["train"])]
    assert found["written"] == "HAMLET:\nI ha" and found["compared"] and found["lines"] == 2
    assert (place.home / "weights" / f"{found['trained']}.safetensors").is_file() and len(list(place.home.glob("ledger/local/*.json"))) == 2
    assert found["ptb"] != is_clone  # a clone keeps its corpora in its own datasets/


def test_the_published_records_arrive_with_their_sums(place):
    assert place.call(["ledger", "verify"]).endswith(" records, 0 edited, 0 broken, 0 stale, 0 changed, 0 missing, 0 unlisted\n")


def test_a_folder_that_cannot_be_written_is_one_clear_error(place):
    (place.here / "file").touch()
    other = Place(place.here, place.library, place.here / "file")
    done = other.python("-m", "tinylm", *TRAIN.replace("blurred", "linear").split())
    (place.here / "file").unlink()
    assert done.returncode == 1
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert said.startswith(f"failed: cannot write into {other.home}/ledger: ") and said.endswith(", or set TINYLM_HOME to another folder")


def test_what_writes_into_the_repository_says_that_it_needs_a_clone(place):
    done = place.python("-m", "tinylm", "export", "transformer", "--from", "nothing.safetensors")
    said = "there is no file nothing.safetensors" if place.library == files.ROOT else "export needs a clone of the repository"
    assert done.returncode == 2 and done.stderr.startswith(f"error: {said}")
