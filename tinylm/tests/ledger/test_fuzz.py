"""Records, bundles, facts and sums of other people: whatever they hold, an outcome or an error by name, and nothing written elsewhere.

100 cases each; TINYLM_FUZZ=2000 asks for more.
"""

import contextlib
import io
import json
import tarfile
import warnings

import pytest
from fuzz import damaged, fuzzed, mutated
from hypothesis import given
from hypothesis import strategies as st
from records import made

from tinylm import files, ledger
from tinylm.__main__ import main
from tinylm.config import NgramConfig, RunSpec, TinylmError, TrainConfig, TransformerConfig
from tinylm.config.serialise import spec_from_dict
from tinylm.ledger import LedgerError, bundle, storage, verify
from tinylm.ledger.bundle import BundleError

TRANSFORMER = TransformerConfig(context_length=8, n_layer=1, n_head=2, d_model=8, d_ff=8, attention_window=4)
TRAIN = TrainConfig(steps=6, n_evals=2, batch_size=2, loss_at="all", eval_stride=4, eval_tokens=50, optimizer="adamw")
SPECS = [None, RunSpec(corpus="grammar-char", model=TRANSFORMER, train=TRAIN)]
SPECS.append(RunSpec(corpus="grammar-char", model=NgramConfig(order=2), train=TrainConfig(epochs=1, eval_tokens=50)))
PARTS = {"parts": {"new": [20, 3.25]}}
RECORDS = [ledger.to_json(made(spec=spec, curve_seconds=[] if spec else [0.5])) for spec in SPECS]
FIELDS = [json.loads(text) for text in RECORDS]
FIELDS[0]["test"] |= PARTS


@st.composite
def texts(draw):
    """A record's text: one of its values is junk, its key fits all the same where there can be one; or its bytes are damaged."""
    if draw(st.integers(0, 4)) == 0:
        return draw(damaged(draw(st.sampled_from(RECORDS)).encode()))
    fields = draw(mutated(draw(st.sampled_from(FIELDS))))
    with contextlib.suppress(TinylmError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError):
        fields["key"] = spec_from_dict(fields["spec"]).key
    return json.dumps(fields).encode()


def printed(*words):
    """What a command prints, which must be no order to a terminal."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("ignore", ledger.LedgerWarning)
        code = main(list(words))
    text = out.getvalue() + err.getvalue()
    assert code in (0, 1, 2) and "Traceback" not in text
    assert all(line.isprintable() for line in text.splitlines()), text
    return text


@fuzzed
@given(text=texts())
def test_fuzz_the_reader_of_records(home, text):
    path = files.LOCAL_LEDGER / "local" / "any-s0-record.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    try:
        record = ledger.read(path)
    except LedgerError:
        assert printed("ledger", "show", str(path)).startswith("error: ")
    else:
        assert record.spec.key[:8] in printed("ledger", "show", str(path))
        assert ledger.from_json(ledger.to_json(record)).spec == record.spec and ledger.rows([record])
        assert isinstance(verify.problem(record), str)
    assert "any-s0-record.json: broken" in printed("ledger", "verify")


@st.composite
def tars(draw):
    """The bytes of a tar of records, of which some have junk in them, in their names or in their headers; perhaps damaged."""
    content = io.BytesIO()
    with tarfile.open(
        fileobj=content, mode="w", format=draw(st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
    ) as tar:
        for text in draw(st.lists(st.sampled_from(RECORDS).map(str.encode) | texts(), min_size=1, max_size=3)):
            info = tarfile.TarInfo(draw(names(text)))
            info.type = draw(st.sampled_from([tarfile.REGTYPE] * 6 + [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]))
            info.size, info.linkname = len(text), draw(st.sampled_from(["", "../../x", "/etc/passwd"]))
            tar.addfile(info, io.BytesIO(text))
    whole = content.getvalue()
    return draw(st.just(whole) | damaged(whole))


@st.composite
def names(draw, text):
    """A member's name: that of its record in a section, or one that should get nowhere."""
    name = "a-b-s0-0123456789abcdef.json"
    with contextlib.suppress(LedgerError, UnicodeDecodeError):
        name = ledger.file_name(ledger.from_json(text.decode()).spec)
    places = ["rope/", "search/", "", "../", "/tmp/", "rope/../../", "a/b/c/", "\x1b[2J/", "rope\udcff/"]
    return draw(st.sampled_from(["rope/", *places])) + draw(st.sampled_from([name, name, name, "x.json", "SHA256SUMS", "a" * 90, ""]))


@fuzzed
@given(content=tars())
def test_fuzz_the_reader_of_bundles(home, tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "a.tar").write_bytes(content)
    try:
        merged = bundle.merge(folder / "a.tar", folder / "ledger")
    except BundleError:
        merged = []
    written = [path for path in folder.rglob("*") if not path.is_dir()]
    assert all(
        path == folder / "a.tar" or (verify.survey(folder / "ledger") == {} and path.is_relative_to(folder / "ledger")) for path in written
    )
    assert len(written) == 1 + sum(line.action == "added" for line in merged)
    assert all(line.name.isprintable() and line.reason.isprintable() for line in merged)
    assert list(home.iterdir()) == []


FACTS = {"sha256": "0" * 64, "rows": [{"reach": "new", "nll": 1.5}], "example": {"text": "a", "nll": [0.5]}}


@fuzzed
@given(content=mutated(FACTS).map(lambda facts: json.dumps(facts).encode()) | damaged(json.dumps(FACTS).encode()))
def test_fuzz_the_reader_of_facts(home, content):
    path = files.LEDGER / "headings" / "facts.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    try:
        found = ledger.facts(path)
    except LedgerError as error:
        with pytest.warns(ledger.LedgerWarning, match="skipped a broken ledger file"):
            assert ledger.read_facts(path) is None
        assert str(error).isprintable() and "broken" in verify.survey(files.LEDGER)[path][0]
    else:
        assert isinstance(found, dict) and ledger.read_facts(path) == found
        json.dumps(found, allow_nan=False)


@fuzzed
@given(data=st.data())
def test_fuzz_the_sums(home, data):
    paths = [ledger.write(made(seed), files.LEDGER / "rope") for seed in (0, 1)]
    sums = files.LEDGER / storage.SUMS
    content = data.draw(damaged(sums.read_bytes()))
    sums.write_bytes(content)
    found = storage.differences(files.LEDGER)
    ledger.write(made(0, seconds=2.0), files.LEDGER / "rope")
    assert f"rope/{paths[0].name}" not in storage.differences(files.LEDGER)
    assert storage.differences(files.LEDGER).keys() <= found.keys() | {storage.SUMS}
    verify.accept(files.LEDGER)
    assert storage.differences(files.LEDGER) == {}
