"""Notebook parameters of each profile: `full` is the published study, `quick` a small one trained live, `smoke` a test of minutes at most.

The stored parameter cells of the notebooks equal `full`; a test compares them. Literals only, as papermill injects them.
"""

from typing import Any

Parameters = dict[str, dict[str, Any]]

FULL: Parameters = {
    "control": {
        "corpora": ["tiny_shakespeare", "ptb", "wikitext-2", "ptb-eos", "wikitext-2-eos", "grammar-char", "grammar-word"],
        "control_corpus": "grammar-char",
        "context_length": 64,
        "d_model": 64,
        "n_layer": 2,
        "epochs": 4,
        "windows_per_epoch": 20_000,
        "eval_tokens": 10_000,
        "orders": [0, 1, 2, 4, 6],
        "count_corpora": ["tiny_shakespeare", "ptb-eos", "wikitext-2-eos"],
        "count_orders": [1, 2, 3, 4, 5, 6],
        "seeds": [0, 1, 2, 3, 4],
    },
    "architectures": {
        "corpus": "tiny_shakespeare",
        "context_length": 128,
        "d_model": 128,
        "d_hidden": 256,
        "n_layer": 3,
        "epochs_feedforward": 3,
        "epochs_attention": 4,
        "windows_per_epoch": 50_000,
        "eval_tokens": 10_000,
        "orders": [0, 1, 2, 4, 6],
        "seeds": [0, 1, 2, 3, 4],
    },
    "sweeps": {
        "corpus": "tiny_shakespeare",
        "context_length": 128,
        "d_model": 128,
        "context_lengths": [32, 64, 128],
        "hidden_widths": [128, 256, 512],
        "head_counts": [1, 2, 4],
        "layer_counts": [2, 3, 4],
        "epochs": 2,
        "windows_per_epoch": 30_000,
        "eval_tokens": 5_000,
        "orders": [4, 6],
        "seeds": [0, 1, 2, 3, 4],
    },
    "rope": {
        "corpus": "tiny_shakespeare",
        "context_length": 128,
        "d_model": 128,
        "n_layer": 3,
        "rope_base": 10_000.0,
        "epochs": 8,
        "windows_per_epoch": 50_000,
        "eval_tokens": 10_000,
        "seeds": [0, 1, 2, 3, 4],
    },
    "words": {
        "corpora": ["ptb", "wikitext-2"],
        "names": ["PTB", "WikiText-2"],
        "context_length": 64,
        "d_model": 128,
        "n_layer": 3,
        "batch_size": 32,
        "epochs": 8,
        "train_tokens": 80_000,
        "eval_tokens": 19_935,
        "orders": [0, 1, 2, 3, 5],
        "seeds": [0, 1, 2, 3, 4],
        "bought_corpora": ["ptb-eos"] * 3 + ["wikitext-2-eos"] * 3,
        "bought_budgets": [114_000_000_000_000] * 2 + [1_200_000_000_000_000] + [125_000_000_000_000] * 2 + [1_200_000_000_000_000],
        "bought_architectures": ["Transformer-no-pointer", "Transformer", "Transformer"] * 2,
        "caches": [128, 512],
    },
    "budget": {
        "corpus": "tiny_shakespeare",
        "augmentations": ["recast", "respelled"],
        "context_length": 128,
        "d_model": 128,
        "n_layer": 3,
        "ladder_budgets": [10_000_000_000_000, 75_500_000_000_000],
        "architectures": ["Linear", "MLP", "Self-Attention", "Transformer-no-induction", "Transformer", "LSTM"],
        "frontier_budgets": [100_000_000_000, 1_000_000_000_000, 10_000_000_000_000],
        "bought_corpora": ["tiny_shakespeare"] * 2 + ["tiny_shakespeare-recast"] * 2 + ["tiny_shakespeare-respelled"] * 3,
        "bought_budgets": [75_500_000_000_000] * 2 + [22_000_000_000_000, 75_500_000_000_000] * 2 + [2_000_000_000_000_000],
        "bought_architectures": ["Transformer-no-induction", "Transformer"] + ["Transformer-no-induction"] * 2 + ["Transformer"] * 3,
        "orders": [4, 6],
        "caches": [256, 2_048],
        "eval_tokens": 0,
        "seeds": [0, 1, 2, 3, 4],
    },
    "claims": {
        "corpus": "tiny_shakespeare",
        "context_length": 128,
        "d_model": 128,
        "d_hidden": 256,
        "context_lengths": [16, 32, 64, 128],
        "linear_epochs": 12,
        "mlp_epochs": 28,
        "attention_epochs": 4,
        "windows_per_epoch": 50_000,
        "eval_tokens": 10_000,
        "sister_context_lengths": [16, 32, 64, 128],
        "sister_heads": [1, 2, 4, 8],
        "sister_layers": [2, 4, 6],
        "sister_windows": 7_680,
        "seeds": [0, 1, 2, 3, 4],
    },
    "speed": {"device": "cpu"},
}

