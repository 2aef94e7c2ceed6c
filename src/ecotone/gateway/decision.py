"""What was decided about one request and why, for the log."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ecotone.gateway.labelling import Labelled
from ecotone.gateway.reply_rules import outcome
from ecotone.policy.policy import Policy
from ecotone.policy.reply_filter import ReplyRules
from ecotone.policy.verdict import Verdict

_SCORE_KEPT_MIN = 0.01


class Decision:
    """Labels, what the rules said of each place, and what was replaced: kinds and counts, never the values."""

    def __init__(self, policy: Policy, labelled: Labelled, verdicts: Mapping[str, Verdict]) -> None:
        """`verdicts` go by the endpoint's id."""
        self.policy = policy
        self.labels = labelled.labels
        self._verdicts = verdicts
        self.redacted: Mapping[str, int] = {}
        self.reply: ReplyRules | None = None
        """Who looked at the reply; None where nobody did."""

    def recorded(self) -> str | None:
        """The decision as JSON; None where there are no rules that could have decided."""
        if not self._verdicts and self.reply is None:
            return None
        labels = self.labels
        scores = labels.scores
        told: dict[str, Any] = {
            "policy": self.policy.digest,
            "class": self.policy.classes.name(labels.data_class),
            "kinds": sorted(labels.kinds),
            "uninspected": sorted(labels.uninspected),
            "scores": None
            if scores is None
            else {name: round(score, 3) for name, score in sorted(scores.items()) if score >= _SCORE_KEPT_MIN},
            "places": {
                endpoint: {
                    "allowed": verdict.allowed,
                    "spoken": [
                        {"rule": one.rule, "effect": one.effect} | ({} if one.fault is None else {"fault": one.fault})
                        for one in verdict.spoken
                    ],
                }
                for endpoint, verdict in self._verdicts.items()
            },
            "redacted": dict(self.redacted),
            "reply": None if self.reply is None else outcome(self.reply),
        }
        return msgspec.json.encode(told).decode()
