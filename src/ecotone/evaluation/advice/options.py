"""What could do the work: each model with evidence of its quality, at each place where it runs or could run."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Literal

import msgspec

from ecotone.catalog.models import ModelFacts, all_models, model_facts, near_models
from ecotone.catalog.openness import Word, known_openness, word_for
from ecotone.catalog.prices import Offer, all_offers, offers
from ecotone.catalog.quality import SNAPSHOT, WORK, ranking
from ecotone.evaluation.advice.question import OwnMachine, Question
from ecotone.gateway.settings.toml_file import suggestion
from ecotone.values.errors import SetupError


class Quality(msgspec.Struct, frozen=True):
    """How good a model's answers are, with the bounds of a 95 % interval.

    `measured` here on a suite of one's own, as the share of right answers; else a public rating in points, which says
    what a crowd prefers. `setting` is how the model was run for it, None as it is served by default. `cases` is on how
    many cases a measurement rests.
    """

    value: float
    low: float
    high: float
    measured: bool
    as_of: date
    source: str
    setting: str | None = None
    cases: int | None = None


class Speed(msgspec.Struct, frozen=True):
    """Medians measured here: milliseconds to the first token, output tokens a second of one answer."""

    first_token_ms: float | None
    tokens_per_s: float | None


class Measurement(msgspec.Struct, frozen=True):
    """What was measured here of one model, whose catalog id is `model`. `place` is where it ran, which its speed is of:
    a vendor, or "own" for the team's machines; None where several may have answered. `embedded`: inside Ecotone, on
    the machine that measured it."""

    model: str
    quality: Quality
    speed: Speed
    place: str | None = None
    embedded: bool = False


class Option(msgspec.Struct, frozen=True):
    """A model at a place: a vendor (`offer`) or an own machine (`machine`).

    `key` names it: `vendor/name there` or `machine: model`. `places` counts who could run the same model: every vendor
    that offers it and has not announced its end, and oneself if its weights are open.
    """

    key: str
    model: str
    name: str
    maker: str
    weights: Literal["open", "closed"]
    openness: Word | None
    quality: Quality
    places: int
    facts: ModelFacts
    offer: Offer | None = None
    machine: OwnMachine | None = None
    speed: Speed | None = None

    @property
    def hosting(self) -> Literal["vendor", "self-hosted"]:
        return "vendor" if self.machine is None else "self-hosted"

    @property
    def place(self) -> str:
        """The vendor or the machine."""
        if self.machine is not None:
            return self.machine.name
        return self.offer.provider if self.offer is not None else ""


def gather(
    question: Question, measurements: Mapping[str, Measurement], *, today: date, newer: str | None = None
) -> tuple[Option, ...]:
    """Every option for which there is evidence of quality: of this kind of work, or, if the question names a suite,
    from `measurements` (by catalog id). Raises SetupError for a model or a vendor that the catalog does not know."""
    for name in (*(question.models or ()), *(model for machine in question.machines for model in machine.tokens_per_s)):
        if model_facts(name, newer) is None:
            near = ", ".join(near_models(name, newer)) or "see `ecotone models --all`"
            raise SetupError(f"the catalog has no model {name!r}; near names: {near}")
    vendors = {offer.provider for offer in all_offers(day=today, newer=newer)}
    for vendor in question.providers or ():
        if vendor not in vendors:
            raise SetupError(f"the catalog has no vendor {vendor!r}{suggestion(vendor, sorted(vendors))}")
    qualities = _measured(measurements) if question.work.suite else _public(question.work.category)
    wanted = None if question.models is None else _ids(question.models, newer)
    found = (
        option
        for facts in all_models(newer)
        if facts.id in qualities and facts.weights is not None and (wanted is None or facts.id in wanted)
        for option in _options(facts, qualities[facts.id], question, today, newer)
    )
    return tuple(_with_speed(option, measurements.get(option.model)) for option in found)


def _with_speed(option: Option, measurement: Measurement | None) -> Option:
    """With the speed that was measured, if that was at this vendor, or on own machines and this one is measured."""
    if measurement is None:
        return option
    own = option.machine is not None and option.machine.throughput == "measured"
    if measurement.place != ("own" if own else option.place):
        return option
    return msgspec.structs.replace(option, speed=measurement.speed)


def _ids(names: Iterable[str], newer: str | None) -> frozenset[str]:
    return frozenset(facts.id for facts in (model_facts(name, newer) for name in names) if facts is not None)


def _measured(measurements: Mapping[str, Measurement]) -> dict[str, Quality]:
    return {row.model: row.quality for row in measurements.values()}


def _public(category: str) -> dict[str, Quality]:
    return {
        row.model: Quality(
            row.rating.rating,
            row.rating.low,
            row.rating.high,
            measured=False,
            as_of=SNAPSHOT.as_of,
            source=SNAPSHOT.source,
            setting=row.rating.variant,
        )
        for row in ranking(WORK[category].category)
    }


def _options(
    facts: ModelFacts, quality: Quality, question: Question, today: date, newer: str | None
) -> Iterator[Option]:
    found = [
        offer
        for offer in offers(facts.id, day=today, newer=newer)
        if question.providers is None or offer.provider in question.providers
    ]
    elsewhere = {offer.provider for offer in offers(facts.id, day=today, newer=newer) if offer.status != "deprecated"}
    weights = facts.weights or "closed"
    option = Option(
        key="",
        model=facts.id,
        name=facts.name,
        maker=facts.maker,
        weights=weights,
        openness=word_for(
            known_openness(facts.openness), weights=weights, licence=facts.licence, has_api=bool(elsewhere)
        ),
        quality=quality,
        places=max(1, len(elsewhere) + (weights == "open")),
        facts=facts,
    )
    for offer in found:
        yield msgspec.structs.replace(option, key=f"{offer.provider}/{offer.name_there}", offer=offer)
    for machine in question.machines if weights == "open" else ():
        if facts.id in _ids(machine.tokens_per_s, newer):
            yield msgspec.structs.replace(option, key=f"{machine.name}: {facts.id}", machine=machine)
