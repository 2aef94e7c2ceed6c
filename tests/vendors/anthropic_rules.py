"""What the vendor refuses beyond its types: what a conversation must look like, and what a model does not take.

The rules come from the vendor's documentation (platform.claude.com/docs: "Messages", "Tool use", "Extended thinking",
"Adaptive thinking", "Effort", "Prompt caching", "Structured outputs", "Vision", "Mid-conversation system messages",
"Errors") and the words from the errors its users report (github.com/anthropics/claude-code/issues and others).
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .anthropic_models import Model
from .anthropic_schema import LATEST
from .anthropic_seal import Seal

Json = dict[str, Any]

CACHE_MARKS_MAX = 4
THINKING_DOC = "https://platform.claude.com/docs/en/build-with-claude/extended-thinking"
INTERLEAVED = "interleaved-thinking-2025-05-14"
MAGIC = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
# Keywords of JSON schema that structured outputs leave out.
NOT_IN_GRAMMAR = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties", "patternProperties"),
)


@dataclass(frozen=True)
class Refusal:
    """An error of the vendor."""

    message: str
    status: int = 400
    type: str = "invalid_request_error"
    request_id: str = ""

    def payload(self) -> Json:
        error = {"type": self.type, "message": self.message}
        return {"type": "error", "error": error, "request_id": self.request_id}

    def body(self) -> bytes:
        return json.dumps(self.payload(), ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Turn:
    """Neighbouring messages of one role, joined as the vendor joins them. `blocks`: each with its place."""

    role: str
    index: int
    blocks: list[tuple[str, Json]]
    plain: bool

    def of_type(self, *kinds: str) -> list[tuple[str, Json]]:
        return [(place, block) for place, block in self.blocks if block["type"] in kinds]


@dataclass(frozen=True)
class Call:
    """A request that obeys the types, with what the rules need to judge it."""

    request: Json
    name: str
    model: Model
    version: str
    betas: frozenset[str]
    seal: Seal

    @cached_property
    def turns(self) -> list[Turn]:
        turns: list[Turn] = []
        for index, message in enumerate(self.request["messages"]):
            role, plain = message["role"], isinstance(message["content"], str)
            blocks = content_blocks(message["content"], f"messages.{index}.content")
            if turns and turns[-1].role == role:
                last = turns.pop()
                turns.append(Turn(role, last.index, [*last.blocks, *blocks], plain))
            else:
                turns.append(Turn(role, index, blocks, plain))
        return turns

    @property
    def thinking(self) -> str:
        """What the request says of thinking; "" when it says nothing."""
        return str((self.request.get("thinking") or {}).get("type", ""))

    @property
    def output_format(self) -> Json | None:
        config: Json = self.request.get("output_config") or {}
        return config.get("format") or self.request.get("output_format")

    @property
    def prefilled(self) -> bool:
        """True if the conversation ends with the start of the answer."""
        last = self.turns[-1]
        return last.role == "assistant" and not last.of_type("tool_use", "server_tool_use")


Rule = Callable[[Call], Refusal | None]


def content_blocks(content: Any, place: str) -> list[tuple[str, Json]]:
    """The blocks of a content, of which a plain string is one of text; an empty one is none."""
    if isinstance(content, str):
        return [(place, {"type": "text", "text": content})] if content else []
    return [(f"{place}.{index}", block) for index, block in enumerate(content or ())]


def marked(call: Call) -> Iterator[tuple[str, Json]]:
    """All that may carry a cache mark, in the order in which the prompt is made of it: tools, system, messages."""
    yield from ((f"tools.{index}", tool) for index, tool in enumerate(call.request.get("tools") or ()))
    yield from content_blocks(call.request.get("system"), "system")
    for turn in call.turns:
        for place, block in turn.blocks:
            if isinstance(block.get("content"), list):
                yield from content_blocks(block["content"], f"{place}.content")
            yield place, block


def broken_rule(call: Call) -> Refusal | None:
    """The first rule that the request breaks, or None."""
    return next((refusal for rule in RULES if (refusal := rule(call))), None)


def messages_make_a_conversation(call: Call) -> Refusal | None:
    messages = call.request["messages"]
    if not messages:
        return Refusal("messages: at least one message is required")
    if messages[0]["role"] == "system":
        advice = 'The Messages API accepts a top-level `system` parameter, not "system" as the first message.'
        return Refusal(f'messages: Unexpected role "system". {advice}')
    if messages[0]["role"] != "user":
        return Refusal('messages: first message must use the "user" role')
    for index, message in enumerate(messages):
        last = index == len(messages) - 1 and message["role"] == "assistant"
        if not message["content"] and not last:
            rule = "all messages must have non-empty content except for the optional final assistant message"
            return Refusal(f"messages.{index}: {rule}")
    return None


def system_turns_are_in_place(call: Call) -> Refusal | None:
    messages = call.request["messages"]
    roles = [message["role"] for message in messages]
    for index, role in enumerate(roles):
        if role != "system":
            continue
        if not call.model.system_turns:
            return Refusal(f"messages.{index}: role 'system' is not supported on this model")
        before = messages[index - 1]
        served = before["role"] == "assistant" and isinstance(before["content"], list) and before["content"]
        if roles[index - 1] != "user" and not (served and before["content"][-1]["type"] == "server_tool_use"):
            rule = "a system message must immediately follow a user message"
            return Refusal(f"messages.{index}: {rule}")
        if roles[index + 1 : index + 2] not in ([], ["assistant"]):
            rule = "a system message must be the last message or be followed by an assistant message"
            return Refusal(f"messages.{index}: {rule}")
    return None


def text_says_something(call: Call) -> Refusal | None:
    groups = [("messages", block) for turn in call.turns for _, block in turn.blocks]
    groups += [("system", block) for _, block in content_blocks(call.request.get("system"), "system")]
    for where, block in groups:
        inner = [part for _, part in content_blocks(block.get("content"), "") if isinstance(block["content"], list)]
        for part in (block, *inner):
            if part["type"] == "text" and not part["text"]:
                return Refusal(f"{where}: text content blocks must be non-empty")
            if part["type"] == "text" and not part["text"].strip():
                return Refusal(f"{where}: text content blocks must contain non-whitespace text")
    return None


def ending_can_be_continued(call: Call) -> Refusal | None:
    last = call.turns[-1]
    if last.role != "assistant":
        return None
    if call.prefilled and not call.model.prefill:
        message = (
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
        return Refusal(message)
    if call.prefilled and call.output_format:
        return Refusal("Prefilling the assistant message is not supported with structured outputs.")
    if call.prefilled and call.thinking in ("enabled", "adaptive"):
        return Refusal("Prefilling the assistant message is not supported when thinking is enabled.")
    if last.blocks and last.blocks[-1][1]["type"] == "text" and last.blocks[-1][1]["text"][-1:].isspace():
        return Refusal("messages: final assistant content cannot end with trailing whitespace")
    return None


def blocks_suit_their_role(call: Call) -> Refusal | None:
    foreign = {"user": {"thinking", "redacted_thinking", "tool_use", "server_tool_use"}}
    foreign["assistant"] = {"tool_result", "image"} | ({"document"} if call.version == LATEST else set())
    for turn in call.turns:
        for place, block in turn.of_type(*foreign.get(turn.role, ())):
            other = "assistant" if turn.role == "user" else "user"
            return Refusal(f"{place}: `{block['type']}` blocks can only be in `{other}` messages")
        for place, block in turn.of_type("text", "search_result"):
            inner = block["content"] if block["type"] == "search_result" else [block]
            cited = any(isinstance(part.get("citations"), list) and part["citations"] for part in inner)
            if turn.role == "user" and cited and call.version == LATEST:
                return Refusal(f"{place}.citations: citations are not permitted in `user` messages")
    return None


def calls_are_answered(call: Call) -> Refusal | None:
    """Each call is answered at the start of the next user turn, once, and nothing else is answered."""
    seen = set[str]()
    asked: list[str] = []
    # System messages stand between a turn's answers and the next turn, never between a call and its answer.
    turns = [turn for turn in call.turns if turn.role != "system"]
    for position, turn in enumerate(turns):
        if refusal := answers_fit(turn, asked):
            return refusal
        asked = []
        for place, block in turn.of_type("tool_use"):
            if block["id"] in seen:
                return Refusal(f"{place}: `tool_use` ids must be unique")
            seen.add(block["id"])
            asked.append(block["id"])
        following = turns[position + 1].blocks if position + 1 < len(turns) else []
        results = [block["type"] == "tool_result" for _, block in following]
        first = following[: results.index(False) if False in results else len(results)]
        missing = [name for name in asked if name not in {block["tool_use_id"] for _, block in first}]
        if missing:
            found = f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(missing)}."
            rule = "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
            return Refusal(f"messages.{turn.index}: {found} {rule}")
    return None


def answers_fit(turn: Turn, asked: list[str]) -> Refusal | None:
    answered = set[str]()
    for place, block in turn.of_type("tool_result"):
        name = block["tool_use_id"]
        if name not in asked:
            found = f"unexpected `tool_use_id` found in `tool_result` blocks: {name}."
            rule = "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            return Refusal(f"{place}: {found} {rule}")
        if name in answered:
            found = f"Found multiple `tool_result` blocks with id: {name}"
            return Refusal(f"{place}: each tool_use must have a single result. {found}")
        answered.add(name)
    return None


def failed_results_are_text(call: Call) -> Refusal | None:
    for turn in call.turns:
        for place, block in turn.of_type("tool_result"):
            kinds = {part["type"] for _, part in content_blocks(block.get("content"), place)}
            if block.get("is_error") and kinds - {"text"}:
                return Refusal(f'{place}: all content must be type "text" if "is_error" is true')
    return None


def thinking_is_genuine(call: Call) -> Refusal | None:
    for turn in call.turns:
        for place, block in turn.of_type("thinking"):
            if not call.seal.signed(block["thinking"], block["signature"]):
                return Refusal(f"{place}: Invalid `signature` in `thinking` block")
        for place, block in turn.of_type("redacted_thinking"):
            if not call.seal.made_redacted(block["data"]):
                return Refusal(f"{place}: Invalid `data` in `redacted_thinking` block")
    return None


def thinking_leads_the_turn(call: Call) -> Refusal | None:
    """With manual thinking a turn that is still under way begins with its thought (adaptive thinking asks no such)."""
    if call.thinking != "enabled":
        return None
    start = 0
    for position, turn in enumerate(call.turns):
        if turn.role == "user" and not turn.of_type("tool_result"):
            start = position + 1
    under_way = next((turn for turn in call.turns[start:] if turn.role == "assistant"), None)
    if under_way is None or not under_way.of_type("tool_use"):
        return None
    place, first = under_way.blocks[0]
    if first["type"] in ("thinking", "redacted_thinking"):
        return None
    found = f"Expected `thinking` or `redacted_thinking`, but found `{first['type']}`."
    rule = (
        "When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the "
        "lastmost set of `tool_use` and `tool_result` blocks)."
    )
    return Refusal(f"{place}.type: {found} {rule}")


def thinking_suits_the_model(call: Call) -> Refusal | None:
    request, kind = call.request, call.thinking
    if kind and kind not in call.model.thinking:
        if kind == "enabled":
            instead = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
            return Refusal(f'"thinking.type.enabled" is not supported for this model. {instead}')
        if kind == "adaptive":
            return Refusal("adaptive thinking is not supported on this model")
        return Refusal(f'"thinking.type.{kind}" is not supported for this model.')
    if kind == "enabled" and INTERLEAVED not in call.betas:
        budget, limit = request["thinking"]["budget_tokens"], request.get("max_tokens")
        if limit is not None and budget >= limit:
            rule = "`max_tokens` must be greater than `thinking.budget_tokens`."
            return Refusal(f"{rule} Please consult our documentation at {THINKING_DOC}")
    if kind in ("enabled", "adaptive") and (request.get("tool_choice") or {}).get("type") in ("any", "tool"):
        return Refusal("Thinking may not be enabled when tool_choice forces tool use.")
    effort = (request.get("output_config") or {}).get("effort")
    if effort and not call.model.efforts:
        return Refusal("This model does not support the effort parameter.")
    if effort and effort not in call.model.efforts:
        levels = ", ".join(sorted(call.model.efforts))
        return Refusal(f"This model does not support effort level '{effort}'. Supported levels: {levels}.")
    return None


def sampling_suits_the_model(call: Call) -> Refusal | None:
    temperature, top_p, top_k = (call.request.get(name) for name in ("temperature", "top_p", "top_k"))
    when = "when thinking is enabled or in adaptive mode."
    if call.model.sampling == "none":
        for name, value, default in (("temperature", temperature, 1), ("top_p", top_p, 1), ("top_k", top_k, None)):
            if value is not None and value != default:
                return Refusal(f"`{name}` is deprecated for this model.")
        return None
    if call.model.sampling == "one" and temperature is not None and top_p is not None:
        rule = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
        return Refusal(rule)
    if call.thinking not in ("enabled", "adaptive"):
        return None
    if temperature not in (None, 1):
        rule = f"`temperature` may only be set to 1 {when}"
        return Refusal(f"{rule} Please consult our documentation at {THINKING_DOC}")
    if top_p is not None and top_p < 0.95:
        return Refusal(f"`top_p` must be greater than or equal to 0.95 or unset {when}")
    if top_k is not None:
        return Refusal(f"`top_k` must be unset {when}")
    return None


def limits_are_kept(call: Call) -> Refusal | None:
    limit = call.request.get("max_tokens")
    if limit is not None and limit > call.model.output_tokens_max:
        most = f"which is the maximum allowed number of output tokens for {call.name}"
        return Refusal(f"max_tokens: {limit} > {call.model.output_tokens_max}, {most}")
    for stop in call.request.get("stop_sequences") or ():
        if not stop.strip():
            need = "contain non-whitespace" if stop else "be non-empty"
            return Refusal(f"stop_sequences: each stop sequence must {need}")
    return None


def tools_are_sound(call: Call) -> Refusal | None:
    tools: list[Json] = call.request.get("tools") or []
    # A toolset and the like is named by its type.
    names = [tool.get("name", tool.get("type")) for tool in tools]
    if len(set(names)) < len(names):
        return Refusal("tools: Tool names must be unique.")
    for index, tool in enumerate(tools):
        schema = tool.get("input_schema")
        if schema is None:
            continue
        where = f"tools.{index}.custom"
        if {"oneOf", "allOf", "anyOf"} & schema.keys():
            rule = "input_schema does not support oneOf, allOf, or anyOf at the top level"
            return Refusal(f"{where}.input_schema: {rule}")
        if tool.get("strict") and (breach := grammar_breach(schema)):
            return Refusal(f"{where}: {breach}")
    choice = call.request.get("tool_choice")
    if choice is not None and not tools:
        return Refusal("tool_choice: tool_choice may only be specified while providing tools")
    if choice is not None and choice["type"] == "tool" and choice["name"] not in names:
        return Refusal(f"Tool '{choice['name']}' not found in provided tools")
    return None


def output_format_is_sound(call: Call) -> Refusal | None:
    wanted = call.output_format
    if not wanted:
        return None
    config = call.request.get("output_config") or {}
    if config.get("format") and call.request.get("output_format"):
        return Refusal("output_format: cannot be given together with output_config.format")
    if breach := grammar_breach(wanted.get("schema", {})):
        return Refusal(f"output_config.format.schema: {breach}")
    for turn in call.turns:
        for place, block in turn.of_type("document"):
            if (block.get("citations") or {}).get("enabled"):
                return Refusal(f"{place}.citations: citations are not supported with structured outputs")
    return None


def grammar_breach(schema: Any) -> str | None:
    """Why this schema cannot bind what the model writes (page "Structured outputs", "JSON Schema limitations")."""
    if not isinstance(schema, dict):
        return None
    kind = schema.get("type")
    if kind == "object" and schema.get("additionalProperties") is not False:
        return "For 'object' type, 'additionalProperties' must be explicitly set to false"
    for word in NOT_IN_GRAMMAR:
        if word in schema:
            return f"For '{kind}' type, property '{word}' is not supported"
    if schema.get("minItems", 0) > 1:
        return "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
    if not schema.get("$ref", "#").startswith("#"):
        return "External schema references are not supported"
    for word in ("properties", "$defs", "definitions"):
        for inner in (schema.get(word) or {}).values():
            if breach := grammar_breach(inner):
                return breach
    parts = [schema.get("items"), *(schema.get("anyOf") or ()), *(schema.get("allOf") or ())]
    return next((breach for part in parts if (breach := grammar_breach(part))), None)


def cache_marks_are_sound(call: Call) -> Refusal | None:
    marks = [(place, block["cache_control"]) for place, block in marked(call) if block.get("cache_control")]
    if call.request.get("cache_control"):
        marks.append(("", call.request["cache_control"]))
    if len(marks) > CACHE_MARKS_MAX:
        return Refusal(f"A maximum of 4 blocks with cache_control may be provided. Found {len(marks)}.")
    short_seen = False
    for place, mark in marks:
        ttl = mark.get("ttl", "5m")
        if ttl == "1h" and short_seen:
            rule = "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."
            order = "Note that blocks are processed in the following order: `tools`, `system`, `messages`."
            return Refusal(f"{place}.cache_control.ttl: {rule} {order}".lstrip("."))
        short_seen = short_seen or ttl == "5m"
    return None


def media_are_what_they_claim(call: Call) -> Refusal | None:
    for place, block in marked(call):
        source = block.get("source")
        if block.get("type") not in ("image", "document") or not isinstance(source, dict):
            continue
        where = f"{place}.{block['type']}.source"
        if source["type"] == "url" and not source["url"].startswith("https://"):
            return Refusal(f"{where}.url: Only HTTPS URLs are supported.")
        if source["type"] == "base64" and (refusal := bytes_refusal(source, f"{where}.base64")):
            return refusal
    return None


def bytes_refusal(source: Json, where: str) -> Refusal | None:
    try:
        raw = base64.b64decode(source["data"], validate=True)
    except binascii.Error:
        return Refusal(f"{where}: invalid base64 data")
    claimed = source["media_type"]
    if claimed == "application/pdf":
        return None if raw.startswith(b"%PDF") else Refusal("The PDF specified was not valid.")
    real = next((name for name, magic in MAGIC.items() if raw.startswith(magic)), None)
    if real is None:
        return Refusal("Could not process image")
    if real != claimed:
        found = f"The image was specified using the {claimed} media type, but the image appears to be a {real} image"
        return Refusal(f"{where}.data: {found}")
    return None


RULES: tuple[Rule, ...] = (
    messages_make_a_conversation,
    system_turns_are_in_place,
    text_says_something,
    blocks_suit_their_role,
    calls_are_answered,
    failed_results_are_text,
    thinking_suits_the_model,
    ending_can_be_continued,
    thinking_is_genuine,
    thinking_leads_the_turn,
    sampling_suits_the_model,
    limits_are_kept,
    tools_are_sound,
    output_format_is_sound,
    cache_marks_are_sound,
    media_are_what_they_claim,
)
