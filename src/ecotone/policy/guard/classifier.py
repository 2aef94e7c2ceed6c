"""The shipped classifier: a small encoder of sentences on the CPU, trained by `scripts/train_guard`.

Every sentence of a text is first weighed by its words and pairs of words, which costs next to nothing; the encoder
then reads the most suspicious ones, up to a fixed number of tokens. So the time for a text has a bound, and a sentence
counts wherever it stands. What it was trained on, how good it is and where it fails: docs/reference/guard.md.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.resources import files
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecotone.policy.guard.categories import CATEGORIES
from ecotone.policy.guard.tokens import Tokens, stretches

Floats = NDArray[np.float32]

FILE = "classifier.npz"
TEXT_MAX_CHARS = 200_000
"""What is read of one text: beyond it, as much of its beginning as of its end."""
WHOLE_MAX_TOKENS = 48
"""A text of at most this many tokens is read in one go, its sentences in the light of each other."""
READ_MAX_TOKENS = 24
"""How many tokens the encoder reads of a longer one, the marks for the start and the end of each stretch included."""
MARKS = 2
STRETCH_MAX_TOKENS, STRETCH_OVERLAP = READ_MAX_TOKENS - MARKS, 6
_EPSILON = np.float32(1e-12)


class Classifier:
    """Scores texts by category, from 0 to 1. One instance serves all threads; it holds nothing of what it reads."""

    threshold = 0.5
    """The score from which a text counts as flagged: scores are scaled so that it is the same for every category."""

    def __init__(self, weights: Mapping[str, NDArray[Any]], digest: str = "") -> None:
        self.digest = digest
        self._tokens = Tokens(bytes(weights["vocabulary"]).decode().split("\n"))
        self._embedding = weights["embedding"]
        self._embedding_scale: Floats = weights["embedding_scale"].astype(np.float32)
        self._projection = _floats(weights, "projection")
        self._positions = _floats(weights, "positions")
        self._norm = (_floats(weights, "norm.gain"), _floats(weights, "norm.bias"))
        self._layers = [_Layer(weights, f"layer{index}.") for index in range(int(weights["layers"]))]
        self._head = (_floats(weights, "head"), _floats(weights, "head.bias"))
        self._calibration = tuple(float(value) for value in weights["calibration"])
        self._word_weights: Floats = weights["word_weights"].astype(np.float32)
        self._pair_weights: Floats = weights["pair_weights"].astype(np.float32)

    @staticmethod
    def shipped() -> "Classifier":
        """The classifier that comes with Ecotone, loaded once in a process (about 50 ms and 20 MB)."""
        return _shipped()

    def scores(self, text: str) -> dict[str, float]:
        """A score for every category. CPU only; most of the time is spent in matrix products without Python's lock."""
        windows, chosen = self._windows(text)
        if not windows:
            return dict.fromkeys(CATEGORIES, 0.0)
        best = self._calibrated(self._encoded(windows), chosen).max(axis=0)
        return {category: round(float(score), 4) for category, score in zip(CATEGORIES, best, strict=True)}

    def _windows(self, text: str) -> tuple[list[Sequence[int]], bool]:
        """What the encoder is to read of `text`, and whether that was chosen from more."""
        if len(text) > TEXT_MAX_CHARS:
            text = text[: TEXT_MAX_CHARS // 2] + "\n" + text[-TEXT_MAX_CHARS // 2 :]
        sentences = self._tokens.sentences(text)
        if sum(map(len, sentences)) <= WHOLE_MAX_TOKENS:
            whole = [index for sentence in sentences for index in sentence]
            return ([whole] if whole else []), False
        parts = [part for sentence in sentences for part in stretches(sentence, STRETCH_MAX_TOKENS, STRETCH_OVERLAP)]
        suspicion = self._suspicion(parts)
        chosen: list[Sequence[int]] = []
        room = READ_MAX_TOKENS
        for index in np.argsort(-suspicion, kind="stable").tolist():
            if len(parts[index]) + MARKS <= room:
                chosen.append(parts[index])
                room -= len(parts[index]) + MARKS
            elif room < STRETCH_OVERLAP:
                break
        return chosen, True

    def _suspicion(self, parts: Sequence[Sequence[int]]) -> Floats:
        """For each part the sum of the weights of its words and of its pairs of neighbours."""
        ids = np.fromiter(chain.from_iterable(parts), np.int64)
        starts = np.cumsum([0, *map(len, parts[:-1])])
        weights = self._word_weights[ids]
        paired = self._pair_weights[pair_rows(ids, len(self._pair_weights))]
        paired[starts[1:] - 1] = 0  # neighbours over a border
        weights[:-1] += paired
        sums: Floats = np.add.reduceat(weights, starts)
        return sums

    def _encoded(self, windows: Sequence[Sequence[int]]) -> Floats:
        """The logits of each window, a row each."""
        marked = [[self._tokens.start, *window, self._tokens.end] for window in windows]
        ids = np.fromiter((index for window in marked for index in window), np.int64)
        places = np.concatenate([np.arange(len(window)) for window in marked])
        ends = np.cumsum([len(window) for window in marked]).tolist()
        spans = list(zip([0, *ends[:-1]], ends, strict=True))
        rows: Floats = self._embedding[ids].astype(np.float32) * self._embedding_scale[ids, None]
        placed: Floats = rows @ self._projection
        placed += self._positions[places]
        hidden = _normed(placed, self._norm)
        for layer in self._layers:
            hidden = layer.applied(hidden, spans)
        pooled = np.stack([np.concatenate((hidden[a:b].mean(axis=0), hidden[a:b].max(axis=0))) for a, b in spans])
        logits: Floats = pooled @ self._head[0] + self._head[1]
        return logits

    def _calibrated(self, logits: Floats, chosen: bool) -> Floats:
        """Scores: the last logit says how harmful a window is, the others in which of the categories. The likeliest
        category gets the whole score, another as much less as it is less likely. Of a window that was `chosen` as the
        worst of many, more is asked."""
        for_whole, for_chosen = self._calibration
        offset = for_chosen if chosen else for_whole
        harm = 1 / (1 + np.exp(-np.clip(logits[:, -1:] + offset, -30, 30)))
        kinds = logits[:, :-1]
        scores: Floats = (harm * np.exp(kinds - kinds.max(axis=1, keepdims=True))).astype(np.float32)
        return scores


class _Layer:
    """A transformer's layer: attention and a ReLU network, each added to what came in, then normed."""

    def __init__(self, weights: Mapping[str, NDArray[Any]], prefix: str) -> None:
        self._heads = int(weights[prefix + "heads"])
        self._attention = (_floats(weights, prefix + "attention"), _floats(weights, prefix + "attention.bias"))
        self._mixed = (_floats(weights, prefix + "mixed"), _floats(weights, prefix + "mixed.bias"))
        self._inner = (_floats(weights, prefix + "inner"), _floats(weights, prefix + "inner.bias"))
        self._outer = (_floats(weights, prefix + "outer"), _floats(weights, prefix + "outer.bias"))
        self._norms = tuple(
            (_floats(weights, f"{prefix}norm{index}.gain"), _floats(weights, f"{prefix}norm{index}.bias"))
            for index in (1, 2)
        )

    def applied(self, hidden: Floats, spans: Sequence[tuple[int, int]]) -> Floats:
        triples = hidden @ self._attention[0] + self._attention[1]
        seen: Floats = np.concatenate([self._attended(triples[start:end]) for start, end in spans])
        mixed: Floats = seen @ self._mixed[0] + self._mixed[1]
        hidden = _normed(hidden + mixed, self._norms[0])
        inner = np.maximum(hidden @ self._inner[0] + self._inner[1], 0)
        return _normed(hidden + inner @ self._outer[0] + self._outer[1], self._norms[1])

    def _attended(self, triples: Floats) -> Floats:
        length = len(triples)
        queries, keys, values = triples.reshape(length, 3, self._heads, -1).transpose(1, 2, 0, 3)
        likeness = queries @ keys.transpose(0, 2, 1) * np.float32(queries.shape[-1] ** -0.5)
        shares = np.exp(likeness - likeness.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        seen: Floats = (shares @ values).transpose(1, 0, 2).reshape(length, -1)
        return seen


def pair_rows(ids: NDArray[np.int64], table_size: int) -> NDArray[np.int64]:
    """The rows of a table of `table_size` in which pairs of neighbours are weighed."""
    rows: NDArray[np.int64] = (ids[:-1] * 31337 + ids[1:] * 911) % table_size
    return rows


def _normed(hidden: Floats, gain_and_bias: tuple[Floats, Floats]) -> Floats:
    centred = hidden - hidden.mean(axis=-1, keepdims=True)
    spread = np.sqrt(np.einsum("ij,ij->i", centred, centred)[:, None] / hidden.shape[-1] + _EPSILON)
    normed: Floats = centred / spread * gain_and_bias[0] + gain_and_bias[1]
    return normed


def _floats(weights: Mapping[str, NDArray[Any]], name: str) -> Floats:
    """A table of numbers; one kept in bytes is multiplied by its columns' scales."""
    table = np.ascontiguousarray(weights[name], dtype=np.float32)
    scale = weights.get(name + ".scale")
    return table if scale is None else table * scale.astype(np.float32)


@cache
def _shipped() -> Classifier:
    # Threads of the BLAS library wait for each other by spinning: on busy cores a text then takes 100 times as long.
    # Loaded by name since the package has no types.
    import_module("threadpoolctl").threadpool_limits(1, "blas")
    raw = files("ecotone.policy.guard").joinpath(FILE).read_bytes()
    with np.load(io.BytesIO(raw)) as weights:
        return Classifier(dict(weights), hashlib.sha256(raw).hexdigest())
