"""The official SDKs behind one interface: the same conversation, said in each API's own terms.

Each client turns an `Ask` into a call of its SDK, whole or streamed, and tells what came back as a `Seen`. What a reply
must be sent back as in the next turn is kept in the SDK's own form (`Seen.turn`), as applications do it.
"""

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import anthropic
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

Json = dict[str, Any]


@dataclass(frozen=True)
class Tool:
    name: str
    parameters: Json
    description: str = "A tool."


@dataclass(frozen=True)
class Image:
    png: bytes


@dataclass(frozen=True)
class Result:
    """What a tool answered to the call `id` of `name`: a text, perhaps with an image after it."""

    id: str
    name: str
    text: str
    image: Image | None = None


@dataclass(frozen=True)
class User:
    parts: Sequence[str | Image]


@dataclass(frozen=True)
class Results:
    results: Sequence[Result]


@dataclass(frozen=True)
class Model:
    """An earlier turn of the model, in the SDK's own form."""

    turn: Any


Turn = User | Results | Model


@dataclass(frozen=True)
class Ask:
    """`choice`: "auto", "none", "required" or the name of a tool. `effort`: how much to think ("low", ...)."""

    turns: Sequence[Turn]
    system: str | None = None
    tools: Sequence[Tool] = ()
    choice: str | None = None
    schema: Json | None = None
    stop: Sequence[str] = ()
    max_tokens: int = 4096
    effort: str | None = None
    stream: bool = False


@dataclass(frozen=True)
class Call:
    id: str
    name: str
    arguments: Any


@dataclass
class Counts:
    """Tokens as the hub counts them: `prompt` includes the cached, `completion` the thought. None is unsaid."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None
    reasoning: int | None = None


@dataclass
class Seen:
    """`finish` is one of "stop", "length", "tool_calls", "content_filter", "refusal", or the API's own word."""

    text: str = ""
    thoughts: str = ""
    refusal: str = ""
    calls: list[Call] = field(default_factory=list)
    finish: str | None = None
    usage: Counts = field(default_factory=Counts)
    turn: Any = None
    raw: Any = None


class Client(ABC):
    """One SDK against one address. `wire` is the name of the API it speaks."""

    wire: str

    @abstractmethod
    async def ask(self, model: str, ask: Ask) -> Seen: ...

    @abstractmethod
    def status_of(self, error: Exception) -> int | None:
        """The HTTP status that the SDK's exception tells; None for a fault within a stream. Raises TypeError for what
        is no exception of this SDK."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of the connections."""


def data_url(image: Image) -> str:
    return "data:image/png;base64," + base64.b64encode(image.png).decode()


# --- OpenAI, chat


