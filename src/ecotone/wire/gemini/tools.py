"""Tools, the choice among them, and the form of the output.

Functions are `FunctionDeclaration`s with their parameters as JSON Schema or as Google's `Schema`; whatever else a
`Tool` offers (a search, code execution) is kept as it is, for this wire alone. Modes of calling are in
https://ai.google.dev/gemini-api/docs/function-calling#function_calling_modes.
"""

from typing import Any

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
from ecotone.wire.gemini.schema import json_schema
from ecotone.wire.gemini.vendor import NAME, form_of, make_vendor, rest_of
from ecotone.wire.losses import Losses, tool_word

_JSON = "application/json"
_SCHEMA_NAME = "response"


def decode_tools(body: Fields) -> tuple[Tool, ...]:
    """The functions and other tools, in their order."""
    groups: list[list[Tool]] = []
    for fields in body.each("tools"):
        declared: list[Tool] = [_decode_function(one) for one in fields.each("functionDeclarations")]
        others: list[Tool] = [OpaqueTool(NAME, {name: value}) for name, value in fields.rest().items()]
        groups.append(declared + others)
    tools = [tool for group in groups for tool in group]
    if _usual_groups(tools) == [len(group) for group in groups]:
        return tuple(tools)
    return tuple(_in_group(tool, number) for number, group in enumerate(groups) for tool in group)


def _usual_groups(tools: list[Tool]) -> list[int]:
    """How many tools each entry of the list holds, as it is written here: functions in a row in one, others apart."""
    sizes: list[int] = []
    for number, tool in enumerate(tools):
        if isinstance(tool, FunctionTool) and number and isinstance(tools[number - 1], FunctionTool):
            sizes[-1] += 1
        else:
            sizes.append(1)
    return sizes


def _in_group(tool: Tool, number: int) -> Tool:
    rest = rest_of(tool.vendor)
    form = make_vendor(rest, group=number, parameters=form_of(tool.vendor, "parameters"))
    match tool:
        case FunctionTool():
            return FunctionTool(tool.name, tool.description, tool.parameters, tool.strict, form)
        case OpaqueTool():
            return OpaqueTool(tool.wire, tool.data, form)
    return tool


def _decode_function(fields: Fields) -> FunctionTool:
    name, description = fields.need_text("name"), fields.text("description")
    parameters, form = fields.json("parametersJsonSchema"), None
    if parameters is None:
        form = fields.json("parameters")
        parameters = None if form is None else json_schema(form)
    return FunctionTool(name, description, parameters, vendor=make_vendor(fields.rest(), parameters=form))


def tool_needs(tools: tuple[Tool, ...]) -> list[Need]:
    """What in these tools only this wire can say."""
    return [Need(NAME, tool_word(tool)) for tool in tools if isinstance(tool, OpaqueTool) and tool.wire == NAME]


def encode_tools(tools: tuple[Tool, ...], losses: Losses) -> list[Json]:
    """The list that says these tools. Raises UnsupportedFeature for a kind that this wire does not have."""
    encoded: list[Json] = []
    last: Any = None
    for number, tool in enumerate(tools):
        place = f"tools[{number}]"
        group = form_of(tool.vendor, "group")
        joins = group == last if group is not None else isinstance(tool, FunctionTool) and last == "functions"
        if not (joins and encoded):
            encoded.append({})
        last = group if group is not None else "functions" if isinstance(tool, FunctionTool) else None
        match tool:
            case FunctionTool():
                encoded[-1].setdefault("functionDeclarations", []).append(_encode_function(tool, losses, place))
            case CustomTool():
                raise UnsupportedFeature(
                    f"This wire has no tools with free-text input, such as `{tool.name}`; offer a function.",
                    param=place,
                )
            case OpaqueTool():
                if tool.wire != NAME:
                    text = f"A tool that only the wire {tool.wire} knows cannot be sent."
                    raise UnsupportedFeature(text, param=place)
                encoded[-1].update(tool.data)
    return encoded


def _encode_function(tool: FunctionTool, losses: Losses, place: str) -> Json:
    function: Json = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    form = form_of(tool.vendor, "parameters")
    if form is not None:
        function["parameters"] = form
    elif tool.parameters is not None:
        # The API refuses parameters that do not say that they are an object, as they always are.
        typed = tool.parameters if "type" in tool.parameters else {"type": "object", **tool.parameters}
        function["parametersJsonSchema"] = typed
    if tool.strict:
        losses.add(place, "that arguments must keep to the schema (`strict`)")
    add_rest(function, losses.rest(tool.vendor, place))
    return function


