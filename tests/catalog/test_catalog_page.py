"""docs/reference/catalog.md counts what there is."""

from pathlib import Path

from ecotone.catalog.models import all_models
from ecotone.catalog.names import arena_models, name_table
from ecotone.catalog.prices import all_offers
from ecotone.catalog.quality import rated_models

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "catalog.md"


def test_the_page_has_the_numbers_of_the_catalog() -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    models, offers = all_models(), all_offers()
    weights = [facts.weights for facts in models]
    joined = [offer.model for offer in offers if offer.model is not None]
    disputed = [offer.provider for offer in offers if offer.disagreement is not None]
    for words in (
        f"{len(models)}: {weights.count('open')} with open weights, {weights.count('closed')} closed,"
        f" {weights.count(None)} of which no source says",
        f"{len(offers):,} at {len({offer.provider for offer in offers})} providers, {len(joined):,} of them joined to"
        f" one of {len(set(joined))} models",
        f"{len(rated_models())} models in 29 categories",
        f"{sum(facts.licence is not None for facts in models)} models, each with who states it",
        f"283 names {len(arena_models())} are joined",
        f"{len(disputed)} offers have one, {disputed.count('openrouter')} of them at OpenRouter",
    ):
        assert words in page, words
    assert len(name_table().unjoined) == 5
