"""Made-up options and questions for tests of advice. All prices are dollars for a million tokens."""

from datetime import date
from decimal import Decimal
from typing import Any, Literal

from msgspec.structs import replace

from ecotone.catalog.listing import Tier
from ecotone.catalog.models import ModelFacts
from ecotone.catalog.openness import Word
from ecotone.catalog.prices import Offer
from ecotone.evaluation.advice.options import Option, Quality, Speed
from ecotone.evaluation.advice.question import OwnMachine, Question, Work

DAY = date(2026, 11, 22)


def facts(model: str = "maker/one", **more: Any) -> ModelFacts:
    """An open text model under Apache-2.0, but for `more`."""
    maker, _, name = model.partition("/")
    plain = ModelFacts(
        id=model,
        name=name.title(),
        maker=maker,
        weights="open",
        licence="Apache-2.0",
        context_tokens=128_000,
        output_tokens_max=8_000,
        input_kinds=("text",),
        output_kinds=("text",),
        tools=True,
        reasoning=False,
        structured_output=True,
    )
    return replace(plain, **more)


def offer(
    provider: str,
    prompt: str | None,
    answer: str | None,
    *,
    cached: str | None = None,
    tiers: tuple[Tier, ...] = (),
    status: str | None = None,
    name: str = "one",
) -> Offer:
    def dollars(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    return Offer(
        provider=provider,
        name_there=name,
        model="maker/one",
        input_per_million=dollars(prompt),
        output_per_million=dollars(answer),
        cached_input_per_million=dollars(cached),
        cache_write_per_million=None,
        audio_input_per_million=None,
        audio_output_per_million=None,
        reasoning_per_million=None,
        tiers=tiers,
        as_of=DAY,
        source="a price list (https://prices.example)",
        status=status,
    )


def quality(value: float, half: float = 5.0, *, measured: bool = False) -> Quality:
    return Quality(value, value - half, value + half, measured=measured, as_of=DAY, source="votes")


def option(
    key: str,
    *,
    model: str = "maker/one",
    weights: Literal["open", "closed"] = "open",
    openness: Word = "open weights",
    rating: Quality | None = None,
    places: int = 2,
    about: ModelFacts | None = None,
    price: Offer | None = None,
    machine: OwnMachine | None = None,
    speed: Speed | None = None,
) -> Option:
    return Option(
        key=key,
        model=model,
        name=key,
        maker=model.partition("/")[0],
        weights=weights,
        openness=openness,
        quality=rating or quality(1400),
        places=places,
        facts=about or facts(model),
        offer=price,
        machine=machine,
        speed=speed,
    )


def machine(model: str = "maker/one", rate: str = "100", **more: Any) -> OwnMachine:
    """At hand, always busy, for nothing, but for `more`."""
    return replace(OwnMachine("box", {model: Decimal(rate)}, utilisation=Decimal(1)), **more)


def question(requests: int = 1_000, sent: int = 1_000, written: int = 100, **more: Any) -> Question:
    return replace(Question(Work(requests, sent, written)), **more)
