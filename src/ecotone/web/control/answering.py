"""Answers of chats while they come: asked for once, watched by any number of pages, kept whatever happens to those."""

import asyncio
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Literal, TypeVar
from weakref import WeakValueDictionary

import msgspec

from ecotone.evaluation.turns import Turn, start_turn
from ecotone.gateway.chats.chat_texts import request_for
from ecotone.gateway.chats.chats import MIGRATIONS, Chat, ChatMessage, Chats, State
from ecotone.gateway.request_log import attempts_of, decision_of
from ecotone.storage.database import Database, DatabaseError
from ecotone.storage.database_thread import DatabaseThread
from ecotone.values.chat import Json
from ecotone.values.errors import NotFound, Unavailable
from ecotone.web.control.api import ServerEvent, Stream
from ecotone.web.control.control import Control
from ecotone.web.markdown import GrowingMarkdown, to_html

_T = TypeVar("_T")

Form = Literal["text", "html"]

_log = logging.getLogger(__name__)

_TICK_S = 0.05
_KEPT_EVERY_S = 1.0
_LOG_WAIT_S = 2.0
_LOG_TICK_S = 0.05
_KEEP_AGAIN_S = 1.0
_KEEP_TRIES_MAX = 300
_LOOK_S = 1.0
_ANSWERING_MAX = 64
_RENDERED_MAX = 200
_INTERRUPTED = "The gateway was stopped while this was being answered. Ask again."


class AnswerNews(msgspec.Struct, frozen=True):
    """More of an answer. As text: `text` and `reasoning` are what has come since the last news of it. As HTML: `blocks`
    take the place of all blocks from number `start` on."""

    id: str
    state: State
    text: str = ""
    reasoning: str = ""
    start: int = 0
    blocks: list[str] = []


class ChatNews(msgspec.Struct, frozen=True):
    """What is shown of the chat has changed, or an answer has ended: `answering` are those still coming."""

    title: str
    leaf: str | None
    answering: list[str]


class ConfigNews(msgspec.Struct, frozen=True):
    """Which config is in force: another value, another config, also after a restart."""

    in_force: str


class Logged(msgspec.Struct, frozen=True):
    """What the log has of a request: how many places were asked, and what was decided (None: no rule was asked)."""

    attempts: int
    decision: Json | None


class LiveAnswer:
    """One answer that is coming."""

    def __init__(self, chat: str, identity: str, turn: Turn) -> None:
        self.chat = chat
        self.id = identity
        self.turn = turn
        self.markdown = GrowingMarkdown()
        self.text = ""
        self.reasoning = ""
        self.state: State = "waiting"
        self.kept = asyncio.Event()
        """Set once it has ended and is in the database."""

    async def take(self) -> None:
        """Take what has come since the last time."""
        answer = self.turn.answer
        text, self.reasoning = answer.text or answer.refusal, answer.reasoning
        more = text[len(self.text) :]
        if more:
            # In a thread: to colour a screen of code takes milliseconds, and others are being answered too.
            await asyncio.to_thread(self.markdown.add, more)
        self.text, self.state = text, self.turn.state


class _Pulse:
    """What happens in one chat: `changes` counts those of the chat itself, `news` all that there is to tell."""

    def __init__(self) -> None:
        self.changes = 0
        self.news = 0
        self._event = asyncio.Event()

    def beat(self, *, change: bool = False) -> None:
        self.changes += change
        self.news += 1
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seen: int) -> None:
        """Until there are other news than those seen."""
        if self.news == seen:
            await self._event.wait()


