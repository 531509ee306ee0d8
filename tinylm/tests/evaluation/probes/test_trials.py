import torch

from tinylm.evaluation.probes import trials


def test_settings_are_chosen_on_valid_alone(tmp_path, monkeypatch):
    asked = []

    def score(split, settings):
        asked.append((split, settings))
        return trials.Adapted(torch.tensor([float(settings)]).numpy(), 10)

    found = trials._chosen("a method", [_Number(3), _Number(1), _Number(2)], lambda split, number: score(split, number.value))
    assert found.settings == {"value": 1} and found.flops_chosen == 30 and found.flops == 10
    assert asked == [("valid", 3), ("valid", 1), ("valid", 2), ("test", 1)]


@trials.dataclass(frozen=True)
class _Number:
    value: float
