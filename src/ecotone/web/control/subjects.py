"""All operations of the control plane, by subject."""

from collections.abc import Mapping

from ecotone.web.control import advice, chats, comparisons, connecting, evaluations, keys, models, rules, status
from ecotone.web.control.api import Call

SUBJECTS: Mapping[str, tuple[Call, ...]] = {
    "status": status.CALLS,
    "advice": advice.CALLS,
    "keys": keys.CALLS,
    "clients": connecting.CALLS,
    "evaluations": evaluations.CALLS,
    "chats": chats.CALLS,
    "battles": comparisons.CALLS,
    "models": models.CALLS,
    "rules": rules.CALLS,
}
