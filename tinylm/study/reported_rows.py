"""What the reproduced study (arXiv 2512.20877 and its public notebook) and its sister report: facts to stand beside our own, never inputs.

`test_nll` is nats per token from one run; `flops_2nd` is the cost as the study states it, 2 x parameters x windows x T x epochs.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PaperRow:
    """One row of the study: test NLL, and where it states them parameters, 2ND FLOPs, valid NLL per epoch.

    `repeat_nll` is the test NLL of a second run of the same code that its notebook happens to hold.
    """

    test_nll: float
    n_params: int | None = None
    flops_2nd: float | None = None
    valid_curve: tuple[float, ...] = ()
    repeat_nll: float | None = None


def _in(section: str, **fields: Any) -> dict[str, Any]:
    """Which runs of the plan a row is of: a section, and fields for `study.planned.select`."""
    return {"section": section, **fields}


ROWS = (
    (_in("architectures", architecture="Linear"), PaperRow(3.0549, 1_073_345, 4.12e13)),
    (_in("architectures", architecture="MLP"), PaperRow(2.3222, 4_285_377, 1.65e14)),
    (_in("architectures", architecture="Self-Attention"), PaperRow(2.1335, 231_617, 1.19e13)),
    (_in("architectures", architecture="Transformer"), PaperRow(2.0058, 430_785, 2.21e13)),
    (_in("sweeps", role="sweep", architecture="Linear", context_length=32), PaperRow(2.5135, 274_625, 1.05e12, (2.5825, 2.4568))),
    (_in("sweeps", role="sweep", architecture="Linear", context_length=64), PaperRow(2.7006, 540_865, 4.15e12, (2.7611, 2.6568))),
    (_in("sweeps", role="sweep", architecture="Linear", context_length=128), PaperRow(3.0496, 1_073_345, 1.65e13, (3.0335, 2.9785))),
    (_in("sweeps", role="sweep", architecture="MLP", d_hidden=128), PaperRow(2.5482, 2_130_497, 3.27e13, (2.7261, 2.5367))),
    (_in("sweeps", role="sweep", architecture="MLP", d_hidden=256), PaperRow(2.5115, 4_285_377, 6.58e13, (2.6366, 2.4665))),
    (_in("sweeps", role="sweep", architecture="MLP", d_hidden=512), PaperRow(2.5002, 8_693_441, 1.34e14, (2.6433, 2.4553))),
    (_in("sweeps", role="sweep", architecture="Self-Attention", n_head=1), PaperRow(2.3482, 231_617, 3.56e12, (2.4736, 2.3213))),
    (_in("sweeps", role="sweep", architecture="Self-Attention", n_head=2), PaperRow(2.4033, 231_617, 3.56e12, (2.5180, 2.3765))),
    (_in("sweeps", role="sweep", architecture="Self-Attention", n_head=4), PaperRow(2.3055, 231_617, 3.56e12, (2.4294, 2.2869))),
    (_in("sweeps", role="sweep", architecture="Transformer", n_layer=2), PaperRow(2.3034, 298_305, 4.58e12, (2.4470, 2.2522))),
    (_in("sweeps", role="sweep", architecture="Transformer", n_layer=3), PaperRow(2.2795, 430_785, 6.62e12, (2.4349, 2.2587))),
    (_in("sweeps", role="sweep", architecture="Transformer", n_layer=4), PaperRow(2.3078, 563_265, 8.65e12, (2.4576, 2.2845))),
    # The study states these two costs for T = 64, half the windows it trained on.
    (
        _in("rope", role="ablation", position="learned"),
        PaperRow(1.9738, 430_785, 2.21e13, (2.3513, 2.2077, 2.1246, 2.0326, 1.9825, 1.9238, 1.8978, 1.8680)),
    ),
    (
        _in("rope", role="ablation", position="rope"),
        PaperRow(2.0096, 414_401, 2.12e13, (2.4333, 2.2926, 2.2202, 2.1691, 2.1219, 2.0710, 2.0396, 1.9987)),
    ),
    (
        _in("words", role="baseline", corpus="ptb"),
        PaperRow(6.1896, 2_975_631, 2.44e14, (6.5120, 6.4388, 6.4969, 6.6971, 6.8901, 7.0918, 7.3665, 7.5535), 6.1843),
    ),
    (
        _in("words", role="baseline", corpus="wikitext-2"),
        PaperRow(6.8875, 8_958_077, 7.33e14, (6.8142, 6.8508, 6.9365, 7.1284, 7.3672, 7.6108, 7.9037, 8.0791)),
    ),
)


@dataclass(frozen=True)
class SisterRow:
    """A row that the sister project "Tiny Language Models" states: test NLL in nats per character, and what is said of the run.

    Its splits, its scored tokens and its protocol are its own: to be cited beside our numbers, not subtracted from them.
    """

    test_nll: float
    remark: str = ""


SISTER_ROWS = (
    (_in("claims", architecture="One-hot Linear", context_length=128), SisterRow(2.33)),
    (_in("claims", architecture="GELU MLP"), SisterRow(1.94)),
    (_in("claims", architecture="Attention without FFN"), SisterRow(1.82, "number of heads not stated")),
    (_in("claims", architecture="Tied Transformer", n_layer=4), SisterRow(1.77, "about 1.5 million parameters")),
)
SISTER_WORDS = {"the Penn Treebank": 4.70, "WikiText-2": 4.21}  # test NLL in nats per word, of a vocabulary cut to 10,000 words
