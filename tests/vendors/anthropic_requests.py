"""Requests to Anthropic's API written by hand, for the tests of its fake."""

import base64
import json
from typing import Any

import httpx

from .anthropic_messages import FakeAnthropic

MODEL = "claude-sonnet-4-6"
FORMER = "claude-haiku-4-5"  # takes prefill, no adaptive thinking
LATEST = "claude-opus-4-8"  # takes no sampling parameters, but system turns
HELLO: list[Any] = [{"role": "user", "content": "Hello there"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: dict[str, Any] = {"name": "weather", "input_schema": CITY}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n and so on").decode()
BUDGET = {"type": "enabled", "budget_tokens": 1024}
MARK = {"type": "ephemeral"}


def asked(**fields: Any) -> dict[str, Any]:
    """A good request that differs in these fields; None leaves one out."""
    body = {"model": MODEL, "max_tokens": 2048, "messages": HELLO} | fields
    return {name: value for name, value in body.items() if value is not None}


async def post(vendor: FakeAnthropic, body: Any, path: str = "/v1/messages", **headers: str) -> httpx.Response:
    sent = {"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01", "content-type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body)
    async with httpx.AsyncClient(verify=False) as http:  # no certificates to load for plain HTTP
        return await http.post(vendor.base_url + path, content=content, headers={k: v for k, v in sent.items() if v})


async def refused(vendor: FakeAnthropic, **fields: Any) -> str:
    """The message with which the vendor refuses a request that differs from a good one in these fields."""
    response = await post(vendor, asked(**fields))
    assert response.status_code == 400, response.text
    answer = response.json()
    assert answer["type"] == "error" and answer["error"]["type"] == "invalid_request_error"
    assert answer["request_id"] == response.headers["request-id"]
    return str(answer["error"]["message"])


def said(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def called(*ids: str) -> dict[str, Any]:
    uses = [{"type": "tool_use", "id": name, "name": "weather", "input": {"city": "Bern"}} for name in ids]
    return {"role": "assistant", "content": uses}


def result(name: str, content: Any = "sun", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": name, "content": content, **more}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def image(data: str = PNG, media_type: str = "image/png") -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}
