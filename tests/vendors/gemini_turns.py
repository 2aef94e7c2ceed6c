"""What the vendor refuses in `contents`: parts, turns, calls and their responses, thought signatures.

Sources: https://ai.google.dev/gemini-api/docs/thought-signatures, https://ai.google.dev/gemini-api/docs/function-calling,
and for the wording and for what the guides leave out, the reports named beside the rules.
"""

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .gemini_fields import PART_DATA, decoded
from .gemini_models import Traits
from .gemini_refusal import Refusal
from .http_server import Json

# "user" and "model"; the SDK's own guide sends function responses as "tool", older guides as "function".
ROLES = ("user", "model")
RESPONSE_ROLES = ("user", "function", "tool")
MEDIA_TYPES = re.compile(r"(image|audio|video|text)/[\w.+-]+|application/(pdf|json|rtf|x-javascript|x-python)")
# Documented ways to go on with a history of which another model made the calls (thought-signatures, FAQ).
STAND_INS = (b"skip_thought_signature_validator", b"context_engineering_is_the_way_to_go")
SIGNATURES_GUIDE = "https://ai.google.dev/gemini-api/docs/thought-signatures"


def contents_refusal(contents: Any, traits: Traits, given: frozenset[str]) -> Refusal | None:
    """Why the vendor would refuse these contents, or None. `given`: signatures that a test scripted."""
    return (
        parts_refusal(contents, "contents")
        or roles_refusal(contents)
        or media_refusal(contents)
        or calls_refusal(contents, traits)
        or signatures_refusal(contents, traits, given)
        or last_turn_refusal(contents, traits)
    )


def parts_refusal(contents: Any, where: str) -> Refusal | None:
    if not contents:
        return Refusal("* GenerateContentRequest.contents: contents is not specified\n")
    for index, content in enumerate(contents):
        place = f"* GenerateContentRequest.{where}[{index}].parts"
        if not content.get("parts"):
            return Refusal(f"{place}: contents.parts must not be empty.\n")
        for number, part in enumerate(content["parts"]):
            if not any(name in part for name in PART_DATA):
                text = "required oneof field 'data' must have one initialized field"
                return Refusal(f"{place}[{number}].data: {text}\n")
    return None


def roles_refusal(contents: list[Json]) -> Refusal | None:
    for content in contents:
        role = content.get("role") or "user"
        kinds = {name for part in content["parts"] for name in PART_DATA if name in part}
        if "functionResponse" in kinds and role not in RESPONSE_ROLES:
            return Refusal("Please ensure that function response parts have the role user.")
        if role not in (*ROLES, *(RESPONSE_ROLES if "functionResponse" in kinds else ())):
            return Refusal("Please use a valid role: user, model.")
        if "functionCall" in kinds and role != "model":
            return Refusal("Please ensure that function call parts have the role model.")
    if len(contents) == 1 and contents[0].get("role") == "model":
        return Refusal("Please ensure that single turn requests end with a user role or the role field is empty.")
    return None


def media_refusal(contents: list[Json]) -> Refusal | None:
    for part in (part for content in contents for part in content["parts"]):
        for name in ("inlineData", "fileData"):
            if name not in part:
                continue
            kind = part[name].get("mimeType", "")
            # The type of an uploaded file is known without saying.
            if not MEDIA_TYPES.fullmatch(kind) and not (name == "fileData" and not kind):
                return Refusal(f"Unsupported MIME type: {kind}")
        if "inlineData" in part and not part["inlineData"].get("data"):
            return Refusal("Unable to process input image. Please provide a valid image.")
        if "fileData" in part and not part["fileData"].get("fileUri"):
            return Refusal("Unsupported file URI type: ")
    return None


@dataclass(frozen=True)
class Turn:
    """One entry of `contents`, by what it is to function calling."""

    calls: list[Json]
    responses: list[Json]
    is_model: bool


def turn(content: Json) -> Turn:
    calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
    responses = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
    return Turn(calls, responses, content.get("role") == "model")


def calls_refusal(contents: list[Json], traits: Traits) -> Refusal | None:
    """Each turn of calls follows a user turn or responses, and is followed by as many responses
    (https://github.com/google-gemini/gemini-cli/issues/5443, .../26486)."""
    nothing = Turn([], [], is_model=True)
    turns = [turn(content) for content in contents]
    for before, now, after in zip([nothing, *turns], turns, [*turns[1:], nothing], strict=False):
        if now.calls and before.is_model:
            order = "comes immediately after a user turn or after a function response turn."
            return Refusal(f"Please ensure that function call turn {order}")
        if now.responses and not before.calls:
            return Refusal("Please ensure that function response turn comes immediately after a function call turn.")
        if now.calls and len(now.calls) != len(after.responses):
            count = "is equal to the number of function call parts of the function call turn."
            return Refusal(f"Please ensure that the number of function response parts {count}")
        if now.calls and (refusal := pairs_refusal(now.calls, after.responses, traits)):
            return refusal
    return None


