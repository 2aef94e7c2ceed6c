"""Battles between models: begun, watched, voted on, counted, exported."""

import asyncio
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ecotone.evaluation.arena import (
    MIGRATIONS,
    PROMPT_CHARS_MAX,
    SIDES,
    SIDES_MAX,
    SIDES_MIN,
    Battle,
    Battles,
    Record,
    Settings,
    Vote,
    record_of,
)
from ecotone.evaluation.contests import Asked, Change, Contests, Deleted, Ended, Pieces, Whole
from ecotone.evaluation.standings import Standings, standings
from ecotone.gateway.sessions import Session
from ecotone.storage.database import Database
from ecotone.web.control.api import Call, File, ServerEvent, Stream
from ecotone.web.control.control import Control
from ecotone.web.markdown import GrowingMarkdown

_LISTED_MAX = 200


class NewBattle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to ask what. `blind`: who is who is not told before the vote, and lots are drawn for the sides; else the
    sides are in the order of `models`."""

    models: Annotated[tuple[str, ...], Meta(min_length=SIDES_MIN, max_length=SIDES_MAX)]
    prompt: Annotated[str, Meta(max_length=PROMPT_CHARS_MAX)]
    blind: bool = False
    system: str | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    data_class: str | None = None


class NextPrompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to ask all sides next."""

    prompt: Annotated[str, Meta(max_length=PROMPT_CHARS_MAX)]


class SideToStop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The side whose answer is to end; left out: all."""

    side: Literal["a", "b", "c", "d"] | None = None


class NewVote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which side was better; or none was, because all were good (`tie`) or none."""

    vote: Vote


class BattleRow(msgspec.Struct, frozen=True):
    """A battle in the list. `models` are in the order of the sides where `named`, else by the alphabet. `winner` is a
    name, None for a tie and where nobody has won or voted."""

    id: str
    started_at: datetime
    started_by: str
    title: str
    blind: bool
    named: bool
    models: tuple[str, ...]
    vote: Vote | None
    winner: str | None


class BattleList(msgspec.Struct, frozen=True):
    """Some of the battles, the latest first, and how many there are in all."""

    total: int
    battles: tuple[BattleRow, ...]


class BattlesWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which battles to list: those of a model, those with these words in a prompt, those with a vote or those that
    still wait for one."""

    model: str | None = None
    words: str | None = None
    voted: bool | None = None
    skip: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=_LISTED_MAX)] = 50


class VotesWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which votes to count: those cast blind, or those cast on names that were shown."""

    blind: bool = True


class BattleView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a battle is told: the whole of it, then answers as text that is to be appended; or for a page that shows it
    already, as blocks of safe HTML, which take the place of all blocks from number `start` on."""

    form: Literal["text", "html"] = "text"


def contests_of(control: Control) -> Contests:
    """The battles of this gateway."""
    return control.once(_contests)


def _contests(control: Control) -> Contests:
    return Contests(control.client, lambda: Database(control.home.database, MIGRATIONS), control.now)


async def begin_battle(control: Control, session: Session, body: NewBattle) -> Record:
    """Put one prompt to two to four models or routes at once; the answers come as events."""
    control.check_class(body.data_class)
    settings = Settings(body.system or None, body.max_tokens, body.temperature, body.data_class)
    battle = await contests_of(control).begin(
        body.models, body.prompt, blind=body.blind, settings=settings, by=session.name
    )
    return record_of(battle)


async def list_battles(control: Control, query: BattlesWanted) -> BattleList:
    """List battles, the latest first."""

    def look(battles: Battles) -> BattleList:
        found = battles.latest(
            model=query.model, words=query.words, voted=query.voted, skip=query.skip, limit=query.limit
        )
        total = battles.count(model=query.model, words=query.words, voted=query.voted)
        return BattleList(total, tuple(map(row_of, found)))

    return await contests_of(control).read(look)


def row_of(battle: Battle) -> BattleRow:
    """What the list tells of it."""
    return BattleRow(
        id=battle.id,
        started_at=battle.started_at,
        started_by=battle.started_by,
        title=battle.title,
        blind=battle.blind,
        named=battle.named,
        models=battle.names if battle.named else tuple(sorted(battle.names)),
        vote=None if battle.ballot is None else battle.ballot.vote,
        winner=battle.winner,
    )


async def read_battle(control: Control, battle: str) -> Record:
    """Tell all that may be known of a battle, answers that are still coming included."""
    return record_of(await contests_of(control).get(battle))


async def watch_battle(control: Control, battle: str, query: BattleView) -> Stream:
    """Follow a battle: `battle` first and whenever names are shown, `round`, `pieces`, `ended`, `deleted`."""
    told = _Told(html=query.form == "html")
    async for change in contests_of(control).watch(battle):
        yield await told.event(change)


async def ask_on(control: Control, battle: str, body: NextPrompt) -> Record:
    """Put one more prompt to all sides; each goes on with its own answers."""
    return record_of(await contests_of(control).ask(battle, body.prompt))


async def stop_answers(control: Control, battle: str, body: SideToStop) -> None:
    """Let answers end where they are; what has come is kept."""
    contests_of(control).stop(battle, body.side)


async def vote_on_battle(control: Control, session: Session, battle: str, body: NewVote) -> Record:
    """Cast the battle's one vote, which shows the names."""
    return record_of(await contests_of(control).vote(battle, body.vote, by=session.name))


