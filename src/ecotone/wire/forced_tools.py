"""Chat requests that force a tool call, put so that llama.cpp's server keeps to them, and its replies read back.

Left to itself the server takes a named `tool_choice` for "auto", and its grammar for "required" lets prose of any
length come before the call (measured with the engine itself; `common/chat.cpp` of llama.cpp builds that grammar). It
does keep to a JSON schema. So a forced request is sent with the schema of the calls that are allowed,

    {"anyOf": [{"type": "object", "properties": {"name": {"const": NAME}, "arguments": PARAMETERS}, ...}, ...]}

and what comes back as text, `{"name": NAME, "arguments": VALUE}` with the members in this order, is given on as a tool
call. The tools stay in the request, because the chat template describes them to the model.
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from ecotone.values.chat import Json
from ecotone.values.errors import MalformedRequest, UnsupportedFeature, UpstreamMalformed
from ecotone.wire.sse import EVENT_BYTES_MAX, WholeEvents, format_event, payload, split_events

# --- the request


def force_tools(request: Json) -> tuple[Json, bool]:
    """A generically decoded chat request as the engine keeps to it, and whether its reply is a forced tool call, to be
    read by `CallStream` or `read_call`. The request itself is left as it is, and given back where nothing must change.

    Raises MalformedRequest and UnsupportedFeature.
    """
    for old, new in (("functions", "tools"), ("function_call", "tool_choice")):
        if request.get(old) is not None:
            raise UnsupportedFeature(f"The embedded engine takes no `{old}`; send `{new}`.", param=old)
    choice = request.get("tool_choice")
    if choice is None or choice == "auto" or choice == "none":
        return request, False
    if choice == "required":
        return _forced(request, None), True
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind == "function":
        return _forced(request, [_chosen(choice)]), True
    if kind == "allowed_tools":
        allowed = choice.get("allowed_tools")
        mode = allowed.get("mode") if isinstance(allowed, dict) else None
        listed = allowed.get("tools") if isinstance(allowed, dict) else None
        if mode not in ("auto", "required") or not isinstance(listed, list) or not listed:
            raise _bad_choice('needs `allowed_tools` with a `mode`, "auto" or "required", and at least one of `tools`')
        names = [_chosen(tool) for tool in listed]
        if mode == "required":
            return _forced(request, names), True
        return {**request, "tools": _named(request, names), "tool_choice": "auto"}, False
    if kind == "custom":
        raise UnsupportedFeature(_CUSTOM, param="tool_choice")
    raise _bad_choice('must be "auto", "none", "required", or an object of type "function" or "allowed_tools"')


def check_output_format(request: Json) -> None:
    """Refuse a `response_format` that the engine would pass over in silence, leaving the reply unconstrained.

    Raises MalformedRequest.
    """
    output = request.get("response_format")
    if output is None:
        return
    if not isinstance(output, dict) or not isinstance(output.get("type"), str):
        raise MalformedRequest("`response_format` must be an object with a `type`.", param="response_format")
    if output["type"] != "json_schema":
        return
    described = output.get("json_schema")
    if not isinstance(described, dict) or not isinstance(described.get("schema"), dict | None):
        raise MalformedRequest(
            "`response_format.json_schema` must be an object, and so must the `schema` in it.", param="response_format"
        )


_CUSTOM: Final = "The embedded engine calls tools of type `function` only; ask for another model."


def _bad_choice(reason: str) -> MalformedRequest:
    return MalformedRequest(f"`tool_choice` {reason}.", param="tool_choice")


def _chosen(tool: Any) -> str:
    """The name in an object of the form that tool choices use."""
    if isinstance(tool, dict) and tool.get("type") == "custom":
        raise UnsupportedFeature(_CUSTOM, param="tool_choice")
    function = tool.get("function") if isinstance(tool, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        raise _bad_choice('must say each function as {"type": "function", "function": {"name": ...}}')
    return name


def _functions(request: Json) -> Iterator[tuple[int, Json, Json]]:
    """Each tool of the request: its number, itself, and the function in it."""
    tools = request.get("tools")
    if not isinstance(tools, list) or not tools:
        raise _bad_choice("asks for a tool call, but there are no `tools`")
    for number, tool in enumerate(tools):
        if isinstance(tool, dict) and tool.get("type") == "custom":
            raise UnsupportedFeature(_CUSTOM, param=f"tools[{number}]")
        function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise MalformedRequest(
                f'`tools[{number}]` must be {{"type": "function", "function": {{"name": ...}}}}.',
                param=f"tools[{number}]",
            )
        yield number, tool, function


def _named(request: Json, names: list[str]) -> list[Json]:
    """The request's tools of these names."""
    found = [(tool, function["name"]) for _, tool, function in _functions(request)]
    for name in names:
        if all(name != present for _, present in found):
            raise _bad_choice(f"names the function {name!r}, which is not among the `tools`")
    return [tool for tool, present in found if present in names]


