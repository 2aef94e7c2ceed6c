"""The requests that are sent: one of about 300 bytes, one as large as an agent's (64 KiB), one that streams."""

import json
from typing import Any

SMALL_BYTES = 300
AGENT_BYTES = 64 * 1024
STREAM_EVENTS = 2_000


def encoded(request: dict[str, Any]) -> bytes:
    return json.dumps(request, separators=(",", ":")).encode()


def padded(request: dict[str, Any], message: int, size: int) -> bytes:
    """The request with one message lengthened until it takes `size` bytes."""
    missing = size - len(encoded(request))
    request["messages"][message]["content"] += ("hello there " * (missing // 12 + 1))[:missing]
    return encoded(request)


def small(model: str) -> bytes:
    messages = [
        {"role": "system", "content": "You are a helpful assistant who answers briefly."},
        {"role": "user", "content": ""},
    ]
    return padded({"model": model, "messages": messages, "temperature": 0.7, "max_tokens": 100}, 1, SMALL_BYTES)


def agent(model: str) -> bytes:
    """A coding agent in the middle of its work: tools, calls and their long results."""
    names = ("read_file", "write_file", "run_command", "search", "list_files", "fetch")
    parameters = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Path from the root of the repository."},
            "lines": {"type": "array", "items": {"type": "integer"}, "description": "First and last line."},
        },
        "required": ["path"],
    }
    tools = [
        {"type": "function", "function": {"name": name, "description": "Does " * 20, "parameters": parameters}}
        for name in names
    ]
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Work in small steps. " * 120},
        {"role": "user", "content": "Find out why the test fails and fix it."},
    ]
    for turn in range(24):
        call_id = f"call_{turn:04d}"
        arguments = json.dumps({"path": f"src/part_{turn}.py", "lines": [1, 200]})
        call = {"id": call_id, "type": "function", "function": {"name": names[turn % 6], "arguments": arguments}}
        code = "".join(f'{line:4}  value_{line} = "text" + str({line * turn})\n' for line in range(40))
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": call_id, "content": code})
    messages.append({"role": "user", "content": ""})
    return padded({"model": model, "messages": messages, "tools": tools, "max_tokens": 1000}, -1, AGENT_BYTES)


def streaming(model: str) -> bytes:
    request = json.loads(small(model)) | {"stream": True, "stream_options": {"include_usage": True}}
    return encoded(request)
