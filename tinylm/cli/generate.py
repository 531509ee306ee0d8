"""`generate`: continue a prompt with a trained model."""

import sys
import time
from dataclasses import dataclass
from typing import Any

from tinylm.cli import sampling, trained_models
from tinylm.cli.common import command
from tinylm.config import shown

EXAMPLES = """
  python -m tinylm generate --prompt "HAMLET:"
  python -m tinylm generate --prompt "HAMLET:" --length 500 --temperature 0.5 --top-k 10 --seed 3 --model RoPE@1
  python -m tinylm generate --prompt "HAMLET:" --top-p 0.9 --stop "\\n\\n"     one speech
  python -m tinylm generate --prompt "HAMLET:" --model transformer
  python -m tinylm generate --prompt "HAMLET:" --with counts                  its probabilities mixed with those of counts
  python -m tinylm generate --prompt "the company said" --model "PTB Transformer"
  python -m tinylm generate --prompt "To be" --model out/weights/91e131682342ec8a.safetensors --json
train a model that is not here with: python -m tinylm train --run NAME"""


@dataclass(frozen=True, kw_only=True)
class GenerateRequest(sampling.SamplingRequest):
    """A prompt, and the model that continues it."""

    prompt: str
    json: bool


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(commands, "generate", GenerateRequest, run, "continue a prompt with a trained model", EXAMPLES)
    parser.add_argument("--prompt", default="", metavar="TEXT", help="text to continue (empty)")
    sampling.add_sampling_flags(parser)
    trained_models.add_model_flags(parser)
    parser.add_argument("--json", action="store_true", help="print JSON at the end")


def run(request: GenerateRequest) -> int:
    """Print the prompt and its continuation, token by token."""
    model = request.open()
    drawn = sampling.pieces(model, request.prompt, request.sampling, request.length)
    if request.json:
        started = time.perf_counter()
        text = "".join(drawn)
        found = {"model": model.key, "corpus": model.spec.corpus, "prompt": request.prompt, "text": text, "tokens": request.length}
        print(shown.json_text(found | request.sampling | {"seconds": round(time.perf_counter() - started, 3)}))
        return 0
    if note := sampling.lead_note(model):
        print(note, file=sys.stderr)
    sampling.write_on(request.prompt, drawn)
    return 0
