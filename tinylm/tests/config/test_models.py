import pytest

from tinylm.config import ConfigError, LinearConfig, LSTMConfig, MLPConfig, ModuleConfig, NgramConfig, TransformerConfig
from tinylm.config.models import UNBOUNDED


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        (TransformerConfig, {"n_head": 3}, r"n_head=3 does not divide d_model=128"),
        (TransformerConfig, {"n_kv_head": 3}, r"n_kv_head=3 does not divide n_head=4"),
        (TransformerConfig, {"position": "rope", "d_model": 12, "n_head": 4}, "a head is 3 wide, which is odd; change n_head or d_model"),
        (TransformerConfig, {"n_layer": 0}, "n_layer must be at least 1"),
        (TransformerConfig, {"loops": 0}, "loops must be at least 1"),
        (TransformerConfig, {"n_layer": 101, "loops": 10}, "n_layer x loops must be at most 1,000, got 1,010"),
        (TransformerConfig, {"n_layer": 1, "skips": True}, "skips needs two blocks or more; raise n_layer"),
        (TransformerConfig, {"n_layer": 1, "value_residual": True}, "value_residual needs two blocks or more; raise n_layer"),
        (TransformerConfig, {"n_layer": 1, "residual_scalars": True}, "residual_scalars needs two blocks or more; raise n_layer"),
        (TransformerConfig, {"parallel": True}, "parallel needs norm_place='pre' and an FFN"),
        (TransformerConfig, {"parallel": True, "norm_place": "pre", "ffn": "none"}, "parallel needs norm_place='pre' and an FFN"),
        (TransformerConfig, {"n_future": 0}, "n_future must be at least 1 and at most context_length"),
        (TransformerConfig, {"n_future": 5, "context_length": 4}, "n_future must be at least 1 and at most context_length"),
        (TransformerConfig, {"n_head": 0}, "n_head must be at least 1"),
        (TransformerConfig, {"d_model": 0}, "d_model must be at least 1"),
        (TransformerConfig, {"d_ff": 0}, "d_ff must be at least 1"),
        (TransformerConfig, {"context_length": 0}, "context_length must be at least 1"),
        (TransformerConfig, {"ffn_dropout": 1.0}, "ffn_dropout must be at most 0.999"),
        (TransformerConfig, {"position": "sinusoidal"}, "learned, rope, alibi, none"),
        (TransformerConfig, {"qk_norm": 1}, "needs a bool"),
        (TransformerConfig, {"softcap": -1}, "must not be negative"),
        (TransformerConfig, {"induction": (2, 1)}, "each above the one before"),
        (TransformerConfig, {"induction": (0, 1)}, "from 1 on"),
        (TransformerConfig, {"induction_times": 2}, "needs orders in induction"),
        (TransformerConfig, {"dropout_kind": "weight"}, "element, variational"),
        (TransformerConfig, {"init": "zero"}, "scaled, zero_out"),
        (LSTMConfig, {"n_layer": 0}, "n_layer must be at least 1"),
        (LSTMConfig, {"d_model": 0}, "d_model must be at least 1"),
        (LSTMConfig, {"d_embedding": 128}, "d_embedding=0 is the width of the layers; leave it out"),
        (LSTMConfig, {"tied": True, "d_embedding": 64}, "leave d_embedding out"),
        (LSTMConfig, {"output_dropout": 1}, "output_dropout must be at most 0.999"),
        (LinearConfig, {"d_model": 0}, "d_model must be at least 1"),
        (LinearConfig, {"context_length": 0}, "context_length must be at least 1"),
        (MLPConfig, {"d_hidden": 0}, "d_hidden must be at least 1"),
        (MLPConfig, {"n_hidden": 0}, "n_hidden must be at least 1"),
        (MLPConfig, {"dropout": 1}, "dropout must be at most 0.999"),
        (MLPConfig, {"activation": "silu"}, "relu, gelu"),
        (MLPConfig, {"hidden_widths": "128,256"}, "hidden_widths: needs a list of numbers, got '128,256'"),
        (MLPConfig, {"hidden_widths": (8, 1.5)}, "hidden_widths: needs a whole number, got 1.5"),
        (MLPConfig, {"hidden_widths": (8, 0)}, "hidden_widths must be at least 1"),
        (MLPConfig, {"hidden_widths": (8, 8)}, "hidden_widths is for widths that differ, in place of d_hidden and n_hidden"),
        (MLPConfig, {"hidden_widths": (8, 9), "n_hidden": 3}, "in place of d_hidden and n_hidden"),
        (LinearConfig, {"embedding_init": "zeros"}, "normal, identity"),
        (NgramConfig, {"order": 9}, "order must be 0 to 8"),
        (NgramConfig, {"order": -1}, "negative"),
    ],
)
def test_a_model_that_cannot_be_built_is_refused(kind, fields, reason):
    with pytest.raises(ConfigError, match=reason) as caught:
        kind(**fields)
    assert str(caught.value).startswith(kind.public) and kind.__name__ not in str(caught.value)


