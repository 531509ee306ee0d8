"""Records of any origin -> results with their runs, and one numeric table of all. Needs no torch."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from tinylm import data, ledger, study
from tinylm.analysis.summaries import Result
from tinylm.config import RunSpec, TrainConfig, serialise
from tinylm.config.calls import public
from tinylm.config.errors import unknown
from tinylm.config.fields import hints
from tinylm.ledger import RunRecord
from tinylm.study import Planned, StudyError, single, titles

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["section", "role", "architecture", "name", "corpus", "seed", "budget", "n_params", "steps", "tokens_seen"]
COSTS = ["flops", "flops_textbook", "flops_2nd", "flops_6nd", "seconds"]
SCORES = ["valid_nll", "test_nll", "test_se", "test_tokens"]
TEST = {"nll": "nll", "se": "se", "tokens": "n_tokens"}  # the columns of the test score, and where they come from
TRAINED = ["optimizer", "lr", "batch_size"]
SHAPE = ["context_length", "n_layer", "n_head", "d_model", "d_ff", "order", "cache"]
RESULTS = {"status", "n_params", "steps", "tokens_seen", *COSTS, *SCORES}  # columns that no run is planned by

NOWHERE: Mapping[str, str] = MappingProxyType({})


def run_of(record: RunRecord, planned: Mapping[str, Planned], section: str = single.SECTION) -> Planned:
    """The planned run of a record; where there is none, one of the section."""
    spec = record.spec
    if spec.key in planned:
        return planned[spec.key]
    return single.unplanned(spec, section)


def results(records: Iterable[RunRecord], planned: Mapping[str, Planned], sections: Mapping[str, str] = NOWHERE) -> list[Result]:
    """The records that today's code would give, with their runs: networks before counts, planned ones in the study's order.

    `sections` are the folders of the other records, by key: a search's stays, and all else is one's own, wherever a notebook put it.
    """
    order = {key: i for i, key in enumerate(reversed(planned))}
    kept = [record for record in records if not record.is_stale]
    kept.sort(key=lambda record: (record.spec.is_counts, order.get(record.spec.key, len(order))))
    places = [ledger.SEARCH if sections.get(record.spec.key) == ledger.SEARCH else single.SECTION for record in kept]
    return [Result(run_of(record, planned, place), record) for record, place in zip(kept, places, strict=True)]


def recorded(with_searches: bool = False) -> list[Result]:
    """Every record there is, published or of this machine; those of searches, which have no test score, only where they are asked for."""
    known = ledger.known()
    kept = [record for key, record in known.records.items() if with_searches or known.sections[key] != ledger.SEARCH]
    return results(kept, study.by_key(), known.sections)


@public()
def runs(**values: Any) -> "pd.DataFrame":
    """A table of the recorded runs whose fields have the given values, indexed by key; a list means any of its values.

    A field says what a run is in the study (`section`, `role`, `architecture`, `budget`, `rung`), what it is (`corpus`, `seed`), how its
    model is made (`context_length`, `n_layer`) or trained (`lr`, `optimizer`). NLLs are in nats per token; `test_tokens` were scored.
    Compare NLLs only where the same tokens were scored. StudyError for a field that nothing has, and for a value that no run can have.

    >>> runs(section="control", architecture="MLP")["test_nll"].round(2).tolist()
    [1.23, 1.24, 1.24, 1.23, 1.25]
    """
    asked = {field: _several(value) for field, value in values.items()}
    if "architecture" in asked:
        asked["architecture"] += [titles.title(name) for name in asked["architecture"] if isinstance(name, str)]
    if outcomes := sorted(RESULTS & asked.keys()):
        raise StudyError(f"{outcomes[0]} is an outcome; choose by it in the table: table = tl.runs(); table[table[{outcomes[0]!r}] == ...]")
    found = recorded(with_searches=True)
    chosen = study.select(found, **asked)
    if not chosen:
        _check_known(found, asked)
    return frame(chosen)


def _several(value: Any) -> list[Any]:
    """The values that are meant by one or by several; a corpus means its name."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [one for each in value for one in _several(each)]
    return [value.info.name if isinstance(value, data.Corpus) else value]


def _check_known(found: Iterable[Result], asked: Mapping[str, list[Any]]) -> None:
    """Raise StudyError for a word that neither the study nor a record has in its field, and for text in a number's place."""
    there = [result.run for result in found] + list(study.by_key().values())
    more = {"section": {single.SECTION, ledger.SEARCH}, "corpus": set(data.names())} | {
        name: set() for name in ("role", "architecture", "name")
    }
    for field in more.keys() & asked.keys():
        known = {getattr(run.spec if field == "corpus" else run, field) for run in there} | more[field]
        if not any(value in known for value in asked[field]):
            raise StudyError(unknown(field, asked[field][0] if asked[field] else None, sorted(known)))
    for field, values in asked.items():
        types = _types(field)
        words = dict.fromkeys(word for one in types for word in get_args(one) if get_origin(one) is Literal)
        if words and not any(value in words for value in values):
            raise StudyError(unknown(field, values[0] if values else None, words))
        wrong = [value for value in values if isinstance(value, str)]
        if wrong and types and all(one in (int, float) for one in types):
            raise StudyError(f"{field} is a number, got {wrong[0]!r}; write it without quotes")


def _types(field: str) -> list[Any]:
    """What a field may hold: in specs, in their training and in every kind of model."""
    owners = [hints(owner) for owner in (RunSpec, TrainConfig, *serialise.model_kinds().values())]
    return [int] if field == "budget" else [owner[field] for owner in owners if field in owner]


def frame(found: Iterable[Result]) -> "pd.DataFrame":
    """One row a result: what it is in the study, its costs, its scores and its model's shape, which is missing where it has none."""
    import pandas as pd  # only where a table is made: it takes a quarter of a second

    rows = [_row(result) for result in found]
    columns = ["key", *COLUMNS, *COSTS, *SCORES, *SHAPE, *TRAINED, "status"]
    table = pd.DataFrame(rows, columns=columns).set_index("key")
    return table.astype(
        {name: "Int64" for name in ("budget", "test_tokens", "batch_size", *SHAPE)} | {name: float for name in (*SCORES[:3], "lr")}
    )


def _row(result: Result) -> dict[str, Any]:
    run, record, spec = result.run, result.record, result.record.spec
    row: dict[str, Any] = {"key": spec.key, "corpus": spec.corpus, "seed": spec.seed, "status": record.status}
    row |= {name: getattr(run, name) for name in ("section", "role", "architecture", "name")} | {"budget": run.budget or None}
    row |= {name: getattr(record, name) for name in ("n_params", "steps", "tokens_seen", *COSTS)}
    row |= {name: getattr(spec.model, name, None) for name in SHAPE}
    row |= {name: None if spec.is_counts else getattr(spec.train, name) for name in TRAINED}
    test, valid = record.test, record.valid
    return row | {"valid_nll": valid and valid.nll} | {f"test_{name}": test and getattr(test, of) for name, of in TEST.items()}
