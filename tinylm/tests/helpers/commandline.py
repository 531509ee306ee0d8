"""Call the command line in this process, away from the repository's own folders."""

from tinylm import files
from tinylm.__main__ import main

FOLDERS = {
    "OUT": "out",
    "FIGURES": "figures",
    "LEDGER": "docs/ledger",
    "LOCAL_LEDGER": "out/ledger",
    "CHECKPOINTS": "out/checkpoints",
    "WEIGHTS": "out/weights",
    "PRETRAINED": "tinylm/evaluation/pretrained",
    "TEXTS": "out/texts",
    "ARCHITECTURES": "out/architectures",
}


def move_home(monkeypatch, folder):
    """Take `folder` for the repository's root."""
    for name, place in ({"ROOT": "."} | FOLDERS).items():
        monkeypatch.setattr(files, name, folder / place)
    return folder


def run(capsys, line):
    """Exit code, stdout and stderr of a command line, given as text or as words."""
    try:
        code = main(line.split() if isinstance(line, str) else line)
    except SystemExit as error:  # argparse's own way out
        code = error.code
    return code, *capsys.readouterr()
