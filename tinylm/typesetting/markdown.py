"""Markdown with mathematics, @references and [@citations] -> a token tree (mistune's) -> Typst."""

import html
import re
from typing import Any, Protocol

import mistune
from mistune.plugins.formatting import strikethrough
from mistune.plugins.table import table

from tinylm.typesetting.errors import ReportError
from tinylm.typesetting.tables import booktabs
from tinylm.typesetting.texmath import split_label, tex_to_typst
from tinylm.typesetting.typstsyntax import escaped, quoted, truth

Token = dict[str, Any]

REFERENCE = r"(?<![\w@])@(?P<reference_key>(?:fig|tbl|eq|sec):[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)?)"
CITATION = r"\[(?P<citation_keys>@[\w:.-]+(?:\s*;\s*@[\w:.-]+)*)\]"
# As pandoc: a dollar opens before and closes behind something that is not space, and a price needs no escape.
# The punctuation behind a formula belongs to it, so that no line begins with it.
INLINE_MATH = r"\$(?=[^\s$])(?P<inline_tex>(?:\\.|[^$\\])+?)(?<=\S)\$(?!\d)(?P<inline_tail>[.,;:)]*)"
BLOCK_MATH = r"^ {0,3}\$\$(?P<block_tex>(?:\\.|[^$\\])+?)\$\$[ \t]*(?:\n|$)"


class Links(Protocol):
    """Where references lead; each method raises ReportError for what does not exist."""

    def reference(self, key: str) -> str:
        """The Typst label of @key."""

    def citation(self, key: str) -> str:
        """The bibliography's name of [@key]."""

    def link(self, url: str) -> str | None:
        """The label of a section, where the address is that of its notebook."""


def _scientific(md: mistune.Markdown) -> None:
    """Teach mistune formulas, references and citations."""

    def add(kind: str, pattern: str, group: str, level: Any, before: str) -> None:
        def parse(_: Any, match: re.Match[str], state: Any) -> int:
            state.append_token({"type": kind, "raw": match[group].strip(), "tail": match.groupdict().get("inline_tail", "")})
            return match.end()

        level.register(kind, pattern, parse, before=before)

    add("inline_math", INLINE_MATH, "inline_tex", md.inline, before="link")
    add("reference", REFERENCE, "reference_key", md.inline, before="link")
    add("citation", CITATION, "citation_keys", md.inline, before="link")
    add("block_math", BLOCK_MATH, "block_tex", md.block, before="list")


_PARSE = mistune.create_markdown(renderer=None, plugins=[table, strikethrough, _scientific])


def parse(source: str) -> list[Token]:
    """The token tree of a piece of Markdown."""
    tokens = _PARSE(source)
    return tokens if isinstance(tokens, list) else []


def headings(tokens: list[Token]) -> list[Token]:
    """The headings among the tokens; the caller sets their `level` and `label`."""
    return [token for token in tokens if token["type"] == "heading"]


def equation_labels(tokens: list[Token]) -> list[str]:
    """The labels of the displayed formulas, inside lists and quotations too."""
    found = []
    for token in tokens:
        if token["type"] == "block_math" and (label := split_label(token["raw"])[1]):
            found.append(label)
        found += equation_labels(token.get("children", []))
    return found


def plain(tokens: list[Token]) -> str:
    """The tokens' words without markup."""
    return "".join(plain(token["children"]) if "children" in token else token.get("raw", " ") for token in tokens)


def inline(source: str, links: Links) -> str:
    """One line of Markdown (a caption, a table's cell) as Typst; raises ReportError where it holds more than a paragraph."""
    tokens = [token for token in parse(_as_text(source)) if token["type"] != "blank_line"]
    if any(token["type"] != "paragraph" for token in tokens) or len(tokens) > 1:
        raise ReportError(f"{source!r} is more than a line of text")
    return Renderer(links).all(tokens).strip()


def _as_text(source: str) -> str:
    """Keep a leading `#`, `-`, `+`, `>` or `1.` of a cell from starting a heading, a list or a quotation."""
    return re.sub(r"^(\s*)(#|[-+>](?=\s)|-(?=-)|\d+(?=[.)](?:\s|$)))", _guard, source.strip())


def _guard(match: re.Match[str]) -> str:
    return f"{match[2]}\\" if match[2].isdigit() else f"\\{match[2]}"


