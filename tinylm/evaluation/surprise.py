"""What each token of a text costs a trained model that reads it from the left, as it would when it writes it."""

import numpy as np
import torch
from torch import Tensor

from tinylm.evaluation import generate
from tinylm.evaluation.weights import Trained


@torch.inference_mode()
def surprises(trained: Trained, ids: np.ndarray) -> np.ndarray:
    """Nats (n,) that each of the ids (n,) costs after those before it; NaN for the first, which nothing of the text foretells.

    Every token is predicted from as many before it as `generate` draws it from, at temperature 1.
    """
    start = generate.filled(trained.spec, ids[:1], trained.lead_ids)
    text = torch.from_numpy(np.concatenate([start, ids[1:]]).astype("int64"))
    predict = generate.predictor(trained.model, trained.spec.model.context_length)
    nlls = [_nll(predict(text[:n]), text[n]) for n in range(len(start), len(text))]
    return np.array([np.nan, *nlls][: len(ids)])


def _nll(logits_V: Tensor, token: Tensor) -> float:
    return -float(logits_V.log_softmax(-1)[token])
