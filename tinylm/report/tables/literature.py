"""What others report on these corpora, with their sources. Needs no torch.

Test perplexity on words under the literature's protocol: an <eos> token at each line end, a state or context carried across
sentences, weights as they are after training (static evaluation) unless the remark says otherwise. Parameters in millions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tinylm import data
from tinylm.analysis import summaries
from tinylm.analysis.numbers import NONE, amount
from tinylm.analysis.summaries import Result
from tinylm.ledger import RunRecord


@dataclass(frozen=True, kw_only=True)
class Reported:
    """One model as its authors, or `source` (a citation), report it; NaN-free: 0 stands for what is not stated.

    `applied` counts the millions of parameters that every token passes: all but the looked-up embedding.
    """

    corpus: str
    model: str
    source: str
    perplexity: float
    params: float = 0.0
    applied: float = 0.0
    epochs: int = 0
    remark: str = ""
    recent: str = NONE  # how words read long before come back: a cache or a pointer

    @property
    def flops(self) -> float:
        """Training FLOPs estimated as 6 a parameter applied, token and epoch; 0 where an ingredient is not stated."""
        return 6 * self.applied * 1e6 * data.info(self.corpus).n_tokens["train"] * self.epochs


CORPORA = PTB, WIKITEXT = ("ptb-eos", "wikitext-2-eos")
# A link cites a work of typesetting/references.bib by its address.
MIKOLOV_2011 = "[(Mikolov et al. 2011)](https://doi.org/10.21437/Interspeech.2011-242)"
ZAREMBA_2014 = "[(Zaremba et al. 2014)](https://arxiv.org/abs/1409.2329)"
PRESS_2017 = "[(Press and Wolf 2017)](https://arxiv.org/abs/1608.05859)"
INAN_2017 = "[(Inan et al. 2017)](https://arxiv.org/abs/1611.01462)"
MELIS_2018 = "[(Melis et al. 2018)](https://arxiv.org/abs/1707.05589)"
MERITY_2018 = "[(Merity et al. 2018)](https://arxiv.org/abs/1708.02182)"
DAI_2019 = "[(Dai et al. 2019)](https://arxiv.org/abs/1901.02860)"
YANG_2018 = "[(Yang et al. 2018)](https://arxiv.org/abs/1711.03953)"
MELIS_2020 = "[(Melis et al. 2020)](https://arxiv.org/abs/1909.01792)"
ROWS = (
    Reported(corpus=PTB, model="Kneser-Ney 5-gram", source=MIKOLOV_2011, perplexity=141.0),
    Reported(corpus=PTB, model="LSTM, small", source=ZAREMBA_2014, perplexity=114.5, params=4.65, applied=2.65, epochs=13),
    Reported(corpus=PTB, model="LSTM, medium", source=ZAREMBA_2014, perplexity=82.7, params=20, applied=13.3, epochs=39),
    Reported(corpus=PTB, model="LSTM, large", source=ZAREMBA_2014, perplexity=78.4, params=66, applied=51, epochs=55),
    Reported(corpus=PTB, model="LSTM, small, tied head", source=PRESS_2017, perplexity=100.9, params=2.7),
    Reported(corpus=PTB, model="LSTM, variational dropout, tied", source=INAN_2017, perplexity=82.7, params=2.65),
    Reported(corpus=PTB, model="LSTM, one layer, tuned by black box", source=MELIS_2018, perplexity=59.6, params=10),
    Reported(corpus=PTB, model="AWD-LSTM", source=MERITY_2018, perplexity=57.3, params=24),
    Reported(corpus=PTB, model="AWD-LSTM with a cache", source=MERITY_2018, perplexity=52.8, params=24, recent="cache"),
    Reported(corpus=PTB, model="Transformer-XL", source=DAI_2019, perplexity=54.5, params=24, remark="recipe not released"),
    Reported(corpus=PTB, model="AWD-LSTM, mixture of softmaxes", source=YANG_2018, perplexity=54.4, params=22),
    Reported(corpus=PTB, model="Mogrifier LSTM", source=MELIS_2020, perplexity=50.1, params=24),
    Reported(corpus=WIKITEXT, model="AWD-LSTM", source=MERITY_2018, perplexity=65.8, params=33),
    Reported(corpus=WIKITEXT, model="AWD-LSTM with a cache", source=MERITY_2018, perplexity=52.0, params=33, recent="cache"),
    Reported(corpus=WIKITEXT, model="AWD-LSTM, mixture of softmaxes", source=YANG_2018, perplexity=61.5, params=35),
)


def published(ours: Sequence[Result] = ()) -> pd.DataFrame:
    """One row per reported model and, below those of its corpus, per row of ours: parameters, training FLOPs, perplexity, recent words."""
    theirs = [
        {
            "corpus": row.corpus,
            "model": f"{row.model} {row.source}",
            "parameters": f"{row.params:g} M" if row.params else NONE,
            "FLOPs": amount(row.flops),
            "test perplexity": f"{row.perplexity:.1f}",
            "recent words": row.recent,
            "remark": row.remark or NONE,
        }
        for row in ROWS
    ]
    groups = summaries.by_row(result for result in ours if result.record.spec.corpus in CORPORA)
    rows = theirs + [_of_ours(run.architecture, records) for run, records in groups.items()]
    return pd.DataFrame(sorted(rows, key=lambda row: CORPORA.index(row["corpus"])))


def _of_ours(architecture: str, records: Sequence[RunRecord]) -> dict[str, str]:
    spec = records[0].spec
    return {
        "corpus": spec.corpus,
        "model": f"ours: {architecture}, {amount(spec.train.flops)}",
        "parameters": f"{records[0].n_params / 1e6:.3g} M",
        "FLOPs": amount(records[0].flops),
        "test perplexity": f"{math.exp(np.mean([record.test.nll for record in records])):.1f}",
        "recent words": "pointer" if getattr(spec.model, "pointer", 0) else NONE,
        "remark": f"n = {len(records)}",
    }
