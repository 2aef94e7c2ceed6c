"""A chat request: who said what, with which tools, and how the answer should look.

Values carry no ids of storage and no wire's quirks. What a wire knows and these values do not rides along in
`vendor`, keyed by the wire's name, so that a round trip through the same wire loses nothing.
"""

from typing import Any, Literal

import msgspec

Json = dict[str, Any]
"""A JSON object as decoded: str keys; str, int, float, bool, None, list and dict values."""

Vendor = dict[str, Json]
"""Opaque metadata by wire name (`openai-chat`, `anthropic`, ...)."""

Role = Literal["system", "developer", "user", "assistant", "tool"]


class Url(msgspec.Struct, frozen=True, tag="url"):
    """Content somewhere else; fetched by whoever answers."""

    url: str


class Inline(msgspec.Struct, frozen=True, tag="inline"):
    """Content in the request itself. `data` is base64; `media_type` is None where the wire does not say."""

    data: str
    media_type: str | None = None


class FileReference(msgspec.Struct, frozen=True, tag="file"):
    """Content uploaded before, known to one vendor by `id`."""

    id: str


Source = Url | Inline | FileReference


class TextPart(msgspec.Struct, frozen=True, tag="text"):
    text: str
    vendor: Vendor = {}


class ImagePart(msgspec.Struct, frozen=True, tag="image"):
    """`detail` is how closely to look (`auto`, `low`, `high`), None if unsaid."""

    source: Source
    detail: str | None = None
    vendor: Vendor = {}


class AudioPart(msgspec.Struct, frozen=True, tag="audio"):
    """Sound said or heard. A spoken answer has an `id` and a `transcript`; `expires_at` is Unix seconds, UTC."""

    data: str | None = None
    format: str | None = None
    id: str | None = None
    transcript: str | None = None
    expires_at: int | None = None
    vendor: Vendor = {}


class DocumentPart(msgspec.Struct, frozen=True, tag="document"):
    source: Source
    filename: str | None = None
    vendor: Vendor = {}


class ToolCallPart(msgspec.Struct, frozen=True, tag="tool_call"):
    """The model asks for a tool. `arguments` is the text as the model wrote it: JSON for functions, free for custom."""

    id: str
    name: str
    arguments: str
    kind: Literal["function", "custom"] = "function"
    vendor: Vendor = {}


class ReasoningPart(msgspec.Struct, frozen=True, tag="reasoning"):
    """The model thinking. `signature` is the vendor's opaque proof and is carried untouched; `wire` names the wire
    whose vendor made it, None where there is none."""

    text: str
    signature: str | None = None
    vendor: Vendor = {}
    wire: str | None = None


class RefusalPart(msgspec.Struct, frozen=True, tag="refusal"):
    text: str
    vendor: Vendor = {}


class ToolResultPart(msgspec.Struct, frozen=True, tag="tool_result"):
    """What a tool answered to the call `tool_call_id`. `is_error` is None where the wire does not say."""

    tool_call_id: str
    parts: tuple[TextPart | ImagePart | DocumentPart, ...]
    is_error: bool | None = None
    vendor: Vendor = {}


class OpaquePart(msgspec.Struct, frozen=True, tag="opaque"):
    """Content that only the wire it came in understands (a video, a vendor's citation): `data` as it was there."""

    wire: str
    data: Json
    vendor: Vendor = {}


ReplyPart = TextPart | ReasoningPart | RefusalPart | ToolCallPart | AudioPart | ImagePart | OpaquePart
Part = ReplyPart | DocumentPart | ToolResultPart


class Message(msgspec.Struct, frozen=True):
    """One turn. `name` tells participants of the same role apart."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    vendor: Vendor = {}


class FunctionTool(msgspec.Struct, frozen=True, tag="function"):
    """`parameters` is a JSON Schema; None means that the function takes none."""

    name: str
    description: str | None = None
    parameters: Json | None = None
    strict: bool | None = None
    vendor: Vendor = {}


class CustomTool(msgspec.Struct, frozen=True, tag="custom"):
    """A tool with free-text input, or text held to a grammar. `format` is the wire's own description of it."""

    name: str
    description: str | None = None
    format: Json | None = None
    vendor: Vendor = {}


class OpaqueTool(msgspec.Struct, frozen=True, tag="opaque"):
    """A tool that only the wire it came in understands, such as a vendor's own web search: `data` as it was there."""

    wire: str
    data: Json
    vendor: Vendor = {}


Tool = FunctionTool | CustomTool | OpaqueTool


class NamedTool(msgspec.Struct, frozen=True, tag="named"):
    """This tool must be called."""

    name: str
    kind: Literal["function", "custom"] = "function"


class AllowedTools(msgspec.Struct, frozen=True, tag="allowed"):
    """Only these may be called; with `required`, one of them must be."""

    tools: tuple[NamedTool, ...]
    mode: Literal["auto", "required"] = "auto"


ToolChoice = Literal["auto", "none", "required"] | NamedTool | AllowedTools


class TextFormat(msgspec.Struct, frozen=True, tag="text"):
    pass


class JsonObjectFormat(msgspec.Struct, frozen=True, tag="json_object"):
    """Some JSON object, of no particular schema."""


class JsonSchemaFormat(msgspec.Struct, frozen=True, tag="json_schema"):
    """JSON that validates against `schema`."""

    name: str
    schema: Json | None = None
    description: str | None = None
    strict: bool | None = None


OutputFormat = TextFormat | JsonObjectFormat | JsonSchemaFormat


class Sampling(msgspec.Struct, frozen=True):
    """How tokens are chosen. None leaves the model's own default."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    logit_bias: dict[str, float] | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class Reasoning(msgspec.Struct, frozen=True):
    """How much to think first: a word (`effort`, of which "none" means not at all) or a number of tokens
    (`budget_tokens`). `shown`: whether the client wants to see what was thought; None where it did not say."""

    effort: str | None = None
    budget_tokens: int | None = None
    shown: bool | None = None


class Need(msgspec.Struct, frozen=True):
    """What only the wire `wire` can say and what may not be left out: `feature` is its field or type there."""

    wire: str
    feature: str


class ChatRequest(msgspec.Struct, frozen=True):
    """One request for a reply.

    `system` holds the leading system and developer messages; later ones stay among `messages`.
    `include_usage` asks for token counts at the end of a stream; None where the client did not say. `needs` lists what
    is in `vendor` and may not be dropped: a wire that cannot say it must refuse. On a wire whose path names the model
    and asks for a stream, `model` is empty and `stream` False until whoever read the path has set them.
    """

    model: str
    messages: tuple[Message, ...]
    system: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    sampling: Sampling = Sampling()
    reasoning: Reasoning | None = None
    stream: bool = False
    include_usage: bool | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    vendor: Vendor = {}
    needs: tuple[Need, ...] = ()
