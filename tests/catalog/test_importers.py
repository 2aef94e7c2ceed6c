"""The importers in scripts/import, on small made-up inputs, and on the shipped files: are these what they make?"""

import importlib.util
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest
from genai_prices.types import ClauseEquals, ConditionalPrice, ModelInfo, ModelPrice, StartDateConstraint, Tier
from genai_prices.types import TieredPrices as Tiered

from ecotone.catalog import listing
from ecotone.catalog.listing import DatedPrices, Prices
from ecotone.catalog.models import shipped

SCRIPTS = Path(__file__).parents[2] / "scripts" / "import"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"import_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MODELS_DEV = {
    "source": "models.dev (snapshot 2026-01-02)",
    "models": {
        "Acme/Big-1": {
            "name": "Big 1",
            "release_date": "2026-01",
            "knowledge": "early 2025",
            "tool_call": True,
            "open_weights": True,
            "limit": {"context": 1000, "output": 0},
            "modalities": {"input": ["text"], "output": ["text"]},
            "weights": [{"label": "Hugging Face", "url": "https://huggingface.co/acme/big-1"}],
        }
    },
    "providers": {
        "groq": {
            "models": {
                "acme/big-1": {"cost": {"input": 0.1, "output": 0.30000000000000004, "cache_read": 0}},
                "acme/tiny-1": {"base_model": "Acme/Big-1", "cost": {"input": 1, "output": 2}},
                "acme/gift": {"cost": {"input": 0, "output": 0}},
            }
        },
        "openai": {
            "models": {
                "gpt-new": {
                    "name": "GPT New",
                    "cost": {"input": 2, "output": 8, "tiers": [{"tier": {"size": 5}, "input": 4, "output": 9}]},
                }
            }
        },
        "some-reseller": {"models": {"acme/big-1": {"cost": {"input": 9, "output": 9}}}},
    },
}


def test_models_dev() -> None:
    made = script("models_dev").read_snapshot(json.dumps(MODELS_DEV).encode())
    assert made.as_of == date(2026, 1, 2)
    models = {row.id: row for row in made.models}
    assert set(models) == {"acme/big-1", "openai/gpt-new"}  # a maker's new model is one; a host's unknown name is not
    big = models["acme/big-1"]
    assert (big.released, big.knowledge, big.context, big.output) == ("2026-01", None, 1000, None)
    assert (big.open_weights, big.weights_page) == (True, "https://huggingface.co/acme/big-1")
    offers = {(row.provider, row.name_there): row for row in made.offers}
    assert set(offers) == {("groq", "acme/big-1"), ("groq", "acme/tiny-1"), ("openai", "gpt-new")}
    assert offers["groq", "acme/big-1"].model == "acme/big-1"
    assert offers["groq", "acme/big-1"].prices[0].prices == Prices(Decimal("0.1"), Decimal("0.3"))
    assert offers["groq", "acme/tiny-1"].model is None  # it shares facts with a base model and is another
    (tier,) = offers["openai", "gpt-new"].prices[0].prices.tiers
    assert (tier.above, tier.input, tier.output) == (5, 4, 9)


def test_models_dev_without_a_date_is_refused() -> None:
    with pytest.raises(SystemExit, match="which day"):
        script("models_dev").read_snapshot(json.dumps({**MODELS_DEV, "source": "models.dev"}).encode())


def test_genai_prices_tiers_and_dates() -> None:
    model = ModelInfo(
        id="m",
        match=ClauseEquals("m"),
        prices=[
            ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(2), output_mtok=Decimal(4))),
            ConditionalPrice(
                StartDateConstraint(date(2026, 5, 1)),
                prices=ModelPrice(
                    input_mtok=Tiered(base=Decimal(1), tiers=[Tier(start=100, price=Decimal(3))]),
                    output_mtok=Decimal(4),
                    cache_read_mtok=Decimal("0.1"),
                ),
            ),
        ],
    )
    assert script("prices").dated(model) == (
        DatedPrices(Prices(Decimal(2), Decimal(4))),
        DatedPrices(
            Prices(Decimal(1), Decimal(4), Decimal("0.1"), tiers=(listing.Tier(above=100, input=Decimal(3)),)),
            start=date(2026, 5, 1),
        ),
    )


def test_genai_prices_by_the_hour_are_left_out() -> None:
    spoken = ModelInfo(id="m", match=ClauseEquals("m"), prices=ModelPrice(audio_hours=Decimal(1)))
    assert script("prices").dated(spoken) == ()


def test_arena() -> None:
    source = {
        "source": "Boards, 2026-03-04; ratings",
        "text_style_control": {"full": {"a": [3.5, 2.0, 4.0], "b": [1.0, 0.5, 1.5]}, "math": {"a": [9.0, 8.0, 10.0]}},
        "text": {"full": {"a": [3.0, 2.0, 4.0]}},
        "prices_and_organisations": [
            {"model_api_name": "a", "organization": "Acme", "license": "MIT"},
            {"model_api_name": "pictures", "organization": "Acme", "license": "MIT"},
        ],
    }
    assert json.loads(script("arena").compact(source)) == {
        "source": "Boards, 2026-03-04; ratings",
        "as_of": "2026-03-04",
        "categories": ["full", "math"],
        "style control": {"a": [[3.5, 2.0, 4.0], [9.0, 8.0, 10.0]], "b": [[1.0, 0.5, 1.5], None]},
        "plain": {"a": [[3.0, 2.0, 4.0], None]},
        "makers": {"a": ["Acme", "MIT"]},
    }


def test_the_shipped_prices_are_what_the_locked_package_makes() -> None:
    known = [row.id for row in shipped("models_dev").models]
    made = script("prices").made(known, shipped("genai_prices").as_of)
    assert listing.written(made) == listing.written(shipped("genai_prices"))
