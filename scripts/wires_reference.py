#!/usr/bin/env python3
"""Print docs/reference/wires.md: what each wire format carries, found by asking the code itself.

python scripts/wires_reference.py > docs/reference/wires.md

Each feature is put into a request (or a reply), written in each wire and read again. What comes back the same is
carried; what the encoder declares is told in its own words; what it refuses, too. A difference that nobody declared is
an error here.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ecotone.values.chat import (
    AllowedTools,
    AudioPart,
    ChatRequest,
    CustomTool,
    DocumentPart,
    FunctionTool,
    ImagePart,
    Inline,
    JsonObjectFormat,
    JsonSchemaFormat,
    Message,
    NamedTool,
    Part,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    Sampling,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Url,
)
from ecotone.values.errors import UnsupportedFeature
from ecotone.values.reply import Choice, Reply, TokenLogprob, Usage
from ecotone.wire import WIRES
from ecotone.wire.wire import Wire

HEAD = """\
# What each wire carries

<!-- Made by scripts/wires_reference.py, which asks the code; change it there. -->

A client speaks one wire and the model behind Ecotone perhaps another. Where both speak the same, the request passes as
it is: every field, known to Ecotone or not, in its order. Where they differ, it is translated, and this page says what
becomes of each feature.

- **carried**: it arrives, and comes back, as what it was.
- **approximated** or **left out**: declared in the reply's header `x-ecotone-losses`, in the words given here.
- **refused**: leaving it out would change what the request means. The client gets an error (400, `unsupported_feature`)
  that names the feature and the models here that could do it.

