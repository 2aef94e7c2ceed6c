"""generateContent requests, read and written: `_GenerateContentParameters_*` of the SDK's `models.py` say how its types
look on the wire.

The path names the model and asks for a stream, so `model` in the body (`models/NAME`) is only read.
"""

from ecotone.values.chat import ChatRequest, Json, Need, OpaquePart, Reasoning, Sampling
from ecotone.values.errors import MalformedRequest
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.gemini.contents import (
    decode_contents,
    decode_system,
    encode_contents,
    encode_system,
    require_contents,
)
from ecotone.wire.gemini.names import usual_names
from ecotone.wire.gemini.parts import feature_of
from ecotone.wire.gemini.thinking import fit_thinking
from ecotone.wire.gemini.tools import (
    decode_output,
    decode_tool_choice,
    decode_tools,
    encode_output,
    encode_tool_choice,
    encode_tools,
    tool_needs,
)
from ecotone.wire.gemini.vendor import NAME, form_of, make_vendor
from ecotone.wire.losses import Encoded, Losses, refuse_needs

# What a client asks for with these, another wire cannot give; other fields tune, mark or measure.
_NEEDED = ("cachedContent", "modelArmorConfig", "outputConfig", "continuationToken")
_NEEDED_CONFIG = ("speechConfig", "imageConfig", "translationConfig", "responseFormat")
# "max" is no word of this vendor; its highest is.
_LEVELS = {word: word.upper() for word in ("minimal", "low", "medium", "high", "xhigh")} | {"max": "XHIGH"}


def malformed(message: str, place: str) -> MalformedRequest:
    """The error for a request that is not in this wire's format."""
    return MalformedRequest(message, param=place)


def decode_request(request: Json) -> ChatRequest:
    """The request that a client sent, as a decoded object, which is taken apart.

    Raises MalformedRequest, which names the place.
    """
    try:
        usual_names(request)
        return _decode(Fields(request, "", malformed))
    except RecursionError:
        raise MalformedRequest("The body's JSON is nested too deeply.") from None


def _decode(fields: Fields) -> ChatRequest:
    model = fields.text("model") or ""
    messages = decode_contents(fields)
    tools = decode_tools(fields)
    choice, mode = decode_tool_choice(fields)
    config = fields.child("generationConfig")
    needs = [Need(NAME, name) for name in _NEEDED if fields.look(name) is not None]
    sampling, reasoning, output, own_schema = Sampling(), None, None, None
    if config is not None:
        sampling, reasoning = _decode_sampling(config), _decode_thinking(config)
        output, own_schema, output_needs = decode_output(config)
        needs += output_needs + _config_needs(config)
    opaque = (part for message in messages for part in message.parts if isinstance(part, OpaquePart))
    needs += [Need(NAME, f"contents.parts.{feature_of(part.data)}") for part in opaque]
    return ChatRequest(
        model=model.removeprefix("models/"),
        messages=messages,
        system=decode_system(fields),
        tools=tools,
        tool_choice=choice,
        output=output,
        sampling=sampling,
        reasoning=reasoning,
        vendor=make_vendor(fields.rest(), mode=mode, schema=own_schema),
        needs=tuple(dict.fromkeys([*needs, *tool_needs(tools)])),
    )


def _config_needs(config: Fields) -> list[Need]:
    needed = [name for name in _NEEDED_CONFIG if config.look(name) is not None]
    modalities = config.look("responseModalities")
    if isinstance(modalities, list) and any(str(modality).upper() != "TEXT" for modality in modalities):
        needed.insert(0, "responseModalities")
    return [Need(NAME, f"generationConfig.{name}") for name in needed]


def _decode_sampling(config: Fields) -> Sampling:
    stop = config.items("stopSequences") or []
    if not all(isinstance(word, str) for word in stop):
        raise config.wrong("stopSequences", "a list of strings")
    return Sampling(
        temperature=config.number("temperature"),
        top_p=config.number("topP"),
        top_k=config.integer("topK"),
        frequency_penalty=config.number("frequencyPenalty"),
        presence_penalty=config.number("presencePenalty"),
        seed=config.integer("seed"),
        stop=tuple(stop),
        max_tokens=config.integer("maxOutputTokens"),
        n=config.integer("candidateCount"),
        logprobs=config.flag("responseLogprobs"),
        top_logprobs=config.integer("logprobs"),
    )