class ChatClient(Client):
    wire = "openai-chat"

    def __init__(self, base_url: str, key: str = "unused") -> None:
        self.sdk = openai.AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=30)

    async def close(self) -> None:
        await self.sdk.close()

    def status_of(self, error: Exception) -> int | None:
        return openai_status(error)

    async def ask(self, model: str, ask: Ask) -> Seen:
        fields: Json = {"model": model, "messages": self._messages(ask), "max_completion_tokens": ask.max_tokens}
        if ask.tools:
            fields["tools"] = [
                {
                    "type": "function",
                    "function": {"name": t.name, "description": t.description, "parameters": t.parameters},
                }
                for t in ask.tools
            ]
        if ask.choice is not None:
            named = ask.choice not in ("auto", "none", "required")
            fields["tool_choice"] = {"type": "function", "function": {"name": ask.choice}} if named else ask.choice
        if ask.schema is not None:
            shape = {"name": "answer", "schema": ask.schema, "strict": True}
            fields["response_format"] = {"type": "json_schema", "json_schema": shape}
        if ask.stop:
            fields["stop"] = list(ask.stop)
        if ask.effort is not None:
            fields["reasoning_effort"] = ask.effort
        if not ask.stream:
            reply = await self.sdk.chat.completions.create(**fields)
            return self._seen(reply.choices[0].message.model_dump(exclude_none=True), reply)
        message: Json = {"role": "assistant"}
        last: Any = None
        finish, usage = None, None
        stream = await self.sdk.chat.completions.create(**fields, stream=True, stream_options={"include_usage": True})
        async for chunk in stream:
            usage = chunk.usage or usage
            last = chunk
            for choice in chunk.choices:
                add_delta(message, choice.delta.model_dump(exclude_none=True))
                finish = choice.finish_reason or finish
        seen = self._told(message, finish, usage)
        seen.raw = last
        return seen

    def _messages(self, ask: Ask) -> list[Any]:
        messages: list[Any] = [] if ask.system is None else [{"role": "system", "content": ask.system}]
        for turn in ask.turns:
            match turn:
                case User(parts=[str(text)]):
                    messages.append({"role": "user", "content": text})
                case User():
                    content = [
                        {"type": "text", "text": part}
                        if isinstance(part, str)
                        else {"type": "image_url", "image_url": {"url": data_url(part)}}
                        for part in turn.parts
                    ]
                    messages.append({"role": "user", "content": content})
                case Results():
                    for result in turn.results:
                        said: Any = result.text
                        if result.image is not None:
                            said = [
                                {"type": "text", "text": result.text},
                                {"type": "image_url", "image_url": {"url": data_url(result.image)}},
                            ]
                        messages.append({"role": "tool", "tool_call_id": result.id, "content": said})
                case Model():
                    messages.append(turn.turn)
        return messages

    def _seen(self, message: Json, reply: Any) -> Seen:
        seen = self._told(message, reply.choices[0].finish_reason, reply.usage)
        seen.raw = reply
        return seen

    def _told(self, message: Json, finish: str | None, usage: Any) -> Seen:
        prompt = getattr(usage, "prompt_tokens_details", None)
        completion = getattr(usage, "completion_tokens_details", None)
        return Seen(
            text=message.get("content") or "",
            thoughts=message.get("reasoning_content") or "",
            refusal=message.get("refusal") or "",
            calls=[
                Call(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
                for call in message.get("tool_calls") or ()
            ],
            finish=finish,
            usage=Counts(
                getattr(usage, "prompt_tokens", None),
                getattr(usage, "completion_tokens", None),
                getattr(prompt, "cached_tokens", None),
                getattr(completion, "reasoning_tokens", None),
            ),
            turn=message,
        )


def add_delta(message: Json, delta: Json) -> None:
    """Put one streamed delta to the message so far: strings grow, lists grow, tool calls by their index."""
    for name, value in delta.items():
        if name == "tool_calls":
            calls = message.setdefault("tool_calls", [])
            for piece in value:
                while len(calls) <= piece["index"]:
                    calls.append({"type": "function", "function": {"name": "", "arguments": ""}})
                call = calls[piece["index"]]
                if "id" in piece:
                    call["id"] = piece["id"]
                function = piece.get("function") or {}
                call["function"]["name"] += function.get("name") or ""
                call["function"]["arguments"] += function.get("arguments") or ""
        elif name == "role":
            message[name] = value
        elif isinstance(value, str):
            message[name] = (message.get(name) or "") + value
        elif isinstance(value, list):
            message.setdefault(name, []).extend(value)
        else:
            message[name] = value


def openai_status(error: Exception) -> int | None:
    if isinstance(error, openai.APIStatusError):
        return error.status_code
    if isinstance(error, openai.APIError):
        return None
    raise TypeError(f"not an error of the openai SDK: {error!r}")


# --- OpenAI, Responses


class ResponsesClient(Client):
    """`numbered`: whether the events of streams have to be numbered in order; some servers number none."""

    wire = "openai-responses"
    numbered = True

    def __init__(self, base_url: str, key: str = "unused") -> None:
        self.sdk = openai.AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=30)

    async def close(self) -> None:
        await self.sdk.close()

    def status_of(self, error: Exception) -> int | None:
        return openai_status(error)

    async def ask(self, model: str, ask: Ask) -> Seen:
        fields: Json = {"model": model, "input": self._input(ask), "max_output_tokens": ask.max_tokens, "store": False}
        if ask.system is not None:
            fields["instructions"] = ask.system
        if ask.tools:
            fields["tools"] = [
                {
                    "type": "function",
                    "name": t.name,
                    "description": t.description,
                    "parameters": t.parameters,
                    "strict": False,
                }
                for t in ask.tools
            ]
        if ask.choice is not None:
            named = ask.choice not in ("auto", "none", "required")
            fields["tool_choice"] = {"type": "function", "name": ask.choice} if named else ask.choice
        if ask.schema is not None:
            shape = {"type": "json_schema", "name": "answer", "schema": ask.schema, "strict": True}
            fields["text"] = {"format": shape}
        if ask.effort is not None:
            fields["reasoning"] = {"effort": ask.effort, "summary": "auto"}
            # As stateless clients do: without it a reasoning item cannot be sent back.
            fields["include"] = ["reasoning.encrypted_content"]
        if ask.stop:
            raise ValueError("the Responses API has no stop sequences")
        if not ask.stream:
            return self._seen(await self.sdk.responses.create(**fields))
        final, text, number = None, "", -1
        async for event in await self.sdk.responses.create(**fields, stream=True):
            if self.numbered and event.sequence_number != number + 1:
                raise AssertionError(f"event {event.type} has number {event.sequence_number} after {number}")
            number += 1
            if event.type == "response.output_text.delta":
                text += event.delta
            elif event.type in ("response.completed", "response.incomplete"):
                final = event.response
        if final is None:
            raise AssertionError("the stream ended without a final response")
        seen = self._seen(final)
        if seen.text != text:
            raise AssertionError(f"the deltas say {text!r}, the final response {seen.text!r}")
        return seen

    def _input(self, ask: Ask) -> list[Any]:
        items: list[Any] = []
        for turn in ask.turns:
            match turn:
                case User(parts=[str(text)]):
                    items.append({"role": "user", "content": text})
                case User():
                    content = [
                        {"type": "input_text", "text": part}
                        if isinstance(part, str)
                        else {"type": "input_image", "image_url": data_url(part), "detail": "auto"}
                        for part in turn.parts
                    ]
                    items.append({"role": "user", "content": content})
                case Results():
                    for result in turn.results:
                        said: Any = result.text
                        if result.image is not None:
                            said = [
                                {"type": "input_text", "text": result.text},
                                {"type": "input_image", "image_url": data_url(result.image), "detail": "auto"},
                            ]
                        items.append({"type": "function_call_output", "call_id": result.id, "output": said})
                case Model():
                    items.extend(turn.turn)
        return items

    def _seen(self, response: Any) -> Seen:
        seen = Seen(raw=response, turn=[item.model_dump(exclude_none=True) for item in response.output])
        for item in response.output:
            if item.type == "reasoning":
                seen.thoughts += "".join(part.text for part in item.summary)
                seen.thoughts += "".join(part.text for part in item.content or ())
            elif item.type == "function_call":
                seen.calls.append(Call(item.call_id, item.name, json.loads(item.arguments)))
            elif item.type == "message":
                for part in item.content:
                    if part.type == "refusal":
                        seen.refusal += part.refusal
                    else:
                        seen.text += part.text
        reason = response.incomplete_details.reason if response.incomplete_details else None
        seen.finish = {"max_output_tokens": "length", None: "tool_calls" if seen.calls else "stop"}.get(reason, reason)
        usage = response.usage
        if usage is not None:
            seen.usage = Counts(
                usage.input_tokens,
                usage.output_tokens,
                usage.input_tokens_details.cached_tokens,
                # Required, and yet not there from every server.
                getattr(usage.output_tokens_details, "reasoning_tokens", None),
            )
        return seen