class Renderer:
    """Token tree -> Typst source. Every inline expression ends in `;`, or Typst would read the text behind it as its arguments."""

    def __init__(self, links: Links) -> None:
        self.links = links

    def all(self, tokens: list[Token]) -> str:
        """The tokens one after the other."""
        return "".join(self.one(token) for token in tokens)

    def one(self, token: Token) -> str:
        """One token by the method of its type; raises ReportError for what the report cannot show."""
        return getattr(self, f"_on_{token['type']}", self.refuse)(token)

    def inside(self, token: Token) -> str:
        """The token's children."""
        return self.all(token.get("children", []))

    def refuse(self, token: Token) -> str:
        """Stop at a construct without a rendering."""
        raise ReportError(f"the report has no rendering for the Markdown construct {token['type']!r}: {plain([token])[:60]!r}")

    # Inline

    def _on_text(self, token: Token) -> str:
        text = html.unescape(token["raw"])
        if found := re.search(r"\\(begin|end|label)\{", text):
            raise ReportError(f"{found[0]} outside of $$ ... $$; each displayed formula needs its own pair")
        return escaped(text)

    def _on_softbreak(self, token: Token) -> str:
        return "\n"

    def _on_linebreak(self, token: Token) -> str:
        return "#linebreak();\n"

    def _on_emphasis(self, token: Token) -> str:
        return f"#emph[{self.inside(token)}];"

    def _on_strong(self, token: Token) -> str:
        return f"#strong[{self.inside(token)}];"

    def _on_strikethrough(self, token: Token) -> str:
        return f"#strike[{self.inside(token)}];"

    def _on_codespan(self, token: Token) -> str:
        return f"#raw({quoted(html.unescape(token['raw']))});"

    def _on_link(self, token: Token) -> str:
        url = token["attrs"]["url"]
        if label := self.links.link(url):
            return f"#link(label({quoted(label)}))[{self.inside(token)}];"
        if not re.match(r"[a-z]+:", url):  # relative to the notebook, so it leads nowhere from the report
            return self.inside(token)
        return f"#link({quoted(url)})[{self.inside(token)}];"

    def _on_image(self, token: Token) -> str:
        raise ReportError(f"the Markdown image {token['attrs']['url']!r}: display it with tl.show.figure from a code cell")

    def _on_inline_html(self, token: Token) -> str:
        return self._on_block_html(token)

    def _on_block_html(self, token: Token) -> str:
        if token["raw"].lstrip().startswith("<!--"):
            return ""
        raise ReportError(f"{token['raw'].strip()[:60]!r} is HTML, which the PDF cannot show; write Markdown, or `backticks` around a name")

    def _on_inline_math(self, token: Token) -> str:
        formula = f"#math.equation(alt: {quoted(token['raw'])}, ${tex_to_typst(token['raw'])}$);"
        return f"#tied[{formula}{escaped(token['tail'])}];" if token["tail"] else formula

    def _on_reference(self, token: Token) -> str:
        return f"#ref(label({quoted(self.links.reference(token['raw']))}));"

    def _on_citation(self, token: Token) -> str:
        keys = [key.strip().removeprefix("@") for key in token["raw"].split(";")]
        return "".join(f"#cite(label({quoted(self.links.citation(key))}));" for key in keys)

    # Blocks

    def _on_blank_line(self, token: Token) -> str:
        return "\n"

    def _on_paragraph(self, token: Token) -> str:
        return self.inside(token) + "\n\n"

    def _on_block_text(self, token: Token) -> str:
        return self.inside(token)

    def _on_heading(self, token: Token) -> str:
        return f"#heading(level: {token['level']})[{self.inside(token)}] <{token['label']}>\n\n"

    def _on_thematic_break(self, token: Token) -> str:
        return "#thematic-break()\n\n"

    def _on_block_code(self, token: Token) -> str:
        language = (token.get("attrs") or {}).get("info") or ""
        lang = quoted(language.split()[0]) if language.strip() else "none"
        return f"#raw(block: true, lang: {lang}, {quoted(token['raw'].rstrip())})\n\n"

    def _on_block_quote(self, token: Token) -> str:
        return f"#quote(block: true)[{self.inside(token)}]\n\n"

    def _on_list(self, token: Token) -> str:
        ordered = token["attrs"].get("ordered")
        start = f"start: {token['attrs']['start']}, " if ordered and token["attrs"].get("start") else ""
        items = ", ".join(f"[{self.inside(item).strip()}]" for item in token["children"])
        return f"#{'enum' if ordered else 'list'}({start}tight: {truth(token.get('tight', True))}, {items})\n\n"

    def _on_block_math(self, token: Token) -> str:
        tex, label = split_label(token["raw"])
        numbered = ', numbering: "(1)"' if label else ""
        source = f"#math.equation(block: true, alt: {quoted(' '.join(tex.split()))}{numbered}, $ {tex_to_typst(tex)} $)"
        return source + (f" <{self.links.reference(label)}>" if label else "") + "\n\n"

    def _on_table(self, token: Token) -> str:
        head, *bodies = token["children"]
        lines = [head["children"], *(row["children"] for body in bodies for row in body["children"])]
        align = [cell["attrs"].get("align") or "left" for cell in lines[0]]
        texts = [[plain([cell]) for cell in line] for line in lines]
        body = booktabs(texts[0][0], align, texts, [[self.inside(cell) for cell in line] for line in lines])
        return f"#prose-table({body})\n\n"
