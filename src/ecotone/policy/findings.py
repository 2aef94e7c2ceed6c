"""What detectors find in a text."""

import msgspec


class Finding(msgspec.Struct, frozen=True, order=True):
    """A piece of sensitive data: `start` and `end` count code points of the text as it was sent, `end` exclusive.

    `kind` is what it is (`credit_card`, `iban`, `email`, ...), `detector` who says so: one kind may have several.
    """

    start: int
    end: int
    kind: str
    detector: str
