"""What the vendor refuses of requests to /v1/responses.

Names and kinds are those of the SDK's request types, which are newer than the OpenAPI description; limits are the
description's. The rules neither can say are the vendor's guides' and those of its error messages as users report them:

- pairs of calls and outputs: github.com/microsoft/vscode/issues/320060, github.com/tjardoo/openai-client/pull/124
- what must follow reasoning: github.com/openai/openai-node/issues/1567
- content that this vendor did not encrypt: github.com/openai/codex/issues/8145
- items that are not kept: github.com/openai/openai-agents-js/issues/546
- prefixes of ids: github.com/BigPizzaV3/CodexPlusPlus/issues/1796
- what an assistant's message may hold: github.com/jeremychone/rust-genai/pull/119
- encrypted reasoning of models that do not reason: github.com/OpenHands/software-agent-sdk/pull/1208
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from openai.types.responses.input_token_count_params import InputTokenCountParams
from openai.types.responses.response_compact_params import ResponseCompactParams
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)

from .openai_rules import (
    NAME_PATTERN,
    O_SERIES,
    Json,
    Refusal,
    Rule,
    first_broken,
    json_type,
    metadata_is_small,
    nearest,
    place,
    strict_schema_breach,
    validator,
    worded,
)
from .openai_sealing import Seals
from .sdk_params import Breach, breaches

CREATE, COUNT, COMPACT = "/v1/responses", "/v1/responses/input_tokens", "/v1/responses/compact"
SCHEMAS = {CREATE: "CreateResponse", COUNT: "TokenCountsBody", COMPACT: "CompactResponseMethodPublicBody"}
# Fields that the SDK requires and the vendor does not: its own Codex client leaves them out of what it sends back.
OPTIONAL: Mapping[str, frozenset[str]] = {
    "ResponseReasoningItemParam": frozenset({"id"}),
    "ResponseOutputMessageParam": frozenset({"id", "status", "type"}),
    "ResponseOutputTextParam": frozenset({"annotations"}),
    "FunctionToolParam": frozenset({"strict"}),
}
LIMITS = frozenset({"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "maxProperties"})
OUTPUT_OF = {
    "function_call_output": "function_call",
    "custom_tool_call_output": "custom_tool_call",
    "shell_call_output": "shell_call",
    "apply_patch_call_output": "apply_patch_call",
    "computer_call_output": "computer_call",
}
WORDS_OF = {"function_call": "function call", "custom_tool_call": "custom tool call"}
ID_PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc"}
ID_PREFIXES |= {"compaction": "cmp"}
ID_PATTERN = re.compile(r"[a-zA-Z0-9_-]+")
NO_REASONING = re.compile(r"gpt-[34]|chatgpt-4")
NOT_THE_MODELS = frozenset(OUTPUT_OF) | {"item_reference", "compaction", "compaction_trigger", "additional_tools"}


def refusal_of(path: str, request: Any, items: list[Json], seals: Seals) -> Refusal | None:
    """Why the vendor would refuse this body posted to `path`, or None. `items`: those of an earlier response that the
    request continues; they come before its own."""
    return (
        shape_refusal(path, request)
        or first_broken(RULES if path == CREATE else (), request)
        or items_refusal([*items, *input_items(request)], len(items), seals, request)
    )


def input_items(request: Json) -> list[Json]:
    given = request.get("input")
    if given is None:
        return []
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def item_type(item: Json) -> str:
    kind = item.get("type")
    if kind is None:
        return "message" if "role" in item else "item_reference"
    return str(kind)


def reasons(model: str) -> bool:
    return not NO_REASONING.match(model)


def shape_refusal(path: str, request: Any) -> Refusal | None:
    if not isinstance(request, dict):
        message = f"Invalid type for 'body': expected an object, but got {json_type(request)} instead."
        return Refusal(message, "body", "invalid_type")
    hint: Any = {COUNT: InputTokenCountParams, COMPACT: ResponseCompactParams}.get(path)
    if path == CREATE:
        hint = ResponseCreateParamsStreaming if request.get("stream") else ResponseCreateParamsNonStreaming
    for breach in breaches(hint, documented(request), OPTIONAL):
        return breach_refusal(breach, request)
    errors = (nearest(error) for error in validator(SCHEMAS[path]).iter_errors(request))
    limits = [error for error in errors if error.validator in LIMITS]
    return worded(min(limits, key=lambda error: error.json_path)) if limits else None


def documented(request: Json) -> Json:
    """The request without what the vendor's own Codex client (0.169, as it was run here) sends and no description has,
    so that the vendor must take it: `client_metadata`, ids of messages that the model did not make, and null for the
    content of reasoning."""
    known = {name: value for name, value in request.items() if name != "client_metadata"}
    if isinstance(known.get("input"), list):
        known["input"] = [documented_item(item) if isinstance(item, dict) else item for item in known["input"]]
    return known


def documented_item(item: Json) -> Json:
    kind = item_type(item)
    if kind == "message" and item.get("role") != "assistant" and isinstance(item.get("id"), str):
        return {name: value for name, value in item.items() if name != "id"}
    if kind == "reasoning" and "content" in item and item["content"] is None:
        return {name: value for name, value in item.items() if name != "content"}
    return item


def breach_refusal(breach: Breach, request: Json) -> Refusal:
    where = place(breach.path)
    value: Any = request
    for step in breach.path:
        value = value.get(step) if isinstance(value, dict) else value[step]
    match breach.kind:
        case "missing":
            return Refusal(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
        case "unknown":
            return Refusal(f"Unknown parameter: '{where}'.", where, "unknown_parameter")
        case "value" if isinstance(value, str):
            message = f"Invalid value: '{value}'. Supported values are: {breach.expected}."
            return Refusal(message, where, "invalid_value")
    message = f"Invalid type for '{where}': expected {breach.expected}, but got {json_type(value)} instead."
    return Refusal(message, where, "invalid_type")


def says_something(request: Json) -> Refusal | None:
    if request.get("model") is None and request.get("prompt") is None:
        return Refusal("Missing required parameter: 'model'.", "model", "missing_required_parameter")
    if request.get("previous_response_id") is not None and request.get("conversation") is not None:
        both = "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Use one of them."
        return Refusal(both, "previous_response_id", "mutually_exclusive_parameters")
    sources = ("input", "previous_response_id", "prompt", "conversation")
    if all(request.get(name) is None for name in sources) or request.get("input") == []:
        message = f"One of {', '.join(repr(name) for name in sources)} must be provided."
        return Refusal(message, "input", "missing_required_parameter")
    if request.get("prompt") is not None:
        message = f"Prompt with id '{request['prompt']['id']}' not found."
        return Refusal(message, "prompt", "prompt_not_found", 404)
    return None


def stream_options_need_stream(request: Json) -> Refusal | None:
    if request.get("stream_options") is not None and not request.get("stream"):
        return Refusal("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    return None


def model_can(request: Json) -> Refusal | None:
    """What depends on whether the model reasons."""
    model = request["model"]
    unsupported: list[str] = []
    if not reasons(model):
        if "reasoning.encrypted_content" in (request.get("include") or ()):
            return Refusal("Encrypted content is not supported with this model.", "include")
        wanted = request.get("reasoning") or {}
        unsupported = [f"reasoning.{name}" for name in ("effort", "summary") if wanted.get(name) not in (None, "none")]
    elif O_SERIES.match(model):
        unsupported = [name for name in ("temperature", "top_p") if request.get(name) is not None]
    for name in unsupported:
        message = f"Unsupported parameter: '{name}' is not supported with this model."
        return Refusal(message, name, "unsupported_parameter")
    return None


def tools_are_sound(request: Json) -> Refusal | None:
    tools = request.get("tools") or []
    for index, tool in enumerate(tools):
        if tool["type"] not in ("function", "custom"):
            continue
        if not NAME_PATTERN.fullmatch(tool["name"]):
            message = (
                f"Invalid 'tools[{index}].name': it does not match the pattern '^[a-zA-Z0-9_-]+$' or is over 64 long."
            )
            return Refusal(message, f"tools[{index}].name", "invalid_value")
        breach = strict_schema_breach(tool["parameters"]) if tool["type"] == "function" and tool.get("strict") else None
        if breach:
            message = f"Invalid schema for function '{tool['name']}': {breach}"
            return Refusal(message, f"tools[{index}].parameters", "invalid_function_parameters")
    choice = request.get("tool_choice")
    if choice == "required" and not tools:
        message = "Tool choice 'required' must be specified with 'tools' parameter."
        return Refusal(message, "tool_choice")
    for wanted in chosen_tools(choice):
        if not any(all(tool.get(key) == value for key, value in wanted.items()) for tool in tools):
            name = wanted.get("name", wanted["type"])
            return Refusal(f"Tool choice '{name}' not found in 'tools' parameter.", "tool_choice")
    return None


def chosen_tools(choice: Any) -> list[Json]:
    """The tools that a tool choice names, each by some of its fields."""
    if not isinstance(choice, dict):
        return []
    return choice["tools"] if choice["type"] == "allowed_tools" else [choice]


def text_format_is_sound(request: Json) -> Refusal | None:
    wanted = (request.get("text") or {}).get("format") or {"type": "text"}
    if wanted["type"] == "json_object" and "json" not in json.dumps(request.get("input")).lower():
        message = "Response input messages must contain the word 'json' to use 'text.format' of type 'json_object'."
        return Refusal(message, "input")
    if wanted["type"] != "json_schema":
        return None
    if not NAME_PATTERN.fullmatch(wanted["name"]):
        message = "Invalid 'text.format.name': it does not match the pattern '^[a-zA-Z0-9_-]+$'."
        return Refusal(message, "text.format.name", "invalid_value")
    breach = strict_schema_breach(wanted["schema"]) if wanted.get("strict") else None
    if breach:
        message = f"Invalid schema for response_format '{wanted['name']}': {breach}"
        return Refusal(message, "text.format.schema", "invalid_json_schema")
    return None


RULES: tuple[Rule, ...] = (
    says_something,
    stream_options_need_stream,
    model_can,
    metadata_is_small,
    tools_are_sound,
    text_format_is_sound,
)


def items_refusal(items: list[Json], before: int, seals: Seals, request: Json) -> Refusal | None:
    """What is wrong with the items, of which the first `before` are the vendor's own."""
    for index, item in enumerate(items[before:]):
        if refusal := item_refusal(item, f"input[{index}]", seals, request):
            return refusal
    return calls_are_answered(items) or reasoning_is_followed(items)


