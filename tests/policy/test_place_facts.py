"""What rules may know of a place, from the catalog's own facts."""

from datetime import date

from ecotone.catalog.models import ModelFacts, all_models, model_facts
from ecotone.catalog.organisation import Organisation
from ecotone.catalog.provider import Hosting, Weights
from ecotone.catalog.terms import ALL_VENDORS
from ecotone.policy.classes import DEFAULT_CLASSES
from ecotone.policy.places import Place, place_facts
from ecotone.policy.schema import Kind, Schema

TODAY = date(2026, 11, 22)
FIRM = Organisation(commercial=True, monthly_users=1_000, revenue=1_000_000, territories=("DE",))
VARIABLES = Schema(DEFAULT_CLASSES).variables


def place(
    catalog: str | None = "meta/llama-3.3-70b-instruct",
    *,
    provider: str = "groq",
    hosting: Hosting = "vendor",
    organisation: Organisation = FIRM,
    weights: Weights | None = None,
    region: str | None = None,
    own_address: bool = True,
) -> Place:
    facts: ModelFacts | None = None
    if catalog is not None:
        facts = model_facts(catalog)
        assert facts is not None
    return place_facts(
        model="m",
        endpoint="m@there",
        provider=provider,
        hosting=hosting,
        organisation=organisation,
        today=TODAY,
        facts=facts,
        weights=weights,
        name="m-there",
        region=region,
        own_address=own_address,
    )


def test_an_open_model_at_a_vendor() -> None:
    found = place(region="eu-west-1")
    assert found.model == {
        "name": "m",
        "maker": "meta",
        "weights": "open",
        "openness": "open weights with restrictions",
        "licence": "LicenseRef-scancode-llama-3.3-license-2024",
        "licence_verdict": "allowed with duties",
        "context_tokens": 128_000,
        "tools": True,
        "reasoning": False,
    }
    names = {"id": "m@there", "provider": "groq", "hosting": "vendor", "name": "m-there", "region": "eu-west-1"}
    assert names.items() <= found.endpoint.items()
    assert (found.fact("endpoint.trains_on_inputs"), found.fact("endpoint.residency")) == ("no", ())
    assert found.fact("endpoint.terms_verdict") == "allowed"


def test_a_closed_model_has_no_licence_to_judge() -> None:
    found = place("anthropic/claude-sonnet-4-5", provider="anthropic")
    assert (found.fact("model.weights"), found.fact("model.openness")) == ("closed", "API only")
    assert found.fact("model.openness_class") == 0
    assert found.fact("model.licence_verdict") is None


def test_terms_hold_at_the_vendors_own_address_only() -> None:
    named = {"id", "provider", "hosting", "name"}
    assert set(place(own_address=False).endpoint) == named
    assert set(place(hosting="self-hosted").endpoint) == named
    assert "retention_days" in place().endpoint


def test_what_nobody_says_is_absent() -> None:
    unknown = place(None, provider="openai-compatible")
    assert unknown.model == {"name": "m"}
    assert unknown.fact("model.weights") is None
    assert place(None, weights="open").model == {"name": "m", "weights": "open"}


def test_a_licence_that_turns_on_what_the_organisation_does_not_say_is_unknown() -> None:
    assert place(organisation=Organisation()).fact("model.licence_verdict") is None
    large = Organisation(commercial=True, monthly_users=800_000_000, revenue=1, territories=("US",))
    assert place(hosting="self-hosted", organisation=large).fact("model.licence_verdict") == "not allowed"


def fits(value: object, kind: Kind) -> bool:
    sorts = {"bool": bool, "int": int, "string": str, "list": tuple}
    return type(value) is sorts[kind.sort] and (kind.words is None or value in kind.words)


def test_all_facts_of_the_catalog_are_of_the_kinds_that_conditions_are_checked_by() -> None:
    places = [
        place(model.id, provider=ALL_VENDORS[number % len(ALL_VENDORS)])
        for number, model in enumerate(all_models())
        if number % 20 < 3 or number < len(ALL_VENDORS)
    ]
    strange = [
        (found.model["name"], path, value)
        for found in places
        for root, facts in (("model", found.model), ("endpoint", found.endpoint))
        for path, value in ((f"{root}.{name}", value) for name, value in facts.items())
        if path not in VARIABLES or not fits(value, VARIABLES[path].kind)
    ]
    assert strange == []
    seen = {f"model.{name}" for found in places for name in found.model}
    seen |= {f"endpoint.{name}" for found in places for name in found.endpoint}
    assert seen | {"endpoint.region"} == {path for path in VARIABLES if path.startswith(("model.", "endpoint."))}
