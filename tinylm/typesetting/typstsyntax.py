"""Python text as Typst source."""

import re
import string

# Quotes stay, so that Typst makes them curly; every other punctuation mark could be syntax somewhere.
_PUNCTUATION = re.compile("[" + re.escape("".join(set(string.punctuation) - set("'\""))) + "]")
_TYPOGRAPHY = (("---", "—"), ("--", "–"), ("...", "…"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")  # Typst would take some of them for line ends
_MINUS = re.compile(r"(?<![\w.)\]])-(?=[\d.])")


def quoted(text: str) -> str:
    """A Typst string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def escaped(text: str) -> str:
    """Typst markup that shows the text; dashes, ellipses and minus signs are set as such."""
    text = _CONTROL.sub(" ", text)
    for plain, sign in _TYPOGRAPHY:
        text = text.replace(plain, sign)
    return _PUNCTUATION.sub(r"\\\g<0>", _MINUS.sub("−", text))


def truth(value: bool) -> str:
    """A Typst boolean."""
    return "true" if value else "false"


def array(items: list[str]) -> str:
    """A Typst array of already written items."""
    return "(" + "".join(f"{item}, " for item in items) + ")"
