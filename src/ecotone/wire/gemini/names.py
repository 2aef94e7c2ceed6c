"""The names of a request's fields in their usual form.

Google's servers read JSON as protocol buffers do (https://protobuf.dev/programming-guides/json/): a field may be called
`thoughtSignature` or `thought_signature`, and where a list is due, a single value stands for a list of one. So may
clients here. What is not Google's own message (arguments, responses, JSON Schemas, labels) is not looked into.
"""

import re
from collections.abc import Mapping
from typing import Any

from ecotone.values.chat import Json
from ecotone.values.errors import MalformedRequest


class _Message:
    """A message: the names of its fields in camelCase, those that hold lists, and the messages within."""

    def __init__(self, names: str = "", *, lists: str = "", **within: "_Message") -> None:
        known = [*names.split(), *lists.split(), *within]
        self.renamed = {snake_case(name): name for name in known if snake_case(name) != name}
        self.lists = frozenset(lists.split())
        self.within: Mapping[str, _Message] = within
        self.opened = {name: (name in self.lists, within.get(name)) for name in (*self.lists, *within)}
        self.of_note = frozenset((*self.renamed, *self.opened))


def snake_case(name: str) -> str:
    """The name as the proto has it."""
    return re.sub("[A-Z]", lambda found: "_" + found.group().lower(), name)


_FILE = _Message("fileUri mimeType displayName")
_BLOB = _Message("data mimeType displayName")
_RESPONSE_PART = _Message("mediaResolution videoMetadata", inlineData=_BLOB, fileData=_FILE)
_PART = _Message(
    "text thought thoughtSignature executableCode codeExecutionResult videoMetadata toolCall toolResponse partMetadata"
    " mediaResolution audioTranscription mediaProcessing speechMetadata documentMetadata spreadsheetMetadata"
    " audioMetadata",
    inlineData=_BLOB,
    fileData=_FILE,
    functionCall=_Message("partialArgs willContinue"),
    functionResponse=_Message("willContinue scheduling", lists="parts", parts=_RESPONSE_PART),
)
_CONTENT = _Message("role", lists="parts", parts=_PART)
_DECLARATION = _Message("name description parameters parametersJsonSchema response responseJsonSchema behavior")
_TOOL = _Message(
    "retrieval computerUse fileSearch googleSearch googleMaps codeExecution enterpriseWebSearch googleSearchRetrieval"
    " parallelAiSearch urlContext mcpServers exaAiSearch",
    lists="functionDeclarations",
    functionDeclarations=_DECLARATION,
)
_TOOL_CONFIG = _Message(
    "retrievalConfig includeServerSideToolInvocations",
    functionCallingConfig=_Message("mode streamFunctionCallArguments", lists="allowedFunctionNames"),
)
_GENERATION_CONFIG = _Message(
    "temperature topP topK candidateCount maxOutputTokens responseLogprobs logprobs presencePenalty frequencyPenalty"
    " seed responseMimeType responseSchema responseJsonSchema routingConfig modelConfig mediaResolution speechConfig"
    " audioTimestamp imageConfig enableAffectiveDialog enableEnhancedCivicAnswers responseFormat translationConfig"
    " audioTranscriptionConfig",
    lists="stopSequences responseModalities",
    thinkingConfig=_Message("includeThoughts thinkingBudget thinkingLevel"),
)
_REQUEST = _Message(
    "model cachedContent labels serviceTier continuationToken store modelArmorConfig outputConfig",
    lists="contents tools safetySettings",
    contents=_CONTENT,
    systemInstruction=_CONTENT,
    tools=_TOOL,
    toolConfig=_TOOL_CONFIG,
    generationConfig=_GENERATION_CONFIG,
)
_COUNT = _Message(
    lists="contents tools",
    contents=_CONTENT,
    systemInstruction=_CONTENT,
    tools=_TOOL,
    generationConfig=_GENERATION_CONFIG,
    generateContentRequest=_REQUEST,
)


def usual_names(request: Json) -> None:
    """Gives the fields of a generateContent request, which is changed, their usual names."""
    _rename(request, _REQUEST)


def usual_count_names(request: Json) -> None:
    """The same for a countTokens request."""
    _rename(request, _COUNT)


def _rename(value: Any, message: _Message) -> None:
    if isinstance(value, dict):
        if message.of_note.isdisjoint(value):
            return
        if not message.renamed.keys().isdisjoint(value):
            _rename_here(value, message.renamed)
        opened = message.opened
        for name, inner in value.items():
            if name in opened:
                is_list, within = opened[name]
                if is_list and isinstance(inner, (dict, str)):
                    value[name] = inner = [inner]
                if within is not None:
                    for item in inner if isinstance(inner, list) else (inner,):
                        _rename(item, within)
    elif isinstance(value, list):
        for item in value:
            _rename(item, message)


def _rename_here(value: Json, renamed: Mapping[str, str]) -> None:
    """Gives the fields of one message their usual names. Raises MalformedRequest for one that is there under both, as
    Google's servers refuse it: of two values who reads it next might take the other."""
    for given in tuple(value):
        name = renamed.get(given)
        if name is None:
            continue
        if name in value:
            raise MalformedRequest(f"`{name}` and `{given}` are one field; send one of them.", param=given)
        value[name] = value.pop(given)
