"""Requests of Ollama's clients: `/api/chat` and `/api/generate` (https://docs.ollama.com/api/chat, .../api/generate).

Messages and tools are close to OpenAI's; tool calls have no ids in older clients, and results then name the tool.
Options that say how a server of its own runs a model (`num_ctx`, `num_gpu`, `keep_alive`, ...) are declared losses.
"""

from typing import Any

import msgspec

from ecotone.values.chat import (
    ChatRequest,
    FunctionTool,
    ImagePart,
    Inline,
    Json,
    JsonObjectFormat,
    JsonSchemaFormat,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningPart,
    Role,
    Sampling,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Vendor,
)
from ecotone.values.errors import MalformedRequest, UnsupportedFeature
from ecotone.wire.envelope import open_id
from ecotone.wire.fields import Fields

NAME = "ollama"
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
# Of /api/generate, what only a server that holds the model itself can do.
_OWN_SERVER = ("suffix", "template", "context", "raw", "width", "height", "steps")


def _malformed(message: str, place: str) -> MalformedRequest:
    return MalformedRequest(message, param=place)


def decode_chat(request: Json) -> ChatRequest:
    """A request to `/api/chat`. Raises MalformedRequest, which names the place."""
    fields = Fields(request, "", _malformed)
    if not fields.look("messages"):
        raise UnsupportedFeature(
            "`messages` is empty, which only loads a model; Ecotone loads models when they are asked.", param="messages"
        )
    calls = _Calls()
    messages = [_decode_message(entry, calls) for entry in fields.each("messages")]
    return _decode_rest(fields, messages, tuple(_decode_tool(tool) for tool in fields.each("tools")))


def decode_generate(request: Json) -> ChatRequest:
    """A request to `/api/generate`, as a conversation of one turn. Raises MalformedRequest, and UnsupportedFeature for
    what goes past the model's own template."""
    fields = Fields(request, "", _malformed)
    for name in _OWN_SERVER:
        if fields.take(name):
            raise UnsupportedFeature(f"`{name}` cannot be honoured here; leave it out.", param=name)
    prompt, images = fields.text("prompt"), _decode_images(fields)
    if not prompt and not images:
        raise UnsupportedFeature(
            "`prompt` is empty, which only loads a model; Ecotone loads models when they are asked.", param="prompt"
        )
    messages = [Message("user", (*([TextPart(prompt)] if prompt else []), *images))]
    if system := fields.text("system"):
        messages.insert(0, Message("system", (TextPart(system),)))
    return _decode_rest(fields, messages, ())


def _decode_rest(fields: Fields, messages: list[Message], tools: tuple[FunctionTool, ...]) -> ChatRequest:
    leading = 0
    while leading < len(messages) and messages[leading].role == "system":
        leading += 1
    model = fields.need_text("model")
    stream = fields.flag("stream")
    options = fields.apart("options")
    sampling = _decode_options(options, fields)
    unsaid = {f"options.{name}": value for name, value in (options.rest() if options is not None else {}).items()}
    request = ChatRequest(
        model=model,
        messages=tuple(messages[leading:]),
        system=tuple(messages[:leading]),
        tools=tools,
        output=_decode_format(fields),
        sampling=sampling,
        reasoning=_decode_think(fields),
        stream=stream is not False,
    )
    rest = {name: value for name, value in (fields.rest() | unsaid).items() if value is not None}
    return msgspec.structs.replace(request, vendor={NAME: rest}) if rest else request


class _Calls:
    """Which calls wait for their results. Where a client keeps no ids they are made from the calls' numbers."""

    def __init__(self) -> None:
        self._count = 0
        self._open: list[tuple[str, str]] = []

    def add(self, identity: str | None, name: str) -> tuple[str, Vendor]:
        """The call's id, and what another wire's vendor must get back with it."""
        attached: Vendor = {}
        if not identity:
            identity = f"call_{self._count}"
        else:
            identity, attached = open_id(identity)
        self._count += 1
        self._open.append((identity, name))
        return identity, attached

    def answered(self, identity: str | None, name: str | None) -> str | None:
        """The id of the call that this result belongs to, None where there is none: the one of that id, else the first
        of that name, else the first."""
        if identity:
            wanted = open_id(identity)[0]
            self._open = [call for call in self._open if call[0] != wanted]
            return wanted
        for number, (known, tool) in enumerate(self._open):
            if not name or tool == name:
                del self._open[number]
                return known
        return None