def _decode_thinking(config: Fields) -> Reasoning | None:
    thinking = config.child("thinkingConfig")
    if thinking is None:
        return None
    level = (thinking.text("thinkingLevel") or "").lower()
    reasoning = Reasoning(
        effort=level if level and level != "thinking_level_unspecified" else None,
        budget_tokens=thinking.integer("thinkingBudget"),
        shown=thinking.flag("includeThoughts"),
    )
    return None if reasoning == Reasoning() else reasoning


def encode_request(request: ChatRequest) -> Encoded:
    """The request for an upstream. Raises UnsupportedFeature where leaving something out would change the meaning."""
    refuse_needs(request, NAME)
    losses = Losses(NAME)
    body: Json = {}
    system, messages = request.system, request.messages
    if not messages:
        # The API wants a content; an instruction alone is one to answer.
        system, messages = (), system
    instruction = encode_system(system, losses)
    contents = encode_contents(messages, losses)
    require_contents(contents)
    # What stays the same from turn to turn goes first.
    if instruction is not None:
        body["systemInstruction"] = instruction
    if request.tools:
        body["tools"] = encode_tools(request.tools, losses)
    config = _encode_choice(request)
    if config is not None:
        body["toolConfig"] = {"functionCallingConfig": config}
    body["contents"] = contents
    generation = _encode_sampling(request.sampling, losses) | _encode_thinking(request.reasoning, losses)
    if request.output is not None:
        generation |= encode_output(request.output, form_of(request.vendor, "schema"), losses)
    if generation:
        body["generationConfig"] = generation
    _tell_unsaid(request, losses)
    add_rest(body, losses.rest(request.vendor, ""))
    fitted = fit_thinking(body, request.model)
    if fitted is not body:
        losses.add("reasoning.effort", "a word; sent as a number of tokens, as this model wants it")
    return Encoded(fitted, losses.all())


def _encode_choice(request: ChatRequest) -> Json | None:
    """The API refuses to choose among no functions; "auto" and "none" say nothing then."""
    mode = form_of(request.vendor, "mode")
    if request.tool_choice is None:
        return None if mode is None else {"mode": mode}
    if not request.tools and request.tool_choice in ("auto", "none"):
        return None
    return encode_tool_choice(request.tool_choice, mode)


def _encode_sampling(sampling: Sampling, losses: Losses) -> Json:
    for name, value in (("min_p", sampling.min_p), ("logit_bias", sampling.logit_bias)):
        if value is not None:
            losses.add(f"sampling.{name}", "unknown to this wire")
    fields = {
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "candidateCount": sampling.n,
        "maxOutputTokens": sampling.max_tokens,
        "stopSequences": list(sampling.stop) or None,
        "presencePenalty": sampling.presence_penalty,
        "frequencyPenalty": sampling.frequency_penalty,
        "seed": sampling.seed,
        "responseLogprobs": sampling.logprobs,
        "logprobs": sampling.top_logprobs,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _encode_thinking(reasoning: Reasoning | None, losses: Losses) -> Json:
    """A word is sent as a level, as models from Gemini 3 on have them; `fit_thinking` then looks at the model."""
    if reasoning is None:
        return {}
    thinking: Json = {}
    effort, budget = reasoning.effort, reasoning.budget_tokens
    if effort == "none":
        thinking["thinkingBudget"] = 0
    elif effort is not None:
        thinking["thinkingLevel"] = _LEVELS.get(effort, effort.upper())
        if effort == "max":
            losses.add("reasoning.effort", "`max`; sent as this vendor's highest level, XHIGH")
    if budget is not None and effort is None:
        thinking["thinkingBudget"] = budget
    elif budget is not None:
        losses.add("reasoning.budget_tokens", "a number of tokens beside a word; this wire takes one of them")
    if reasoning.shown is not None:
        thinking["includeThoughts"] = reasoning.shown
    return {"thinkingConfig": thinking} if thinking else {}


def _tell_unsaid(request: ChatRequest, losses: Losses) -> None:
    if request.parallel_tool_calls is False and request.tools:
        losses.add("parallel_tool_calls", "that calls must come one at a time")
    for name, value in (("metadata", request.metadata), ("user", request.user)):
        if value is not None:
            losses.add(name, "unknown to this wire")
