"""The control corpus: plays drawn from a seeded source whose probability of any text is exact, so the least loss is known.

A scene brings two or more people on stage, who speak in turn; nouns, verbs and adjectives come back within a scene, people call each other
and themselves by name, verbs agree with subjects across a phrase. Every choice shows in the text, so the state of the source is a function
of the text read so far and the probability of the next token given all before it has a closed form.
The word version names tokens; the character version spells them, from a pool of names too large to learn by heart.
"""

import bisect
import functools
import hashlib
import re
from dataclasses import dataclass, field
from itertools import accumulate, product

import numpy as np

from tinylm.data.base import SPLITS
from tinylm.data.vocabulary import EOS


def _words(text: str) -> list[str]:
    return text.split()


NOUNS = _words("""lamp king ship river crown door letter garden bird sword road storm friend house night song mountain candle
forest horse island mirror ring tower winter window bridge cloud dream fire flower ghost hand harbour heart hour kingdom lantern
master mother ocean orchard path prince queen rose sailor shadow shepherd sister soldier star stone stranger summer tale throne
traveller tree valley village wall well wind word""")
VERBS = _words("""love see fear follow find hear call know bear bring seek leave keep serve forget remember want need hide hold
lead mourn praise question rule save spare tell trust wake wound warn haunt greet defend build break blame admire answer""")
ADJECTIVES = _words("""old cold dark bright pale proud gentle silent bitter broken distant empty golden hollow lonely noble quiet
secret silver sweet tall tired weary white wild young strange green grey deep holy black""")
NAMES = [a + b + c + d for a, b, c, d in product("BDGKLMRT", "aeio", "lmnrstvd", ("an", "or", "in", "us"))]
LEXICON = {"noun": NOUNS, "verb": VERBS, "adjective": ADJECTIVES}
# Strength of the fixed frequencies against what this scene has used: a stem's probability is (count + STRENGTH * base) / (n + STRENGTH).
STRENGTH = {"noun": 3.0, "verb": 6.0, "adjective": 4.0}
# node: (probability, what is said, next node). One of the words below, or a kind: noun1 is singular, noun2 plural, verb1 and verb2 agree
# with them; new is a name not yet on stage, cast one on stage, turn one on stage that did not speak last, self the speaker.
SENTENCE = ((0.4, "the", "subject"), (0.15, "a", "subject one"), (0.2, "cast", "verb1"), (0.25, "i", "self"))
ARCS = {
    "scene": ((1.0, "enter", "first"),),
    "first": ((1.0, "new", "more"),),
    "more": ((1.0, "and", "last"),),
    "last": ((1.0, "new", "more?"),),
    "more?": ((0.4, "and", "last"), (0.6, EOS, "turn")),
    "turn": ((0.85, "turn", "colon"), (0.15, "enter", "first")),
    "colon": ((1.0, ":", "sentence"),),
    "sentence": SENTENCE,
    "self": ((1.0, "self", "verb2"),),
    "subject": ((0.25, "adjective", "subject noun"), (0.45, "noun1", "head1"), (0.3, "noun2", "head2")),
    "subject noun": ((0.6, "noun1", "head1"), (0.4, "noun2", "head2")),
    "subject one": ((0.3, "adjective", "subject one noun"), (0.7, "noun1", "head1")),
    "subject one noun": ((1.0, "noun1", "head1"),),
    "head1": ((0.3, "of", "of1"), (0.7, "verb1", "object")),
    "head2": ((0.3, "of", "of2"), (0.7, "verb2", "object")),
    "of1": ((0.6, "the", "of1 noun"), (0.4, "cast", "verb1")),
    "of2": ((0.6, "the", "of2 noun"), (0.4, "cast", "verb2")),
    "of1 noun": ((0.6, "noun1", "verb1"), (0.4, "noun2", "verb1")),
    "of2 noun": ((0.6, "noun1", "verb2"), (0.4, "noun2", "verb2")),
    "verb1": ((1.0, "verb1", "object"),),
    "verb2": ((1.0, "verb2", "object"),),
    "object": ((0.6, "the", "object noun"), (0.4, "cast", "stop")),
    "object noun": ((0.2, "adjective", "last noun"), (0.5, "noun1", "stop"), (0.3, "noun2", "stop")),
    "last noun": ((0.6, "noun1", "stop"), (0.4, "noun2", "stop")),
    "stop": ((0.75, ".", "next"), (0.25, "and", "sentence")),
    "next": ((0.4, EOS, "turn"), *((0.6 * p, said, then) for p, said, then in SENTENCE)),
}
KINDS = {"new": "name", "cast": "name", "turn": "name", "self": "name"}


