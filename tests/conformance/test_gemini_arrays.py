"""Google's clients that do not ask for events get a stream as one JSON array, as Google's API gives it."""

import json
from typing import Any

import httpx

from tests.conformance.house import WIRES, house
from tests.vendors.scripts import Delivery, Ending, Reply

ASKED = {"contents": [{"role": "user", "parts": [{"text": "Count."}]}]}


def said(replies: list[dict[str, Any]]) -> str:
    parts = [part for reply in replies for part in reply["candidates"][0]["content"]["parts"]]
    return "".join(part.get("text", "") for part in parts)


async def test_a_stream_as_an_array_and_a_broken_one(tmp_path: Any) -> None:
    async with house(tmp_path) as home, httpx.AsyncClient(base_url=home.gate.url, verify=False) as client:
        for wire in WIRES:
            home.vendors[wire].script(
                Reply(text="one two three"),
                Reply(text="one two three", delivery=Delivery(events=4, ending=Ending.CLOSE)),
            )
            path = f"/v1beta/models/{wire}:streamGenerateContent"
            whole = await client.post(path, json=ASKED)
            assert whole.headers["content-type"].startswith("application/json")
            assert said(whole.json()) == "one two three"
            assert whole.json()[-1]["candidates"][0]["finishReason"] == "STOP"
            broken = (await client.post(path, json=ASKED)).json()
            last = broken[-1] if isinstance(broken, list) else broken
            assert last["error"]["code"] == 502, json.dumps(broken)
