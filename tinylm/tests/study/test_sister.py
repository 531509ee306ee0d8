import pytest

from tinylm import data, study
from tinylm.flops import n_params, run_cost

FAMILIES = ("One-hot Linear", "GELU MLP", "Attention without FFN", "Tied Transformer")
SPECS = {run.name: run.spec for run in study.section_plan("claims", "full") if run.spec.seed == 0 and run.name.startswith(FAMILIES)}
INFO = data.info("tiny_shakespeare")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("One-hot Linear, T = 16", 65 * 65 + (16 * 65 + 1) * 65),
        ("One-hot Linear, T = 128", 65 * 65 + (128 * 65 + 1) * 65),
        ("GELU MLP", 65 * 32 + (64 * 32 + 1) * 128 + (128 + 1) * 256 + (256 + 1) * 512 + (512 + 1) * 65),
        # Tokens, positions, two blocks of one norm and four projections, a norm, a head.
        ("Attention without FFN, 8 heads", 65 * 128 + 64 * 128 + 2 * (256 + 4 * 129 * 128) + 256 + 129 * 65),
    ],
)
def test_parameters_counted_by_hand(name, expected):
    assert n_params(SPECS[name].model, INFO.vocab_size) == expected


def test_the_tied_transformer_of_four_layers_has_about_a_million_and_a_half():
    assert n_params(SPECS["Tied Transformer, 4 layers"].model, INFO.vocab_size) == pytest.approx(1.5e6, rel=0.03)


def test_the_stated_protocol():
    for name, spec in SPECS.items():
        train = spec.train
        assert (train.optimizer, train.weight_decay, train.schedule, train.clip) == ("adamw", 0.01, "cosine", 1.0)
        assert (train.sampling, train.keep) == ("random", "best")
        assert train.loss_at == ("all" if name.startswith("Tied") else "last")
        assert train.epochs % train.n_evals == 0
    rates = {family: {(s.train.lr, s.train.epochs) for n, s in SPECS.items() if n.startswith(family)} for family in FAMILIES}
    assert rates == dict(zip(FAMILIES, ({(1e-2, 15)}, {(1e-3, 25)}, {(1e-3, 30)}, {(3e-4, 40)}), strict=True))


def test_an_epoch_of_the_attention_models_reads_the_same_amount_of_text():
    specs = [SPECS["Attention without FFN, 1 head"], SPECS["Tied Transformer, 2 layers"]]
    assert len({spec.train.windows_per_epoch * spec.model.context_length for spec in specs}) == 1


def test_costs_stay_within_what_they_were_planned_for():
    costs = {name: run_cost(spec, INFO).flops for name, spec in SPECS.items()}
    assert max(flops for name, flops in costs.items() if not name.startswith("Tied")) < 1.05e13
    assert costs["Tied Transformer, 4 layers"] < 2e14


@pytest.mark.parametrize("name", SPECS)
def test_small_profiles_keep_the_shape_of_each_family(name):
    family = name.partition(", ")[0]
    small = [run.spec.model for run in study.section_plan("claims", "smoke") if run.name.partition(", ")[0] == family]
    assert small and {type(model) for model in small} == {type(SPECS[name].model)}
