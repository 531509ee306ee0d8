"""The models that come with the package: whole, small, what their records say, and of use with nothing but the package at hand."""

import io
import math
from dataclasses import replace

import pytest

from tinylm import data, explore, files
from tinylm.data import DataError, download
from tinylm.evaluation import loading, pretrained, weights
from tinylm.evaluation.pretrained import export
from tinylm.ledger import Ledger
from tinylm.models import checkpoint
from tinylm.report.runs import Run
from tinylm.study import single

PACKAGE, PUBLISHED = files.PRETRAINED, files.LEDGER
MOST_BYTES = 10_000_000
FEWEST_TOKENS = 1_000


@pytest.fixture(scope="module")
def records():
    return Ledger([PUBLISHED]).records


@pytest.fixture
def bare(home, monkeypatch):
    """A place without records and trained weights but the package's, nothing in datasets/, and no network."""
    monkeypatch.setattr(files, "PRETRAINED", PACKAGE)
    monkeypatch.setattr(files, "DATASETS", home / "datasets")
    monkeypatch.setattr(download, "download", _offline)
    monkeypatch.delenv("TINYLM_DATA", raising=False)
    return home


def _offline(name, *args, **options):
    raise DataError(f"no network for {name}")


def test_the_folder_holds_each_model_with_its_card_and_is_small():
    files = [path for path in PACKAGE.iterdir() if path.suffix not in (".py", "") and path.is_file()]
    assert {path.name for path in files} == {f"{name}{suffix}" for name in pretrained.MODELS for suffix in (".md", ".safetensors")}
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    assert pretrained.DEFAULT in pretrained.MODELS


COUNTS = "counts"
NETWORKS = [name for name in pretrained.MODELS if name != COUNTS]


def test_counts_are_their_record_without_a_corpus(bare, records):
    record = records[pretrained.MODELS[COUNTS]]
    model, (tensors, said) = loading.load(COUNTS), checkpoint.load(PACKAGE / f"{COUNTS}.safetensors")
    assert model.spec == record.spec and not record.is_stale and model.n_params == record.n_params
    assert len(tensors["tokens"]) == record.tokens_seen and model.vocabulary.decode(tensors["tokens"].numpy()[:14]) == "First Citizen:"
    assert all(abs(said["nll"][split] - getattr(record, split).nll) < 1e-6 for split in ("valid", "test"))
    assert Run(single.unplanned(record.spec), record).model.spec == record.spec, "a run's model needs no corpus either"
    assert loading.load(record.spec.key[:8]).spec == loading.load(PACKAGE / f"{COUNTS}.safetensors").spec == record.spec


def test_counts_reproduce_their_record_on_the_corpus(records):
    record = records[pretrained.MODELS[COUNTS]]
    if not data.available(record.spec.corpus):
        pytest.skip(f"{record.spec.corpus} is neither in TINYLM_DATA nor in datasets/")
    nlls = loading.load(COUNTS).token_nlls(data.load(record.spec.corpus).test, record.spec)
    assert nlls.mean() == pytest.approx(record.test.nll, abs=1e-6)


