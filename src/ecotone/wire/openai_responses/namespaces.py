"""Tools in namespaces (`NamespaceTool` of the SDK), which no other wire has, as tools with longer names.

For an upstream of another wire the functions of a namespace stand among the other tools, each with the namespace before
its name; a call of one goes back to the client under its own name and in its namespace.
"""

from typing import Any

import msgspec

from ecotone.values.chat import ChatRequest, CustomTool, FunctionTool, Json, ToolCallPart
from ecotone.values.reply import ToolCallDelta
from ecotone.wire.openai_responses.vendor import NAME, rest_of

_BETWEEN = "__"


def flatten_namespaces(request: Json) -> None:
    """Take the tools of a decoded request out of their namespaces, and lengthen the names of calls made before.

    What is in a namespace and no function or custom tool stays where it is.
    """
    tools = request.get("tools")
    if isinstance(tools, list):
        request["tools"] = [flat for tool in tools for flat in _flat(tool)]
    items = request.get("input")
    if isinstance(items, list):
        for item in items:
            if isinstance(item, dict) and isinstance(item.get("namespace"), str) and isinstance(item.get("name"), str):
                item["name"] = item["namespace"] + _BETWEEN + item["name"]


def _flat(tool: Any) -> list[Any]:
    name = tool.get("name") if isinstance(tool, dict) and tool.get("type") == "namespace" else None
    inner = tool.get("tools") if isinstance(name, str) else None
    if not isinstance(inner, list) or not all(_callable(one) for one in inner):
        return [tool]
    return [{**one, "name": f"{name}{_BETWEEN}{one['name']}", "namespace": name} for one in inner]


def _callable(tool: Any) -> bool:
    return isinstance(tool, dict) and tool.get("type") in ("function", "custom") and isinstance(tool.get("name"), str)


class Namespaces:
    """The namespaces of one client's tools, by their long names."""

    def __init__(self, request: ChatRequest) -> None:
        self._spaces: dict[str, str] = {}
        for tool in request.tools:
            if isinstance(tool, FunctionTool | CustomTool):
                space = rest_of(tool.vendor).get("namespace")
                if isinstance(space, str):
                    self._spaces[tool.name] = space

    def call(self, part: ToolCallPart) -> ToolCallPart:
        """The call as the client knows its tool."""
        space = self._spaces.get(part.name)
        if space is None:
            return part
        vendor = {**part.vendor, NAME: {**rest_of(part.vendor), "namespace": space}}
        return msgspec.structs.replace(part, name=part.name.removeprefix(space + _BETWEEN), vendor=vendor)

    def delta(self, event: ToolCallDelta) -> ToolCallDelta:
        """The beginning of a call as the client knows its tool; what follows stays as it is."""
        space = self._spaces.get(event.name or "")
        if space is None or event.name is None:
            return event
        vendor = {**event.vendor, NAME: {**rest_of(event.vendor), "namespace": space}}
        return msgspec.structs.replace(event, name=event.name.removeprefix(space + _BETWEEN), vendor=vendor)
