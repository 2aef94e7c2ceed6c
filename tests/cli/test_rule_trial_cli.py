"""`ecotone rules try`: what it prints, and that a gateway then does what it said."""

import json
from collections.abc import Callable
from pathlib import Path

import openai
import pytest

from tests.cli.in_process import in_process
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


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs `ecotone rules` in this process, in a folder with a config and the home that a gateway there has."""
    commands = in_process(tmp_path, monkeypatch)

    def rules(*arguments: str, text: str | None = None) -> str:
        done = commands.run("rules", *arguments, stdin=text)
        assert done.code == 0, done
        return done.out

    return rules


def test_what_is_printed(tmp_path: Path, run: Callable[..., str]) -> None:
    (tmp_path / "ecotone.toml").write_text(config("http://gpu1:8000/v1"))
    out = run("try", "-", "--model", "away", text=CARD)
    lines = out.splitlines()
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
    assert "4111 1111" not in out


async def test_the_gateway_does_what_the_trial_said(tmp_path: Path, run: Callable[..., str]) -> None:
    async with (
        FakeOpenAI(KEY) as away,
        gateway(tmp_path, config(away.base_url), environment={"VENDOR_KEY": KEY}) as running,
        running.client() as client,
    ):

        async def ask(text: str) -> None:
            await client.chat.completions.create(model="away", messages=[{"role": "user", "content": text}])

        refused = json.loads(run("try", "-", "--model", "away", "--json", text=CARD))
        with pytest.raises(openai.PermissionDeniedError) as raised:
            await ask(CARD)
        assert isinstance(raised.value.body, dict)
        assert refused["refusal"] == raised.value.body["message"]
        assert away.requests == []

        (row,) = await running.rows(1)
        (told,) = json.loads(run("refused", "--json"))["refusals"]
        assert (told["id"], told["outcome"], told["rules"]) == (row["id"], "refused", ["stays home"])
        printed = run("refused", "--since", "1h")
        assert "stays home: restricted data stays on our own machines" in printed
        assert "4111" not in printed

        # The home is the gateway's, and so is the key that stand-ins are made with.
        (place,) = json.loads(run("try", "-", "--model", "away", "--json", text=MAIL))["places"]
        await ask(MAIL)
        (request,) = away.requests
        assert place["sent"]["text"] == json.loads(request.body)["messages"][0]["content"]
        assert place["sent"]["replaced"] == {"email": 1}
