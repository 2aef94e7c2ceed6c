"""Responses that are kept: reading, listing what went into them, deleting."""

import re
from typing import Any
from urllib.parse import parse_qs

from ecotone.gateway.responses import StoredResponse, StoredResponses
from ecotone.values.errors import MalformedRequest, MethodNotAllowed, NotFound, UnsupportedFeature
from ecotone.wire.openai_responses.history import item_kind, without_encrypted
from ecotone.wire.openai_responses.request import ENCRYPTED

Json = dict[str, Any]

_PATH = re.compile(r"/v1/responses/(?P<id>[^/]+)(?P<rest>/input_items|/cancel)?")
_LIMIT, _LIMIT_MAX = 20, 100


def find_response(path: str) -> tuple[str, str] | None:
    """The id of the response that a path is about, and what of it is asked for; None for other paths."""
    found = _PATH.fullmatch(path)
    return None if found is None else (found["id"], found["rest"] or "")


def serve_response(method: str, path: str, query: str, principal: str, stored: StoredResponses) -> Json:
    """The answer to a request about a response that is kept. Raises RequestError."""
    found = find_response(path)
    if found is None:
        raise NotFound(f"There is nothing at {path}.")
    identity, rest = found
    if not stored.keeps:
        raise NotFound(
            f'There is no response {identity!r}: none are kept here ([retention] responses = "none" in ecotone.toml).'
        )
    response = stored.get(principal, identity)
    if response is None:
        raise NotFound(f"Response with id '{identity}' not found.")
    match method, rest:
        case "GET", "":
            return _whole(response, parse_qs(query))
        case "GET", "/input_items":
            return _input_items(response, parse_qs(query))
        case "DELETE", "":
            stored.delete(principal, identity)
            return {"id": identity, "object": "response", "deleted": True}
        case "POST", "/cancel":
            raise UnsupportedFeature("Only a response in the background can be cancelled, and none runs there.")
    raise MethodNotAllowed(f"{path} does not take {method}.")


def _includes(query: dict[str, list[str]]) -> list[str]:
    return [*query.get("include", ()), *query.get("include[]", ())]


def _whole(response: StoredResponse, query: dict[str, list[str]]) -> Json:
    if query.get("stream") == ["true"]:
        raise UnsupportedFeature(
            "A response that is over cannot be streamed again. Leave out `stream`.", param="stream"
        )
    output = list(response.output)
    return response.body | {"output": output if ENCRYPTED in _includes(query) else without_encrypted(output)}


def _input_items(response: StoredResponse, query: dict[str, list[str]]) -> Json:
    """What went into a response, the latest first unless asked otherwise."""
    items = [_listed(item, place) for place, item in enumerate(response.input)]
    if ENCRYPTED not in _includes(query):
        items = without_encrypted(items)
    if query.get("order", ["desc"])[-1] != "asc":
        items.reverse()
    after = query.get("after")
    if after:
        places = [place for place, item in enumerate(items) if item["id"] == after[-1]]
        if not places:
            raise NotFound(f"Item with id '{after[-1]}' not found.")
        items = items[places[0] + 1 :]
    limit = query.get("limit", [str(_LIMIT)])[-1]
    if not limit.isdecimal() or not 1 <= int(limit) <= _LIMIT_MAX:
        raise MalformedRequest(f"`limit` must be a whole number from 1 to {_LIMIT_MAX}.", param="limit")
    page = items[: int(limit)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else "",
        "last_id": page[-1]["id"] if page else "",
        "has_more": len(items) > len(page),
    }


_PREFIXES = {"message": "msg", "function_call": "fc", "function_call_output": "fc", "reasoning": "rs"}


def _listed(item: Json, place: int) -> Json:
    """The item with all that the API's lists have: an id, a type, a status, and content as a list."""
    kind = item_kind(item)
    listed: Json = {"id": f"{_PREFIXES.get(kind, 'item')}_{place:06d}", "type": kind, "status": "completed"} | item
    if kind == "message" and isinstance(item.get("content"), str):
        text: Json = {"type": "input_text", "text": item["content"]}
        if item.get("role") == "assistant":
            text = {"type": "output_text", "text": item["content"], "annotations": []}
        listed["content"] = [text]
    return listed