def pairs_refusal(calls: list[Json], responses: list[Json], traits: Traits) -> Refusal | None:
    """Responses bear the names and, where given, the ids of the calls. Models from 3.7 on demand the ids
    (https://github.com/router-for-me/CLIProxyAPI/issues/5199)."""
    for kind, entries in (("call", calls), ("response", responses)):
        if not all(entry.get("name") for entry in entries):
            return Refusal(f"* GenerateContentRequest.contents: function_{kind}.name: Name cannot be empty.\n")
    if not all("response" in entry for entry in responses):
        return Refusal("* GenerateContentRequest.contents: function_response.response: must be set.\n")
    if Counter(call["name"] for call in calls) != Counter(response["name"] for response in responses):
        return Refusal("Please ensure that the function response names match the function call names.")
    names = {call["id"]: call["name"] for call in calls if call.get("id")}
    if len(names) != sum(1 for call in calls if call.get("id")):
        return Refusal("Please ensure that function call ids are unique within a function call turn.")
    ids = [response["id"] for response in responses if response.get("id")]
    missing = traits.demands_ids and len(ids) < len(names)
    strange = any(names.get(response["id"]) != response["name"] for response in responses if response.get("id"))
    if missing or len(set(ids)) != len(ids) or (names and strange):
        return Refusal("functionResponse.id does not match functionCall.id")
    return None


def signatures_refusal(contents: list[Json], traits: Traits, given: frozenset[str]) -> Refusal | None:
    """Every signature that comes back is one of this vendor's and is where it was; Gemini 3 demands one at the first
    call of each step since the user last spoke."""
    spoke = [index for index, content in enumerate(contents) if is_spoken(content)]
    current = spoke[-1] if spoke else -1
    for index, content in enumerate(contents):
        calls = [part for part in content["parts"] if "functionCall" in part]
        if traits.demands_signatures and index > current and calls and "thoughtSignature" not in calls[0]:
            name = calls[0]["functionCall"]["name"]
            return Refusal(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                "work correctly, and missing thought_signature may lead to degraded model performance. Additional "
                f"data, function call `default_api:{name}` , position {index + 1}. "
                f"Please refer to {SIGNATURES_GUIDE} for more details."
            )
        if any(not is_genuine(part, content, given) for part in content["parts"] if "thoughtSignature" in part):
            return Refusal("Corrupted thought signature.")
    return None


def is_spoken(content: Json) -> bool:
    """True if the user says something here, rather than that functions respond."""
    return content.get("role") != "model" and any("functionResponse" not in part for part in content["parts"])


def is_genuine(part: Json, content: Json, given: frozenset[str]) -> bool:
    signature = part["thoughtSignature"]
    plain = decoded(signature)
    if signature in given or plain in STAND_INS or signature.encode() in STAND_INS:
        return True
    if "functionCall" in part:
        return plain == decoded(call_signature(part["functionCall"]))
    return plain == decoded(text_signature(spoken(content)))


def spoken(content: Json) -> str:
    """The words of a model's turn, however a client joined the pieces of a stream."""
    return "".join(part["text"] for part in content["parts"] if "text" in part and not part.get("thought"))


def call_signature(call: Json) -> str:
    """The thought signature of this very call. The order of the arguments' names has no meaning, nor has `1.0`
    against `1`: arguments are a `Struct`."""
    return signature_of("call", json.dumps([call["name"], plain_numbers(call.get("args", {}))], sort_keys=True))


def text_signature(text: str) -> str:
    """The thought signature that goes with a model's turn of these words and no calls."""
    return signature_of("text", text)


def signature_of(kind: str, what: str) -> str:
    digest = hashlib.sha512(f"fake Gemini {kind}\0{what}".encode("utf-8", "surrogatepass")).digest()
    return base64.b64encode(b"\x12\x42\x0a\x40" + digest[:61]).decode()


def plain_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: plain_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain_numbers(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def last_turn_refusal(contents: list[Json], traits: Traits) -> Refusal | None:
    """https://github.com/LibreChat-AI/agents/pull/323 tells which models refuse it."""
    if traits.refuses_prefill and contents[-1].get("role") == "model":
        return Refusal("Requests ending with a model turn are not supported.")
    return None


def heard(contents: list[Json]) -> Iterator[str]:
    """The words of the user's last turn."""
    for content in reversed(contents):
        if is_spoken(content):
            yield from (part["text"] for part in content["parts"] if "text" in part)
            return
