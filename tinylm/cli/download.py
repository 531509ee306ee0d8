"""`download`: fetch the published corpora."""

import json
from dataclasses import dataclass
from typing import Any

from tinylm import data
from tinylm.cli.common import Request, UsageError, command, relative, table
from tinylm.data import DataError, download, grammar, own_texts

EXAMPLES = """
  python -m tinylm download --list        list the corpora and whether they are here; --json for scripts
  python -m tinylm download               fetch all that are missing
  python -m tinylm download ptb wikitext-2"""


@dataclass(frozen=True, kw_only=True)
class DownloadRequest(Request):
    """The corpora to fetch, or to list; no names mean all."""

    names: tuple[str, ...]
    list: bool
    json: bool

    def __post_init__(self) -> None:
        if self.json and not self.list:
            raise UsageError("--json goes with --list")


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(commands, "download", DownloadRequest, run, "fetch the published corpora", EXAMPLES)
    parser.add_argument("names", nargs="*", metavar="NAME", help="corpora to fetch (all that are missing)")
    parser.add_argument("--list", action="store_true", help="list the corpora, your own texts included, and fetch nothing")
    parser.add_argument("--json", action="store_true", help="with --list: print JSON")


def run(request: DownloadRequest) -> int:
    """Fetch or list corpora; 1 where a download failed."""
    for name in request.names:
        data.info(name)  # raises for an unknown name before anything is fetched
    if request.list:
        found = [_facts(name) for name in request.names or data.names()]
        print(json.dumps(found, indent=1, ensure_ascii=False) if request.json else _text(found))
        return 0
    failed = 0
    for name in request.names or _absent():
        if name in grammar.SOURCES:
            print(f"{name}: generated on this machine, nothing to fetch")
            continue
        try:
            print(f"{name}: {relative(download.download(data.source(name)))}")
        except DataError as error:
            failed += 1
            print(f"{name}: failed: {error}")
    return 1 if failed else 0


def _absent() -> list[str]:
    """The missing corpora, one for each set of files."""
    corpora = download.manifest()["corpora"]
    absent = {corpora[name]["folder"]: name for name in reversed(corpora) if not data.available(name)}
    if not absent:
        print("every corpus is here")
    return list(reversed(absent.values()))


def _facts(name: str) -> dict[str, Any]:
    """A corpus as JSON values; `state` says whether it is here, or the file that an own text came from."""
    info, own = data.info(name), own_texts.about(name)
    state = f"from {own['title']}" if own else "generated" if name in grammar.SOURCES else "here" if data.available(name) else "not here"
    return {"corpus": name, "level": info.level, "vocab_size": info.vocab_size, "n_tokens": info.n_tokens, "state": state}


def _text(found: list[dict[str, Any]]) -> str:
    rows = [
        [f["corpus"], f["level"], f"{f['vocab_size']:,}", *(f"{f['n_tokens'][split]:,}" for split in data.SPLITS), f["state"]]
        for f in found
    ]
    return table(["corpus", "level", "vocabulary", *(f"{split} tokens" for split in data.SPLITS), ""], rows)
