"""What the vendor refuses: requests outside its messages, and requests that break rules the messages cannot say.

The messages are the SDK's (`gemini_fields.py`). The rules come from the SDK's own documentation of each field, from
https://ai.google.dev/gemini-api/docs (function-calling, structured-output, thinking) and
https://ai.google.dev/api/generate-content, and from reports of the very refusals.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from .gemini_fields import Reading, messages
from .gemini_models import Traits, traits
from .gemini_refusal import Refusal, bad_fields
from .gemini_turns import contents_refusal, parts_refusal
from .http_server import Json

# "Must start with a letter or an underscore. Must be a-z, A-Z, 0-9, or contain underscores, dots, colons and dashes,
# with a maximum length of 128" (google.genai.types.FunctionDeclaration).
NAME_PATTERN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
MEDIA = ("text/plain", "application/json", "text/x.enum")
CATEGORIES = frozenset({"HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "HARASSMENT", "CIVIC_INTEGRITY"})
OUTPUT_MAX_TOKENS = 65536
STOPS_MAX = 5
CANDIDATES_MAX = 8
TOP_LOGPROBS_MAX = 20
EMBEDDING_MAX_DIMENSIONS = 3072
RANGES = {
    "temperature": (0, 2),
    "topP": (0, 1),
    "topK": (1, float("inf")),
    "candidateCount": (1, CANDIDATES_MAX),
    "maxOutputTokens": (1, OUTPUT_MAX_TOKENS),
    "presencePenalty": (-2, 2),
    "frequencyPenalty": (-2, 2),
    "logprobs": (0, TOP_LOGPROBS_MAX),
}


@dataclass(frozen=True)
class Asked:
    """A generateContent request with its names in camelCase, and what its model can do. `given`: the signatures that
    a test scripted."""

    model: str
    request: Json
    given: frozenset[str] = frozenset()

    @property
    def traits(self) -> Traits:
        return traits(self.model)

    @property
    def config(self) -> Json:
        config: Json = self.request.get("generationConfig", {})
        return config

    @property
    def declarations(self) -> list[Json]:
        return [item for tool in self.request.get("tools", ()) for item in tool.get("functionDeclarations", ())]


Rule = Callable[[Asked], Refusal | None]


def read(body: Any, method: str, *, vertex: bool) -> Json | Refusal:
    """The body of this method with its names in camelCase, or why it does not fit its message."""
    known = messages()
    message = known.get(method) or known[f"{'vertex' if vertex else 'developer'}:{method}"]
    if not isinstance(body, dict):
        return Refusal('Invalid JSON payload received. Unknown name "": Root element must be a message.')
    reading = Reading(vertex)
    fields: Json = reading.message(body, message, "")
    return bad_fields(reading.violations) if reading.violations else fields


def generate_refusal(asked: Asked) -> Refusal | None:
    """Why the vendor would refuse this, though it fits the message, or None."""
    return next((refusal for rule in GENERATE_RULES if (refusal := rule(asked))), None)


def contents_are_sound(asked: Asked) -> Refusal | None:
    return contents_refusal(asked.request.get("contents"), asked.traits, asked.given)


def instruction_is_text(asked: Asked) -> Refusal | None:
    instruction = asked.request.get("systemInstruction")
    if instruction is None:
        return None
    if not all(set(part) <= {"text", "thought", "thoughtSignature"} for part in instruction.get("parts", ())):
        return Refusal("System instruction must be text only.")
    return parts_refusal([instruction], "system_instruction")


def numbers_are_in_range(asked: Asked) -> Refusal | None:
    for name, (least, most) in RANGES.items():
        value = asked.config.get(name)
        if value is not None and not least <= value <= most:
            proto = re.sub("([A-Z])", lambda found: "_" + found[1].lower(), name)
            where = f"* GenerateContentRequest.generation_config.{proto}"
            return Refusal(f"{where}: {proto} must be in the range [{least}, {most}].\n")
    return None


def stops_are_few(asked: Asked) -> Refusal | None:
    stops = asked.config.get("stopSequences", [])
    where = "* GenerateContentRequest.generation_config.stop_sequences"
    if len(stops) > STOPS_MAX:
        return Refusal(f"{where}: at most {STOPS_MAX} stop sequences are supported, but got {len(stops)}.\n")
    return Refusal(f"{where}: stop sequence cannot be empty.\n") if "" in stops else None


def candidates_are_supported(asked: Asked) -> Refusal | None:
    if asked.traits.one_candidate and asked.config.get("candidateCount", 1) != 1:
        return Refusal("Multiple candidates is not enabled for this model")
    return None


def logprobs_are_asked_for(asked: Asked) -> Refusal | None:
    if asked.config.get("logprobs") is not None and not asked.config.get("responseLogprobs"):
        return Refusal("logprobs can only be set when response_logprobs is true.")
    return None


def output_form_is_sound(asked: Asked) -> Refusal | None:
    """`responseSchema` or `responseJsonSchema`, not both, each with a MIME type that it can go with."""
    config, where = asked.config, "* GenerateContentRequest.generation_config"
    kind = config.get("responseMimeType") or "text/plain"
    if kind not in MEDIA:
        return Refusal(f"{where}.response_mime_type: allowed mimetypes are `text/plain`, `application/json`, ...\n")
    if "responseSchema" in config and "responseJsonSchema" in config:
        return Refusal(f"{where}.response_json_schema: response_schema must be omitted when it is set.\n")
    for name in ("responseSchema", "responseJsonSchema"):
        proto = "response_schema" if name == "responseSchema" else "response_json_schema"
        if name in config and (kind == "text/plain" or (kind != MEDIA[1] and name == "responseJsonSchema")):
            return Refusal(f"{where}.{proto}: only allowed when response_mime_type is application/json.\n")
    if "responseJsonSchema" in config and (breach := json_schema_breach(config["responseJsonSchema"])):
        return Refusal(f"{where}.response_json_schema: {breach}\n")
    if "responseSchema" in config and (breach := schema_breach(config["responseSchema"], "response_schema")):
        return Refusal(f"{where}.{breach}\n")
    if kind == MEDIA[1] and asked.declarations and not asked.traits.calls_with_json:
        return Refusal(f"Function calling with a response mime type: '{kind}' is unsupported")
    return None


def thinking_is_supported(asked: Asked) -> Refusal | None:
    wanted, known = asked.config.get("thinkingConfig"), asked.traits
    if wanted is None:
        return None
    level, budget = wanted.get("thinkingLevel"), wanted.get("thinkingBudget")
    if not known.thinks and (level or budget or wanted.get("includeThoughts")):
        return Refusal(f"Thinking is not enabled for models/{asked.model}")
    if level is not None and budget is not None:
        return Refusal("You can only set only one of thinking budget and thinking level.")
    if level is not None and not known.levels:
        return Refusal("Thinking level is not supported for this model.")
    if level is not None and level not in known.levels:
        retry = "Please retry with other thinking level."
        return Refusal(f"Thinking level {level} is not supported for this model. {retry}")
    if budget == 0 and known.thinks and not known.can_idle:
        return Refusal("Budget 0 is invalid. This model only works in thinking mode.")
    if budget not in (None, 0, -1) and budget not in known.budgets:
        bounds = f"between {known.budgets.start} and {known.budgets.stop - 1}"
        return Refusal(f"The thinking budget {budget} is invalid. Please choose a value {bounds}.")
    return None


def tools_are_sound(asked: Asked) -> Refusal | None:
    tools = asked.request.get("tools", [])
    for index, tool in enumerate(tools):
        where = f"* GenerateContentRequest.tools[{index}]"
        if not tool:
            return Refusal(f"{where}.tool_type: required one_of 'tool_type' must have one initialized field\n")
        for number, declaration in enumerate(tool.get("functionDeclarations", ())):
            breach = declaration_breach(declaration)
            if breach:
                return Refusal(f"{where}.function_declarations[{number}].{breach}\n")
    names = [declaration["name"] for declaration in asked.declarations]
    for name in names:
        if names.count(name) > 1:
            return Refusal(f"Duplicate function declaration found: {name}")
    if names and any(set(tool) - {"functionDeclarations"} for tool in tools) and not asked.traits.calls_with_json:
        return Refusal("Tool use with function calling is unsupported")
    return None


def declaration_breach(declaration: Json) -> str | None:
    if not NAME_PATTERN.fullmatch(declaration.get("name", "")):
        return (
            "name: Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, "
            "0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128."
        )
    for plain, other in (("parameters", "parametersJsonSchema"), ("response", "responseJsonSchema")):
        if plain in declaration and other in declaration:
            return f"{plain}: must not be set together with {plain}_json_schema."
        if other in declaration and (breach := json_schema_breach(declaration[other])):
            return f"{plain}_json_schema: {breach}"
    if "parametersJsonSchema" in declaration and declaration["parametersJsonSchema"].get("type") != "object":
        return "parameters_json_schema: schema should be of type OBJECT."
    parameters = declaration.get("parameters")
    if parameters is not None and parameters.get("type") != "OBJECT":
        return "parameters: schema should be of type OBJECT."
    return None if parameters is None else schema_breach(parameters, "parameters")


def schema_breach(schema: Json, where: str) -> str | None:
    """What is wrong with an OpenAPI-subset schema, in the words of the server
    (https://github.com/danny-avila/LibreChat/issues/6971, https://github.com/langchain-ai/langchain-google/pull/416)."""
    kind = schema.get("type")
    if kind is None and "anyOf" not in schema:
        return f"{where}.type: must be specified when not using one_of, any_of or all_of fields"
    if "enum" in schema and kind != "STRING":
        return f"{where}.enum: only allowed for STRING type"
    if kind == "STRING" and schema.get("format", "enum") not in ("enum", "date-time"):
        return f"{where}.format: only 'enum' and 'date-time' are supported for STRING type"
    if kind == "OBJECT" and not schema.get("properties"):
        return f"{where}.properties: should be non-empty for OBJECT type"
    if kind == "ARRAY" and "items" not in schema:
        return f"{where}.items: missing field."
    if kind != "ARRAY" and "items" in schema:
        return f"{where}.items: field predicate failed: $type == Type.ARRAY"
    properties = schema.get("properties", {})
    for number, name in enumerate(schema.get("required", ())):
        if name not in properties:
            return f"{where}.required[{number}]: property is not defined"
    inner = [(f"{where}.properties[{name}]", value) for name, value in properties.items()]
    inner += [(f"{where}.any_of[{number}]", value) for number, value in enumerate(schema.get("anyOf", ()))]
    inner += [(f"{where}.items", schema["items"])] if "items" in schema else []
    return next((breach for place, value in inner if (breach := schema_breach(value, place))), None)


def json_schema_breach(schema: Any) -> str | None:
    if not isinstance(schema, dict):
        return "must be an object."
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"invalid JSON schema: {error.message}"
    return None


def tool_config_is_sound(asked: Asked) -> Refusal | None:
    config = asked.request.get("toolConfig", {}).get("functionCallingConfig")
    if config is None:
        return None
    declared = {declaration["name"] for declaration in asked.declarations}
    if not declared:
        return Refusal("Function calling config is set without function_declarations.")
    allowed = config.get("allowedFunctionNames", [])
    if allowed and config.get("mode") not in ("ANY", "VALIDATED"):
        return Refusal("allowed_function_names should only be set when the function calling mode is ANY or VALIDATED.")
    for name in allowed:
        if name not in declared:
            return Refusal(f"allowed_function_names contains `{name}`, which is not in function_declarations.")
    return None


def safety_settings_are_sound(asked: Asked) -> Refusal | None:
    settings = [setting.get("category", "") for setting in asked.request.get("safetySettings", ())]
    for index, category in enumerate(settings):
        where = f"* GenerateContentRequest.safety_settings[{index}]"
        if category.removeprefix("HARM_CATEGORY_") not in CATEGORIES:
            return Refusal(f"{where}: element predicate failed: $.category in ({', '.join(sorted(CATEGORIES))})\n")
        if category in settings[:index]:
            return Refusal(f"{where}: only one safety setting per category is allowed.\n")
    return None


def cached_content_exists(asked: Asked) -> Refusal | None:
    if asked.request.get("cachedContent"):
        return Refusal("CachedContent not found (or permission denied)", 403)
    return None


GENERATE_RULES: tuple[Rule, ...] = (
    instruction_is_text,
    tools_are_sound,
    tool_config_is_sound,
    numbers_are_in_range,
    stops_are_few,
    candidates_are_supported,
    logprobs_are_asked_for,
    output_form_is_sound,
    thinking_is_supported,
    safety_settings_are_sound,
    cached_content_exists,
    contents_are_sound,
)


def counted(body: Json, model: str) -> Asked | Refusal:
    """What a countTokens request asks to count."""
    if "generateContentRequest" not in body:
        return Asked(model, body)
    inner: Json = body["generateContentRequest"]
    if "contents" in body:
        return Refusal("contents and generate_content_request are mutually exclusive.")
    if inner.get("model") != f"models/{model}":
        return Refusal("* CountTokensRequest.model: model in the request and in its generate_content_request differ.\n")
    return Asked(model, inner)


def embed_refusal(requests: Iterable[Json], model: str | None) -> Refusal | None:
    """Why contents to embed are refused: each is text and, in a batch of the developer API, names the model again."""
    for index, request in enumerate(requests):
        where = f"* BatchEmbedContentsRequest.requests[{index}]"
        config = request.get("embedContentConfig", request)
        if model is not None and request.get("model") != f"models/{model}":
            return Refusal(f"{where}.model: unexpected model name format\n")
        if not request.get("content", {}).get("parts"):
            return Refusal(f"{where}.content: content is required\n")
        if any("text" not in part for part in request["content"]["parts"]):
            return Refusal(f"{where}.content: only text can be embedded with this model\n")
        if "title" in config and config.get("taskType") != "RETRIEVAL_DOCUMENT":
            return Refusal(f"{where}.title: only allowed with the task type RETRIEVAL_DOCUMENT\n")
        if not 0 < config.get("outputDimensionality", 1) <= EMBEDDING_MAX_DIMENSIONS:
            return Refusal(f"{where}.output_dimensionality: must be between 1 and {EMBEDDING_MAX_DIMENSIONS}\n")
    return None


def predict_refusal(body: Json) -> Refusal | None:
    if not body.get("instances"):
        return Refusal("Invalid request: at least one instance is required.")
    if not all(instance.get("content") for instance in body["instances"]):
        return Refusal("The text content is empty.")
    return None
