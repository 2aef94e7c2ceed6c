"""What the vendor refuses: requests outside its schemas, and requests that break rules a schema cannot say.

The schemas are the vendor's own (`openai_schemas.json`). The rules come from the same description's prose and from the
vendor's guides; each names the field as the vendor's error body does.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

Json = dict[str, Any]
Rule = Callable[[Json], "Refusal | None"]

NAME_PATTERN = re.compile(r"[a-zA-Z0-9_-]{1,64}")
# max_tokens: "not compatible with o-series models"; stop: "Not supported with latest reasoning models o3 and o4-mini".
O_SERIES = re.compile(r"o\d")
NO_STOP = re.compile(r"o3(?!-mini)|o4-mini")
KEYWORD_CODES = {
    "minimum": "below_min_value",
    "maximum": "above_max_value",
    "minItems": "array_below_min_length",
    "maxItems": "array_above_max_length",
    "maxLength": "string_above_max_length",
    "minLength": "string_below_min_length",
}


@dataclass(frozen=True)
class Refusal:
    """An error of the vendor: the four fields of its body and the HTTP status."""

    message: str
    param: str | None = None
    code: str | None = None
    status: int = 400
    type: str = "invalid_request_error"

    def fields(self) -> Json:
        return {"message": self.message, "type": self.type, "param": self.param, "code": self.code}

    def body(self) -> bytes:
        return json.dumps({"error": self.fields()}, indent=2).encode()


@cache
def definitions() -> Json:
    """The schemas by name."""
    defs: Json = json.loads(Path(__file__).with_name("openai_schemas.json").read_text())["$defs"]
    return defs


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions()})


def violations(name: str, value: Any) -> list[str]:
    """Everything that is wrong with `value` as the named schema, in jsonschema's words; for checking replies."""
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(value)]


def schema_refusal(name: str, value: Any) -> Refusal | None:
    """The first breach of the named schema, as the vendor words it."""
    errors = sorted(validator(name).iter_errors(value), key=lambda error: error.json_path)
    return worded(nearest(errors[0])) if errors else None


def nearest(error: ValidationError) -> ValidationError:
    """Within alternatives, the breach of the alternative that was meant: the one whose kind the value has."""
    while error.validator == "anyOf" and error.context:
        branches = alternatives(error)
        meant = [branch for branch in branches if not any(is_other_kind(inner, error) for inner in branch)]
        if meant:
            error = min(meant, key=len)[0]
            continue
        kinds = [inner for branch in branches for inner in branch if inner.validator == "enum"]
        if not kinds:
            return error
        enums: list[Any] = [kind.validator_value for kind in kinds]
        error = kinds[0]
        error.validator_value = [value for enum in enums for value in enum]
    return error


def alternatives(error: ValidationError) -> list[list[ValidationError]]:
    """The breaches of each alternative, alternatives within alternatives laid flat."""
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    flat = []
    for branch in branches.values():
        nested = len(branch) == 1 and branch[0].validator == "anyOf" and not branch[0].relative_path
        flat += alternatives(branch[0]) if nested else [branch]
    return flat


def is_other_kind(inner: ValidationError, outer: ValidationError) -> bool:
    """True if this breach says that the value is no such thing at all, rather than a faulty one."""
    path = list(inner.absolute_path)[len(outer.absolute_path) :]
    return inner.validator in ("type", "enum") and path in ([], ["type"], ["role"])


