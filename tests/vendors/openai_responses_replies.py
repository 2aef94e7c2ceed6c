"""What the vendor answers at /v1/responses: scripted replies as items, whole or as the events of a stream."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

from openai.types.responses import (
    CompactedResponse,
    InputTokenCountResponse,
    Response,
    ResponseStreamEvent,
)
from openai.types.responses.response_error import ResponseError
from pydantic import BaseModel

from .openai_replies import ARGUMENT_PIECE
from .openai_responses_rules import chosen_tools, input_items, item_type, reasons
from .openai_sealing import Seals
from .openai_server import CREATED
from .scripts import Declined, Part, Reply, ScriptError, Text, Thinking, ToolCall, pieces
from .sdk_models import checked, example

Json = dict[str, Any]

EVENT_MODELS: dict[str, type[BaseModel]] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(ResponseStreamEvent)[0])
}
# Padding that the SDK's models do not name, and a field of one event that the description has and they have not.
EXTENSIONS = frozenset({"obfuscation"})
NAMED = "response.function_call_arguments.done"
ERROR_CODES: tuple[str, ...] = get_args(ResponseError.model_fields["code"].annotation)
ENDS = {"length": "max_output_tokens", "max_output_tokens": "max_output_tokens", "content_filter": "content_filter"}
CALL_KINDS = {"function": "function_call", "custom": "custom_tool_call"}
FAILED = "The model failed to answer."


@dataclass
class Item:
    """One output item: as it is opened, what happens in it, and as it is done. `steps` are events without what all
    events of an item share."""

    done: Json
    opened: Json
    steps: list[Json] = field(default_factory=list)


class ResponseAnswer:
    """A scripted reply worked out for one request. `items` are those of the input, an earlier response's included."""

    def __init__(self, request: Json, items: list[Json], reply: Reply, serial: int, seals: Seals) -> None:
        self.request, self.input, self.reply, self.serial, self.seals = request, items, reply, serial, seals
        self.id = f"resp_fake{serial:08d}"
        said, cut = within(self._said(), request.get("max_output_tokens"))
        self.reason = reply.finish_reason or ("length" if cut else None)
        if self.reason not in (None, "stop", "tool_calls", *ENDS, *ERROR_CODES):
            raise ScriptError(f"this vendor does not end a reply with {self.reason!r}")
        self.status = "incomplete" if self.reason in ENDS else "failed" if self.reason in ERROR_CODES else "completed"
        self.said = said
        self.items = list(self._items(said))

    def _said(self) -> list[Part]:
        if said := list(self.reply.said()):
            self._permitted([part for part in said if isinstance(part, ToolCall)])
            if any(isinstance(part, Thinking) for part in said) and not reasons(self.request["model"]):
                raise ScriptError(f"{self.request['model']} does not reason")
            return said
        forced = forced_call(self.request)
        return [forced or Text(default_text(self.request))]

    def _permitted(self, calls: list[ToolCall]) -> None:
        offered = {(tool["type"], tool["name"]) for tool in self.request.get("tools") or () if "name" in tool}
        if strangers := {(call.kind, call.name) for call in calls} - offered:
            raise ScriptError(f"the request offers no tool {strangers}")
        if len(calls) > 1 and self.request.get("parallel_tool_calls") is False:
            raise ScriptError("the request forbids parallel tool calls")
        if calls and self.request.get("tool_choice") == "none":
            raise ScriptError("the request forbids tool calls")

    def _items(self, said: list[Part]) -> Iterator[Item]:
        """An item for each part; texts and refusals side by side share a message."""
        runs = itertools.groupby(said, key=lambda part: isinstance(part, Text | Declined))
        groups = [group for spoken, run in runs for group in ([list(run)] if spoken else [[part] for part in run])]
        for index, group in enumerate(groups):
            status = "incomplete" if self.status == "incomplete" and index == len(groups) - 1 else "completed"
            number = f"fake{self.serial:08d}{index:02d}"
            match group[0]:
                case Thinking() as thinking:
                    yield self._reasoning(thinking, f"rs_{number}")
                case ToolCall(kind="custom") as call:
                    yield custom_call_item(call, f"ctc_{number}", call.id or f"call_{number}")
                case ToolCall() as call:
                    yield function_call_item(call, f"fc_{number}", call.id or f"call_{number}", status)
                case _:
                    yield message_item(group, f"msg_{number}", status, self._tops())

    def _reasoning(self, thinking: Thinking, name: str) -> Item:
        """Summaries only where asked for, one for each paragraph; what the item was opened with is not yet the whole
        encrypted content."""
        wanted = self.request.get("reasoning") or {}
        shown = (wanted.get("summary") or wanted.get("generate_summary")) and not thinking.hidden
        paragraphs = thinking.text.split("\n\n") if shown and thinking.text else []
        done: Json = {"id": name, "type": "reasoning", "summary": []}
        opened = dict(done)
        if "reasoning.encrypted_content" in (self.request.get("include") or ()):
            token = thinking.signature or self.seals.seal(f"{name} {thinking.text}")
            self.seals.remember(token)
            done["encrypted_content"], opened["encrypted_content"] = token, token[: len(token) // 2]
        elif thinking.signature:
            raise ScriptError("the request does not include encrypted reasoning")
        item = Item(done, opened)
        for index, paragraph in enumerate(paragraphs):
            part = {"type": "summary_text", "text": paragraph}
            kind, number = "response.reasoning_summary", {"summary_index": index}
            done["summary"].append(part)
            item.steps += [
                {"type": f"{kind}_part.added", **number, "part": {"type": "summary_text", "text": ""}},
                *({"type": f"{kind}_text.delta", **number, "delta": word} for word in pieces(paragraph)),
                {"type": f"{kind}_text.done", **number, "text": paragraph},
                {"type": f"{kind}_part.done", **number, "part": part},
            ]
        opened["summary"] = []
        return item

    def _tops(self) -> int | None:
        """How many alternatives each token comes with; None when no probabilities are wanted."""
        wanted = "message.output_text.logprobs" in (self.request.get("include") or ())
        return (self.request.get("top_logprobs") or 0) if wanted else None

    def whole(self) -> Json:
        output = [item.done for item in self.items]
        return checked(Response, self._response(self.status, output, ended=True))

    def _response(self, status: str, output: list[Json], *, ended: bool) -> Json:
        request = self.request
        wanted = request.get("reasoning") or {}
        effort = wanted.get("effort") or ("medium" if reasons(request["model"]) else None)
        text = request.get("text") or {}
        response = {
            "id": self.id,
            "object": "response",
            "created_at": CREATED + self.serial,
            "status": status,
            "background": False,
            "error": {"code": self.reason, "message": FAILED} if status == "failed" else None,
            "incomplete_details": {"reason": ENDS[str(self.reason)]} if status == "incomplete" else None,
            "model": self.reply.model or request["model"],
            "output": output,
            "reasoning": {"effort": effort, "summary": wanted.get("summary")},
            "service_tier": "default" if ended else "auto",
            "text": {"format": text.get("format") or {"type": "text"}, "verbosity": text.get("verbosity") or "medium"},
            "usage": self._usage() if ended and status != "failed" else None,
            "metadata": request.get("metadata") or {},
            "user": request.get("user"),
        }
        if ended and status == "completed":
            response["completed_at"] = CREATED + self.serial + 1
        for name, otherwise in ECHOED.items():
            response[name] = otherwise if request.get(name) is None else request[name]
        if response["user"] is None:
            del response["user"]
        return response

    def events(self) -> list[Json]:
        """The events of the stream; the last one ends it."""
        opening = self._response("in_progress", [], ended=False)
        events: list[Json] = [{"type": f"response.{name}", "response": opening} for name in ("created", "in_progress")]
        for index, item in enumerate(self.items):
            events.append({"type": "response.output_item.added", "output_index": index, "item": item.opened})
            shared = {"item_id": item.done["id"], "output_index": index}
            events += [step | shared for step in item.steps]
            events.append({"type": "response.output_item.done", "output_index": index, "item": item.done})
        events.append({"type": f"response.{self.status}", "response": self.whole()})
        padded = (self.request.get("stream_options") or {}).get("include_obfuscation", True)
        for number, event in enumerate(events):
            event["sequence_number"] = number
            if padded and "delta" in event:
                # Pads a delta towards a common size, so that sizes on the line tell less of the words.
                event["obfuscation"] = "x" * (16 - len(event["delta"]) % 16)
            checked(EVENT_MODELS[event["type"]], event, EXTENSIONS | ({"name"} if event["type"] == NAMED else set()))
        return events

    def _usage(self) -> Json:
        usage = self.reply.usage
        said = sum(
            len(json.dumps(part.arguments)) // 4 if isinstance(part, ToolCall) else words_of(part) for part in self.said
        )
        prompt = prompt_tokens(self.request, self.input) if usage.prompt is None else usage.prompt
        completion = said if usage.completion is None else usage.completion
        return usage_payload(prompt, completion, usage.cached, usage.cache_write, usage.reasoning)


ECHOED: Json = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
}


