"""What is known of a request or of a reply, as the rules see it."""

from collections.abc import Mapping

import msgspec


class Labels(msgspec.Struct, frozen=True):
    """`data_class` is a rank. `kinds` are those of the findings. `uninspected` are kinds of content that no detector
    can read (`image`, `audio`, `document`, `file`), empty where all was read. `scores` are the content guard's, 0 to 1
    by category; None: the guard was not asked, which no rule may take for a pass.

    `operation` is what is wanted (`chat`, `embeddings`, ...), `asked` the model or route that was asked for.
    """

    data_class: int
    kinds: frozenset[str] = frozenset()
    uninspected: frozenset[str] = frozenset()
    scores: Mapping[str, float] | None = None
    principal: str = "local"
    purpose: str | None = None
    asked: str = ""
    operation: str = "chat"
    streams: bool = False
    tools: bool = False
    input_bytes: int = 0
