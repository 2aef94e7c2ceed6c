"""Tools that take free text, on a wire whose tools all take an object: functions with one string field.

A mark at the end of the name tells such a function from others, so that a reply can be read without its request.
"""

from typing import Literal

from ecotone.values.chat import CustomTool, Json

FIELD = "input"
"""The field that holds the text."""

_MARK = "__free_text"
Kind = Literal["function", "custom"]


def sent_name(name: str, kind: Kind) -> str:
    """What a tool is called on this wire."""
    return name + _MARK if kind == "custom" else name


def called_tool(name: str) -> tuple[str, Kind]:
    """The name and the kind of the tool that a model calls by this name."""
    return (name.removesuffix(_MARK), "custom") if name.endswith(_MARK) else (name, "function")


def encode_custom(tool: CustomTool) -> Json:
    """The tool as a function. Its grammar is told in words, since nothing here can hold the model to it."""
    description = [tool.description] if tool.description else []
    grammar = (tool.format or {}).get("grammar", tool.format or {})
    definition = grammar.get("definition") if isinstance(grammar, dict) else None
    if isinstance(definition, str):
        description.append(f"The text must follow this {grammar.get('syntax') or ''} grammar:\n{definition}")
    encoded: Json = {"name": sent_name(tool.name, "custom")}
    if description:
        encoded["description"] = "\n\n".join(description)
    field = {"type": "string", "description": "The text for the tool, as it is."}
    encoded["input_schema"] = {"type": "object", "properties": {FIELD: field}, "required": [FIELD]}
    return encoded
