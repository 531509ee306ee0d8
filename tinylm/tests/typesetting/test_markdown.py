import random
import string

from chapters import code, words

from tinylm.report import display
from tinylm.typesetting import markdown


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


def test_label_is_split_off():
    assert markdown.split_label(r"x = 1 \label{eq:one} .") == ("x = 1  .", "eq:one")
    assert markdown.split_label("x") == ("x", None)
