"""What the vendor answers: replies scripted in a few words, built in full, checked against the SDK's own models."""

import hashlib
import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .gemini_fields import Reading, sdk_message
from .gemini_rules import CATEGORIES, Asked
from .gemini_turns import call_signature, heard, spoken, text_signature
from .http_server import Json
from .scripts import Declined, Part, Reply, ScriptError, Text, Thinking, ToolCall, pieces
from .sdk_models import example

# The hub's words for the ends of a reply in this vendor's words; it has none for a call of tools.
FINISH_REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
WITHOUT_CONTENT = frozenset({"PROHIBITED_CONTENT", "SPII", "BLOCKLIST", "MALFORMED_FUNCTION_CALL"})
CREATED = "2026-08-21T12:00:00.000000Z"
EMBEDDING_DIMENSIONS = 3072
PREDICTED_DIMENSIONS = 768


@dataclass(frozen=True)
class GeminiReply(Reply):
    """A reply with what only this vendor can say.

    `block_reason`: the prompt is blocked, there are no candidates (SAFETY, BLOCKLIST, PROHIBITED_CONTENT, OTHER...).
    `no_candidates`: there are none, and no reason is given. `silent`: the candidate has no content. `finish_message`:
    the vendor's own words about the end.
    """

    block_reason: str | None = None
    block_message: str | None = None
    no_candidates: bool = False
    silent: bool = False
    finish_message: str | None = None


@dataclass(frozen=True)
class Prompt:
    """What is known of a request besides the request: its tokens, how many of them were seen before at the start of
    an earlier one, and whether this vendor gives its calls ids."""

    tokens: int
    cached: int
    call_ids: bool
    vertex: bool


def checked(name: str, payload: Json, *, vertex: bool = False) -> Json:
    """The payload, after the SDK's model of this name has accepted it and knew every field and word in it."""
    from google.genai import types as sdk  # late, as in gemini_fields.messages

    model = getattr(sdk, name)
    reading = Reading(vertex)
    reading.message(payload, sdk_message(model), "")
    if reading.violations:
        raise ScriptError(f"{name}: {reading.violations}")
    model.model_validate_json(json.dumps(payload))
    return payload


def usage_tokens(text: str) -> int:
    return len(pieces(text))


