"""What callers say of their data."""

import msgspec


class Declared(msgspec.Struct, frozen=True):
    """The name of a request's data class, and the conversation that it belongs to; None where nothing is said."""

    data_class: str | None = None
    conversation: str | None = None


NOTHING_DECLARED = Declared()
