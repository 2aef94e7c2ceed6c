"""Tools, tool choice and output format of a request: `ToolUnionParam`, `ToolChoiceParam`, `OutputConfigParam`.

Tools that the vendor describes or runs itself, and choices of unknown types, are kept for this wire alone.
"""

import re
from typing import Any

from ecotone.values.chat import (
    AllowedTools,
    CustomTool,
    FunctionTool,
    Json,
    JsonObjectFormat,
    JsonSchemaFormat,
    NamedTool,
    OpaqueTool,
    OutputFormat,
    Tool,
    ToolChoice,
)
from ecotone.values.errors import UnsupportedFeature
from ecotone.wire.anthropic.custom_tools import encode_custom, sent_name
from ecotone.wire.anthropic.vendor import NAME, form_of, make_vendor, said
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.losses import Losses

FORMAT_NAME = "output_config_format"
"""What a schema is called that came without a name, as all do on this wire; and nobody else calls one."""

_NAME = re.compile(r"[a-zA-Z0-9_-]+")


def decode_tools(body: Fields) -> tuple[Tool, ...]:
    """`tools`."""
    return tuple(_decode_tool(fields) for fields in body.each("tools"))


def _decode_tool(fields: Fields) -> Tool:
    kind = fields.look("type")
    if kind not in (None, "custom"):
        return OpaqueTool(NAME, fields.rest())
    fields.take("type")
    return FunctionTool(
        name=fields.need_text("name"),
        description=fields.text("description"),
        parameters=fields.json("input_schema"),
        strict=fields.flag("strict"),
        vendor=make_vendor(said(fields.rest()), type=kind),
    )


def encode_tools(tools: tuple[Tool, ...], choice: ToolChoice | None, losses: Losses) -> list[Json]:
    """The value of `tools`. Where only some may be called, the others are not sent."""
    called = [(number, tool) for number, tool in enumerate(tools) if _may_be_called(tool, choice)]
    encoded = [_encode_tool(tool, losses, f"tools[{number}]") for number, tool in called]
    if len(encoded) < len(tools):
        losses.add("tool_choice", "the tools that may not be called now; they are not sent")
    return encoded


def _may_be_called(tool: Tool, choice: ToolChoice | None) -> bool:
    if not isinstance(choice, AllowedTools):
        return True
    if isinstance(tool, OpaqueTool):
        return False
    return NamedTool(tool.name, "custom" if isinstance(tool, CustomTool) else "function") in choice.tools


def _encode_tool(tool: Tool, losses: Losses, place: str) -> Json:
    encoded: Json
    if isinstance(tool, OpaqueTool):
        if tool.wire != NAME:
            raise UnsupportedFeature(f"A tool that only the wire {tool.wire} knows cannot be sent.", param=place)
        encoded = dict(tool.data)
    elif isinstance(tool, CustomTool):
        _check_name(tool.name, place)
        losses.add(place, "that this tool takes free text; it is sent as a function with one string field")
        encoded = encode_custom(tool)
    else:
        encoded = _encode_function(tool, place)
    add_rest(encoded, losses.rest(tool.vendor, place))
    return encoded


def _encode_function(tool: FunctionTool, place: str) -> Json:
    _check_name(tool.name, place)
    encoded: Json = {"name": tool.name}
    kind = form_of(tool.vendor, "type")
    if kind is not None:
        encoded["type"] = kind
    if tool.description is not None:
        encoded["description"] = tool.description
    schema = tool.parameters or {}
    # The vendor wants the type said, which other wires leave to be understood.
    encoded["input_schema"] = schema if "type" in schema else {"type": "object"} | schema
    if tool.strict is not None:
        encoded["strict"] = tool.strict
    return encoded


def _check_name(name: str, place: str) -> None:
    if not _NAME.fullmatch(name):
        raise UnsupportedFeature(
            f"Claude's API takes tool names of letters, digits, `_` and `-`, not `{name}`.", param=f"{place}.name"
        )


def decode_tool_choice(body: Fields) -> tuple[ToolChoice | None, bool | None]:
    """`tool_choice`, and whether several tools may be called at once, None where it is not said.

    A choice of an unknown type stays among the body's other fields.
    """
    value = body.look("tool_choice")
    if value is None:
        return None, None
    if not isinstance(value, dict):
        raise body.wrong("tool_choice", "an object with a `type`")
    if value.get("type") not in ("auto", "any", "tool", "none"):
        return None, None
    fields = body.need_child("tool_choice")
    kind = fields.take("type")
    one_at_a_time = fields.flag("disable_parallel_tool_use")
    parallel = None if one_at_a_time is None else not one_at_a_time
    match kind:
        case "tool":
            return NamedTool(fields.need_text("name")), parallel
        case "any":
            return "required", parallel
        case "none":
            return "none", parallel
    return "auto", parallel


