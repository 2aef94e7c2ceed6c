"""Promises about the rules, proved or refuted over every request that the config allows."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bench.rules
from ecotone.policy.guard.categories import CATEGORIES
from ecotone.policy.labels import Labels
from ecotone.policy.places import Place
from ecotone.policy.policy import Policy
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.prove import Counterexample, NoProof, Proof, prove
from ecotone.policy.settings import DataSettings, GuardSettings, PrincipalSettings, RuleSettings

KINDS = {"email": 0, "phone": 0, "iban": 2, "us_ssn": 3}
VENDOR = Place({"name": "frontier", "weights": "closed"}, {"id": "frontier@openai", "hosting": "vendor"})
HOME = Place({"name": "local", "weights": "open"}, {"id": "local", "hosting": "embedded"})
RENTED = Place({"name": "llama", "weights": "open"}, {"id": "llama@groq", "hosting": "vendor"})
PLACES: Mapping[str, Sequence[Place]] = {
    "frontier": (VENDOR,),
    "local": (HOME,),
    "assistant": (VENDOR, RENTED, HOME),
    "records": (HOME, RENTED),
}
PRINCIPALS = {"ward": PrincipalSettings(data_class="confidential", purpose="care"), "desk": PrincipalSettings()}
AT_VENDOR = 'endpoint.hosting == "vendor"'
HOME_RULE = {"deny": f"data.class >= restricted && {AT_VENDOR}"}


def policy(*rules: Mapping[str, Any], threshold: float = 0.5) -> Policy:
    return Policy.compile(
        data=DataSettings(),
        guard=GuardSettings(threshold=threshold),
        principals=PRINCIPALS,
        routes={"assistant": None, "records": "internal"},
        rules=[RuleSettings(because="so it was decided", **rule) for rule in rules],
        kinds=tuple(KINDS),
    )


def proved(condition: str, never: str, *rules: Mapping[str, Any]) -> Proof:
    return prove(policy(*rules), condition, never, candidates=PLACES, kinds=tuple(KINDS), rank=KINDS.__getitem__)


def example(condition: str, never: str, *rules: Mapping[str, Any]) -> Counterexample:
    found = proved(condition, never, *rules)
    assert not found.holds
    assert found.counterexample is not None
    return found.counterexample


def test_a_promise_that_the_rules_keep() -> None:
    proof = proved("data.class >= restricted", AT_VENDOR, HOME_RULE)
    assert (proof.holds, proof.counterexample, proof.idle) == (True, None, False)
    # frontier, local and the three places of assistant: for each, local and desk and any other have 4 classes, ward 2;
    # the two places of records: 3 classes for those, 2 for ward.
    assert proof.combinations == 5 * (3 * 4 + 2) + 2 * (3 * 3 + 2)


def test_a_hole_is_shown() -> None:
    hole = example("data.class >= confidential", AT_VENDOR, HOME_RULE)
    assert (hole.labels.data_class, hole.place.endpoint["hosting"]) == (2, "vendor")
    assert hole.verdict is not None
    assert hole.verdict.allowed


def test_no_rule_keeps_no_promise() -> None:
    assert example("data.class >= restricted", AT_VENDOR).labels.data_class == 3


def test_a_hole_that_opens_for_one_caller_at_one_hour() -> None:
    night = {
        "deny": f'data.class >= restricted && {AT_VENDOR} && !(principal.name == "desk" && time.hour == 3)',
    }
    hole = example("data.class >= restricted", AT_VENDOR, night)
    assert hole.labels.principal == "desk"
    assert hole.time is not None
    assert datetime.fromisoformat(hole.time).hour == 3


def test_a_hole_between_two_scores() -> None:
    between = {"deny": "content.weapons >= 0.7 || content.weapons < 0.69"}
    hole = example("content.weapons > 0.0", "true", between)
    assert hole.labels.scores is not None
    assert 0.69 <= hole.labels.scores["weapons"] < 0.7
    assert proved("content.weapons >= 0.7 || content.weapons < 0.69", "true", between).holds


def test_a_guard_that_did_not_answer_is_tried_too() -> None:
    careless = {"deny": "content.inspected && content.weapons >= 0.5"}
    assert example("!content.inspected", "true", careless).labels.scores is None
    assert proved("!content.inspected", "true", {"deny": "content.weapons >= 0.5"}).holds


def test_what_is_flagged_follows_from_the_score() -> None:
    flagged = {"deny": '"hate" in content.flagged'}
    assert proved("content.hate >= 0.5", "true", flagged).holds
    assert example("content.hate >= 0.4", "true", flagged).labels.scores is not None


def test_what_is_flagged_can_be_counted() -> None:
    anything = {"deny": "size(content.flagged) > 0"}
    assert proved("content.weapons >= 0.5", "true", anything).holds
    hole = example("content.weapons < 0.5 && content.weapons > 0.4", "true", anything)
    assert hole.labels.scores is not None
    assert max(hole.labels.scores.values()) < 0.5
    assert proved('content.flagged.exists(c, c != "hate")', "true", anything).holds
    assert example("size(content.flagged) == 2", "true", {"deny": "size(content.flagged) > 2"}).assumed == {}
    every = " || ".join(f"content.{category} > 0.9" for category in CATEGORIES[:7])
    assert example(every, "true", anything).assumed == {"size(content.flagged) > 0": False}


def test_a_find_raises_the_class() -> None:
    assert proved('"us_ssn" in data.kinds', AT_VENDOR, HOME_RULE).holds
    hole = example('"iban" in data.kinds', AT_VENDOR, HOME_RULE)
    assert hole.labels.kinds == {"iban"}
    assert hole.labels.data_class == 2


def test_kinds_that_no_condition_names_are_counted() -> None:
    many = {"deny": "size(data.kinds) > 2"}
    assert proved('size(data.kinds) > 2 && "email" in data.kinds', "true", many).holds
    hole = example('size(data.kinds) > 1 && "email" in data.kinds && data.class == public', "true", many)
    assert hole.labels.kinds == {"email", "phone"}  # the others raise the class
    assert proved('size(data.kinds) > 2 && "email" in data.kinds && data.class == public', "true").idle


def test_lists_may_be_gone_through() -> None:
    rule = {"deny": f'data.kinds.exists(k, k in ["us_ssn", "iban"]) && {AT_VENDOR}'}
    assert proved('"iban" in data.kinds', AT_VENDOR, rule).holds
    assert proved('data.kinds.exists(k, k == "us_ssn")', AT_VENDOR, rule).holds
    assert example('data.kinds.exists(k, k != "us_ssn")', AT_VENDOR, rule).labels.kinds == {"email"}
    prefix = {"deny": f'data.kinds.exists(k, k.startsWith("us_")) && {AT_VENDOR}'}
    assert example('"us_ssn" in data.kinds', AT_VENDOR, prefix).assumed == {
        'data.kinds.exists(k, k.startsWith("us_"))': False
    }


def test_a_route_lifts_the_class_and_a_model_asked_by_its_own_name_does_not() -> None:
    assert proved("data.class == public", 'route.name == "records"').idle
    assert example("data.class == public", 'model.name == "llama"').asked == "assistant"


def test_callers_without_settings_count() -> None:
    only_ward = {"require": f'principal.name == "ward" || !({AT_VENDOR})'}
    hole = example('principal.name != "ward"', "data.class >= public", only_ward)
    assert hole.place is HOME
    assert proved('principal.name != "ward"', AT_VENDOR, only_ward).holds
    assert example("!has(principal.purpose)", "true").labels.principal == "local"


def test_days_and_dates_fit_together() -> None:
    # 2026-11-28 is a Saturday.
    weekend = {"deny": 'time.weekday in ["saturday", "sunday"]'}
    assert proved('time.date == "2026-11-28"', "true", weekend).holds
    assert example('time.date > "2026-11-28"', "true", weekend).time is not None
    instant = 'time.now == timestamp("2026-11-28T09:15:00Z")'
    assert proved(instant, 'time.hour != 9 || time.date != "2026-11-28"').idle


def test_what_is_unknown_may_break_a_promise() -> None:
    hole = example("data.class >= restricted", 'model.maker == "openai"', HOME_RULE)
    assert hole.unknown == ('model.maker == "openai"',)
    assert hole.place is HOME
    assert proved("data.class >= restricted", 'has(model.maker) && model.maker == "openai"').idle


def test_a_rule_that_cannot_be_evaluated_denies() -> None:
    assert proved("true", "true", {"flag": 'model.maker == "openai"'}).holds


def test_what_has_no_end_of_values_is_tried_both_ways() -> None:
    long = {"deny": f"data.class >= restricted && {AT_VENDOR} && request.bytes / 2 > 500"}
    hole = example("data.class >= restricted", AT_VENDOR, long)
    assert hole.assumed == {"request.bytes / 2 > 500": False}
    assert hole.verdict is None
    assert proved("data.class >= restricted && request.bytes / 2 > 500", AT_VENDOR, long).holds
    name = {"deny": f'principal.name.startsWith("ext-") && {AT_VENDOR}'}
    assert proved('principal.name.startsWith("ext-")', AT_VENDOR, name).holds
    assert example('!principal.name.startsWith("d")', AT_VENDOR, name).labels.principal in ("local", "ward")


def test_rules_on_replies_promise_nothing_about_requests() -> None:
    assert not proved("data.class >= restricted", AT_VENDOR, {**HOME_RULE, "on": "reply"}).holds


@pytest.mark.parametrize(("condition", "never", "path"), [("data.clas", "true", "condition"), ("true", "1", "never")])
def test_a_promise_that_cannot_be_read(condition: str, never: str, path: str) -> None:
    with pytest.raises(PolicyProblem) as caught:
        proved(condition, never)
    assert caught.value.path == (path,)


def test_a_proof_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecotone.policy.prove._STEPS_MAX", 3)
    with pytest.raises(NoProof):
        proved("data.class >= restricted", AT_VENDOR, HOME_RULE)


ATOMS = (
    "data.class >= restricted",
    "data.class == internal",
    AT_VENDOR,
    'model.weights == "open"',
    'model.maker == "openai"',
    'has(model.maker) && model.maker == "openai"',
    '"iban" in data.kinds',
    "data.kinds.size() > 1",
    'data.kinds.exists(k, k in ["iban", "email"])',
    'data.kinds.all(k, k != "email")',
    'data.kinds.exists_one(k, k != "iban")',
    'principal.name == "ward"',
    'has(principal.purpose) && principal.purpose == "care"',
    'route.name == "assistant"',
    "content.weapons > 0.7",
    "content.inspected",
    '"weapons" in content.flagged',
    "size(content.flagged) > 1",
    'content.flagged.exists(c, c != "weapons")',
    "time.hour >= 22 || time.hour < 6",
    'time.weekday == "sunday"',
    "request.stream",
    "request.bytes > 1000",
    'request.operation == "embeddings"',
    '"image" in data.uninspected',
)
CONDITION = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=3,
)
RULE = st.builds(
    lambda effect, text: {effect: text}, st.sampled_from(["deny", "deny", "require", "flag", "redact"]), CONDITION
)
MOMENTS = [datetime(2026, 11, day, hour, tzinfo=UTC) for day in (28, 29) for hour in (5, 6, 21, 22)]


def requests(read: str) -> Iterator[tuple[Labels, Place, datetime]]:
    """Every request that any of the ATOMS in `read` could tell apart, by hand."""

    def grid(word: str, values: Sequence[Any], otherwise: Any) -> Sequence[Any]:
        return values if word in read else [otherwise]

    every = [chosen for size in range(4) for chosen in combinations(KINDS, size)]
    kinds = [frozenset(chosen) for chosen in (every if "data.kinds" in read else [()])]
    others: list[dict[str, float]] = [{}, {"hate": 1.0}, {"hate": 1.0, "fraud": 1.0}]
    scores = [None, *({"weapons": score, **other} for score in (0.2, 0.5, 0.7, 0.8) for other in others)]
    for found, scored, now, streams, chars, operation, unread in product(
        grid("data.kinds", kinds, frozenset()),
        grid("content.", scores, None),
        grid("time.", MOMENTS, MOMENTS[0]),
        grid("request.stream", (False, True), False),
        grid("request.bytes", (1000, 1001), 0),
        grid("request.operation", ("chat", "embeddings"), "chat"),
        grid("data.uninspected", (frozenset(), frozenset({"image"})), frozenset()),
    ):
        for asked, places in PLACES.items():
            for caller in ("ward", "desk", "nobody"):
                named = PRINCIPALS.get(caller)
                least = max(2 if caller == "ward" else 0, 1 if asked == "records" else 0)
                least = max([least, *(KINDS[kind] for kind in found)])
                for data_class, place in product(range(least, 4), places):
                    purpose = None if named is None else named.purpose
                    labels = Labels(
                        data_class, found, unread, scored, caller, purpose, asked, operation, streams, False, chars
                    )
                    yield labels, place, now


@settings(max_examples=40, deadline=None)
@given(st.lists(RULE, max_size=3), CONDITION, CONDITION)
def test_proofs_agree_with_asking_the_rules_about_every_request(
    rules: list[dict[str, str]], condition: str, never: str
) -> None:
    read = " ".join([condition, never, *(text for rule in rules for text in rule.values())])
    asked = policy(*rules)
    either = policy({"require": condition}, {"require": never})

    def may_hold(labels: Labels, place: Place, now: datetime) -> bool:
        """Both conditions are true, or cannot be evaluated."""
        verdict = either.decide(labels, place, now=now)
        return all(one.fault is not None for one in verdict.denials)

    broken = any(
        asked.decide(labels, place, now=now).allowed and may_hold(labels, place, now)
        for labels, place, now in requests(read)
    )
    proof = proved(condition, never, *rules)
    assert proof.holds is not broken
    hole = proof.counterexample
    if hole is not None:
        assert not hole.assumed
        now = datetime.fromisoformat(hole.time) if hole.time is not None else None
        assert asked.decide(hole.labels, hole.place, now=now).allowed


@pytest.mark.parametrize("hole", [True, False])
def test_a_planted_hole_among_20_models_and_15_rules(hole: bool) -> None:
    proof = bench.rules.proved(*bench.rules.large(hole=hole))
    assert proof.holds is not hole
    assert proof.combinations > 1_000_000
    if proof.counterexample is not None:
        found = proof.counterexample
        assert (found.labels.principal, found.place.endpoint["region"]) == ("p7", "r3")
        assert found.time is not None
        assert datetime.fromisoformat(found.time).weekday() == 6
