from synthetic import planned, record

from tinylm import data, study
from tinylm.analysis.numbers import amount
from tinylm.config import LinearConfig, NgramConfig, TransformerConfig
from tinylm.ledger import write_facts
from tinylm.report import tables


def test_planned_counts_seeds_and_skips_counts():
    frame = tables.planned(study.section_plan("architectures", "full"))
    assert list(frame["model"]) == ["Linear", "MLP", "Self-Attention", "Transformer"]
    assert list(frame["parameters"]) == ["1,073,345", "4,285,377", "231,617", "430,785"]
    assert list(frame["seeds"]) == [9, 5, 5, 5]


def test_the_forward_flops_of_a_window_are_told_by_part():
    linear = planned("Linear", record(model=LinearConfig(context_length=8, d_model=4)).spec)
    one = planned("one block", record(model=TransformerConfig(context_length=8, d_model=8, d_ff=16, n_layer=1)).spec)
    counts = planned("counts", record(model=NgramConfig(order=2)).spec)
    frame = tables.flop_parts([linear, one, counts]).set_index("model")
    assert list(frame.index) == ["Linear", "one block"]
    assert list(frame.loc["Linear"]) == ["–", "–", "–", amount(2 * 8 * 4 * data.vocab_size("grammar-char"))]
    # Queries and output at the last position, keys and values at all eight; scores and their sums; up and down.
    parts = [2 * 8 * (2 * 8 + 2 * 8 * 8), 2 * 2 * 8 * 8, 2 * 2 * 8 * 16, 2 * 8 * data.vocab_size("grammar-char")]
    assert list(frame.loc["one block"]) == [amount(part) for part in parts]


def test_a_plan_counts_the_seeds_of_each_row_whatever_the_rows_are_called():
    runs = [planned("same", record(seed=s, model=LinearConfig(context_length=8, d_model=d)).spec) for d in (4, 8) for s in (0, 1, 2)]
    frame = tables.planned(runs)
    assert frame[["model", "seeds", "steps"]].values.tolist() == [["same", 3, "10"]] * 2
    assert frame["parameters"][0] != frame["parameters"][1]


def sample(start, temperature, text):
    return {"start": start, "temperature": temperature, "seed": 0, "prompt": "x" * 50 + "y" * 100, "text": text}


def test_continuations_follow_the_end_of_the_prompt_that_they_share(home):
    first, second = (planned(name, record(model=LinearConfig(context_length=8, d_model=d)).spec) for name, d in (("a", 4), ("b", 8)))
    for run in (first, second):
        samples = [sample(0, 0.5, f"of {run.name}\n"), sample(0, 1.0, "`warm`"), sample(50, 0.5, "elsewhere")]
        write_facts(home / "out" / "ledger" / "samples" / f"{run.spec.key}.json", {"key": run.spec.key, "samples": samples})
    assert tables.continuations([first, second], 0).values.tolist() == [
        ["the prompt", "–", f"`` …{'y' * 100} ``"],
        ["a", "0.5", "`` of a /  ``"],
        ["a", "1", "`` 'warm' ``"],
        ["b", "0.5", "`` of b /  ``"],
        ["b", "1", "`` 'warm' ``"],
    ]
    assert tables.continuations([first, second], 0, [1.0]).values.tolist() == [
        ["the prompt", f"`` …{'y' * 100} ``"],
        ["a", "`` 'warm' ``"],
        ["b", "`` 'warm' ``"],
    ], "one temperature needs no column"
    assert tables.continuations([first], 7)["continuation"].tolist() == ["no samples are recorded"]
