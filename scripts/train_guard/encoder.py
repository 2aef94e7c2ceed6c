"""The encoder that is trained: the three layers of paraphrase-MiniLM-L3-v2 with fewer heads and units in each.

Its word embeddings are reduced to their first principal components and stay as they are, so that a word never seen in
training still stands near its kin. Heads and units are kept by how much they say on training texts.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor, nn

WIDTH, TEACHER_HEADS, HEAD_WIDTH, TEACHER_UNITS, LAYERS = 384, 12, 32, 1536, 3
HEADS, UNITS, RANK = 4, 256, 160
OUTPUTS = 13
"""Twelve categories, and last whether there is harm at all."""
DROPOUT = 0.1
_PREFIX = "model.0.auto_model."


class Layer(nn.Module):
    """A transformer's layer of BERT's kind with ReLU."""

    def __init__(self, heads: int, units: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention = nn.Linear(WIDTH, 3 * heads * HEAD_WIDTH)
        self.mixed = nn.Linear(heads * HEAD_WIDTH, WIDTH)
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-12)
        self.inner = nn.Linear(WIDTH, units)
        self.outer = nn.Linear(units, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-12)

    def attended(self, hidden: Tensor, mask: Tensor) -> Tensor:
        batch, length, _ = hidden.shape
        queries, keys, values = (
            self.attention(hidden).view(batch, length, 3, self.heads, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        )
        likeness = (queries @ keys.transpose(-1, -2) * HEAD_WIDTH**-0.5).masked_fill(~mask, -1e4)
        return likeness.softmax(-1) @ values

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        seen = self.attended(hidden, mask).transpose(1, 2).reshape(*hidden.shape[:2], -1)
        hidden = self.norm1(hidden + F.dropout(self.mixed(seen), DROPOUT, self.training))
        inner = F.relu(self.inner(hidden))
        return self.norm2(hidden + F.dropout(self.outer(inner), DROPOUT, self.training))


class Encoder(nn.Module):
    def __init__(self, words: int, positions: int, rank: int, heads: int = HEADS, units: int = UNITS) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, rank)
        self.projection = nn.Linear(rank, WIDTH, bias=False)
        self.positions = nn.Embedding(positions, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(Layer(heads, units) for _ in range(LAYERS))
        self.head = nn.Linear(2 * WIDTH, OUTPUTS)

    def forward(self, ids: Tensor) -> Tensor:
        """The logits of texts, a row of ids each, 0 where a row is over."""
        real = ids != 0
        places = self.positions(torch.arange(ids.shape[1]))
        hidden = self.norm(self.projection(self.embedding(ids)) + places)
        hidden = F.dropout(hidden, DROPOUT, self.training)
        for layer in self.layers:
            hidden = layer(hidden, real[:, None, None, :])
        mean = (hidden * real[..., None]).sum(1) / real.sum(1, keepdim=True)
        highest = hidden.masked_fill(~real[..., None], -1e4).amax(1)
        return self.head(torch.cat([mean, highest], 1))


def teacher(path: Path) -> Encoder:
    """paraphrase-MiniLM-L3-v2 from its ONNX file."""
    weights = {one.name: torch.tensor(numpy_helper.to_array(one)) for one in onnx.load(path).graph.initializer}
    matrices = sorted((name for name in weights if "MatMul" in name), key=lambda name: int(name.split("_")[1]))
    words = weights[_PREFIX + "embeddings.word_embeddings.weight"]
    places = weights[_PREFIX + "embeddings.position_embeddings.weight"]
    model = Encoder(len(words), len(places), WIDTH, TEACHER_HEADS, TEACHER_UNITS)
    model.embedding.weight.data = words
    model.projection.weight.data = torch.eye(WIDTH)
    model.positions.weight.data = places + weights[_PREFIX + "embeddings.token_type_embeddings.weight"][0]
    _fill(model.norm, weights, _PREFIX + "embeddings.LayerNorm")
    for index, layer in enumerate(model.layers):
        prefix = f"{_PREFIX}encoder.layer.{index}."
        query, key, value, mixed, inner, outer = (weights[name].T for name in matrices[6 * index : 6 * index + 6])
        layer.attention.weight.data = torch.cat([query, key, value])
        layer.attention.bias.data = torch.cat(
            [weights[f"{prefix}attention.self.{name}.bias"] for name in ("query", "key", "value")]
        )
        for module, matrix, name in (
            (layer.mixed, mixed, "attention.output"),
            (layer.inner, inner, "intermediate"),
            (layer.outer, outer, "output"),
        ):
            module.weight.data, module.bias.data = matrix.contiguous(), weights[f"{prefix}{name}.dense.bias"]
        _fill(layer.norm1, weights, prefix + "attention.output.LayerNorm")
        _fill(layer.norm2, weights, prefix + "output.LayerNorm")
    return model.eval()


def pruned(model: Encoder, texts: Sequence[Sequence[int]]) -> Encoder:
    """The encoder to train: of `model` what says most on `texts` (ids)."""
    heads, units = _loudness(model, texts)
    with torch.no_grad():
        mean = model.embedding.weight.mean(0)
        left, sizes, right = torch.linalg.svd(model.embedding.weight - mean, full_matrices=False)
        small = Encoder(len(left), model.positions.num_embeddings, RANK)
        small.embedding.weight.data = left[:, :RANK] * sizes[:RANK]
        small.projection.weight.data = right[:RANK].T.contiguous()
        small.positions.weight.data = model.positions.weight + mean
        small.norm.load_state_dict(model.norm.state_dict())
        for index, (old, new) in enumerate(zip(model.layers, small.layers, strict=True)):
            kept = heads[index].topk(HEADS).indices.sort().values.tolist()
            rows = torch.cat([torch.arange(one * HEAD_WIDTH, (one + 1) * HEAD_WIDTH) for one in kept])
            thrice = torch.cat([part * WIDTH + rows for part in range(3)])
            chosen = units[index].topk(UNITS).indices
            new.attention.weight.data = old.attention.weight[thrice].clone()
            new.attention.bias.data = old.attention.bias[thrice].clone()
            new.mixed.weight.data, new.mixed.bias.data = old.mixed.weight[:, rows].clone(), old.mixed.bias.clone()
            new.inner.weight.data = old.inner.weight[chosen].clone()
            new.inner.bias.data = old.inner.bias[chosen].clone()
            new.outer.weight.data, new.outer.bias.data = old.outer.weight[:, chosen].clone(), old.outer.bias.clone()
            new.norm1.load_state_dict(old.norm1.state_dict())
            new.norm2.load_state_dict(old.norm2.state_dict())
    for frozen in (small.embedding, small.positions):
        frozen.weight.requires_grad = False
    return small


@torch.no_grad()
def _loudness(model: Encoder, texts: Sequence[Sequence[int]]) -> tuple[list[Tensor], list[Tensor]]:
    """How much each head and each unit of each layer adds, on average."""
    heads = [torch.zeros(TEACHER_HEADS) for _ in model.layers]
    units = [torch.zeros(TEACHER_UNITS) for _ in model.layers]
    ordered = sorted(texts, key=len)
    for start in range(0, len(ordered), 100):
        ids = padded(ordered[start : start + 100])
        real = ids != 0
        hidden = model.norm(model.projection(model.embedding(ids)) + model.positions(torch.arange(ids.shape[1])))
        for index, layer in enumerate(model.layers):
            seen: Any = layer.attended(hidden, real[:, None, None, :])
            for head in range(TEACHER_HEADS):
                columns = layer.mixed.weight[:, head * HEAD_WIDTH : (head + 1) * HEAD_WIDTH]
                heads[index][head] += (seen[:, head] @ columns.T)[real].norm(dim=-1).mean()
            hidden = layer.norm1(hidden + layer.mixed(seen.transpose(1, 2).reshape(*hidden.shape[:2], -1)))
            inner = F.gelu(layer.inner(hidden))
            units[index] += inner[real].abs().mean(0) * layer.outer.weight.norm(dim=0)
            hidden = layer.norm2(hidden + layer.outer(inner))
    return heads, units


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])


def _fill(norm: nn.LayerNorm, weights: dict[str, Tensor], name: str) -> None:
    norm.weight.data, norm.bias.data = weights[name + ".weight"], weights[name + ".bias"]
