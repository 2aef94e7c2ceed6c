"""The benchmark of rules: it decides what it says, so that its times are those of real work."""

from random import Random

from bench.rules import ARITHMETIC, TWENTY, eight_places, policy, request


def test_everyday_requests_are_decided_without_a_fault() -> None:
    random, places, compiled = Random(1), eight_places(), policy((*TWENTY, ARITHMETIC))
    assert len(compiled.rules) == 21
    allowed = 0
    for _ in range(50):
        labels, now = request(random)
        for place in places:
            verdict = compiled.decide(labels, place, now=now)
            assert [one for one in verdict.spoken if one.fault is not None] == []
            allowed += verdict.allowed
    assert 0 < allowed < 400
    assert compiled.remembered < 400
