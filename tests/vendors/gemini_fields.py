"""Google's JSON form of protocol buffers, read as strictly as its servers read it.

Names come in camelCase or as the proto has them; numbers may come as strings, bytes as base64 of either alphabet, enums
in any case; null is as good as absent (https://protobuf.dev/programming-guides/json/). What the messages are, the
vendor's SDK knows (`google.genai.types`); which of their fields each of the two APIs lacks is in the SDK's converters
(`google/genai/models.py`: what `_*_to_mldev` and `_*_to_vertex` refuse to send).
"""

import base64
import binascii
import enum
import json
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from .http_server import Json

# Fields that one API has and the other does not, by message.
ONLY_VERTEX: Mapping[str, frozenset[str]] = {
    "AuthConfig": frozenset(
        {
            "api_key_config",
            "auth_type",
            "google_service_account_config",
            "http_basic_auth_config",
            "oauth_config",
            "oidc_config",
        }
    ),
    "FunctionCall": frozenset({"partial_args", "will_continue"}),
    "FunctionCallingConfig": frozenset({"stream_function_call_arguments"}),
    "GenerationConfig": frozenset({"audio_timestamp", "enable_affective_dialog", "model_config", "routing_config"}),
    "GenerateContentRequest": frozenset({"model_armor_config", "output_config"}),
    "GoogleMaps": frozenset({"grounding_types"}),
    "GoogleSearch": frozenset({"blocking_confidence", "exclude_domains"}),
    "ImageConfig": frozenset({"image_output_options", "person_generation", "prominent_people"}),
    "SafetySetting": frozenset({"method"}),
    # "additionalProperties is only supported in Gemini Enterprise Agent Platform mode" (google/genai/_transformers.py);
    # the others are not in https://ai.google.dev/api/caching#Schema either.
    "Schema": frozenset({"additional_properties", "defs", "ref"}),
    "Tool": frozenset({"enterprise_web_search", "exa_ai_search", "parallel_ai_search", "retrieval"}),
}
ONLY_DEVELOPER: Mapping[str, frozenset[str]] = {
    "FunctionResponse": frozenset({"will_continue"}),
    "FunctionResponsePart": frozenset({"media_processing"}),
    "GenerationConfig": frozenset({"enable_enhanced_civic_answers"}),
    "GenerateContentRequest": frozenset({"store"}),
    "Part": frozenset({"part_metadata", "tool_call", "tool_response"}),
    "ReplicatedVoiceConfig": frozenset({"consent_audio", "voice_consent_signature"}),
    "Tool": frozenset({"file_search"}),
    "ToolConfig": frozenset({"include_server_side_tool_invocations"}),
}
PART_DATA = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
)
INT32 = range(-(2**31), 2**31)


class Message:
    """A message: its fields by proto name, as type annotations (a nested `Message` stands for itself)."""

    def __init__(self, name: str, fields: Mapping[str, Any]) -> None:
        self.name = name
        self.fields = dict(fields)
        self.proto_names = {to_camel(proto): proto for proto in fields} | {proto: proto for proto in fields}

    def without(self, lacking: frozenset[str]) -> "Message":
        return Message(self.name, {name: kind for name, kind in self.fields.items() if name not in lacking})


