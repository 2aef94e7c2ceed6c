"""Tools, tool choice and output format of a request.

Shapes: `ChatCompletionTool`, `CustomToolChatCompletions`, `ChatCompletionToolChoiceOption`, `ResponseFormat*` of the
OpenAI description, and the deprecated `functions` and `function_call`. A tool, choice or format of a type that the
description does not have is kept as it is for this wire alone.
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
    OpaqueTool,
    OutputFormat,
    TextFormat,
    Tool,
    ToolChoice,
)
from ecotone.values.errors import UnsupportedFeature
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.losses import Losses
from ecotone.wire.openai_chat.vendor import NAME, form_of, make_vendor

_CHOICES: dict[str, Literal["auto", "none", "required"]] = {"auto": "auto", "none": "none", "required": "required"}


def decode_tools(body: Fields) -> tuple[Tool, ...]:
    """`tools`, then the deprecated `functions`."""
    tools = [_decode_tool(fields) for fields in body.each("tools")]
    tools += [_decode_function(fields, fields, form="functions") for fields in body.each("functions")]
    return tuple(tools)


def _decode_tool(fields: Fields) -> Tool:
    kind = fields.look("type")
    if kind == "function":
        fields.take("type")
        return _decode_function(fields.need_child("function"), fields, form=None)
    if kind == "custom":
        fields.take("type")
        custom = fields.need_child("custom")
        return CustomTool(
            name=custom.need_text("name"),
            description=custom.text("description"),
            format=custom.json("format"),
            vendor=make_vendor(fields.rest()),
        )
    if not isinstance(kind, str):
        raise fields.wrong("type", 'a string, such as "function"')
    return OpaqueTool(NAME, fields.rest())


def _decode_function(function: Fields, around: Fields, form: str | None) -> FunctionTool:
    return FunctionTool(
        name=function.need_text("name"),
        description=function.text("description"),
        parameters=function.json("parameters"),
        strict=function.flag("strict"),
        vendor=make_vendor(around.rest(), tools=form),
    )


def encode_tools(tools: tuple[Tool, ...], losses: Losses) -> Json:
    """The fields that say these tools: `tools`, `functions`, or both."""
    encoded: dict[str, list[Json]] = {}
    for number, tool in enumerate(tools):
        place = f"tools[{number}]"
        if isinstance(tool, FunctionTool) and form_of(tool.vendor, "tools") == "functions":
            legacy = _encode_function(tool)
            add_rest(legacy, losses.rest(tool.vendor, place))
            encoded.setdefault("functions", []).append(legacy)
        else:
            encoded.setdefault("tools", []).append(_encode_tool(tool, losses, place))
    return dict(encoded)


def _encode_tool(tool: Tool, losses: Losses, place: str) -> Json:
    encoded: Json
    match tool:
        case FunctionTool():
            encoded = {"type": "function", "function": _encode_function(tool)}
        case CustomTool():
            custom: Json = {"name": tool.name}
            if tool.description is not None:
                custom["description"] = tool.description
            if tool.format is not None:
                custom["format"] = tool.format
            encoded = {"type": "custom", "custom": custom}
        case OpaqueTool():
            if tool.wire != NAME:
                raise UnsupportedFeature(f"A tool that only the wire {tool.wire} knows cannot be sent.", param=place)
            encoded = dict(tool.data)
    add_rest(encoded, losses.rest(tool.vendor, place))
    return encoded


def _encode_function(tool: FunctionTool) -> Json:
    function: Json = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return function


def decode_tool_choice(body: Fields) -> tuple[ToolChoice | None, str | None]:
    """`tool_choice`, or the deprecated `function_call`; and which of them it was where it was the deprecated one.

    What is of an unknown type stays among the body's other fields.
    """
    value = body.look("tool_choice")
    if value is None:
        return _decode_function_call(body)
    if isinstance(value, str) and value in _CHOICES:
        body.take("tool_choice")
        return _CHOICES[value], None
    if not isinstance(value, dict):
        raise body.wrong("tool_choice", '"auto", "none", "required" or an object')
    if value.get("type") not in ("function", "custom", "allowed_tools"):
        return None, None
    choice = body.need_child("tool_choice")
    if choice.look("type") != "allowed_tools":
        return _decode_named(choice), None
    choice.take("type")
    allowed = choice.need_child("allowed_tools")
    mode = allowed.text("mode")
    if mode not in ("auto", "required"):
        raise allowed.wrong("mode", '"auto" or "required"')
    tools = tuple(_decode_named(fields) for fields in allowed.each("tools"))
    return AllowedTools(tools, "required" if mode == "required" else "auto"), None


def _decode_named(fields: Fields) -> NamedTool:
    match fields.text("type"):
        case "function":
            return NamedTool(fields.need_child("function").need_text("name"))
        case "custom":
            return NamedTool(fields.need_child("custom").need_text("name"), "custom")
    raise fields.wrong("type", '"function" or "custom"')


def _decode_function_call(body: Fields) -> tuple[ToolChoice | None, str | None]:
    value = body.look("function_call")
    if value is None:
        return None, None
    if value == "auto" or value == "none":
        body.take("function_call")
        return ("auto" if value == "auto" else "none"), "function_call"
    if not isinstance(value, dict):
        raise body.wrong("function_call", '"auto", "none" or an object with a `name`')
    return NamedTool(body.need_child("function_call").need_text("name")), "function_call"


def encode_tool_choice(choice: ToolChoice, form: str | None) -> Json:
    """The field that says this choice; `form` is what `decode_tool_choice` said with it."""
    if form == "function_call" and choice != "required" and not isinstance(choice, AllowedTools):
        return {"function_call": {"name": choice.name} if isinstance(choice, NamedTool) else choice}
    return {"tool_choice": _encode_choice(choice)}


def _encode_choice(choice: ToolChoice) -> Any:
    match choice:
        case NamedTool():
            return {"type": choice.kind, choice.kind: {"name": choice.name}}
        case AllowedTools():
            tools = [_encode_choice(tool) for tool in choice.tools]
            return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}
    return choice


def decode_output(body: Fields) -> OutputFormat | None:
    """`response_format`. One of an unknown type stays among the body's other fields."""
    value = body.look("response_format")
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise body.wrong("response_format", "an object with a `type`")
    if value["type"] not in ("text", "json_object", "json_schema"):
        return None
    fields = body.need_child("response_format")
    match fields.take("type"):
        case "text":
            return TextFormat()
        case "json_object":
            return JsonObjectFormat()
    schema = fields.need_child("json_schema")
    return JsonSchemaFormat(
        name=schema.need_text("name"),
        schema=schema.json("schema"),
        description=schema.text("description"),
        strict=schema.flag("strict"),
    )


def encode_output(output: OutputFormat) -> Json:
    """The value of `response_format`."""
    match output:
        case TextFormat():
            return {"type": "text"}
        case JsonObjectFormat():
            return {"type": "json_object"}
        case JsonSchemaFormat():
            schema: Json = {"name": output.name}
            if output.description is not None:
                schema["description"] = output.description
            if output.schema is not None:
                schema["schema"] = output.schema
            if output.strict is not None:
                schema["strict"] = output.strict
            return {"type": "json_schema", "json_schema": schema}
