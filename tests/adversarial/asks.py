"""Generated requests to every front, with the class that their caller declares somewhere, and with tricks."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

Pairs = list[tuple[bytes, bytes]]


@dataclass
class Ask:
    """One request. `said` are the classes that headers name (one that there is not, or two, must be refused);
    `conversation` and `earlier` are what it goes on with, and `caller` whose key it shows (None: none)."""

    path: str
    query: bytes
    body: bytes
    headers: Pairs
    asked: str
    front: str
    caller: str | None = None
    said: list[str] = field(default_factory=list)
    conversation: str | None = None
    earlier: list[str] = field(default_factory=list)


Front = Callable[[Random, str, str], tuple[str, bytes, Any]]
"""Path, query and body for a text and the name of a model or route."""


def _chat(rng: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    content: Any = text if rng.random() < 0.5 else [{"type": "text", "text": text}]
    body = {"model": asked, "messages": [{"role": "user", "content": content}], **_streams(rng)}
    return "/v1/chat/completions", b"", body


def _completions(rng: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    return "/v1/completions", b"", {"model": asked, "prompt": text, **_streams(rng)}


def _embeddings(rng: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    return "/v1/embeddings", b"", {"model": asked, "input": text if rng.random() < 0.5 else [text, "b"]}


def _responses(rng: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    said: Any = text
    if rng.random() < 0.5:
        said = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}]
    return "/v1/responses", b"", {"model": asked, "input": said, **_streams(rng)}


def _input_tokens(_: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    return "/v1/responses/input_tokens", b"", {"model": asked, "input": text}


def _compact(_: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    return "/v1/responses/compact", b"", {"model": asked, "input": text}


def _messages(rng: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    body = {"model": asked, "max_tokens": 9, "messages": [{"role": "user", "content": text}], **_streams(rng)}
    return "/v1/messages", b"beta=true" if rng.random() < 0.2 else b"", body


def _count(_: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    body = {"model": asked, "messages": [{"role": "user", "content": text}]}
    return "/v1/messages/count_tokens", b"", body


def _gemini(rng: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    verb, query = rng.choice(
        (("generateContent", b""), ("streamGenerateContent", b"alt=sse"), ("streamGenerateContent", b""))
    )
    body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    return f"/v1beta/models/{asked}:{verb}", query, body


def _gemini_count(_: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    return f"/v1beta/models/{asked}:countTokens", b"", {"contents": [{"role": "user", "parts": [{"text": text}]}]}


def _gemini_embed(rng: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    content = {"content": {"parts": [{"text": text}]}}
    if rng.random() < 0.5:
        return f"/v1beta/models/{asked}:embedContent", b"", content
    return f"/v1beta/models/{asked}:batchEmbedContents", b"", {"requests": [{"model": f"models/{asked}", **content}]}


def _vertex_embed(_: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    path = f"/v1/projects/p/locations/l/publishers/google/models/{asked}:predict"
    return path, b"", {"instances": [{"content": text}]}


def _ollama(rng: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    stream = {} if rng.random() < 0.5 else {"stream": False}
    if rng.random() < 0.5:
        return "/api/chat", b"", {"model": asked, "messages": [{"role": "user", "content": text}], **stream}
    return "/api/generate", b"", {"model": asked, "prompt": text, **stream}


def _ollama_embed(rng: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    if rng.random() < 0.5:
        return "/api/embed", b"", {"model": asked, "input": [text]}
    return "/api/embeddings", b"", {"model": asked, "prompt": text}


def _rerank(rng: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    path = rng.choice(("/v1/rerank", "/v2/rerank"))
    return path, b"", {"model": asked, "query": "q", "documents": [text]}


def _cohere_embed(_: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    body = {"model": asked, "texts": [text], "input_type": "search_query", "embedding_types": ["float"]}
    return "/v2/embed", b"", body


def _image(_: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    return "/v1/images/generations", b"", {"model": asked, "prompt": text}


def _speech(_: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    return "/v1/audio/speech", b"", {"model": asked, "input": text, "voice": "alloy"}


def _upload(rng: Random, text: str, asked: str) -> tuple[str, bytes, Any]:
    path, field_name = rng.choice(
        (("images/edits", "image"), ("images/variations", "image"), ("audio/transcriptions", "file"))
    )
    parts = [("model", None, asked.encode()), ("prompt", None, text.encode()), (field_name, "a.png", b"\x89PNG")]
    return f"/v1/{path}", b"", parts


FRONTS: dict[str, Front] = {
    "chat": _chat, "completions": _completions, "embeddings": _embeddings, "responses": _responses,
    "input_tokens": _input_tokens, "compact": _compact, "messages": _messages, "count": _count, "gemini": _gemini,
    "gemini_count": _gemini_count, "gemini_embed": _gemini_embed, "vertex_embed": _vertex_embed, "ollama": _ollama,
    "ollama_embed": _ollama_embed, "rerank": _rerank, "cohere_embed": _cohere_embed, "image": _image,
    "speech": _speech, "upload": _upload,
}  # fmt: skip
# Conversations are what most requests are about.
_OFTEN = ("chat", "responses", "messages", "gemini", "ollama")
CONVERSATIONS = tuple(f"talk {number}" for number in range(12))
_BOUNDARY = b"----the-line-between"


def _streams(rng: Random) -> dict[str, Any]:
    return rng.choice(({}, {"stream": False}, {"stream": True}, {"stream": True}))


def encoded(body: Any) -> tuple[bytes, bytes]:
    """The content type and the bytes of a body: JSON, or a form where it is a list of parts."""
    if not isinstance(body, list):
        return b"application/json", json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    pieces = []
    for name, file, content in body:
        shown = f'; filename="{file}"' if file is not None else ""
        head = f'content-disposition: form-data; name="{name}"{shown}'
        pieces.append(b"--" + _BOUNDARY + b"\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n")
    return b"multipart/form-data; boundary=" + _BOUNDARY, b"".join(pieces) + b"--" + _BOUNDARY + b"--\r\n"


def made(front: str, rng: Random, text: str, asked: str) -> Ask:
    """A plain request of this kind."""
    path, query, body = FRONTS[front](rng, text, asked)
    kind, content = encoded(body)
    headers = [(b"host", b"127.0.0.1:4100"), (b"content-type", kind), (b"authorization", b"Bearer any")]
    return Ask(path, query, content, headers, asked, front)


def generated(rng: Random, names: list[str], classes: tuple[str, ...], earlier: list[tuple[str, str]]) -> Ask:
    """Any request for one of these names. `earlier` are kinds (`response`, `item`) and ids of what is kept."""
    front = rng.choice(_OFTEN) if rng.random() < 0.65 else rng.choice(tuple(FRONTS))
    asked = rng.choice(names)
    text = "hello" if rng.random() < 0.97 else "hello " * rng.choice((200, 9000))
    ask = made(front, rng, text, asked)
    if front in ("responses", "input_tokens", "compact") and earlier and rng.random() < 0.4:
        _go_on(ask, rng.choice(earlier))
    if rng.random() < 0.6:
        _declare(ask, rng, classes)
    if rng.random() < 0.06:
        ask.conversation = rng.choice(CONVERSATIONS)
        ask.headers.append((b"x-ecotone-conversation", ask.conversation.encode()))
    if rng.random() < 0.35:
        _trick(ask, rng, names)
    return ask


def _go_on(ask: Ask, with_what: tuple[str, str]) -> None:
    kind, identity = with_what
    body = json.loads(ask.body)
    if kind == "response":
        body["previous_response_id"] = identity
    else:
        said = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
        body["input"] = [{"type": "item_reference", "id": identity}, *said]
    ask.body = json.dumps(body).encode()
    ask.earlier = [identity]


def _declare(ask: Ask, rng: Random, classes: tuple[str, ...]) -> None:
    name = rng.choice((*classes, "restricted", "restricted"))
    shown = name.encode()
    match rng.randrange(36):
        case 0 | 4 | 5:
            shown = b" \t" + shown + b"  "
        case 1:
            shown = shown.upper()
            name = name.upper()
        case 2:
            name = rng.choice(("", "RESTRICTED", "restricted, public", "3", "restricted;public", "tres\u00e9cret"))
            shown = name.encode("latin-1")
        case 3:
            # Which of two counts is nothing to guess.
            ask.headers.append((b"x-ecotone-class", classes[0].encode()))
            ask.said.append(classes[0])
    ask.headers.append((b"x-ecotone-class", shown))
    ask.said.append(name)


def _trick(ask: Ask, rng: Random, names: list[str]) -> None:
    other = rng.choice(names)
    form = not ask.body.startswith(b"{")
    match rng.randrange(9):
        case 0 if not form and b'"model":' in ask.body:
            # The last of two keys is the one that counts, here as at most servers.
            ask.body = b'{"model":' + json.dumps(other).encode() + b"," + ask.body[1:]
        case 1 if not form:
            ask.body = ask.body[:-1] + b',"x-ecotone-class":"public","class":"public","route":"public","hosting":"x"}'
        case 2:
            ask.headers += [(b"anthropic-beta", b"context-1m"), (b"anthropic-version", b"2023-06-01")]
        case 3:
            ask.headers += [(b"x-forwarded-for", b"10.0.0.1"), (b"x-ecotone-model", other.encode())]
            ask.headers.append((b"x-ecotone-endpoint", other.encode()))
        case 4:
            ask.query += b"&model=" + other.replace("/", "%2F").encode() + b"&x-ecotone-class=public"
        case 5 if not form:
            ask.body = ask.body[:-1] + b',"deep":' + b"[" * 90 + b"]" * 90 + b"}"
        case 6 if not form:
            ask.body = b" \r\n\t" + ask.body + b"\n"
        case 7 if not form:
            coded = base64.b64encode(b"\x00\x01" * 400).decode()
            ask.body = ask.body[:-1] + b',"user":' + json.dumps(coded).encode() + b"}"
        case 8:
            ask.headers.append((b"x-ecotone-conversation-id", b"talk 0"))
