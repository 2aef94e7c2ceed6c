"""The owner's rules, applied to a request and its candidates."""

from ecotone.gateway.models import Candidate
from ecotone.policy.verdict import Verdict


class Ruling:
    """The rules of one config."""

    def judge(self, candidate: Candidate) -> Verdict:
        del candidate
        return Verdict(True)
