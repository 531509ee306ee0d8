"""`models`: list the trained models that are here."""

from dataclasses import dataclass
from typing import Any

from tinylm.cli import trained_models
from tinylm.cli.common import Request, command

EXAMPLES = """
  python -m tinylm models
  python -m tinylm generate --model transformer --prompt "HAMLET:"      with a name, a key or a file of the list"""


@dataclass(frozen=True, kw_only=True)
class ModelsRequest(Request):
    """Every trained model that is here."""


def add(commands: Any) -> None:
    """Add the subcommand."""
    command(commands, "models", ModelsRequest, run, "list the trained models that are here", EXAMPLES)


def run(request: ModelsRequest) -> int:
    """Print the table."""
    print(trained_models.listing())
    return 0
