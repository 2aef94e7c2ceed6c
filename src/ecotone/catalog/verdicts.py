"""May this organisation use this model, and on what terms? Answers that can be checked, and argued with.

A verdict is information drawn from texts, not legal advice.
"""

from collections.abc import Iterable
from datetime import date
from typing import Literal

import msgspec

Status = Literal["allowed", "allowed with duties", "not allowed", "unknown"]

# The gravest first: one text that forbids is enough, and what is unknown is not allowed by what is known.
_GRAVITY: tuple[Status, ...] = ("not allowed", "unknown", "allowed with duties", "allowed")


class Citation(msgspec.Struct, frozen=True):
    """Where a fact can be checked: an address or a licence's identifier, the clause or heading there, and the day of
    the copy that was read (None for a text that does not change)."""

    source: str
    section: str
    read_on: date | None = None


class Reason(msgspec.Struct, frozen=True):
    """One thing that a text demands, forbids or leaves open, in our words; no citation where no text was read."""

    text: str
    citation: Citation | None = None


class Verdict(msgspec.Struct, frozen=True):
    """`reasons` say why the status is what it is; `duties` are what must be done where use is allowed."""

    status: Status
    reasons: tuple[Reason, ...] = ()
    duties: tuple[Reason, ...] = ()


def combined(verdicts: Iterable[Verdict]) -> Verdict:
    """What several texts that all apply come to: the gravest status, with all reasons and duties in their order.

    Of nothing, the answer is unknown.
    """
    all_of_them = tuple(verdicts)
    if not all_of_them:
        return Verdict("unknown", (Reason("no text says what is allowed"),))
    status = min((verdict.status for verdict in all_of_them), key=_GRAVITY.index)
    reasons = dict.fromkeys(reason for verdict in all_of_them for reason in verdict.reasons)
    duties = dict.fromkeys(duty for verdict in all_of_them for duty in verdict.duties)
    return Verdict(status, tuple(reasons), tuple(duties))