def encode_tool_choice(choice: ToolChoice | None, parallel: bool | None, *, any_tools: bool) -> Json | None:
    """The value of `tool_choice`, None for none: without tools the vendor takes no choice either."""
    encoded: Json
    match choice:
        case None if parallel is None or parallel or not any_tools:
            return None
        case "auto" | "none" if not any_tools:
            return None
        case "none":
            return {"type": "none"}
        case NamedTool():
            encoded = {"type": "tool", "name": sent_name(choice.name, choice.kind)}
        case "required":
            encoded = {"type": "any"}
        case AllowedTools():
            encoded = {"type": "any" if choice.mode == "required" else "auto"}
        case _:
            encoded = {"type": "auto"}
    if parallel is not None:
        encoded["disable_parallel_tool_use"] = not parallel
    return encoded


def decode_output(body: Fields, config: Fields | None) -> tuple[OutputFormat | None, str | None]:
    """`output_config.format` or the older `output_format`; and which of them it was where it was the older one."""
    for fields, name, form in ((config, "format", None), (body, "output_format", "output_format")):
        value = fields.look(name) if fields is not None else None
        if fields is not None and isinstance(value, dict) and value.get("type") == "json_schema":
            found = fields.need_child(name)
            found.take("type")
            schema = found.json("schema")
            if schema is None:
                raise found.wrong("schema", "an object; it is missing")
            return JsonSchemaFormat(FORMAT_NAME, schema, strict=True), form
    return None, None


def encode_output(output: OutputFormat | None, losses: Losses) -> Json | None:
    """The value of `output_config.format`, None for plain text."""
    match output:
        case JsonSchemaFormat(schema=dict(schema)):
            if output.name != FORMAT_NAME:
                losses.add("output", f"the schema's name {output.name}")
            if output.description is not None:
                losses.add("output", "the schema's description")
            # One that came in this wire is its client's own business.
            if output.name == FORMAT_NAME:
                return {"type": "json_schema", "schema": schema}
            limits: set[str] = set()
            fitted = _fitted(schema, limits)
            if limits:
                named = ", ".join(f"`{name}`" for name in sorted(limits))
                losses.add("output", f"limits that the vendor's schemas do not know: {named}")
            elif fitted != schema:
                losses.add("output", "properties that the schema does not name; every object is closed")
            return {"type": "json_schema", "schema": fitted}
        case JsonObjectFormat() | JsonSchemaFormat():
            raise UnsupportedFeature(
                "Claude's API gives JSON only for a schema with all properties named. Send a JSON schema"
                " (`json_schema`), or ask for a model that speaks openai-chat.",
                param="response_format",
            )
    return None


_BY_NAME = ("properties", "$defs", "definitions")
_WITHIN = ("items", "anyOf", "allOf", "oneOf", "prefixItems", "not")
# Refused by the vendor, and taken out by its own SDK, too.
_LIMITS = (
    *("minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("maxItems", "uniqueItems", "minProperties", "maxProperties", "patternProperties", "propertyNames"),
)


def _fitted(schema: Any, limits: set[str]) -> Any:
    """The schema as the vendor takes it: each object's properties limited to those that it names, and without what is
    put into `limits` (https://platform.claude.com/docs/en/build-with-claude/structured-outputs, "JSON Schema
    limitations")."""
    if isinstance(schema, list):
        return [_fitted(inner, limits) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    limits.update(name for name in _LIMITS if name in schema)
    fitted: Json = {name: value for name, value in schema.items() if name not in _LIMITS}
    for name in _BY_NAME:
        if isinstance(fitted.get(name), dict):
            fitted[name] = {key: _fitted(inner, limits) for key, inner in fitted[name].items()}
    for name in _WITHIN:
        if name in fitted:
            fitted[name] = _fitted(fitted[name], limits)
    if isinstance(fitted.get("minItems"), int) and fitted["minItems"] > 1:
        limits.add("minItems")
        fitted["minItems"] = 1
    if "properties" in fitted or fitted.get("type") == "object":
        fitted["additionalProperties"] = False
    return fitted
