"""Messages requests: `MessageCreateParams` of the official SDK, read and written.

`temperature`, `top_p` and `top_k` are beyond its newest types and understood as models before Claude Opus 4.7 take
them. Other fields that are not understood survive in `vendor`.
"""

from typing import Any

from ecotone.values.chat import (
    ChatRequest,
    DocumentPart,
    FileReference,
    ImagePart,
    Json,
    Message,
    Need,
    Part,
    Role,
    Sampling,
    TextPart,
    ToolResultPart,
)
from ecotone.values.errors import MalformedRequest, UnsupportedFeature
from ecotone.wire.anthropic.blocks import decode_content
from ecotone.wire.anthropic.generations import fit_reasoning, takes_sampling
from ecotone.wire.anthropic.thinking import decode_thinking, encode_thinking
from ecotone.wire.anthropic.tools import (
    decode_output,
    decode_tool_choice,
    decode_tools,
    encode_output,
    encode_tool_choice,
    encode_tools,
)
from ecotone.wire.anthropic.turns import encode_system, encode_turns
from ecotone.wire.anthropic.vendor import NAME, form_of, make_vendor, said
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.losses import Encoded, Losses, refuse_needs

MAX_TOKENS = 32_000
"""`max_tokens` where the client set none, though the vendor wants one: what every Claude model from version 4 on can
write at most, Opus 4 the least (https://platform.claude.com/docs/en/about-claude/models/overview)."""

_WITH_SOURCES = (ImagePart, DocumentPart)
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
# Fields that carry part of the conversation, or give the model what the other wires cannot.
_NEEDED = ("container", "mcp_servers", "prefill", "thread", "tool_choice")


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
    system = _decode_system(fields)
    if not fields.look("messages"):
        raise fields.wrong("messages", "a list with at least one message")
    messages = tuple(_decode_message(message) for message in fields.each("messages"))
    config = fields.child("output_config")
    reasoning, thinking_form, display_form = decode_thinking(fields, config)
    output, output_form = decode_output(fields, config)
    choice, parallel = decode_tool_choice(fields)
    tools = decode_tools(fields)
    sampling = Sampling(
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.integer("top_k"),
        stop=_decode_stop(fields),
        max_tokens=fields.integer("max_tokens"),
    )
    metadata = fields.child("metadata")
    user = metadata.text("user_id") if metadata is not None else None
    both = sampling.temperature is not None and sampling.top_p is not None
    stream = fields.flag("stream") or False
    rest = said(fields.rest())
    return ChatRequest(
        model=model,
        messages=messages,
        system=system,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        output=output,
        sampling=sampling,
        reasoning=reasoning,
        stream=stream,
        user=user,
        vendor=make_vendor(
            rest,
            thinking=thinking_form,
            display=display_form,
            output=output_form,
            sampling="both" if both else None,
        ),
        needs=_needs(messages, rest, choice),
    )


def _decode_system(body: Fields) -> tuple[Message, ...]:
    value = body.look("system")
    if value is None:
        return ()
    if isinstance(value, str):
        body.take("system")
        return (Message("system", (TextPart(value),)),) if value else ()
    blocks = Fields({"content": body.items("system")}, "system", _malformed)
    parts, form = decode_content(blocks)
    return (Message("system", tuple(parts), vendor=make_vendor({}, content=form)),) if parts else ()


def _decode_message(fields: Fields) -> Message:
    said_role = fields.text("role")
    role = _ROLES.get(said_role or "")
    if role is None:
        raise fields.wrong("role", '"user", "assistant" or "system"')
    if not isinstance(fields.look("content"), (str, list)):
        raise fields.wrong("content", "a string or a list of blocks")
    parts, form = decode_content(fields)
    at = "system" if role == "system" else None
    return Message(role, tuple(parts), vendor=make_vendor(said(fields.rest()), content=form, role=at))


def _decode_stop(body: Fields) -> tuple[str, ...]:
    words = body.items("stop_sequences") or []
    if not all(isinstance(word, str) for word in words):
        raise body.wrong("stop_sequences", "a list of strings")
    return tuple(words)


def _needs(messages: tuple[Message, ...], rest: Json, choice: Any) -> tuple[Need, ...]:
    """What of this request another wire may not leave out."""
    features = [name for name in _NEEDED if rest.get(name) and not (name == "tool_choice" and choice is not None)]
    features += [
        f"messages[{number}].content: file {reference.id}"
        for number, message in enumerate(messages)
        for part in message.parts
        for reference in _files(part)
    ]
    return tuple(Need(NAME, feature) for feature in features)


def _files(part: Part) -> list[FileReference]:
    """The vendor's files that a part refers to: no other vendor knows them."""
    parts = part.parts if isinstance(part, ToolResultPart) else (part,)
    return [
        inner.source for inner in parts if isinstance(inner, _WITH_SOURCES) and isinstance(inner.source, FileReference)
    ]


