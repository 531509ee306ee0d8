from tinylm.report import plots


def test_families_keep_their_colours_and_others_stay_apart():
    assert plots.colours(["Linear", "MLP"]) == [plots.COLOURS[0], plots.COLOURS[1]]
    assert plots.colours(["RoPE", "MLP", "MLP"]) == [plots.COLOURS[0], plots.COLOURS[1], plots.COLOURS[2]]
    assert len(set(plots.colours(["Linear", "Linear", "Linear"]))) == 3
