import random
import string

import pytest
from chapters import code, words
from pandocfilters import stringify

from tinylm.report import display
from tinylm.typesetting import ReportError, markdown, pandoc
from tinylm.typesetting.labels import Labels


def test_text_survives(report):
    rng = random.Random(0)
    alphabet = "ab1 #$*_`<>@[]~=+-/\\\"'(){}.,;:!?%&^|0. éα→"
    lines = ["x" + "".join(rng.choices(alphabet, k=rng.randint(1, 14))).rstrip() for _ in range(400)]
    escape = str.maketrans({sign: f"\\{sign}" for sign in string.punctuation})
    page = report(["# A\n\n" + "\n\n".join(f"**x**{line[1:].translate(escape)}*e*" for line in lines)])
    plain = {"“": '"', "”": '"', "‘": "'", "’": "'", "—": "---", "–": "--", "…": "...", "−": "-", "′": "'", "″": '"'}

    def squeezed(text):
        return "".join(plain.get(sign, sign) for sign in text if not sign.isspace())

    body = page.partition("<main>")[2]
    assert [squeezed(paragraph) for paragraph in words(body, "p")] == [squeezed(f"{line}e") for line in lines]


def test_cells_of_a_table_stay_one_line_of_text(report, shown):
    cells = ["# not a heading", "- not a list", "1. not an item", "> 3", "**bold**", "`<eos>`", "$\\pm 1$", "a_b_c", "-0.1", "–"]
    page = report(["# A", code(shown(display.table, [{"x": cell} for cell in cells], "t", "Caption."))])
    assert words(page, "td") == ["# not a heading", "- not a list", "1. not an item", "> 3", "bold", "<eos>", "±1", "a_b_c", "−0.1", "–"]


NOWHERE = Labels().within("a")


def parsed(source):
    """The blocks of one piece of Markdown."""
    return pandoc.parse([source])[0]


def test_every_formula_is_found_wherever_it_stands():
    tree = parsed("# On $a$\n\n- item **$b$**\n\n> $$c$$\n\n`$d$`")
    assert markdown.formulas(tree) == ["a", "b", "c"]
    assert [markdown.words(heading) for heading in markdown.headings(tree)] == ["On a"]


def test_punctuation_behind_a_formula_stays_on_its_line():
    tree = parsed("If $x$, then $y$.) And $z$ then.")
    markdown.tie(tree)
    written = " ".join(pandoc.write(markdown.resolved(tree, NOWHERE)).split())
    tied = [piece.partition("];")[0] for piece in written.split("#tied[")[1:]]
    assert len(tied) == 2 and tied[0].endswith(",") and tied[1].endswith(".)") and written.endswith("then.")


@pytest.mark.parametrize(
    ("text", "shown"), [("at -0.5", "at −0.5"), ("-5 to -.5", "−5 to −.5"), ("KN-5", "KN-5"), ("2014-2015", "2014-2015")]
)
def test_a_minus_is_no_hyphen(text, shown):
    assert pandoc.write(markdown.resolved(parsed(text), NOWHERE)).strip() == shown


@pytest.mark.parametrize("text", ["# 1", "- a", "1. a", "> a", "plain"])
def test_a_caption_is_a_line_whatever_it_begins_with(text):
    assert stringify(markdown.line(parsed(markdown.as_line(text)), NOWHERE)) == text


def test_a_caption_of_two_paragraphs_is_refused():
    with pytest.raises(ReportError, match="'Onetwo' is more than a line of text"):
        markdown.line(parsed(markdown.as_line("One\n\ntwo")), NOWHERE)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd"])
@pytest.mark.parametrize("form", ["[a]({})", "[**a**]({} 'title')", "[a][b]\n\n[b]: {}"])
def test_a_link_that_could_run_something_or_read_a_file_is_refused(address, form):
    with pytest.raises(ReportError, match=r"an address begins with https://, http:// or mailto:"):
        markdown.resolved(parsed(form.format(address)), NOWHERE)


def test_an_address_with_a_hidden_line_end_is_no_link():
    assert "#link" not in pandoc.write(markdown.resolved(parsed("[a](java&#10;script:x)"), NOWHERE))


@pytest.mark.parametrize("address", ["https://example.org", "http://example.org", "mailto:a@example.org", "<a@example.org>"])
def test_pages_and_mail_are_linked(address):
    text = address if address.startswith("<") else f"[a]({address})"
    assert "#link(" in pandoc.write(markdown.resolved(parsed(text), NOWHERE))
