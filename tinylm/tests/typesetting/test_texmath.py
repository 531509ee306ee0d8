import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinylm.typesetting import ReportError, texsymbols
from tinylm.typesetting.texmath import split_label, tex_to_typst

typst = pytest.importorskip("typst", reason="pip install typst")

MACROS = [
    *(f"\\{name} " for name in texsymbols.SYMBOLS),
    *(f"\\{name}{{x}}" for name in (*texsymbols.WRAPPERS, *texsymbols.TEXTS)),
    *(f"\\{name}{{a}}{{b}}" for name in texsymbols.PAIRS),
]
PIECES = [
    *MACROS,
    *"abxyN012.,;:!?()[]|<>+-*/='^_{}&@~%",
    *("\\left(", "\\right.", "\\bigl[", "\\begin{cases}", "\\end{cases}", "\\\\", "\\sqrt[3]", "\\sqrt", "{,}", "10", "α", "\\limits"),
]


def compiles(*formulas):
    typst.compile("\n".join(f"${formula}$" for formula in formulas).encode(), format="pdf", ignore_system_fonts=True)


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"\frac12", "frac(1, 2)"),
        (r"x_{<i}^2", "x_(lt i)^(2)"),
        (r"f''_i", "f_(i)^(prime prime)"),
        (r"10{,}000", '10 class("normal", comma) 000'),
        (r"\sqrt[3]{V}", "root(3, V)"),
        (r"\mathrm{softmax}\left(QK^\top\right)", 'upright("softmax") lr(paren.l Q K^(top) paren.r)'),
        (r"n_\text{d_model}", 'n_("d_model")'),
        (r"\alpha*2", "alpha ast.op 2"),
        (r"\operatorname*{arg\,min}_\theta", 'op("arg min", limits: #true)_(theta)'),
        (r"\underbrace{x}_{n}", "underbrace(x, n)"),
        (r"\begin{cases} a & b \\ c & d \end{cases}", "cases(a & b, c & d)"),
        (r"\begin{pmatrix} a & b \\ c & d \\ \end{pmatrix}", 'mat(delim: "(", a, b; c, d)'),
        (r"\begin{aligned} a &= b \\ &= c \end{aligned}", r"a & = b \  & = c"),
        (r"{}^2\hat{}", '""^(2) hat("")'),
    ],
)
def test_formulas(tex, expected):
    assert tex_to_typst(tex) == expected
    compiles(expected)


def test_every_macro_of_the_tables_is_one_that_typst_knows():
    compiles(*map(tex_to_typst, MACROS))


@pytest.mark.parametrize(
    ("tex", "message"),
    [
        (r"\foo{x}", r"unknown macro \\foo"),
        (r"\frac{x", r"missing \}"),
        (r"x}", "unexpected '}'"),
        (r"a & b", "unexpected '&'"),
        (r"x_1_2", "second subscript"),
        (r"x^", "missing argument"),
        (r"\left( x", r"missing \\right"),
        (r"\left x \right)", "unknown delimiter"),
        (r"\begin{foo}x\end{foo}", "unknown environment foo"),
        (r"\begin{cases}x\end{aligned}", r"wrong \\end"),
        (r"\mathrm{x_i}", r"markup inside \\mathrm"),
        (r"\text{$x$}", r"markup inside \\text"),
        ("\\", "unknown macro"),
    ],
)
def test_what_the_tables_do_not_hold_is_refused_and_quoted(tex, message):
    with pytest.raises(ReportError, match=message) as error:
        tex_to_typst(tex)
    assert tex in str(error.value)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
def test_any_formula_is_either_refused_or_one_that_typst_takes(tex):
    try:
        formula = tex_to_typst(tex)
    except ReportError:
        return
    compiles(formula)


def test_label_is_split_off():
    assert split_label(r"x = 1 \label{eq:one} .") == ("x = 1  .", "eq:one")
    assert split_label("x") == ("x", None)
