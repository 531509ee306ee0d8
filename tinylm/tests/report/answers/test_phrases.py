import dataclasses

from synthetic import seeds

from tinylm.analysis.summaries import Result
from tinylm.report import answers


def test_words_have_the_best_purchase_and_the_cheapest_gated_counts_beside_it():
    words = seeds("Transformer", 10**12, [4.0, 4.0], "purchase")
    gated = [*seeds("Gated counts", 500, [5.0, 5.0, 5.0], "gated"), *seeds("Gated counts", 900, [4.5], "gated")]
    bought = [read(one, "grammar-word") for one in [*words, *gated]]
    reach = "reach perplexity 54.60 on grammar-word ($10^{12}$ FLOPs, n = 2)"
    assert f"{reach}; gated counts 148.4 ($5 \\times 10^{{2}}$ FLOPs, n = 3)." in answers.words([], bought)
    (brief,) = answers.findings([], bought, [], "grammar-char")
    assert brief.endswith(f"{reach}.")


def read(one, corpus):
    """The result with another text."""
    spec = dataclasses.replace(one.record.spec, corpus=corpus)
    return Result(dataclasses.replace(one.run, spec=spec), dataclasses.replace(one.record, spec=spec))
