import pytest
import torch
from modules import Bigram

from tinylm import data, files, ledger
from tinylm.analysis import frames
from tinylm.config import ConfigError, LinearConfig, MLPConfig, NgramConfig, TransformerConfig
from tinylm.config.interrupts import Stopped
from tinylm.flops import scoring_flops
from tinylm.report import runs as reported
from tinylm.report import training
from tinylm.report.runs import Run, Seeds
from tinylm.study import recipes

TEXT = "to be or not to be\nthat is the question\n" * 60
SMALL = TransformerConfig(context_length=8, n_layer=1, n_head=2, d_model=8, d_ff=8)


def test_a_run_is_trained_recorded_and_found_again(home, capsys):
    run = training.train(TEXT, SMALL, steps=5)
    assert isinstance(run, Run) and run.record.steps == 5 and run.model.generate("to be", length=3).startswith("to be")
    assert "1 run to train" in capsys.readouterr().out
    assert run.record.spec.key in ledger.known().records and list(files.WEIGHTS.glob(f"{run.record.spec.key}*"))
    again = training.train(TEXT, SMALL, steps=5)
    assert again.record.test == run.record.test and "to train" not in capsys.readouterr().out
    weights = files.WEIGHTS / f"{run.record.spec.key}.safetensors"
    for damage in (lambda: weights.unlink(), lambda: weights.write_bytes(weights.read_bytes()[:-8]), lambda: weights.write_bytes(b"")):
        damage()
        assert training.train(TEXT, SMALL, steps=5).model.spec == run.record.spec and "1 run to train" in capsys.readouterr().out


def test_a_run_has_one_name_whether_it_is_trained_found_or_counted(home):
    name = training.train(TEXT, NgramConfig(order=3), seed=1).run.name
    assert [result.run.name for result in frames.recorded() if result.run.section == "local"] == [name]
    assert training.cost(NgramConfig(order=3), TEXT).facts["name"] == name and reported.recorded(name)


def test_several_seeds_are_several_runs(home):
    runs = training.train("grammar-char", SMALL, steps=3, seeds=range(2))  # processes of their own know no text of this test
    assert isinstance(runs, Seeds) and [run.record.spec.seed for run in runs] == [0, 1]
    assert runs[0].record.test != runs[1].record.test and runs[0].run.row == runs[1].run.row


def test_counts_need_no_bound_and_a_class_stands_for_its_defaults(home):
    run = training.train(TEXT, NgramConfig(order=3))
    assert run.record.spec.is_counts and run.record.flops == 0 and run.run.name == f"KN-3, {run.record.spec.key[:8]}"
    assert training.train(TEXT, NgramConfig).record.spec.model == NgramConfig()
    assert training.train(TEXT * 4, recipe="counts").record.spec.model == recipes.tuned_counts("grammar-char")


def test_a_module_of_ones_own_is_trained_within_the_same_budget(home):
    run = training.train(TEXT, Bigram, flops=1e6, context_length=8, lr=1e-2)
    state = torch.get_rng_state()
    assert run.run.architecture == "Bigram" and 0.6e6 < run.record.flops <= 1e6
    assert run.record.n_params == run.cost.n_params == sum(p.numel() for p in run.model.network.parameters())
    assert training.train(TEXT, Bigram, flops=1e6, context_length=8, lr=1e-2).record.spec == run.record.spec
    assert torch.equal(state, torch.get_rng_state())


def test_seconds_become_a_budget(home, monkeypatch, capsys):
    from tinylm.training import forecast

    monkeypatch.setattr(forecast, "expected_speed", lambda settings, seconds=2.0: 1.23456e6)
    monkeypatch.setattr(forecast, "step_seconds", lambda optimizer, precision: 0.001)
    run = training.train(TEXT, SMALL, seconds=20)
    assert f"flops={run.run.budget:.1e}" in capsys.readouterr().out
    scored = scoring_flops(run.record.spec, data.info(run.record.spec.corpus))
    assert run.cost.steps * 0.001 + (run.cost.flops + scored) / 1.23456e6 == pytest.approx(20, rel=0.05)
    monkeypatch.setattr(forecast, "expected_speed", lambda settings, seconds=2.0: 9e6)
    assert training.train(TEXT, SMALL, seconds=20).key == run.key, "the same call finds its run, however fast the machine is now"
    assert training.train(TEXT, SMALL, seconds=10).key != run.key


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("minuts", "minutes"),
        ("second", "seconds"),
        ("devise", "device"),
        ("sedes", "seeds"),
        ("context_lenght", "context_length"),
        ("recpe", "recipe"),
        ("learning_rate", "lr"),
        ("n_eval", "n_evals"),
    ],
)
@pytest.mark.parametrize("model", [SMALL, NgramConfig(order=2), None])
def test_a_misspelt_argument_is_looked_for_among_all_of_them(wrong, meant, model):
    with pytest.raises(ConfigError, match=f"no argument '{wrong}'; did you mean '{meant}'"):
        training.train("grammar-char", model, **{wrong: 3})


