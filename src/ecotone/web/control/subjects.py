"""All operations of the control plane, by subject."""

from collections.abc import Mapping

from ecotone.web.control import evaluations
from ecotone.web.control.api import Call

SUBJECTS: Mapping[str, tuple[Call, ...]] = {
    "evaluations": evaluations.CALLS,
}