def test_a_text_is_given_away_only_where_its_licence_lets_it():
    given = [checkpoint.load(PACKAGE / f"{name}.safetensors") for name in pretrained.MODELS]
    whole = [said["spec"]["corpus"] for tensors, said in given if "tokens" in tensors]
    assert whole == ["tiny_shakespeare"] and data.licence("tiny_shakespeare").startswith(export.FREE)
    assert not any(data.licence(name).startswith(export.FREE) for name in ("ptb-eos", "wikitext-2-eos"))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_model_is_its_record_in_16_bits(name, records):
    tensors, said = checkpoint.load(PACKAGE / f"{name}.safetensors")
    record = records[pretrained.MODELS[name]]
    assert said["key"] == record.spec.key and not record.is_stale
    assert {tensor.dtype for tensor in tensors.values()} == {export.DTYPE}
    assert sum(tensor.numel() for tensor in tensors.values()) == record.n_params
    for split in ("valid", "test"):
        assert abs(said["nll"][split] - getattr(record, split).nll) < export.TOLERANCE


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_reproduce_their_record_on_the_corpus(name, records):
    """The first blocks of the record, scored by the record's own windows; rounding moves the mean less than the tolerance."""
    record = records[pretrained.MODELS[name]]
    if not data.available(record.spec.corpus):
        pytest.skip(f"{data.source(record.spec.corpus)} is neither in TINYLM_DATA nor in datasets/")
    opened = weights.open_file(PACKAGE / f"{name}.safetensors", records)
    n = math.lcm(record.test.block_size, record.test.stride)  # whole blocks in whole windows
    n *= math.ceil(FEWEST_TOKENS / n)
    beginning = replace(record.spec, train=replace(record.spec.train, eval_tokens=n))
    expected = sum(record.test.blocks[: n // record.test.block_size]) * record.test.block_size / n
    assert abs(export.scored(opened.network, held_out(record.spec.corpus), beginning, "test") - expected) < export.TOLERANCE


def held_out(corpus):
    """A corpus with the same valid, test and vocabulary; of its source where that is one, since a derived text takes long to make."""
    source = data.source(corpus)
    same = data.info(source).held_out == data.info(corpus).held_out
    return data.load(source if same else corpus)


def test_a_prompt_is_continued_with_nothing_but_the_package(call, bare):
    for name, key in pretrained.MODELS.items():
        code, out, _ = call(["generate", "--model", name.upper(), "--prompt", "the man", "--length", "5"])
        assert code == 0 and out.startswith("the man") and len(out) > 9
        assert f'"model": "{key}"' in call(f"generate --model {key[:8]} --length 1 --json")[1]
    code, out, err = call("generate --prompt HAMLET: --length 20")
    assert code == 0 and out.startswith("HAMLET:") and not err
    assert out == call(f"generate --model {pretrained.DEFAULT} --prompt HAMLET: --length 20")[1]


def test_a_text_is_scored_with_nothing_but_the_package(call, bare, monkeypatch):
    (bare / "my.txt").write_text("To be, or not to be: that is the question. " * 20, encoding="utf-8")
    monkeypatch.chdir(bare)
    code, out, _ = call("evaluate --file my.txt")
    assert code == 0 and out.startswith(pretrained.MODELS[pretrained.DEFAULT])
    code, out, err = call("evaluate")
    assert code == 2 and not out and "A text of your own needs no corpus: --file FILE" in err and "Traceback" not in err


def test_help_and_chat_name_the_models(call, bare, monkeypatch):
    assert all(name in " ".join(call("generate --help")[1].split()) for name in pretrained.MODELS)
    monkeypatch.setattr("sys.stdin", io.StringIO("models\nmodel transformer\n"))
    code, out, _ = call("chat")
    lines = out.splitlines()
    assert code == 0 and [line.split()[0] for line in lines[1:-1]] == list(pretrained.MODELS)
    assert pretrained.MODELS["transformer"] in lines[-1]


def test_weights_trained_here_win_over_the_packages(bare):
    key = pretrained.MODELS["transformer"]
    files.WEIGHTS.mkdir(parents=True)
    own = files.WEIGHTS / f"{key}.safetensors"
    own.touch()
    found = pretrained.at_hand()
    assert found[key] == own and pretrained.trained_here() == {key: own}
    assert {path.parent for name, path in found.items() if name != key} == {PACKAGE}


def test_the_explorer_offers_the_default_first(bare, monkeypatch):
    monkeypatch.setattr(files, "LEDGER", PUBLISHED)
    panel = explore.Continuations("HAMLET:")
    assert [path.stem for path in dict(panel.models.options).values()] == list(pretrained.MODELS)
    panel.length.value = 10
    panel.go.click()
    assert panel.notice.value == "" and "Mean surprise" in panel.cards.value
