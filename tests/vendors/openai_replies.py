"""What the vendor answers: replies scripted in a few words, built in full, checked against the SDK's own models."""

import base64
import hashlib
import itertools
import json
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from .openai_server import CREATED
from .scripts import Declined, Reply, ScriptError, Text, Thinking, ToolCall, Usage, pieces
from .sdk_models import checked, example

Json = dict[str, Any]
# Open servers send a model's thoughts in this field; the vendor itself has none like it.
EXTENSIONS = frozenset({"reasoning_content"})
EMBEDDING_DIMENSIONS = 1536
ARGUMENT_PIECE = 7  # characters of a tool call's arguments in one streamed delta
FINGERPRINT = "fp_fake000001"


@dataclass(frozen=True)
class Choice:
    """One choice in full, before it is written whole or in deltas."""

    index: int
    text: list[str] | None
    refusal: list[str] | None
    reasoning: list[str]
    tool_calls: list[ToolCall]
    finish_reason: str


class ChatAnswer:
    """A scripted reply worked out for one chat request; writes itself whole or as a stream."""

    def __init__(self, request: Json, reply: Reply, serial: int) -> None:
        self.request, self.reply = request, reply
        self.head: Json = {
            "id": f"chatcmpl-fake{serial:08d}",
            "created": CREATED + serial,
            "model": reply.model or request["model"],
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
        }
        self.choices = [self._choice(index, serial) for index in range(request.get("n") or 1)]

    def _choice(self, index: int, serial: int) -> Choice:
        reply, said = self.reply, self.reply.said()
        if any(isinstance(part, Thinking) and (part.signature or part.hidden) for part in said):
            raise ScriptError("this vendor neither signs nor hides reasoning")
        forced = None if said else forced_call(self.request)
        calls = self._permitted([forced] if forced else [part for part in said if isinstance(part, ToolCall)])
        texts = [part for part in said if isinstance(part, Text)]
        words = [word for part in texts for word in part.words] if texts else None
        if not said and not calls:
            words = pieces(default_text(self.request))
        refusals = [part.text for part in said if isinstance(part, Declined)]
        if words is not None and index:
            words = [*words, f" [{index}]"]
        words, natural = limited(words, self.request)
        finish = "tool_calls" if calls else natural
        return Choice(
            index=index,
            text=words,
            refusal=pieces("".join(refusals)) if refusals else None,
            reasoning=pieces("".join(part.text for part in said if isinstance(part, Thinking))),
            tool_calls=[
                replace(call, id=call.id or f"call_fake{serial:06d}_{index}_{position}")
                for position, call in enumerate(calls)
            ],
            finish_reason=reply.finish_reason or finish,
        )

    def _permitted(self, calls: list[ToolCall]) -> list[ToolCall]:
        offered = {tool["function"]["name"] for tool in self.request.get("tools", ()) if tool["type"] == "function"}
        if any(call.kind == "custom" for call in calls):
            raise ScriptError("the streaming grammar has no form for calls of custom tools")
        if strangers := {call.name for call in calls} - offered:
            raise ScriptError(f"the request offers no tool {strangers}")
        if len(calls) > 1 and self.request.get("parallel_tool_calls") is False:
            raise ScriptError("the request forbids parallel tool calls")
        return calls

    def whole(self) -> Json:
        choices = [
            {
                "index": choice.index,
                "message": self._message(choice),
                "logprobs": self._logprobs(choice.text, choice.refusal),
                "finish_reason": choice.finish_reason,
            }
            for choice in self.choices
        ]
        payload = {**self.head, "object": "chat.completion", "choices": choices, "usage": self._usage()}
        return checked(ChatCompletion, payload, EXTENSIONS)

    def _message(self, choice: Choice) -> Json:
        message: Json = {
            "role": "assistant",
            "content": None if choice.text is None else "".join(choice.text),
            "refusal": None if choice.refusal is None else "".join(choice.refusal),
            "annotations": [],
        }
        if choice.tool_calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in choice.tool_calls
            ]
        if choice.reasoning:
            message["reasoning_content"] = "".join(choice.reasoning)
        return message

    def events(self) -> Iterator[Json]:
        """The chunks of the stream; choices take turns, as they do at the vendor."""
        options = self.request.get("stream_options") or {}
        for turn in itertools.zip_longest(*(self._deltas(choice) for choice in self.choices)):
            for choice, delta in zip(self.choices, turn, strict=True):
                if delta is not None:
                    yield self._chunk(choice, delta, options)
        if options.get("include_usage"):
            yield checked(ChatCompletionChunk, self._chunk_head(options) | {"choices": [], "usage": self._usage()})

    def _chunk_head(self, options: Json) -> Json:
        head = {**self.head, "object": "chat.completion.chunk"}
        if options.get("include_usage"):
            head["usage"] = None
        return head

    def _chunk(self, choice: Choice, delta: Json, options: Json) -> Json:
        done = not delta
        said = [delta["content"]] if delta.get("content") else None
        refused = [delta["refusal"]] if delta.get("refusal") else None
        entry = {
            "index": choice.index,
            "delta": delta,
            "logprobs": self._logprobs(said, refused) if said or refused else None,
            "finish_reason": choice.finish_reason if done else None,
        }
        payload = self._chunk_head(options) | {"choices": [entry]}
        if options.get("include_obfuscation", True):
            # Pads a delta towards a common size, so that sizes on the line tell less of the words.
            payload["obfuscation"] = "x" * (16 - len(json.dumps(delta)) % 16)
        return checked(ChatCompletionChunk, payload, EXTENSIONS)

    def _deltas(self, choice: Choice) -> Iterator[Json]:
        first: Json = {"role": "assistant", "content": None if choice.tool_calls else ""}
        yield first | {"refusal": None}
        for name, words in (
            ("reasoning_content", choice.reasoning),
            ("content", choice.text or ()),
            ("refusal", choice.refusal or ()),
        ):
            for word in words:
                yield {name: word}
        for index, call in enumerate(choice.tool_calls):
            opened = {"index": index, "id": call.id, "type": "function"}
            yield {"tool_calls": [opened | {"function": {"name": call.name, "arguments": ""}}]}
            for start in range(0, len(call.arguments), ARGUMENT_PIECE):
                piece = call.arguments[start : start + ARGUMENT_PIECE]
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
        yield {}

    def _logprobs(self, text: list[str] | None, refusal: list[str] | None) -> Json | None:
        if not self.request.get("logprobs"):
            return None
        return {name: self._token_logprobs(words) for name, words in (("content", text), ("refusal", refusal))}

    def _token_logprobs(self, words: list[str] | None) -> list[Json] | None:
        if words is None:
            return None
        tops = self.request.get("top_logprobs") or 0
        return [
            {
                **token_logprob(word, -0.25),
                "top_logprobs": [token_logprob(word + "'" * rank, -0.25 - rank) for rank in range(tops)],
            }
            for word in words
        ]

    def _usage(self) -> Json:
        said = sum(
            len(choice.text or ())
            + len(choice.refusal or ())
            + len(choice.reasoning)
            + sum(len(call.name) + len(call.arguments) for call in choice.tool_calls) // 4
            for choice in self.choices
        )
        prompt = sum(4 + len(pieces(spoken(message))) for message in self.request["messages"])
        return usage_payload(self.reply.usage, prompt, said)