# --- Anthropic


class MessagesClient(Client):
    wire = "anthropic"

    def __init__(self, base_url: str, key: str = "unused") -> None:
        self.sdk = anthropic.AsyncAnthropic(base_url=base_url, api_key=key, max_retries=0, timeout=30)

    async def close(self) -> None:
        await self.sdk.close()

    def status_of(self, error: Exception) -> int | None:
        if isinstance(error, anthropic.APIStatusError):
            # The SDK raises the same class for an error within a stream, whose HTTP status was 200.
            return None if error.status_code == 200 else error.status_code
        if isinstance(error, anthropic.APIError):
            return None
        raise TypeError(f"not an error of the anthropic SDK: {error!r}")

    async def ask(self, model: str, ask: Ask) -> Seen:
        fields: Json = {"model": model, "messages": self._messages(ask), "max_tokens": ask.max_tokens}
        if ask.system is not None:
            fields["system"] = ask.system
        if ask.tools:
            fields["tools"] = [
                {"name": t.name, "description": t.description, "input_schema": t.parameters} for t in ask.tools
            ]
        if ask.choice is not None:
            words: Json = {"auto": {"type": "auto"}, "none": {"type": "none"}, "required": {"type": "any"}}
            fields["tool_choice"] = words.get(ask.choice, {"type": "tool", "name": ask.choice})
        if ask.schema is not None:
            fields["output_config"] = {"format": {"type": "json_schema", "schema": ask.schema}}
        if ask.stop:
            fields["stop_sequences"] = list(ask.stop)
        if ask.effort is not None:
            fields["thinking"] = {"type": "adaptive", "display": "summarized"}
            fields["output_config"] = {**fields.get("output_config", {}), "effort": ask.effort}
        if ask.stream:
            async with self.sdk.messages.stream(**fields) as stream:
                return self._seen(await stream.get_final_message())
        return self._seen(await self.sdk.messages.create(**fields))

    def _messages(self, ask: Ask) -> list[Any]:
        messages: list[Any] = []
        for turn in ask.turns:
            match turn:
                case User(parts=[str(text)]):
                    messages.append({"role": "user", "content": text})
                case User():
                    content = [
                        {"type": "text", "text": part} if isinstance(part, str) else anthropic_image(part)
                        for part in turn.parts
                    ]
                    messages.append({"role": "user", "content": content})
                case Results():
                    blocks: list[Json] = []
                    for result in turn.results:
                        said: Any = result.text
                        if result.image is not None:
                            said = [{"type": "text", "text": result.text}, anthropic_image(result.image)]
                        blocks.append({"type": "tool_result", "tool_use_id": result.id, "content": said})
                    messages.append({"role": "user", "content": blocks})
                case Model():
                    messages.append({"role": "assistant", "content": turn.turn})
        return messages

    def _seen(self, message: Any) -> Seen:
        seen = Seen(raw=message, turn=[block.model_dump(exclude_none=True) for block in message.content])
        for block in message.content:
            if block.type == "text":
                seen.text += block.text
            elif block.type == "thinking":
                seen.thoughts += block.thinking
            elif block.type == "tool_use":
                seen.calls.append(Call(block.id, block.name, block.input))
        words = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
        seen.finish = words.get(message.stop_reason, message.stop_reason)
        usage = message.usage
        cached, written = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
        details = usage.output_tokens_details
        seen.usage = Counts(
            usage.input_tokens + (cached or 0) + (written or 0),
            usage.output_tokens,
            cached,
            details.thinking_tokens if details is not None else None,
        )
        return seen


