"""Cut the schemas the fake vendors need out of the OpenAPI description of the OpenAI API.

    python -m tests.vendors.extract_openai_schemas openai-openapi.json DATE

rewrites `openai_schemas.json` beside this file. OpenAPI's own words (`nullable`, `discriminator`, refs into
`components`) become plain JSON Schema 2020-12, prose is left out, and every object that lists its properties is closed,
because the vendor refuses fields it does not know.
"""

import json
import sys
from pathlib import Path
from typing import Any

FACTS = Path(__file__).with_name("openai_schemas.json")
ROOTS = (
    "CompactResource",
    "CompactResponseMethodPublicBody",
    "CreateChatCompletionRequest",
    "CreateChatCompletionResponse",
    "CreateChatCompletionStreamResponse",
    "CreateCompletionRequest",
    "CreateCompletionResponse",
    "CreateEmbeddingRequest",
    "CreateEmbeddingResponse",
    "CreateResponse",
    "ErrorResponse",
    "ListModelsResponse",
    "Model",
    "Response",
    "ResponseStreamEvent",
    "TokenCountsBody",
    "TokenCountsResource",
)
PROSE = {"description", "title", "example", "examples", "default", "deprecated", "discriminator", "nullable"}
REF = "#/components/schemas/"


def plain(schema: Any, *, names: bool = False) -> Any:
    """The schema as JSON Schema 2020-12. `names`: the keys of this object are property names, not keywords."""
    if isinstance(schema, list):
        return [plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if names:
        return {name: plain(value) for name, value in schema.items()}
    result: dict[str, Any] = {}
    for word, value in schema.items():
        if word in PROSE or word.startswith("x-"):
            continue
        if word == "$ref":
            result[word] = value.replace(REF, "#/$defs/")
        else:
            # Alternatives overlap in the description (an enum beside any string): one match or more is meant.
            result["anyOf" if word == "oneOf" else word] = plain(value, names=word == "properties")
    if "properties" in result:
        result.setdefault("additionalProperties", False)
    return {"anyOf": [result, {"type": "null"}]} if schema.get("nullable") else result


def merged(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    """One closed object in place of an `allOf` of objects, so that the closed parts do not refuse one another."""
    if "$ref" in schema:
        return merged(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "allOf" not in schema:
        return schema
    whole: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    for part in (merged(part, defs) for part in schema["allOf"]):
        whole["properties"] |= part["properties"]
        whole["required"] += part.get("required", [])
    return whole


def refs(schema: Any) -> set[str]:
    """Names of the schemas this one points at."""
    if isinstance(schema, list):
        return set().union(*map(refs, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    here = {schema["$ref"].rpartition("/")[2]} if isinstance(schema.get("$ref"), str) else set()
    return here.union(*map(refs, schema.values()))


def amend(schemas: dict[str, Any]) -> None:
    """What the vendor's SDK (openai 3.54) knows and the description, being older, does not yet; and `annotations` in an
    assistant's message, which the vendor must take: its own examples send its replies back as they came."""
    message = schemas["ChatCompletionRequestAssistantMessage"]
    message["properties"]["annotations"] = schemas["ChatCompletionResponseMessage"]["properties"]["annotations"]
    image = schemas["ChatCompletionRequestMessageContentPartImage"]["properties"]["image_url"]
    image["properties"]["detail"]["enum"].append("original")
    schemas["PromptCacheBreakpointParam"]["properties"]["ttl"] = {"type": "string", "enum": ["30m", "12h"]}
    for name in ("CreateChatCompletionRequest", "CreateResponse", "Response"):
        schemas[name]["properties"]["safety_identifier"]["anyOf"][0]["maxLength"] = 128


def extract(description: dict[str, Any], date: str) -> dict[str, Any]:
    """The fact file: the roots with all they point at, and where they come from."""
    components = description["components"]["schemas"]
    wanted, todo = dict[str, Any](), set(ROOTS)
    while todo:
        name = todo.pop()
        wanted[name] = merged(plain(components[name]), {key: plain(value) for key, value in components.items()})
        todo |= refs(wanted[name]) - wanted.keys()
    amend(wanted)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": (
            "Component schemas of the OpenAPI description of the OpenAI API (github.com/openai/openai-openapi), "
            f"version {description['info']['version']}, taken {date}; made by extract_openai_schemas.py. Licence: MIT, "
            "Copyright (c) OpenAI (https://openai.com); its text is in openai_schemas.LICENSE."
        ),
        "$defs": dict(sorted(wanted.items())),
    }


if __name__ == "__main__":
    source, date = sys.argv[1:]
    facts = extract(json.loads(Path(source).read_text()), date)
    head = json.dumps({key: value for key, value in facts.items() if key != "$defs"}, indent=1)[:-2]
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(schema)}" for name, schema in facts["$defs"].items())
    FACTS.write_text(f'{head},\n "$defs": {{\n{rows}\n }}\n}}\n')
