"""`download`: fetch the published corpora into datasets/."""

import argparse
from typing import Any

from tinylm import data, download, grammar
from tinylm.cli.common import command, relative, table
from tinylm.download import DataError

EXAMPLES = """
  python -m tinylm download --list        every corpus, and whether it is here
  python -m tinylm download               all that are not here
  python -m tinylm download ptb wikitext-2"""


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(commands, "download", run, "fetch the published corpora into datasets/", EXAMPLES)
    parser.add_argument("names", nargs="*", metavar="NAME", help="corpora (all that are not here)")
    parser.add_argument("--list", action="store_true", help="list the corpora and fetch nothing")


def run(args: argparse.Namespace) -> int:
    """Fetch the named corpora; 1 where one did not arrive."""
    for name in args.names:
        data.info(name)  # raises for an unknown name before anything is fetched
    if args.list:
        print(_listing(args.names or data.names()))
        return 0
    failed = 0
    for name in args.names or _absent():
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
    """The corpora that are not here, one of each set of files."""
    corpora = download.manifest()["corpora"]
    absent = {corpora[name]["folder"]: name for name in reversed(corpora) if not data.available(name)}
    if not absent:
        print("every corpus is here")
    return list(reversed(absent.values()))


def _listing(names: list[str]) -> str:
    rows = []
    for name in names:
        info = data.info(name)
        state = "generated" if name in grammar.SOURCES else "here" if data.available(name) else "not here"
        rows.append([name, info.level, f"{info.vocab_size:,}", *(f"{info.n_tokens[split]:,}" for split in data.SPLITS), state])
    return table(["corpus", "level", "vocabulary", *(f"{split} tokens" for split in data.SPLITS), ""], rows)
