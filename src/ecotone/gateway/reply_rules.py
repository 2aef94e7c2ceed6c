"""Rules on replies, applied to one reply."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ecotone.gateway.guard_models import Ask, GuardModels
from ecotone.policy.detectors import Detectors
from ecotone.policy.guard.categories import highest
from ecotone.policy.guard.guard import Guard
from ecotone.policy.labels import Labels
from ecotone.policy.places import Place
from ecotone.policy.policy import Policy
from ecotone.policy.reply_filter import ReplyRules
from ecotone.policy.restoring import Pseudonymous
from ecotone.policy.verdict import Verdict


class ReplyGuard:
    """Looks after replies under one config."""

    def __init__(self, policy: Policy, detectors: Detectors, guard: Guard | None) -> None:
        """`guard` is None where no rule on replies wants them scored."""
        self._policy = policy
        self._detectors = detectors if policy.needs_reply_detectors else None
        self._guard = guard

    def rules(
        self,
        request: Labels,
        place: Place,
        now: datetime,
        *,
        pseudonyms: Pseudonymous | None,
        json_text: bool,
        models: GuardModels,
        ask: Ask,
    ) -> ReplyRules:
        """The filter for the reply to a request with these labels. `pseudonyms` are those of the request, and
        `json_text` says that the reply is to be JSON. `models` are asked by `ask`, on the loop that runs now."""
        detectors, policy, guard = self._detectors, self._policy, self._guard
        loop = asyncio.get_running_loop()

        def scores(text: str) -> Mapping[str, float]:
            # In a thread: a filter with a guard is slow.
            asked = asyncio.run_coroutine_threadsafe(models.scores([text], ask), loop).result() if models else ()
            return highest((guard.scores(text) if guard is not None else {}, *asked))

        def decide(kinds: frozenset[str], scores: Mapping[str, float] | None) -> Verdict:
            rank = 0 if detectors is None else max(map(detectors.rank, kinds), default=0)
            reply = msgspec.structs.replace(
                request, data_class=rank, kinds=kinds, uninspected=frozenset(filtered.skipped), scores=scores
            )
            return policy.decide_reply(reply, request, place, now=now)

        filtered = ReplyRules(
            decide,
            find=None if detectors is None else detectors.find,
            guard=None if guard is None else scores,
            pseudonyms=pseudonyms,
            json_text=json_text,
        )
        return filtered


def outcome(rules: ReplyRules) -> dict[str, Any]:
    """What came of the rules on one reply, for the log. `complete` false: not all of it was looked at."""
    return {
        "kinds": sorted(rules.kinds),
        "scored": rules.scores is not None,
        "spoken": [{"rule": one.rule, "effect": one.effect} for one in rules.spoken.values()],
        "redacted": dict(rules.redacted),
        "uninspected": sorted(rules.skipped),
        "complete": rules.complete,
    }
