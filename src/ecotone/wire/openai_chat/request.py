"""Chat Completions requests: `CreateChatCompletionRequest` of the OpenAI description, read and written.

`top_k` and `min_p` are beyond the description and understood as open servers take them; other fields that are not
understood survive in `vendor`.
"""

from collections.abc import Iterator
from typing import Any

from ecotone.values.chat import (
    AudioPart,
    ChatRequest,
    DocumentPart,
    ImagePart,
    Json,
    Message,
    Need,
    OpaquePart,
    Part,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    Role,
    Sampling,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from ecotone.values.errors import MalformedRequest, UnsupportedFeature
from ecotone.wire.envelope import open_id
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.losses import Encoded, Losses, refuse_needs
from ecotone.wire.openai_chat.parts import (
    ContentPart,
    decode_content,
    decode_reasoning,
    decode_tool_call,
    encode_part,
    encode_tool_call,
    join_reasoning,
    take_arguments,
)
from ecotone.wire.openai_chat.tools import (
    decode_output,
    decode_tool_choice,
    decode_tools,
    encode_output,
    encode_tool_choice,
    encode_tools,
)
from ecotone.wire.openai_chat.vendor import NAME, form_of, make_vendor, rest_of
from ecotone.wire.openai_shared import carried_over, without_reasoning
from ecotone.wire.thinking import effort_of

# A spoken answer, and the vendor's own search of the web.
_NEEDED = ("modalities", "audio", "web_search_options")
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
# What an assistant's message may have in place of its content.
_IN_PLACE_OF_CONTENT = frozenset({"refusal", "audio", "function_call"})


def _malformed(message: str, place: str) -> MalformedRequest:
    return MalformedRequest(message, param=place)


def decode_request(request: Json) -> ChatRequest:
    """The request that a client sent, as a decoded object, which is taken apart.

    Raises MalformedRequest, which names the place.
    """
    fields = Fields(request, "", _malformed)
    model = fields.text("model")
    if not model:
        raise fields.wrong("model", "a non-empty string: the name of a model or route")
    messages = _decode_messages(fields)
    leading = 0
    while leading < len(messages) and messages[leading].role in ("system", "developer"):
        leading += 1
    choice, choice_form = decode_tool_choice(fields)
    sampling, max_tokens_form = _decode_sampling(fields)
    reasoning, reasoning_form = _decode_effort(fields)
    options = fields.child("stream_options")
    needs = tuple(Need(NAME, name) for name in _NEEDED if _needed(name, fields.look(name)))
    return ChatRequest(
        model=model,
        messages=messages[leading:],
        system=messages[:leading],
        tools=decode_tools(fields),
        tool_choice=choice,
        parallel_tool_calls=fields.flag("parallel_tool_calls"),
        output=decode_output(fields),
        sampling=sampling,
        reasoning=reasoning,
        stream=fields.flag("stream") or False,
        include_usage=options.flag("include_usage") if options is not None else None,
        metadata=_decode_metadata(fields),
        user=fields.text("user"),
        vendor=make_vendor(
            fields.rest(), tool_choice=choice_form, max_tokens=max_tokens_form, reasoning=reasoning_form
        ),
        needs=needs,
    )


def _needed(name: str, value: Any) -> bool:
    """Whether this field, which only this wire has, asks for another answer than one without it."""
    return bool(value) and (name != "modalities" or value != ["text"])


def _decode_messages(body: Fields) -> tuple[Message, ...]:
    if not body.look("messages"):
        raise body.wrong("messages", "a list with at least one message")
    calls = _LegacyCalls()
    return tuple(_decode_message(fields, calls) for fields in body.each("messages"))


class _LegacyCalls:
    """Ids for deprecated function calls, which had none: an answer belongs to the latest call of its name."""

    def __init__(self) -> None:
        self._count = 0
        self._latest: dict[str, str] = {}

    def new(self, name: str) -> str:
        self._latest[name] = f"call_{self._count}_{name}"
        self._count += 1
        return self._latest[name]

    def latest(self, name: str) -> str:
        return self._latest.get(name) or self.new(name)


def _decode_message(fields: Fields, calls: _LegacyCalls) -> Message:
    said = fields.text("role")
    role = _ROLES.get(said or "")
    if role is None:
        raise fields.wrong("role", "one of " + ", ".join(f'"{name}"' for name in _ROLES))
    if role == "assistant":
        return _decode_assistant(fields, calls)
    form = "list" if isinstance(fields.look("content"), list) else None
    if said != "function" and fields.look("content") is None:
        raise fields.wrong("content", "a string or a list of parts; it is missing")
    content = decode_content(fields)
    # Only where the usual form would differ is there something to remember.
    form = form if _is_plain(content) or not content else None
    name = fields.text("name")
    if role != "tool":
        return Message(role, tuple(content), name, make_vendor(fields.rest(), content=form))
    answer: list[TextPart | ImagePart | DocumentPart] = []
    for number, part in enumerate(content):
        if not isinstance(part, (TextPart, ImagePart, DocumentPart)):
            raise fields.wrong(f"content[{number}]", "text, an image or a file")
        answer.append(part)
    if said == "function":
        result = ToolResultPart(calls.latest(name or ""), tuple(answer))
        return Message(role, (result,), name, make_vendor(fields.rest(), role="function", content=form))
    result = ToolResultPart(open_id(fields.need_text("tool_call_id"))[0], tuple(answer))
    return Message(role, (result,), name, make_vendor(fields.rest(), content=form))


def _decode_assistant(fields: Fields, calls: _LegacyCalls) -> Message:
    form = "list" if isinstance(fields.look("content"), list) else None
    parts: list[Part] = [*decode_reasoning(fields)]
    content: list[ContentPart] = decode_content(fields)
    if content == [TextPart("")] and form is None:
        content, form = [], "empty"
    form = form if form == "empty" or _is_plain(content) or not content else None
    parts += content
    refusal = fields.text("refusal")
    if refusal is not None:
        parts.append(RefusalPart(refusal))
    audio = fields.child("audio")
    if audio is not None:
        parts.append(AudioPart(id=audio.need_text("id")))
    parts += [decode_tool_call(call) for call in fields.each("tool_calls")]
    legacy = fields.child("function_call")
    if legacy is not None:
        name = legacy.need_text("name")
        call = ToolCallPart(calls.new(name), name, take_arguments(legacy), vendor=make_vendor({}, at="function_call"))
        parts.append(call)
    if form == "empty" and all(isinstance(part, ReasoningPart) for part in parts):
        # With nothing in its place there is no other way to say it.
        form = None
    return Message("assistant", tuple(parts), fields.text("name"), make_vendor(fields.rest(), content=form))


def _is_plain(content: list[ContentPart]) -> bool:
    """Whether a plain string would say this content."""
    return len(content) == 1 and isinstance(content[0], TextPart) and not content[0].vendor


def _decode_sampling(body: Fields) -> tuple[Sampling, str | None]:
    form = None
    max_tokens = body.integer("max_completion_tokens")
    if max_tokens is None and body.look("max_tokens") is not None:
        max_tokens, form = body.integer("max_tokens"), "max_tokens"
    return Sampling(
        temperature=body.number("temperature"),
        top_p=body.number("top_p"),
        top_k=body.integer("top_k"),
        min_p=body.number("min_p"),
        frequency_penalty=body.number("frequency_penalty"),
        presence_penalty=body.number("presence_penalty"),
        seed=body.integer("seed"),
        stop=_decode_stop(body),
        max_tokens=max_tokens,
        logit_bias=_decode_bias(body),
        n=body.integer("n"),
        logprobs=body.flag("logprobs"),
        top_logprobs=body.integer("top_logprobs"),
    ), form


def _decode_stop(body: Fields) -> tuple[str, ...]:
    value = body.take("stop")
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise body.wrong("stop", "a string or a list of strings")
    return tuple(value)


def _decode_bias(body: Fields) -> dict[str, float] | None:
    bias = body.json("logit_bias")
    for token, value in (bias or {}).items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise body.wrong(f"logit_bias.{token}", "a number")
    return bias


def _decode_metadata(body: Fields) -> dict[str, str] | None:
    metadata = body.json("metadata")
    for key, value in (metadata or {}).items():
        if not isinstance(value, str):
            raise body.wrong(f"metadata.{key}", "a string")
    return metadata


def _decode_effort(body: Fields) -> tuple[Reasoning | None, str | None]:
    """`reasoning_effort`, or the `reasoning` object of OpenRouter; and which, where it was the latter."""
    effort = body.text("reasoning_effort")
    if effort is not None:
        return Reasoning(effort), None
    if not isinstance(body.look("reasoning"), dict):
        return None, None
    reasoning = body.need_child("reasoning")
    effort, budget = reasoning.text("effort"), reasoning.integer("max_tokens")
    if effort is None and budget is None:
        return None, None
    return Reasoning(effort, budget), "object"


def encode_request(request: ChatRequest) -> Encoded:
    """The request for an upstream. Raises UnsupportedFeature where leaving something out would change the meaning."""
    refuse_needs(request, NAME)
    losses = Losses(NAME)
    request = without_reasoning(request, losses)
    body: Json = {"messages": _encode_messages(request.system + request.messages, losses)}
    body |= encode_tools(request.tools, losses)
    if request.tool_choice is not None:
        body |= encode_tool_choice(request.tool_choice, form_of(request.vendor, "tool_choice"))
    if request.output is not None:
        body["response_format"] = encode_output(request.output)
    body |= _encode_sampling(request)
    body |= _encode_effort(request, losses)
    optional = {
        "parallel_tool_calls": request.parallel_tool_calls,
        "metadata": request.metadata,
        "user": request.user,
        "stream": request.stream or None,
        "stream_options": None if request.include_usage is None else {"include_usage": request.include_usage},
    }
    body |= {name: value for name, value in optional.items() if value is not None}
    carried, vendor = carried_over(request.vendor, NAME, stream=request.stream)
    add_rest(body, losses.rest(vendor, ""))
    add_rest(body, carried)
    return Encoded(body, losses.all())


def _encode_sampling(request: ChatRequest) -> Json:
    sampling = request.sampling
    fields = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        form_of(request.vendor, "max_tokens") or "max_completion_tokens": sampling.max_tokens,
        "logit_bias": sampling.logit_bias,
        "n": sampling.n,
        "logprobs": sampling.logprobs,
        "top_logprobs": sampling.top_logprobs,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _encode_effort(request: ChatRequest, losses: Losses) -> Json:
    reasoning = request.reasoning
    if reasoning is None:
        return {}
    if form_of(request.vendor, "reasoning") == "object":
        fields = {"effort": reasoning.effort, "max_tokens": reasoning.budget_tokens}
        return {"reasoning": {name: value for name, value in fields.items() if value is not None}}
    if reasoning.shown is not None:
        losses.add("reasoning.shown", "whether thoughts are shown; this wire's vendors decide that")
    effort = reasoning.effort
    if effort is None and reasoning.budget_tokens is not None:
        effort = effort_of(reasoning.budget_tokens)
        losses.add("reasoning.budget_tokens", f"a number of tokens; sent as the effort {effort}")
    return {} if effort is None else {"reasoning_effort": effort}


def _encode_messages(messages: tuple[Message, ...], losses: Losses) -> list[Json]:
    """The conversation. What a tool returned besides text follows its results in a user's message: the wire's tool
    messages hold text alone."""
    encoded: list[Json] = []
    seen: list[Json] = []
    for number, message in enumerate(messages):
        place = f"messages[{number}]"
        if seen and not any(isinstance(part, ToolResultPart) for part in message.parts):
            encoded.append({"role": "user", "content": seen})
            seen = []
        if message.role == "assistant":
            encoded.append(_encode_assistant(message, losses, place))
            continue
        encoded += _encode_message(message, losses, place)
        for part in message.parts:
            if isinstance(part, ToolResultPart):
                seen += _encode_media(part, losses, place)
    if seen:
        encoded.append({"role": "user", "content": seen})
    return encoded


def _encode_media(result: ToolResultPart, losses: Losses, place: str) -> list[Json]:
    media = [part for part in result.parts if not isinstance(part, TextPart)]
    if not media:
        return []
    losses.add(place, "images and files in a tool's result; sent in a user's message after it")
    label = {"type": "text", "text": f"From the result of {result.tool_call_id}:"}
    return [label, *(encode_part(part, losses, place) for part in media)]


def _encode_message(message: Message, losses: Losses, place: str) -> Iterator[Json]:
    """The message on the wire, not the assistant's. Each tool result is one of its own there."""
    results = [part for part in message.parts if isinstance(part, ToolResultPart)]
    for result in results:
        yield _encode_result(message, result, losses, place)
    others = [part for part in message.parts if not isinstance(part, ToolResultPart)]
    if results and not others:
        return
    if results and message.parts[: len(results)] != tuple(results):
        losses.add(place, "the order of tool results and other parts; results go first")
    content: list[ContentPart] = []
    for part in others:
        if isinstance(part, ToolCallPart) or message.role == "tool":
            raise UnsupportedFeature(f"A message with role {message.role} cannot hold this part.", param=place)
        content.append(part)
    encoded: Json = {"role": message.role}
    if message.name is not None:
        encoded["name"] = message.name
    encoded["content"] = _encode_content(content, form_of(message.vendor, "content"), losses, place)
    add_rest(encoded, losses.rest(message.vendor, place))
    yield encoded


def _encode_result(message: Message, result: ToolResultPart, losses: Losses, place: str) -> Json:
    if result.is_error:
        losses.add(place, "that the tool failed; only its words are sent")
    form = form_of(message.vendor, "content")
    texts: list[ContentPart] = [part for part in result.parts if isinstance(part, TextPart)]
    content = _encode_content(texts, form, losses, place)
    encoded: Json
    if form_of(message.vendor, "role") == "function":
        encoded = {"role": "function", "name": message.name or "", "content": content}
    else:
        encoded = {"role": "tool", "tool_call_id": result.tool_call_id, "content": content}
        if message.name is not None:
            encoded["name"] = message.name
    add_rest(encoded, losses.rest(result.vendor, place))
    if message.role == "tool":
        add_rest(encoded, losses.rest(message.vendor, place))
    return encoded


def _encode_content(content: list[ContentPart], form: str | None, losses: Losses, place: str) -> Any:
    """A string where one says it all, else a list of parts."""
    if form != "list":
        if not content:
            return ""
        if len(content) == 1 and isinstance(content[0], TextPart) and not rest_of(content[0].vendor):
            losses.rest(content[0].vendor, place)
            return content[0].text
    return [encode_part(part, losses, f"{place}.content[{number}]") for number, part in enumerate(content)]


def _encode_assistant(message: Message, losses: Losses, place: str) -> Json:
    content: list[ContentPart] = []
    reasoning: list[ReasoningPart] = []
    encoded: Json = {"role": "assistant", "content": None}
    calls: list[Json] = []
    for number, part in enumerate(message.parts):
        where = f"{place}.parts[{number}]"
        if calls and not isinstance(part, ToolCallPart):
            losses.add(where, "its place after a tool call; calls go last")
        match part:
            case TextPart():
                content.append(part)
            case ToolCallPart() if form_of(part.vendor, "at") == "function_call":
                encoded["function_call"] = {"name": part.name, "arguments": part.arguments}
            case ToolCallPart():
                calls.append(encode_tool_call(part, losses, where))
            case ReasoningPart() if form_of(part.vendor, "at") != "content":
                if part.wire not in (None, NAME):
                    losses.add(where, f"the signature of a vendor on the wire {part.wire}")
                else:
                    losses.rest(part.vendor, where)
                reasoning.append(part)
            case RefusalPart() if form_of(part.vendor, "at") != "content":
                encoded["refusal"] = encoded.get("refusal", "") + part.text
                losses.rest(part.vendor, where)
            case AudioPart(id=str(identity)):
                encoded["audio"] = {"id": identity}
            case ToolResultPart():
                raise UnsupportedFeature("A message with role assistant cannot hold a tool result.", param=where)
            case ImagePart() | AudioPart() | DocumentPart() | RefusalPart() | ReasoningPart() | OpaquePart():
                content.append(part)
    if len(reasoning) > 1:
        losses.add(place, "the borders between pieces of reasoning; they are sent as one")
    form = form_of(message.vendor, "content")
    if content or form is not None:
        encoded["content"] = _encode_content(content, form, losses, place)
    elif not calls and not encoded.keys() & _IN_PLACE_OF_CONTENT:
        # Nothing at all, as after an answer that was withheld: `null` needs something in its place.
        encoded["content"] = ""
    add_rest(encoded, join_reasoning(reasoning, to_client=False))
    if calls:
        encoded["tool_calls"] = calls
    if message.name is not None:
        encoded["name"] = message.name
    add_rest(encoded, losses.rest(message.vendor, place))
    return encoded
