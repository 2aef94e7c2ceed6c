"""Signs of misuse in real requests become events, one each, and none of them holds a word of what was said."""

import json
from pathlib import Path
from typing import Any

import apsw
import openai
import pytest

from ecotone.cli.app import app
from ecotone.cli.events import run
from ecotone.values.errors import SetupError
from tests.running import gateway
from tests.vendors import FakeOpenAI, Reply

VENDOR_KEY = "sk-vendor-secret"
SECRET = "sk-ant-api03-" + "aB3dE5gH7jK9mN2pQ4sT6vX8" * 3 + "-wXyZ12AA"
RULES = """
[models.away]
provider = "openai-compatible"
base_url = "{away}"
name = "gpt-4o"
key_env = "VENDOR_KEY"

[[rules]]
name = "stays home"
deny = 'data.class >= restricted && endpoint.hosting == "vendor"'
because = "restricted data stays on our own machines"

[[rules]]
name = "no keys"
on = "reply"
deny = '"secret" in data.kinds'
because = "nobody is told a key"
"""


async def test_repeated_denials_give_one_event_of_each_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with FakeOpenAI(VENDOR_KEY) as away:
        config = RULES.format(away=away.base_url)
        async with gateway(tmp_path, config, environment={"VENDOR_KEY": VENDOR_KEY}) as gate, gate.client() as client:

            async def ask(text: str, *, stream: bool = False) -> None:
                messages: Any = [{"role": "user", "content": text}]
                reply: Any = await client.chat.completions.create(model="away", messages=messages, stream=stream)
                if stream:
                    [chunk async for chunk in reply]

            await ask("Is this Wednesday?")
            for number in range(12):
                with pytest.raises(openai.PermissionDeniedError):
                    await ask(f"Mrs Zweigelt's SSN is 536-90-4399, visit {number}.")
            away.script(*[Reply(text=f"Here it is: {SECRET}. Do not tell.")] * 6)
            for number in range(6):
                with pytest.raises(openai.APIError, match="nobody is told a key"):
                    await ask("What was the key again?", stream=number % 2 == 0)
            await gate.rows(19)
            await gate.stop()

    monkeypatch.setenv("ECOTONE_HOME", str(gate.home))
    app(["events", "--since", "1h", "--json"], standalone_mode=False)
    rising, repeated = json.loads(capsys.readouterr().out)["events"]
    assert (rising.pop("at") < repeated.pop("at")) is True
    assert rising == {
        "kind": "rising_denials",
        "principal": "local",
        "detail": {"denials": 10, "minutes": 10, "before": 0, "before_minutes": 60},
    }
    assert repeated == {
        "kind": "repeated_blocks",
        "principal": "local",
        "detail": {"blocked": "rule no keys", "times": 5, "minutes": 60},
    }
    rows = apsw.Connection(str(gate.home / "ecotone.db")).execute("select * from events").fetchall()
    assert len(rows) == 2
    assert not [word for word in ("Zweigelt", "536-90", "sk-ant", "Wednesday", "again") if word in str(rows)]

    app(["events"], standalone_mode=False)
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[3:5] for line in table[1:]] == [["local", "rising_denials"], ["local", "repeated_blocks"]]
    assert table[1].endswith("10 requests refused in 10 minutes, 0 in the 60 minutes before")
    assert table[2].endswith("refused 5 times in 60 minutes over rule no keys")
    run("2999-01-01T12:00", as_json=False)
    assert capsys.readouterr() == ("", "There are no events since 2999-01-01 12:00 UTC.\n")


@pytest.mark.parametrize("since", ["yesterday", "5w", "999999d", ""])
def test_a_time_that_is_none_is_explained(since: str) -> None:
    with pytest.raises(SetupError, match=f"^--since '{since}' is no time: write an age like 90m"):
        run(since, as_json=False)