def test_the_widths_of_hidden_layers():
    assert MLPConfig(d_hidden=7, n_hidden=3).widths == (7, 7, 7)
    assert MLPConfig(hidden_widths=[8.0, 16]) == MLPConfig(hidden_widths=(8, 16))
    assert MLPConfig(hidden_widths=[8, 16]).widths == (8, 16)


def test_one_hot_codes_need_a_width_of_the_vocabulary():
    LinearConfig(d_model=65, embedding_init="identity").check_vocab_size(65)
    LinearConfig(d_model=65).check_vocab_size(11)
    with pytest.raises(ConfigError, match="embedding_init='identity' needs d_model=11, the size of the vocabulary; got 65"):
        LinearConfig(d_model=65, embedding_init="identity").check_vocab_size(11)


def test_an_attention_only_block_needs_no_ffn_width():
    assert TransformerConfig(ffn="none", d_ff=0).d_ff == 0


def test_an_odd_head_width_is_fine_without_rotation():
    assert TransformerConfig(d_model=12, n_head=4).d_head == 3


@pytest.mark.parametrize("order", range(9))
def test_an_ngram_reads_one_token_less_than_its_order(order):
    assert NgramConfig(order=order).context_length == max(order - 1, 0)


def test_keys_and_values_have_the_heads_of_the_queries_unless_told_otherwise():
    assert TransformerConfig(n_head=8).kv_heads == 8
    assert TransformerConfig(n_head=8, n_kv_head=2).kv_heads == 2


def test_an_lstm_is_as_wide_as_its_layers_unless_its_embedding_differs():
    assert LSTMConfig(n_layer=2, d_model=32).widths == (32, 32, 32)
    assert LSTMConfig(n_layer=2, d_model=32, d_embedding=8).widths == (8, 32, 32)


def test_an_order_of_induction_must_be_countable_in_64_bits():
    TransformerConfig(induction=(2, 6)).check_vocab_size(1_448)  # 1,448 ** 6 is just below 2 ** 63
    with pytest.raises(ConfigError, match="induction of order 6 is too high for 1,449 tokens; lower it"):
        TransformerConfig(induction=(2, 6)).check_vocab_size(1_449)


def test_a_pointer_is_no_wider_than_the_states():
    assert TransformerConfig(d_model=32, pointer=32).pointer == 32
    with pytest.raises(ConfigError, match="pointer=33 is wider than the states, d_model=32"):
        TransformerConfig(d_model=32, pointer=33)


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"order": 0}, "Uniform"),
        ({"order": 1}, "Unigram"),
        ({"order": 5}, "KN-5"),
        ({"order": 4, "cache": 2048}, "KN-4 + cache 2,048"),
        ({"order": 8, "cache": UNBOUNDED, "discount_scale": 1.15}, "KN-8 x 1.15 + unbounded cache"),
    ],
)
def test_counts_are_called_by_what_they_are(fields, title):
    assert NgramConfig(**fields).title == title


def test_a_cache_needs_contexts_to_count():
    with pytest.raises(ConfigError, match="a cache needs an order of at least 1"):
        NgramConfig(order=0, cache=8)


def test_what_was_found_of_a_module_is_checked():
    found = {
        "name": "Net",
        "code": "0123456789abcdef",
        "vocab_size": 11,
        "forward_flops": 1000,
        "n_params": 9,
        "matrices": [[2, 3], [4, 5]],
    }
    assert ModuleConfig(**found).matrices == ((2, 3), (4, 5)) and repr(ModuleConfig(**found)) == "Net(context_length=128)"
    for wrong in ({"code": "0123"}, {"code": "0123456789ABCDEF"}, {"forward_flops": 0}, {"n_params": 0}, {"context_length": 0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            ModuleConfig(**found | wrong)
    ModuleConfig(**found).check_vocab_size(11)
    with pytest.raises(ConfigError, match="Net was counted for 11 tokens, the corpus has 65; pass own_module 65"):
        ModuleConfig(**found).check_vocab_size(65)
