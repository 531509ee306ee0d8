"""A strict converter from the LaTeX mathematics that Jupyter shows to Typst mathematics; the macros are the tables in `texsymbols`.

Strict: an unknown macro, an open brace or a stray character raises ReportError instead of printing something else than the notebook shows.
"""

import re
from collections.abc import Callable
from functools import partial

from tinylm.typesetting import texsymbols as tables
from tinylm.typesetting.errors import ReportError
from tinylm.typesetting.typstsyntax import quoted

TOKEN = re.compile(r"\\(?:operatorname\*|[A-Za-z]+|.)|\s+|[0-9]+(?:\.[0-9]+)?|.", re.DOTALL)
LABEL = re.compile(r"\\label\{([^}]*)\}")
END = ""


def split_label(tex: str) -> tuple[str, str | None]:
    """The formula without its label, and the label (`eq:name`) or None."""
    found = LABEL.search(tex)
    return (tex, None) if found is None else (tex[: found.start()] + tex[found.end() :], found[1])


def tex_to_typst(tex: str) -> str:
    """Typst's words for a formula without label; raises ReportError for what the tables do not hold."""
    return _Parser(tex).sequence(END)


class _Parser:
    """Recursive descent over the tokens; every method returns Typst source and leaves `position` behind what it read."""

    def __init__(self, tex: str) -> None:
        self.tex = tex.strip()
        self.tokens = TOKEN.findall(tex)
        self.position = 0

    def fail(self, why: str) -> ReportError:
        return ReportError(f"{why} in the formula ${self.tex}$")

    def peek(self) -> str:
        """The next token that is not space, END behind the last one."""
        while self.position < len(self.tokens) and self.tokens[self.position].isspace():
            self.position += 1
        return self.tokens[self.position] if self.position < len(self.tokens) else END

    def take(self) -> str:
        token = self.peek()
        self.position += 1
        return token

    def sequence(self, *stops: str) -> str:
        """Everything before one of the stops, which stays unread unless it is a closing brace or bracket."""
        parts = []
        while (token := self.peek()) not in stops:
            if token == END:
                raise self.fail(f"missing {' or '.join(stops)}")
            parts.append(self.scripted())
        if token in ("}", "]"):
            self.take()
        return " ".join(part for part in parts if part)

    def scripted(self) -> str:
        """An atom with its subscript, superscript and primes."""
        base, sub, sup, primes = self.atom(), "", "", 0
        while (token := self.peek()) in ("_", "^", "'", "\\limits", "\\nolimits"):
            self.take()
            base = base or '""'
            if token == "'":
                primes += 1
            elif token == "_":
                sub = self.once(sub, "subscript")
            elif token == "^":
                sup = self.once(sup, "superscript")
            else:
                base = {"\\limits": "limits", "\\nolimits": "scripts"}[token] + f"({base})"
        sup = " ".join(["prime"] * primes + [sup]).strip()
        return base + (f"_({sub})" if sub else "") + (f"^({sup})" if sup else "")

    def once(self, earlier: str, what: str) -> str:
        if earlier:
            raise self.fail(f"a second {what}")
        return self.argument()

    def argument(self) -> str:
        """A braced group, or the one character or macro that follows; of a number its first digit."""
        token = self.peek()
        if token == END:
            raise self.fail("a missing argument")
        if token[0].isdigit() and len(token) > 1:
            self.tokens[self.position] = token[1:]
            return token[0]
        return self.atom() or '""'

    def atom(self) -> str:
        token = self.take()
        if token == END:
            raise self.fail("an unexpected end")
        if token == "{":
            return self.group()
        if token[0] == "\\":
            return self.macro(token[1:])
        if token in tables.CHARACTERS:
            return tables.CHARACTERS[token]
        if token.isalnum() or token[0].isdigit() or ord(token[0]) > 127:
            return token
        raise self.fail(f"an unexpected {token!r}")

    def group(self) -> str:
        if self.peek() == "," and self.tokens[self.position + 1 : self.position + 2] == ["}"]:
            self.position += 2
            return 'class("normal", comma)'  # {,} is the comma of 10{,}000, without the space behind a list's comma
        return self.sequence("}")

    def verbatim(self) -> str:
        """The braced text that follows, spaces and all."""
        if self.take() != "{":
            raise self.fail("a missing {")
        depth, start = 1, self.position
        while depth:
            if self.position >= len(self.tokens):
                raise self.fail("a missing }")
            depth += {"{": 1, "}": -1}.get(self.tokens[self.position], 0)
            self.position += 1
        return "".join(self.tokens[start : self.position - 1])

    def macro(self, name: str) -> str:
        if name in tables.SYMBOLS:
            return tables.SYMBOLS[name]
        if name in tables.WRAPPERS:
            return tables.WRAPPERS[name].replace("%", self.argument())
        if name in tables.PAIRS:
            first = self.argument()
            return tables.PAIRS[name].format(first, self.argument())
        if name in tables.TEXTS:
            return tables.TEXTS[name].replace("%", self.text(name))
        if re.fullmatch(r"(big|Big|bigg|Bigg)[lrm]?", name):
            return f"lr(size: #{tables.SIZES[name.rstrip('lrm')]}%, {self.delimiter()})"
        structures: dict[str, Callable[[], str]] = {
            "sqrt": self.root,
            "left": self.fenced,
            "middle": self.middle,
            "begin": self.environment,
            "underbrace": partial(self.brace, "underbrace", note="_"),
            "overbrace": partial(self.brace, "overbrace", note="^"),
        }
        if name not in structures:
            raise self.fail(f"the unknown macro \\{name}")
        return structures[name]()

    def text(self, name: str) -> str:
        source = self.verbatim()
        syntax = set("\\${}^") | (set() if name in ("text", "textrm", "mbox") else {"_"})
        if syntax & set(re.sub(r"\\[%$#&_{} ,]", "", source)):
            raise self.fail(f"markup inside \\{name}")
        return quoted(re.sub(r"\\(.)", lambda m: " " if m[1] == "," else m[1], source))

    def root(self) -> str:
        if self.peek() != "[":
            return f"sqrt({self.argument()})"
        self.take()
        index = self.sequence("]")
        return f"root({index}, {self.argument()})"

    def brace(self, name: str, note: str) -> str:
        body = self.argument()
        if self.peek() != note:
            return f"{name}({body})"
        self.take()
        return f"{name}({body}, {self.argument()})"

    def delimiter(self) -> str:
        token = self.take()
        if token in tables.DELIMITERS:
            return tables.DELIMITERS[token]
        if token[:1] == "\\" and token[1:] in tables.SYMBOLS:
            return tables.SYMBOLS[token[1:]]
        raise self.fail(f"the unknown delimiter {token!r}")

    def fenced(self) -> str:
        left = self.delimiter()
        body = self.sequence("\\right")
        self.take()
        return f"lr({left} {body} {self.delimiter()})"

    def middle(self) -> str:
        return f"mid({self.delimiter()})"

    def environment(self) -> str:
        name = self.verbatim()
        rows = self.rows(name)
        if name in tables.MATRICES:
            return f"mat(delim: {tables.MATRICES[name]}, {'; '.join(', '.join(row) for row in rows)})"
        lines = [" & ".join(row) for row in rows]
        if name == "cases":
            return f"cases({', '.join(lines)})"
        if name in tables.ALIGNED:
            return " \\ ".join(lines)
        raise self.fail(f"the unknown environment {name}")

    def rows(self, environment: str) -> list[list[str]]:
        """The cells up to the environment's end."""
        rows: list[list[str]] = [[]]
        while True:
            rows[-1].append(self.sequence("&", "\\\\", "\\end"))
            stop = self.take()
            if stop == "\\\\":
                rows.append([])
            elif stop == "\\end":
                break
        if self.verbatim() != environment:
            raise self.fail(f"a wrong \\end for {environment}")
        return rows[:-1] if rows[-1] == [""] else rows
