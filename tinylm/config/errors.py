"""The errors of all of tinylm, and the sentences they share: a name that there is not, a package that is missing."""

import contextlib
import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

MOST_NAMES = 15
# What other libraries call a setting.
ALSO_CALLED = {
    "learning_rate": "lr",
    "hidden_size": "d_model",
    "num_layers": "n_layer",
    "num_heads": "n_head",
    "block_size": "context_length",
}
RED, PLAIN = "\x1b[31m", "\x1b[39m"


class TinylmError(Exception):
    """A user's mistake: its message says what to do; the command line and notebooks print it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in place of a traceback, which it still has for %debug."""
        return [f"{RED}{type(self).__name__}{PLAIN}: {self}"]


class ConfigError(TinylmError):
    """A setting that cannot be run."""


class FieldError(ConfigError):
    """A field that cannot be run; its `args` are the class, the field ("" where several are at odds) and what is wrong."""

    # No __init__ of its own: a worker process hands an error on as its class and args.
    def __str__(self) -> str:
        owner, name, problem = self.args
        return f"{owner}.{name}: {problem}" if name else f"{owner}: {problem}"


class ArgumentError(ConfigError):
    """Arguments that do not go together; `args` are a sentence with {} for each, and these as Python has them, e.g. lr or flops=1e11."""

    def __str__(self) -> str:
        sentence, *arguments = self.args
        return sentence.format(*arguments)


def too_long(name: str, length: int, why: str, n_tokens: int) -> ArgumentError:
    """The error of a length for which a text of `n_tokens` is too short: why, and the largest one that it is long enough for, if any."""
    remedy = "take a longer text" if n_tokens < 2 else "give {} or less, or take a longer text"
    return ArgumentError(f"{{}} {why}; {remedy}", f"{name}={length}", *([f"{name}={n_tokens - 1}"] if n_tokens > 1 else []))


class MissingName(TinylmError, AttributeError):
    """A name that something does not have; a look-up of an attribute gets an AttributeError."""


class MissingAttribute(MissingName):
    """The same of an attribute; its `args` are the owner in words, the name, and the owner itself, whose names there are."""

    def __str__(self) -> str:  # only now, since a look-up may well expect to fail
        words, name, owner = self.args
        near = nearest(name, (other for other in dir(owner) if not other.startswith("_")))
        return f"{words} has no attribute {name!r}" + (f"; did you mean {near!r}?" if near else "")


class Spelt:
    """What answers an attribute that it has not in one line, with the nearest name."""

    if not TYPE_CHECKING:  # for whom every name would be there

        def __getattr__(self, name: str) -> Any:
            cls = type(self)
            raise MissingAttribute(f"{vars(cls).get('public', cls.__name__)!r} object", name, self)


class PackageError(TinylmError):
    """A package that is not installed."""


@contextlib.contextmanager
def needing_packages(purpose: str, package: str = "") -> Iterator[None]:
    """Imports for a purpose; PackageError says how the missing package is installed, which is `package` where its name is given."""
    try:
        yield
    except ModuleNotFoundError as error:
        name = package or error.name
        raise PackageError(f"{purpose} needs the package {name}; run `python -m pip install {name}`") from error


def unknown(what: str, name: object, known: Iterable[object]) -> str:
    """What to say of a name that is not among the known ones: the nearest of them, and which there are."""
    return f"unknown {what} {name!r}; {instead(name, known, 'there are:')}"


def instead(name: object, known: Iterable[object], introduction: str) -> str:
    """The known name that is nearest to another one, if any is near, then an introduction and the known names."""
    names = list(dict.fromkeys(map(str, known)))
    near = nearest(str(name), names)
    if near is None:
        return f"{introduction} {listed(names)}"
    return f"did you mean {near!r}? {introduction[:1].upper()}{introduction[1:]} {listed(names)}"


def ambiguous(text: str, keys: Sequence[str]) -> str:
    """What to say of the beginning of several keys."""
    return f"{len(keys)} keys begin with {text}: {', '.join(keys[:5])}; write more of it"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that means another library's, or is spelt most like another one in any case; None where none is near."""
    spelt = {other.lower(): other for other in known}
    if (meant := ALSO_CALLED.get(name)) in spelt:
        return meant
    found = difflib.get_close_matches(name.lower(), spelt, n=1)
    return spelt[found[0]] if found else None


def no_file(path: Path, remedy: str) -> str:
    """What to say of a file that is not there: the file beside it that is spelt most like it, else a remedy."""
    beside: dict[str, Path] = {}  # by their names without suffixes, which would make all texts alike
    with contextlib.suppress(OSError):
        found = sorted(path.expanduser().parent.iterdir(), key=lambda other: (other.suffix == path.suffix, other))
        beside = {other.stem: other for other in found if other.is_file()}
    near = nearest(path.stem, beside)
    return f"there is no file {path}; " + (f"did you mean {str(path.with_name(beside[near].name))!r}?" if near else remedy)


def listed(names: Iterable[str]) -> str:
    """Names separated by commas; of many the first fifteen, and how many more there are."""
    shown = list(names)
    more = len(shown) - MOST_NAMES
    return ", ".join(shown[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "") or "none"