def anthropic_image(image: Image) -> Json:
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(image.png).decode()}
    return {"type": "image", "source": source}


# --- Google


class GeminiClient(Client):
    wire = "gemini"

    def __init__(self, base_url: str, key: str = "unused") -> None:
        options = genai_types.HttpOptions(
            base_url=base_url,
            timeout=30_000,
            retry_options=genai_types.HttpRetryOptions(attempts=1),
            # Nothing here speaks TLS, and loading the system's certificates takes longer than the tests.
            client_args={"verify": False},
            async_client_args={"verify": False},
        )
        self.sdk = genai.Client(api_key=key, http_options=options)

    async def close(self) -> None:
        await self.sdk.aio.aclose()
        self.sdk.close()

    def status_of(self, error: Exception) -> int | None:
        if isinstance(error, genai_errors.APIError):
            return int(error.code)
        raise TypeError(f"not an error of the google-genai SDK: {error!r}")

    async def ask(self, model: str, ask: Ask) -> Seen:
        config: Json = {
            "max_output_tokens": ask.max_tokens,
            "automatic_function_calling": {"disable": True},
        }
        if ask.system is not None:
            config["system_instruction"] = ask.system
        if ask.tools:
            config["tools"] = [
                {
                    "function_declarations": [
                        {"name": t.name, "description": t.description, "parameters_json_schema": t.parameters}
                        for t in ask.tools
                    ]
                }
            ]
        if ask.choice is not None:
            modes = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
            calling: Json = {"mode": modes.get(ask.choice, "ANY")}
            if ask.choice not in modes:
                calling["allowed_function_names"] = [ask.choice]
            config["tool_config"] = {"function_calling_config": calling}
        if ask.schema is not None:
            config |= {"response_mime_type": "application/json", "response_json_schema": ask.schema}
        if ask.stop:
            config["stop_sequences"] = list(ask.stop)
        if ask.effort is not None:
            config["thinking_config"] = {"thinking_level": ask.effort, "include_thoughts": True}
        settings = genai_types.GenerateContentConfig.model_validate(config)
        contents: Any = self._contents(ask)
        if not ask.stream:
            reply = await self.sdk.aio.models.generate_content(model=model, contents=contents, config=settings)
            return self._seen([reply])
        chunks = [
            chunk
            async for chunk in await self.sdk.aio.models.generate_content_stream(
                model=model, contents=contents, config=settings
            )
        ]
        return self._seen(chunks)

    def _contents(self, ask: Ask) -> list[Any]:
        contents: list[Any] = []
        for turn in ask.turns:
            match turn:
                case User():
                    parts = [
                        genai_types.Part.from_text(text=part)
                        if isinstance(part, str)
                        else genai_types.Part.from_bytes(data=part.png, mime_type="image/png")
                        for part in turn.parts
                    ]
                    contents.append(genai_types.Content(role="user", parts=parts))
                case Results():
                    contents.append(genai_types.Content(role="user", parts=[gemini_result(r) for r in turn.results]))
                case Model():
                    contents.append(turn.turn)
        return contents

    def _seen(self, replies: list[Any]) -> Seen:
        seen = Seen(raw=replies[-1] if replies else None)
        parts: list[Any] = []
        for reply in replies:
            for candidate in reply.candidates or ():
                parts += (candidate.content.parts if candidate.content else None) or ()
                if candidate.finish_reason is not None:
                    seen.finish = candidate.finish_reason.value
            if reply.prompt_feedback is not None and reply.prompt_feedback.block_reason is not None:
                seen.finish = "content_filter"
            if reply.usage_metadata is not None:
                counts = reply.usage_metadata
                thought = counts.thoughts_token_count
                said = counts.candidates_token_count
                completion = None if said is None and thought is None else (said or 0) + (thought or 0)
                seen.usage = Counts(counts.prompt_token_count, completion, counts.cached_content_token_count, thought)
        for part in parts:
            if part.function_call is not None:
                call = part.function_call
                seen.calls.append(Call(call.id or "", call.name, call.args))
            elif part.text is not None and part.thought:
                seen.thoughts += part.text
            elif part.text is not None:
                seen.text += part.text
        words = {"STOP": "tool_calls" if seen.calls else "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter"}
        seen.finish = words.get(seen.finish or "", seen.finish)
        seen.turn = genai_types.Content(role="model", parts=parts)
        return seen


def gemini_result(result: Result) -> genai_types.Part:
    response = genai_types.FunctionResponse(id=result.id, name=result.name, response={"result": result.text})
    if result.image is not None:
        blob = genai_types.FunctionResponseBlob(mime_type="image/png", data=result.image.png)
        response.parts = [genai_types.FunctionResponsePart(inline_data=blob)]
    return genai_types.Part(function_response=response)
