"""Runs that a gateway carries out in the background: watched, stopped, found again after a crash, gone on with."""

import asyncio
import base64
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from ecotone.gateway.build import open_database
from ecotone.gateway.sessions import Sessions
from ecotone.gateway.settings.paths import Home
from tests.cli.terminal import until_no_process
from tests.running import RunningGateway, gateway
from tests.vendors import Delivery, FakeOpenAI, Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = "sk-background"
CONFIG = """
[models.mini]
provider = "openai"
base_url = "{address}"
name = "gpt-4o-mini"
key_env = "RUNS_KEY"

[models.unpriced]
provider = "openai-compatible"
base_url = "{address}"
name = "gpt-4o"
key_env = "RUNS_KEY"
"""


@dataclass
class Plane:
    """The control plane of a gateway, as a program of the owner's has it."""

    folder: Path
    running: RunningGateway
    client: httpx.AsyncClient

    async def ask(self, method: str, path: str, body: object = None, *, status: int = 200) -> Any:
        answer = await self.client.request(method, f"/control/v1/evaluations{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def until(self, run: str, *, state: str, done: int = 0) -> Any:
        """The run, once it is in this state with so many results."""
        async with asyncio.timeout(60):
            while True:
                told = await self.ask("GET", f"/runs/{run}")
                if told["state"] == state and sum(row["done"] for row in told["progress"]) >= done:
                    return told
                await asyncio.sleep(0.05)


@asynccontextmanager
async def plane(folder: Path, vendor: FakeOpenAI) -> AsyncIterator[Plane]:
    config = CONFIG.format(address=vendor.base_url)
    async with gateway(folder, config, environment={"RUNS_KEY": KEY}) as running:
        database = open_database(Home(running.home))
        host = urlsplit(running.url).netloc
        token = Sessions(database).begin("ada", host, datetime.now(UTC), timedelta(hours=1))
        database.close()
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=running.url, headers=headers, timeout=60.0) as client:
            yield Plane(folder, running, client)


