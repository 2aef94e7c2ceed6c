"""A place where a model runs, as rules see it."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from ecotone.catalog.licences import Use, licence_facts, licence_verdict
from ecotone.catalog.models import ModelFacts
from ecotone.catalog.openness import known_openness, word_for
from ecotone.catalog.organisation import Organisation
from ecotone.catalog.provider import Hosting, Weights
from ecotone.catalog.terms import DataNeeds, FactName, VendorTerms, terms_verdict, vendor_terms
from ecotone.catalog.verdicts import Verdict

_TERMS: tuple[FactName, ...] = (
    "retention_days",
    "trains_on_inputs",
    "zero_retention",
    "human_review",
    "residency",
    "hipaa_baa",
    "dpa",
)


class Place(msgspec.Struct, frozen=True, eq=False):
    """What is known of one model at one endpoint: the fields of `model` and `endpoint` in conditions. What is not known
    is absent. Made once and kept: verdicts are remembered by the object itself."""

    model: Mapping[str, Any]
    endpoint: Mapping[str, Any]

    def fact(self, path: str) -> Any:
        """The value of a path such as `model.weights`; None where it is unknown."""
        root, _, name = path.partition(".")
        facts: Mapping[str, Any] = self.model if root == "model" else self.endpoint
        return facts.get(name)


def place_facts(
    *,
    model: str,
    endpoint: str,
    provider: str,
    hosting: Hosting,
    organisation: Organisation,
    today: date,
    facts: ModelFacts | None = None,
    weights: Weights | None = None,
    name: str | None = None,
    region: str | None = None,
    own_address: bool = True,
) -> Place:
    """What rules may know of a model at an endpoint.

    `model` is its name in the config and `endpoint` the endpoint's id. `facts` are the catalog's of the model, None
    where it is not certain which one it is; `weights` is what the provider's row says of all its models, which counts
    where the catalog says nothing. `name` is what the provider calls the model, `region` the cloud's region or
    location. `own_address` tells whether requests go to the provider's own address: elsewhere its terms say nothing.
    """
    vendor = hosting == "vendor"
    terms = vendor_terms(provider) if vendor and own_address else None
    return Place(
        model=_known({"name": model, **_of_model(facts, weights, organisation, vendor=vendor)}),
        endpoint=_known(
            {
                "id": endpoint,
                "provider": provider,
                "hosting": hosting,
                "name": name,
                "region": region,
                **({} if terms is None else dict(_of_terms(terms, organisation, today))),
            }
        ),
    )


def _known(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def _of_model(
    facts: ModelFacts | None, weights: Weights | None, organisation: Organisation, *, vendor: bool
) -> dict[str, Any]:
    if facts is None:
        return {"weights": weights}
    weights = facts.weights or weights
    openness = known_openness(facts.openness)
    mof_class = None if openness is None else openness.mof_class
    return {
        "maker": facts.maker,
        "weights": weights,
        "openness": word_for(openness, weights=weights, licence=facts.licence, has_api=vendor),
        "openness_class": 0 if weights == "closed" else mof_class,
        "licence": facts.licence,
        "licence_verdict": None if weights == "closed" else _licence_verdict(facts, organisation),
        "context_tokens": facts.context_tokens,
        "tools": facts.tools,
        "reasoning": facts.reasoning,
    }


def _licence_verdict(facts: ModelFacts, organisation: Organisation) -> str | None:
    """For the usual use: running it, and offering what is built with it."""
    text = None if facts.licence is None else licence_facts(facts.licence)
    if text is None:
        return None
    kinds = facts.input_kinds
    return _said(licence_verdict(text, organisation, Use(multimodal=len(kinds) > 1 if kinds else None)))


def _of_terms(terms: VendorTerms, organisation: Organisation, today: date) -> Iterator[tuple[str, Any]]:
    for name in _TERMS:
        yield name, terms.fact(name).value
    yield "terms_verdict", _said(terms_verdict(terms, organisation, DataNeeds(), today))


def _said(verdict: Verdict) -> str | None:
    return None if verdict.status == "unknown" else verdict.status