def words_of(part: Part) -> int:
    if isinstance(part, Text):
        return len(part.words)
    return 0 if isinstance(part, ToolCall) else len(pieces(part.text))


def within(parts: list[Part], limit: int | None) -> tuple[list[Part], bool]:
    """The parts up to the output limit, counted in words, and whether it cut any."""
    left, kept = limit or 0, list[Part]()
    for part in parts:
        if limit and words_of(part) > left:
            if isinstance(part, Text):
                kept.append(Text("".join(part.words[:left]), part.words[:left]))
            return kept, True
        left -= words_of(part)
        kept.append(part)
    return kept, False


def message_item(parts: list[Part], name: str, status: str, tops: int | None) -> Item:
    done: Json = {"id": name, "type": "message", "status": status, "role": "assistant", "content": []}
    item = Item(done, done | {"status": "in_progress", "content": []})
    for index, part in enumerate(parts):
        number = {"content_index": index}
        if isinstance(part, Text):
            field_name, kind, words = "text", "output_text", part.words
            logprobs = [logprob(word, tops) for word in words] if tops is not None else []
            whole: Json = {"type": kind, "text": "".join(words), "annotations": [], "logprobs": logprobs}
            opened = whole | {"text": "", "logprobs": []}
        else:
            if not isinstance(part, Declined):
                raise ScriptError(f"{part} is no content of a message")
            field_name, kind, words, logprobs = "refusal", "refusal", pieces(part.text), []
            whole = {"type": kind, "refusal": part.text}
            opened = whole | {"refusal": ""}
        done["content"].append(whole)
        item.steps.append({"type": "response.content_part.added", **number, "part": opened})
        for position, word in enumerate(words):
            step = {"type": f"response.{kind}.delta", **number, "delta": word}
            item.steps.append(step | event_logprobs(kind, logprobs[position : position + 1]))
        ended = {"type": f"response.{kind}.done", **number, field_name: whole[field_name]}
        item.steps.append(ended | event_logprobs(kind, logprobs))
        item.steps.append({"type": "response.content_part.done", **number, "part": whole})
    return item


