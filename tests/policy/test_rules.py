"""What the rules of a config say of requests and replies."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecotone.policy.labels import Labels
from ecotone.policy.places import Place
from ecotone.policy.policy import Policy
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.settings import DataSettings, GuardSettings, PrincipalSettings, RuleSettings
from ecotone.policy.verdict import Verdict

NOON = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)  # a Wednesday
NIGHT = datetime(2026, 11, 28, 23, 0, tzinfo=UTC)  # a Saturday
RESTRICTED = 3

VENDOR = Place(
    {"name": "frontier", "weights": "closed"},
    {"id": "frontier@openai", "hosting": "vendor", "provider": "openai", "residency": ("us", "eu")},
)
HOME = Place({"name": "local", "weights": "open"}, {"id": "local", "hosting": "embedded", "provider": "llama.cpp"})
PUBLIC = Labels(0)


def rule(**said: Any) -> RuleSettings:
    return RuleSettings(**{"because": "so it was decided", **said})


def policy(*rules: RuleSettings, **said: Any) -> Policy:
    given: dict[str, Any] = {"data": DataSettings(), "guard": GuardSettings(), "principals": {}, "routes": {}, **said}
    return Policy.compile(rules=rules, **given)


def judged(condition: str, labels: Labels = PUBLIC, place: Place = VENDOR, now: datetime | None = NOON) -> Any:
    """True or false as `condition` is, or the fault."""
    verdict = policy(rule(flag=condition)).decide(labels, place, now=now)
    fault = next((one.fault for one in verdict.spoken), None)
    return bool(verdict.spoken) if fault is None else fault


def names(verdict: Verdict) -> list[str]:
    return [one.rule for one in verdict.spoken]


def test_a_denial_stops_what_it_names_and_nothing_else() -> None:
    home = policy(rule(deny='data.class >= restricted && endpoint.hosting == "vendor"', because="data stays home"))
    refused = home.decide(Labels(RESTRICTED), VENDOR, now=NOON)
    assert not refused.allowed
    assert [(one.rule, one.effect, one.because, one.fault) for one in refused.denials] == [
        ("rule 1", "deny", "data stays home", None)
    ]
    assert home.decide(Labels(RESTRICTED), HOME, now=NOON) == Verdict(True)
    assert home.decide(Labels(RESTRICTED - 1), VENDOR, now=NOON) == Verdict(True)


def test_what_is_required_must_hold() -> None:
    open_only = policy(rule(require='model.weights == "open"'))
    assert open_only.decide(Labels(0), HOME, now=NOON).allowed
    assert not open_only.decide(Labels(0), VENDOR, now=NOON).allowed


def test_denial_wins_and_is_told_first() -> None:
    verdict = policy(
        rule(flag="true", name="seen"), rule(prefer="true", name="liked"), rule(deny="true", name="stopped")
    ).decide(Labels(0), HOME, now=NOON)
    assert not verdict.allowed
    assert names(verdict) == ["stopped", "seen", "liked"]
    assert names(Verdict(False, verdict.denials)) == ["stopped"]


@pytest.mark.parametrize("effect", ["deny", "require", "redact", "flag", "prefer"])
def test_what_cannot_be_evaluated_denies_whatever_the_effect(effect: str) -> None:
    verdict = policy(rule(**{effect: 'model.licence == "MIT"'})).decide(Labels(0), VENDOR, now=NOON)
    assert not verdict.allowed
    assert [one.fault for one in verdict.denials] == ["model.licence is unknown"]
    assert not verdict.preferred


def test_an_unknown_fact_that_decides_nothing_is_no_fault() -> None:
    assert judged('model.licence == "MIT" || endpoint.hosting == "vendor"') is True
    assert judged('model.licence == "MIT" && endpoint.hosting == "embedded"') is False
    assert judged('has(model.licence) && model.licence == "MIT"') is False


def test_redaction_replaces_what_was_found_of_the_kinds_it_names() -> None:
    some = policy(rule(redact="data.class < restricted", kinds=("email", "phone")))
    found = Labels(1, frozenset({"email", "iban"}))
    assert some.decide(found, VENDOR, now=NOON).redact == {"email"}
    assert some.decide(Labels(1, frozenset({"iban"})), VENDOR, now=NOON) == Verdict(True)
    everything = policy(rule(redact="true"))
    assert everything.decide(found, VENDOR, now=NOON).redact == {"email", "iban"}
    assert everything.decide(Labels(1, frozenset({"iban"})), VENDOR, now=NOON).redact == {"iban"}
    assert everything.decide(Labels(1), VENDOR, now=NOON) == Verdict(True)


def test_preferences_are_counted() -> None:
    both = policy(rule(prefer='model.weights == "open"'), rule(prefer='endpoint.hosting == "embedded"'))
    assert [both.decide(Labels(0), place, now=NOON).preferred for place in (HOME, VENDOR)] == [2, 0]


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ('"email" in data.kinds', True),
        ("size(data.kinds) == 2", True),
        ('data.kinds == ["email", "iban"]', True),
        ('"image" in data.uninspected', True),
        ("content.inspected", True),
        ("content.violence > 0.8", True),
        ('content.flagged == ["violence", "weapons"]', True),
        ("content.hate > 0.1", "content.hate is unknown"),
        ('principal.name == "ward"', True),
        ('principal.purpose == "research"', True),
        ('route.name == "assistant"', True),
        ('request.operation == "embeddings"', True),
        ("request.stream && request.tools", True),
        ("request.bytes == 1200", True),
        ("time.hour == 12", True),
        ('time.weekday == "wednesday"', True),
        ('time.date == "2026-11-25"', True),
        ('time.now < timestamp("2026-11-25T12:30:01Z")', True),
        ('endpoint.residency.exists(place, place == "eu")', True),
    ],
)
def test_every_variable_of_a_request(condition: str, answer: object) -> None:
    labels = Labels(
        data_class=2,
        kinds=frozenset({"iban", "email"}),
        uninspected=frozenset({"image"}),
        scores={"violence": 0.9, "weapons": 0.5, "fraud": 0.4},
        principal="ward",
        purpose="research",
        asked="assistant",
        operation="embeddings",
        streams=True,
        tools=True,
        input_bytes=1200,
    )
    assert judged(condition, labels) == answer


def test_a_guard_that_was_not_asked_is_no_pass() -> None:
    assert judged("content.violence > 0.8") == "content.violence is unknown"
    assert judged('"violence" in content.flagged') == "content.flagged is unknown"
    assert judged("content.inspected") is False
    assert (
        judged("content.violence > 0.8", Labels(0, scores={"violence": float("nan")})) == "content.violence is unknown"
    )


def test_a_time_that_is_not_known_denies() -> None:
    assert judged("time.hour >= 22", now=None) == "time.hour is unknown"


def test_what_cel_has_no_value_for_denies() -> None:
    fault = judged('route.name == "assistant" || true', Labels(0, asked="half \ud800"))
    assert fault.startswith("Failed to convert variable 'route'")


def test_the_time_is_read_in_utc() -> None:
    berlin = datetime.fromisoformat("2026-11-25T00:30:00+01:00")
    assert judged('time.hour == 23 && time.date == "2026-11-24" && time.weekday == "tuesday"', now=berlin) is True


def test_rules_on_replies_see_the_reply_and_the_higher_class() -> None:
    both = policy(
        rule(on="reply", deny='"secret" in data.kinds', name="leak"),
        rule(on="reply", flag='data.class >= restricted && principal.name == "ward"', name="high"),
        rule(deny="true", name="nothing goes"),
    )
    request = Labels(RESTRICTED, frozenset({"secret"}), principal="ward")
    assert names(both.decide_reply(Labels(0), request, VENDOR, now=NOON)) == ["high"]
    assert names(both.decide_reply(Labels(RESTRICTED), Labels(0, principal="ward"), VENDOR, now=NOON)) == ["high"]
    leak = both.decide_reply(Labels(0, frozenset({"secret"})), Labels(0), VENDOR, now=NOON)
    assert (leak.allowed, names(leak)) == (False, ["leak"])
    assert names(both.decide(request, VENDOR, now=NOON)) == ["nothing goes"]


@pytest.mark.parametrize(
    ("said", "needs"),
    [
        ({"deny": 'endpoint.hosting == "vendor"'}, (False, False, False, False)),
        ({"deny": "data.class >= restricted"}, (True, False, False, False)),
        ({"redact": "true"}, (True, False, False, False)),
        ({"deny": "has(content.hate)"}, (False, True, False, False)),
        ({"deny": '"email" in data.kinds', "on": "reply"}, (False, False, True, False)),
        ({"flag": "content.inspected", "on": "reply"}, (False, False, False, True)),
    ],
)
def test_what_has_to_be_looked_for(said: dict[str, Any], needs: tuple[bool, ...]) -> None:
    found = policy(rule(**said))
    asked = (found.needs_detectors, found.needs_guard, found.needs_reply_detectors, found.needs_reply_guard)
    assert asked == needs


def test_the_least_class_of_a_caller_and_a_route() -> None:
    floors = policy(
        data=DataSettings(default="internal"),
        principals={"ward": PrincipalSettings(data_class="restricted"), "desk": PrincipalSettings(data_class="public")},
        routes={"assistant": None, "records": "confidential"},
    )
    assert [floors.floor(*pair) for pair in [("x", "assistant"), ("desk", "y"), ("x", "records"), ("ward", "y")]] == [
        1,
        1,
        2,
        3,
    ]


def test_the_digest_names_the_rules() -> None:
    one = policy(rule(deny="true"))
    assert one.digest == policy(rule(deny="true")).digest
    others = [
        policy(rule(deny="true ")),
        policy(rule(require="true")),
        policy(rule(deny="true"), data=DataSettings(default="internal")),
        policy(rule(deny="true"), guard=GuardSettings(threshold=0.4)),
        policy(rule(deny="true"), principals={"ward": PrincipalSettings()}),
        policy(rule(deny="true"), routes={"assistant": "internal"}),
    ]
    digests = {one.digest, *(other.digest for other in others)}
    assert len(digests) == 7
    assert all(len(digest) == 64 for digest in digests)


@pytest.mark.parametrize(
    ("said", "path", "told"),
    [
        ({}, ("rules", 1), "rule 2 says nothing to do"),
        ({"deny": "true", "flag": "true"}, ("rules", 1), "says deny and flag"),
        ({"deny": "true", "because": " "}, ("rules", 1, "because"), "gives no reason"),
        ({"deny": "true", "name": "first"}, ("rules", 1, "name"), "two rules are called 'first'"),
        ({"deny": "true", "name": ""}, ("rules", 1, "name"), "the name is empty"),
        ({"prefer": "true", "on": "reply"}, ("rules", 1, "prefer"), "requests only"),
        ({"deny": "true", "kinds": ("email",)}, ("rules", 1, "kinds"), "go with redact"),
        ({"redact": "true", "kinds": ("emial",)}, ("rules", 1, "kinds"), "did you mean email?"),
        ({"require": "model.name"}, ("rules", 1, "require"), "true or false"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(said: dict[str, Any], path: tuple[str | int, ...], told: str) -> None:
    with pytest.raises(PolicyProblem) as caught:
        policy(rule(deny="false", name="first"), rule(**said), kinds=("email", "iban"))
    assert caught.value.path == path
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("said", "path", "told"),
    [
        ({"data": DataSettings(classes=())}, ("data", "classes"), "1 to 20"),
        ({"data": DataSettings(classes=("a", "a"))}, ("data", "classes"), "named twice"),
        ({"data": DataSettings(classes=("public", "time"))}, ("data", "classes"), "means something else"),
        ({"data": DataSettings(classes=("public", "in"))}, ("data", "classes"), "a word of CEL"),
        ({"data": DataSettings(classes=("public", "while"))}, ("data", "classes"), "a word of CEL"),
        ({"data": DataSettings(classes=("top secret",))}, ("data", "classes"), "cannot be written"),
        ({"data": DataSettings(default="secret")}, ("data", "default"), "no class 'secret'"),
        ({"principals": {"w": PrincipalSettings(data_class="restricte")}}, ("principals", "w", "class"), "restricted?"),
        ({"routes": {"r": "top"}}, ("routes", "r", "class"), "no class 'top'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(said: dict[str, Any], path: tuple[str | int, ...], told: str) -> None:
    with pytest.raises(PolicyProblem) as caught:
        policy(**said)
    assert caught.value.path == path
    assert told in caught.value.message


CONDITIONS = (
    'data.class >= confidential && endpoint.hosting == "vendor"',
    "content.violence > 0.8 || content.fraud >= 0.5",
    '"violence" in content.flagged',
    "content.violence + content.fraud > 1.0",
    "time.hour >= 22 || time.hour < 6",
    'time.weekday in ["saturday", "sunday"]',
    "request.bytes > 1000",
    "request.bytes / 10 > 90",
    'principal.name.startsWith("w")',
    'principal.name in ["ward", "desk"]',
    'size(data.kinds) > 1 && !("email" in data.kinds)',
    'time.now >= timestamp("2026-11-28T00:00:00Z")',
    'has(principal.purpose) && principal.purpose != "research"',
    'request.stream == (model.weights == "open")',
)
SCORE = st.sampled_from([0.0, 0.2, 0.4999, 0.5, 0.6, 0.8, 0.8000001, 1.0])
LABELS = st.builds(
    Labels,
    data_class=st.integers(0, 3),
    kinds=st.frozensets(st.sampled_from(["email", "iban"])),
    scores=st.none() | st.fixed_dictionaries({"violence": SCORE, "fraud": SCORE}),
    principal=st.sampled_from(["ward", "desk", "wolf", "x"]),
    purpose=st.sampled_from([None, "research", "mail"]),
    streams=st.booleans(),
    input_bytes=st.sampled_from([0, 900, 901, 910, 1000, 1001]),
)


@settings(max_examples=50, deadline=None)
@given(
    conditions=st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=6, unique=True),
    effects=st.lists(st.sampled_from(["deny", "require", "redact", "flag", "prefer"]), min_size=6, max_size=6),
    asked=st.lists(st.tuples(LABELS, st.sampled_from([HOME, VENDOR]), st.sampled_from([NOON, NIGHT])), max_size=12),
)
def test_a_remembered_verdict_is_the_one_that_would_be_found_anew(
    conditions: Sequence[str],
    effects: Sequence[str],
    asked: Sequence[tuple[Labels, Place, datetime]],
) -> None:
    rules = [rule(**{effect: text}) for effect, text in zip(effects, conditions, strict=False)]
    remembering = policy(*rules)
    for labels, place, now in asked:
        verdict = remembering.decide(labels, place, now=now)
        # Each rule alone, in a policy that has never been asked anything.
        alone = [policy(one).decide(labels, place, now=now) for one in rules]
        assert verdict.allowed == all(one.allowed for one in alone)
        assert verdict.redact == frozenset().union(*(one.redact for one in alone))
        assert verdict.preferred == sum(one.preferred for one in alone)
        told = sorted((one.effect, one.fault or "") for single in alone for one in single.spoken)
        assert sorted((one.effect, one.fault or "") for one in verdict.spoken) == told


def test_places_do_not_mix_where_several_threads_ask() -> None:
    # The length is computed with, so that each question is put to the rule anew.
    sent = policy(rule(deny='data.class >= restricted && endpoint.hosting == "vendor" && request.bytes + 1 > 0'))
    labels = Labels(RESTRICTED)

    def asked(place: Place) -> set[bool]:
        return {sent.decide(labels, place, now=NOON).allowed for _ in range(2_000)}

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(asked, [HOME, VENDOR] * 2)) == [{True}, {False}] * 2


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecotone.policy.policy._REMEMBERED_MAX", 100)
    many = policy(rule(flag='principal.name.startsWith("x")'))
    sizes = set()
    for number in range(350):
        assert many.decide(Labels(0, principal=f"x{number}"), HOME, now=NOON).allowed
        sizes.add(many.remembered)
    assert max(sizes) == 100
