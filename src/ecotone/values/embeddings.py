"""Texts to turn into vectors, and the vectors."""

from typing import Literal

import msgspec

from ecotone.values.chat import Vendor
from ecotone.values.reply import Usage

Purpose = Literal[
    "query",
    "document",
    "similarity",
    "classification",
    "clustering",
    "question_answering",
    "fact_verification",
    "code_query",
]
"""What the vectors are for; some models embed a question otherwise than the texts that may answer it."""


class EmbeddingRequest(msgspec.Struct, frozen=True):
    """`inputs` are texts, or texts as lists of the model's own token ids. `dimensions` asks for shorter vectors, None
    for the model's own length. `title` is that of the text, where it is a document. `truncate`: texts that are too long
    are cut (True) or refused (False); None leaves it to the model's server."""

    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    purpose: Purpose | None = None
    title: str | None = None
    truncate: bool | None = None
    vendor: Vendor = {}


class EmbeddingReply(msgspec.Struct, frozen=True):
    """A vector for each input, in their order."""

    vectors: tuple[list[float], ...]
    model: str | None = None
    usage: Usage | None = None