def _forced(request: Json, names: list[str] | None) -> Json:
    """The request with one of the tools of these names forced; of all its tools, if None."""
    if names is not None:
        _named(request, names)
    output = request.get("response_format")
    if isinstance(output, dict) and output.get("type") not in ("text", "json_object"):
        raise UnsupportedFeature(
            "The embedded engine keeps to one schema a reply. `tool_choice` asks for a tool call and `response_format`"
            " for something else: leave out one of them.",
            param="response_format",
        )
    definitions: Json = {}
    calls: list[Json] = []
    for number, _, function in _functions(request):
        if names is not None and function["name"] not in names:
            continue
        arguments = _Parameters(function.get("parameters"), number, definitions).schema()
        calls.append(
            {
                "type": "object",
                "properties": {"name": {"const": function["name"]}, "arguments": arguments},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
        )
    schema: Json = {"anyOf": calls}
    if definitions:
        schema["$defs"] = definitions
    shape = {"type": "json_schema", "json_schema": {"name": "tool_call", "schema": schema}}
    # With "none" the server does not look for calls in the text, which is all of it one.
    return {**request, "tool_choice": "none", "response_format": shape}


# Members whose values are data, not schemas; and those that hold schemas under names of the author's own.
_DATA: Final = frozenset({"const", "enum", "default", "example", "examples"})
_BY_NAME: Final = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
_NO_PARAMETERS: Final[Json] = {"type": "object", "properties": {}, "additionalProperties": False}


class _Parameters:
    """The parameters of one tool on their way into a larger schema.

    A `$ref` counts from the root of the schema it was written in, and the engine finds only what is under `$defs`. So
    whatever is referred to becomes a definition of the larger schema, under a name that no other tool's can have.
    """

    def __init__(self, parameters: Any, number: int, definitions: Json) -> None:
        """`number` is the tool's; `definitions` are those of the larger schema, which grow."""
        self._root: Any = _NO_PARAMETERS if parameters is None else parameters
        self._number = number
        self._definitions = definitions
        self._names: dict[str, str] = {}

    def schema(self) -> Json:
        """Raises MalformedRequest for a schema that is not an object's, and for a `$ref` that leads nowhere."""
        root = self._root
        if not isinstance(root, dict) or root.get("type", "object") != "object":
            raise self._fault('must be a JSON schema of type "object"')
        try:
            schema = self._moved({name: value for name, value in root.items() if name not in ("$defs", "definitions")})
        except RecursionError:
            raise self._fault("are nested too deeply") from None
        if schema.get("properties"):
            # The engine would take these instead of the properties, and then any value at all.
            schema.pop("anyOf", None)
            schema.pop("oneOf", None)
        if not schema.keys() & {"type", "$ref", "anyOf", "oneOf", "allOf"}:
            schema["type"] = "object"
        return schema

    def _moved(self, schema: Json) -> Json:
        moved: Json = {}
        for name, value in schema.items():
            if name == "$ref" and isinstance(value, str):
                moved[name] = f"#/$defs/{self._definition(value)}"
            elif name in _DATA:
                moved[name] = value
            elif name in _BY_NAME and isinstance(value, dict):
                moved[name] = {key: self._moved_value(inner) for key, inner in value.items()}
            else:
                moved[name] = self._moved_value(value)
        return moved

    def _moved_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._moved(value)
        return [self._moved_value(inner) for inner in value] if isinstance(value, list) else value

    def _definition(self, reference: str) -> str:
        """The name among the larger schema's definitions of what is referred to."""
        name = self._names.get(reference)
        if name is None:
            target = self._target(reference)
            name = self._names[reference] = f"{self._number}.{len(self._names)}"
            self._definitions[name] = None  # keeps its place while what it refers to is moved
            self._definitions[name] = self._moved(target)
        return name

    def _target(self, reference: str) -> Json:
        """What a `$ref` points to: a JSON pointer (RFC 6901) in a URI fragment."""
        found = self._root
        fragment = unquote(reference.removeprefix("#"))
        if not reference.startswith("#") or fragment[:1] not in ("", "/"):
            raise self._fault(f"refer to {reference!r}; only references into themselves, `#/...`, can be followed")
        for step in fragment.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list):
                found = found[int(key)] if key.isdecimal() and int(key) < len(found) else None
            else:
                found = found.get(key) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            raise self._fault(f"refer to {reference!r}, which is not in them")
        return found

    def _fault(self, reason: str) -> MalformedRequest:
        place = f"tools[{self._number}].function.parameters"
        return MalformedRequest(f"`{place}` {reason}.", param=place)