@cache
def messages() -> dict[str, Message]:
    """The messages of which requests consist at the top, which the SDK has no classes for."""
    # Here, not above: the SDK takes over a second to import, and only tests of this vendor shall pay for it.
    from google.genai import types as sdk

    generation = dict(sdk_fields(sdk.GenerationConfig)) | {"image_config": image_config()}
    generation["model_config"] = generation.pop("model_selection_config")
    request = {
        "model": str,
        "contents": list[sdk.Content],
        "system_instruction": sdk.Content,
        "tools": list[sdk.Tool],
        "tool_config": sdk.ToolConfig,
        "safety_settings": list[sdk.SafetySetting],
        "generation_config": Message("GenerationConfig", generation),
        "cached_content": str,
        "labels": dict[str, str],
        "service_tier": sdk.ServiceTier,
        "continuation_token": bytes,
        "store": bool,
        "model_armor_config": sdk.ModelArmorConfig,
        "output_config": sdk.GenerationOutputConfig,
    }
    generate = Message("GenerateContentRequest", request)
    counted = ("model", "contents", "system_instruction", "tools", "generation_config")
    embed = {"model": str, "content": sdk.Content, "task_type": str, "title": str, "output_dimensionality": int}
    vertex_embed = sdk_fields(sdk.EmbedContentConfig)
    of_the_client = {"http_options", "mime_type"}
    config = Message("EmbedContentConfig", {name: vertex_embed[name] for name in vertex_embed.keys() - of_the_client})
    instance = {"content": str, "task_type": str, "title": str, "mime_type": str}
    settings = Message("Parameters", {"output_dimensionality": int, "auto_truncate": bool})
    return {
        "generateContent": generate,
        "developer:countTokens": Message(
            "CountTokensRequest",
            {"model": str, "contents": list[sdk.Content], "generate_content_request": generate},
        ),
        "vertex:countTokens": Message("CountTokensRequest", {name: request[name] for name in counted}),
        "developer:embedContent": Message("EmbedContentRequest", embed),
        "vertex:embedContent": Message(
            "EmbedContentRequest", {"model": str, "content": sdk.Content, "embed_content_config": config}
        ),
        "developer:batchEmbedContents": Message(
            "BatchEmbedContentsRequest", {"model": str, "requests": [Message("EmbedContentRequest", embed)]}
        ),
        "vertex:batchEmbedContents": Message(
            "BatchEmbedContentsRequest",
            {"requests": [Message("EmbedContentRequest", {"content": sdk.Content, "embed_content_config": config})]},
        ),
        "vertex:predict": Message(
            "PredictRequest", {"instances": [Message("Instance", instance)], "parameters": settings}
        ),
    }


def image_config() -> Message:
    from google.genai import types as sdk  # late, as in `messages`

    # The SDK sends these two within `imageOutputOptions`.
    folded = {"output_mime_type", "output_compression_quality"}
    fields = sdk_fields(sdk.ImageConfig)
    return Message("ImageConfig", {name: kind for name, kind in fields.items() if name not in folded})


def sdk_fields(model: type[BaseModel]) -> dict[str, Any]:
    return {name: about.annotation for name, about in model.model_fields.items()}


@cache
def sdk_message(model: type[BaseModel]) -> Message:
    return Message(model.__name__, sdk_fields(model))


