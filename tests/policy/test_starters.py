"""The files of rules to copy: each is a config, passes its own tests, and keeps what it promises."""

from datetime import date
from pathlib import Path

import msgspec
import pytest

from ecotone.gateway.rules.rulebook import all_places, check_rules, compile_policy
from ecotone.gateway.settings.config import Config, parse_config
from ecotone.policy.detectors import Detectors
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.prove import prove
from ecotone.policy.starters import starters, summary

TODAY = date(2026, 11, 22)
MODELS = """
[models.frontier]
provider = "anthropic"
name = "claude-sonnet-4-5"
[models.rented]
provider = "groq"
name = "llama-3.3-70b-versatile"
[models.cloud]
provider = "bedrock"
name = "anthropic.claude-sonnet-4-5-20250929-v1:0"
region = "eu-west-2"
[models.own]
provider = "openai-compatible"
name = "llama-3.3-70b-instruct"
base_url = "http://gpu1:8000/v1"
hosting = "self-hosted"
[models.research]
provider = "openai-compatible"
catalog = "cohere/command-a-03-2025"
base_url = "http://gpu2:8000/v1"
hosting = "self-hosted"
[models.unread]
provider = "openai-compatible"
base_url = "https://models.example/v1"
[routes.assistant]
models = ["frontier", "rented", "cloud", "own", "research", "unread"]
"""
# Of each starter, what it promises: nothing for which the first holds is sent where the second does.
PROMISES = {
    "data-stays-home": ("data.class >= restricted", 'endpoint.hosting == "vendor"'),
    "eu-only": ("true", 'has(endpoint.region) && endpoint.region == "eu-west-2"'),
    "hospital": ("data.class >= patient", 'endpoint.hosting == "vendor"'),
    "no-training": (
        'endpoint.hosting == "vendor"',
        '!has(endpoint.trains_on_inputs) || !(endpoint.trains_on_inputs in ["no", "opt-in"])',
    ),
    "open-weights": ("true", 'has(model.weights) && model.weights == "closed"'),
    "research-licence": (
        'principal.name == "local"',
        'endpoint.hosting != "vendor" && has(model.licence_verdict) && model.licence_verdict == "not allowed"',
    ),
}


def read(name: str) -> Config:
    return parse_config(starters()[name] + MODELS, Path("ecotone.toml"))


def test_there_is_one_for_each_common_wish() -> None:
    assert sorted(starters()) == sorted(PROMISES)


@pytest.mark.parametrize("name", sorted(PROMISES))
def test_a_starter_says_what_it_does_and_passes_its_tests(name: str) -> None:
    config = read(name)
    assert len(summary(starters()[name])) > 20
    assert len(config.rule_tests) >= 4
    tested = {test.rule for test in config.rule_tests}
    denying = {rule.name for rule in config.rules or () if rule.on == "request" and (rule.deny or rule.require)}
    assert denying & tested
    check_rules(config, TODAY)


@pytest.mark.parametrize("name", sorted(PROMISES))
def test_a_starters_tests_fail_without_its_rules(name: str) -> None:
    config = msgspec.structs.replace(read(name), rules=())
    with pytest.raises(PolicyProblem):
        check_rules(config, TODAY)


@pytest.mark.parametrize("name", sorted(PROMISES))
def test_a_starter_keeps_its_promise(name: str) -> None:
    config = read(name)
    detectors = Detectors(config.data)
    places = all_places(config, TODAY)
    with_rules, without = (
        compile_policy(config, detectors),
        compile_policy(msgspec.structs.replace(config, rules=()), detectors),
    )
    condition, never = PROMISES[name]
    kept = [
        prove(policy, condition, never, candidates=places, kinds=detectors.kinds, rank=detectors.rank)
        for policy in (with_rules, without)
    ]
    assert [proof.holds for proof in kept] == [True, False]