def decode_tool_choice(body: Fields) -> tuple[ToolChoice | None, str | None]:
    """`toolConfig`: the choice, and the mode where it is not the one written here for this choice."""
    config = body.child("toolConfig")
    calling = config.child("functionCallingConfig") if config is not None else None
    if calling is None:
        return None, None
    names = calling.items("allowedFunctionNames") or []
    if not all(isinstance(name, str) for name in names):
        raise calling.wrong("allowedFunctionNames", "a list of strings")
    mode = (calling.text("mode") or "").upper()
    allowed = tuple(NamedTool(name) for name in names)
    match mode:
        case "" | "MODE_UNSPECIFIED" if not names:
            return None, mode or None
        case "" | "MODE_UNSPECIFIED" | "AUTO" | "VALIDATED":
            choice: ToolChoice = AllowedTools(allowed) if names else "auto"
            return choice, None if mode == ("VALIDATED" if names else "AUTO") else mode
        case "ANY":
            if not names:
                return "required", None
            return allowed[0] if len(allowed) == 1 else AllowedTools(allowed, "required"), None
        case "NONE":
            return "none", None
    raise calling.wrong("mode", 'one of "AUTO", "ANY", "NONE" and "VALIDATED"')


def encode_tool_choice(choice: ToolChoice, mode: str | None) -> Json:
    """The value of `functionCallingConfig`; `mode` is what `decode_tool_choice` said with the choice."""
    match choice:
        case "auto":
            return {"mode": mode or "AUTO"}
        case "none":
            return {"mode": "NONE"}
        case "required":
            return {"mode": "ANY"}
        case NamedTool():
            return {"mode": "ANY", "allowedFunctionNames": [_function_name(choice)]}
        case AllowedTools():
            names = [_function_name(tool) for tool in choice.tools]
            if not names:
                return {"mode": "NONE" if choice.mode == "auto" else "ANY"}
            usual = "ANY" if choice.mode == "required" else "VALIDATED"
            return ({"mode": mode or usual} if mode != "" else {}) | {"allowedFunctionNames": names}


def _function_name(tool: NamedTool) -> str:
    if tool.kind == "custom":
        raise UnsupportedFeature(
            f"This wire has no tools with free-text input, such as `{tool.name}`.", param="tool_choice"
        )
    return tool.name


def decode_output(config: Fields) -> tuple[OutputFormat | None, Json | None, list[Need]]:
    """The form of the output, Google's own schema if it was said in that, and what only this wire can say of it."""
    media_type = config.look("responseMimeType")
    has_schema = config.look("responseSchema") is not None or config.look("responseJsonSchema") is not None
    if media_type == "text/plain" and not has_schema:
        config.take("responseMimeType")
        return TextFormat(), None, []
    if media_type != _JSON:
        other = [] if media_type is None and not has_schema else [Need(NAME, "generationConfig.responseMimeType")]
        return None, None, other
    config.take("responseMimeType")
    schema = config.json("responseJsonSchema")
    if schema is not None:
        return JsonSchemaFormat(_SCHEMA_NAME, schema), None, []
    own = config.json("responseSchema")
    if own is not None:
        return JsonSchemaFormat(_SCHEMA_NAME, json_schema(own)), own, []
    return JsonObjectFormat(), None, []


def encode_output(output: OutputFormat, own: Json | None, losses: Losses) -> Json:
    """The fields of `generationConfig` that say this form; `own` is Google's own schema if it was said in that."""
    match output:
        case TextFormat():
            return {"responseMimeType": "text/plain"}
        case JsonObjectFormat():
            return {"responseMimeType": _JSON}
        case JsonSchemaFormat():
            if output.name != _SCHEMA_NAME or output.description is not None:
                losses.add("output", "the name and description of the schema")
            if output.strict is False:
                losses.add("output.strict", "that the schema is only a hint; this wire keeps to it")
            if output.schema is None:
                return {"responseMimeType": _JSON}
            schema = {"responseJsonSchema": output.schema} if own is None else {"responseSchema": own}
            return {"responseMimeType": _JSON} | schema
