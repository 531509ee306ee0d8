"""The command line: `python -m tinylm COMMAND`, also installed as `tinylm`."""

import argparse
import os
import shlex
import sys
import time
import warnings
from collections.abc import Sequence

from tinylm import __version__
from tinylm.cli import bench, chat, common, download, evaluate, export, flops, generate, ledger, models, status, train
from tinylm.config import TinylmError, shown
from tinylm.ledger import LedgerWarning

EXAMPLES = """
  python -m tinylm status                          which runs of the published study are recorded
  python -m tinylm train --missing --minutes 9     train missing runs for nine minutes; repeat to continue
  python -m tinylm train --corpus grammar-char --model transformer --steps 500
  python -m tinylm generate --prompt "HAMLET:"     continue a prompt with a trained model
  python -m tinylm flops                           count the FLOPs of the paper's runs
  python -m tinylm bench                           time training on this machine
exit codes: 0 done, 1 runs left or failed, 2 bad input, 130 interrupted"""


def build_parser() -> common.Parser:
    """The parser of all subcommands; each sets `run`: arguments -> frozen request -> exit code."""
    about = "Train small language models under a counted compute budget."
    parser = common.Parser(EXAMPLES, description=about, prog="python -m tinylm")
    parser.add_argument("--version", action="version", version=f"tinylm {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (train, generate, chat, evaluate, models, status, flops, bench, ledger, download, export):
        module.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a user's mistake is one line on stderr, never a traceback."""
    started = time.monotonic()
    words = list(sys.argv[1:] if argv is None else argv)
    facts = argparse.Namespace(started=started, command_line=shlex.join(["python", "-m", "tinylm", *words]))
    args = build_parser().parse_args(words, facts)
    with warnings.catch_warnings():
        warnings.simplefilter("always", LedgerWarning)
        warnings.showwarning = _print_warning
        try:
            code = args.run(args)
            sys.stdout.flush()
            return code
        except KeyboardInterrupt:  # also that of a model, which is a TinylmError too
            print("interrupted", file=sys.stderr)
            return 130
        except TinylmError as error:
            print(f"error: {shown.printable(str(error))}", file=sys.stderr)
            return 2
        except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough; keep Python from flushing into it at its exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1


def _print_warning(message: Warning | str, *_: object) -> None:
    print(f"warning: {shown.printable(str(message))}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