def _decode_message(fields: Fields, calls: _Calls) -> Message:
    role = _ROLES.get(fields.text("role") or "")
    if role is None:
        raise fields.wrong("role", "one of " + ", ".join(_ROLES))
    content, images = fields.text("content") or "", _decode_images(fields)
    if role == "tool":
        identity = calls.answered(fields.text("tool_call_id"), fields.text("tool_name") or fields.text("name"))
        if identity is None:
            raise fields.wrong("role", "`tool` only after a call of that tool")
        fields.rest()
        return Message("tool", (ToolResultPart(identity, (TextPart(content), *images)),))
    parts: list[Part] = []
    if thinking := fields.text("thinking"):
        parts.append(ReasoningPart(thinking))
    if content:
        parts.append(TextPart(content))
    parts += images
    parts += [_decode_call(call, calls) for call in fields.each("tool_calls")]
    return Message(role, tuple(parts))


def _decode_images(fields: Fields) -> list[ImagePart]:
    images = fields.items("images") or []
    if not all(isinstance(image, str) for image in images):
        raise fields.wrong("images", "a list of texts in base64")
    return [ImagePart(Inline(image, _media_type(image))) for image in images]


def _media_type(image: str) -> str | None:
    """What an image's first bytes, in base64, say that it is; clients do not."""
    for start, kind in (("iVBORw0KGgo", "png"), ("/9j/", "jpeg"), ("R0lGOD", "gif"), ("UklGR", "webp")):
        if image.startswith(start):
            return f"image/{kind}"
    return None


def _decode_call(fields: Fields, calls: _Calls) -> ToolCallPart:
    function = fields.need_child("function")
    name = function.need_text("name")
    arguments = function.take("arguments")
    if not isinstance(arguments, str):
        arguments = msgspec.json.encode(arguments if arguments is not None else {}).decode()
    identity, attached = calls.add(fields.text("id"), name)
    return ToolCallPart(identity, name, arguments, vendor=attached)


def _decode_tool(fields: Fields) -> FunctionTool:
    if fields.text("type") not in (None, "function"):
        raise fields.wrong("type", '"function"')
    function = fields.need_child("function")
    return FunctionTool(function.need_text("name"), function.text("description"), function.json("parameters"))


def _decode_options(options: Fields | None, around: Fields) -> Sampling:
    logprobs, top = around.flag("logprobs"), around.integer("top_logprobs")
    if options is None:
        return Sampling(logprobs=logprobs, top_logprobs=top)
    # Below 0 it means without end, or as far as the context goes.
    limit = options.integer("num_predict")
    return Sampling(
        temperature=options.number("temperature"),
        top_p=options.number("top_p"),
        top_k=options.integer("top_k"),
        min_p=options.number("min_p"),
        frequency_penalty=options.number("frequency_penalty"),
        presence_penalty=options.number("presence_penalty"),
        seed=options.integer("seed"),
        stop=_decode_stop(options),
        max_tokens=limit if limit is None or limit >= 0 else None,
        logprobs=logprobs,
        top_logprobs=top,
    )


def _decode_stop(options: Fields) -> tuple[str, ...]:
    value: Any = options.take("stop")
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise options.wrong("stop", "a text or a list of texts")
    return tuple(value)


def _decode_format(fields: Fields) -> OutputFormat | None:
    value: Any = fields.take("format")
    if value is None or value == "":
        return None
    if value == "json":
        return JsonObjectFormat()
    if isinstance(value, dict):
        return JsonSchemaFormat("answer", value)
    raise fields.wrong("format", '"json" or a JSON schema')


def _decode_think(fields: Fields) -> Reasoning | None:
    value: Any = fields.take("think")
    if value is None:
        return None
    if isinstance(value, bool):
        return Reasoning("medium", shown=True) if value else Reasoning("none", shown=False)
    if isinstance(value, str) and value:
        return Reasoning(value, shown=True)
    raise fields.wrong("think", 'true, false, or a word such as "low"')
