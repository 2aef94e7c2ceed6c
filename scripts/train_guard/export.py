"""From trained weights to the file that ships: eight-bit tables, weights for the first look at sentences, threshold."""

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from ecotone.policy.guard.classifier import WHOLE_MAX_TOKENS, Classifier, pair_rows
from ecotone.policy.guard.tokens import Tokens
from scripts.train_guard.encoder import Encoder
from scripts.train_guard.splits import Item

PAIR_TABLE = 1 << 15
SCREEN_TEXTS, SCREEN_EPOCHS, SCREEN_BATCH, SCREEN_RATE, SCREEN_TOKENS = 40_000, 2, 128, 0.02, 40
SCREEN_SEED = 3
THRESHOLD, CHOSEN_PENALTY = -0.95, 2.5
"""The logit that becomes a score of 0.5, and by how much it is higher for the worst sentences of a longer text. Chosen
by hand, see docs/reference/guard.md; when the training changes, they are to be looked at again."""
_MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")

Tables = dict[str, NDArray[Any]]


class BertTokens:
    """BERT's own tokenizer, as the encoder was first taught with it."""

    def __init__(self, path: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.vocabulary = [word for word, _ in sorted(self._tokenizer.get_vocab().items(), key=lambda item: item[1])]

    def ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text.lower()).ids
        return ids


def export(
    model: Encoder,
    tokens: BertTokens,
    texts: Sequence[tuple[str, str | None]],
    items: Sequence[Item],
    out: Path,
) -> dict[str, Any]:
    """Write the file; what is to be said of it comes back."""
    kept = [index for index, word in enumerate(tokens.vocabulary) if _is_kept(word)]
    vocabulary = [tokens.vocabulary[index] for index in kept]
    tables = _encoder_tables(model, kept) | _screen(vocabulary, texts[:SCREEN_TEXTS])
    tables["vocabulary"] = np.frombuffer("\n".join(vocabulary).encode(), np.uint8)
    tables["calibration"] = np.array([-THRESHOLD, -THRESHOLD - CHOSEN_PENALTY])
    over_refusal = _over_refusal(Classifier(tables), items)
    with out.open("wb") as stream:
        np.savez_compressed(stream, **tables)
    raw = out.read_bytes()
    return {
        "bytes": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "words": len(vocabulary),
        "weights": sum(weight.numel() for layer in model.layers for weight in layer.parameters()),
        "over_refusal": over_refusal,
    }


def _is_kept(word: str) -> bool:
    """Words of Latin script and signs, without the vocabulary's places for later use."""
    latin = all(ord(char) < 0x250 or 0x2010 <= ord(char) <= 0x20AC for char in word)
    return word in _MARKS or (latin and (word == "[" or not word.startswith("[")))


def _encoder_tables(model: Encoder, kept: Sequence[int]) -> Tables:
    rows = model.embedding.weight.detach().numpy()[kept]
    scale = np.abs(rows).max(axis=1) / 127
    tables: Tables = {
        "embedding": np.round(rows / scale[:, None]).astype(np.int8),
        "embedding_scale": scale.astype(np.float16),
        "positions": model.positions.weight.detach().numpy()[: WHOLE_MAX_TOKENS + 2].astype(np.float16),
        "layers": np.int64(len(model.layers)),
        "head": _numbers(model.head.weight.T),
        "head.bias": _numbers(model.head.bias),
        **_norm("norm", model.norm),
        **_in_bytes("projection", model.projection.weight),
    }
    for index, layer in enumerate(model.layers):
        prefix = f"layer{index}."
        tables[prefix + "heads"] = np.int64(layer.heads)
        for name in ("attention", "mixed", "inner", "outer"):
            linear = getattr(layer, name)
            tables |= _in_bytes(prefix + name, linear.weight)
            tables[f"{prefix}{name}.bias"] = _numbers(linear.bias)
        for number in (1, 2):
            tables |= _norm(f"{prefix}norm{number}", getattr(layer, f"norm{number}"))
    return tables


def _in_bytes(name: str, weight: Tensor) -> Tables:
    """A matrix with its columns scaled to whole numbers of eight bits."""
    matrix = weight.detach().numpy().T
    scale = np.abs(matrix).max(axis=0) / 127
    return {name: np.round(matrix / scale).astype(np.int8), name + ".scale": scale.astype(np.float32)}


def _numbers(tensor: Tensor) -> NDArray[Any]:
    return np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float32)


def _norm(name: str, norm: torch.nn.LayerNorm) -> Tables:
    return {name + ".gain": _numbers(norm.weight), name + ".bias": _numbers(norm.bias)}


def _screen(vocabulary: Sequence[str], texts: Sequence[tuple[str, str | None]]) -> Tables:
    """A logistic regression over words and pairs of words: what decides which sentences the encoder reads."""
    tokens = Tokens(vocabulary)
    rows: list[tuple[list[int], float]] = []
    for text, category in texts:
        ids = [index for sentence in tokens.sentences(text) for index in sentence][:SCREEN_TOKENS]
        if ids:
            pairs = (pair_rows(np.array(ids), PAIR_TABLE) + len(vocabulary)).tolist()
            rows.append((ids + pairs, float(category is not None)))
    rng = random.Random(SCREEN_SEED)
    weights = torch.nn.EmbeddingBag(len(vocabulary) + PAIR_TABLE, 1, mode="sum", sparse=True)
    torch.nn.init.zeros_(weights.weight)
    offset = torch.zeros(1, requires_grad=True)
    optimisers = (
        torch.optim.SparseAdam(list(weights.parameters()), lr=SCREEN_RATE),
        torch.optim.Adam([offset], lr=SCREEN_RATE),
    )
    for _ in range(SCREEN_EPOCHS):
        rng.shuffle(rows)
        for start in range(0, len(rows), SCREEN_BATCH):
            part = rows[start : start + SCREEN_BATCH]
            places = np.cumsum([0, *(len(ids) for ids, _ in part[:-1])])
            logits = weights(torch.tensor([index for ids, _ in part for index in ids]), torch.tensor(places))[:, 0]
            loss = F.binary_cross_entropy_with_logits(logits + offset, torch.tensor([label for _, label in part]))
            for optimiser in optimisers:
                optimiser.zero_grad()
            loss.backward()
            for optimiser in optimisers:
                optimiser.step()
    learnt = weights.weight.detach()[:, 0].numpy().astype(np.float16)
    return {"word_weights": learnt[: len(vocabulary)], "pair_weights": learnt[len(vocabulary) :]}


def _over_refusal(classifier: Classifier, items: Sequence[Item]) -> float:
    """The share of safe prompts of XSTest's validation part that the threshold flags."""
    safe = [item for item in items if item.dataset == "xstest" and item.part == "validation" and not item.unsafe]
    flagged = [max(classifier.scores(item.text).values()) >= classifier.threshold for item in safe]
    return sum(flagged) / len(flagged)
