"""The straightforward implementations that the benchmark measures against: what a good tutorial would write."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from tinylm.config import LinearConfig, MLPConfig, ModelConfig, RunSpec, TransformerConfig

Step = Callable[[], Tensor]


class Block(nn.Module):
    """The study's post-norm block: nn.MultiheadAttention, then an FFN, each added and normalised."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(config.d_model, config.n_head, config.attention_dropout, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(config.d_model), nn.LayerNorm(config.d_model)
        layers = [nn.Linear(config.d_model, config.d_ff), nn.ReLU(), nn.Linear(config.d_ff, config.d_model), nn.Dropout(config.ffn_dropout)]
        self.ffn = nn.Sequential(*layers)

    def forward(self, x_BTD: Tensor) -> Tensor:
        length = x_BTD.shape[1]
        future = torch.ones(length, length, dtype=torch.bool, device=x_BTD.device).triu(1)
        x_BTD = self.norm1(x_BTD + self.attention(x_BTD, x_BTD, x_BTD, attn_mask=future, need_weights=False)[0])
        return self.norm2(x_BTD + self.ffn(x_BTD))


class Transformer(nn.Module):
    """The study's Transformer, every position computed in every block; logits (B, T, V)."""

    def __init__(self, config: TransformerConfig, vocab_size: int, block: Callable[[TransformerConfig], nn.Module] = Block) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, config.d_model)
        self.positions = nn.Embedding(config.context_length, config.d_model) if config.position == "learned" else None
        self.blocks = nn.Sequential(*(block(config) for _ in range(config.n_layer)))
        self.norm, self.head = nn.LayerNorm(config.d_model), nn.Linear(config.d_model, vocab_size)

    def forward(self, x_BT: Tensor) -> Tensor:
        x_BTD = self.tokens(x_BT)
        if self.positions is not None:
            x_BTD = x_BTD + self.positions(torch.arange(x_BT.shape[1], device=x_BT.device))
        return self.head(self.norm(self.blocks(x_BTD)))


class FeedForward(nn.Module):
    """The study's Linear (without hidden layers) and MLP; logits (B, 1, V)."""

    def __init__(self, config: LinearConfig | MLPConfig, vocab_size: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, config.d_model)
        width, layers = config.context_length * config.d_model, []
        for _ in range(config.n_hidden if isinstance(config, MLPConfig) else 0):
            layers += [nn.Linear(width, config.d_hidden), nn.ReLU(), nn.Dropout(config.dropout)]
            width = config.d_hidden
        self.layers = nn.Sequential(*layers, nn.Linear(width, vocab_size))

    def forward(self, x_BT: Tensor) -> Tensor:
        return self.layers(self.tokens(x_BT).flatten(1)).unsqueeze(1)


def textbook_model(config: ModelConfig, vocab_size: int) -> nn.Module:
    """The straightforward model of one of the study's configs."""
    return (Transformer if isinstance(config, TransformerConfig) else FeedForward)(config, vocab_size)


class Windows(Dataset):
    """One sample per start: T tokens and the token after them, cut when it is asked for."""

    def __init__(self, tokens: np.ndarray, context_length: int) -> None:
        self.tokens, self.length = torch.from_numpy(tokens.astype(np.int64)), context_length

    def __len__(self) -> int:
        return len(self.tokens) - self.length

    def __getitem__(self, start: int) -> tuple[Tensor, Tensor]:
        return self.tokens[start : start + self.length], self.tokens[start + self.length]


def study_step(spec: RunSpec, tokens: np.ndarray, vocab_size: int, device: str) -> Step:
    """A training step as the study's code takes it: per-sample Dataset, DataLoader, plain Adam, the last position's loss."""
    model = textbook_model(spec.model, vocab_size).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=spec.train.lr)
    batches = _endless(DataLoader(Windows(tokens, spec.model.context_length), spec.train.batch_size, shuffle=True))

    def step() -> Tensor:
        x_BT, y_B = (t.to(device) for t in next(batches))
        loss = F.cross_entropy(model(x_BT)[:, -1], y_B)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def _endless(loader: DataLoader) -> Iterator[list[Tensor]]:
    while True:
        yield from loader


class GPTBlock(nn.Module):
    """A pre-norm block in nanoGPT's manner: one projection for q, k and v, fused attention, GELU."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.norm1, self.norm2 = nn.LayerNorm(config.d_model), nn.LayerNorm(config.d_model)
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model, bias=config.bias)
        self.out = nn.Linear(config.d_model, config.d_model, bias=config.bias)
        self.up, self.down = (nn.Linear(*size, bias=config.bias) for size in ((config.d_model, config.d_ff), (config.d_ff, config.d_model)))

    def forward(self, x_BTD: Tensor) -> Tensor:
        heads = [t.unflatten(-1, (self.n_head, -1)).transpose(1, 2) for t in self.qkv(self.norm1(x_BTD)).chunk(3, -1)]
        mixed_BHTK = F.scaled_dot_product_attention(*heads, is_causal=True)
        x_BTD = x_BTD + self.out(mixed_BHTK.transpose(1, 2).flatten(2))
        return x_BTD + self.down(F.gelu(self.up(self.norm2(x_BTD))))


class GPT(nn.Module):
    """A tied pre-norm Transformer in nanoGPT's manner; logits (B, T, V)."""

    def __init__(self, config: TransformerConfig, vocab_size: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocab_size, config.d_model), nn.Embedding(config.context_length, config.d_model)
        self.blocks = nn.Sequential(*(GPTBlock(config) for _ in range(config.n_layer)))
        self.norm, self.head = nn.LayerNorm(config.d_model), nn.Linear(config.d_model, vocab_size, bias=config.bias)
        self.head.weight = self.tokens.weight

    def forward(self, x_BT: Tensor) -> Tensor:
        positions = torch.arange(x_BT.shape[1], device=x_BT.device)
        return self.head(self.norm(self.blocks(self.tokens(x_BT) + self.positions(positions))))


def gpt_step(spec: RunSpec, tokens: np.ndarray, vocab_size: int, device: str) -> Step:
    """A training step in nanoGPT's manner: random crops stacked from an array, AdamW, clipping, the loss at every position."""
    train, length = spec.train, spec.model.context_length
    model = GPT(spec.model, vocab_size).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), train.lr, (train.beta1, train.beta2), weight_decay=train.weight_decay)

    def step() -> Tensor:
        starts = torch.randint(len(tokens) - length - 1, (train.batch_size,))
        crops = [torch.stack([torch.from_numpy(tokens[i + k : i + k + length].astype(np.int64)) for i in starts]) for k in (0, 1)]
        x_BT, y_BT = (t.to(device) for t in crops)
        loss = F.cross_entropy(model(x_BT).flatten(0, 1), y_BT.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), train.clip)
        optimizer.step()
        return loss.detach()

    return step