class Answer:
    """A scripted reply worked out for one generateContent request; writes itself whole or as a stream."""

    def __init__(self, asked: Asked, reply: Reply, prompt: Prompt, serial: int) -> None:
        self.asked, self.reply, self.prompt, self.serial = asked, reply, prompt, serial
        self.gemini = reply if isinstance(reply, GeminiReply) else GeminiReply()
        self.thinking = asked.config.get("thinkingConfig", {})
        self.head: Json = {"modelVersion": reply.model or asked.model, "responseId": f"fake{serial:018d}"}
        if prompt.vertex:
            self.head["createTime"] = CREATED
        self.natural = "STOP"
        self.said = self._worked_out()
        self.parts = self._parts()
        self.finish = FINISH_REASONS.get(reply.finish_reason or "", reply.finish_reason or self.natural)

    def _worked_out(self) -> list[Part]:
        """What is said, after stop sequences and the output limit."""
        said = list(self.reply.said())
        if self.gemini.silent or self.gemini.no_candidates or self.gemini.block_reason:
            return []
        if not said and self.reply.finish_reason not in WITHOUT_CONTENT:
            forced = forced_call(self.asked)
            said = [forced or Text(default_text(self.asked))]
        for part in said:
            self._require_possible(part)
        texts = [part for part in said if isinstance(part, Text)]
        words, self.natural = limited([word for part in texts for word in part.words], self.asked.config)
        kept: list[Part] = []
        for part in said:
            if isinstance(part, Text):
                own, words = words[: len(part.words)], words[len(part.words) :]
                part = Text("".join(own), own)
            kept.append(part)
        return kept

    def _require_possible(self, part: Part) -> None:
        if isinstance(part, Declined):
            raise ScriptError("this vendor has no form for declining: script text, or finish_reason='content_filter'")
        if isinstance(part, Thinking) and not self.asked.traits.thinks:
            raise ScriptError(f"{self.asked.model} does not think")
        if isinstance(part, Thinking) and self.thinking.get("thinkingBudget") == 0:
            raise ScriptError("the request turned thinking off")
        if isinstance(part, ToolCall):
            self._require_callable(part)

    def _require_callable(self, call: ToolCall) -> None:
        config = self.asked.request.get("toolConfig", {}).get("functionCallingConfig", {})
        offered = {declaration["name"] for declaration in self.asked.declarations}
        offered &= set(config.get("allowedFunctionNames") or offered)
        if call.kind != "function":
            raise ScriptError("this vendor has function tools only")
        if call.name not in offered or config.get("mode") == "NONE":
            raise ScriptError(f"the request offers no tool {call.name}")
        if not isinstance(arguments(call), dict):
            raise ScriptError("this vendor sends arguments as an object; otherwise script MALFORMED_FUNCTION_CALL")

    def _parts(self) -> list[tuple[Json, list[Json]]]:
        """Each part whole, and in the pieces in which a stream carries it. A signature is with the first call or,
        where there is none, with the text: in a stream in an empty part of its own."""
        known = self.asked.traits
        entries: list[tuple[Json, list[Json]]] = []
        given = next((part.signature for part in self.said if isinstance(part, Thinking) and part.signature), None)
        signed = False
        for position, part in enumerate(self.said):
            if isinstance(part, Thinking) and self.thinking.get("includeThoughts") and not part.hidden:
                words = pieces(part.text)
                entries.append(({"text": part.text, "thought": True}, [{"text": w, "thought": True} for w in words]))
            elif isinstance(part, Text):
                entries.append(({"text": part.text}, [{"text": word} for word in part.words]))
            elif isinstance(part, ToolCall):
                whole: Json = {"functionCall": self._call(part, position)}
                if not signed and known.thinks:
                    whole["thoughtSignature"] = given or call_signature(whole["functionCall"])
                    signed = True
                entries.append((whole, [whole]))
        if entries and not signed and known.demands_signatures:
            whole, streamed = entries[-1]
            signature = given or text_signature(spoken({"parts": [entry for entry, _ in entries]}))
            entries[-1] = (
                whole | {"thoughtSignature": signature},
                [*streamed, {"text": "", "thoughtSignature": signature}],
            )
        return entries

    def _call(self, call: ToolCall, position: int) -> Json:
        identity = call.id or (f"fake{self.serial:04d}{position:02d}" if self.prompt.call_ids else None)
        sent: Json = {"name": call.name, "args": arguments(call)}
        return {"id": identity} | sent if identity else sent

    def whole(self) -> Json:
        if self.gemini.block_reason or self.gemini.no_candidates:
            return self._checked(self._nothing())
        count = self.asked.config.get("candidateCount", 1)
        candidates = [self._candidate(self._marked(index), index, done=True) for index in range(count)]
        return self._checked({"candidates": candidates, **self._tail(self._usage())})

    def _marked(self, index: int) -> list[Json]:
        marked = [dict(whole) for whole, _ in self.parts]
        for part in marked:
            if index and "text" in part and not part.get("thought"):
                part["text"] += f" [{index}]"
        return marked

    def chunks(self) -> list[Json]:
        """The chunks of the stream; the last alone tells how it ended."""
        if self.gemini.block_reason or self.gemini.no_candidates:
            return [self._checked(self._nothing())]
        if self.asked.config.get("candidateCount", 1) != 1:
            raise ScriptError("several candidates are not streamed here")
        *groups, last = self._groups()
        chunks, sent = [], 0
        for group in groups:
            sent += sum(1 for piece in group if not piece.get("thought"))
            chunks.append({"candidates": [self._candidate(group, 0, done=False)], **self._tail(self._running(sent))})
        chunks.append({"candidates": [self._candidate(last, 0, done=True)], **self._tail(self._usage())})
        return [self._checked(chunk) for chunk in chunks]

    def _groups(self) -> list[list[Json]]:
        """The pieces by chunk. Models from Gemini 3 on end with a chunk that says nothing, and give each call a chunk
        (https://github.com/envoyproxy/ai-gateway/pull/2399, https://github.com/googleapis/python-genai/pull/2453);
        older ones end with their last piece, and give calls that follow one another one chunk."""
        streamed = [piece for _, pieces_of_part in self.parts for piece in pieces_of_part]
        if not streamed:
            return [[]]
        if self.asked.traits.ends_apart:
            ends_signed = streamed[-1].get("text") == ""
            return [*([piece] for piece in streamed), *([] if ends_signed else [[{"text": ""}]])]
        kinds = itertools.groupby(enumerate(streamed), lambda entry: "call" if "functionCall" in entry[1] else entry[0])
        return [[piece for _, piece in group] for _, group in kinds]

    def _tail(self, usage: Json) -> Json:
        return {"usageMetadata": usage, **self.head}

    def _checked(self, payload: Json) -> Json:
        return checked("GenerateContentResponse", payload, vertex=self.prompt.vertex)

    def _nothing(self) -> Json:
        feedback: Json = {"blockReason": self.gemini.block_reason, "safetyRatings": ratings("content_filter")}
        if self.gemini.block_message:
            feedback["blockReasonMessage"] = self.gemini.block_message
        usage = {
            name: count for name, count in self._usage().items() if not name.startswith(("candidates", "thoughts"))
        }
        usage["totalTokenCount"] = usage["promptTokenCount"]
        return ({"promptFeedback": feedback} if self.gemini.block_reason else {}) | self._tail(usage)

    def _candidate(self, parts: Sequence[Json], index: int, *, done: bool) -> Json:
        candidate: Json = {}
        if parts:
            candidate["content"] = {"parts": list(parts), "role": "model"}
        elif not self.gemini.silent and self.finish not in WITHOUT_CONTENT:
            candidate["content"] = {"role": "model"}
        if done:
            candidate["finishReason"] = self.finish
            if self.gemini.finish_message:
                candidate["finishMessage"] = self.gemini.finish_message
            if self.finish in ("SAFETY", "PROHIBITED_CONTENT") or self.asked.request.get("safetySettings"):
                candidate["safetyRatings"] = ratings(self.reply.finish_reason)
            candidate |= self._logprobs()
        # Vertex AI leaves out what is zero.
        return candidate if self.prompt.vertex and not index else candidate | {"index": index}

    def _logprobs(self) -> Json:
        if not self.asked.config.get("responseLogprobs"):
            return {}
        words = [word for part in self.said if isinstance(part, Text) for word in part.words]
        result: Json = {"chosenCandidates": [logprob(word, number, 0) for number, word in enumerate(words)]}
        if tops := self.asked.config.get("logprobs"):
            ranked = [[logprob(word, number, rank) for rank in range(tops)] for number, word in enumerate(words)]
            result["topCandidates"] = [{"candidates": candidates} for candidates in ranked]
        return {"avgLogprobs": -0.25, "logprobsResult": result}

    def _usage(self) -> Json:
        scripted = self.reply.usage
        if scripted.cache_write:
            raise ScriptError("this vendor does not count what it writes to its cache")
        prompt = self.prompt.tokens if scripted.prompt is None else scripted.prompt
        cached = scripted.cached or min(self.prompt.cached, prompt)
        thoughts = scripted.reasoning or sum(usage_tokens(p.text) for p in self.said if isinstance(p, Thinking))
        spoken_tokens = sum(self._tokens(part) for part in self.said if not isinstance(part, Thinking))
        candidates = spoken_tokens if scripted.completion is None else scripted.completion - thoughts
        usage = self._prompt_usage(prompt) | {"totalTokenCount": prompt + candidates + thoughts}
        # What is zero is left out, as everywhere in this JSON.
        if candidates:
            usage |= {"candidatesTokenCount": candidates, "candidatesTokensDetails": text_only(candidates)}
        if thoughts:
            usage["thoughtsTokenCount"] = thoughts
        if cached:
            usage |= {"cachedContentTokenCount": cached, "cacheTokensDetails": text_only(cached)}
        return usage

    def _running(self, sent: int) -> Json:
        """Usage before the last chunk: what is known so far, and on Vertex AI nothing."""
        if self.prompt.vertex:
            return {"trafficType": "ON_DEMAND"}
        prompt = self.prompt.tokens if self.reply.usage.prompt is None else self.reply.usage.prompt
        return self._prompt_usage(prompt) | {"candidatesTokenCount": sent, "totalTokenCount": prompt + sent}

    def _prompt_usage(self, prompt: int) -> Json:
        usage: Json = {"promptTokenCount": prompt, "promptTokensDetails": text_only(prompt)}
        return usage | {"trafficType": "ON_DEMAND"} if self.prompt.vertex else usage

    def _tokens(self, part: Part) -> int:
        if isinstance(part, ToolCall):
            return max(1, (len(part.name) + len(part.arguments)) // 4)
        return usage_tokens(part.text)


def logprob(word: str, number: int, rank: int) -> Json:
    return {"token": word + "'" * rank, "tokenId": number, "logProbability": -0.25 - rank}


def text_only(count: int) -> list[Json]:
    return [{"modality": "TEXT", "tokenCount": count}]


def ratings(finish_reason: str | None) -> list[Json]:
    """A rating per category; where something was filtered, the first is why."""
    listed: list[Json] = [
        {"category": f"HARM_CATEGORY_{name}", "probability": "NEGLIGIBLE"}
        for name in sorted(CATEGORIES - {"CIVIC_INTEGRITY"})
    ]
    if finish_reason in ("content_filter", "SAFETY", "PROHIBITED_CONTENT"):
        listed[0] |= {"probability": "HIGH", "blocked": True}
    return listed


def arguments(call: ToolCall) -> Any:
    try:
        return json.loads(call.arguments)
    except ValueError:
        return None


def default_text(asked: Asked) -> str:
    """JSON after the wanted schema, else an echo that names the model."""
    config = asked.config
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    if config.get("responseMimeType") == "application/json":
        return json.dumps(example(schema, schema.get("$defs", {})) if schema else {"model": asked.model})
    if config.get("responseMimeType") == "text/x.enum":
        return str(example(schema or {"type": "string"}, {}))
    return f"{asked.model} heard: {' '.join(heard(asked.request['contents']))}"


def forced_call(asked: Asked) -> ToolCall | None:
    """The call that the mode ANY demands, with arguments after the function's schema."""
    config = asked.request.get("toolConfig", {}).get("functionCallingConfig", {})
    if config.get("mode") != "ANY":
        return None
    allowed = config.get("allowedFunctionNames") or [declaration["name"] for declaration in asked.declarations]
    wanted = next(declaration for declaration in asked.declarations if declaration["name"] == allowed[0])
    schema = wanted.get("parametersJsonSchema") or wanted.get("parameters") or {}
    return ToolCall(wanted["name"], json.dumps(example(schema, schema.get("$defs", {}))))


def limited(words: list[str], config: Json) -> tuple[list[str], str]:
    """The words up to the first stop sequence and within the output limit, and which of them ended the reply."""
    text = "".join(words)
    cuts = [text.find(stop) for stop in config.get("stopSequences", ()) if stop in text]
    if cuts:
        words = pieces(text[: min(cuts)])
    limit = config.get("maxOutputTokens")
    return (words[:limit], "MAX_TOKENS") if limit is not None and len(words) > limit else (words, "STOP")


class Cache:
    """Implicit caching (https://ai.google.dev/gemini-api/docs/caching): the starts of earlier requests to a model.

    A start is the tools and the system instruction and then some of the contents, byte for byte as they were sent but
    for the way their names are written.
    """

    def __init__(self) -> None:
        self._starts: set[bytes] = set()

    def seen(self, asked: Asked) -> tuple[int, int]:
        """How many tokens the request has, and how many of them are in a start seen before. Remembers its starts."""
        request = asked.request
        frame = {name: request[name] for name in ("tools", "toolConfig", "systemInstruction") if name in request}
        digest, total, cached, known = hashlib.sha256(asked.model.encode()), 0, 0, True
        for index, blob in enumerate([frame, *request["contents"]]):
            digest.update(json.dumps(blob).encode() + b"\0")
            total += usage_tokens(words_of(blob)) + (4 if index else 0)
            known = known and digest.digest() in self._starts
            cached = total if known else cached
            self._starts.add(digest.digest())
        return total, cached


def words_of(blob: Any) -> str:
    """All text of a content or of what precedes the contents."""
    if isinstance(blob, dict):
        return " ".join(words_of(value) for name, value in blob.items() if name not in ("thoughtSignature", "data"))
    if isinstance(blob, list):
        return " ".join(map(words_of, blob))
    return blob if isinstance(blob, str) else ""


def vector(text: str, dimensions: int) -> list[float]:
    """A unit vector that depends on the text alone."""
    source = random.Random(int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()))
    values = [source.gauss(0, 1) for _ in range(dimensions)]
    length = sum(value * value for value in values) ** 0.5
    return [value / length for value in values]


def embedded(request: Json, *, vertex: bool) -> Json:
    """The answer to one request to embed; on Vertex AI with its count of tokens."""
    config = request.get("embedContentConfig", request)
    text = " ".join(part["text"] for part in request["content"]["parts"])
    embedding: Json = {"values": vector(text, config.get("outputDimensionality", EMBEDDING_DIMENSIONS))}
    return embedding | ({"statistics": {"tokenCount": usage_tokens(text)}} if vertex else {})


def predicted(body: Json) -> Json:
    """The answer of Vertex AI's `predict` for models of text embeddings."""
    dimensions = body.get("parameters", {}).get("outputDimensionality", PREDICTED_DIMENSIONS)
    texts = [instance["content"] for instance in body["instances"]]
    predictions = [
        {"embeddings": {"values": vector(text, dimensions), "statistics": counts}}
        for text in texts
        for counts in [{"truncated": False, "token_count": usage_tokens(text)}]
    ]
    return {"predictions": predictions, "metadata": {"billableCharacterCount": sum(map(len, texts))}}


def scripted_signatures(reply: Reply) -> Iterator[str]:
    yield from (part.signature for part in reply.said() if isinstance(part, Thinking) and part.signature)
