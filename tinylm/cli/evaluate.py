"""`evaluate`: score a trained model on a split of its corpus, or on a text file."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinylm import data, ledger
from tinylm.cli import trained_models
from tinylm.cli.common import UsageError, command, whole
from tinylm.config import shown
from tinylm.data import SPLITS, DataError

if TYPE_CHECKING:
    from tinylm.evaluation.model import Model

EXAMPLES = """
  python -m tinylm evaluate --file my.txt                           on your own text; needs no corpus
  python -m tinylm evaluate --model transformer                     on the tokens of its record: the same NLL
  python -m tinylm evaluate --model RoPE@1 --split valid --context 64
  python -m tinylm evaluate --model 91e131682342ec8a --file my.txt --json"""

SUM_TOLERANCE = 1e-5  # what rounding may do to a sum of probabilities
NO_DISTRIBUTION = ": they are no distribution, and the NLL says nothing"
MANY_UNKNOWN = 0.2  # of the tokens
TOO_MANY_UNKNOWN = "many tokens are <unk>, which is easy to predict, so the score says little; choose a text closer to the corpus"


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest(trained_models.ModelRequest):
    """A trained model, the text that it is scored on, and the windows; None means as in the run."""

    split: str
    file: Path | None
    stride: int | None
    context: int | None
    json: bool


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(
        commands, "evaluate", EvaluateRequest, run, "score a trained model on a split of its corpus, or on a text file", EXAMPLES
    )
    trained_models.add_model_flags(parser, "--split, and weights without vocabulary")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--split", choices=SPLITS, default="test", help="split of its corpus, the same tokens as in its record (test)")
    what.add_argument("--file", type=Path, metavar="FILE", help="a UTF-8 text file of your own, scored to its end")
    parser.add_argument("--stride", type=whole(1), metavar="N", help="tokens scored in each window (as in the run)")
    parser.add_argument("--context", type=whole(1), metavar="N", help="tokens in each window (as in the run)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(request: EvaluateRequest) -> int:
    """Print the score."""
    model = request.open()
    text = request.file or _corpus(model, request.data_dir)
    score = model.score(text, request.split, request.stride, request.context)
    found = {"model": model.key, "vocabulary": len(model.vocabulary.tokens)} | asdict(score)
    found["se"] = None if math.isnan(score.se) else score.se
    is_run = model.key == model.spec.key  # a mixture has the spec of its first model, whose record is not its own
    as_recorded = is_run and not (request.file or request.stride or request.context or request.others)
    recorded = getattr(ledger.known().find(model.spec), request.split, None) if as_recorded else None
    found["record_nll"] = recorded.nll if recorded else None
    print(shown.json_text(found) if request.json else shown.printable(_text(found, is_run)))
    return 0


def _corpus(model: "Model", data_dir: Path | None) -> data.Corpus:
    try:
        return data.load(model.spec.corpus, data_dir)
    except DataError as error:
        raise UsageError(f"{error}\nA text of your own needs no corpus: --file FILE") from error


def _text(found: dict[str, Any], is_run: bool) -> str:
    """The score as text, of a single model with the windows that it reads."""
    error = "" if found["se"] is None else f" +- {found['se']:.4f} (block SE)"
    unknown = f", {found['unknown']:,} of them <unk>" if found["unknown"] else ""
    warning = "" if found["unknown"] <= MANY_UNKNOWN * found["tokens"] else f"\n{TOO_MANY_UNKNOWN}"
    recorded = f"\nits record says {found['record_nll']:.4f}" if found["record_nll"] is not None else ""
    sums = f"the probabilities of all {found['vocabulary']:,} tokens sum to one within {found['sum_error']:.0e}"
    sums += "" if found["sum_error"] < SUM_TOLERANCE else NO_DISTRIBUTION
    read = f"; windows of {found['context']} tokens score their last {found['stride']}, so each token sees {found['min_context']} or more"
    return (
        f"{found['model']} on {found['text']}: NLL {found['nll']:.4f}{error} nats per token, perplexity "
        f"{found['perplexity']:.4g}, {found['bits_per_character']:.4f} bits per character\n{found['tokens']:,} tokens from token "
        f"{found['start']:,} on{unknown}{read if is_run else ''}\n{sums}{warning}{recorded}"
    )