@dataclass(frozen=True)
class Words:
    """The lexicon of a source: `words` sorted, (class, stem number) of each, the word numbers of each class in stem order."""

    words: tuple[str, ...]
    classes: tuple[tuple[str, int], ...]
    ids: dict[str, np.ndarray]


@functools.cache
def _lexicon(n_names: int) -> Words:
    said = {what for arcs in ARCS.values() for _, what, _ in arcs}
    classes = {"name": NAMES[:: len(NAMES) // n_names], "adjective": ADJECTIVES}
    classes |= {"noun1": NOUNS, "noun2": [w + "s" for w in NOUNS], "verb1": [w + "s" for w in VERBS], "verb2": VERBS}
    classes |= {word: [word] for word in said - set(KINDS) - set(classes)}
    home = {word: (name, stem) for name, words in classes.items() for stem, word in enumerate(words)}
    words = tuple(sorted(home))
    index = {word: i for i, word in enumerate(words)}
    return Words(words, tuple(home[word] for word in words), {name: np.array([index[w] for w in ws]) for name, ws in classes.items()})


def _base(stems: list[str]) -> np.ndarray:
    """Zipf frequencies of the stems in their order."""
    weights = 1.0 / (np.arange(len(stems)) + 8.0)
    return weights / weights.sum()


BASE = {part: _base(stems) for part, stems in LEXICON.items()}
CUMULATIVE = {part: list(accumulate(base.tolist())) for part, base in BASE.items()}


@dataclass
class Play:
    """The source after some words: the node it stands at, and who and what this scene has brought up."""

    lexicon: Words
    node: str = "scene"
    cast: list[int] = field(default_factory=list)
    speaker: int = -1
    used: dict[str, list[int]] = field(default_factory=lambda: {part: [] for part in LEXICON})

    def distribution(self) -> np.ndarray:
        """The probability of each word to come next (number of words,)."""
        out = np.zeros(len(self.lexicon.words))
        for probability, said, _ in ARCS[self.node]:
            ids = self.lexicon.ids[KINDS.get(said, said)]
            part = said.rstrip("12")
            if part in LEXICON:
                strength, used = STRENGTH[part], self.used[part]
                stems = (np.bincount(used, minlength=len(ids)) + strength * BASE[part]) / (len(used) + strength)
                out[ids] = probability * stems
            elif said == "new":
                out[ids] = probability / (len(ids) - len(self.cast))
                out[ids[self.cast]] = 0.0
            else:
                choices = self._people(said) if said in KINDS else [0]
                out[ids[choices]] = probability / len(choices)
        return out

    def _people(self, said: str) -> list[int]:
        """The names a kind allows, each as likely."""
        if said == "self":
            return [self.speaker]
        return self.cast if said == "cast" else [person for person in self.cast if person != self.speaker]

    def draw(self, u: float, v: float) -> int:
        """The next word, from two uniform draws in [0, 1): what kind, and which of it."""
        arcs = ARCS[self.node]
        reached = bisect.bisect_right(list(accumulate(arc[0] for arc in arcs)), u)
        said = arcs[min(reached, len(arcs) - 1)][1]
        ids = self.lexicon.ids[KINDS.get(said, said)]
        return int(ids[self._stem(said, v, len(ids))])

    def _stem(self, said: str, v: float, size: int) -> int:
        part = said.rstrip("12")
        if part in LEXICON:
            used = self.used[part]
            x = v * (len(used) + STRENGTH[part])
            if x < len(used):
                return used[int(x)]
            return min(bisect.bisect_right(CUMULATIVE[part], (x - len(used)) / STRENGTH[part]), size - 1)
        if said == "new":
            stem = int(v * (size - len(self.cast)))
            for person in sorted(self.cast):
                stem += stem >= person
            return stem
        choices = self._people(said) if said in KINDS else [0]
        return choices[int(v * len(choices))]

    def advance(self, word: int) -> None:
        """Read a word that `distribution` gives a probability above zero."""
        name, stem = self.lexicon.classes[word]
        said, node = next((said, node) for _, said, node in ARCS[self.node] if KINDS.get(said, said) == name)
        if name == "enter":
            self.cast, self.speaker, self.used = [], -1, {part: [] for part in LEXICON}
        elif said == "new":
            self.cast.append(stem)
        elif said == "turn":
            self.speaker = stem
        elif said.rstrip("12") in LEXICON:
            self.used[said.rstrip("12")].append(stem)
        self.node = node


@dataclass(frozen=True, kw_only=True)
class Source:
    """A version of the corpus: its level, pool of names, sizes, and the digest of what it generates."""

    level: str
    n_names: int
    n_tokens: dict[str, int]
    seed: int
    sha256: str

    @functools.cached_property
    def vocab(self) -> tuple[str, ...]:
        """The tokens in sorted order: words, or the characters that spell them."""
        words = _lexicon(self.n_names).words
        return words if self.level == "word" else tuple(sorted(set("".join(map(_spell, words)))))

    @property
    def vocab_size(self) -> int:
        """The number of tokens in `vocab`."""
        return len(self.vocab)

    def log_probs(self, ids: np.ndarray) -> np.ndarray:
        """log p(token t | all tokens before t) in nats (n,), for a text (n,) that begins where the source begins, at a scene.

        The first token that the source cannot produce, and whatever follows it, has -inf.
        """
        if self.level == "word":
            return _word_log_probs(np.asarray(ids).tolist(), _lexicon(self.n_names))
        return _character_log_probs("".join(self.vocab[i] for i in np.asarray(ids).tolist()), _lexicon(self.n_names))


def _word_log_probs(ids: list[int], lexicon: Words) -> np.ndarray:
    play, p = Play(lexicon), np.zeros(len(ids))
    for t, word in enumerate(ids):
        p[t] = play.distribution()[word]
        if p[t] == 0.0:
            break
        play.advance(word)
    with np.errstate(divide="ignore"):
        return np.log(p)


def _spell(word: str) -> str:
    return "\n" if word == EOS else word + " "


def _character_log_probs(text: str, lexicon: Words) -> np.ndarray:
    """Each character's share of the probability of the words that begin as the word so far does; those are neighbours in the alphabet."""
    spelled = sorted((_spell(word), number) for number, word in enumerate(lexicon.words))
    order, keys = np.array([number for _, number in spelled]), [key for key, _ in spelled]
    numbers = dict(spelled)
    play, out, t = Play(lexicon), np.full(len(text), -np.inf), 0
    for chunk in re.findall(r"[^ \n]*[ \n]|[^ \n]+$", text):
        below = np.concatenate(([0.0], np.cumsum(play.distribution()[order])))
        prefixes = [chunk[:k] for k in range(len(chunk) + 1)]
        low = [bisect.bisect_left(keys, prefix) for prefix in prefixes]
        high = [bisect.bisect_left(keys, prefix + "\x7f") for prefix in prefixes]
        mass = below[high] - below[low]
        legal = int(np.argmin(np.append(mass > 0, False)))
        out[t : t + legal - 1] = np.log(mass[1:legal] / mass[: legal - 1])
        t += len(chunk)
        if legal < len(mass) or chunk not in numbers:
            break
        play.advance(numbers[chunk])
    return out


SOURCES = {
    "grammar-char": Source(
        level="character",
        n_names=1024,
        n_tokens={"train": 200_000, "valid": 20_000, "test": 20_000},
        seed=1,
        sha256="100939a40c96ddb146f1c9eb7ac218590ec373d9f7fbecc9a463729916e7cab5",
    ),
    "grammar-word": Source(
        level="word",
        n_names=128,
        n_tokens={"train": 100_000, "valid": 20_000, "test": 20_000},
        seed=2,
        sha256="f8c36b156555167e1ceb061bbb70d6be1cc59ace55dce1563211a1fa02cef787",
    ),
}


@functools.cache
def generate(name: str) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """The vocabulary and the three splits (n,) uint16, read-only; the same on every machine."""
    source = SOURCES[name]
    streams = np.random.SeedSequence(source.seed).spawn(len(SPLITS))
    splits = {}
    for split, stream in zip(SPLITS, streams, strict=True):
        splits[split] = _draw(source, source.n_tokens[split], np.random.Generator(np.random.PCG64(stream)))
        splits[split].setflags(write=False)
    return source.vocab, splits


def _draw(source: Source, n: int, rng: np.random.Generator) -> np.ndarray:
    """n tokens of a play, the last sentence cut off where the count is reached."""
    lexicon = _lexicon(source.n_names)
    play, tokens = Play(lexicon), []
    index = {token: i for i, token in enumerate(source.vocab)}
    spelled = [[index[c] for c in _spell(w)] if source.level == "character" else [index[w]] for w in lexicon.words]
    while len(tokens) < n:
        for u, v in rng.random((1000, 2)).tolist():
            word = play.draw(u, v)
            play.advance(word)
            tokens.extend(spelled[word])
    return np.array(tokens[:n], dtype=np.uint16)


def digest(arrays: dict[str, np.ndarray]) -> str:
    """The sha256 of the splits' digests, in their order."""
    parts = [hashlib.sha256(arrays[split].astype("<u2").tobytes()).hexdigest() for split in SPLITS]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def floor(name: str, split: str = "test", start: int = 0, n: int = 0) -> float:
    """The source's own mean nats per token over tokens [start, start + n) of a split (n 0: to its end), each given all before it.

    No model's expected loss is lower; one that sees a shorter context stays above.
    """
    ids = generate(name)[1][split][: start + n if n else None]
    return float(-SOURCES[name].log_probs(ids)[start:].mean())
