from chapters import words, words_of


def test_headings_of_the_same_words_are_told_apart(report):
    part = "\n\n## Method\n\n## Limits\n\n## Limits\n\n#### Deep\n\nSee @sec:method"
    page = report([f"# A{part} and @sec:limits-2."], [f"# B{part} and @sec:part1/method."], ["# C\n\n# Main\n\n## Sub"])
    assert "See Section 1.1 and Section 1.3." in words_of(page) and "See Section 2.1 and Section 1.1." in words_of(page)
    assert words(page, "h3")[-1] == "3.1 Main" and words(page, "h4") == ["1.3.1 Deep", "2.3.1 Deep", "3.1.1 Sub"]
