"""The vendor metadata of this wire; `ecotone.wire.own_fields` says what that is.

What belongs to an item as a whole stands with its first part: unknown fields of a message under `message`, its id and
status in the form `item`.
"""

from ecotone.wire.own_fields import OwnFields

NAME = "openai-responses"

_own = OwnFields(NAME)
FORM = _own.form
make_vendor = _own.make
rest_of = _own.rest_of
form_of = _own.form_of
