"""What upstreams answer: a short reply in the wire of the path that was asked, or a failure."""

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from ecotone.values.errors import UpstreamTimeout, UpstreamUnreachable

OUTCOMES = (
    "ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "limited", "error", "unreachable", "timeout", "refused", "unknown",
    "malformed", "cut", "elsewhere", "too long",
)  # fmt: skip
"""How an endpoint may answer; `ok` as often as it is there."""

_numbers = count(1)


class Canned:
    """A whole response in a few chunks."""

    def __init__(self, status: int, chunks: Sequence[bytes], content_type: str = "application/json", **more: str):
        self.status = status
        self._chunks = list(chunks)
        self._headers = {"content-type": content_type, **more}

    def header(self, name: str) -> str | None:
        return self._headers.get(name)

    async def read_chunk(self) -> bytes | None:
        return self._chunks.pop(0) if self._chunks else None

    def close(self) -> None:
        self._chunks.clear()


def answered(outcome: str, url: str, body: bytes) -> Canned:
    """The response to a POST. Raises UpstreamError."""
    match outcome:
        case "unreachable":
            raise UpstreamUnreachable("cannot connect to it: refused")
        case "timeout":
            raise UpstreamTimeout("The upstream did not answer in time.")
        case "limited":
            return _failure(429, "rate_limit_exceeded")
        case "error":
            return _failure(503, "overloaded")
        case "refused":
            return _failure(401, "invalid_api_key")
        case "unknown":
            return _failure(404, "model_not_found")
        case "too long":
            return _failure(400, "context_length_exceeded")
        case "elsewhere":
            return Canned(307, [b""], location="http://vendor.test/v1/chat/completions")
        case "malformed":
            return Canned(200, [b"{not json"])
    chunks, kind = _reply(url.partition("?")[0], body)
    return Canned(200, chunks[: len(chunks) // 2] if outcome == "cut" else chunks, kind)


def _failure(status: int, code: str) -> Canned:
    error = {"type": "error", "error": {"type": code, "code": code, "status": code, "message": "no"}}
    return Canned(status, [json.dumps(error).encode()])


def _events(*events: Any, named: bool = False, done: bool = False) -> list[bytes]:
    lines = [(f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n" for event in events] + (
        ["data: [DONE]\n\n"] if done else []
    )
    return [line.encode() for line in lines]


def _reply(path: str, body: bytes) -> tuple[list[bytes], str]:
    stream = b'"stream":true' in body or path.endswith(":streamGenerateContent")
    number = next(_numbers)
    for ending, maker in _MAKERS:
        if path.endswith(ending):
            chunks = maker(number, stream, body)
            break
    else:
        chunks = [b"{}"]
    return chunks, "text/event-stream" if stream and len(chunks) > 1 else "application/json"


def _chat(number: int, stream: bool, _: bytes) -> list[bytes]:
    head = {"id": f"chatcmpl-{number}", "created": 1, "model": "there"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    if not stream:
        choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
        return [json.dumps({**head, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()]
    head["object"] = "chat.completion.chunk"
    said = {"index": 0, "delta": {"role": "assistant", "content": "hi"}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    return _events(
        {**head, "choices": [said]},
        {**head, "choices": [end]},
        {**head, "choices": [], "usage": usage},
        done=True,
    )


def _responses(number: int, stream: bool, _: bytes) -> list[bytes]:
    text = {"type": "output_text", "text": "hi", "annotations": []}
    item = {"id": f"msg_{number}", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    usage = {
        "input_tokens": 3, "output_tokens": 2, "total_tokens": 5,
        "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
    }  # fmt: skip
    response: dict[str, Any] = {
        "id": f"resp_{number}", "object": "response", "created_at": 1, "status": "completed", "model": "there",
        "output": [item], "usage": usage, "error": None, "incomplete_details": None, "instructions": None,
        "metadata": {}, "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [],
        "top_p": 1.0,
    }  # fmt: skip
    if not stream:
        return [json.dumps(response).encode()]
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    where = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    return _events(
        {"type": "response.created", "sequence_number": 0, "response": begun},
        {
            "type": "response.output_item.added", "sequence_number": 1, "output_index": 0,
            "item": {**item, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", "sequence_number": 2, **where, "part": {**text, "text": ""}},
        {"type": "response.output_text.delta", "sequence_number": 3, **where, "delta": "hi", "logprobs": []},
        {"type": "response.output_text.done", "sequence_number": 4, **where, "text": "hi", "logprobs": []},
        {"type": "response.content_part.done", "sequence_number": 5, **where, "part": text},
        {"type": "response.output_item.done", "sequence_number": 6, "output_index": 0, "item": item},
        {"type": "response.completed", "sequence_number": 7, "response": response},
        named=True,
    )  # fmt: skip


def _messages(number: int, stream: bool, _: bytes) -> list[bytes]:
    head = {
        "id": f"msg_{number}", "type": "message", "role": "assistant", "model": "there", "stop_sequence": None,
    }  # fmt: skip
    usage = {"input_tokens": 3, "output_tokens": 2}
    if not stream:
        content = [{"type": "text", "text": "hi"}]
        return [json.dumps({**head, "content": content, "stop_reason": "end_turn", "usage": usage}).encode()]
    return _events(
        {"type": "message_start", "message": {**head, "content": [], "stop_reason": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
        named=True,
    )


def _gemini(number: int, stream: bool, _: bytes) -> list[bytes]:
    said = {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
        "modelVersion": "there",
        "responseId": f"r{number}",
    }
    return _events(said, {"usageMetadata": said["usageMetadata"]}) if stream else [json.dumps(said).encode()]


def _completions(number: int, stream: bool, _: bytes) -> list[bytes]:
    choice = {"index": 0, "text": "hi", "finish_reason": "stop", "logprobs": None}
    said = {"id": f"cmpl-{number}", "object": "text_completion", "created": 1, "model": "there", "choices": [choice]}
    return _events(said, said, done=True) if stream else [json.dumps(said).encode()]


def _vectors(_: int, __: bool, body: bytes) -> list[bytes]:
    inputs = json.loads(body).get("input")
    size = len(inputs) if isinstance(inputs, list) else 1
    vectors = [{"object": "embedding", "index": index, "embedding": [0.5, 0.25]} for index in range(size)]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return [json.dumps({"object": "list", "model": "there", "data": vectors, "usage": usage}).encode()]


def _fixed(reply: Any) -> Any:
    return lambda number, stream, body: [json.dumps(reply).encode()]


_MAKERS: tuple[tuple[str, Any], ...] = (
    ("/chat/completions", _chat),
    ("/responses", _responses),
    ("/responses/input_tokens", _fixed({"object": "response.input_tokens", "input_tokens": 3})),
    ("/responses/compact", _fixed({"id": "resp_c", "object": "response.compaction", "output": [], "created_at": 1})),
    ("/messages", _messages),
    ("/messages/count_tokens", _fixed({"input_tokens": 3})),
    (":generateContent", _gemini),
    (":streamGenerateContent", _gemini),
    (":countTokens", _fixed({"totalTokens": 3})),
    (":embedContent", _fixed({"embedding": {"values": [0.5, 0.25]}})),
    (":batchEmbedContents", _fixed({"embeddings": [{"values": [0.5, 0.25]}]})),
    ("/completions", _completions),
    ("/embeddings", _vectors),
    ("/v2/embed", _fixed({"id": "e", "embeddings": {"float": [[0.5, 0.25]]}, "texts": ["x"]})),
    ("/rerank", _fixed({"id": "r", "results": [{"index": 0, "relevance_score": 0.5}]})),
    ("/images/generations", _fixed({"created": 1, "data": [{"b64_json": "aGk="}]})),
    ("/images/edits", _fixed({"created": 1, "data": [{"b64_json": "aGk="}]})),
    ("/images/variations", _fixed({"created": 1, "data": [{"b64_json": "aGk="}]})),
    ("/audio/transcriptions", _fixed({"text": "hi"})),
    ("/audio/translations", _fixed({"text": "hi"})),
)
