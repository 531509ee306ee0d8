"""A trained network as a folder that `transformers` reads: config, weights, remote code and card. Loads no transformers."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from tinylm import data, files
from tinylm.config.serialise import to_dict
from tinylm.evaluation.model import Model, ModelError
from tinylm.evaluation.network_model import NetworkModel, network_of
from tinylm.models import checkpoint

CODE = Path(__file__).with_name("modeling_tinylm.py")


def write_folder(model: Model, folder: Path) -> Path:
    """The new folder with the model; ModelError for counts, which are no network, and for a folder that has files already."""
    model = network_of(model)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ModelError(f"{folder} is there already; name a new folder, or empty this one")
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"network.{name}": tensor.contiguous() for name, tensor in checkpoint.weights_of(model.network).items()}
    with files.written(folder / "model.safetensors") as path:
        save_file(tensors, path, {"format": "pt"})
    texts = {CODE.name: CODE.read_text(encoding="utf-8"), "README.md": card(model), "generation_config.json": '{"use_cache": false}\n'}
    for name, text in (texts | {"config.json": _config(model)}).items():
        with files.written(folder / name) as path:  # config.json last: a folder without it is not read
            path.write_text(text, encoding="utf-8")
    return folder


def licence(model: NetworkModel) -> str:
    """The licence of the text that it was trained on, which may be a user's."""
    return data.licence(model.spec.corpus) if model.vocabulary.corpus == model.spec.corpus else "that of the text"


def _config(model: NetworkModel) -> str:
    classes = {"AutoConfig": "TinylmConfig", "AutoModelForCausalLM": "TinylmForCausalLM"}
    config = {
        "model_type": "tinylm",
        "architectures": [classes["AutoModelForCausalLM"]],
        "auto_map": {auto: f"{CODE.stem}.{name}" for auto, name in classes.items()},
        "dtype": str(torch.float32).removeprefix("torch."),
        "spec": to_dict(model.spec),
        "vocab": list(model.vocabulary.tokens),
    }
    return json.dumps(config, indent=1) + "\n"


ENCODERS = {
    "character": "[vocab.index(token) for token in text]",
    "subword": "subwords.encoded(text, vocab)",
    "word": "[vocab.index(word) for word in text.split()]",
}


def card(model: NetworkModel) -> str:
    """The folder's card as Markdown: what the model is, how it is loaded, how text becomes ids, what it is not for."""
    vocabulary, length = model.vocabulary, model.spec.model.context_length
    encode = ENCODERS[vocabulary.level]
    needed = "\nfrom tinylm.data import subwords" if vocabulary.level == "subword" else ""
    own = f"`{model.spec.corpus}`" if vocabulary.corpus == model.spec.corpus else "a user's own text"
    return f"""---
library_name: transformers
pipeline_tag: text-generation
---

# {model.spec.model.kind} {model.spec.key}

{model.n_params:,} parameters, which predict the next {vocabulary.level} of {own}; the run {model.spec.key} of tinylm.

## Use

The network is that of the package tinylm, which must be installed: `python -m pip install 'tinylm[hf]'`.

```python
import torch
from transformers import AutoModelForCausalLM{needed}

model = AutoModelForCausalLM.from_pretrained("FOLDER", trust_remote_code=True)
vocab = model.config.vocab
ids = torch.tensor([{encode}])
print([vocab[i] for i in model.generate(ids, max_new_tokens=100, do_sample=True)[0]])
```

There is no tokenizer: `model.config.vocab` has the {len(vocabulary.tokens):,} {vocabulary.level}s in the order of their ids.

## Limits

- It reads {length} tokens at most, and no padding.
- It continues text in the manner of its corpus, knows no facts and follows no instructions.
- Licence of the text: {licence(model)}.
"""
