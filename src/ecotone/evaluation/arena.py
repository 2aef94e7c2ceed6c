"""The arena: the same prompts to two to four models, what each answered, and who was found better.

A battle is kept whole: texts, settings, the order in which the sides were shown. Of a blind one nothing here tells
which model is which side until its vote is cast, or its names are asked for. There is one vote to a battle, and it
stands as it was cast.
"""

import random
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import combinations
from typing import Any, Literal

import msgspec

from ecotone.evaluation.turns import TurnFacts
from ecotone.storage.database import Database, Migration
from ecotone.storage.moments import microseconds, moment
from ecotone.values.errors import MalformedRequest, NotFound, SetupError

MIGRATIONS = (
    Migration(
        "arena",
        1,
        """
        create table battles (
            id text primary key,
            started_at_us integer not null,    -- Unix microseconds, UTC, as all times here
            started_by text not null,
            blind integer not null,
            names text not null,               -- JSON: the models or routes, in the order of the sides
            settings text not null,            -- JSON
            revealed_at_us integer,            -- when a blind battle's names were shown without a vote
            vote text,                         -- a, b, c, d, tie, all_bad
            voted_at_us integer,
            voted_by text,
            voted_after integer                -- after which round
        ) strict, without rowid;
        create index battles_by_time on battles (started_at_us);
        create table battle_rounds (
            battle text not null references battles on delete cascade,
            round integer not null,            -- 1, 2, ...
            asked_at_us integer not null,
            prompt text not null,
            primary key (battle, round)
        ) strict, without rowid;
        create table battle_answers (
            battle text not null,
            round integer not null,
            side integer not null,             -- 0 is a
            state text not null,               -- done, stopped, failed
            answer text not null,              -- JSON
            primary key (battle, round, side),
            foreign key (battle, round) references battle_rounds on delete cascade
        ) strict, without rowid;
        """,
    ),
)

SIDES = "abcd"
SIDES_MIN, SIDES_MAX = 2, len(SIDES)
ROUNDS_MAX = 50
PROMPT_CHARS_MAX = 400_000
_TITLE_CHARS_MAX = 160

Vote = Literal["a", "b", "c", "d", "tie", "all_bad"]
State = Literal["waiting", "streaming", "done", "stopped", "failed", "lost"]


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What all sides are asked with. `data_class` is the class that the texts were declared to be of; None leaves each
    to the gateway's or the model's own default."""

    system: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    data_class: str | None = None


class SideAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one side answered in one round. `lost`: the gateway stopped before the answer had ended. In a battle whose
    names are hidden `error`, `code` and `facts` are None, whatever happened."""

    state: State
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    error: str | None = None
    code: str | None = None
    facts: TurnFacts | None = None

    @property
    def said(self) -> str:
        """What the model said, whether or not it did as it was told."""
        return self.text or self.refusal


LOST = SideAnswer("lost", error="The gateway stopped before this answer had ended, or could not keep it.")


class Round(msgspec.Struct, frozen=True):
    """One prompt to all; `answers` in the order of the sides, None for one that has not ended."""

    number: int
    prompt: str
    asked_at: datetime
    answers: tuple[SideAnswer | None, ...]


class Ballot(msgspec.Struct, frozen=True):
    """The vote on a battle, cast after round `after`."""

    vote: Vote
    by: str
    at: datetime
    after: int