# --- the reply

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
_WHITESPACE: Final = " \t\r\n"
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NAME: Final = '"'  # stands for a whole string, which begins so
_BEFORE_ARGUMENTS: Final = ("{", '"name"', ":", _NAME, ",", '"arguments"', ":")
# A chunk with nothing beyond these is of no use to anyone once its text is held back.
_CHUNK_FRAME: Final = frozenset({"choices", "created", "id", "model", "object", "system_fingerprint"})


def read_call(body: bytes) -> bytes:
    """A whole reply to a forced request, its text turned into the tool call that it is.

    A call that was cut, by `max_tokens` or a stop sequence, keeps its finish reason and as much as came of its
    arguments. What is no chat completion is returned as it is. Raises UpstreamMalformed for text that is no call.
    """
    reply = _decoded(body)
    if reply is None:
        return body
    for choice in reply["choices"]:
        message = choice.get("message")
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            continue
        reader = _CallReader()
        arguments = reader.feed(message["content"])
        message["content"] = None
        if reader.name is not None:
            function = {"name": reader.name, "arguments": arguments}
            message["tool_calls"] = [{"id": _call_id(reply, choice), "type": "function", "function": function}]
        _finish(choice, reader)
    return _encoder.encode(reply)


class CallStream:
    """The stream of a forced request, its text turned into deltas of tool calls, one call a choice.

    The arguments are the model's own text, as it comes. Events without text (role, usage, errors, `[DONE]`) stay as
    they are.
    """

    def __init__(self) -> None:
        self._whole = WholeEvents(EVENT_BYTES_MAX)
        self._readers: dict[int, _CallReader] = {}

    def feed(self, data: bytes) -> bytes:
        """The events to pass on now, perhaps none. Raises UpstreamMalformed for text that is no call, and for an event
        that is too long."""
        events = split_events(self._whole.feed(data))
        if self._whole.overflow:
            raise UpstreamMalformed(f"The engine sent an event of more than {EVENT_BYTES_MAX:,} bytes.")
        return b"".join([self._turned(event) for event in events if event])

    def _turned(self, event: bytes) -> bytes:
        data = payload(event)
        chunk = _decoded(data) if data is not None else None
        if chunk is None or not any(_has_text(choice) or _has_stopped(choice) for choice in chunk["choices"]):
            return event + b"\n\n"
        # A list, so that each choice is looked at.
        news = [self._turn(chunk, choice) for choice in chunk["choices"]]
        if not any(news) and chunk.keys() <= _CHUNK_FRAME:
            return b""
        return format_event(_encoder.encode(chunk))

    def _turn(self, chunk: Json, choice: Json) -> bool:
        """Turn one choice of a chunk; returns whether it still says anything."""
        index = choice.get("index")
        reader = self._readers.setdefault(index if isinstance(index, int) else 0, _CallReader())
        delta: Any = choice.get("delta")
        if _has_text(choice):
            unnamed = reader.name is None
            arguments = reader.feed(delta.pop("content"))
            if unnamed and reader.name is not None:
                function = {"name": reader.name, "arguments": arguments}
                call = {"index": 0, "id": _call_id(chunk, choice), "type": "function", "function": function}
                delta["tool_calls"] = [call]
            elif arguments:
                delta["tool_calls"] = [{"index": 0, "function": {"arguments": arguments}}]
        _finish(choice, reader)
        return bool(delta or choice.get("finish_reason") or choice.get("logprobs"))