def test_an_interrupt_before_the_training_is_one_line(home, monkeypatch):
    from tinylm.training import forecast

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(forecast, "affordable_flops", interrupted)
    with pytest.raises(Stopped, match="^stopped before the first step; repeat to begin$"):
        training.train(TEXT, SMALL, seconds=33)


MISTAKES = {
    "say for how long: flops=1e11, seconds=60": {"model": SMALL},
    "give flops or seconds, not both": {"model": SMALL, "flops": 1e6, "seconds": 1},
    "seconds must be a number above zero": {"model": SMALL, "seconds": -1},
    "give a model or recipe=..., not both": {"model": SMALL, "recipe": "mlp", "flops": 1e6},
    "without a model the recipe 'transformer' is taken; the recipe 'transformer' needs a budget": {},
    "a recipe sets all but text, budget, seed and protocol; leave out lr": {"recipe": "mlp", "flops": 1e9, "lr": 1},
    "did you mean 'n_evals'": {"model": SMALL, "steps": 1, "n_eval": 3},
    r"write seeds=range\(3\)": {"model": SMALL, "steps": 1, "seeds": 3},
    r"each once, got \[1, 1\]": {"model": SMALL, "steps": 1, "seeds": [1, 1]},
    r"at least one, .* got \[\]": {"model": SMALL, "steps": 1, "seeds": []},
    "give seed or seeds, not both": {"model": SMALL, "steps": 1, "seed": 0, "seeds": [1]},
    "flops must be a number above zero, got '1e9'": {"recipe": "transformer", "flops": "1e9"},
    "seconds must be a number above zero, got '5'": {"model": SMALL, "seconds": "5"},
    "minutes must be a number, zero or above, got 'a'": {"model": SMALL, "steps": 1, "minutes": "a"},
    "minutes must be a number, zero or above, got -1": {"model": SMALL, "steps": 1, "minutes": -1},
    "minutes must be a number, zero or above, got inf": {"model": SMALL, "steps": 1, "minutes": float("inf")},
    "give it to the shape": {"model": SMALL, "steps": 1, "context_length": 8},
    "leave out context_length": {"recipe": "mlp", "flops": 1e9, "context_length": 8},
    "context_length must be at least 1": {"model": Bigram, "steps": 1, "context_length": 0},
    "context_length=100000 is too long": {"model": Bigram, "steps": 1, "context_length": 100_000},
    "unknown protocol 'paper'; there are: dense, full": {"recipe": "mlp", "flops": 1e9, "protocol": "paper"},
    "counts are not trained; leave out lr": {"model": NgramConfig(order=2), "lr": 1e-3},
    "counts are not trained; leave out flops": {"model": NgramConfig, "seconds": 5},
    "give recipe='transformer', or a shape": {"model": "transformer", "steps": 1},
    "did you mean 'counts'": {"recipe": "count"},
    "unknown device 'gpu'": {"model": SMALL, "steps": 1, "device": "gpu"},
    "live must be True or False, got 'yes'": {"model": SMALL, "steps": 1, "live": "yes"},
    "did you mean 'dense'": {"model": SMALL, "steps": 1, "protocol": "dens"},
}


def test_a_text_without_a_window_is_said_for_the_default_too(home):
    short = "abcd" * 100  # 360, 20 and 20 tokens
    with pytest.raises(
        ConfigError, match=r"context_length=128 \(the default\) is too long: valid has 20 tokens; give context_length=19 or"
    ):
        training.train(short, Bigram, steps=1)
    with pytest.raises(
        ConfigError, match="context_length=20 is too long: valid has 20 tokens; give context_length=19 or less, or take a longer"
    ):
        training.train(short, Bigram, steps=1, context_length=20)
    with pytest.raises(ConfigError, match=r"context_length=128 \(the default\) is too long"):
        training.cost(Bigram, short)
    assert training.train(short, Bigram, steps=1, context_length=19).record.spec.model.context_length == 19


