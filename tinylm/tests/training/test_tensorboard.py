"""TensorBoard's files, read back with TensorBoard's own reader."""

import dataclasses
import sys

import pytest
from synthetic import planned

from tinylm import files, ledger
from tinylm.config import LinearConfig, RunSpec, TrainConfig
from tinylm.training.loop import Progress

LINE = "train --corpus grammar-char --model linear --d-model 8 --context-length 8 --steps 60 --eval-tokens 50 --workers 1 --device cpu"
RUN = planned("linear d_model=8, T = 4", RunSpec(corpus="grammar-char", model=LinearConfig(), train=TrainConfig(steps=9), seed=2))
NOW = Progress(step=4, num_steps=9, tokens_seen=256, flops=10**13, seconds=2.0, train_nll=3.0, valid_nll=None)

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def scalars():
    """Every scalar of a run's folder: tag -> [(step, value)]."""
    reason = "pip install tensorboard"
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason=reason)

    def read(folder):
        found = module.EventAccumulator(str(folder)).Reload()
        return {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}

    return read


def test_losses_stand_against_steps_and_flops_and_speed_is_that_since_the_last_report(scalars, tmp_path):
    from tinylm.training.tensorboard import Events, folder_name

    later = dataclasses.replace(NOW, step=9, tokens_seen=556, flops=3 * 10**13, seconds=7.0, train_nll=2.0, valid_nll=2.5)
    with Events(tmp_path) as events:
        events(RUN, NOW)
        events(dataclasses.replace(RUN, spec=dataclasses.replace(RUN.spec, seed=3)), NOW)
        events(RUN, later)
    assert len(list(tmp_path.iterdir())) == 2
    assert folder_name(RUN) == f"linear_d_model=8_T_=_4-s2-{RUN.spec.key}"
    assert scalars(tmp_path / folder_name(RUN)) == {
        "by_step/train_nll": [(4, 3.0), (9, 2.0)],
        "by_step/valid_nll": [(9, 2.5)],
        "by_flops/train_nll": [(10**13, 3.0), (3 * 10**13, 2.0)],
        "by_flops/valid_nll": [(3 * 10**13, 2.5)],
        "throughput/flop_per_second": [(4, pytest.approx(5e12)), (9, pytest.approx(4e12))],
        "throughput/tokens_per_second": [(4, 128.0), (9, 60.0)],
    }


def test_a_run_from_the_command_line_writes_the_curve_of_its_record(scalars, call, home):
    code, out, err = call(f"{LINE} --tensorboard {home / 'events'}")
    assert code == 0, err
    assert f"tensorboard --logdir {home / 'events'}" in out
    record = ledger.read(next(files.LOCAL_LEDGER.glob("local/*.json")))
    found = scalars(next((home / "events").glob(f"Linear*-s0-{record.spec.key}")))
    assert found["by_step/valid_nll"] == [(point["step"], pytest.approx(point["valid_nll"])) for point in record.curve]
    assert found["by_flops/valid_nll"] == [(point["flops"], pytest.approx(point["valid_nll"])) for point in record.curve]
    assert {step for step, _ in found["by_step/train_nll"]} >= {point["step"] for point in record.curve}


def test_without_the_package_the_mend_is_named_before_anything_is_trained(call, home, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.delitem(sys.modules, "tinylm.training.tensorboard", raising=False)
    code, _, err = call(f"{LINE} --tensorboard {home / 'events'}")
    assert code == 2 and err == "error: --tensorboard needs the package tensorboard; run `python -m pip install tensorboard`\n"
    assert not (home / "events").exists() and not files.LOCAL_LEDGER.exists()


def test_a_file_in_the_place_of_the_folder_is_named(scalars, call, home):
    (home / "events").touch()
    code, _, err = call(f"{LINE} --tensorboard {home / 'events'}")
    assert code == 2 and err.startswith(f"error: cannot write into {home / 'events'}: File exists; make it writable, or set TINYLM_HOME")
