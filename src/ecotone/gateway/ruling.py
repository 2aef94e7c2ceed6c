"""The owner's rules, applied to a request and its candidates."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime

import msgspec

from ecotone.gateway.declared import NOTHING_DECLARED, Declared
from ecotone.gateway.guard_models import Ask, GuardModels
from ecotone.gateway.jobs import Job
from ecotone.gateway.keys import Principal
from ecotone.gateway.labelling import AT_ONCE_BYTES_MAX, Labelled, Labelling
from ecotone.gateway.models import Candidate
from ecotone.gateway.redaction import Redacted, Redaction
from ecotone.gateway.reply_rules import ReplyGuard
from ecotone.policy.detectors import Detectors
from ecotone.policy.guard.categories import highest
from ecotone.policy.labels import Labels
from ecotone.policy.places import Place
from ecotone.policy.policy import Policy
from ecotone.policy.reply_filter import ReplyRules
from ecotone.policy.verdict import Verdict
from ecotone.values.errors import EcotoneError, PolicyRefused

_ALLOWED = Verdict(True)
_UNLABELLED = Labelled(Labels(0))
_REASONS_MAX = 5


class Planned(msgspec.Struct, frozen=True, eq=False):
    """A candidate that the rules allow, and what they ask for beside."""

    candidate: Candidate
    verdict: Verdict


class Plan(msgspec.Struct, frozen=True, eq=False):
    """What the rules say of a request: those who may have it, the preferred first, and what they said of each."""

    allowed: tuple[Planned, ...]
    verdicts: Mapping[str, Verdict]
    """By the endpoint's id; empty where there are no rules."""

    def refusal(self, asked: str) -> PolicyRefused:
        """The error for a request that nobody may have."""
        return refusal(asked, self.verdicts)


def refusal(asked: str, verdicts: Mapping[str, Verdict]) -> PolicyRefused:
    """The error for a request that none of these places, by the endpoint's id, may have."""
    spoken = {one.rule: one for verdict in verdicts.values() for one in verdict.denials}
    reasons = [one.told for one in spoken.values()]
    more = len(reasons) - _REASONS_MAX
    listed = "; ".join(reasons[:_REASONS_MAX]) + (f"; and {more} more" if more > 0 else "")
    where = "the only place" if len(verdicts) == 1 else f"any of the {len(verdicts)} places"
    return PolicyRefused(
        f"The rules of this gateway do not allow this request to go to {where} behind {asked!r}: {listed}.",
        rules=tuple(spoken),
    )


class Ruling:
    """The rules of one config. Without any all is allowed, and nothing is looked into."""

    def __init__(
        self,
        policy: Policy,
        detectors: Detectors,
        labelling: Labelling,
        redaction: Redaction | None,
        reply_guard: ReplyGuard,
        guard_models: GuardModels,
        place_of: Callable[[Candidate, date], Place],
    ) -> None:
        """`redaction` is None where no rule asks for it. `place_of` says what is known of a candidate on a day."""
        self.policy = policy
        self._detectors = detectors
        self._labelling = labelling
        self._redaction = redaction
        self._reply_guard = reply_guard
        self._guard_models = guard_models
        self._asks_guards = bool(guard_models) and policy.needs_guard
        self._place_of = place_of
        self._places: dict[tuple[str, date], Place] = {}
        self._has_rules = any(rule.on == "request" for rule in policy.rules)

    async def label(self, principal: Principal, job: Job, declared: Declared, size_bytes: int, now_us: int) -> Labelled:
        """What is known of a request. Raises MalformedRequest and DatabaseError."""
        nothing_said = declared is NOTHING_DECLARED and not job.earlier_classes
        if not self.policy.rules and nothing_said and not self.policy.floor(principal.name, job.asked):
            # Nobody would ask, and nothing is known that what is kept of it would have to remember.
            return _UNLABELLED
        return await self._labelling.label(principal, job, declared, size_bytes, now_us)

    async def guarded(self, labelled: Labelled, ask: Ask) -> Labelled:
        """The labels with what guard models say. Raises Unavailable where one of them says nothing."""
        labels, inspection = labelled.labels, labelled.inspection
        if not self._asks_guards or inspection is None:
            return labelled
        found = await self._guard_models.scores([passage.text for passage in inspection.texts], ask)
        scores = highest((labels.scores or {}, *found))
        return msgspec.structs.replace(labelled, labels=msgspec.structs.replace(labels, scores=scores))

    def raised(self, labels: Labels, text: str) -> Labels:
        """The labels of something that has this text, too."""
        kinds = labels.kinds | {one.kind for one in self._detectors.find(text)}
        rank = max(labels.data_class, *map(self._detectors.rank, kinds), 0)
        return msgspec.structs.replace(labels, kinds=kinds, data_class=rank)

    def plan(self, labelled: Labelled, candidates: Sequence[Candidate], now_us: int) -> Plan:
        """Who of the candidates may have the request, in their order but for those that the rules prefer."""
        if not self._has_rules:
            return Plan(tuple(Planned(candidate, _ALLOWED) for candidate in candidates), {})
        now = datetime.fromtimestamp(now_us / 1_000_000, UTC)
        judged = [
            Planned(candidate, self.policy.decide(labelled.labels, self._place(candidate, now.date()), now=now))
            for candidate in candidates
        ]
        allowed = [one for one in judged if one.verdict.allowed]
        allowed.sort(key=lambda one: -one.verdict.preferred)
        return Plan(tuple(allowed), {one.candidate.endpoint.id: one.verdict for one in judged})

    async def redacted(self, job: Job, labelled: Labelled, verdict: Verdict, declared: Declared) -> Redacted:
        """The job as the rules want it said, with what puts its reply right again. Raises Unredactable."""
        if not verdict.redact:
            return Redacted(job)
        if self._redaction is None:
            raise EcotoneError("Something is to be replaced, and no rule asks for it.")
        if labelled.labels.input_bytes <= AT_ONCE_BYTES_MAX:
            return self._redaction.redacted(job, labelled, verdict.redact, declared)
        return await asyncio.to_thread(self._redaction.redacted, job, labelled, verdict.redact, declared)

    def reply_rules(
        self, labelled: Labelled, candidate: Candidate, redacted: Redacted, now_us: int, ask: Ask
    ) -> ReplyRules | None:
        """What the rules on replies want a reply to go through; None where there are none."""
        if not self.policy.has_reply_rules:
            return None
        now = datetime.fromtimestamp(now_us / 1_000_000, UTC)
        return self._reply_guard.rules(
            labelled.labels,
            self._place(candidate, now.date()),
            now,
            pseudonyms=redacted.pseudonyms,
            json_text=redacted.job.json_text,
            models=self._guard_models,
            ask=ask,
        )

    def _place(self, candidate: Candidate, today: date) -> Place:
        key = (candidate.endpoint.id, today)
        place = self._places.get(key)
        if place is None:
            self._places = {known: kept for known, kept in self._places.items() if known[1] == today}
            place = self._places[key] = self._place_of(candidate, today)
        return place
