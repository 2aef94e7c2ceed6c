"""The vendor metadata of this wire; `ecotone.wire.own_fields` says what that is."""

from ecotone.values.chat import Json
from ecotone.wire.own_fields import OwnFields

NAME = "anthropic"

_own = OwnFields(NAME)
FORM = _own.form
make_vendor = _own.make
rest_of = _own.rest_of
form_of = _own.form_of


def said(rest: Json) -> Json:
    """Unknown fields without the nulls, which this vendor's SDK writes for what is not there."""
    return {name: value for name, value in rest.items() if value is not None} if rest else rest