def logprob(token: str, tops: int) -> Json:
    others = [entry(token + "'" * rank, -0.25 - rank) for rank in range(tops)]
    return entry(token, -0.25) | {"top_logprobs": others}


def entry(token: str, value: float) -> Json:
    return {"token": token, "logprob": value, "bytes": list(token.encode())}


def event_logprobs(kind: str, logprobs: list[Json]) -> Json:
    """As the events of text carry them: always there, without the bytes."""
    if kind != "output_text":
        return {}

    def plain(value: Json) -> Json:
        return {"token": value["token"], "logprob": value["logprob"]}

    return {
        "logprobs": [plain(one) | {"top_logprobs": [plain(top) for top in one["top_logprobs"]]} for one in logprobs]
    }


def function_call_item(call: ToolCall, name: str, call_id: str, status: str) -> Item:
    done = {"id": name, "type": "function_call", "status": status, "arguments": call.arguments}
    done |= {"call_id": call_id, "name": call.name}
    item = Item(done, done | {"status": "in_progress", "arguments": ""})
    kind = "response.function_call_arguments"
    item.steps = [{"type": f"{kind}.delta", "delta": piece} for piece in argument_pieces(call.arguments)]
    item.steps.append({"type": NAMED, "name": call.name, "arguments": call.arguments})
    return item


