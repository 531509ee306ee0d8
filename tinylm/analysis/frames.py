"""Records of any origin -> results with their runs, and one numeric table of all. Needs no torch."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd

from tinylm import data, ledger, study
from tinylm.analysis.summaries import Result
from tinylm.config.errors import unknown
from tinylm.ledger import RunRecord
from tinylm.study import Planned, StudyError, single, titles

COLUMNS = ["section", "role", "architecture", "name", "corpus", "seed", "budget", "n_params", "steps", "tokens_seen"]
COSTS = ["flops", "flops_textbook", "flops_2nd", "flops_6nd", "seconds"]
SCORES = ["valid_nll", "test_nll", "test_se", "test_tokens"]
TEST = {"nll": "nll", "se": "se", "tokens": "n_tokens"}  # the columns of the test score, and where they come from
SHAPE = ["context_length", "n_layer", "n_head", "d_model", "d_ff", "order", "cache"]


NOWHERE: Mapping[str, str] = MappingProxyType({})


def run_of(record: RunRecord, planned: Mapping[str, Planned], section: str = single.SECTION) -> Planned:
    """The planned run of a record; where there is none, one of the section."""
    spec = record.spec
    if spec.key in planned:
        return planned[spec.key]
    return single.unplanned(spec, section)


def results(records: Iterable[RunRecord], planned: Mapping[str, Planned], sections: Mapping[str, str] = NOWHERE) -> list[Result]:
    """The records that today's code would give, with their runs: networks before counts, planned ones in the study's order.

    `sections` are those of the other records, by key.
    """
    order = {key: i for i, key in enumerate(reversed(planned))}
    kept = [record for record in records if not record.is_stale]
    kept.sort(key=lambda record: (record.spec.is_counts, order.get(record.spec.key, len(order))))
    return [Result(run_of(record, planned, sections.get(record.spec.key, single.SECTION)), record) for record in kept]


def recorded(with_searches: bool = False) -> list[Result]:
    """Every record there is, published or of this machine; those of searches, which have no test score, only where they are asked for."""
    known = ledger.known()
    kept = [record for key, record in known.records.items() if with_searches or known.sections[key] != ledger.SEARCH]
    return results(kept, study.by_key(), known.sections)


def runs(**values: Any) -> pd.DataFrame:
    """A table of the recorded runs whose fields have the given values, indexed by key; a list means any of its values.

    A field says what a run is in the study (`section`, `role`, `architecture`, `budget`, `rung`), what it is (`corpus`, `seed`), or how its
    model is made (`context_length`, `n_layer`). NLLs are in nats per token; `test_tokens` were scored. Compare NLLs only where the same
    tokens were scored. StudyError for a field that nothing has, and for a section, corpus or architecture that there is not.

    >>> runs(section="control", architecture="MLP")["test_nll"].round(2).tolist()
    [1.23, 1.24, 1.24, 1.23, 1.25]
    """
    if isinstance(values.get("architecture"), str):
        values |= {"architecture": [values["architecture"], titles.title(values["architecture"])]}
    found = recorded(with_searches=True)
    chosen = study.select(found, **values)
    if not chosen:
        _check_known(found, values)
    return frame(chosen)


def _check_known(found: Iterable[Result], values: Mapping[str, Any]) -> None:
    """Raise StudyError for a section, corpus or architecture that neither the study nor a record has."""
    there = [result.run for result in found] + list(study.by_key().values())
    more = {"section": {single.SECTION, ledger.SEARCH}, "corpus": set(data.names()), "architecture": set()}
    for field in more.keys() & values.keys():
        asked = values[field] if isinstance(values[field], list | tuple) else [values[field]]
        known = {getattr(run.spec if field == "corpus" else run, field) for run in there} | more[field]
        if not known & set(asked):
            raise StudyError(unknown(field, asked[0], sorted(known)))


def frame(found: Iterable[Result]) -> pd.DataFrame:
    """One row a result: what it is in the study, its costs, its scores and its model's shape, which is missing where it has none."""
    rows = [_row(result) for result in found]
    columns = ["key", *COLUMNS, *COSTS, *SCORES, *SHAPE, "status"]
    table = pd.DataFrame(rows, columns=columns).set_index("key")
    return table.astype({name: "Int64" for name in ("test_tokens", *SHAPE)} | {name: float for name in SCORES[:3]})


def _row(result: Result) -> dict[str, Any]:
    run, record, spec = result.run, result.record, result.record.spec
    row: dict[str, Any] = {"key": spec.key, "corpus": spec.corpus, "seed": spec.seed, "status": record.status}
    row |= {name: getattr(run, name) for name in ("section", "role", "architecture", "name", "budget")}
    row |= {name: getattr(record, name) for name in ("n_params", "steps", "tokens_seen", *COSTS)}
    row |= {name: getattr(spec.model, name, None) for name in SHAPE}
    test, valid = record.test, record.valid
    return row | {"valid_nll": valid and valid.nll} | {f"test_{name}": test and getattr(test, of) for name, of in TEST.items()}