def place(path: Iterable[str | int]) -> str:
    """`messages[0].content`, as the vendor writes it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def worded(error: ValidationError) -> Refusal:
    # The library types these as possibly unset, which they are only in errors made by hand.
    value: Any = error.instance
    limit: Any = error.validator_value
    where = place(error.absolute_path)
    prefix = f"{where}." if where else ""
    match error.validator:
        case "required":
            missing = prefix + next(name for name in limit if name not in value)
            return Refusal(f"Missing required parameter: '{missing}'.", missing, "missing_required_parameter")
        case "additionalProperties":
            known = error.schema["properties"] if isinstance(error.schema, dict) else {}
            unknown = prefix + next(name for name in value if name not in known)
            return Refusal(f"Unknown parameter: '{unknown}'.", unknown, "unknown_parameter")
        case "enum":
            supported = ", ".join(f"'{item}'" for item in limit)
            return Refusal(f"Invalid value: '{value}'. Supported values are: {supported}.", where, "invalid_value")
        case "type" | "anyOf":
            expected = f"expected {limit}" if error.validator == "type" else "expected one of its documented types"
            message = f"Invalid type for '{where}': {expected}, but got {json_type(value)} instead."
            return Refusal(message, where, "invalid_type")
        case "minItems" if not value:
            return Refusal(f"Invalid '{where}': empty array.", where, "empty_array")
        case "minimum" | "maximum":
            number = "integer" if isinstance(value, int) else "decimal"
            bound = ">=" if error.validator == "minimum" else "<="
            message = f"Invalid '{where}': expected a value {bound} {limit}, but got {value} instead."
            return Refusal(message, where, f"{number}_{KEYWORD_CODES[error.validator]}")
        case word:
            message = f"Invalid '{where}': it breaks the limit {word} {limit}."
            return Refusal(message, where, KEYWORD_CODES.get(str(word), "invalid_value"))


def json_type(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def chat_refusal(request: Any) -> Refusal | None:
    """Why the vendor would refuse this body of POST /chat/completions, or None."""
    return schema_refusal("CreateChatCompletionRequest", request) or first_broken(CHAT_RULES, request)


def completion_refusal(request: Any) -> Refusal | None:
    """The same for POST /completions."""
    return schema_refusal("CreateCompletionRequest", request) or first_broken(COMPLETION_RULES, request)


def embedding_refusal(request: Any) -> Refusal | None:
    """The same for POST /embeddings."""
    return schema_refusal("CreateEmbeddingRequest", request) or first_broken(EMBEDDING_RULES, request)


def first_broken(rules: Iterable[Rule], request: Json) -> Refusal | None:
    return next((refusal for rule in rules if (refusal := rule(request))), None)


def stream_options_need_stream(request: Json) -> Refusal | None:
    if request.get("stream_options") is not None and not request.get("stream"):
        return Refusal("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    return None


def one_output_limit(request: Json) -> Refusal | None:
    limits = [request.get(name) for name in ("max_tokens", "max_completion_tokens")]
    if None not in limits:
        both = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        return Refusal(both, "max_tokens", "invalid_parameter_combination")
    if limits[0] is not None and O_SERIES.match(request["model"]):
        instead = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        return Refusal(f"Unsupported parameter: {instead}", "max_tokens", "unsupported_parameter")
    for name, limit in zip(("max_tokens", "max_completion_tokens"), limits, strict=True):
        if limit is not None and limit < 1:
            message = f"Invalid '{name}': expected a value >= 1, but got {limit} instead."
            return Refusal(message, name, "integer_below_min_value")
    return None


def stop_is_supported(request: Json) -> Refusal | None:
    if request.get("stop") is not None and NO_STOP.match(request["model"]):
        message = "Unsupported parameter: 'stop' is not supported with this model."
        return Refusal(message, "stop", "unsupported_parameter")
    return None


def top_logprobs_need_logprobs(request: Json) -> Refusal | None:
    if request.get("top_logprobs") is not None and not request.get("logprobs"):
        message = "'top_logprobs' is only allowed when 'logprobs' is enabled."
        return Refusal(message, "top_logprobs", "invalid_parameter_combination")
    return None


def logit_bias_is_bounded(request: Json) -> Refusal | None:
    for token, bias in (request.get("logit_bias") or {}).items():
        if not token.isdigit() or not -100 <= bias <= 100:
            message = "Invalid 'logit_bias': token ids with a bias from -100 to 100 are expected."
            return Refusal(message, f"logit_bias.{token}", "invalid_value")
    return None


def metadata_is_small(request: Json) -> Refusal | None:
    """16 pairs, keys of 64 characters, values of 512."""
    metadata = request.get("metadata") or {}
    if len(metadata) > 16:
        message = f"Invalid 'metadata': too many properties. At most 16 are allowed, but got {len(metadata)}."
        return Refusal(message, "metadata", "object_above_max_properties")
    for key, value in metadata.items():
        if len(key) > 64 or len(value) > 512:
            message = f"Invalid 'metadata.{key[:64]}': string too long."
            return Refusal(message, f"metadata.{key[:64]}", "string_above_max_length")
    return None


def audio_is_configured(request: Json) -> Refusal | None:
    if "audio" in (request.get("modalities") or ()) and not request.get("audio"):
        return Refusal("'audio' is required when audio output is requested with 'modalities'.", "audio")
    return None


def tool_fields_need_tools(request: Json) -> Refusal | None:
    for name in ("tool_choice", "parallel_tool_calls"):
        if name in request and not request.get("tools") and request[name] != "none":
            message = f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified."
            return Refusal(message, name)
    if "function_call" in request and not request.get("functions"):
        return Refusal("'function_call' is only allowed when 'functions' are specified.", "function_call")
    return None


def tools_are_sound(request: Json) -> Refusal | None:
    tools = request.get("tools")
    if tools == []:
        return Refusal("Invalid 'tools': empty array.", "tools", "empty_array")
    if tools and len(tools) > 128:
        return Refusal("Invalid 'tools': array too long, the limit is 128.", "tools", "array_above_max_length")
    names = set()
    for index, tool in enumerate(tools or ()):
        kind = tool["type"]
        name, where = tool[kind]["name"], f"tools[{index}].{kind}"
        if not NAME_PATTERN.fullmatch(name):
            message = f"Invalid '{where}.name': it does not match the pattern '^[a-zA-Z0-9_-]+$' or is over 64 long."
            return Refusal(message, f"{where}.name", "invalid_value")
        if kind == "function" and tool["function"].get("strict"):
            breach = strict_schema_breach(tool["function"].get("parameters", {}))
            if breach:
                message = f"Invalid schema for function '{name}': {breach}"
                return Refusal(message, f"{where}.parameters", "invalid_function_parameters")
        names.add(name)
    choice = request.get("tool_choice")
    if isinstance(choice, dict) and choice["type"] != "allowed_tools":
        wanted = choice[choice["type"]]["name"]
        if wanted not in names:
            return Refusal(f"Tool choice '{wanted}' not found in 'tools' parameter.", "tool_choice")
    return None


def response_format_is_sound(request: Json) -> Refusal | None:
    wanted = request.get("response_format") or {"type": "text"}
    if wanted["type"] == "json_object" and "json" not in json.dumps(request["messages"]).lower():
        message = "The word 'json' must be somewhere in 'messages' to use 'response_format' of type 'json_object'."
        return Refusal(message, "messages")
    if wanted["type"] != "json_schema":
        return None
    name = wanted["json_schema"]["name"]
    if not NAME_PATTERN.fullmatch(name):
        message = "Invalid 'response_format.json_schema.name': it does not match the pattern '^[a-zA-Z0-9_-]+$'."
        return Refusal(message, "response_format.json_schema.name", "invalid_value")
    if wanted["json_schema"].get("strict"):
        breach = strict_schema_breach(wanted["json_schema"].get("schema", {}))
        if breach:
            return Refusal(f"Invalid schema for response_format '{name}': {breach}", "response_format")
    return None


def strict_schema_breach(schema: Any, context: tuple[str, ...] = ()) -> str | None:
    """Strict schemas close every object and require every property (guide "Structured Outputs")."""
    if isinstance(schema, list):
        return next((breach for item in schema if (breach := strict_schema_breach(item, context))), None)
    if not isinstance(schema, dict):
        return None
    kinds = schema.get("type")
    if kinds == "object" or (isinstance(kinds, list) and "object" in kinds):
        if schema.get("additionalProperties") is not False:
            return f"In context={context}, 'additionalProperties' is required to be supplied and to be false."
        missing = [name for name in schema.get("properties", {}) if name not in schema.get("required", [])]
        if missing:
            return f"In context={context}, 'required' must include every key in properties. Missing '{missing[0]}'."
    inner = ((word, schema[word]) for word in ("properties", "$defs", "items", "anyOf") if word in schema)
    for word, value in inner:
        parts = value.values() if word in ("properties", "$defs") else [value]
        for part in parts:
            if breach := strict_schema_breach(part, (*context, word)):
                return breach
    return None


def messages_say_something(request: Json) -> Refusal | None:
    for index, message in enumerate(request["messages"]):
        if message["role"] == "assistant" and message.get("content") is None:
            if any(message.get(name) for name in ("tool_calls", "function_call", "refusal", "audio")):
                continue
            where = f"messages[{index}].content"
            return Refusal(f"Invalid value for '{where}': expected a string, got null.", where)
        if message["role"] == "assistant" and message.get("tool_calls") == []:
            where = f"messages[{index}].tool_calls"
            return Refusal(f"Invalid '{where}': empty array.", where, "empty_array")
    return None


def tool_messages_answer_calls(request: Json) -> Refusal | None:
    """Each tool message answers a call of the assistant before it; each call is answered before others speak."""
    asked_at, open_calls = 0, set[str]()
    for index, message in enumerate([*request["messages"], {"role": "end"}]):
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                text = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                return Refusal(f"Invalid parameter: {text}", f"messages.[{index}].role")
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            text = "An assistant message with 'tool_calls' must be followed by tool messages answering each of them."
            unanswered = f"The following tool_call_ids did not have response messages: {', '.join(sorted(open_calls))}"
            return Refusal(f"{text} {unanswered}", f"messages.[{asked_at}].role")
        asked_at, open_calls = index, {call["id"] for call in message.get("tool_calls") or ()}
    return None


def best_of_covers_n(request: Json) -> Refusal | None:
    best_of = request.get("best_of")
    if best_of is not None and best_of < (request.get("n") or 1):
        return Refusal("'best_of' must be at least 'n'.", "best_of")
    if best_of is not None and best_of > 1 and request.get("stream"):
        return Refusal("Results cannot be streamed with 'best_of'.", "best_of")
    return None


def embedding_input_is_sound(request: Json) -> Refusal | None:
    wanted = request["input"]
    if wanted == "" or (isinstance(wanted, list) and any(item in ("", []) for item in wanted)):
        return Refusal("Invalid 'input': it cannot be an empty string.", "input", "invalid_value")
    return None


def dimensions_are_supported(request: Json) -> Refusal | None:
    if "dimensions" in request and not request["model"].startswith("text-embedding-3"):
        return Refusal("This model does not support specifying dimensions.", "dimensions")
    return None


CHAT_RULES: tuple[Rule, ...] = (
    stream_options_need_stream,
    one_output_limit,
    stop_is_supported,
    top_logprobs_need_logprobs,
    logit_bias_is_bounded,
    metadata_is_small,
    audio_is_configured,
    tool_fields_need_tools,
    tools_are_sound,
    response_format_is_sound,
    messages_say_something,
    tool_messages_answer_calls,
)
COMPLETION_RULES: tuple[Rule, ...] = (stream_options_need_stream, logit_bias_is_bounded, best_of_covers_n)
EMBEDDING_RULES: tuple[Rule, ...] = (embedding_input_is_sound, dimensions_are_supported)
