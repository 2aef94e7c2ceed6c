"""Google's `Schema`, a subset of OpenAPI 3.0's, as JSON Schema (https://ai.google.dev/api/caching#Schema).

Types are upper-case words, `nullable` allows null, `propertyOrdering` orders properties, `example` is one example, and
whole numbers may come as strings. The way back is not needed: both of Google's APIs take JSON Schema.
"""

import re
from typing import Any

from ecotone.values.chat import Json
from ecotone.wire.gemini.names import snake_case

_COUNT = re.compile("[0-9]{1,18}")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_NESTED = ("items", "additionalProperties")
_OTHERS = ("type", "nullable", "anyOf", "properties", "propertyOrdering", "example")
_USUAL = {snake_case(name): name for name in (*_COUNTS, *_NESTED, *_OTHERS) if snake_case(name) != name}
_USUAL |= {"defs": "$defs", "ref": "$ref"}


def json_schema(schema: Json) -> Json:
    """The JSON Schema that says the same."""
    given = {_USUAL.get(name, name): value for name, value in schema.items() if value is not None}
    nullable = given.pop("nullable", None) is True
    ordering = given.pop("propertyOrdering", None)
    converted: Json = {}
    for name, value in given.items():
        match name:
            case "type":
                if isinstance(value, str) and value.upper() != "TYPE_UNSPECIFIED":
                    converted["type"] = value.lower()
            case "format" if value == "enum":
                continue
            case "example":
                converted["examples"] = [value]
            case "properties" | "$defs" if isinstance(value, dict):
                converted[name] = {key: _inner(inner) for key, inner in value.items()}
            case "anyOf" if isinstance(value, list):
                converted["anyOf"] = [_inner(inner) for inner in value]
            case _ if name in _NESTED:
                converted[name] = _inner(value)
            case _ if name in _COUNTS:
                converted[name] = int(value) if isinstance(value, str) and _COUNT.fullmatch(value) else value
            case _:
                converted[name] = value
    if isinstance(ordering, list) and isinstance(converted.get("properties"), dict):
        converted["properties"] = _ordered(converted["properties"], ordering)
    if nullable:
        _allow_null(converted)
    return converted


def _inner(value: Any) -> Any:
    return json_schema(value) if isinstance(value, dict) else value


def _ordered(properties: Json, ordering: list[Any]) -> Json:
    first = [name for name in ordering if isinstance(name, str) and name in properties]
    return {name: properties[name] for name in dict.fromkeys([*first, *properties])}


def _allow_null(converted: Json) -> None:
    if isinstance(converted.get("type"), str):
        converted["type"] = [converted["type"], "null"]
        if isinstance(converted.get("enum"), list):
            converted["enum"] = [*converted["enum"], None]
    elif isinstance(converted.get("anyOf"), list):
        converted["anyOf"] = [*converted["anyOf"], {"type": "null"}]
