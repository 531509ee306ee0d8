"""`generate`: a trained model continues a prompt."""

import argparse
import itertools
import json
import sys
import time
from typing import Any

from tinylm.cli import models
from tinylm.cli.common import command

EXAMPLES = """
  python -m tinylm generate --prompt "HAMLET:"
  python -m tinylm generate --prompt "HAMLET:" --length 500 --temperature 0.5 --top-k 10 --seed 3 --model RoPE@1
  python -m tinylm generate --prompt "HAMLET:" --model transformer
  python -m tinylm generate --prompt "the company said" --model "PTB Transformer"
  python -m tinylm generate --prompt "To be" --model out/weights/91e131682342ec8a.safetensors --json
a model that is not trained here is trained with: python -m tinylm train --run NAME"""


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(commands, "generate", run, "let a trained model continue a prompt", EXAMPLES)
    parser.add_argument("--prompt", default="", metavar="TEXT", help="what is continued (nothing)")
    models.add_sampling_flags(parser)
    models.add_model_flags(parser)
    parser.add_argument("--json", action="store_true", help="print JSON when all is drawn")


def run(args: argparse.Namespace) -> int:
    """Print the prompt and, as it is drawn, what follows."""
    trained = models.open_model(args.model, args.data_dir)
    from tinylm.evaluation.generate import Sampling

    sampling = Sampling(temperature=args.temperature, top_k=args.top_k, seed=args.seed)
    drawn = itertools.islice(models.pieces(trained, args.prompt, sampling), args.length)
    if args.json:
        started = time.perf_counter()
        text = "".join(drawn)
        found = {"model": trained.spec.key, "corpus": trained.spec.corpus, "prompt": args.prompt, "text": text, "tokens": args.length}
        settings = {"temperature": sampling.temperature, "top_k": sampling.top_k, "seed": sampling.seed}
        print(json.dumps(found | settings | {"seconds": round(time.perf_counter() - started, 3)}, indent=1, ensure_ascii=False))
        return 0
    if note := models.lead_note(trained):
        print(note, file=sys.stderr)
    print(args.prompt, end="", flush=True)
    for piece in drawn:
        print(piece, end="", flush=True)
    print()
    return 0