class Battle(msgspec.Struct, frozen=True):
    """One battle as it is kept. `names` are the models or routes that were asked, in the order of the sides."""

    id: str
    started_at: datetime
    started_by: str
    blind: bool
    names: tuple[str, ...]
    settings: Settings
    rounds: tuple[Round, ...]
    ballot: Ballot | None = None
    revealed_at: datetime | None = None

    @property
    def named(self) -> bool:
        """May anybody know which side is which model?"""
        return not self.blind or self.ballot is not None or self.revealed_at is not None

    @property
    def same(self) -> tuple[tuple[int, int], ...]:
        """The sides, two and two, behind which the same model answered each time up to the vote; of them none can be
        told to be the better model. Empty without a vote."""
        if self.ballot is None:
            return ()
        sides: list[list[_Judged]] = [[] for _ in self.names]
        for asked in self.rounds[: self.ballot.after]:
            for side, answer in enumerate(asked.answers):
                if answer is not None:
                    facts = answer.facts
                    model, digest = (None, None) if facts is None else (facts.model, facts.weights_digest)
                    sides[side].append(_Judged(asked.number, side, answer.state, model, digest))
        return _same_pairs(sides)

    @property
    def winner(self) -> str | None:
        """The name that was voted for; None for a tie and where nobody has won."""
        vote = None if self.ballot is None else self.ballot.vote
        return None if vote is None or vote not in SIDES else self.names[SIDES.index(vote)]

    @property
    def title(self) -> str:
        """The first prompt on one line."""
        words = " ".join(self.rounds[0].prompt[: 2 * _TITLE_CHARS_MAX].split())
        return words if len(words) <= _TITLE_CHARS_MAX else words[: _TITLE_CHARS_MAX - 1] + "…"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A battle as it is told: one line of the export.

    `models` are those that take part, by the alphabet; `order` is which of them is a, b, ..., None as long as nobody
    may know. `winner` is a name, None for a tie and where nobody has won or voted.
    """

    id: str
    started_at: datetime
    started_by: str
    blind: bool
    models: tuple[str, ...]
    order: tuple[str, ...] | None
    settings: Settings
    rounds: tuple[Round, ...]
    vote: Vote | None
    winner: str | None
    voted_at: datetime | None
    voted_by: str | None
    voted_after: int | None
    revealed_at: datetime | None


def record_of(battle: Battle) -> Record:
    """All that may be told of it now."""
    ballot = battle.ballot
    return Record(
        id=battle.id,
        started_at=battle.started_at,
        started_by=battle.started_by,
        blind=battle.blind,
        models=tuple(sorted(battle.names)),
        order=battle.names if battle.named else None,
        settings=battle.settings,
        rounds=battle.rounds if battle.named else tuple(map(_masked_round, battle.rounds)),
        vote=None if ballot is None else ballot.vote,
        winner=battle.winner,
        voted_at=None if ballot is None else ballot.at,
        voted_by=None if ballot is None else ballot.by,
        voted_after=None if ballot is None else ballot.after,
        revealed_at=battle.revealed_at,
    )


def masked(answer: SideAnswer) -> SideAnswer:
    """The answer without what would tell who gave it: a message of error names the model, its speed and price give it
    away. What the model says of itself stays."""
    return msgspec.structs.replace(answer, error=None, code=None, facts=None)


def _masked_round(asked: Round) -> Round:
    answers = tuple(None if answer is None else masked(answer) for answer in asked.answers)
    return msgspec.structs.replace(asked, answers=answers)


class CastVote(msgspec.Struct, frozen=True):
    """A vote with what its weight depends on. `answered` tells of each side whether all its answers up to the vote came
    to their end; `prompt` is the first prompt. `same` are the sides, two and two, behind which the same model answered
    each time: a route and one of its models, or one model under two names."""

    battle: str
    names: tuple[str, ...]
    vote: Vote
    by: str
    prompt: str
    answered: tuple[bool, ...]
    same: frozenset[tuple[int, int]] = frozenset()


class Battles:
    """The battles in a database. Not for use by two threads at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        names: Sequence[str],
        prompt: str,
        *,
        blind: bool,
        settings: Settings,
        by: str,
        now: datetime,
        chance: random.Random | None = None,
    ) -> Battle:
        """A new battle between these models or routes, with its first prompt. A blind one gives them their sides by lot
        (`chance`, else the system's own randomness). Raises MalformedRequest."""
        _check(names, settings)
        _check_prompt(prompt)
        order = list(names)
        if blind:
            (chance or random.SystemRandom()).shuffle(order)
        identity = secrets.token_hex(10)
        with self._database.transaction():
            self._database.execute(
                "insert into battles (id, started_at_us, started_by, blind, names, settings) values (?, ?, ?, ?, ?, ?)",
                (identity, microseconds(now), by, int(blind), _json(order), _json(settings)),
            )
            self._add_round(identity, 1, prompt, now)
        return self.get(identity)

    def ask(self, battle: str, prompt: str, now: datetime) -> int:
        """Note one more prompt to all; returns the round's number. Raises NotFound, MalformedRequest, SetupError."""
        _check_prompt(prompt)
        with self._database.transaction():
            self._require(battle)
            rows = self._database.execute("select count(*) from battle_rounds where battle = ?", (battle,))
            number = int(rows[0][0]) + 1
            if number > ROUNDS_MAX:
                raise SetupError(f"A battle has {ROUNDS_MAX} rounds at most; begin another.")
            self._add_round(battle, number, prompt, now)
        return number

    def _add_round(self, battle: str, number: int, prompt: str, now: datetime) -> None:
        self._database.execute(
            "insert into battle_rounds values (?, ?, ?, ?)", (battle, number, microseconds(now), prompt)
        )

    def keep(self, battle: str, number: int, side: int, answer: SideAnswer) -> None:
        """Keep how a side's answer ended. Of a battle that was deleted meanwhile nothing is kept."""
        with self._database.transaction():
            if self._database.execute("select 1 from battle_rounds where battle = ? and round = ?", (battle, number)):
                self._database.execute(
                    "insert or replace into battle_answers values (?, ?, ?, ?, ?)",
                    (battle, number, side, answer.state, _json(answer)),
                )

    def vote(self, battle: str, vote: Vote, *, by: str, now: datetime) -> Battle:
        """Cast the battle's vote, after all answers to its last prompt have ended. Whoever says the same once more, as
        with a double click, is answered as at first. Raises NotFound, SetupError."""
        with self._database.transaction():
            found = self.get(battle)
            if found.ballot is not None and (found.ballot.vote, found.ballot.by) == (vote, by):
                return found
            _check_vote(found, vote)
            self._database.execute(
                "update battles set vote = ?, voted_at_us = ?, voted_by = ?, voted_after = ? where id = ?",
                (vote, microseconds(now), by, len(found.rounds), battle),
            )
        return self.get(battle)

    def reveal(self, battle: str, now: datetime) -> Battle:
        """Show the names of a blind battle without a vote; none can be cast afterwards. Raises NotFound."""
        with self._database.transaction():
            if not self.get(battle).named:
                self._database.execute(
                    "update battles set revealed_at_us = ? where id = ?", (microseconds(now), battle)
                )
        return self.get(battle)

    def delete(self, battle: str) -> None:
        """Delete it with its texts; its vote no longer counts. Raises NotFound."""
        with self._database.transaction():
            self._require(battle)
            self._database.execute("delete from battles where id = ?", (battle,))

    def settle(self) -> None:
        """Note answers as lost that were coming when the gateway stopped. Call it when none is coming."""
        missing = self._database.execute(
            "select r.battle, r.round, b.names from battle_rounds r join battles b on b.id = r.battle where"
            " (select count(*) from battle_answers a where a.battle = r.battle and a.round = r.round)"
            " < json_array_length(b.names)"
        )
        for battle, number, names in missing:
            for side in range(len(msgspec.json.decode(names))):
                self._database.execute(
                    "insert or ignore into battle_answers values (?, ?, ?, ?, ?)",
                    (battle, number, side, LOST.state, _json(LOST)),
                )

    # --- reading

    def get(self, battle: str) -> Battle:
        """The whole of it. Raises NotFound."""
        rows = self._database.execute(f"{_SELECT} where id = ?", (battle,))
        if not rows:
            raise _unknown(battle)
        return self._with_rounds(_battle(rows[0]))

    def latest(
        self,
        *,
        model: str | None = None,
        words: str | None = None,
        voted: bool | None = None,
        skip: int = 0,
        limit: int = 50,
        oldest_first: bool = False,
    ) -> tuple[Battle, ...]:
        """The latest first, each with its first prompt alone: those of a model, those that have these words in a
        prompt, those with a vote or those without."""
        conditions, values = _narrowed(model, words, voted)
        order = "started_at_us, id" if oldest_first else "started_at_us desc, id"
        rows = self._database.execute(
            f"{_SELECT} {conditions} order by {order} limit ? offset ?", (*values, limit, skip)
        )
        return tuple(self._with_rounds(_battle(row), first=True) for row in rows)

    def names(self) -> tuple[str, ...]:
        """All models and routes that took part in any, by the alphabet."""
        rows = self._database.execute("select distinct value from battles, json_each(battles.names) order by value")
        return tuple(name for (name,) in rows)

    def count(self, *, model: str | None = None, words: str | None = None, voted: bool | None = None) -> int:
        conditions, values = _narrowed(model, words, voted)
        rows = self._database.execute(f"select count(*) from battles {conditions}", values)  # noqa: S608 - no input
        return int(rows[0][0])

    def records(self) -> Iterator[Record]:
        """All battles, the oldest first, one after the other; without those that are deleted meanwhile."""
        for (battle,) in self._database.execute("select id from battles order by started_at_us, id"):
            with suppress(NotFound):
                yield record_of(self.get(battle))

    def vote_count(self, *, blind: bool) -> int:
        """How many votes there are of that kind, whether or not they can be counted for anybody."""
        rows = self._database.execute(
            "select count(*) from battles where vote is not null and blind = ?", (int(blind),)
        )
        return int(rows[0][0])

    def votes(self, *, blind: bool) -> tuple[CastVote, ...]:
        """All votes on blind battles, or all on those whose names were shown, the oldest first."""
        rows = self._database.execute(
            "select b.id, b.names, b.vote, b.voted_by, r.prompt,"
            " (select json_group_array(json_array(a.round, a.side, a.state, json_extract(a.answer, '$.facts.model'),"
            "   json_extract(a.answer, '$.facts.weights_digest')))"
            "  from battle_answers a where a.battle = b.id and a.round <= b.voted_after)"
            " from battles b join battle_rounds r on r.battle = b.id and r.round = 1"
            " where b.vote is not null and b.blind = ? order by b.voted_at_us, b.id",
            (int(blind),),
        )
        found = []
        for battle, names_text, vote, by, prompt, judged_text in rows:
            names = msgspec.json.decode(names_text, type=tuple[str, ...])
            judged = sorted(msgspec.json.decode(judged_text, type=list[_Judged]), key=lambda one: one.round)
            sides = [[one for one in judged if one.side == side] for side in range(len(names))]
            answered = tuple(all(one.state == "done" for one in answers) for answers in sides)
            found.append(CastVote(battle, names, vote, by, prompt, answered, frozenset(_same_pairs(sides))))
        return tuple(found)

    def _with_rounds(self, battle: Battle, *, first: bool = False) -> Battle:
        rounds = self._database.execute(
            "select round, prompt, asked_at_us from battle_rounds where battle = ? and round <= ? order by round",
            (battle.id, 1 if first else ROUNDS_MAX),
        )
        answers: dict[tuple[int, int], SideAnswer] = {}
        if not first:
            for number, side, text in self._database.execute(
                "select round, side, answer from battle_answers where battle = ?", (battle.id,)
            ):
                answers[number, side] = msgspec.json.decode(text, type=SideAnswer)
        told = tuple(
            Round(
                number, prompt, moment(asked), tuple(answers.get((number, side)) for side in range(len(battle.names)))
            )
            for number, prompt, asked in rounds
        )
        return msgspec.structs.replace(battle, rounds=told)

    def _require(self, battle: str) -> None:
        if not self._database.execute("select 1 from battles where id = ?", (battle,)):
            raise _unknown(battle)


