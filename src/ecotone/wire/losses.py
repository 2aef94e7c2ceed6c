"""What an encoder had to leave out. A loss that changes meaning is no Loss but an error: UnsupportedFeature."""

import msgspec


class Loss(msgspec.Struct, frozen=True):
    """`field` is the place in the value, such as `messages[2].parts[0]`; `reason` says what was lost and why."""

    field: str
    reason: str


class Encoded(msgspec.Struct, frozen=True):
    """A body ready to send, and what it could not say."""

    body: bytes
    losses: tuple[Loss, ...] = ()