class Answering:
    """The chats of this gateway, and who answers in them at the moment."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._database = DatabaseThread(self._open)
        self._live: dict[str, LiveAnswer] = {}
        self._pulses: WeakValueDictionary[str, _Pulse] = WeakValueDictionary()
        """Each for as long as anybody watches its chat."""
        self._rendered: OrderedDict[str, str] = OrderedDict()
        self._rendering = threading.Lock()
        self._process = secrets.token_hex(4)

    def _open(self) -> Database:
        database = Database(self._control.home.database, MIGRATIONS)
        Chats(database).end_orphans(_INTERRUPTED)
        return database

    async def do(self, work: Callable[[Chats], _T]) -> _T:
        """What `work` returns, given the chats, in the database's own thread."""
        return await self._database.do(lambda database: work(Chats(database)))

    async def logged(self, messages: Iterable[ChatMessage]) -> dict[str, Logged]:
        """What the log has of the requests behind these answers, by their ids."""
        wanted = [message.request_id for message in messages if message.request_id]

        def look(database: Database) -> dict[str, Logged]:
            found = {request: attempts_of(database, request) for request in wanted}
            return {
                request: Logged(attempts, decision_of(database, request))
                for request, attempts in found.items()
                if attempts is not None
            }

        return await self._database.do(look) if wanted else {}

    def live(self, answer: str) -> LiveAnswer | None:
        """The answer, if it is still coming."""
        return self._live.get(answer)

    def rendered(self, answer: ChatMessage) -> str:
        """An answer that has ended, as HTML; the last ones are kept. May be called in any thread."""
        with self._rendering:
            html = self._rendered.get(answer.id)
        if html is None:
            html = to_html(answer.said)
            with self._rendering:
                self._rendered[answer.id] = html
                if len(self._rendered) > _RENDERED_MAX:
                    self._rendered.popitem(last=False)
        return html

    def forget(self) -> None:
        """Keep nothing any more of what was said."""
        with self._rendering:
            self._rendered.clear()

    @property
    def in_force(self) -> str:
        """Names the config in force, for this process alone."""
        return f"{self._process}.{self._control.runtime.gateway.snapshot.epoch}"

    # --- asking

    def check_room(self) -> None:
        """Raises Unavailable while too many answers are coming."""
        if len(self._live) >= _ANSWERING_MAX:
            raise Unavailable(f"{_ANSWERING_MAX} answers are coming already; wait for one of them, or stop one.")

    async def begin(self, chat: str, owner: str, question: str, answer: str) -> None:
        """Ask for the answer that has been begun in the database. Raises NotFound."""

        def read(chats: Chats) -> tuple[Chat, Mapping[str, Any]]:
            found = chats.get(chat, owner)
            return found, chats.attached_to(chat, [message.id for message in found.path(question)])

        found, attached = await self.do(read)
        begun = found.message(answer)
        request = request_for(found, question, begun.asked or "", attached, found.system)
        headers = {"x-ecotone-conversation": chat}
        if begun.data_class is not None:
            headers["x-ecotone-class"] = begun.data_class
        live = LiveAnswer(chat, answer, start_turn(self._control.client, request, headers=headers))
        self._live[answer] = live
        self._control.spawn(self._follow(live), f"answer {answer}")
        self.tell(chat)

    async def stop(self, answer: str) -> None:
        """Let the model stop; returns once what has come is kept. Nothing happens where the answer has ended."""
        live = self._live.get(answer)
        if live is None:
            return
        live.turn.stop()
        await live.kept.wait()

    async def stop_all(self, chat: str) -> None:
        """As `stop`, for every answer that is coming in this chat."""
        for live in [one for one in self._live.values() if one.chat == chat]:
            await self.stop(live.id)

    async def _follow(self, live: LiveAnswer) -> None:
        kept_s = time.monotonic()
        try:
            async for _ in live.turn.changes():
                begun_s = time.monotonic()
                await live.take()
                self._pulse(live.chat).beat()
                took_s = time.monotonic() - begun_s
                if live.turn.ended:
                    break
                if begun_s - kept_s >= _KEPT_EVERY_S:
                    kept_s = begun_s
                    await self._keep_progress(live)
                # As often as eyes can follow, and never more than a quarter of the time.
                await asyncio.sleep(max(_TICK_S, 3 * took_s))
        finally:
            live.turn.stop()
            try:
                await self._keep_patiently(live)
            finally:
                del self._live[live.id]
                live.kept.set()
                self.tell(live.chat)

    async def _keep_progress(self, live: LiveAnswer) -> None:
        text, reasoning, request = live.text, live.reasoning, live.turn.answer.request_id
        try:
            await self.do(lambda chats: chats.keep_progress(live.id, text, reasoning, request))
        except DatabaseError as error:
            _log.warning("answer %s goes on, and is not kept for the time being: %s", live.id, error)

    async def _keep_patiently(self, live: LiveAnswer) -> None:
        """Keep what came, also where the disk is full for a while; a gateway that stops does not wait for it. Raises
        DatabaseError."""
        task = asyncio.current_task()
        for tries in range(1, _KEEP_TRIES_MAX + 1):
            try:
                await self._keep(live)
                break
            except DatabaseError as error:
                if tries == _KEEP_TRIES_MAX or (task is not None and task.cancelling()):
                    raise
                if tries == 1:
                    _log.warning("answer %s has ended and cannot be kept yet: %s", live.id, error)
            await asyncio.sleep(_KEEP_AGAIN_S)

    async def _keep(self, live: LiveAnswer) -> None:
        turn, answer = live.turn, live.turn.answer
        error, code = (None, None) if turn.error is None else (turn.error.message, turn.error.code)
        state = turn.state if turn.ended else "stopped"
        await self._wait_for_log(answer.request_id)
        facts = msgspec.to_builtins(turn.facts())
        await self.do(
            lambda chats: chats.end(
                live.id,
                state,
                text=answer.text,
                now=self._control.now(),
                reasoning=answer.reasoning,
                refusal=answer.refusal,
                error=error,
                error_code=code,
                request_id=answer.request_id,
                facts=facts,
            )
        )

    async def _wait_for_log(self, request_id: str | None) -> None:
        """Until the log has the request, so that whoever looks at the answer sees what the rules said of it."""
        until_s = time.monotonic() + _LOG_WAIT_S
        while request_id is not None and time.monotonic() < until_s:
            if await self._database.do(lambda database: attempts_of(database, request_id)) is not None:
                return
            await asyncio.sleep(_LOG_TICK_S)

    # --- watching

    def tell(self, chat: str) -> None:
        """The chat has changed: whoever watches it looks again."""
        self._pulse(chat).beat(change=True)

    def _pulse(self, chat: str) -> _Pulse:
        return self._pulses.setdefault(chat, _Pulse())

    async def watch(self, chat: str, owner: str, form: Form) -> Stream:
        """Events `config` (ConfigNews), `chat` (ChatNews) and `answer` (AnswerNews), after a `hello` that says that all
        is told from how it stands on. Ends with `gone` where the chat is deleted. Raises NotFound."""
        sent: dict[str, tuple[int, int]] = {}
        pulse, changes, told = self._pulse(chat), -1, ""
        await self.do(lambda chats: chats.get(chat, owner))
        yield ServerEvent("hello")
        while True:
            seen = pulse.news
            if told != self.in_force:
                told = self.in_force
                yield ServerEvent("config", ConfigNews(told))
            if changes != pulse.changes:
                changes = pulse.changes
                try:
                    found = await self.do(lambda chats: chats.get(chat, owner))
                except NotFound:
                    yield ServerEvent("gone")
                    return
                coming = [live.id for live in self._live.values() if live.chat == chat]
                yield ServerEvent("chat", ChatNews(found.title, found.leaf, coming))
            for live in [one for one in self._live.values() if one.chat == chat]:
                news, sent[live.id] = _news_of(live, sent.get(live.id), form)
                if news is not None:
                    yield ServerEvent("answer", news)
            # Nobody tells of another config: it is looked for.
            with suppress(TimeoutError):
                await asyncio.wait_for(pulse.wait(seen), _LOOK_S)

    async def watch_config(self) -> Stream:
        """Events `config` (ConfigNews), one at once and then whenever another config is in force."""
        told = ""
        while True:
            if told != self.in_force:
                told = self.in_force
                yield ServerEvent("config", ConfigNews(told))
            await asyncio.sleep(_LOOK_S)

    async def close(self) -> None:
        """Let go of the database; answers have ended."""
        await asyncio.to_thread(self._database.close)


def _news_of(live: LiveAnswer, sent: tuple[int, int] | None, form: Form) -> tuple[AnswerNews | None, tuple[int, int]]:
    """What somebody who has been sent so much (text or settled blocks, reasoning) has not been sent yet."""
    begun, thought = sent or (0, 0)
    reasoning = live.reasoning[thought:]
    if form == "text":
        now = (len(live.text), len(live.reasoning))
        news = AnswerNews(live.id, live.state, text=live.text[begun:], reasoning=reasoning)
    else:
        now = (live.markdown.settled, len(live.reasoning))
        news = AnswerNews(live.id, live.state, reasoning=reasoning, start=begun, blocks=live.markdown.blocks[begun:])
    told = sent is None or news.text or news.reasoning or news.blocks
    return (news if told else None), now