class _Judged(msgspec.Struct, frozen=True, array_like=True):
    """What a vote's weight takes of an answer."""

    round: int
    side: int
    state: State
    model: str | None
    weights_digest: str | None


def _same_pairs(sides: Sequence[Sequence[_Judged]]) -> tuple[tuple[int, int], ...]:
    return tuple(pair for pair in combinations(range(len(sides)), 2) if _same(*(sides[side] for side in pair)))


def _same(side: Iterable[_Judged], other: Iterable[_Judged]) -> bool:
    """Did the same model answer on both sides, each time?"""
    return all(
        (one.model is not None and one.model == two.model)
        or (one.weights_digest is not None and one.weights_digest == two.weights_digest)
        for one, two in zip(side, other, strict=False)
    )


_SELECT = (
    "select id, started_at_us, started_by, blind, names, settings, revealed_at_us, vote, voted_at_us, voted_by,"
    " voted_after from battles"
)


def _battle(row: tuple[Any, ...]) -> Battle:
    identity, started, by, blind, names, settings, revealed, vote, voted, voter, after = row
    return Battle(
        identity,
        moment(started),
        by,
        bool(blind),
        msgspec.json.decode(names, type=tuple[str, ...]),
        msgspec.json.decode(settings, type=Settings),
        rounds=(),
        ballot=None if vote is None else Ballot(vote, voter, moment(voted), after),
        revealed_at=None if revealed is None else moment(revealed),
    )