def write_suite(folder: Path, name: str, cases: int, *, right: int) -> str:
    """A suite that an echo answers: the first `right` cases rightly. Gives the word for it."""
    (folder / "suites" / name).mkdir(parents=True)
    (folder / "suites" / name / "suite.toml").write_text('[scorer]\nkind = "contains"\n')
    rows = [
        {"id": f"c{n}", "prompt": f"{name} {n}!", "reference": f"{n}!" if n < right else "no"} for n in range(cases)
    ]
    (folder / "suites" / name / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"./suites/{name}"


def prompts(vendor: FakeOpenAI) -> Counter[str]:
    return Counter(request.json["messages"][-1]["content"] for request in vendor.requests)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(KEY) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(vendor: FakeOpenAI, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    async with plane(tmp_path_factory.mktemp("runs"), vendor) as made:
        yield made


@pytest.fixture
def sent(vendor: FakeOpenAI) -> FakeOpenAI:
    vendor.requests.clear()
    return vendor


async def test_a_run_is_watched_stopped_and_gone_on_with(house: Plane, sent: FakeOpenAI) -> None:
    word = write_suite(house.folder, "held", 5, right=3)
    wish = {"suites": [word], "models": ["mini"], "concurrency": 1}
    forecast = await house.ask("POST", "/estimate", wish)
    # Five cases of at most 512 tokens at 0.60 dollars a million, and some input.
    assert (forecast["cases"], forecast["kept"], forecast["own_machines"]) == (5, 0, False)
    assert 0.001536 < float(forecast["cost_usd_max"]) < 0.0016
    assert sent.requests == []

    sent.script(Reply(), Reply(), Reply(delivery=Delivery(gate=asyncio.Event())))
    begun = await house.ask("POST", "/runs", wish)
    run = begun["run"]["id"]
    assert (begun["state"], begun["run"]["who"]) == ("running", "ada")
    await house.until(run, state="running", done=2)
    twice = await house.ask("POST", f"/runs/{run}/resume", status=409)
    assert "goes on already" in twice["error"]["message"]
    stopped = await house.ask("POST", f"/runs/{run}/stop")
    assert (stopped["state"], stopped["came"]["all"]) == ("stopped", 2)
    await asyncio.wait_for(sent.requests[2].left.wait(), 10)

    await house.ask("POST", f"/runs/{run}/resume")
    async with house.client.stream("GET", f"/control/v1/evaluations/runs/{run}/events") as stream:
        lines = [line async for line in stream.aiter_lines()]
    events = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    told = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert set(events[:-1]) == {"progress"} and events[-1] == "ended"
    assert told[-1] == {"state": "finished"}
    assert (told[-2]["done"], told[-2]["cases"]) == (5, 5)
    assert [row["case"] for row in told[-2]["latest"]] == ["c4", "c3", "c2", "c1", "c0"]
    found = await house.ask("GET", f"/runs/{run}")
    assert found["state"] == "finished"
    assert found["came"] == {"wrong": 2, "unanswered": 0, "right": 3, "all": 5}
    assert prompts(sent) == {"held 0!": 1, "held 1!": 1, "held 2!": 2, "held 3!": 1, "held 4!": 1}
    wrong = await house.ask("GET", f"/runs/{run}/cases?came=wrong")
    assert (wrong["total"], [row["case"] for row in wrong["rows"]]) == (2, ["c3", "c4"])
    case = await house.ask("GET", f"/runs/{run}/case?suite=held&case=c3")
    assert case["reference"] == {"": "no"}
    assert case["replies"][0]["why"] == "not in it: 'no'"
    # What the console asks of a model is in the log like anybody's, under its own name.
    rows = await house.running.rows(6)
    assert {row["principal"] for row in rows} == {"console"}


async def test_what_cannot_be_run_is_said_in_words(house: Plane, sent: FakeOpenAI) -> None:
    known = await house.ask("GET", "/runs")
    word = write_suite(house.folder, "said", 2, right=2)
    judged = write_suite(house.folder, "judged", 1, right=1)
    (house.folder / "suites/judged/suite.toml").write_text('[scorer]\nkind = "judge-grade"\n')
    (house.folder / "elsewhere").mkdir()
    for body, status, says in (
        ({"suites": [], "models": ["mini"]}, 400, "Choose at least one suite."),
        ({"suites": [word], "models": []}, 400, "Choose at least one model."),
        ({"suites": ["gsm9k"], "models": ["mini"]}, 404, "There is no suite 'gsm9k' here."),
        ({"suites": ["../../etc"], "models": ["mini"]}, 404, "There is no suite"),
        ({"suites": [word], "models": ["mimi"]}, 404, "Did you mean 'mini'?"),
        ({"suites": [judged], "models": ["mini"]}, 400, "Another model judges the replies to judged"),
        ({"suites": [word], "models": ["mini"], "budget_usd": "0"}, 400, "above 0"),
        ({"suites": [word], "models": ["mini"], "limit": -1}, 400, "limit"),
        ({"suites": [word], "models": ["mini"], "limits": 1}, 400, "limits"),
    ):
        refused = await house.ask("POST", "/runs", body, status=status)
        assert says in refused["error"]["message"], refused
    assert await house.ask("GET", "/runs") == known
    for path in ("/runs/nothing", "/runs/..%2f..", "/runs/nothing/report", "/difference?a=x&b=y"):
        assert (await house.client.get(f"/control/v1/evaluations{path}")).status_code == 404
    # What only shows when a run begins is told by the run.
    priced = {"suites": [word], "models": ["unpriced"], "budget_usd": "0.10"}
    run = (await house.ask("POST", "/runs", priced))["run"]["id"]
    told = await house.until(run, state="stopped")
    assert "no price is known for unpriced" in told["said"][-1]
    assert sent.requests == []


def new_suite(name: str, cases: str, settings: str = '[scorer]\nkind = "contains"\n', form: str = "csv") -> object:
    coded = {
        "cases": base64.b64encode(cases.encode()).decode(),
        "settings": base64.b64encode(settings.encode()).decode(),
    }
    return {"name": name, "form": form, **coded}


async def test_a_suite_is_added_run_by_its_name_and_deleted(house: Plane, sent: FakeOpenAI) -> None:
    # A folder beside the config has the same name: each is run by its own word.
    beside = write_suite(house.folder, "towns", 1, right=1)
    (house.folder / "suites/towns").rename(house.folder / "towns")
    added = await house.ask("POST", "/suites", new_suite("towns", "prompt,reference\nSay Bern!,Bern\nSay Rome!,Rome\n"))
    assert (added["word"], added["place"], added["cases"]) == ("towns", "added", 2)
    known = {suite["word"]: suite["cases"] for suite in await house.ask("GET", "/suites")}
    assert (known["towns"], known["./towns"], beside in known) == (2, 1, False)
    begun = await house.ask("POST", "/runs", {"suites": ["towns"], "models": ["mini"]})
    found = await house.until(begun["run"]["id"], state="finished", done=2)
    assert prompts(sent) == {"Say Bern!": 1, "Say Rome!": 1}
    for body, status, says in (
        (new_suite("towns", "prompt,reference\nx,y\n"), 409, "there is a suite 'towns' already"),
        (new_suite("other", "prompt,reference\nx,y\nz\n"), 400, "other/cases.csv:3: the case cannot be scored"),
        (new_suite("other", '{"prompt":\n', form="jsonl"), 400, "other/cases.jsonl:1: not JSON"),
        (new_suite("other", "x", "[scorer]\n"), 400, "other/suite.toml:1: "),
        (new_suite("../other", "prompt,reference\nx,y\n"), 409, "cannot be called '../other'"),
        (new_suite("other", "x" * (16 * 1024 * 1024 + 1)), 413, "16,384 KiB"),
    ):
        refused = await house.ask("POST", "/suites", body, status=status)
        assert says in refused["error"]["message"], refused
    assert {suite["word"] for suite in await house.ask("GET", "/suites")} == set(known)
    await house.ask("DELETE", "/suites/towns", status=204)
    for name in ("towns", "..%2Ftowns", "gsm8k"):
        await house.ask("DELETE", f"/suites/{name}", status=404)
    assert (house.folder / "towns/suite.toml").is_file()
    assert (await house.ask("GET", f"/runs/{found['run']['id']}"))["came"]["right"] == 2


async def test_a_run_is_deleted_but_not_while_it_goes_on(house: Plane, sent: FakeOpenAI) -> None:
    word = write_suite(house.folder, "doomed", 3, right=3)
    sent.script(Reply(), Reply(delivery=Delivery(gate=asyncio.Event())))
    wish = {"suites": [word], "models": ["mini"], "concurrency": 1}
    run = (await house.ask("POST", "/runs", wish))["run"]["id"]
    await house.until(run, state="running", done=1)
    refused = await house.ask("DELETE", f"/runs/{run}", status=409)
    assert "goes on: stop it first" in refused["error"]["message"]
    await house.ask("POST", f"/runs/{run}/stop")
    await house.ask("DELETE", f"/runs/{run}", status=204)
    assert run not in {row["glance"]["id"] for row in await house.ask("GET", "/runs")}
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/resume"), ("GET", "/events"), ("DELETE", "%2F..")):
        await house.ask(method, f"/runs/{run}{path}", status=404)
    # What it had been answered is asked again.
    forecast = await house.ask("POST", "/estimate", wish)
    assert (forecast["cases"], forecast["kept"]) == (3, 0)


async def test_a_run_outlives_a_gateway_that_is_killed(tmp_path: Path) -> None:
    async with FakeOpenAI(KEY) as vendor:
        word = write_suite(tmp_path, "crash", 3, right=3)
        vendor.script(Reply(), Reply(delivery=Delivery(gate=asyncio.Event())))
        async with plane(tmp_path, vendor) as house:
            begun = await house.ask("POST", "/runs", {"suites": [word], "models": ["mini"], "concurrency": 1})
            run = begun["run"]["id"]
            await house.until(run, state="running", done=1)
            house.running.process.send_signal(signal.SIGKILL)
            await house.running.process.wait()
            await until_no_process(house.running.home)
        async with plane(tmp_path, vendor) as house:
            (row,) = await house.ask("GET", "/runs")
            assert (row["state"], row["glance"]["id"], row["glance"]["results"]) == ("stopped", run, 1)
            again = await house.ask("POST", f"/runs/{run}/resume")
            assert again["state"] == "running"
            found = await house.until(run, state="finished", done=3)
            assert found["came"]["right"] == 3
            assert prompts(vendor)["crash 0!"] == 1, "what had an answer is not asked again"