class _CallReader:
    """Reads `{"name": NAME, "arguments": VALUE}` as it comes, split anywhere.

    `name` is None until it is known; `complete` says that the closing brace has come.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self.complete = False
        self._step = 0
        self._pending = ""
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, text: str) -> str:
        """What is new of the value's own text, without white space around it."""
        if self._step < len(_BEFORE_ARGUMENTS):
            text = self._before_arguments(self._pending + text)
        return self._arguments(text)

    def _before_arguments(self, text: str) -> str:
        """What follows the last of the steps up to the arguments; what does not yet make a step waits."""
        while self._step < len(_BEFORE_ARGUMENTS):
            text = text.lstrip(_WHITESPACE)
            expected = _BEFORE_ARGUMENTS[self._step]
            name = _STRING.match(text) if expected == _NAME else None
            if name is not None:
                self.name = _text_of(name.group())
                text = text[name.end() :]
            elif expected != _NAME and text.startswith(expected):
                text = text[len(expected) :]
            elif expected.startswith(text) or text.startswith(expected):
                self._pending = text
                return ""
            else:
                raise _not_a_call()
            self._step += 1
        return text

    def _arguments(self, text: str) -> str:
        if self.complete:
            return ""
        taken: list[str] = []
        for char in text:
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                elif char == "\\":
                    self._escaped = True
                elif char == '"':
                    self._in_string = False
            elif char == '"':
                self._in_string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                if self._depth == 0:
                    self.complete = True
                    break
                self._depth -= 1
            elif self._depth == 0 and char in _WHITESPACE:
                continue
            taken.append(char)
        return "".join(taken)


def _text_of(string: str) -> str:
    try:
        return msgspec.json.decode(string, type=str)
    except ValueError:
        raise _not_a_call() from None


def _not_a_call() -> UpstreamMalformed:
    return UpstreamMalformed("The engine was held to a tool call and wrote something else. Try again.")


def _decoded(data: bytes) -> Json | None:
    """A completion or a chunk of one that has choices; None for anything else."""
    try:
        decoded: Any = _decoder.decode(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(decoded, dict):
        return None
    choices = decoded.get("choices")
    if not isinstance(choices, list) or not choices or not all(isinstance(choice, dict) for choice in choices):
        return None
    return decoded


def _call_id(reply: Json, choice: Json) -> str:
    """As unique as the completion's own id; at most 40 characters, which clients may rely on."""
    return f"call_{str(reply.get('id', '')).removeprefix('chatcmpl-')}_{choice.get('index', 0)}"


def _has_text(choice: Json) -> bool:
    delta = choice.get("delta")
    return isinstance(delta, dict) and isinstance(delta.get("content"), str)


def _has_stopped(choice: Json) -> bool:
    return choice.get("finish_reason") == "stop"


def _finish(choice: Json, reader: _CallReader) -> None:
    if reader.complete and _has_stopped(choice):
        choice["finish_reason"] = "tool_calls"