Fields that only one wire has and that merely tune (marks for prompt caches, service tiers, metadata of a vendor) travel
along as that wire's metadata: kept byte for byte where the same wire is spoken behind, left out and declared elsewhere.
A vendor's signature on its model's thoughts goes back to that vendor unchanged by way of any client: [Any client, any
model](../guides/any-client-any-model.md#what-was-thought) says how.
"""
PNG = Inline("iVBORw0KGgo=", "image/png")
PDF = Inline("JVBERi0xLjc=", "application/pdf")
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = FunctionTool("get_weather", "The weather in a city.", SCHEMA)
CLOCK = FunctionTool("get_time", "The time in a city.", SCHEMA)
ASKED = Message("user", (TextPart("What?"),))
CALL = ToolCallPart("call_1", "get_weather", '{"city":"Bern"}')


def asking(*parts: Part, **fields: Any) -> ChatRequest:
    message = Message("user", parts) if parts else ASKED
    sampling = fields.pop("sampling", Sampling(max_tokens=4096))
    return ChatRequest("m", (message,), sampling=sampling, **fields)


def sampled(**fields: Any) -> ChatRequest:
    return asking(sampling=Sampling(max_tokens=4096, **fields))


def answered(result: ToolResultPart, *, call: ToolCallPart = CALL, **fields: Any) -> ChatRequest:
    messages = (ASKED, Message("assistant", (call,)), Message("tool", (result,)))
    return ChatRequest("m", messages, sampling=Sampling(max_tokens=4096), tools=(TOOL,), **fields)


def thought(part: ReasoningPart) -> ChatRequest:
    messages = (ASKED, Message("assistant", (part, TextPart("So."))), ASKED)
    return ChatRequest("m", messages, sampling=Sampling(max_tokens=4096))


SOME = AllowedTools((NamedTool("get_time"), NamedTool("get_news")), "required")
RESULT = ToolResultPart("call_1", (TextPart("Rain."),))
Look = Callable[[ChatRequest], Any]


def parts(request: ChatRequest) -> Any:
    """All parts of the conversation, roles included, without metadata and ids of a wire's own making."""
    return [
        (message.role if message.role != "tool" else "user", [bare(part) for part in message.parts])
        for message in request.messages
    ]


def bare(part: Part) -> Part:
    bared = msgspec.structs.replace(part, vendor={})
    if isinstance(bared, ImagePart) and bared.detail == "auto":
        # What each vendor does where nothing is said.
        return msgspec.structs.replace(bared, detail=None)
    if isinstance(bared, ToolResultPart):
        inner: Any = tuple(bare(inner) for inner in bared.parts)
        return msgspec.structs.replace(bared, parts=inner, is_error=bared.is_error or None)
    if isinstance(bared, ToolCallPart):
        return msgspec.structs.replace(bared, arguments=msgspec.json.encode(msgspec.json.decode(bared.arguments)))
    return bared


def instructions(request: ChatRequest) -> Any:
    """What the model is told first, whether a wire says the system or the developer tells it: vendors take both alike
    (https://platform.openai.com/docs/guides/text, "Message roles and instruction following")."""
    return [[bare(part) for part in message.parts] for message in request.system]


def tools(request: ChatRequest) -> Any:
    """The tools; not strict is what they are where nothing is said."""
    bared = [msgspec.structs.replace(tool, vendor={}) for tool in request.tools]
    return [
        msgspec.structs.replace(tool, strict=tool.strict or False) if isinstance(tool, FunctionTool) else tool
        for tool in bared
    ]


def sampling(name: str) -> Look:
    return lambda request: getattr(request.sampling, name)


def signed(wire: str) -> ChatRequest:
    return thought(ReasoningPart("Hm.", "c2lnbmF0dXJl", {}, wire))


REQUESTS: list[tuple[str, Callable[[str], ChatRequest], Look]] = [
    ("system prompt", lambda _: asking(system=(Message("system", (TextPart("Be brief."),)),)), instructions),
    ("developer message", lambda _: asking(system=(Message("developer", (TextPart("Be brief."),)),)), instructions),
    (
        "system message within the conversation",
        lambda _: ChatRequest(
            "m",
            (ASKED, Message("assistant", (TextPart("That."),)), Message("system", (TextPart("Be brief."),)), ASKED),
            sampling=Sampling(max_tokens=4096),
        ),
        parts,
    ),
    ("a participant's name", lambda _: asking_as("Ada"), lambda request: request.messages[0].name),
    ("text", lambda _: asking(TextPart("a"), TextPart("b")), parts),
    ("image in the request", lambda _: asking(TextPart("a"), ImagePart(PNG)), parts),
    ("image by address", lambda _: asking(TextPart("a"), ImagePart(Url("https://example.org/a.png"))), parts),
    (
        "how closely to look at an image",
        lambda _: asking(TextPart("a"), ImagePart(PNG, "low")),
        lambda request: request.messages[0].parts[1].detail,
    ),
    ("sound in the request", lambda _: asking(TextPart("a"), AudioPart("UklGRg==", "wav")), parts),
    ("PDF in the request", lambda _: asking(TextPart("a"), DocumentPart(PDF, "a.pdf")), parts),
    ("PDF by address", lambda _: asking(TextPart("a"), DocumentPart(Url("https://example.org/a.pdf"))), parts),
    ("tools", lambda _: asking(tools=(TOOL,)), tools),
    ("strict tools", lambda _: asking(tools=(msgspec.structs.replace(TOOL, strict=True),)), tools),
    ("tools with free text", lambda _: asking(tools=(CustomTool("run", "Runs it."),)), tools),
    ("tool choice: none", lambda _: asking(tools=(TOOL,), tool_choice="none"), lambda request: request.tool_choice),
    ("tool choice: any", lambda _: asking(tools=(TOOL,), tool_choice="required"), lambda request: request.tool_choice),
    (
        "tool choice: this one",
        lambda _: asking(tools=(TOOL, CLOCK), tool_choice=NamedTool("get_time")),
        lambda request: request.tool_choice,
    ),
    (
        "tool choice: one of these",
        lambda _: asking(tools=(TOOL, CLOCK, msgspec.structs.replace(TOOL, name="get_news")), tool_choice=SOME),
        lambda request: request.tool_choice,
    ),
    (
        "one tool call at a time",
        lambda _: asking(tools=(TOOL,), tool_choice="auto", parallel_tool_calls=False),
        lambda request: request.parallel_tool_calls,
    ),
    ("tool calls and results", lambda _: answered(RESULT), parts),
    (
        "a failed tool",
        lambda _: answered(ToolResultPart("call_1", (TextPart("No."),), is_error=True)),
        parts,
    ),
    (
        "image in a tool's result",
        lambda _: answered(ToolResultPart("call_1", (TextPart("See:"), ImagePart(PNG)))),
        parts,
    ),
    ("output by a JSON schema", lambda _: asking(output=JsonSchemaFormat("a", SCHEMA)), lambda request: shape(request)),
    ("output as any JSON object", lambda _: asking(output=JsonObjectFormat()), lambda request: request.output),
    ("most tokens", lambda _: asking(), sampling("max_tokens")),
    ("no limit to tokens", lambda _: asking(sampling=Sampling()), sampling("max_tokens")),
    ("temperature", lambda _: sampled(temperature=0.5), sampling("temperature")),
    ("temperature above 1", lambda _: sampled(temperature=1.5), sampling("temperature")),
    ("top_p", lambda _: sampled(top_p=0.5), sampling("top_p")),
    ("top_k", lambda _: sampled(top_k=20), sampling("top_k")),
    ("min_p", lambda _: sampled(min_p=0.1), sampling("min_p")),
    ("frequency penalty", lambda _: sampled(frequency_penalty=0.5), sampling("frequency_penalty")),
    ("presence penalty", lambda _: sampled(presence_penalty=0.5), sampling("presence_penalty")),
    ("seed", lambda _: sampled(seed=7), sampling("seed")),
    ("stop sequences", lambda _: sampled(stop=("END",)), sampling("stop")),
    ("several answers (n)", lambda _: sampled(n=2), sampling("n")),
    ("log probabilities", lambda _: sampled(logprobs=True, top_logprobs=2), sampling("top_logprobs")),
    ("logit bias", lambda _: sampled(logit_bias={"5": 1.0}), sampling("logit_bias")),
    (
        "effort of thinking",
        lambda _: asking(reasoning=Reasoning("high")),
        lambda request: request.reasoning and request.reasoning.effort,
    ),
    (
        "budget of thinking in tokens",
        lambda _: asking(reasoning=Reasoning(budget_tokens=2048)),
        lambda request: request.reasoning and request.reasoning.budget_tokens,
    ),
    (
        "thinking to be shown",
        lambda _: asking(reasoning=Reasoning("high", shown=True)),
        lambda request: request.reasoning and request.reasoning.shown,
    ),
    ("thoughts signed by this wire's vendor", signed, parts),
    ("thoughts signed by another vendor", lambda _: signed("elsewhere"), parts),
    ("thoughts without a signature", lambda _: thought(ReasoningPart("Hm.")), parts),
    ("the end user's id", lambda _: asking(user="u1"), lambda request: request.user),
    ("metadata", lambda _: asking(metadata={"a": "b"}), lambda request: request.metadata),
]


def asking_as(name: str) -> ChatRequest:
    return ChatRequest("m", (Message("user", (TextPart("a"),), name),), sampling=Sampling(max_tokens=4096))


def shape(request: ChatRequest) -> Any:
    return request.output.schema if isinstance(request.output, JsonSchemaFormat) else request.output


UNDECLARED: list[str] = []


def request_cell(wire: Wire, make: Callable[[str], ChatRequest], look: Look) -> str:
    request = make(wire.name)
    try:
        encoded = wire.encode_request(request)
    except UnsupportedFeature as error:
        return f"**refused**: {error.message}"
    body = msgspec.json.decode(msgspec.json.encode({"model": "m", **encoded.body}))
    came = look(wire.decode_request(body))
    if came == look(request):
        return "carried" if not encoded.losses else f"carried ({told(encoded.losses)})"
    if not encoded.losses:
        UNDECLARED.append(f"{wire.name} changes a feature and does not say so: {look(request)!r} became {came!r}")
    return f"approximated: {told(encoded.losses)}" if came else f"left out: {told(encoded.losses)}"


def told(losses: Any) -> str:
    return "; ".join(dict.fromkeys(loss.reason for loss in losses))


REPLIES: list[tuple[str, Callable[[str], Choice], Callable[[Choice], Any]]] = [
    ("text", lambda _: Choice(0, (TextPart("a"),), "stop"), lambda choice: said(choice)),
    (
        "tool calls, several at once",
        lambda _: Choice(0, (CALL, msgspec.structs.replace(CALL, id="call_2")), "tool_calls"),
        lambda choice: said(choice),
    ),
    (
        "call of a tool with free text",
        lambda _: Choice(0, (ToolCallPart("call_1", "run", "ls", "custom"),), "tool_calls"),
        lambda choice: [(part.name, part.arguments) for part in choice.parts if isinstance(part, ToolCallPart)],
    ),
    (
        "thoughts signed by this wire's vendor",
        lambda wire: Choice(0, (ReasoningPart("Hm.", "c2ln", {}, wire), TextPart("a")), "stop"),
        lambda choice: said(choice),
    ),
    (
        "thoughts signed by another vendor",
        lambda _: Choice(0, (ReasoningPart("Hm.", "c2ln", {}, "elsewhere"), TextPart("a")), "stop"),
        lambda choice: said(choice),
    ),
    (
        "thoughts without a signature",
        lambda _: Choice(0, (ReasoningPart("Hm."), TextPart("a")), "stop"),
        lambda choice: said(choice),
    ),
    ("refusal", lambda _: Choice(0, (RefusalPart("No."),), "refusal"), lambda choice: said(choice)),
    (
        "log probabilities",
        lambda _: Choice(0, (TextPart("a"),), "stop", logprobs=(TokenLogprob("a", -0.5),)),
        lambda choice: choice.logprobs and [(token.token, token.logprob) for token in choice.logprobs],
    ),
    *(
        (f"end: {reason}", lambda _, reason=reason: Choice(0, (TextPart("a"),), reason), lambda choice: choice.finish)
        for reason in ("stop", "length", "content_filter", "refusal", "pause")
    ),
]
USAGES = {
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "cached_input_tokens": "input from a cache",
    "cache_write_tokens": "input written to a cache",
    "reasoning_tokens": "thinking",
    "audio_input_tokens": "sound heard",
    "audio_output_tokens": "sound said",
}
COUNTS = Usage(900, 70, 512, 64, 50, 7, 5)
# As a client asks that wants all there is.
WANTED = asking(reasoning=Reasoning("high", shown=True), include_usage=True)


def said(choice: Choice) -> Any:
    return [
        msgspec.structs.replace(bare(part), **({"id": ""} if isinstance(part, ToolCallPart) else {}))
        for part in choice.parts
    ]


def came_back(wire: Wire, reply: Reply) -> Reply:
    wanted = WANTED
    if wire.name == "openai-responses":
        # Its clients ask for what is signed.
        wanted = msgspec.structs.replace(WANTED, vendor={f"{wire.name}.form": {"encrypted": True}})
    return wire.decode_reply(wire.encode_reply(reply, wanted))


def reply_cell(wire: Wire, make: Callable[[str], Choice], look: Callable[[Choice], Any]) -> str:
    choice = make(wire.name)
    back = came_back(wire, Reply((choice,), "r1", "m", 1, Usage(1, 1))).choices[0]
    came, went = look(back), look(choice)
    if came == went:
        return "carried"
    if isinstance(went, str):
        return f"becomes {came}"
    return "approximated" if came else "left out"


def usage_cell(wire: Wire, name: str) -> str:
    back = came_back(wire, Reply((Choice(0, (TextPart("a"),), "stop"),), "r1", "m", 1, COUNTS)).usage or Usage()
    return "carried" if getattr(back, name) == getattr(COUNTS, name) else "left out"


def table(first: str, rows: list[tuple[str, list[str]]], wires: list[Wire]) -> Iterator[str]:
    yield f"| {first} | " + " | ".join(wire.title for wire in wires) + " |"
    yield "|---" * (len(wires) + 1) + "|"
    for title, cells in rows:
        yield f"| {title} | " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def reference() -> str:
    wires = list(WIRES.values())
    lines = [HEAD, "## Requests, by the wire of the model", ""]
    rows = [(title, [request_cell(wire, make, look) for wire in wires]) for title, make, look in REQUESTS]
    lines += table("feature", rows, wires)
    lines += ["## Replies, by the wire of the client", ""]
    lines += ["Nothing in a reply is refused: the client gets what its wire can say.", ""]
    answers = [(title, [reply_cell(wire, make, look) for wire in wires]) for title, make, look in REPLIES]
    answers += [(f"usage: {title}", [usage_cell(wire, name) for wire in wires]) for name, title in USAGES.items()]
    lines += table("feature", answers, wires)
    if UNDECLARED:
        sys.exit("\n".join(UNDECLARED))
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
