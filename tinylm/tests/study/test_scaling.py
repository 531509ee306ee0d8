import pytest

from tinylm import data
from tinylm.study import scaling


def test_the_rate_falls_with_the_width_and_the_batch_grows_with_the_budget():
    small, wide, rich = (scaling.spec("grammar-char", *shape) for shape in ((10**11, 16), (10**11, 64), (10**13, 64)))
    assert small.train.lr == pytest.approx(4 * wide.train.lr, rel=0.02)
    assert wide.train.lr == rich.train.lr
    assert (small.train.batch_size, rich.train.batch_size) == (4, 16)
    assert small.train.adam_lr == pytest.approx(0.6 * small.train.lr, rel=0.05)


def test_a_step_has_as_many_tokens_whatever_the_context():
    assert {length * scaling.windows(1e12, length) for length in (64, 128, 256)} == {1_024}


def test_the_shape_is_what_was_asked_for():
    made = scaling.spec("wikitext-2-char", 10**12, 48, n_layer=3, context_length=64, eval_tokens=5_000)
    assert (made.model.d_model, made.model.d_ff, made.model.n_layer, made.model.context_length) == (48, 96, 3, 64)
    assert made.train.flops == 10**12 and made.train.eval_tokens == 5_000
    assert len(made.scored(data.info("wikitext-2-char").n_tokens["valid"])) == 5_000
    assert not made.model.induction
