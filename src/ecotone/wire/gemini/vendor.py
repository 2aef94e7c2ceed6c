"""The vendor metadata of this wire; `ecotone.wire.own_fields` says what that is."""

from ecotone.wire.own_fields import OwnFields

NAME = "gemini"

_own = OwnFields(NAME)
FORM = _own.form
make_vendor = _own.make
rest_of = _own.rest_of
form_of = _own.form_of
