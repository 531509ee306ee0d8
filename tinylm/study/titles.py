"""What architectures and runs are called: titles in tables, figures and panels, short names where one types them. Needs no torch."""

from dataclasses import replace

from tinylm.config import ModelConfig, ModuleConfig, NgramConfig, RunSpec, TransformerConfig
from tinylm.data import plays
from tinylm.study.planned import COUNTS, Planned

TITLES = {  # by the name of a recipe or a kind of model
    "linear": "Linear",
    "mlp": "MLP",
    "self-attention": "Self-Attention",
    "transformer": "Transformer",
    "transformer-no-induction": "Transformer without induction",
    "transformer-no-pointer": "Transformer without pointer",
    "transformer-softmaxes": "Transformer with mixed softmaxes",
    "lstm": "LSTM",
    "mogrifier": "Mogrifier LSTM",
    "gated-counts": "Gated counts",
}
CORPORA = {  # in sentences, and what is left out of one for a play; elsewhere a corpus is called as it is
    "tiny_shakespeare": "Tiny Shakespeare",
    "ptb": "the Penn Treebank",
    "ptb-eos": "the Penn Treebank",
    "wikitext-2": "WikiText-2",
    "wikitext-2-eos": "WikiText-2",
    "wikitext-2-char": "WikiText-2 as characters",
    "tiny_shakespeare-recast": "Tiny Shakespeare with invented speakers",
    "tiny_shakespeare-respelled": "Tiny Shakespeare with speakers named in random letters",
}
POSITIONS = {"learned": "learned positions", "rope": "rotary positions", "alibi": "ALiBi", "none": "no positions"}
LEFT_OUT = {  # by group of plays
    "coriolanus": "Coriolanus",
    "richard-iii": "Richard III, 3 Henry VI",
    "richard-ii": "Richard II",
    "romeo-and-juliet": "Romeo and Juliet",
    "winters-tale": "The Winter's Tale",
    "measure-for-measure": "Measure for Measure",
    "taming-of-the-shrew": "The Taming of the Shrew",
    "tempest": "The Tempest",
}
CORPORA |= {f"{plays.PLAYS}-without-{group}": title for group, title in LEFT_OUT.items()}
MOST_FIELDS = 3  # of a model that a name shows
NAMES = {title: name for name, title in TITLES.items()}
MLP, ATTENTION, LEARNED, ROTARY = TITLES["mlp"], TITLES["self-attention"], POSITIONS["learned"], POSITIONS["rope"]


def title(name: str) -> str:
    """The title of a recipe's architecture or of a kind of model; one without a title is called as it is."""
    return TITLES.get(name, name)


def network(run: Planned) -> str:
    """The architecture of a run, and that it copies where the reader could take it for the plain one."""
    return run.architecture + (" with induction" if getattr(run.spec.model, "induction", ()) else "")


def corpus(name: str) -> str:
    """What a sentence calls a corpus, or the play that is left out of it."""
    return CORPORA.get(name, name)


def text(name: str, train_tokens: int) -> str:
    """What a sentence calls the text that is trained on: a corpus, or so many of its first tokens (0: all)."""
    return f"the first {train_tokens:,} tokens of {corpus(name)}" if train_tokens else corpus(name)


def recipe_name(title: str) -> str:
    """The name of the recipe of an architecture by its title; what is no title is taken for a name."""
    return NAMES.get(title, title)


def architecture(model: ModelConfig) -> str:
    """The title of a model's architecture; n-grams are counts, a module has its own name.

    A Transformer of one block whose FFN is four times as wide as its states is the study's Self-Attention.
    """
    if isinstance(model, ModuleConfig):
        return model.name
    if isinstance(model, NgramConfig):
        return COUNTS
    is_studied = isinstance(model, TransformerConfig) and model.depth == 1 and model.d_ff == 4 * model.d_model
    return title("self-attention" if is_studied else model.kind)


def model(config: ModelConfig) -> str:
    """What a model is called: counts by their title, another as one writes it, Transformer(n_layer=2), where that is short."""
    if isinstance(config, NgramConfig):
        return config.title
    shows = not isinstance(config, ModuleConfig) and 0 < len(config.changed()) <= MOST_FIELDS
    return f"{vars(type(config)).get('public') or title(config.kind)}({config.settings()})" if shows else architecture(config)


def run(spec: RunSpec) -> str:
    """What a run outside the study's plans is called, whatever its seed: its model, and the key of its seed 0."""
    return f"{model(spec.model)}, {replace(spec, seed=0).key[:8]}"