def item_refusal(item: Json, where: str, seals: Seals, request: Json) -> Refusal | None:
    kind, name = item_type(item), item.get("id")
    prefix = ID_PREFIXES.get(kind, "")
    if name is not None and not ID_PATTERN.fullmatch(name):
        wanted = "an ID that contains letters, numbers, underscores, or dashes"
        message = f"Invalid '{where}.id': '{name}'. Expected {wanted}, but this value contained additional characters."
        return Refusal(message, f"{where}.id", "invalid_value")
    if name is not None and not name.startswith(prefix):
        message = f"Invalid '{where}.id': '{name}'. Expected an ID that begins with '{prefix}'."
        return Refusal(message, f"{where}.id", "invalid_value")
    if kind == "message":
        return next(content_refusals(item, where), None)
    if kind == "item_reference" or (kind == "reasoning" and item.get("encrypted_content") is None):
        return not_kept(str(name), request)
    if kind in ("reasoning", "compaction") and not seals.knows(item["encrypted_content"]):
        named = f" for item {name}" if name else ""
        why = "Encrypted content could not be decrypted or parsed."
        message = f"The encrypted content{named} could not be verified. Reason: {why}"
        return Refusal(message, None, "invalid_encrypted_content")
    return None


def not_kept(name: str, request: Json) -> Refusal:
    message = f"Item with id '{name}' not found."
    if request.get("store") is False:
        message += (
            " Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this"
            " item from your input."
        )
    return Refusal(message, "input", status=404)


