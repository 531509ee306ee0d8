"""Trained models by name: those of the package, those trained here, weights files, and counts, which are counted anew in a second."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from tinylm import data, files, ledger, study
from tinylm.config import RunSpec
from tinylm.config.calls import public
from tinylm.config.errors import ambiguous
from tinylm.config.interrupts import uninterrupted
from tinylm.evaluation import counts, pretrained
from tinylm.evaluation.arguments import ModelError
from tinylm.evaluation.model import Model
from tinylm.ledger import RunRecord
from tinylm.study import titles


@public("stopped before the model was loaded; repeat to go on")
def load(name: str | Path = pretrained.DEFAULT, data_dir: str | Path | None = None) -> Model:
    """The trained model that a name means: one of the package, one trained here, a weights file, or counts.

    A name is one that `list_models` has, a run of the study as [SECTION/]NAME[@SEED], a key or four of its first digits or more, or a
    file's path. Weights trained here come before those of the package. Counts are counted anew, for which their corpus, perhaps in
    `data_dir`, is needed; those of the package bring their text.
    WeightsError for what is not here says how to train it, ModelError for what is no name.

    >>> load("shakespeare").generate("HAMLET:", length=5, temperature=0)
    'HAMLET:\\nI ha'
    """
    if isinstance(getattr(name, "record", None), RunRecord):
        raise ModelError("a run has its model already: run.model")
    if not isinstance(name, str | Path) or not str(name).strip():
        raise ModelError(f"give the name of a model, a run's key or a weights file, got {name!r}; tl.list_models() has the names")
    records, here = ledger.known().records, pretrained.at_hand()
    text = pretrained.key(str(name))
    counted = _counts_of(text, records)
    if counted and counted.key not in here:
        return counts.fit(counted, data.load(counted.corpus, data_dir), data_dir)
    with uninterrupted():
        from tinylm.evaluation import weights  # torch is loaded only for files

    return weights.open_file(weights.find(counted.key if counted else text, here, records), records, data_dir)


def _counts_of(text: str, records: Mapping[str, RunRecord]) -> RunSpec | None:
    """The spec of the counts that a planned run's name, a key or its beginning means; None where it means a network or nothing."""
    planned = [run for run in study.plan("full") if run.spec.is_counts]
    if not pretrained.KEY.fullmatch(text):
        named = study.named(text, planned)
        return named[0].spec if named else None
    known = {run.spec.key: run.spec for run in planned} | {key: one.spec for key, one in records.items() if one.spec.is_counts}
    keys = sorted(key for key in known if key.startswith(text))
    networks = [*pretrained.at_hand(), *(key for key, one in records.items() if not one.spec.is_counts)]
    meant = sorted({*keys, *(key for key in networks if key.startswith(text))})
    if keys and len(meant) > 1:
        raise ModelError(ambiguous(text, meant))
    return known[keys[0]] if keys else None


@public()
def list_models() -> pd.DataFrame:
    """The trained models that are here, those of the package first, with what is known of them; the NLL is per token.

    Counts that were made here have no file: they are counted anew when they are loaded. A model without a name is listed by its
    key. The parameters of counts are their n-grams.

    >>> list_models()["name"].head(2).tolist()
    ['shakespeare', 'transformer']
    """
    with uninterrupted():
        from tinylm.evaluation import weights

    here, packed = pretrained.at_hand(), {key: name for name, key in pretrained.MODELS.items()}
    counted = [key for key, one in ledger.Ledger([files.LOCAL_LEDGER]).records.items() if one.spec.is_counts and not one.is_stale]
    rows, known = [], ledger.known().records
    for key, name, record in weights.listing(dict.fromkeys([*here, *counted]), known):
        row = {
            "name": packed.get(key, name) or key,
            "key": key,
            "model": record and titles.model(record.spec.model),
            "corpus": record and record.spec.corpus,
        }
        row["parameters"] = record and record.n_params
        if parts := [known[part] for part in pretrained.mixed(here[key]) if part in known] if key in here and not record else []:
            row |= {"model": " + ".join(titles.model(part.spec.model) for part in parts), "corpus": parts[0].spec.corpus}
        rows.append(row | {"test_nll": record.test.nll if record and record.test else None, "file": str(here.get(key, ""))})
    frame = pd.DataFrame(rows, columns=["name", "key", "model", "corpus", "parameters", "test_nll", "file"])
    frame = frame.astype({"parameters": "Int64", "test_nll": float})
    return frame.sort_values("name", key=lambda names: ~names.isin(list(pretrained.MODELS)), kind="stable", ignore_index=True)
