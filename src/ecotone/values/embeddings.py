"""Embeddings: texts in, one vector for each out."""

import msgspec

from ecotone.values.chat import Vendor
from ecotone.values.reply import Usage


class EmbeddingRequest(msgspec.Struct, frozen=True):
    """`inputs` are texts, or texts already cut into token numbers. `dimensions` None keeps the model's own."""

    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    user: str | None = None
    vendor: Vendor = {}


class EmbeddingReply(msgspec.Struct, frozen=True):
    """One vector for each input, in the order of the inputs."""

    vectors: tuple[tuple[float, ...], ...]
    model: str | None = None
    usage: Usage | None = None
    vendor: Vendor = {}
