"""What the control plane keeps and takes, by the config in force, and no more of it than is needed."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from ecotone.gateway.build import Runtime
from ecotone.gateway.sessions import Session
from ecotone.gateway.settings.config import Config, parse_config
from ecotone.gateway.settings.paths import Home
from ecotone.values.errors import MalformedRequest, NotFound
from ecotone.web.control.answering import Answering
from ecotone.web.control.api import Call, File, ServerEvent, Stream, kept_alive
from ecotone.web.control.comparisons import BattlesWanted, NewBattle, begin_battle, list_battles
from ecotone.web.control.control import Control
from ecotone.web.control.rules import Rules

RULES = """
[models.there]
provider = "openai"

[[rules]]
name = "stays home"
deny = 'data.class >= restricted && endpoint.hosting == "vendor"'
because = "restricted data stays on our own machines"
"""
TEST = """
[[rule_tests]]
name = "test {number}"
class = "restricted"
model = "there"
expect = "deny"
"""


def config(text: str) -> Config:
    return parse_config(text, Path("ecotone.toml"))


class Timed(Control):
    """Its clock can be set forward."""

    later = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.later


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[Timed]:
    runtime = Runtime(Home(tmp_path / "home"), {}, config(RULES), folder=tmp_path)
    made = Timed(runtime, Home(tmp_path / "home"), "http://127.0.0.1:1", None, tmp_path)
    yield made
    await made.close()
    await runtime.close()


async def test_rules_that_came_while_others_were_tested_are_shown(control: Control) -> None:
    many = config(RULES + "".join(TEST.format(number=number) for number in range(1000)))
    control.runtime.apply(many)
    rules = control.once(Rules)
    await rules.book()
    showing = asyncio.create_task(rules.shown())
    await asyncio.sleep(0)  # its tests run now
    control.runtime.apply(config(RULES))
    now = (await rules.book()).policy.digest
    assert not showing.done(), "the tests of the first config must still run, or nothing is tested here"
    assert len((await showing).tests) == 1000
    shown = await rules.shown()
    assert (shown.digest, shown.tests) == (now, ())


async def test_rules_are_tested_anew_each_day(control: Timed) -> None:
    control.runtime.apply(config(RULES))
    rules = Rules(control)
    first = await rules.shown()
    assert await rules.shown() is first
    control.later = timedelta(days=1)
    assert await rules.shown() is not first
    rules.close()


async def test_a_download_keeps_as_much_of_its_name_as_a_header_takes(control: Control) -> None:
    async def give(control: Control) -> File:
        """Give."""
        return File(b"text", "text/plain", "運行/1 of Grüße.txt")

    app = Starlette(routes=[Call("GET", "/file", give).route()])
    app.state.control = control
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gate") as client:
        answer = await client.get("/control/v1/file")
    assert (answer.status_code, answer.text) == (200, "text")
    assert answer.headers["content-disposition"] == 'attachment; filename="___1 of Gr__e.txt"'


async def test_a_stream_that_says_nothing_is_kept_alive_and_loses_nothing(control: Control) -> None:
    go = asyncio.Event()

    async def events() -> Stream:
        await go.wait()
        yield ServerEvent("one", 1)
        yield ServerEvent("two", 2)
        await asyncio.Event().wait()

    told = []
    async with asyncio.timeout(10), aclosing(kept_alive(events(), control.stopping, silent_max_s=0.01)) as stream:
        async for event in stream:
            told.append(event)
            if len(told) == 2:
                go.set()
            if event is not None and event.event == "two":
                control.stopping.set()
    assert told[:2] == [None, None]
    assert [event for event in told if event is not None] == [ServerEvent("one", 1), ServerEvent("two", 2)]


async def test_nothing_is_kept_of_chats_that_nobody_watches(control: Control) -> None:
    answering = control.once(Answering)
    for number in range(50):
        with pytest.raises(NotFound):
            await anext(answering.watch(f"no chat {number}", "ana", "text"))
        answering.tell(f"chat {number}")
    gc.collect()
    assert len(answering._pulses) <= 1, "the last one may live as long as its error"


async def test_a_class_that_there_is_not_begins_no_battle(control: Control) -> None:
    control.runtime.apply(config(RULES))
    someone = Session("ana", "", control.now())
    for name in ("secret", ""):
        with pytest.raises(MalformedRequest, match=r"no data class .* There are: public, internal, confidential"):
            await begin_battle(control, someone, NewBattle(("there", "elsewhere"), "Well?", data_class=name))
    assert (await list_battles(control, BattlesWanted())).total == 0
