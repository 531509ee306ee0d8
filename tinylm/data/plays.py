"""Plays as text: speaker headings, whole plays held out, speakers renamed. Texts in, texts out; seeded, and the same everywhere."""

import functools
import itertools
import re
import string
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinylm.config import TinylmError

PLAYS = "tiny_shakespeare"  # the published corpus whose texts are plays
# A line of letters and blanks that begins with a capital and ends in a colon, at the start of the text or after an empty line.
HEADING = re.compile(r"(?:\A|\n\n)([A-Z][A-Za-z ]+):\n")
# Words of headings that are in capitals and yet no names: they stand in the verse as common nouns, or count kings.
TITLES = (
    *("ANOTHER", "ARCHBISHOP", "BISHOP", "CARDINAL", "DUCHESS", "DUKE", "EARL", "FRIAR", "GARDENER", "GENTLEMEN", "KING", "LADY", "LORD"),
    *("LORDS", "MISTRESS", "NURSE", "OF", "PAGE", "PRINCE", "QUEEN", "SIR", "II", "III", "IV", "VI", "XI"),
)
# The words that each play of Tiny Shakespeare begins with, in the order of its text; of The Tempest it has the beginning only.
OPENINGS = {
    "coriolanus": "First Citizen:\nBefore we proceed any further",
    "richard-iii": "GLOUCESTER:\nNow is the winter of our discontent",
    "richard-ii": "KING RICHARD II:\nOld John of Gaunt",
    "romeo-and-juliet": "SAMPSON:\nGregory, o' my word",
    "henry-vi-3": "WARWICK:\nI wonder how the king escaped",
    "winters-tale": "ARCHIDAMUS:\nIf you shall chance, Camillo",
    "measure-for-measure": "DUKE VINCENTIO:\nEscalus.",
    "taming-of-the-shrew": "SLY:\nI'll pheeze you",
    "tempest": "Master:\nBoatswain!",
}
# What is left out together: plays that share speakers.
GROUPS = {name: (name,) for name in OPENINGS if name != "henry-vi-3"} | {"richard-iii": ("richard-iii", "henry-vi-3")}
HELD_OUT_SHARE = 0.1
COPIES = 20
STRETCH = 30  # speeches
SEED = 0
NAME_LETTERS = range(4, 12)
# A syllable: consonants and vowels, the last one with the consonants that end the name.
SYLLABLE = re.compile(r"[^aeiouy]*[aeiouy]+(?:[^aeiouy]+\Z)?")
Texts = dict[str, str]
Pick = Callable[[Sequence[Any]], Any]
Speller = Callable[[list[str]], Callable[[Pick], str]]  # from the names in a text to a way of making one from random choices


class SpeakerError(TinylmError):
    """A text without the speakers that a derived corpus is cut or renamed by."""


def held_out_plays(texts: Texts) -> Texts:
    """A train text cut in three, so that recipes can be chosen on another play without the real valid or test text being read.

    Held out is the shortest stretch of whole speeches, a tenth of train or more, none of whose named speakers speaks outside it;
    a named speaker's heading has a word in capitals that is no title, while roles such as First Lord recur in every play. In
    Tiny Shakespeare this is The Winter's Tale. Train is the rest; the stretch is cut at the speech nearest to its middle, valid is the
    first part and test the second. Raises SpeakerError where there is no such stretch.
    """
    text = texts["train"]
    starts = [match.start(1) for match in HEADING.finditer(text)] + [len(text)]
    first, stop = min(_closed_stretches(text, starts), key=lambda ends: starts[ends[1]] - starts[ends[0]], default=(0, 0))
    if first == stop:
        raise SpeakerError(f"no tenth of this text has speakers of its own ({len(starts) - 1} speeches); give a text of several plays")
    low, high = starts[first], starts[stop]
    return _split(text[:low] + text[high:], text[low:high])


def _split(train: str, held_out: str) -> Texts:
    """Train, and what is held out cut in two at the speech nearest to its middle: valid, then test."""
    starts = [match.start(1) for match in HEADING.finditer(held_out)]
    middle = min(starts, key=lambda start: abs(2 * start - len(held_out)))
    parts = {"train": train, "valid": held_out[:middle], "test": held_out[middle:]}
    return {split: part.strip("\n") + "\n" for split, part in parts.items()}


def without(group: str, texts: Texts) -> Texts:
    """The three splits of Tiny Shakespeare joined and cut anew: valid and test are the halves of a group of plays, train all others.

    Raises SpeakerError where a play's opening is not in the text.
    """
    text = "\n".join(texts[split].rstrip("\n") + "\n" for split in ("train", "valid", "test"))
    starts = {name: text.find(opening) for name, opening in OPENINGS.items()}
    if missing := [name for name, start in starts.items() if start < 0]:
        raise SpeakerError(f"the opening of {missing[0]} is not in this text; leave plays out of {PLAYS} only")
    ends = [*list(starts.values())[1:], len(text)]
    plays = {name: text[start:end] for (name, start), end in zip(starts.items(), ends, strict=True)}
    held_out = [plays.pop(name) for name in GROUPS[group]]
    return _split("".join(plays.values()), "".join(held_out))