async def reveal_battle(control: Control, battle: str) -> Record:
    """Show the names of a blind battle without a vote; none can be cast afterwards."""
    return record_of(await contests_of(control).reveal(battle))


async def delete_battle(control: Control, battle: str) -> None:
    """Delete a battle with its texts; its vote no longer counts."""
    await contests_of(control).delete(battle)


async def export_battles(control: Control) -> File:
    """All battles as JSON Lines, the oldest first; names that may not be known are left out."""
    encode = msgspec.json.Encoder().encode_lines
    body = await contests_of(control).read(lambda battles: encode(list(battles.records())))
    return File(body, "application/jsonl", "ecotone-battles.jsonl")


async def read_standings(control: Control, query: VotesWanted) -> Standings:
    """Count who wins how often, pair by pair, with 95 % intervals."""
    return await contests_of(control).read(lambda battles: standings(battles.votes(blind=query.blind)))


# --- events


class _Told:
    """What one listener was told, as events."""

    def __init__(self, *, html: bool) -> None:
        self._html = html
        self._open: dict[str, GrowingMarkdown] = {}

    async def event(self, change: Change) -> ServerEvent:
        match change:
            case Whole(battle) if self._html:
                return ServerEvent("battle", await asyncio.to_thread(self._begin, battle))
            case Whole(battle):
                return ServerEvent("battle", battle)
            case Asked():
                self._open.clear()
                return ServerEvent("round", {"number": change.number, "prompt": change.prompt})
            case Pieces() if self._html:
                return ServerEvent("pieces", await asyncio.to_thread(self._blocks, change))
            case Pieces():
                return ServerEvent("pieces", {"number": change.number, "pieces": change.pieces})
            case Ended():
                told = {"number": change.number, "side": change.side, "answer": change.answer, "open": change.open}
                return ServerEvent("ended", told)
            case Deleted():
                return ServerEvent("deleted", {})

    def _begin(self, battle: Record) -> dict[str, object]:
        """How things stand: a page that shows the battle learns what it has missed, and what to go on from."""
        self._open.clear()
        last = battle.rounds[-1]
        sides = []
        for side, answer in zip(SIDES, last.answers, strict=False):
            coming = answer is None or answer.state in ("waiting", "streaming")
            if answer is not None and coming:
                self._grown(side).add(answer.said)
            sides.append(
                {
                    "side": side,
                    "state": "waiting" if answer is None else answer.state,
                    "reasoning": answer.reasoning if answer is not None and coming else "",
                    "blocks": self._grown(side).blocks if coming else [],
                }
            )
        named = battle.order is not None
        return {"number": last.number, "named": named, "voted": battle.vote is not None, "sides": sides}

    def _grown(self, side: str) -> GrowingMarkdown:
        return self._open.setdefault(side, GrowingMarkdown())

    def _blocks(self, change: Pieces) -> dict[str, object]:
        told = []
        for piece in change.pieces:
            grown = self._grown(piece.side)
            start = grown.settled
            grown.add(piece.text or piece.refusal)
            told.append(
                {
                    "side": piece.side,
                    "state": piece.state,
                    "reasoning": piece.reasoning,
                    "start": start,
                    "blocks": grown.blocks[start:],
                }
            )
        return {"number": change.number, "pieces": told}


CALLS = (
    Call("POST", "/battles", begin_battle),
    Call("GET", "/battles", list_battles),
    Call("GET", "/battles/export", export_battles),
    Call("GET", "/battles/standings", read_standings),
    Call("GET", "/battles/{battle}", read_battle),
    Call("GET", "/battles/{battle}/events", watch_battle),
    Call("POST", "/battles/{battle}/prompts", ask_on),
    Call("POST", "/battles/{battle}/stop", stop_answers),
    Call("POST", "/battles/{battle}/vote", vote_on_battle),
    Call("POST", "/battles/{battle}/reveal", reveal_battle),
    Call("DELETE", "/battles/{battle}", delete_battle),
)