def _narrowed(model: str | None, words: str | None, voted: bool | None) -> tuple[str, tuple[str, ...]]:
    conditions, values = [], []
    if model is not None:
        conditions.append("exists (select 1 from json_each(battles.names) where value = ?)")
        values.append(model)
    for word in (words or "").split():
        conditions.append(
            "exists (select 1 from battle_rounds r where r.battle = battles.id and instr(casefold(r.prompt), ?))"
        )
        values.append(word.casefold())
    if voted is not None:
        conditions.append("vote is not null" if voted else "vote is null and revealed_at_us is null")
    return f"where {' and '.join(conditions)}" if conditions else "", tuple(values)


def _check(names: Sequence[str], settings: Settings) -> None:
    if not SIDES_MIN <= len(names) <= SIDES_MAX:
        raise MalformedRequest(f"Choose {SIDES_MIN} to {SIDES_MAX} models or routes.", param="models")
    if len(set(names)) != len(names):
        raise MalformedRequest("Choose different models: one is there twice.", param="models")
    if settings.max_tokens is not None and settings.max_tokens < 1:
        raise MalformedRequest("An answer has at least one token.", param="max_tokens")
    if settings.temperature is not None and not 0 <= settings.temperature <= 2:
        raise MalformedRequest("The temperature lies between 0 and 2.", param="temperature")


def _check_prompt(prompt: str) -> None:
    if not prompt.strip():
        raise MalformedRequest("There is nothing to ask: write a prompt.", param="prompt")
    if len(prompt) > PROMPT_CHARS_MAX:
        raise MalformedRequest(f"A prompt may have {PROMPT_CHARS_MAX:,} characters at most.", param="prompt")


def _check_vote(battle: Battle, vote: Vote) -> None:
    if battle.ballot is not None:
        raise SetupError("There is a vote on this battle already, and it stands as it was cast.")
    if battle.blind and battle.revealed_at is not None:
        raise SetupError("The names of this battle were shown without a vote; begin another to vote blind.")
    last = battle.rounds[-1].answers
    if any(answer is None for answer in last):
        raise SetupError("Wait until all answers have ended, or stop them; then vote.")
    if vote in SIDES:
        side = SIDES.index(vote)
        if side >= len(battle.names):
            raise SetupError(f"There is no side {vote.upper()} in this battle.")
        answer = last[side]
        if answer is None or not answer.said:
            raise SetupError(f"{vote.upper()} has not answered, so it cannot be the better one.")


def _unknown(battle: str) -> NotFound:
    return NotFound(f"There is no battle {battle!r}; it may have been deleted.")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
