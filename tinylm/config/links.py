"""Links in Markdown: what plain text and HTML show of them, and where a link may lead."""

import html
import re

LINK = re.compile(r"\[([^][]+)\]\(([^\s()]+)\)")
CODE = re.compile(r"(`+) ?(.+?) ?\1")
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
SAFE_SCHEMES = ("http:", "https:", "mailto:")


def is_safe(address: str) -> bool:
    """Whether an address is a web page's, a mail's or relative: others may run something or read a reader's files."""
    scheme = SCHEME.match("".join(sign for sign in address if sign > " "))  # browsers overlook blanks and control characters
    return scheme is None or scheme[0].lower() in SAFE_SCHEMES


def unlinked(text: str) -> str:
    """The text with the words of each link in its place."""
    return LINK.sub(r"\1", text)


def anchored(text: str) -> str:
    """The text as HTML, its links as anchors and its code as code; an address that is not safe is left out."""
    linked = LINK.sub(lambda link: f'<a href="{link[2]}">{link[1]}</a>' if is_safe(html.unescape(link[2])) else link[1], html.escape(text))
    return CODE.sub(r"<code>\2</code>", linked)
