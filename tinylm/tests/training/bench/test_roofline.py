import dataclasses

from tinylm.training.bench import roofline, rows


def test_a_size_changes_one_thing():
    assert roofline.sized("width", 64)[0] == dataclasses.replace(rows.DENSE, d_model=64, d_ff=128)
    assert roofline.sized("depth", 2)[0] == dataclasses.replace(rows.DENSE, n_layer=2)
    assert roofline.sized("batch", 4)[1].batch_size == 4
