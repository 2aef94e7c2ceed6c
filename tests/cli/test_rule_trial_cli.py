"""`ecotone rules try`: what it prints, and that a gateway then does what it said."""

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.cli.terminal import Shell
from tests.running import gateway
from tests.vendors import FakeOpenAI

KEY = "sk-vendor-secret"
CARD = "Charge 4111 1111 1111 1111 today."
MAIL = "Write to ada.lovelace@analytical-engines.co.uk about it."


def config(base_url: str) -> str:
    return f"""
[models.away]
provider = "openai-compatible"
base_url = "{base_url}"
name = "gpt-4o"
key_env = "VENDOR_KEY"

[[rules]]
name = "stays home"
deny = 'data.class >= restricted && endpoint.hosting == "vendor"'
because = "restricted data stays on our own machines"

[[rules]]
name = "addresses"
redact = 'endpoint.hosting == "vendor"'
kinds = ["email"]
because = "vendors need no addresses"

[data.raises]
credit_card = "restricted"
"""


async def test_what_is_printed(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.config(config("http://gpu1:8000/v1"))
    done = await shell.run("rules", "try", "-", "--model", "away", stdin=CARD)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "It would be sent nowhere: the rules refuse it."
    assert "class  restricted: credit_card was found" in lines
    assert "1     7-26        credit_card  41***************11  restricted  luhn" in lines
    refused = lines.index("refused: away@openai-compatible  (vendor, ◇ closed weights)")
    assert lines[refused + 1 : refused + 5] == [
        "  refuses  stays home: restricted data stays on our own machines",
        '    true    data.class >= restricted && endpoint.hosting == "vendor"',
        "      true    data.class >= restricted   (data.class is restricted)",
        '      true    endpoint.hosting == "vendor"   (endpoint.hosting is vendor)',
    ]
    assert "4111 1111" not in done.out


async def test_the_gateway_does_what_the_trial_said(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(KEY) as away,
        gateway(tmp_path, config(away.base_url), environment={"VENDOR_KEY": KEY}) as running,
    ):
        # The same home: what replaces an address is made with its key.
        shell = Shell(tmp_path)

        async def trial(text: str, *more: str) -> Any:
            done = await shell.run("rules", "try", "-", "--model", "away", "--json", *more, stdin=text)
            assert done.code == 0, done.err
            return json.loads(done.out)

        async def ask(text: str) -> None:
            async with running.client() as client:
                await client.chat.completions.create(model="away", messages=[{"role": "user", "content": text}])

        refused = await trial(CARD)
        with pytest.raises(openai.PermissionDeniedError) as raised:
            await ask(CARD)
        assert isinstance(raised.value.body, dict)
        assert refused["refusal"] == raised.value.body["message"]
        assert away.requests == []

        replaced = await trial(MAIL)
        await ask(MAIL)
        (request,) = away.requests
        (place,) = replaced["places"]
        assert place["sent"]["text"] == json.loads(request.body)["messages"][0]["content"]
        assert place["sent"]["replaced"] == {"email": 1}
