"""Own text files of any bytes: a corpus that comes back as it was, or one clear error.

100 cases each; TINYLM_FUZZ=2000 asks for more.
"""

import contextlib
import io
import warnings

from fuzz import damaged, fuzzed
from hypothesis import given
from hypothesis import strategies as st

from tinylm import data
from tinylm.__main__ import main
from tinylm.config import TinylmError, shown
from tinylm.data import SPLITS, own_texts

LINES = "The cat sat on the mat.\nDas Mädchen läßt grüßen, 雨天我喜歡讀書。\r\nмама мыла раму\t1 2 3\n\n"
LETTERS = "ab \n\t\r\x0b\x0c\x1c\x85\u2028\u00a0é\u0301ß雨🙂\ufeff\u202e\x1b"


@st.composite
def contents(draw):
    """The bytes of a text: of few odd letters many times, a usual one in some encoding, a damaged one, or anything."""
    text = draw(st.text(st.sampled_from(LETTERS), min_size=1, max_size=40)) * draw(st.sampled_from([1, 20, 700]))
    usual = LINES * draw(st.sampled_from([1, 5, 60]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "gb18030"]))
    kind = draw(st.sampled_from(["odd", "usual", "damaged", "any"]))
    made = {"odd": text.encode(), "usual": usual.encode(encoding, "ignore"), "damaged": draw(damaged(usual.encode()))}
    return made[kind] if kind in made else draw(st.binary(max_size=200)) * draw(st.sampled_from([1, 50]))


@fuzzed
@given(content=contents(), level=st.sampled_from(["character", "character", "word"]))
def test_fuzz_the_reader_of_texts(home, content, level):
    path = home / "my.txt"
    path.write_bytes(content)
    with contextlib.suppress(TinylmError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of words that are mostly unknown
        corpus = data.corpus(path, level)
        assert all(len(corpus.split(split)) == corpus.info.n_tokens[split] > 0 for split in SPLITS)
        if level == "character":
            assert "".join(corpus.decode(corpus.split(split)) for split in SPLITS) == own_texts.read(path)


@fuzzed
@given(content=contents(), level=st.sampled_from(["character", "word"]), flags=st.sampled_from(["--quick", "--model lstm --steps 1"]))
def test_fuzz_what_is_said_of_training_on_a_text(home, content, level, flags):
    path, out, err = home / "my.txt", io.StringIO(), io.StringIO()
    path.write_bytes(content)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("always")
        code = main(["flops", "--corpus", str(path), "--level", level, *flags.split()])
    text = out.getvalue() + err.getvalue()
    assert code in (0, 2) and "Traceback" not in text and not shown.CONTROLS.search(text)
    assert (code == 2) == ("error: " in text)
