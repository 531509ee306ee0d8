import itertools
import re

import pytest

from tinylm.evaluation.colouring import HUE, LEVELS, STRENGTHS, coloured, legend


def test_colours_grow_with_surprise_and_nothing_in_a_token_is_markup():
    bounds = [0.0, *LEVELS]
    found = coloured(["<i>"] * len(bounds) + ["a\n"], [*bounds, float("nan")])
    assert re.findall(r"rgba\(30, 140, 215, ([\d.]+)\)", found) == [*map(str, STRENGTHS), "0.0"]
    assert "<i>" not in found and "&lt;i&gt;" in found and "a↵\n" in found and 'title="given"' in found
    assert legend().count("background") == len(bounds)


@pytest.mark.parametrize(("page", "text"), [((255, 255, 255), (0, 0, 0)), ((17, 17, 17), (255, 255, 255))])
def test_text_is_readable_on_every_colour_in_light_and_dark(page, text):
    """WCAG 2's contrast ratio of 4.5 or more; visible steps of brightness that go one way, so that the order needs no colour vision."""

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert len(STRENGTHS) == len(LEVELS) + 1
    shades = [luminance([a * c + (1 - a) * p for c, p in zip(HUE, page, strict=True)]) for a in STRENGTHS]
    ends = sorted([luminance(text), luminance(page)])
    assert shades in (sorted(shades), sorted(shades, reverse=True)) and len(set(shades)) == len(shades)
    assert all((max(pair) + 0.05) / (min(pair) + 0.05) > 1.2 for pair in itertools.pairwise(shades))
    for shade in shades:
        low, high = sorted([shade, luminance(text)])
        assert (high + 0.05) / (low + 0.05) >= 4.5 and ends[0] <= shade <= ends[1]


@pytest.mark.parametrize(("nats", "said"), [(0.0, "100"), (0.004, "99.6"), (0.6931, "50"), (2.0, "13.5"), (9.0, "0.0123")])
def test_a_token_says_how_probable_it_was(nats, said):
    assert f'title="{nats:.2f} nats, probability {said} %"' in coloured(["a"], [nats])
