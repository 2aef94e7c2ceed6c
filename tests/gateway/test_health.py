"""Endpoints that failed are tried last for a while."""

from typing import cast

from ecotone.gateway.health import Health, Trouble
from ecotone.gateway.models import Candidate
from ecotone.upstream.endpoints import Endpoint


class Place:
    def __init__(self, name: str) -> None:
        self.id = name


ALL = tuple(Candidate(name, cast("Endpoint", Place(name))) for name in "abc")


def order(health: Health, now_s: float) -> str:
    return "".join(candidate.model for candidate in health.order(ALL, now_s))


def test_a_failed_endpoint_rests_longer_each_time_until_it_succeeds() -> None:
    health = Health()
    assert order(health, 0.0) == "abc"
    health.failed("a", None, 0.0)
    assert order(health, 0.9) == "bca"
    assert order(health, 1.1) == "abc"
    health.failed("a", None, 2.0)
    assert order(health, 3.9) == "bca"
    assert order(health, 4.1) == "abc"
    health.succeeded("a")
    health.failed("a", None, 10.0)
    assert order(health, 11.1) == "abc"


def test_who_rests_is_tried_in_the_order_in_which_rests_end() -> None:
    health = Health()
    health.failed("a", 30.0, 0.0)
    health.failed("b", None, 0.0)
    health.failed("c", 10.0, 0.0)
    assert order(health, 0.5) == "bca"
    assert order(health, 20.0) == "bca"
    assert order(health, 31.0) == "abc"


def test_a_rest_is_never_longer_than_a_minute() -> None:
    health = Health()
    for _ in range(50):
        health.failed("a", 86_400.0, 0.0)
    assert order(health, 59.0) == "bca"
    assert order(health, 61.0) == "abc"


def test_what_is_held_against_an_endpoint() -> None:
    health = Health()
    assert health.trouble("a", 0.0) is None
    health.failed("a", None, 0.0)
    health.failed("a", 10.0, 5.0)
    assert health.trouble("a", 8.0) == Trouble(failures=2, rests_s=7.0)
    assert health.trouble("a", 20.0) == Trouble(failures=2, rests_s=0.0)
    health.succeeded("a")
    assert health.trouble("a", 20.0) is None


def test_of_endless_names_the_latest_failures_are_kept() -> None:
    health = Health()
    for number in range(20_000):
        health.failed(f"openai/{number}@openai", None, 0.0)
    assert health.trouble("openai/0@openai", 0.0) is None
    assert health.trouble("openai/10000@openai", 0.0) == Trouble(1, 1.0)


def test_a_rest_that_is_nearly_over_is_not_told_as_none() -> None:
    assert Trouble(1, 0.2).words == "failed when it was asked last; it is tried last for 1 s more"
    assert Trouble(3, 0.0).words == "failed 3 times in a row; it is being tried again"
