"""Offers: worked out by hand to the cent, and against genai-prices' own calculator as another program."""

import gc
from datetime import UTC, date, datetime, time
from decimal import Decimal

import genai_prices
import msgspec
import pytest

from ecotone.catalog.listing import DatedPrices, Listing, OfferRow, Prices, Tier, dollars, written
from ecotone.catalog.models import all_models, shipped
from ecotone.catalog.names import name_table
from ecotone.catalog.prices import Offer, Offers, all_offers, offers, price_of
from ecotone.values.reply import Usage


def offer_of(provider: str, name: str) -> Offer:
    found = price_of(provider, name)
    assert found is not None
    return found


def test_by_hand_a_plain_price() -> None:
    # groq, llama-3.3-70b-versatile: $0.59 in, $0.79 out.
    # 1,000,000 in = 0.59; 250,000 out = 0.1975.
    offer = offer_of("groq", "llama-3.3-70b-versatile")
    assert offer.cost(Usage(input_tokens=1_000_000, output_tokens=250_000)) == Decimal("0.7875")


def test_a_deployment_costs_what_the_model_costs_there_that_the_config_says_it_is() -> None:
    # azure, gpt-4o: $2.50 in, $10 out.
    assert price_of("azure", "ours") is None
    offer = price_of("azure", "ours", model_id="openai/gpt-4o")
    assert offer is not None
    assert (offer.provider, offer.cost(Usage(input_tokens=1_000_000, output_tokens=100_000))) == (
        "azure",
        Decimal("3.5"),
    )
    assert price_of("groq", "ours", model_id="openai/gpt-4o") is None, "it is not served there"


def test_by_hand_cached_input_and_cache_writes() -> None:
    # anthropic, claude-opus-4-5: $5 in, $25 out, $0.50 cached, $6.25 written.
    # 100,000 in, of which 60,000 cached and 20,000 written: 20,000 x 5 = 0.10; 60,000 x 0.5 = 0.03; 20,000 x 6.25 =
    # 0.125; 10,000 out x 25 = 0.25. Together 0.505.
    offer = offer_of("anthropic", "claude-opus-4-5")
    usage = Usage(input_tokens=100_000, output_tokens=10_000, cached_input_tokens=60_000, cache_write_tokens=20_000)
    assert offer.cost(usage) == Decimal("0.505")


def test_by_hand_a_request_over_a_tier_pays_the_tier_for_all_of_it() -> None:
    # gemini, gemini-2.5-pro: $1.25 in, $10 out; over 200,000 tokens of input $2.50 and $15.
    offer = offer_of("gemini", "gemini-2.5-pro")
    at = offer.cost(Usage(input_tokens=200_000, output_tokens=1_000))  # 0.25 + 0.01
    over = offer.cost(Usage(input_tokens=200_001, output_tokens=1_000))  # 0.5000025 + 0.015
    assert (at, over) == (Decimal("0.26"), Decimal("0.5150025"))


_COMPARED = [
    ("openai", "openai", "gpt-4.1"),
    ("openai", "openai", "gpt-4o-mini"),
    ("openai", "openai", "gpt-5.1"),
    ("openai", "openai", "o3"),
    ("anthropic", "anthropic", "claude-sonnet-4-5"),
    ("anthropic", "anthropic", "claude-haiku-4-5"),
    ("anthropic", "anthropic", "claude-opus-4-1"),
    ("gemini", "google", "gemini-2.5-flash"),
    ("gemini", "google", "gemini-2.5-pro"),
    ("groq", "groq", "llama-3.3-70b-versatile"),
    ("mistral", "mistral", "mistral-large-2512"),
    ("xai", "x-ai", "grok-4.3"),
    ("moonshot", "moonshotai", "kimi-k2.5"),
]