@pytest.mark.parametrize("says", MISTAKES)
def test_a_mistake_is_said_before_anything_is_trained(home, says):
    with pytest.raises(ConfigError, match=says):
        training.train(TEXT, **MISTAKES[says])


def test_the_speed_is_measured_after_the_other_arguments_are_checked(home, monkeypatch):
    from tinylm.training import forecast

    monkeypatch.setattr(forecast, "expected_speed", lambda *_: pytest.fail("measured"))
    for wrong in ({"n_eval": 3}, {"protocol": "dens"}, {"steps": 3}):
        with pytest.raises(ConfigError):
            training.train(TEXT, SMALL, seconds=5, **wrong)


def test_swapped_arguments_are_said():
    with pytest.raises(ConfigError, match="the text comes first"):
        training.train(SMALL, TEXT)
    with pytest.raises(ConfigError, match="the model comes first"):
        training.cost(TEXT, SMALL)


def test_a_run_that_diverged_is_not_trained_again(home, capsys):
    first = training.train(TEXT, SMALL, steps=20, lr=1e30)
    assert "it diverged at step" in capsys.readouterr().out and first.record.status == "diverged"
    training.train(TEXT, SMALL, steps=20, lr=1e30)
    said = capsys.readouterr().out
    assert "to train" not in said and "lower the learning rate" in said


def test_long_training_waits_for_a_word(home):
    with pytest.raises(Exception, match=r"must be allowed: tl.train\(..., minutes=\d+\)"):
        training.train(TEXT, SMALL, flops=1e16)


def test_a_cost_is_that_of_the_run(home):
    found = training.cost(SMALL, TEXT, steps=5)
    assert found.facts["key"] == training.train(TEXT, SMALL, steps=5).record.spec.key
    assert training.cost(SMALL, TEXT).steps == 1 and training.cost(MLPConfig(context_length=8), TEXT, flops=1e10).flops <= 1e10
    assert training.cost("counts", TEXT).flops == training.cost(NgramConfig(order=3), TEXT).flops == 0


def test_a_cost_needs_a_run_that_can_be_scored():
    with pytest.raises(ConfigError, match="give context_length=19999 or less"):
        training.cost(LinearConfig(context_length=30_000, d_model=2), "grammar-char", flops=5e10, batch_size=1)


@pytest.mark.parametrize("name", training.NOT_OF_COST)
def test_a_cost_says_what_to_give_in_place_of_what_it_does_not_take(name):
    with pytest.raises(ConfigError, match=f"^tl.cost takes no {name}; "):
        training.cost(SMALL, TEXT, **{name: 1})


def test_a_shape_is_called_as_it_was_written():
    shape = TransformerConfig(n_layer=1, d_model=64)  # with the default FFN it has the shape of the study's Self-Attention
    planned = training.RunRequest(corpus="grammar-char", model=shape, settings={"steps": 1}).planned(0)
    assert planned.name.startswith("Transformer(n_layer=1, d_model=64), ") and planned.architecture == "Self-Attention"


def test_fewer_targets_need_no_word_on_where_the_loss_is_taken():
    planned = training.RunRequest(corpus="grammar-char", model=TransformerConfig(), settings={"steps": 1, "n_targets": 8}).planned(0)
    assert (planned.spec.train.loss_at, planned.spec.n_targets) == ("all", 8)
    with pytest.raises(ConfigError, match="n_targets=128 must be below context_length=128"):
        training.RunRequest(corpus="grammar-char", model=TransformerConfig(), settings={"steps": 1, "n_targets": 128}).planned(0)


def test_a_misspelt_bound_is_named_before_one_is_asked_for():
    with pytest.raises(ConfigError, match="no argument 'flop'; did you mean 'flops'"):
        training.RunRequest(corpus="grammar-char", model=TransformerConfig(), settings={"flop": 1e8}).check()
    with pytest.raises(ConfigError, match=r"no argument 'learning_rate'; did you mean 'lr'\?"):
        training.RunRequest(corpus="grammar-char", model=TransformerConfig(), settings={"steps": 1, "learning_rate": 1e-3}).check()
