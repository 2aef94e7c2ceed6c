"""Responses requests: `ResponseCreateParams` of the SDK, read and written. Fields that are not understood survive in
`vendor`."""

from typing import Any

from ecotone.values.chat import (
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
from ecotone.wire.openai_responses.content import (
    ContentPart,
    decode_content,
    encode_plain_or_list,
    is_plain,
)
from ecotone.wire.openai_responses.items import decode_item, fitting_call_id
from ecotone.wire.openai_responses.namespaces import flatten_namespaces
from ecotone.wire.openai_responses.own_items import RequestItems
from ecotone.wire.openai_responses.tools import (
    decode_output,
    decode_tool_choice,
    decode_tools,
    encode_output,
    encode_tool_choice,
    encode_tools,
)
from ecotone.wire.openai_responses.vendor import NAME, form_of, make_vendor, rest_of
from ecotone.wire.openai_shared import carried_over, without_reasoning
from ecotone.wire.thinking import effort_of

LOGPROBS = "message.output_text.logprobs"
_OUTPUT_TOKENS_MIN = 16
ENCRYPTED = "reasoning.encrypted_content"
_ROLES: dict[str, Role] = {"system": "system", "developer": "developer", "user": "user", "assistant": "assistant"}
_ANSWERS = (TextPart, ImagePart, DocumentPart)
_OUTPUTS = {"function_call_output": "function", "custom_tool_call_output": "custom"}
# Fields that only this wire has and that may not be left out.
_NEEDED = ("prompt", "conversation", "previous_response_id")
# What the vendor does where these are left out, so that saying it asks for nothing.
_DEFAULTS: Json = {"background": False, "truncation": "disabled"}


def malformed(message: str, place: str) -> MalformedRequest:
    """The error for a request that is not in this wire's format."""
    return MalformedRequest(message, param=place)


def decode_request(request: Json) -> ChatRequest:
    """The request that a client sent, as a decoded object, which is taken apart.

    `store` and, once the gateway has put the conversation before it into `input`, `previous_response_id` are forms:
    they change nothing for an upstream, and the reply repeats them. Raises MalformedRequest, which names the place.
    """
    refuse_background(request)
    flatten_namespaces(request)
    fields = Fields(request, "", malformed)
    model = fields.text("model")
    if not model:
        raise fields.wrong("model", "a non-empty string: the name of a model or route")
    messages, input_form, needs = _decode_input(fields)
    instructions = fields.text("instructions")
    leading = 0
    while leading < len(messages) and messages[leading].role in ("system", "developer"):
        leading += 1
    system = messages[:leading]
    if instructions is not None:
        system = [Message("system", (TextPart(instructions),), vendor=make_vendor({}, at="instructions")), *system]
    tools, tool_needs = decode_tools(fields)
    choice, choice_needs = decode_tool_choice(fields)
    text = fields.child("text")
    output = decode_output(text) if text is not None else None
    reasoning, summary = _decode_reasoning(fields)
    included = _decode_include(fields)
    sampling = _decode_sampling(fields, included)
    parallel, stream = fields.flag("parallel_tool_calls"), fields.flag("stream") or False
    metadata, user, store = _decode_metadata(fields), fields.text("user"), fields.flag("store")
    said = {name: fields.take(name) for name, value in _DEFAULTS.items() if fields.look(name) == value}
    rest = fields.rest()
    if kept := [name for name in included if name not in (LOGPROBS, ENCRYPTED)]:
        rest["include"] = kept
    needs += tool_needs + choice_needs + [Need(NAME, name) for name in _NEEDED if rest.get(name) is not None]
    return ChatRequest(
        model=model,
        messages=tuple(messages[leading:]),
        system=tuple(system),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        output=output,
        sampling=sampling,
        reasoning=reasoning,
        stream=stream,
        metadata=metadata,
        user=user,
        vendor=make_vendor(
            rest,
            input=input_form,
            summary=summary,
            store=store,
            said=said or None,
            encrypted=True if ENCRYPTED in included else None,
        ),
        needs=tuple(dict.fromkeys(needs)),
    )


def refuse_background(request: Json) -> None:
    """Raise UnsupportedFeature for work in the background: nothing runs here that a client does not wait for."""
    if request.get("background"):
        raise UnsupportedFeature(
            "Nothing runs in the background here. Leave out `background`, and stream the reply if it takes long.",
            param="background",
        )


class _Conversation:
    """Messages as their items come in: what the model made in one go is one message."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.needs: list[Need] = []
        self._own: list[Part] = []

    def add(self, message: Message) -> None:
        self.close()
        self.messages.append(message)

    def add_own(self, part: Part) -> None:
        self._own.append(part)

    def close(self) -> None:
        if self._own:
            self.messages.append(Message("assistant", tuple(self._own)))
            self._own = []


def _decode_input(body: Fields) -> tuple[list[Message], str | None, list[Need]]:
    value = body.look("input")
    if value is None:
        body.take("input")
        return [], None, []
    if isinstance(value, str):
        return [Message("user", (TextPart(body.need_text("input")),))], "string", []
    conversation = _Conversation()
    for fields in body.each("input"):
        _decode_input_item(fields, conversation)
    conversation.close()
    return conversation.messages, None, conversation.needs


def _decode_input_item(fields: Fields, conversation: _Conversation) -> None:
    kind = fields.look("type")
    if not isinstance(kind, str):
        # Null is as good as nothing; `text` refuses the rest.
        kind = fields.text("type") or ("message" if fields.look("role") is not None else "item_reference")
        fields = Fields({"type": kind} | fields.rest(), fields.place(), malformed)
    if kind == "message" and fields.look("role") != "assistant":
        conversation.add(_decode_message(fields))
    elif kind in _OUTPUTS:
        conversation.add(_decode_result(fields, _OUTPUTS[kind]))
    else:
        for _, part, _ in decode_item(fields):
            if isinstance(part, OpaquePart) and part.data.get("type") == kind:
                conversation.needs.append(Need(NAME, kind))
            conversation.add_own(part)


def _decode_message(fields: Fields) -> Message:
    fields.take("type")
    role = _ROLES.get(fields.text("role") or "")
    if role is None:
        raise fields.wrong("role", "one of " + ", ".join(f'"{name}"' for name in _ROLES))
    listed = isinstance(fields.look("content"), list)
    content = decode_content(fields)
    form = {"id": fields.text("id"), "status": fields.text("status")}
    form["at"] = "input" if role in ("system", "developer") else None
    vendor = make_vendor(fields.rest(), content="list" if listed and is_plain(content) else None, **form)
    return Message(role, tuple(content), vendor=vendor)


def _decode_result(fields: Fields, kind: str) -> Message:
    fields.take("type")
    identity, _ = open_id(fields.need_text("call_id"))
    listed = isinstance(fields.look("output"), list)
    content = decode_content(fields, "output")
    answer: list[TextPart | ImagePart | DocumentPart] = []
    for number, part in enumerate(content):
        if not isinstance(part, _ANSWERS):
            raise fields.wrong(f"output[{number}]", "text, an image or a file")
        answer.append(part)
    plain = not content or is_plain(content)
    form = {"id": fields.text("id"), "status": fields.text("status"), "content": "list" if listed and plain else None}
    form["type"] = "custom" if kind == "custom" else None
    return Message("tool", (ToolResultPart(identity, tuple(answer), vendor=make_vendor(fields.rest(), **form)),))


def _decode_reasoning(body: Fields) -> tuple[Reasoning | None, Json | None]:
    reasoning = body.child("reasoning")
    if reasoning is None:
        return None, None
    effort = reasoning.text("effort")
    form = {name: value for name in ("summary", "generate_summary") if (value := reasoning.text(name)) is not None}
    if effort is None and not form:
        return None, None
    usual = form == {"summary": "auto"} or not form
    return Reasoning(effort, shown=True if form else None), None if usual else form


def _decode_sampling(body: Fields, included: list[str]) -> Sampling:
    return Sampling(
        temperature=body.number("temperature"),
        top_p=body.number("top_p"),
        max_tokens=body.integer("max_output_tokens"),
        logprobs=True if LOGPROBS in included else None,
        top_logprobs=body.integer("top_logprobs"),
    )


def _decode_include(body: Fields) -> list[str]:
    included = body.items("include") or []
    if not all(isinstance(name, str) for name in included):
        raise body.wrong("include", "a list of strings")
    return included


def _decode_metadata(body: Fields) -> dict[str, str] | None:
    metadata = body.json("metadata")
    for key, value in (metadata or {}).items():
        if not isinstance(value, str):
            raise body.wrong(f"metadata.{key}", "a string")
    return metadata


def encode_request(request: ChatRequest) -> Encoded:
    """The request for an upstream, which is to keep nothing. Raises UnsupportedFeature where leaving something out
    would change the meaning."""
    refuse_needs(request, NAME)
    losses = Losses(NAME)
    request = without_reasoning(request, losses)
    body: Json = {}
    instructions, system = _split_instructions(request, losses)
    if instructions is not None:
        body["instructions"] = instructions
    body["input"] = _encode_input(request, system, losses)
    if request.tools:
        body["tools"] = encode_tools(request.tools, losses)
    if request.tool_choice is not None:
        body["tool_choice"] = encode_tool_choice(request.tool_choice)
    if request.output is not None:
        body["text"] = {"format": encode_output(request.output)}
    body |= _encode_sampling(request.sampling, losses)
    if request.reasoning is not None:
        body["reasoning"] = _encode_reasoning(request, request.reasoning, losses)
    optional = {
        "parallel_tool_calls": request.parallel_tool_calls,
        "metadata": request.metadata,
        "user": request.user,
        "stream": request.stream or None,
    }
    body |= {name: value for name, value in optional.items() if value is not None}
    carried, vendor = carried_over(request.vendor, NAME, stream=request.stream)
    add_rest(body, losses.rest(vendor, ""))
    add_rest(body, carried)
    add_rest(body, form_of(request.vendor, "said") or {})
    if include := _include(request, body):
        body["include"] = include
    body["store"] = False
    return Encoded(body, losses.all())


def _split_instructions(request: ChatRequest, losses: Losses) -> tuple[str | None, tuple[Message, ...]]:
    """The first system message where it is one text that did not come as an item; and the others."""
    if not request.system:
        return None, ()
    first = request.system[0]
    match first.parts:
        case (TextPart() as part,) if not rest_of(part.vendor) and not rest_of(first.vendor):
            if form_of(first.vendor, "at") == "input":
                return None, request.system
            losses.rest(part.vendor, "system[0]")
            losses.rest(first.vendor, "system[0]")
            if first.name is not None:
                losses.add("system[0].name", "the wire has no names of participants")
            return part.text, request.system[1:]
    return None, request.system


def _encode_input(request: ChatRequest, system: tuple[Message, ...], losses: Losses) -> Any:
    if form_of(request.vendor, "input") == "string" and not system and len(request.messages) == 1:
        match request.messages[0]:
            case Message(role="user", parts=(TextPart(text=text, vendor={}),)):
                return text
    items = RequestItems(losses)
    kinds: dict[str, str] = {}
    for number, message in enumerate(system + request.messages):
        place = f"messages[{number}]"
        if message.name is not None:
            losses.add(f"{place}.name", "the wire has no names of participants")
        if message.role == "assistant":
            items.new_message()
            if rest := losses.rest(message.vendor, place):
                losses.add(place, f"fields of a message that is several items: {', '.join(rest)}")
            for index, part in enumerate(message.parts):
                if isinstance(part, ToolCallPart):
                    kinds[part.id] = part.kind
                items.add_own(part, f"{place}.parts[{index}]")
        else:
            _encode_others(message, items, kinds, losses, place)
    return items.close()


def _encode_others(message: Message, items: RequestItems, kinds: dict[str, str], losses: Losses, place: str) -> None:
    """A message that is not the assistant's; each tool result among its parts is an item of its own."""
    content: list[ContentPart] = []
    rest = losses.rest(message.vendor, place)
    written = False

    def flush() -> None:
        nonlocal written
        item: Json = {"type": "message", "role": message.role}
        for name in ("id", "status"):
            if (value := form_of(message.vendor, name)) is not None:
                item[name] = value
        item["content"] = encode_plain_or_list(content, form_of(message.vendor, "content"), losses, place)
        if not written:
            add_rest(item, rest)
        items.add(item)
        written = True
        content.clear()

    for index, part in enumerate(message.parts):
        match part:
            case ToolResultPart():
                if content:
                    flush()
                items.add(_encode_result(part, kinds, losses, f"{place}.parts[{index}]"))
                written = True
            case ToolCallPart() | ReasoningPart():
                raise UnsupportedFeature(f"A message with role {message.role} cannot hold this part.", param=place)
            case _ if message.role == "tool":
                raise UnsupportedFeature("A message with role tool holds results alone.", param=place)
            case _:
                content.append(part)
    if content or not written:
        flush()


def _encode_result(result: ToolResultPart, kinds: dict[str, str], losses: Losses, place: str) -> Json:
    if result.is_error:
        losses.add(place, "that the tool failed; only its words are sent")
    custom = form_of(result.vendor, "type") == "custom" or kinds.get(result.tool_call_id) == "custom"
    item: Json = {
        "type": "custom_tool_call_output" if custom else "function_call_output",
        "call_id": fitting_call_id(result.tool_call_id),
        "output": encode_plain_or_list(list(result.parts), form_of(result.vendor, "content"), losses, place),
    }
    for name in ("id", "status"):
        if (value := form_of(result.vendor, name)) is not None:
            item[name] = value
    add_rest(item, losses.rest(result.vendor, place))
    return item


def _most_tokens(asked: int | None, losses: Losses) -> int | None:
    """The cap on an answer, which the vendor wants to be 16 or more (its OpenAPI description, `max_output_tokens`)."""
    if asked is None or asked >= _OUTPUT_TOKENS_MIN:
        return asked
    losses.add("sampling.max_tokens", f"at most {asked} tokens; {_OUTPUT_TOKENS_MIN} is the least cap here")
    return _OUTPUT_TOKENS_MIN


def _encode_sampling(sampling: Sampling, losses: Losses) -> Json:
    if sampling.stop:
        raise UnsupportedFeature(
            "The Responses API has no stop sequences. Leave out `stop`, or ask for a model that speaks openai-chat or"
            " anthropic.",
            param="stop",
        )
    if sampling.n is not None and sampling.n > 1:
        raise UnsupportedFeature(
            "The Responses API gives one answer. Leave out `n`, or ask for a model that speaks openai-chat.", param="n"
        )
    for name in ("top_k", "min_p", "frequency_penalty", "presence_penalty", "seed", "logit_bias"):
        if getattr(sampling, name) is not None:
            losses.add(f"sampling.{name}", "the wire has no such field")
    fields = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_output_tokens": _most_tokens(sampling.max_tokens, losses),
        "top_logprobs": sampling.top_logprobs,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _encode_reasoning(request: ChatRequest, reasoning: Reasoning, losses: Losses) -> Json:
    effort = reasoning.effort
    if effort is None and reasoning.budget_tokens is not None:
        effort = effort_of(reasoning.budget_tokens)
        losses.add("reasoning.budget_tokens", f"a number of tokens; sent as the effort {effort}")
    encoded: Json = {} if effort is None else {"effort": effort}
    if reasoning.shown:
        encoded |= form_of(request.vendor, "summary") or {"summary": "auto"}
    return encoded


def _include(request: ChatRequest, body: Json) -> list[str]:
    """Signatures are asked for where the model thinks, so that they can go back with the next turn."""
    include = list(body.get("include") or ())
    if request.sampling.logprobs:
        include.append(LOGPROBS)
    effort = (body.get("reasoning") or {}).get("effort")
    items = body["input"] if isinstance(body["input"], list) else []
    thinks = (body.get("reasoning") and effort != "none") or any(item.get("type") == "reasoning" for item in items)
    if thinks or form_of(request.vendor, "encrypted"):
        include.append(ENCRYPTED)
    return include