def token_logprob(token: str, logprob: float) -> Json:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def usage_payload(usage: Usage, prompt: int, completion: int) -> Json:
    prompt = prompt if usage.prompt is None else usage.prompt
    completion = completion if usage.completion is None else usage.completion
    written = {"cache_write_tokens": usage.cache_write} if usage.cache_write else {}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0, **written},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def spoken(message: Json) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def default_text(request: Json) -> str:
    """JSON after the wanted schema, else an echo that names the model."""
    wanted = request.get("response_format") or {"type": "text"}
    if wanted["type"] == "json_schema":
        schema = wanted["json_schema"].get("schema", {})
        return json.dumps(example(schema, schema.get("$defs", {})))
    if wanted["type"] == "json_object":
        return json.dumps({"model": request["model"]})
    heard = next((spoken(message) for message in reversed(request["messages"]) if message["role"] == "user"), "")
    return f"{request['model']} heard: {heard}"


def forced_call(request: Json) -> ToolCall | None:
    """The call that `tool_choice` demands, with arguments after the tool's schema."""
    choice, tools = request.get("tool_choice"), request.get("tools", ())
    functions = {tool["function"]["name"]: tool["function"] for tool in tools if tool["type"] == "function"}
    if choice == "required":
        name = next(iter(functions), None)
    else:
        name = choice["function"]["name"] if isinstance(choice, dict) and choice["type"] == "function" else None
    if name is None:
        return None
    schema = functions[name].get("parameters", {})
    return ToolCall(name, json.dumps(example(schema, schema.get("$defs", {}))))


