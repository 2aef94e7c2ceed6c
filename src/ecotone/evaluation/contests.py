"""Battles while they are fought: all sides asked at once, watched by whoever looks, kept when they have ended."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

import msgspec

from ecotone.evaluation.arena import (
    LOST,
    SIDES,
    Battle,
    Battles,
    Record,
    Settings,
    SideAnswer,
    State,
    Vote,
    masked,
    record_of,
)
from ecotone.evaluation.turns import Turn, start_turn
from ecotone.gateway.client import GatewayClient
from ecotone.storage.database import Database, DatabaseError
from ecotone.storage.database_thread import DatabaseThread
from ecotone.values.chat import ChatRequest, Message, Sampling, TextPart
from ecotone.values.errors import NotFound, SetupError, Unavailable

ASKED_AT_ONCE_MAX = 32
"""So many battles are asked for answers at the same time."""

_PACE_S = 0.06
"""What comes within this time is told together: people do not read faster, and browsers need not draw more often."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Piece(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one side said since the last piece. `side` is a letter."""

    side: str
    state: State
    text: str = ""
    reasoning: str = ""
    refusal: str = ""


class Asked(msgspec.Struct, frozen=True):
    """Everybody was asked one more prompt."""

    number: int
    prompt: str


class Pieces(msgspec.Struct, frozen=True):
    """More of the answers of round `number`."""

    number: int
    pieces: tuple[Piece, ...]


class Ended(msgspec.Struct, frozen=True):
    """A side's answer has ended and is kept. `open` sides are still to come."""

    number: int
    side: str
    answer: SideAnswer
    open: int


class Whole(msgspec.Struct, frozen=True):
    """All there is to know: the first that a watcher is told, and what is told again once names may be known."""

    battle: Record


class Deleted(msgspec.Struct, frozen=True):
    """There is no such battle any more."""


Change = Whole | Asked | Pieces | Ended | Deleted


class _Floor:
    """Where one battle is fought, as long as it is asked or watched. `turns` are those of round `number`; a side's is
    taken away once its answer is kept. `version` changes with every piece of an answer, `turn` with all else."""

    def __init__(self) -> None:
        self.number = 0
        self.turns: dict[int, Turn] = {}
        self.begins = False
        self.watchers = 0
        self.version = 0
        self.turn = 0
        self.deleted = False
        self._news = asyncio.Event()

    @property
    def asking(self) -> bool:
        """Is anybody being asked, or about to be?"""
        return self.begins or bool(self.turns)

    @property
    def idle(self) -> bool:
        return not self.asking and not self.watchers

    def tell(self, *, pieces: bool = False) -> None:
        self.version += 1
        self.turn += not pieces
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, seen: int) -> int:
        """The version, once it is another than the one seen."""
        if self.version == seen:
            await self._news.wait()
        return self.version