def encode_request(request: ChatRequest) -> Encoded:
    """The request for an upstream. Raises UnsupportedFeature where leaving something out would change the meaning."""
    refuse_needs(request, NAME)
    _refuse_sampling(request.sampling)
    losses = Losses(NAME)
    request = fit_reasoning(request, request.sampling.max_tokens or MAX_TOKENS, losses)
    body = encode_prompt(request, losses)
    body |= _encode_sampling(request, losses, body.get("thinking"))
    if not takes_sampling(request.model):
        for name in ("temperature", "top_p", "top_k"):
            if body.pop(name, None) is not None:
                losses.add(f"sampling.{name}", "how tokens are chosen, which this model decides itself")
    if request.metadata:
        losses.add("metadata", "the request's metadata")
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    if request.stream:
        body["stream"] = True
    add_rest(body, losses.rest(request.vendor, ""))
    return Encoded(body, losses.all())


def encode_prompt(request: ChatRequest, losses: Losses) -> Json:
    """The fields of a request that make up the prompt, and those that say what the answer is to be like."""
    body: Json = {}
    system = encode_system(request.system, losses)
    messages = encode_turns(request.messages, losses, len(request.system))
    if not messages and system:
        losses.add("messages", "that all of this is the system's; the user says it")
        messages, system = [{"role": "user", "content": system}], []
    if not messages:
        raise UnsupportedFeature("This wire takes no conversation without words; say something.", param="messages")
    if system:
        body["system"] = system
    body["messages"] = messages
    tools = encode_tools(request.tools, request.tool_choice, losses)
    if tools:
        body["tools"] = tools
    choice = encode_tool_choice(request.tool_choice, request.parallel_tool_calls, any_tools=bool(tools))
    if choice is not None:
        body["tool_choice"] = choice
    thinking, effort = encode_thinking(request, losses)
    if thinking is not None:
        body["thinking"] = thinking
    output = encode_output(request.output, losses)
    if output is not None and form_of(request.vendor, "output") == "output_format":
        body["output_format"], output = output, None
    config = {name: value for name, value in (("effort", effort), ("format", output)) if value is not None}
    if config:
        body["output_config"] = config
    return body


def _refuse_sampling(sampling: Sampling) -> None:
    asked = {
        "n": (sampling.n or 1) > 1,
        "logprobs": bool(sampling.logprobs or sampling.top_logprobs),
        "logit_bias": bool(sampling.logit_bias),
    }
    for name, is_asked in asked.items():
        if is_asked:
            raise UnsupportedFeature(
                f"Claude's API has no `{name}`. Leave it out, or ask for a model that speaks openai-chat.", param=name
            )
    for number, word in enumerate(sampling.stop):
        if not word.strip():
            raise UnsupportedFeature(
                "Claude's API takes no stop sequence of nothing but spaces and line ends.", param=f"stop[{number}]"
            )


def _encode_sampling(request: ChatRequest, losses: Losses, thinking: Json | None) -> Json:
    sampling = request.sampling
    max_tokens = sampling.max_tokens
    if max_tokens is None:
        max_tokens = MAX_TOKENS
        losses.add("sampling.max_tokens", f"that the answer may be as long as it gets; at most {MAX_TOKENS:,} tokens")
    fields: dict[str, Any] = {
        "max_tokens": max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "stop_sequences": list(sampling.stop) or None,
    }
    if sampling.temperature is not None and sampling.temperature > 1:
        losses.add("sampling.temperature", f"the temperature {sampling.temperature}; 1 is the highest here")
        fields["temperature"] = 1
    if sampling.temperature is not None and sampling.top_p is not None and not form_of(request.vendor, "sampling"):
        # Models from Claude Opus 4.1 on take one of them: https://platform.claude.com/docs/en/about-claude/models/migration-guide
        losses.add("sampling.top_p", "the share of tokens to choose from: not together with a temperature")
        del fields["top_p"]
    thinks = thinking is not None and thinking["type"] != "disabled"
    if thinks and form_of(request.vendor, "thinking") is None:
        # https://platform.claude.com/docs/en/build-with-claude/extended-thinking, "Feature compatibility".
        for name in ("temperature", "top_p", "top_k"):
            if fields.pop(name, None) is not None:
                losses.add(f"sampling.{name}", "how tokens are chosen: not together with thinking")
    for name in ("min_p", "frequency_penalty", "presence_penalty", "seed"):
        value = getattr(sampling, name)
        if value is not None and (value or name == "seed"):
            losses.add(f"sampling.{name}", "no such setting on this wire")
    return {name: value for name, value in fields.items() if value is not None}