def limited(words: list[str] | None, request: Json) -> tuple[list[str] | None, Literal["stop", "length"]]:
    """The words up to the first stop sequence and within the output limit, and which of them ended the reply."""
    if words is None:
        return None, "stop"
    stops = request.get("stop") or []
    text = "".join(words)
    cuts = [text.find(stop) for stop in ([stops] if isinstance(stops, str) else stops) if stop in text]
    if cuts:
        words = pieces(text[: min(cuts)])
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    if limit is not None and len(words) > limit:
        return words[:limit], "length"
    return words, "stop"


class CompletionAnswer:
    """A scripted reply worked out for one request of the older completions API."""

    def __init__(self, request: Json, reply: Reply, serial: int) -> None:
        self.request, self.reply = request, reply
        prompt = request["prompt"] if request["prompt"] is not None else ""
        self.prompts = prompt if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int) else [prompt]
        self.head: Json = {
            "id": f"cmpl-fake{serial:08d}",
            "object": "text_completion",
            "created": CREATED + serial,
            "model": reply.model or request["model"],
            "system_fingerprint": FINGERPRINT,
        }
        self.choices = [self._said(prompt) for prompt in self.prompts for _ in range(request.get("n") or 1)]

    def _said(self, prompt: Any) -> tuple[list[str], Literal["stop", "length"]]:
        heard = prompt if isinstance(prompt, str) else f"{len(prompt)} tokens"
        text = self.reply.text if self.reply.text is not None else f"{self.request['model']} heard: {heard}"
        words, reason = limited(pieces(text), {"max_tokens": 16} | self.request)
        echo = pieces(heard) if self.request.get("echo") else []
        return echo + (words or []), reason

    def _choice(self, index: int, words: list[str], reason: str | None) -> Json:
        logprobs = None
        if self.request.get("logprobs") is not None:
            offsets = [0, *itertools.accumulate(map(len, words))][: len(words)]
            tops = [{word: -0.25} for word in words] if self.request["logprobs"] else None
            logprobs = {
                "tokens": words,
                "token_logprobs": [-0.25] * len(words),
                "top_logprobs": tops,
                "text_offset": offsets,
            }
        return {"text": "".join(words), "index": index, "logprobs": logprobs, "finish_reason": reason}

    def whole(self) -> Json:
        choices = [self._choice(index, words, reason) for index, (words, reason) in enumerate(self.choices)]
        return checked(Completion, {**self.head, "choices": choices, "usage": self._usage()})

    def events(self) -> Iterator[Json]:
        usage = {"usage": None} if (self.request.get("stream_options") or {}).get("include_usage") else {}
        for index, (words, reason) in enumerate(self.choices):
            for word in words:
                # The SDK's model has no room for the null that the vendor sends until a choice is done.
                yield {**self.head, "choices": [self._choice(index, [word], None)], **usage}
            yield checked(Completion, {**self.head, "choices": [self._choice(index, [], reason)], **usage})
        if usage:
            yield checked(Completion, {**self.head, "choices": [], "usage": self._usage()})

    def _usage(self) -> Json:
        prompt = sum(len(pieces(item)) if isinstance(item, str) else len(item) for item in self.prompts)
        return usage_payload(self.reply.usage, prompt, sum(len(words) for words, _ in self.choices))


def embeddings(request: Json) -> Json:
    """Unit vectors that depend on the input alone."""
    wanted = request["input"]
    inputs = wanted if isinstance(wanted, list) and not isinstance(wanted[0], int) else [wanted]
    dimensions = request.get("dimensions", EMBEDDING_DIMENSIONS)
    data = []
    for index, item in enumerate(inputs):
        seed = int.from_bytes(hashlib.sha256(json.dumps(item).encode()).digest())
        source = random.Random(seed)
        vector = [source.gauss(0, 1) for _ in range(dimensions)]
        length = sum(value * value for value in vector) ** 0.5
        unit = [value / length for value in vector]
        packed = base64.b64encode(struct.pack(f"<{dimensions}f", *unit)).decode()
        encoded: object = packed if request.get("encoding_format") == "base64" else unit
        data.append({"object": "embedding", "index": index, "embedding": encoded})
    tokens = sum(len(pieces(item)) if isinstance(item, str) else len(item) for item in inputs)
    payload = {
        "object": "list",
        "data": data,
        "model": request["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    if request.get("encoding_format") == "base64":
        return payload  # the SDK's model knows only the decoded form
    return checked(CreateEmbeddingResponse, payload)
