"""Requests that the rules had something to say about: refused, in the request or in the reply, or flagged."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from ecotone.gateway.request_log import JUDGED
from ecotone.storage.database import Database
from ecotone.storage.moments import microseconds, moment

Outcome = Literal["refused", "reply refused", "not replaceable", "flagged"]

# The condition is the index's, to the letter: by that SQLite knows that the index will do.
JUDGED_ROWS = (
    "select id, started_at_us, principal, operation, asked, error, decision from requests"  # noqa: S608 - no input
    f" where ({JUDGED}) and started_at_us >= ? and decision is not null order by started_at_us desc limit ?"
)

REFUSALS_MAX = 200
"""So many are told of, if nobody says how many."""


class Refusal(msgspec.Struct, frozen=True):
    """A request that was refused or flagged; metadata, never content. `rules` are those that did it, by name.

    `data_class` is the class that it came to, `kinds` what was found in it, `risks` those whose score counted.
    """

    id: str
    at: datetime
    outcome: Outcome
    principal: str
    operation: str
    asked: str | None
    data_class: str = msgspec.field(name="class")
    kinds: tuple[str, ...]
    risks: tuple[str, ...]
    rules: tuple[str, ...]


def recent_refusals(
    database: Database, since: datetime, *, risk_min: float, limit: int = REFUSALS_MAX
) -> tuple[Refusal, ...]:
    """The latest first, `limit` of them at most. `risk_min` is the score from which a risk is told."""
    rows = database.execute(JUDGED_ROWS, (microseconds(since), limit))
    return tuple(_refusal(*row, risk_min=risk_min) for row in rows)


def _refusal(
    identity: str,
    started_at_us: int,
    principal: str | None,
    operation: str,
    asked: str | None,
    error: str | None,
    decision: str,
    *,
    risk_min: float,
) -> Refusal:
    told: dict[str, Any] = msgspec.json.decode(decision)
    places = told["places"].values()
    reply = told["reply"]
    outcome: Outcome
    if error == "policy_refused" and (any(place["allowed"] for place in places) or not places):
        outcome, rules = "reply refused", _names([] if reply is None else reply["spoken"], ("deny", "require"))
    elif error == "policy_refused":
        spoken = [one for place in places if not place["allowed"] for one in place["spoken"]]
        outcome, rules = "refused", _names(spoken, ("deny", "require"))
    elif error == "cannot_redact":
        spoken = [one for place in places if place["allowed"] for one in place["spoken"]]
        outcome, rules = "not replaceable", _names(spoken, ("redact",))
    else:
        spoken = [one for place in places for one in place["spoken"]]
        outcome, rules = "flagged", _names([*spoken, *([] if reply is None else reply["spoken"])], ("flag",))
    scores: Mapping[str, float] = told["scores"] or {}
    return Refusal(
        id=identity,
        at=moment(started_at_us),
        outcome=outcome,
        principal=principal or "",
        operation=operation,
        asked=asked,
        data_class=told["class"],
        kinds=tuple(told["kinds"]),
        risks=tuple(name for name, score in scores.items() if score >= risk_min),
        rules=tuple(dict.fromkeys(rules)),
    )


def _names(spoken: list[dict[str, str]], effects: tuple[str, ...]) -> Iterator[str]:
    """A rule that could not be decided denies, whatever its effect."""
    return (one["rule"] for one in spoken if one["effect"] in effects or ("fault" in one and "deny" in effects))