def _closed_stretches(text: str, starts: list[int]) -> Iterator[tuple[int, int]]:
    """Each stretch [first, stop) of speeches that is long enough and closed, the shortest from each first speech of a named speaker."""
    speakers = [match[1] if _names_in(match[1]) else "" for match in HEADING.finditer(text)]
    first_of = {name: i for i, name in reversed(list(enumerate(speakers)))}
    last_of = {name: i for i, name in enumerate(speakers)}
    for first in sorted(first_of[name] for name in first_of if name):
        last = first
        for i in range(first, len(speakers)):
            if speakers[i]:
                if first_of[speakers[i]] < first:
                    break
                last = max(last, last_of[speakers[i]])
            if i >= last and starts[i + 1] - starts[first] >= HELD_OUT_SHARE * len(text):
                yield first, i + 1
                break


def renamed(texts: Texts) -> Texts:
    """Train as 20 copies, the first as it is, in each other one every speaker under an invented name; valid and test unchanged.

    A name is a word in capitals of train's headings that is no title; it is replaced as a whole word, in CAPITALS and Capitalised,
    headings and mentions alike, by one invented name throughout a copy. Names are put together of the names' own syllables; none is
    a word of train and none is used twice. Nothing but train is read. Raises SpeakerError for a text without names.
    """
    return _copies(texts, lambda text: [text], _syllables)


def recast(texts: Texts) -> Texts:
    """As `renamed`, but in every stretch of 30 speeches the names are invented anew: no name can be known from elsewhere.

    A reader of such a text has to take a name from what it has just read. Stretches that share no words share no names either way.
    """
    return _copies(texts, _stretches, _syllables)


def respelled(texts: Texts) -> Texts:
    """As `recast`, but a name is a row of random letters: none of it can be guessed before it has been read."""
    return _copies(texts, _stretches, _letters)


def _stretches(text: str) -> list[str]:
    starts = [match.start(1) for match in HEADING.finditer(text)][STRETCH::STRETCH]
    return [text[first:stop] for first, stop in itertools.pairwise([0, *starts, len(text)])]


def _copies(texts: Texts, cut: Callable[[str], list[str]], speller: Speller) -> Texts:
    """Train as 20 copies, the first as it is; in the others each part that `cut` gives has invented names of its own."""
    text = texts["train"].rstrip("\n") + "\n"
    names = speaker_names(text)
    if not names:
        raise SpeakerError("no heading of this text has a name in capitals; rename the speakers of plays only")
    invent = _inventor(speller(names), {word.lower() for word in re.findall(r"[A-Za-z]+", text)})
    pattern = re.compile(rf"\b({'|'.join([*names, *(name.capitalize() for name in names)])})\b")
    parts, copies = [pattern.split(part) for part in cut(text)], [text]
    for _ in range(1, COPIES):
        copies.append("".join(_under_new_names(part, names, invent) for part in parts))
    return texts | {"train": "\n".join(copies)}


def _under_new_names(part: list[str], names: list[str], invent: Callable[[], str]) -> str:
    """A part of a text, given as what stands around its names, with these in between, under invented ones."""
    present = {name.upper() for name in part[1::2]}
    new = {name: invent() for name in names if name in present}
    new = {name: word.upper() for name, word in new.items()} | {name.capitalize(): word.capitalize() for name, word in new.items()}
    return "".join(new[piece] if i % 2 else piece for i, piece in enumerate(part))


def speaker_names(text: str) -> list[str]:
    """The words in capitals of a text's headings that are no titles, sorted."""
    return sorted({name for match in HEADING.finditer(text) for name in _names_in(match[1])})


def _names_in(heading: str) -> list[str]:
    return [word for word in heading.split() if word.isupper() and len(word) > 1 and word not in TITLES]


def _syllables(names: list[str]) -> Callable[[Pick], str]:
    """First, middle and last syllables of the names, drawn anew."""
    split = [SYLLABLE.findall(name.lower()) for name in names]
    longer = [syllables for syllables in split if len(syllables) > 1]
    if not longer:
        raise SpeakerError(f"no name of {', '.join(names[:5])} has two syllables to make new ones of; give a text with more names")
    middles = [syllable for syllables in longer for syllable in syllables[1:-1]] or [syllables[0] for syllables in longer]

    def spell(pick: Pick) -> str:
        inner = "".join(pick(middles) for _ in pick(longer)[1:-1])
        return pick(longer)[0] + inner + pick(longer)[-1]

    return spell


def _letters(names: list[str]) -> Callable[[Pick], str]:
    """Letters that are all as likely, as many as a name has."""
    return lambda pick: "".join(pick(string.ascii_lowercase) for _ in pick(names))


def _inventor(spell: Callable[[Pick], str], taken: set[str]) -> Callable[[], str]:
    """A function that gives a new name at each call, lower case, of 4 to 11 letters and not yet taken."""
    # Only `random` of a named generator is promised to give the same numbers in every version of NumPy.
    rng = np.random.Generator(np.random.PCG64(SEED))

    def pick(choices: Sequence[Any]) -> Any:
        return choices[int(rng.random() * len(choices))]

    def invent() -> str:
        for _ in range(10_000):
            name = spell(pick)
            if len(name) in NAME_LETTERS and name not in taken:
                taken.add(name)
                return name
        raise SpeakerError("this text's names do not give enough new ones; give a text with more names")

    return invent


STEPS: dict[str, Callable[[Texts], Texts]] = {"plays": held_out_plays, "renamed": renamed, "recast": recast, "respelled": respelled}
STEPS |= {f"without-{group}": functools.partial(without, group) for group in GROUPS}
