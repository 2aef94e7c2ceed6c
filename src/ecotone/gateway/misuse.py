"""Signs of misuse among the requests that the rules have judged, noted as events."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ecotone.gateway.decision import Decision
from ecotone.gateway.events import EventRow
from ecotone.gateway.jobs import Job
from ecotone.policy.signals import Signals
from ecotone.values.chat import Json
from ecotone.values.errors import EcotoneError, PolicyRefused

_ANSWERED_IN_WORDS = frozenset({"chat", "completions"})
_TURNS = ("messages", "contents", "input", "prompt")
_TEXTS = ("content", "parts", "text")
_TEXT_TYPES = frozenset({None, "text", "input_text", "message"})
_LOOKED_BACK_MAX = 8
_DEPTH_MAX = 4


class MisuseWatch:
    """Looks at requests when they are over. It lives as long as the gateway: what it remembers outlives a config."""

    def __init__(self, note: Callable[[EventRow], None]) -> None:
        """`note` takes an event, and does not wait for a disk."""
        self._note = note
        self._signals = Signals()

    def look_at(self, decision: Decision, job: Job, error: EcotoneError | None, at_us: int) -> None:
        """A request is over. `error` is what went wrong with it, if anything."""
        denied = isinstance(error, PolicyRefused)
        found = self._signals.note(
            decision.labels.principal,
            at_us,
            denied=denied,
            blocked=_blocked(decision) if denied else (),
            text=last_text(job.said) if job.operation in _ANSWERED_IN_WORDS else None,
        )
        for one in found:
            self._note(EventRow(one.at_us, one.kind, one.principal, msgspec.json.encode(one.detail).decode()))


def _blocked(decision: Decision) -> set[str]:
    """What a request or its reply was refused over: risks, and of a reply the rules, which may know more than risks."""
    reply = decision.reply
    denials = [] if reply is None else [one.rule for one in reply.spoken.values() if one.denies]
    scores = (reply.scores if reply is not None and denials else decision.labels.scores) or {}
    risks = {f"content.{category}" for category, score in scores.items() if score >= decision.policy.threshold}
    return risks | {f"rule {rule}" for rule in denials}


def last_text(said: Json) -> str | None:
    """The last words of a user in a request, in whichever wire; None where there are none."""
    body: Mapping[str, Any] = said["body"] if isinstance(said.get("body"), dict) else said
    return next((_last(body[name], 0) for name in _TURNS if name in body), None)


def _last(value: Any, depth: int) -> str | None:
    if isinstance(value, str):
        return value
    if depth > _DEPTH_MAX:
        return None
    if isinstance(value, list):
        for item in value[: -_LOOKED_BACK_MAX - 1 : -1]:
            if (found := _last(item, depth + 1)) is not None:
                return found
    elif isinstance(value, dict) and value.get("role") in (None, "user"):
        kind = value.get("type")
        if not isinstance(kind, str | None) or kind not in _TEXT_TYPES:
            return None
        return next((_last(value[name], depth + 1) for name in _TEXTS if name in value), None)
    return None
