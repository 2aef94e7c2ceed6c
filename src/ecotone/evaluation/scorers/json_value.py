"""JSON in a reply: is it JSON, does it keep to a schema, are its fields right?"""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import jsonschema
import referencing
import referencing.exceptions

from ecotone.evaluation.cases import JsonValue, Score
from ecotone.evaluation.scorers.kind import PlainKind, shown
from ecotone.values.errors import SetupError

# Where a reply has many brackets, the JSON begins at one of the first.
_STARTS_MAX = 50
_SHOWN_FIELDS_MAX = 3

_FENCE = re.compile(r"^[ \t]*```[ \t]*(?:json[c5]?)?[ \t]*\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE | re.IGNORECASE)

Leaf = tuple[str | int, ...]


class JsonReply(PlainKind, frozen=True):
    """Right if the reply holds JSON that keeps to `schema` and equals the reference. The JSON may stand in a fenced
    block or between words, unless `strict`. Numbers are equal by value (1 and 1.0); in texts, space around and
    repeated space do not count.

    Reference: the value; left out, any JSON that keeps to the schema is right.
    """

    schema: dict[str, Any] | None = None
    """A JSON Schema (draft 2020-12 unless its `$schema` says another). References to other files are not followed."""
    partial: bool = False
    """Score the share of fields that are right, of all that the reference or the reply has; not only all or nothing.
    What breaks the schema scores 0 all the same."""
    ignore_case: bool = False
    """Take upper and lower case in texts as the same."""
    any_order: bool = False
    """Lists are equal in any order. With `partial`, a list is then one field."""
    strict: bool = False
    """The reply is the JSON and nothing else."""

    def problem(self, reference: JsonValue) -> str | None:
        if self.schema is None:
            return None
        try:
            # Whatever is compared, the schema is read: it may refer to what it does not hold.
            broken = _first_error(self.schema, reference)
        except jsonschema.SchemaError as error:
            return f"the scorer's schema is not a JSON Schema: {error.message}"
        except SetupError as error:
            return error.message
        if reference is None or broken is None:
            return None
        return f"its reference breaks the scorer's schema: {broken.message}"

    def from_cell(self, text: str) -> JsonValue:
        try:
            return json.loads(text)
        except ValueError as error:
            raise ValueError(f"its reference is not JSON: {error}") from None

    def judged(self, reference: JsonValue, reply: str) -> Score:
        found = _whole(reply) if self.strict else json_in(reply)
        if found is None:
            return Score(0.0, f"the reply is not JSON: {shown(reply)}" if reply.strip() else "the reply is empty")
        value = found[0]
        if self.schema is not None:
            try:
                broken = _first_error(self.schema, value)
            except RecursionError:
                return Score(0.0, "the JSON is nested too deeply")
            if broken is not None:
                return Score(0.0, f"breaks the schema at {broken.json_path}: {shown(broken.message)[1:-1]}")
        if reference is None:
            return Score(1.0, "JSON as wanted")
        return self._compared(reference, value)

    def _compared(self, reference: JsonValue, value: JsonValue) -> Score:
        wanted, got = dict(self._leaves(reference)), dict(self._leaves(value))
        paths = [*wanted, *(path for path in got if path not in wanted)]
        wrong = [path for path in paths if path not in wanted or path not in got or wanted[path] != got[path]]
        if not wrong:
            return Score(1.0, "all fields are right")
        said = ", ".join(
            f"{'.'.join(map(str, path)) or 'value'}: wanted {_shown_leaf(wanted, path)}, got {_shown_leaf(got, path)}"
            for path in wrong[:_SHOWN_FIELDS_MAX]
        )
        more = f" and {len(wrong) - _SHOWN_FIELDS_MAX} more" if len(wrong) > _SHOWN_FIELDS_MAX else ""
        return Score(1 - len(wrong) / len(paths) if self.partial else 0.0, said + more)

    def _leaves(self, value: JsonValue, path: Leaf = ()) -> Iterator[tuple[Leaf, str]]:
        """The values that are no containers, with their paths; an empty container is a value itself."""
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                yield from self._leaves(inner, (*path, key))
        elif isinstance(value, list) and value and not self.any_order:
            for index, inner in enumerate(value):
                yield from self._leaves(inner, (*path, index))
        else:
            yield path, self._key(value)

    def _key(self, value: JsonValue) -> str:
        """A text that is the same for equal values."""
        if isinstance(value, str):
            text = " ".join(unicodedata.normalize("NFC", value).split())
            return json.dumps(text.casefold() if self.ignore_case else text, ensure_ascii=False)
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        if isinstance(value, list):
            keys = map(self._key, value)
            return f"[{', '.join(sorted(keys) if self.any_order else keys)}]"
        if isinstance(value, dict):
            return f"{{{', '.join(sorted(f'{json.dumps(key)}: {self._key(inner)}' for key, inner in value.items()))}}}"
        return json.dumps(value)


def json_in(reply: str) -> tuple[JsonValue] | None:
    """The JSON in a reply, in a tuple since it may be null; None if there is none.

    The whole reply if it is JSON, else the first fenced block that is, else the first object or list in the text.
    """
    whole = _whole(reply)
    if whole is not None:
        return whole
    for count, block in enumerate(_FENCE.finditer(reply)):
        fenced = _whole(block[1])
        if fenced is not None:
            return fenced
        if count == _STARTS_MAX:
            break
    decoder = json.JSONDecoder(parse_constant=_refuse)
    for count, start in enumerate(re.finditer(r"[{\[]", reply)):
        if count == _STARTS_MAX:
            break
        try:
            return (decoder.raw_decode(reply, start.start())[0],)
        except (ValueError, RecursionError):
            continue
    return None


def _whole(text: str) -> tuple[JsonValue] | None:
    try:
        return (json.loads(text, parse_constant=_refuse),)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _first_error(schema: dict[str, Any], value: JsonValue) -> jsonschema.ValidationError | None:
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    kind.check_schema(schema)
    try:
        # A registry of our own is empty: what it does not hold is not fetched.
        return next(iter(kind(schema, registry=referencing.Registry()).iter_errors(value)), None)
    except referencing.exceptions.Unresolvable as error:
        raise SetupError(f"the scorer's schema refers to what it does not hold: {error.ref}") from None


def _shown_leaf(leaves: dict[Leaf, str], path: Leaf) -> str:
    return shown(leaves[path])[1:-1] if path in leaves else "nothing"