def content_refusals(item: Json, where: str) -> Iterator[Refusal]:
    """Parts of a message that its role does not speak in."""
    if isinstance(item["content"], str):
        return
    own = item["role"] == "assistant"
    supported = "'output_text' and 'refusal'" if own else "'input_text', 'input_image', and 'input_file'"
    for index, part in enumerate(item["content"]):
        if part["type"].startswith("input_") == own:
            place_of_part = f"{where}.content[{index}]"
            message = f"Invalid value: '{part['type']}'. Supported values are: {supported}."
            yield Refusal(message, place_of_part, "invalid_value")


def calls_are_answered(items: list[Json]) -> Refusal | None:
    """Each output follows its call, whatever lies between them, and each call has its output."""
    unanswered: dict[tuple[str, str], None] = {}
    for item in items:
        kind = item_type(item)
        if kind in OUTPUT_OF.values():
            unanswered[kind, item["call_id"]] = None
        elif kind in OUTPUT_OF:
            called = (OUTPUT_OF[kind], item.get("call_id"))
            if called not in unanswered:
                words = WORDS_OF.get(called[0], called[0])
                message = f"No tool call found for {words} output with call_id {called[1]}."
                return Refusal(message, "input")
            del unanswered[called]
    for kind, call_id in unanswered:
        return Refusal(f"No tool output found for {WORDS_OF.get(kind, kind)} {call_id}.", "input")
    return None


def reasoning_is_followed(items: list[Json]) -> Refusal | None:
    """After reasoning comes what the model said or did next, not somebody else's words and not the end."""
    pending: str | None = None
    for item in [*items, {"type": "item_reference"}]:
        kind = item_type(item)
        if kind == "reasoning":
            pending = item.get("id") or "rs_"
            continue
        own = item["role"] == "assistant" if kind == "message" else kind not in NOT_THE_MODELS
        if pending and not own:
            message = f"Item '{pending}' of type 'reasoning' was provided without its required following item."
            return Refusal(message, "input")
        pending = None
    return None
