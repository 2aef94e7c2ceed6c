"""Cases in the config that its rules must decide as written."""

import base64
from typing import Any

import pytest

from ecotone.policy.detectors.detectors import Detectors
from ecotone.policy.places import Place
from ecotone.policy.policy import Policy
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.rule_tests import RuleTestResult, check_rule_tests, run_rule_tests
from ecotone.policy.settings import (
    DataSettings,
    GuardSettings,
    PatternSettings,
    PrincipalSettings,
    RuleSettings,
    RuleTestSettings,
)

VENDOR = Place({"name": "frontier"}, {"id": "frontier@openai", "hosting": "vendor"})
HOME = Place({"name": "local"}, {"id": "local", "hosting": "embedded"})
PLACES = {"frontier": (VENDOR,), "local": (HOME,), "assistant": (VENDOR, HOME)}


WARD = PatternSettings(pattern="WARD-[0-9]{6}", data_class="restricted")
DETECTORS = Detectors(DataSettings(patterns={"ward": WARD}))
CODED = base64.b64encode(b"She lies in WARD-123456.").decode()


def outcomes(*tests: RuleTestSettings) -> tuple[RuleTestResult, ...]:
    return run_rule_tests(tests, policy(), PLACES, DETECTORS)


def policy() -> Policy:
    rules = (
        RuleSettings(name="home", deny='data.class >= restricted && endpoint.hosting == "vendor"', because="stays"),
        RuleSettings(name="harm", deny="content.weapons > 0.5", because="harm"),
        RuleSettings(name="night", deny="time.hour >= 22 && data.class >= confidential", because="night"),
        RuleSettings(name="numbers", redact="true", because="numbers", kinds=("ward",)),
        RuleSettings(name="leak", on="reply", deny='"ward" in data.kinds && principal.name == "nurse"', because="leak"),
    )
    return Policy.compile(
        data=DataSettings(),
        guard=GuardSettings(),
        principals={"records": PrincipalSettings(data_class="restricted")},
        routes={"assistant": None},
        rules=rules,
        kinds=("ward", "email"),
    )


def case(**said: Any) -> RuleTestSettings:
    return RuleTestSettings(**{"at": "2026-11-25T12:00:00Z", **said})


@pytest.mark.parametrize(
    "passes",
    [
        case(expect="deny", model="frontier", data_class="restricted", rule="home"),
        case(expect="allow", model="frontier", data_class="confidential"),
        case(expect="deny", model="frontier", text="I lie in WARD-123456", rule="home"),
        case(expect="deny", model="frontier", text=f"read {CODED}", rule="home"),
        case(expect="deny", model="frontier", principal="records", rule="home"),
        case(expect="allow", route="assistant", data_class="restricted", rule="home"),
        case(expect="allow", model="local", text="I lie in WARD-123456", redact=("ward",)),
        case(expect="allow", model="local", text="my name is", redact=()),
        case(expect="deny", route="assistant", scores={"weapons": 0.6}, rule="harm"),
        case(expect="deny", route="local", data_class="confidential", at="2026-11-25T22:00:00+00:00", rule="night"),
        case(expect="deny", facts={"endpoint.hosting": "vendor"}, data_class="restricted", rule="home"),
        case(expect="allow", model="frontier", facts={"endpoint.hosting": "self-hosted"}, data_class="restricted"),
        case(expect="deny", on="reply", model="local", text="in WARD-123456", principal="nurse", rule="leak"),
        case(expect="allow", on="reply", model="frontier", text="in WARD-123456"),
    ],
)
def test_what_is_as_expected_passes(passes: RuleTestSettings) -> None:
    assert [result.problem for result in outcomes(passes)] == [None]


@pytest.mark.parametrize(
    ("fails", "problem"),
    [
        (
            case(expect="allow", name="to the vendor", model="frontier", data_class="restricted"),
            "'to the vendor' expects allow and gets deny; rules that spoke: home",
        ),
        (
            case(expect="deny", model="local", data_class="restricted"),
            "'rule test 1' expects deny and gets allow; rules that spoke: none",
        ),
        (
            case(expect="deny", model="frontier", data_class="restricted", rule="harm"),
            "'rule test 1' expects the rule 'harm' to speak; rules that spoke: home",
        ),
        (
            case(expect="allow", model="local", text="I lie in WARD-123456", redact=("email",)),
            "'rule test 1' expects email to be replaced, and replaced is ward; rules that spoke: numbers",
        ),
        (
            case(expect="allow", model="local", text="x", redact=("ward",)),
            "'rule test 1' expects ward to be replaced, and replaced is nothing; rules that spoke: none",
        ),
        (
            case(expect="allow", model="local", data_class="confidential", at=None),
            "'rule test 1' expects allow and gets deny; rules that spoke: night; night: time.hour is unknown",
        ),
    ],
)
def test_a_failure_tells_what_was_expected_what_came_and_who_spoke(fails: RuleTestSettings, problem: str) -> None:
    assert [result.problem for result in outcomes(fails)] == [problem]
    right = case(expect="allow", model="local")
    with pytest.raises(PolicyProblem) as caught:
        check_rule_tests((right, fails), policy(), PLACES, DETECTORS)
    assert caught.value.path == ("rule_tests", 1)
    assert caught.value.message == problem.replace("rule test 1", "rule test 2")


@pytest.mark.parametrize(
    ("wrong", "key", "told"),
    [
        (case(expect="deny"), None, "give it route, model or facts"),
        (case(expect="deny", model="fronteer"), "model", "did you mean frontier?"),
        (case(expect="deny", route="asistant"), "route", "did you mean assistant?"),
        (case(expect="deny", model="local", data_class="secret"), "class", "no class 'secret'"),
        (case(expect="deny", model="local", scores={"weapon": 1.0}), "scores", "did you mean weapons?"),
        (case(expect="deny", model="local", rule="homes"), "rule", "did you mean home?"),
        (case(expect="allow", model="local", redact=("wart",)), "redact", "did you mean ward?"),
        (case(expect="allow", model="local", at="yesterday"), "at", "2026-11-30T22:15:00Z"),
        (case(expect="allow", model="local", at="2026-11-25T12:00:00"), "at", "2026-11-30T22:15:00Z"),
        (case(expect="allow", facts={"endpoint.hostin": "vendor"}), "facts", "did you mean endpoint.hosting?"),
        (case(expect="allow", facts={"data.class": 3}), "facts", "a place has no 'data.class'"),
        (case(expect="allow", facts={"endpoint.hosting": "cloud"}), "facts", "embedded, self-hosted, vendor"),
        (case(expect="allow", facts={"model.tools": "yes"}), "facts", "model.tools is a bool"),
        (case(expect="allow", facts={"endpoint.retention_days": True}), "facts", "is an int"),
        (case(expect="allow", facts={"endpoint.residency": "eu"}), "facts", "list of strings"),
    ],
)
def test_a_test_that_cannot_be_run_is_refused(wrong: RuleTestSettings, key: str | None, told: str) -> None:
    with pytest.raises(PolicyProblem) as caught:
        outcomes(wrong)
    assert caught.value.path == ("rule_tests", 0) + (() if key is None else (key,))
    assert told in caught.value.message