@pytest.mark.parametrize(("ours", "theirs", "name"), _COMPARED)
@pytest.mark.parametrize("tokens", [(1_200, 800, 0, 0), (150_000, 4_000, 100_000, 0), (250_000, 9_000, 1_000, 0)])
def test_another_program_computes_the_same(ours: str, theirs: str, name: str, tokens: tuple[int, ...]) -> None:
    offer = offer_of(ours, name)
    assert offer.source.startswith("genai-prices")
    given, taken, cached, written_ = tokens
    calculated = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=given, output_tokens=taken, cache_read_tokens=cached, cache_write_tokens=written_
        ),
        model_ref=name,
        provider_id=theirs,
        genai_request_timestamp=datetime(offer.as_of.year, offer.as_of.month, offer.as_of.day, 22, tzinfo=UTC),
    )
    cost = offer.cost(
        Usage(input_tokens=given, output_tokens=taken, cached_input_tokens=cached, cache_write_tokens=written_)
    )
    assert cost == calculated.total_price


def made(*rows: DatedPrices) -> str:
    listing = Listing(
        "models.dev",
        "https://models.dev/api.json",
        date(2027, 1, 1),
        "MIT",
        (),
        (OfferRow("acme", "chat", rows),),
    )
    return written(listing)


def test_what_was_asked_on_days_gone_by_is_not_kept_for_ever() -> None:
    for day in range(1, 7):
        assert offers("openai/gpt-4o", day=date(2027, 1, day))
    assert sum(isinstance(one, Offers) for one in gc.get_objects()) < 6


def test_unknown_counts_and_prices_have_no_cost() -> None:
    text = made(DatedPrices(Prices(input=Decimal(1), output=Decimal(2))))
    offer = price_of("acme", "chat", newer=text)
    assert offer is not None
    assert offer.cost(Usage(input_tokens=10)) is None
    assert offer.cost(Usage(output_tokens=10)) is None
    assert offer.cost(Usage()) is None
    assert offer.cost(Usage(input_tokens=0, output_tokens=0)) == 0
    # No price for sound: a request with sound has no known cost.
    assert offer.cost(Usage(input_tokens=10, output_tokens=1, audio_input_tokens=5)) is None
    # More cached than there was input: counts that contradict each other.
    assert offer.cost(Usage(input_tokens=10, output_tokens=1, cached_input_tokens=11)) is None
    # Cached tokens without a price of their own cost what others do: (10 x 1 + 1 x 2) / 1,000,000.
    assert offer.cost(Usage(input_tokens=10, output_tokens=1, cached_input_tokens=4)) == Decimal("0.000012")


def test_reasoning_with_a_price_of_its_own_must_be_told_apart() -> None:
    text = made(DatedPrices(Prices(input=Decimal(1), output=Decimal(2), reasoning=Decimal(10))))
    offer = price_of("acme", "chat", newer=text)
    assert offer is not None
    assert offer.cost(Usage(input_tokens=0, output_tokens=100)) is None
    # 60 x 2 + 40 x 10 = 520 millionths.
    assert offer.cost(Usage(input_tokens=0, output_tokens=100, reasoning_tokens=40)) == Decimal("0.00052")


def test_sound_is_priced_apart() -> None:
    prices = Prices(input=Decimal(1), output=Decimal(2), audio_input=Decimal(32), audio_output=Decimal(64))
    offer = price_of("acme", "chat", newer=made(DatedPrices(prices)))
    assert offer is not None
    usage = Usage(input_tokens=100, output_tokens=50, audio_input_tokens=40, audio_output_tokens=30)
    # 60 x 1 + 40 x 32 + 20 x 2 + 30 x 64 = 3300 millionths.
    assert offer.cost(usage) == Decimal("0.0033")


def test_prices_of_a_day_and_of_peak_hours() -> None:
    text = made(
        DatedPrices(Prices(input=Decimal(4), output=Decimal(8))),
        DatedPrices(Prices(input=Decimal(3), output=Decimal(6)), start=date(2027, 3, 1)),
        DatedPrices(Prices(input=Decimal(9), output=Decimal(9)), hours=(time(1), time(4))),
    )
    before = price_of("acme", "chat", day=date(2027, 2, 28), newer=text)
    after = price_of("acme", "chat", day=date(2027, 3, 1), newer=text)
    assert before is not None
    assert after is not None
    assert (before.input_per_million, after.input_per_million) == (Decimal(4), Decimal(3))
    assert after.changes == (date(2027, 3, 1),)
    assert (after.peak_hours, after.peak) == (("01:00-04:00",), Prices(input=Decimal(9), output=Decimal(9)))


