"""Untrained models with their records where the explorer looks, and the cells of the tables it shows."""

import html
import re

from records import made

from tinylm import data, files, ledger
from tinylm.config import RunSpec, TrainConfig, TransformerConfig
from tinylm.evaluation import weights
from tinylm.models import checkpoint
from tinylm.models.networks import build

TEXT = "Domin : a letter"
DENSE = TransformerConfig(context_length=24, n_layer=2, n_head=2, d_model=8, d_ff=8)


def stored(found, section="local"):
    """A record written where the explorer looks."""
    ledger.write(found, files.LOCAL_LEDGER / section)
    return found


def trained(model, loss_at, corpus="grammar-char", seed=0):
    """An untrained model of a spec with its record, as if it had been trained here; the spec."""
    spec = RunSpec(corpus=corpus, model=model, train=TrainConfig(steps=3, eval_tokens=20, loss_at=loss_at), seed=seed)
    built = build(model, data.vocab_size(corpus))
    checkpoint.save(files.WEIGHTS / f"{spec.key}.safetensors", built.state_dict(), weights.facts(spec, data.load(corpus)))
    return stored(made(spec=spec)).spec


def cells(table):
    """The cells of a table in HTML, row by row, without its header."""
    rows = re.findall(r"<tr>(.*?)</tr>", table)[1:]
    return [[html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows]