@dataclass
class Reading:
    """One value being read. `violations`: (place, what is wrong there) in the words of Google's servers."""

    vertex: bool
    violations: list[tuple[str, str]] = field(default_factory=list)

    def lacking(self, name: str) -> frozenset[str]:
        return (ONLY_DEVELOPER if self.vertex else ONLY_VERTEX).get(name, frozenset())

    def message(self, value: Any, of: Message, place: str) -> Any:
        """The message with the camelCase names of its fields, and without its nulls."""
        if not isinstance(value, dict):
            return self.wrong(place, "message", value)
        known = of.without(self.lacking(of.name)).proto_names
        read: Json = {}
        for name, inner in value.items():
            proto = known.get(name)
            if proto is None:
                self.unknown(name, place, "Cannot find field.")
                continue
            if inner is None:
                continue
            camel, kind = to_camel(proto), of.fields[proto]
            if camel in read:
                self.unknown(name, place, "Proto field is already set.")
            elif isinstance(inner, list) and not (is_repeated(kind) or is_free(kind)):
                self.unknown(name, place, "Proto field is not repeating, cannot start list.")
            else:
                read[camel] = self.value(inner, kind, f"{place}.{proto}" if place else proto)
        if of.name == "Part":
            self._one_of(read, place)
        return read

    def _one_of(self, part: Json, place: str) -> None:
        for member in [member for member in part if member in PART_DATA][1:]:
            text = f"Invalid value at '{place}' (oneof), oneof field 'data' is already set. Cannot set '{member}'"
            self.violations.append((place, text))

    def value(self, value: Any, kind: Any, place: str) -> Any:
        """A value of the type that the annotation `kind` stands for."""
        kind = without_none(kind)
        if isinstance(kind, Message):
            return self.message(value, kind, place)
        if is_repeated(kind):
            inner = kind[0] if isinstance(kind, list) else typing.get_args(kind)[0]
            # A single value passes for a list of one.
            values = value if isinstance(value, list) else [value]
            return [self.value(item, inner, f"{place}[{index}]") for index, item in enumerate(values)]
        if typing.get_origin(kind) is dict:
            return self._map(value, typing.get_args(kind)[1], place)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return self.message(value, sdk_message(kind), place)
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return self._enum(value, kind, place)
        return value if kind is Any else self._scalar(value, kind, place)

    def _map(self, value: Any, inner: Any, place: str) -> Any:
        if not isinstance(value, dict):
            return self.wrong(place, "map", value)
        if inner is Any:
            return value
        entries = enumerate(value.items())
        return {key: self.value(item, inner, f"{place}[{index}].value") for index, (key, item) in entries}

    def _enum(self, value: Any, kind: type[enum.Enum], place: str) -> Any:
        words = {str(member.value).upper(): member.value for member in kind}
        if isinstance(value, str) and value.upper() in words:
            return words[value.upper()]
        name = f"google.cloud.aiplatform.v1beta1.{kind.__name__}"
        if not self.vertex:
            name = f"google.ai.generativelanguage.v1beta.{kind.__name__}"
        return self.wrong(place, f"type.googleapis.com/{name}", value)

    def _scalar(self, value: Any, kind: Any, place: str) -> Any:
        match kind:
            case _ if kind is bool:
                return value if isinstance(value, bool) else self.wrong(place, "TYPE_BOOL", value)
            case _ if kind is int:
                number = as_number(value)
                if number is None or not number.is_integer() or int(number) not in INT32:
                    return self.wrong(place, "TYPE_INT32", value)
                return int(number)
            case _ if kind is float:
                number = as_number(value)
                return self.wrong(place, "TYPE_FLOAT", value) if number is None else number
            case _ if kind is bytes:
                if not isinstance(value, str):
                    return self.wrong(place, "TYPE_BYTES", value)
                return value if decoded(value) is not None else self._not_base64(place, value)
        # Times and durations are strings as well.
        return value if isinstance(value, str) else self.wrong(place, "TYPE_STRING", value)

    def _not_base64(self, place: str, value: str) -> None:
        text = f"Invalid value at '{place}' (TYPE_BYTES), Base64 decoding failed for {json.dumps(value)}"
        self.violations.append((place, text))

    def wrong(self, place: str, kind: str, value: Any) -> None:
        self.violations.append((place, f"Invalid value at '{place}' ({kind}), {json.dumps(value)}"))

    def unknown(self, name: str, place: str, why: str) -> None:
        at = f" at '{place}'" if place else ""
        self.violations.append((place, f"Invalid JSON payload received. Unknown name {json.dumps(name)}{at}: {why}"))


def without_none(kind: Any) -> Any:
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return kind
    left = [choice for choice in typing.get_args(kind) if choice is not type(None)]
    return left[0] if len(left) == 1 else Any


def is_repeated(kind: Any) -> bool:
    kind = without_none(kind)
    return isinstance(kind, list) or typing.get_origin(kind) is list


def is_free(kind: Any) -> bool:
    return without_none(kind) is Any


def as_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def decoded(text: str) -> bytes | None:
    """What base64 in either alphabet, padded or not, stands for; None if it is none."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    if not re.fullmatch(r"[A-Za-z0-9+/]*", plain) or len(plain) % 4 == 1:
        return None
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4))
    except binascii.Error:
        return None
