"""What is known of a request before anything is decided: its data class, what was found in it, how risky it is."""

import asyncio
from collections.abc import Mapping

import msgspec

from ecotone.gateway.conversations import Conversations
from ecotone.gateway.declared import Declared
from ecotone.gateway.jobs import Job
from ecotone.gateway.keys import Principal
from ecotone.policy.detectors import Detectors
from ecotone.policy.guard.categories import highest
from ecotone.policy.guard.guard import Guard
from ecotone.policy.inspection import Inspection, inspect
from ecotone.policy.labels import Labels
from ecotone.policy.policy import Policy
from ecotone.values.errors import MalformedHeader

AT_ONCE_BYTES_MAX = 32 * 1024
"""What is longer is worked on in a thread, so that others need not wait for it."""
_CONVERSATION_CHARS_MAX = 256


class Labelled(msgspec.Struct, frozen=True, eq=False):
    """A request's labels. `inspection` is None where no rule wanted to know what is in it."""

    labels: Labels
    inspection: Inspection | None = None


class Labelling:
    """How requests are labelled under one config."""

    def __init__(
        self,
        policy: Policy,
        detectors: Detectors | None,
        guard: Guard | None,
        conversations: Conversations,
        remember_us: int,
    ) -> None:
        """`detectors` is None where no rule wants to know what is in a request; `guard` where none wants it scored.
        `remember_us`: how long a conversation keeps its class after its last request, in microseconds."""
        self._policy = policy
        self._detectors = detectors
        self._guard = guard
        self._conversations = conversations
        self._remember_us = remember_us

    async def label(self, principal: Principal, job: Job, declared: Declared, size_bytes: int, now_us: int) -> Labelled:
        """Label one request, and remember its class for its conversation. Guard models are not asked here.

        Raises MalformedRequest for a class that there is not; DatabaseError where what it has come to cannot be
        remembered.
        """
        settings = self._policy.principals.get(principal.name)
        rank = max(
            self._policy.floor(principal.name, job.asked),
            self._declared_rank(declared, job),
            self._remembered_rank(principal, declared, now_us),
        )
        inspection: Inspection | None = None
        scores: Mapping[str, float] | None = None
        if self._detectors is not None:
            inspection = await self._inspected(job, self._detectors, size_bytes)
            rank = max([rank, *map(self._detectors.rank, inspection.kinds)])
            if self._guard is not None:
                scores = await asyncio.to_thread(risk_scores, self._guard, inspection)
        labels = Labels(
            data_class=rank,
            kinds=inspection.kinds if inspection else frozenset(),
            uninspected=(inspection.uninspected if inspection else frozenset()) | job.uninspected,
            scores=scores,
            principal=principal.name,
            purpose=settings.purpose if settings is not None else None,
            asked=job.asked,
            operation=job.operation,
            streams=job.streams,
            tools=_has_tools(job),
            input_bytes=size_bytes,
        )
        job.data_class = self._policy.classes.name(rank)
        await self._remember(principal, declared, rank, now_us)
        return Labelled(labels, inspection)

    def _declared_rank(self, declared: Declared, job: Job) -> int:
        ranks = [0]
        if declared.data_class is not None:
            if declared.data_class not in self._policy.classes:
                raise MalformedHeader(
                    f"The header x-ecotone-class names a data class that there is not. There are:"
                    f" {', '.join(self._policy.classes.names)}.",
                    param="x-ecotone-class",
                )
            ranks.append(self._policy.classes.rank(declared.data_class))
        ranks += [self._known_rank(name) for name in job.earlier_classes]
        return max(ranks)

    def _known_rank(self, name: str) -> int:
        """The rank of a class that was once remembered; what the owner has done away with counts as the highest."""
        return self._policy.classes.rank(name) if name in self._policy.classes else len(self._policy.classes) - 1

    def _remembered_rank(self, principal: Principal, declared: Declared, now_us: int) -> int:
        if declared.conversation is None:
            return 0
        if not 0 < len(declared.conversation) <= _CONVERSATION_CHARS_MAX:
            raise MalformedHeader(
                f"The header x-ecotone-conversation takes 1 to {_CONVERSATION_CHARS_MAX} characters.",
                param="x-ecotone-conversation",
            )
        since_us = now_us - self._remember_us
        name = self._conversations.recall(principal.name, declared.conversation, since_us)
        return 0 if name is None else self._known_rank(name)

    async def _remember(self, principal: Principal, declared: Declared, rank: int, now_us: int) -> None:
        """Before anything is sent, so that a crash forgets nothing."""
        if declared.conversation is None or rank == 0:
            return
        name, rank_of = self._policy.classes.name(rank), self._known_rank
        await asyncio.to_thread(
            self._conversations.remember, principal.name, declared.conversation, name, rank_of, now_us
        )

    async def _inspected(self, job: Job, detectors: Detectors, size_bytes: int) -> Inspection:
        if size_bytes <= AT_ONCE_BYTES_MAX and not detectors.slow:
            return inspect(job.said, detectors)
        return await asyncio.to_thread(inspect, job.said, detectors)


def risk_scores(guard: Guard, inspection: Inspection) -> dict[str, float]:
    """The highest score of each category over all that the guard is to read, texts inside of codings among them."""
    return highest(guard.scores(passage.text) for passage in inspection.texts)


def _has_tools(job: Job) -> bool:
    body = job.said.get("body", job.said)
    return isinstance(body, dict) and bool(body.get("tools") or body.get("functions"))
