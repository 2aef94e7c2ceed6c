"""Ratings: numbers copied by hand from the leaderboard, and formulas worked out by hand."""

import pytest

from ecotone.catalog.models import find_model, model_facts
from ecotone.catalog.quality import (
    SNAPSHOT,
    WORK,
    Rating,
    best,
    categories,
    expected_wins,
    ranking,
    rated_models,
    ratings,
    variants,
)


def test_ratings_are_those_of_the_leaderboard() -> None:
    gemini = ratings("google/gemini-3-pro-preview")
    assert gemini["full"] == Rating("full", 1492.0, 1485.9, 1498.2)
    assert gemini["chinese"] == Rating("chinese", 1521.5, 1501.4, 1541.6)
    assert ratings("google/gemini-3-pro-preview", "plain")["chinese"] == Rating("chinese", 1525.1, 1504.7, 1545.5)
    assert str(SNAPSHOT.as_of) == "2025-12-17"
    assert len(categories()) == 29


def test_settings_are_kept_apart_and_named() -> None:
    opus = "anthropic/claude-opus-4-5"
    assert variants(opus) == (None, "thinking, at most 32k tokens")
    assert ratings(opus)["full"].rating == 1468.3
    assert ratings(opus)["full"].variant is None
    assert ratings(opus, variant="thinking, at most 32k tokens")["full"].rating == 1468.2
    # Only one setting was rated: it is given, and says so.
    assert ratings("openai/gpt-5")["full"].variant == "reasoning effort high"
    assert dict(ratings("openai/gpt-5", variant="reasoning effort low")) == {}
    assert dict(ratings("openai/gpt-4o")) == {}


def test_every_rated_model_is_in_the_catalog() -> None:
    assert len(rated_models()) == 260
    assert [model for model in rated_models() if model_facts(model) is None] == []


def test_expected_wins_by_hand() -> None:
    # 100 points: 1 / (1 + 10 ** -0.25) = 0.6400649998...
    assert expected_wins(1400.0, 1300.0) == pytest.approx(0.6400649998, abs=1e-9)
    assert expected_wins(1400.0, 1400.0) == 0.5
    assert expected_wins(1380.0, 1400.0) + expected_wins(1400.0, 1380.0) == pytest.approx(1.0)
    # 400 points are odds of ten to one.
    assert expected_wins(1400.0, 1000.0) == pytest.approx(10 / 11)


def test_best_open_and_closed() -> None:
    closed, opened = best("full", "closed"), best("full", "open")
    assert closed is not None
    assert opened is not None
    # By eye on the leaderboard: Gemini 3 Pro leads; the first with published weights is GLM 4.6.
    assert (closed.model, closed.rating.rating) == ("google/gemini-3-pro-preview", 1492.0)
    assert (opened.model, opened.rating.rating) == ("zhipuai/glm-4.6", 1425.3)


def test_ranking_has_each_model_once_in_its_best_setting() -> None:
    rows = ranking("full")
    assert len({row.model for row in rows}) == len(rows)
    assert [row.rating.rating for row in rows] == sorted((row.rating.rating for row in rows), reverse=True)
    gpt = next(row for row in rows if row.model == "openai/gpt-5.1")
    assert gpt.rating.variant == "reasoning effort high"
    with pytest.raises(ValueError, match="there is no category 'poetry'"):
        ranking("poetry")


def test_kinds_of_work_point_at_categories_that_exist() -> None:
    assert {evidence.category for evidence in WORK.values()} <= set(categories())
    assert all(evidence.direct or evidence.note for evidence in WORK.values())
    assert WORK["law"].category == "industry_legal_and_government"
    assert "safety" not in WORK


def test_a_model_of_the_gateway_finds_its_ratings() -> None:
    found = find_model("anthropic/claude-haiku-4-5-20251001")
    assert found is not None
    assert ratings(found.id)["full"].rating == 1402.4
