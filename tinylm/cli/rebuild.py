"""The flags of run_me.py."""

import argparse

from tinylm import study
from tinylm.cli import terminal
from tinylm.cli.common import DEVICES, Parser, add_place_flags, check_place, folder, minutes, require_clone
from tinylm.config import TinylmError
from tinylm.report.request import Request


def section(name: str) -> str:
    """The section of a notebook's name, for argparse."""
    try:
        return study.section_of(name)
    except TinylmError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _require_place(parser: Parser, asked: Request) -> None:
    """End the process for a place of training that cannot be used, before anything is rebuilt."""
    if asked.cluster and not asked.trains:
        parser.error("--cluster trains, and nothing is to be trained; add --train, --fresh or a small --profile")
    if asked.cluster is None and asked.device == "cpu":
        return
    with terminal.imports():
        from tinylm.training import machine, pool  # torch is loaded only where another place than the CPU is asked for

    try:
        check_place(asked.cluster, asked.workers, asked.data_dir)
        if asked.cluster:
            pool.clusters().checked(asked.cluster)
        else:
            machine.device(asked.device)
    except TinylmError as error:
        parser.error(str(error))


def request(description: str) -> Request:
    """The request of this process's command line; a mistake ends the process with exit code 2 and one line.

    UsageError outside a clone, which alone has the notebooks and the report.
    """
    require_clone("run_me.py")
    parser = Parser(description=description, prog="python run_me.py")
    parser.add_argument(
        "--profile",
        choices=study.PROFILES,
        default="full",
        help="full: published study; quick: small, trained live; smoke: minutes",
    )
    parser.add_argument("--train", action="store_true", help="first train the missing runs of the full study (days on a CPU)")
    parser.add_argument("--fresh", action="store_true", help="first train every run again")
    parser.add_argument(
        "--verify", type=minutes(or_zero=True), metavar="MINUTES", default=3.0, help="minutes of the retraining check; 0: none (default 3)"
    )
    parser.add_argument(
        "--only", type=section, metavar="SECTION", action="append", help="only this notebook, e.g. 03_sweeps; may be repeated"
    )
    parser.add_argument("--status", action="store_true", help="print the plan and stop")
    parser.add_argument("--device", choices=DEVICES[1:], default="cpu", help="where to train (default cpu)")
    add_place_flags(parser)
    parser.add_argument("--data-dir", type=folder, help="folder of the corpora (else TINYLM_DATA, datasets/, download)")
    args = parser.parse_args()
    asked = Request(
        profile=args.profile,
        sections=tuple(dict.fromkeys(args.only or study.SECTIONS)),
        device=args.device,
        data_dir=args.data_dir,
        fresh=args.fresh,
        train=args.train,
        verify_minutes=args.verify,
        only_status=args.status,
        workers=args.workers,
        cluster=args.cluster,
    )
    _require_place(parser, asked)
    return asked