def test_a_tier_that_leaves_a_price_out_keeps_the_plain_one() -> None:
    prices = Prices(
        input=Decimal(1), output=Decimal(2), cached_input=Decimal("0.1"), tiers=(Tier(above=100, input=Decimal(4)),)
    )
    offer = price_of("acme", "chat", newer=made(DatedPrices(prices)))
    assert offer is not None
    # 91 x 4 + 10 x 0.1 + 5 x 2 = 375 millionths.
    assert offer.cost(Usage(input_tokens=101, output_tokens=5, cached_input_tokens=10)) == Decimal("0.000375")


def test_sources_that_disagree_are_both_shown() -> None:
    offer = offer_of("deepseek", "deepseek-v4-pro")
    assert (offer.input_per_million, offer.as_of) == (Decimal("0.66"), date(2026, 11, 9))
    assert offer.disagreement == (
        "models.dev of 2026-07-02 says input $0.435, not $0.66, output $0.87, not $1.98, cached input $0.003625,"
        " not $0.022 for a million tokens"
    )
    # A ruling of the table: genai-prices still has early 2025 here.
    chat = offer_of("deepseek", "deepseek-chat")
    assert chat.source.startswith("models.dev")
    assert chat.disagreement is not None
    assert chat.disagreement.startswith("genai-prices of 2026-11-09 says input $0.135")
    agreed = offer_of("anthropic", "claude-opus-4-5")
    assert agreed.disagreement is None


def test_a_newer_listing_wins() -> None:
    newer = msgspec.structs.replace(
        shipped("models_dev"),
        as_of=date(2027, 1, 1),
        offers=(
            OfferRow(
                "openai", "gpt-4.1", (DatedPrices(Prices(input=Decimal(7), output=Decimal(9))),), "openai/gpt-4.1"
            ),
        ),
    )
    offer = price_of("openai", "gpt-4.1", newer=written(newer))
    assert offer is not None
    assert (offer.input_per_million, offer.disagreement) == (
        Decimal(7),
        "genai-prices of 2026-11-09 says input $2, not $7, output $8, not $9 for a million tokens",
    )


def test_offers_are_the_cheapest_first_and_name_models_that_exist() -> None:
    found = offers("openai/gpt-oss-120b")
    costs = [3 * (row.input_per_million or 0) + (row.output_per_million or 0) for row in found if row.status is None]
    assert len(found) > 10
    assert costs == sorted(costs)
    assert {row.model for row in found} == {"openai/gpt-oss-120b"}
    ids = {facts.id for facts in all_models()}
    assert {offer.model for offer in all_offers()} - {None} <= ids
    assert offers("nobody/nothing") == ()


def test_a_place_is_found_by_its_own_name_only() -> None:
    assert offer_of("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0").input_per_million == Decimal("3.3")
    assert offer_of("openai", "gpt-4.1-2025-04-14").model == "openai/gpt-4.1"
    assert price_of("openai", "gpt-99") is None
    assert price_of("nobody", "gpt-4.1") is None


def test_what_the_table_keeps_apart_is_joined_to_nothing() -> None:
    assert offer_of("openrouter", "deepseek/deepseek-chat").model is None
    assert offer_of("together", "deepseek-ai/DeepSeek-R1").model is None
    apart = {name.lower() for name in name_table().apart}
    joined = {f"{offer.provider}:{offer.name_there}".lower() for offer in all_offers() if offer.model is not None}
    assert apart & joined == set()


def test_every_shipped_price_is_plain_and_positive() -> None:
    for offer in all_offers():
        for price in (offer.input_per_million, offer.output_per_million, offer.cached_input_per_million):
            if price is not None:
                assert 0 <= price < 1000, (offer.provider, offer.name_there)
                assert price == dollars(price)
                assert "E" not in str(price)
