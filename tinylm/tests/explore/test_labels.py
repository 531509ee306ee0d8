from explorer import DENSE
from records import made

from tinylm import study
from tinylm.config import NgramConfig, TransformerConfig
from tinylm.explore import labels


def test_names_and_sizes():
    run = study.section_plan("sweeps", "full")[-1]
    assert labels.run_of(made(spec=run.spec), study.by_key()) == run and labels.title(run) == f"sweeps/{run.name}"
    titles = [labels.architecture(model) for model in (DENSE, TransformerConfig(n_layer=1), NgramConfig())]
    assert titles == ["Transformer", "Self-Attention", "Counts"]
    assert labels.sizes([35, 1_500]) == [("0", 0), ("1k", 1_000), ("2k", 2_000)] and labels.sizes([]) == [("0", 0), ("1k", 1_000)]
