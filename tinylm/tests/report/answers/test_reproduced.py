import dataclasses

import pandas as pd
from synthetic import record, reproduced, result, seeds

from tinylm.analysis.summaries import Result
from tinylm.config import NgramConfig, TransformerConfig
from tinylm.report import answers


def test_the_studys_losses_costs_and_counts_are_one_answer():
    found = [*reproduced(0.003, -0.006, 0.01, -0.015), result("KN-6", record(1.5, corpus="tiny_shakespeare", model=NgramConfig(order=6)))]
    found = [Result(one.run, dataclasses.replace(one.record, flops_2nd=500 if one.run.name == "MLP" else 4_000)) for one in found]
    text = answers.architectures(found)
    assert text.startswith("**Answer.** The study's losses come back, at most 0.015 nats from the mean of 3 seeds.")
    assert "they are 2 times too high for Linear and Self-Attention and Transformer, 4 times too low for MLP" in text
    assert text.endswith(
        "On its test slice (10,000 characters) counts without a cache reach 1.500 nats, the study's best network 2.006, retrained 1.991."
    )
    assert answers.architectures([]) == ""


def test_sweeps_compare_the_smallest_size_with_the_largest():
    nlls = {"small": [2.5, 2.6], "middle": [9.0, 9.0], "large": [2.4, 2.5]}
    found = [result(name, record(nll, seed=s), architecture="MLP") for name, values in nlls.items() for s, nll in enumerate(values)]
    assert (
        "smallest size (n = 2, uncorrected): a wider layer makes MLP better by 0.100 [" in answers.sweeps(found)
        and answers.sweeps([]) == ""
    )
    nlls["large"] = [2.3, 2.7]
    found = [result(name, record(nll, seed=s), architecture="MLP") for name, values in nlls.items() for s, nll in enumerate(values)]
    assert "makes no clear difference to MLP, better by 0.050 [−" in answers.sweeps(found)


def test_a_pair_of_positions_is_ahead_behind_or_level():
    def pair(second):
        rows = {"learned": [2.0, 2.01, 2.02], "rope": second}
        return [
            result(position, record(nll, seed=s, model=TransformerConfig(context_length=8, d_model=8, position=position)), role="ablation")
            for position, values in rows.items()
            for s, nll in enumerate(values)
        ]

    assert "Rotary positions are behind learned positions, by 0.100" in answers.rope(pair([2.1, 2.111, 2.12]))
    assert "Rotary positions are ahead of learned positions, by 0.100" in answers.rope(pair([1.9, 1.911, 1.92]))
    assert "Rotary positions are level with learned positions: +0." in answers.rope(pair([2.1, 1.9, 2.03]))
    assert answers.rope(pair([])) == answers.rope([]) == ""


def test_words_over_fit_and_lose_to_counts_of_the_same_words():
    curve = [{"step": i, "tokens_seen": i, "flops": i, "train_nll": 6.0, "valid_nll": v} for i, v in enumerate((6.5, 6.2, 6.4), 1)]
    network = dataclasses.replace(record(6.3, corpus="ptb"), curve=curve)
    counts = result("KN-5", record(6.0, corpus="ptb", model=NgramConfig(order=5)))
    text = answers.words([result("PTB Transformer", network), counts], [])
    assert "averaged over seeds, is lowest after epoch 2 of 3 on the Penn Treebank; then it overfits." in text
    assert "counts of the same words are better, by 0.300 on the Penn Treebank, in nats per word." in text
    bought = [*seeds("Transformer", 1_000, [4.0], "purchase")]
    assert answers.words([], [Result(r.run, r.record) for r in bought]) == "", "grammar-char is no text of words"


def test_claims_are_tallied_by_verdict_and_the_undecided_by_what_they_lack():
    judged = pd.DataFrame(
        [
            ("a", "supported", "clear"),
            ("b", "undecided", "open"),
            ("b", "supported", "clear"),
            ("c", "undecided", "clear before correction"),
        ],
        columns=["text", "verdict", "grade"],
    )
    assert answers.claims(judged) == (
        "**Answer.** Of 3 claims 1 are supported, 0 are refuted, 2 are undecided. Of the undecided, 1 are open, 1 lean."
    )
