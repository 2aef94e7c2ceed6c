"""Replies are what the vendor's SDK says they are, and example values of a JSON schema to put into them."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from .scripts import ScriptError

Json = dict[str, Any]


def checked(model: type[BaseModel], payload: Json, extensions: frozenset[str] = frozenset()) -> Json:
    """The payload, after the SDK's model has accepted it and knew every field in it but `extensions`."""
    try:
        parsed = model.model_validate(payload, strict=True)
    except ValidationError as error:
        raise ScriptError(f"{model.__name__}: {error}") from error
    unknown = sorted(set(unknown_fields(parsed)) - extensions)
    if unknown:
        raise ScriptError(f"{model.__name__} has no field {unknown}")
    return payload


def unknown_fields(value: object) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from value.model_extra or {}
        for _, inner in value:
            yield from unknown_fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from unknown_fields(inner)


def example(schema: Json, defs: Json) -> Any:
    """A value of the schema, always the same one. Recursive schemas end because optional properties are left out."""
    if "$ref" in schema:
        return example(defs[schema["$ref"].rpartition("/")[2]], defs)
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example(schema["anyOf"][-1], defs)
    kind = schema.get("type", "object")
    match (kind if isinstance(kind, str) else kind[0]).lower():
        case "object":
            properties = schema.get("properties", {})
            return {name: example(properties[name], defs) for name in schema.get("required", ())}
        case "array":
            return [example(schema.get("items", {}), defs)] * schema.get("minItems", 0)
        case "string":
            return "fake"
        case "integer":
            return max(1, schema.get("minimum", 1))
        case "number":
            return max(0.5, schema.get("minimum", 0.5))
        case "boolean":
            return True
    return None
