import transfers

from tinylm.report import sentences


def test_what_was_expected_of_repeated_text_alone_is_told_of_both():
    found = transfers.usual()
    told = sentences.only_repeated(found, ["Muon", "dropout"])
    assert told == (
        "Of the techniques that were expected to gain on repeated characters only, these clearly gain: on fresh characters Muon; "
        "on repeated characters Muon."
    )
    assert sentences.only_repeated(found, ["dropout"]).endswith("on fresh characters none; on repeated characters none.")
    assert sentences.only_repeated([], ["Muon"]) == ""
