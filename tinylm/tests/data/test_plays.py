import re

import pytest

from tinylm.data import plays
from tinylm.data.plays import GROUPS, OPENINGS, SpeakerError, held_out_plays, recast, renamed, respelled, speaker_names, without

WORDS = "so it is and so it was"


def play(*names, speeches=6):
    """A play whose speakers take turns, named and roles, with mentions of the first of them."""
    lines = [f"{names[i % len(names)]}:\n{names[0].capitalize()}, {WORDS}: {i}.\n" for i in range(speeches * len(names))]
    return "\n".join(lines)


THREE = {
    "train": "\n".join([play("MARTELO", "First Lord", "DUKE"), play("ORINDA", "First Lord", "KING BORAN"), play("CELIO", "MARTELO")]),
    "valid": play("ZARA"),
    "test": play("ZARA", "MARTELO"),
}


@pytest.fixture(autouse=True)
def few_copies(monkeypatch):
    """Four names have syllables for a few copies only."""
    monkeypatch.setattr(plays, "COPIES", 4)


def test_a_play_with_speakers_of_its_own_is_held_out_and_cut_between_speeches():
    cut = held_out_plays(THREE)
    assert speaker_names(cut["train"]) == ["CELIO", "MARTELO"]
    assert speaker_names(cut["valid"]) == speaker_names(cut["test"]) == ["BORAN", "ORINDA"]
    assert sorted("".join(cut.values()).split()) == sorted(THREE["train"].split())  # nothing is lost
    for text in cut.values():
        assert plays.HEADING.match(text) and text.endswith(".\n")
        assert not re.search(r"\n\n\n|[^\n]\n[A-Z][A-Za-z ]+:\n", text)  # every heading follows an empty line


def test_the_real_valid_and_test_are_not_read():
    assert held_out_plays({"train": THREE["train"]}) == held_out_plays(THREE)
    assert renamed({"train": THREE["train"]})["train"] == renamed(THREE)["train"]


def test_a_single_play_cannot_be_cut():
    with pytest.raises(SpeakerError, match="give a text of several plays"):
        held_out_plays({"train": "Once upon a time.\n"})


@pytest.fixture
def nine_plays():
    """The nine openings, each followed by a few speeches, over three splits."""
    whole = "\n".join(f"{opening}.\n\n{play(f'SPEAKER{chr(65 + i)}', 'First Lord')}" for i, opening in enumerate(OPENINGS.values()))
    cuts = [match.start(1) for match in plays.HEADING.finditer(whole)][::20]
    return {"train": whole[: cuts[1] - 1], "valid": whole[cuts[1] : cuts[2] - 1], "test": whole[cuts[2] :]}


def test_plays_left_out_together_are_valid_and_test_and_the_others_train(nine_plays):
    out = without("richard-iii", nine_plays)
    openings = {split: [name for name, opening in OPENINGS.items() if opening in text] for split, text in out.items()}
    assert openings["valid"] + openings["test"] == ["richard-iii", "henry-vi-3"]
    assert openings["train"] == [name for name in OPENINGS if name not in GROUPS["richard-iii"]]
    assert sorted("".join(out.values()).split()) == sorted("".join(nine_plays.values()).split())  # nothing is lost
    assert all(plays.HEADING.match(text) and text.endswith(".\n") for text in out.values())


def test_every_play_is_left_out_once(nine_plays):
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(OPENINGS)
    held_out = ["".join(without(group, nine_plays)[split] for split in ("valid", "test")) for group in GROUPS]
    assert sorted("".join(held_out).split()) == sorted("".join(nine_plays.values()).split())


def test_plays_cannot_be_left_out_of_another_text():
    with pytest.raises(SpeakerError, match="the opening of coriolanus is not in this text"):
        without("tempest", THREE)


def test_each_copy_renames_every_speaker_consistently_and_nothing_else():
    train = THREE["train"]
    names = speaker_names(train)
    assert names == ["BORAN", "CELIO", "MARTELO", "ORINDA"]
    out = renamed(THREE)
    assert (out["valid"], out["test"]) == (THREE["valid"], THREE["test"])
    lines = out["train"].split("\n")
    n_lines = len(train.split("\n"))
    copies = ["\n".join(lines[i : i + n_lines - 1]) + "\n" for i in range(0, len(lines) - 1, n_lines)]
    assert len(copies) == plays.COPIES and copies[0] == train
    seen = set()
    for copy in copies[1:]:
        pairs = set(zip(re.findall(r"\w+", train), re.findall(r"\w+", copy), strict=True))
        changed = {(old, new) for old, new in pairs if old != new}
        assert {old for old, _ in changed} == set(names) | {"Martelo", "Orinda", "Celio"}
        assert len({old.lower() for old, _ in changed}) == len({new.lower() for _, new in changed}) == len(names)
        assert all(new == (new.upper() if old.isupper() else new.capitalize()) for old, new in changed)
        fresh = {new.lower() for _, new in changed}
        assert not fresh & (seen | set(re.findall(r"\w+", train.lower())))
        seen |= fresh


@pytest.mark.parametrize("recast", [recast, respelled])
def test_a_recast_name_holds_for_a_stretch_and_no_longer(monkeypatch, recast):
    monkeypatch.setattr(plays, "STRETCH", 4)
    monkeypatch.setattr(plays, "COPIES", 2)
    parts = plays._stretches(THREE["train"])
    assert "".join(parts) == THREE["train"] and len(parts) > 2
    assert all(len(re.findall(plays.HEADING, "\n\n" + part)) <= 4 for part in parts)
    copy = recast(THREE)["train"][len(THREE["train"]) + 1 :]
    met = []
    for part in parts:
        length = len(re.findall(r"\w+", part))
        words = re.findall(r"\w+", copy)
        pairs = set(zip(re.findall(r"\w+", part), words[:length], strict=True))
        met.append({new.lower() for old, new in pairs if old != new})
        copy = copy[re.search(rf"(\W*\w+){{{length}}}", copy).end() :]
    assert all(met) and sum(map(len, met)) == len(set().union(*met))


def test_a_respelled_name_is_made_of_letters_that_no_name_has():
    letters = {letter for name in speaker_names(THREE["train"]) for letter in name}
    new = {letter for name in speaker_names(respelled(THREE)["train"]) for letter in name} - letters
    assert len(new) > 5


def test_titles_and_roles_keep_their_words():
    out = renamed(THREE)["train"]
    assert out.count("First Lord:") == plays.COPIES * THREE["train"].count("First Lord:")
    assert out.count("DUKE:") == plays.COPIES * THREE["train"].count("DUKE:")


@pytest.mark.parametrize(("text", "says"), [(play("Citizen"), "plays only"), (play("BO"), "two syllables")])
def test_a_text_without_names_to_learn_from_says_so(text, says):
    with pytest.raises(SpeakerError, match=says):
        renamed({"train": text})
