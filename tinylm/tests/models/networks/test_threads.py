import pytest
import torch

from tinylm.models.networks.threads import threads


def test_the_callers_threads_come_back_whatever_happens():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), threads(3):
        assert torch.get_num_threads() == 3
        with threads(0):
            assert torch.get_num_threads() == 3
        raise ZeroDivisionError
    assert torch.get_num_threads() == before
