"""Tools, tool choice and output format of a request: `ToolParam`, `ToolChoice*Param` and `ResponseTextConfigParam`.

Tools of the vendor's own, and choices of them, are kept as they are for this wire alone, and are needs: no other wire
can say them. A format or choice of unknown type stays among the body's other fields.
"""

from typing import Any, Literal

from ecotone.values.chat import (
    AllowedTools,
    CustomTool,
    FunctionTool,
    Json,
    JsonObjectFormat,
    JsonSchemaFormat,
    NamedTool,
    Need,
    OpaqueTool,
    OutputFormat,
    TextFormat,
    Tool,
    ToolChoice,
)
from ecotone.values.errors import UnsupportedFeature
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.losses import Losses
from ecotone.wire.openai_responses.vendor import NAME, form_of, make_vendor

_CHOICES: dict[str, Literal["auto", "none", "required"]] = {"auto": "auto", "none": "none", "required": "required"}


def decode_tools(body: Fields) -> tuple[tuple[Tool, ...], list[Need]]:
    """`tools`, and which of them are needs."""
    tools = tuple(_decode_tool(fields) for fields in body.each("tools"))
    return tools, [Need(NAME, str(tool.data["type"])) for tool in tools if isinstance(tool, OpaqueTool)]


def _decode_tool(fields: Fields) -> Tool:
    match fields.look("type"):
        case "function":
            fields.take("type")
            strict = fields.flag("strict")
            return FunctionTool(
                name=fields.need_text("name"),
                description=fields.text("description"),
                parameters=fields.json("parameters"),
                strict=strict,
                vendor=make_vendor(fields.rest(), strict="unsaid" if strict is None else None),
            )
        case "custom":
            fields.take("type")
            return CustomTool(
                name=fields.need_text("name"),
                description=fields.text("description"),
                format=_nested_grammar(fields.json("format")),
                vendor=make_vendor(fields.rest()),
            )
        case str():
            return OpaqueTool(NAME, fields.rest())
    raise fields.wrong("type", 'a string, such as "function"')


def _nested_grammar(described: Json | None) -> Json | None:
    """A custom tool's format as the values have it, which is Chat Completions' way: a grammar in an object."""
    if described is None or described.get("type") != "grammar" or "grammar" in described:
        return described
    return {"type": "grammar", "grammar": {name: value for name, value in described.items() if name != "type"}}


def _flat_grammar(described: Json) -> Json:
    grammar = described.get("grammar")
    if described.get("type") != "grammar" or not isinstance(grammar, dict):
        return described
    return {"type": "grammar"} | grammar


def encode_tools(tools: tuple[Tool, ...], losses: Losses) -> list[Json]:
    """The value of `tools`."""
    return [_encode_tool(tool, losses, f"tools[{number}]") for number, tool in enumerate(tools)]


def _encode_tool(tool: Tool, losses: Losses, place: str) -> Json:
    encoded: Json
    match tool:
        case FunctionTool():
            # The vendor takes null for true where it can (https://platform.openai.com/docs/guides/migrate-to-responses,
            # "Functions are strict by default"); in other wires what is left out means false.
            strict = tool.strict or (None if form_of(tool.vendor, "strict") == "unsaid" else False)
            encoded = {"type": "function", "name": tool.name, "parameters": tool.parameters, "strict": strict}
            if tool.description is not None:
                encoded["description"] = tool.description
        case CustomTool():
            encoded = {"type": "custom", "name": tool.name}
            if tool.description is not None:
                encoded["description"] = tool.description
            if tool.format is not None:
                encoded["format"] = _flat_grammar(tool.format)
        case OpaqueTool():
            if tool.wire != NAME:
                raise UnsupportedFeature(f"A tool that only the wire {tool.wire} knows cannot be sent.", param=place)
            encoded = dict(tool.data)
    add_rest(encoded, losses.rest(tool.vendor, place))
    return encoded


def decode_tool_choice(body: Fields) -> tuple[ToolChoice | None, list[Need]]:
    """`tool_choice`. One that names a tool of the vendor's own stays among the body's other fields."""
    value = body.look("tool_choice")
    if value is None:
        body.take("tool_choice")
        return None, []
    if isinstance(value, str) and value in _CHOICES:
        body.take("tool_choice")
        return _CHOICES[value], []
    if not isinstance(value, dict):
        raise body.wrong("tool_choice", '"auto", "none", "required" or an object')
    listed = value.get("tools") if value.get("type") == "allowed_tools" else [value]
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise body.wrong("tool_choice.tools", "a list of objects")
    if any(one.get("type") not in ("function", "custom") for one in listed):
        return None, [Need(NAME, "tool_choice")]
    choice = body.need_child("tool_choice")
    if value.get("type") != "allowed_tools":
        return _decode_named(choice), []
    choice.take("type")
    mode = choice.text("mode")
    if mode not in ("auto", "required"):
        raise choice.wrong("mode", '"auto" or "required"')
    tools = tuple(_decode_named(fields) for fields in choice.each("tools"))
    return AllowedTools(tools, "required" if mode == "required" else "auto"), []


def _decode_named(fields: Fields) -> NamedTool:
    custom = fields.take("type") == "custom"
    return NamedTool(fields.need_text("name"), "custom" if custom else "function")


def encode_tool_choice(choice: ToolChoice) -> Any:
    """The value of `tool_choice`."""
    match choice:
        case NamedTool():
            return {"type": choice.kind, "name": choice.name}
        case AllowedTools():
            tools = [encode_tool_choice(tool) for tool in choice.tools]
            return {"type": "allowed_tools", "mode": choice.mode, "tools": tools}
    return choice


def decode_output(text: Fields) -> OutputFormat | None:
    """`text.format`. One of an unknown type stays among the other fields."""
    value = text.look("format")
    if value is None:
        text.take("format")
        return None
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise text.wrong("format", "an object with a `type`")
    if value["type"] not in ("text", "json_object", "json_schema"):
        return None
    fields = text.need_child("format")
    match fields.take("type"):
        case "text":
            return TextFormat()
        case "json_object":
            return JsonObjectFormat()
    return JsonSchemaFormat(
        name=fields.need_text("name"),
        schema=fields.json("schema"),
        description=fields.text("description"),
        strict=fields.flag("strict"),
    )


def encode_output(output: OutputFormat) -> Json:
    """The value of `text.format`."""
    match output:
        case TextFormat():
            return {"type": "text"}
        case JsonObjectFormat():
            return {"type": "json_object"}
        case JsonSchemaFormat():
            # The SDK requires a schema; without one any object is meant.
            schema = {"type": "object"} if output.schema is None else output.schema
            encoded: Json = {"type": "json_schema", "name": output.name, "schema": schema}
            if output.description is not None:
                encoded["description"] = output.description
            if output.strict is not None:
                encoded["strict"] = output.strict
            return encoded