class Contests:
    """All battles of one gateway, over its own data plane."""

    def __init__(
        self, client: GatewayClient, open_database: Callable[[], Database], now: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._now = now
        self._open_database = open_database
        self._thread = DatabaseThread(self._opened)
        self._floors: dict[str, _Floor] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def _opened(self) -> Database:
        database = self._open_database()
        Battles(database).settle()
        return database

    async def read(self, work: Callable[[Battles], _T]) -> _T:
        """What `work` finds among the battles that are kept."""
        return await self._thread.do(lambda database: work(Battles(database)))

    async def begin(self, names: Sequence[str], prompt: str, *, blind: bool, settings: Settings, by: str) -> Battle:
        """A new battle, its first prompt on the way to all. Raises MalformedRequest, Unavailable, and what the gateway
        says of a name that it does not have."""
        self._check_room()
        await asyncio.gather(*map(self._client.model, dict.fromkeys(names)))
        battle = await self.read(
            lambda battles: battles.begin(names, prompt, blind=blind, settings=settings, by=by, now=self._now())
        )
        self._start(battle)
        return battle

    async def ask(self, identity: str, prompt: str) -> Battle:
        """One more prompt to all sides. Raises NotFound, MalformedRequest, SetupError, Unavailable."""
        self._check_room()
        floor = self._floors.setdefault(identity, _Floor())
        if floor.asking:
            raise SetupError("Wait until all answers have ended, or stop them; then ask on.")

        def asked(battles: Battles) -> Battle:
            battles.ask(identity, prompt, self._now())
            return battles.get(identity)

        floor.begins = True
        try:
            battle = await self.read(asked)
            self._start(battle)
        finally:
            floor.begins = False
            self._leave(identity, floor)
        return battle

    def stop(self, identity: str, side: str | None = None) -> None:
        """Let a side stop, or all of them; what they have said is kept."""
        floor = self._floors.get(identity)
        for number, turn in tuple(floor.turns.items()) if floor is not None else ():
            if side in (None, SIDES[number]):
                turn.stop()

    async def vote(self, identity: str, vote: Vote, *, by: str) -> Battle:
        """Cast the battle's vote. Raises NotFound, SetupError."""
        battle = await self.read(lambda battles: battles.vote(identity, vote, by=by, now=self._now()))
        self._tell(identity)
        return battle

    async def reveal(self, identity: str) -> Battle:
        """Show the names without a vote. Raises NotFound."""
        battle = await self.read(lambda battles: battles.reveal(identity, self._now()))
        self._tell(identity)
        return self._with_open_answers(battle)

    async def delete(self, identity: str) -> None:
        """Delete the battle, also while it is fought. Raises NotFound."""
        await self.read(lambda battles: battles.delete(identity))
        self.stop(identity)
        if (floor := self._floors.get(identity)) is not None:
            floor.deleted = True
            floor.tell()

    async def get(self, identity: str) -> Battle:
        """The battle with all that has come so far. Raises NotFound."""
        return self._with_open_answers(await self.read(lambda battles: battles.get(identity)))

    async def watch(self, identity: str) -> AsyncGenerator[Change, None]:
        """All of it, then every change, for as long as anybody listens. Raises NotFound."""
        floor = self._floors.setdefault(identity, _Floor())
        floor.watchers += 1
        try:
            seen, turn = floor.version, floor.turn
            viewer = _Viewer(await self.get(identity))
            yield Whole(record_of(viewer.battle))
            while True:
                seen = await floor.news(seen)
                if not floor.deleted and floor.turn != turn:
                    turn = floor.turn
                    with suppress(NotFound):  # it is deleted, and that is told next
                        kept = await self.read(lambda battles: battles.get(identity))
                        for change in viewer.caught_up(kept, self._with_open_answers(kept)):
                            yield change
                if floor.deleted:
                    yield Deleted()
                    return
                if pieces := viewer.pieces(floor):
                    yield Pieces(floor.number, pieces)
                await asyncio.sleep(_PACE_S)
        finally:
            floor.watchers -= 1
            self._leave(identity, floor)

    async def close(self) -> None:
        """Stop what is being asked, keep what has come, and close the database."""
        for identity in tuple(self._floors):
            self.stop(identity)
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._thread.close()

    # --- asking

    def _check_room(self) -> None:
        if sum(floor.asking for floor in self._floors.values()) >= ASKED_AT_ONCE_MAX:
            raise Unavailable(f"{ASKED_AT_ONCE_MAX} battles are being answered; try again when one has ended.")

    def _start(self, battle: Battle) -> None:
        floor = self._floors.setdefault(battle.id, _Floor())
        floor.number = len(battle.rounds)
        for side, name in enumerate(battle.names):
            headers = {"x-ecotone-conversation": f"{battle.id}.{SIDES[side]}"}
            if battle.settings.data_class is not None:
                headers["x-ecotone-class"] = battle.settings.data_class
            turn = floor.turns[side] = start_turn(self._client, _request(battle, side, name), headers=headers)
            following = self._follow(battle.id, floor, side, turn)
            task = asyncio.get_running_loop().create_task(following, name=f"side {SIDES[side]} of {battle.id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        floor.tell()

    async def _follow(self, identity: str, floor: _Floor, side: int, turn: Turn) -> None:
        """Tell of an answer while it comes, and keep it in the end."""
        number = floor.number
        try:
            async for _ in turn.changes():
                floor.tell(pieces=True)
            answer = _answer_of(turn)
            await self.read(lambda battles: battles.keep(identity, number, side, answer))
        except DatabaseError as error:
            _log.error("an answer in battle %s is lost: %s", identity, error.message)
        finally:
            del floor.turns[side]
            floor.tell()
            self._leave(identity, floor)

    def _tell(self, identity: str) -> None:
        if (floor := self._floors.get(identity)) is not None:
            floor.tell()

    def _leave(self, identity: str, floor: _Floor) -> None:
        if floor.idle and self._floors.get(identity) is floor:
            del self._floors[identity]

    def _with_open_answers(self, battle: Battle) -> Battle:
        """What is kept, and of answers that are not kept yet what has come of them."""
        floor, last = self._floors.get(battle.id), battle.rounds[-1]
        turns = floor.turns if floor is not None and floor.number == last.number else {}
        answers = tuple(
            answer or (_open_answer(turns[side]) if side in turns else LOST) for side, answer in enumerate(last.answers)
        )
        rounds = (*battle.rounds[:-1], msgspec.structs.replace(last, answers=answers))
        return msgspec.structs.replace(battle, rounds=rounds)


class _Viewer:
    """What one watcher has been told: the battle as it was last known, and how much of the answers that are coming."""

    def __init__(self, battle: Battle) -> None:
        self.battle = battle
        self._coming: dict[int, SideAnswer] = {}
        self._look(battle)

    def _look(self, battle: Battle) -> None:
        """Know the battle as it is now."""
        self.battle = battle
        answers = battle.rounds[-1].answers
        self._coming = {
            side: answer or SideAnswer("waiting") for side, answer in enumerate(answers) if not _is_over(answer)
        }

    def pieces(self, floor: _Floor) -> tuple[Piece, ...]:
        """What more has come of the answers of the round that the watcher knows of."""
        if floor.number != len(self.battle.rounds):
            return ()
        found = []
        for side, known in tuple(self._coming.items()):
            turn = floor.turns.get(side)
            if turn is None or turn.ended:
                continue
            now = self._coming[side] = _answer_of(turn)
            text, reasoning, refusal = (
                new[len(old) :]
                for old, new in (
                    (known.text, now.text),
                    (known.reasoning, now.reasoning),
                    (known.refusal, now.refusal),
                )
            )
            if text or reasoning or refusal or now.state != known.state:
                found.append(Piece(SIDES[side], now.state, text, reasoning, refusal))
        return tuple(found)

    def caught_up(self, kept: Battle, now: Battle) -> list[Change]:
        """What has happened beside pieces, from the battle as it is kept and as it is with answers that are coming."""
        known, coming = self.battle, set(self._coming)
        if kept.named != known.named or kept.ballot != known.ballot:
            self._look(now)
            return [Whole(record_of(now))]
        changes: list[Change] = []
        if len(kept.rounds) != len(known.rounds):
            last = kept.rounds[-1]
            changes.append(Asked(last.number, last.prompt))
            coming = set(range(len(kept.names)))
            self._coming = {side: SideAnswer("waiting") for side in coming}
        self.battle = kept
        for side in sorted(coming):
            answer = kept.rounds[-1].answers[side]
            if answer is not None:
                del self._coming[side]
                shown = answer if kept.named else masked(answer)
                changes.append(Ended(len(kept.rounds), SIDES[side], shown, len(self._coming)))
        return changes


def _is_over(answer: SideAnswer | None) -> bool:
    return answer is not None and answer.state not in ("waiting", "streaming")


def _answer_of(turn: Turn) -> SideAnswer:
    error = turn.error
    return SideAnswer(
        turn.state,
        turn.answer.text,
        turn.answer.reasoning,
        turn.answer.refusal,
        None if error is None else error.message,
        None if error is None else error.code,
        turn.facts(),
    )


def _open_answer(turn: Turn) -> SideAnswer:
    """The answer so far. It ends for all to see when it is kept: only then may anybody vote or ask on."""
    answer = _answer_of(turn)
    return SideAnswer("streaming", answer.text, answer.reasoning, answer.refusal) if turn.ended else answer


def _request(battle: Battle, side: int, name: str) -> ChatRequest:
    """The conversation as this side knows it: its own answers alone. A prompt that it left without an answer goes
    along with the next one."""
    messages: list[Message] = []
    prompts: list[TextPart] = []
    for asked in battle.rounds:
        prompts.append(TextPart(asked.prompt))
        answer = asked.answers[side]
        if answer is not None and answer.said:
            messages += [Message("user", tuple(prompts)), Message("assistant", (TextPart(answer.said),))]
            prompts = []
    messages.append(Message("user", tuple(prompts)))
    settings = battle.settings
    system = (Message("system", (TextPart(settings.system),)),) if settings.system else ()
    sampling = Sampling(max_tokens=settings.max_tokens, temperature=settings.temperature)
    return ChatRequest(name, tuple(messages), system, sampling=sampling)
