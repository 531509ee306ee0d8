from dataclasses import replace

import pytest

from tinylm import study
from tinylm.config import ConfigError, LinearConfig, LSTMConfig, MLPConfig, NgramConfig, TransformerConfig
from tinylm.report.plots import diagrams

PLAN = study.section_plan("architectures", "full")


def test_a_deeper_model_has_a_larger_factor():
    blocks = [stage for stage in diagrams.stages(TransformerConfig(n_layer=7)) if stage.repeats > 1]
    assert {stage.repeats for stage in blocks} == {7}
    assert len(blocks) == 4


def test_what_the_config_leaves_out_is_not_drawn():
    texts = [stage.text for stage in diagrams.stages(TransformerConfig(ffn="none", position="rope", norm="rms"))]
    assert not [text for text in texts if "FFN" in text or "layer norm" in text]
    assert "+ rotary positions in attention" in texts
    assert "+ biases by distance in attention" in [stage.text for stage in diagrams.stages(TransformerConfig(position="alibi"))]


def test_the_norm_stands_where_the_config_puts_it():
    order = {place: [s.kind for s in diagrams.stages(TransformerConfig(norm_place=place))][2:4] for place in ("pre", "post")}
    assert order == {"pre": ["norm", "attention"], "post": ["attention", "norm"]}


def test_sizes_are_those_of_the_config():
    assert "linear 512 → V" in diagrams.stages(LinearConfig(context_length=8, d_model=64))[-1].text
    assert len(diagrams.stages(MLPConfig(n_hidden=5))) == len(diagrams.stages(MLPConfig(n_hidden=2))) + 3
    layers = [stage.text for stage in diagrams.stages(MLPConfig(activation="gelu", hidden_widths=(8, 16)))][-2:]
    assert layers[0].startswith("linear 8 → 16\nGELU") and layers[1].startswith("linear 16 → V")
    assert diagrams.stages(replace(TransformerConfig(), n_head=1))[2].text.startswith("attention, 1 head\n")


def test_an_lstm_is_drawn_with_its_widths_and_depth():
    embedding, layer, head = diagrams.stages(LSTMConfig(n_layer=3, d_model=200, d_embedding=64))
    assert "V × 64" in embedding.text and "width 200" in layer.text and layer.repeats == 3 and "linear 200 → V" in head.text
    assert diagrams.stages(LSTMConfig(mogrifier_rounds=5))[1].text == "mogrifier, 5 rounds\nwidth 128"


def test_a_column_a_model_without_the_counts():
    fig, rows = diagrams.architectures(PLAN)
    assert [ax.get_title() for ax in fig.axes] == ["Linear", "MLP", "Self-Attention", "Transformer"]
    assert {row["model"] for row in rows} == {"Linear", "MLP", "Self-Attention", "Transformer"}


def test_a_config_without_a_diagram_says_how_to_add_one():
    with pytest.raises(ConfigError, match="stages.register"):
        diagrams.stages(NgramConfig())
