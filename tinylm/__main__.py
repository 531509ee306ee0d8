"""The command line: `python -m tinylm COMMAND`, also installed as `tinylm`."""

from tinylm.cli import terminal

with terminal.imports():
    import argparse
    import shlex
    import sys
    import time
    import warnings
    from collections.abc import Sequence

    from tinylm import __version__

EXAMPLES = """
  python -m tinylm status                          which runs of the published study are recorded
  python -m tinylm plan --corpus my.txt --budget 1e12    what to train on a text, and what to expect of it
  python -m tinylm train --missing --minutes 9     train missing runs for nine minutes; repeat to continue
  python -m tinylm train --corpus grammar-char --model transformer --steps 500
  python -m tinylm generate --prompt "HAMLET:"     continue a prompt with a trained model
  python -m tinylm flops                           count the FLOPs of the paper's runs
  python -m tinylm bench                           time training on this machine
exit codes: 0 done, 1 runs left or failed, 2 bad input, 130 interrupted"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands; each sets `run`: arguments -> frozen request -> exit code."""
    from tinylm.cli import bench, chat, common, download, evaluate, export, flops, generate, ledger, models, plan, status, train

    about = "Train small language models under a counted compute budget."
    parser = common.Parser(EXAMPLES, description=about, prog="python -m tinylm")
    parser.add_argument("--version", action="version", version=f"tinylm {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (plan, train, generate, chat, evaluate, models, status, flops, bench, ledger, download, export):
        module.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a user's mistake is one line on stderr, never a traceback."""
    started = time.monotonic()
    words = list(sys.argv[1:] if argv is None else argv)
    facts = argparse.Namespace(started=started, command_line=shlex.join(["python", "-m", "tinylm", *words]))
    return terminal.carry_out(lambda: _run(words, facts))


def _run(words: Sequence[str], facts: argparse.Namespace) -> int:
    with terminal.imports():
        from tinylm.ledger import LedgerWarning

        parser = build_parser()
    warnings.simplefilter("always", LedgerWarning)
    args = parser.parse_args(words, facts)
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