QUICK: Parameters = {
    "control": FULL["control"]
    | {"corpora": ["tiny_shakespeare", "ptb", "grammar-char"], "count_corpora": ["tiny_shakespeare"], "epochs": 2, "seeds": [0, 1]},
    "architectures": FULL["architectures"] | {"windows_per_epoch": 8_000, "eval_tokens": 4_000, "seeds": [0]},
    "sweeps": FULL["sweeps"] | {"windows_per_epoch": 4_000, "eval_tokens": 2_000, "seeds": [0]},
    "rope": FULL["rope"] | {"epochs": 2, "windows_per_epoch": 8_000, "eval_tokens": 4_000, "seeds": [0]},
    "words": FULL["words"]
    | {"corpora": ["ptb"], "names": ["PTB"], "epochs": 4, "train_tokens": 8_000, "eval_tokens": 2_000}
    | {"bought_corpora": ["ptb-eos"], "bought_budgets": [1_000_000_000_000], "bought_architectures": ["Transformer"], "seeds": [0]},
    "budget": FULL["budget"]
    | {"ladder_budgets": [200_000_000_000, 400_000_000_000], "frontier_budgets": [20_000_000_000, 100_000_000_000]}
    | {"bought_corpora": ["tiny_shakespeare-respelled"], "bought_budgets": [1_000_000_000_000], "bought_architectures": ["Transformer"]}
    | {"eval_tokens": 2_000, "seeds": [0]},
    "claims": FULL["claims"]
    | {
        "context_length": 32,
        "context_lengths": [8, 32],
        "linear_epochs": 6,
        "mlp_epochs": 6,
        "attention_epochs": 2,
        "windows_per_epoch": 2_000,
    }
    | {"eval_tokens": 1_000, "sister_context_lengths": [8, 32], "sister_heads": [1, 4], "sister_layers": [2], "sister_windows": 64}
    | {"seeds": [0]},
    "speed": FULL["speed"],
}

_SMALL: dict[str, Any] = {"context_length": 16, "d_model": 16, "eval_tokens": 500, "seeds": [0]}
_TINY = _SMALL | {"windows_per_epoch": 640}

SMOKE: Parameters = {
    "control": FULL["control"]
    | _TINY
    | {"corpora": ["grammar-char", "grammar-word"], "epochs": 1, "orders": [0, 1, 3], "seeds": [0, 1]}
    | {"count_corpora": ["grammar-word"], "count_orders": [1, 2]},
    "architectures": FULL["architectures"] | _TINY | {"corpus": "grammar-char", "d_hidden": 32, "n_layer": 2, "orders": [0, 1, 3]},
    "sweeps": FULL["sweeps"]
    | _TINY
    | {"corpus": "grammar-char", "context_lengths": [8, 16], "hidden_widths": [16, 32], "head_counts": [1, 2], "layer_counts": [1, 2]}
    | {"orders": [3]},
    "rope": FULL["rope"] | _TINY | {"corpus": "grammar-char", "n_layer": 2, "epochs": 2},
    "words": FULL["words"]
    | _SMALL
    | {"corpora": ["grammar-word"], "names": ["Grammar"], "n_layer": 1, "epochs": 2, "train_tokens": 2_000, "orders": [0, 1, 3]}
    | {"bought_corpora": ["grammar-char"], "bought_budgets": [4_000_000_000], "bought_architectures": ["Transformer"], "caches": [64]},
    "budget": FULL["budget"]
    | {
        "corpus": "grammar-char",
        "augmentations": ["none"],
        "context_length": 32,
        "d_model": 32,
        "n_layer": 2,
        "ladder_budgets": [10_000_000_000, 12_000_000_000],
    }
    | {"architectures": ["Linear", "Transformer"], "frontier_budgets": [1_000_000_000, 2_000_000_000]}
    | {"bought_corpora": ["grammar-char"], "bought_budgets": [4_000_000_000], "bought_architectures": ["Transformer"]}
    | {"orders": [3], "caches": [64], "eval_tokens": 500, "seeds": [0]},
    "claims": FULL["claims"]
    | _TINY
    | {"corpus": "grammar-char", "d_hidden": 32, "context_lengths": [8, 16], "linear_epochs": 2, "mlp_epochs": 2, "attention_epochs": 1}
    | {"sister_context_lengths": [8, 16], "sister_heads": [1, 2], "sister_layers": [1, 2], "sister_windows": 32},
    "speed": FULL["speed"],
}

PROFILES: dict[str, Parameters] = {"full": FULL, "quick": QUICK, "smoke": SMOKE}
