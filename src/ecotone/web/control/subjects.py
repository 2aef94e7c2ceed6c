"""All operations of the control plane, by subject."""

from collections.abc import Mapping

from ecotone.web.control.api import Call

SUBJECTS: Mapping[str, tuple[Call, ...]] = {}