def custom_call_item(call: ToolCall, name: str, call_id: str) -> Item:
    done = {"id": name, "type": "custom_tool_call", "call_id": call_id, "name": call.name, "input": call.arguments}
    item = Item(done, done | {"input": ""})
    kind = "response.custom_tool_call_input"
    item.steps = [{"type": f"{kind}.delta", "delta": piece} for piece in argument_pieces(call.arguments)]
    item.steps.append({"type": f"{kind}.done", "input": call.arguments})
    return item


def argument_pieces(arguments: str) -> list[str]:
    return [arguments[start : start + ARGUMENT_PIECE] for start in range(0, len(arguments), ARGUMENT_PIECE)]


def usage_payload(prompt: int, completion: int, cached: int = 0, written: int = 0, reasoning: int = 0) -> Json:
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": prompt + completion,
    }


def prompt_tokens(request: Json, items: list[Json]) -> int:
    """What passes for tokens: words, and four for each item."""
    instructions = len(pieces(request.get("instructions") or ""))
    return instructions + sum(4 + len(pieces(spoken(item))) for item in items)


def spoken(item: Json) -> str:
    content = item.get("content") or item.get("output") or item.get("arguments") or item.get("input") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def default_text(request: Json) -> str:
    """JSON after the wanted schema, else an echo that names the model."""
    wanted = (request.get("text") or {}).get("format") or {"type": "text"}
    if wanted["type"] == "json_schema":
        return json.dumps(example(wanted["schema"], wanted["schema"].get("$defs", {})))
    if wanted["type"] == "json_object":
        return json.dumps({"model": request["model"]})
    users = (item for item in reversed(input_items(request)) if item_type(item) == "message" and item["role"] == "user")
    return f"{request['model']} heard: {spoken(next(users, {}))}"


def forced_call(request: Json) -> ToolCall | None:
    """The call that `tool_choice` demands, with arguments after the tool's schema."""
    choice, tools = request.get("tool_choice"), request.get("tools") or []
    if choice == "required":
        named = [tool for tool in tools if tool["type"] in CALL_KINDS]
    else:
        wanted = [] if isinstance(choice, dict) and choice.get("mode") == "auto" else chosen_tools(choice)
        names = [(one["type"], one.get("name")) for one in wanted]
        named = [tool for tool in tools if (tool["type"], tool.get("name")) in names and tool["type"] in CALL_KINDS]
    if not named:
        return None
    tool = named[0]
    if tool["type"] == "custom":
        return ToolCall(tool["name"], "fake", kind="custom")
    schema = tool["parameters"] or {}
    return ToolCall(tool["name"], json.dumps(example(schema, schema.get("$defs", {}))))


def token_count(request: Json, items: list[Json]) -> Json:
    counted = {"object": "response.input_tokens", "input_tokens": prompt_tokens(request, items)}
    return checked(InputTokenCountResponse, counted)


def compacted(request: Json, items: list[Json], serial: int, seals: Seals) -> Json:
    """The users' messages, and the rest as one item that only this vendor can read."""
    kept = []
    for index, item in enumerate(items):
        if item_type(item) == "message" and item["role"] == "user":
            content = item["content"]
            parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
            name = f"msg_fake{serial:08d}{index:02d}"
            kept.append({"id": name, "type": "message", "status": "completed", "role": "user", "content": parts})
    sealed = seals.seal(json.dumps(items, sort_keys=True))
    summary = {"id": f"cmp_fake{serial:08d}", "type": "compaction", "encrypted_content": sealed}
    payload = {
        "id": f"resp_fake{serial:08d}",
        "object": "response.compaction",
        "created_at": CREATED + serial,
        "output": [summary],
        "usage": usage_payload(prompt_tokens(request, items), 1),
    }
    checked(CompactedResponse, payload)
    # The SDK's model takes the messages of users for the assistant's, whose content has other types.
    return payload | {"output": [*kept, summary]}
