"""Facts of models, against pages read by hand and rows made up for the purpose."""

from datetime import date

import pytest

from ecotone.catalog.listing import Listing, ModelRow, read_listing, written
from ecotone.catalog.models import all_models, catalog, model_facts, shipped
from ecotone.values.errors import SetupError


def test_a_model_of_each_kind() -> None:
    opus = model_facts("anthropic/claude-opus-4-5")
    assert opus is not None
    assert (opus.weights, opus.licence, opus.maker, opus.context_tokens) == ("closed", None, "anthropic", 200_000)
    assert "anthropic/claude-opus-4-5-20251101" in opus.aliases
    assert model_facts("anthropic/claude-opus-4-5-20251101") == opus

    llama = model_facts("meta/llama-3.3-70b-instruct")
    assert llama is not None
    assert (llama.weights, llama.licence) == ("open", "LicenseRef-scancode-llama-3.3-license-2024")
    assert llama.licence_source is not None
    assert "2025-12-17" in llama.licence_source
    assert llama.released_on == date(2024, 12, 6)
    assert llama.page == "https://huggingface.co/meta-llama/Llama-3.3-70B-Instruct"

    small = model_facts("huggingface/smollm2-135m-instruct")
    assert small is not None
    assert (small.weights, small.licence, small.context_tokens, small.tools) == ("open", "Apache-2.0", 8192, None)
    assert small.sources == ("the table of names",)

    assert model_facts("nobody/nothing") is None


@pytest.mark.parametrize(
    ("model", "licence"),
    [
        ("google/gemma-3-27b-it", "LicenseRef-scancode-gemma-tou-2025-03-24"),
        ("alibaba/qwen2.5-72b-instruct", "LicenseRef-scancode-qwen-2024"),
        ("lgai/exaone-3.5-7.8b-instruct", "LicenseRef-scancode-exaone-ai-model-1.1-nc"),
        ("tiiuae/falcon-11b", "LicenseRef-scancode-falcon-2-11b-1.0"),
        ("allenai/olmo-2-0325-32b-instruct", "Apache-2.0"),
        ("moonshotai/kimi-k2-0905-preview", "LicenseRef-scancode-moonshot-ai-modified-mit-2025"),
        ("alibaba/qwen3-max-preview", None),  # the leaderboard's "Apache 2.0" is wrong: there are no weights
        ("deepseek/deepseek-v3.2", "MIT"),  # the leaderboard's table contradicts itself; the model card does not
        ("nvidia/llama-3.1-nemotron-51b-instruct", "LicenseRef-nvidia-open-model-2024-06"),
    ],
)
def test_licences(model: str, licence: str | None) -> None:
    facts = model_facts(model)
    assert facts is not None
    assert facts.licence == licence


def test_ids_are_unique_and_lower_case() -> None:
    ids = [facts.id for facts in all_models()]
    assert ids == sorted(set(ids))
    assert all(model == model.lower() and model.count("/") == 1 for model in ids)
    assert len(ids) > 500


def test_what_makes_no_text_is_told_apart() -> None:
    image = model_facts("openai/gpt-image-1")
    vectors = model_facts("google/gemini-embedding-001")
    chat = model_facts("openai/gpt-5.1")
    assert image is not None
    assert vectors is not None
    assert chat is not None
    assert (image.answers_in_text, vectors.answers_in_text, chat.answers_in_text) == (False, False, True)


def test_a_newer_listing_stands_in_for_the_shipped_one_and_an_older_does_not() -> None:
    row = ModelRow("acme/chat-1", "Acme Chat 1", released="2027-01", context=1000, open_weights=True)
    newer = written(Listing("models.dev", "https://models.dev/api.json", date(2027, 2, 1), "MIT", (row,), ()))
    acme = model_facts("acme/chat-1", newer)
    assert acme is not None
    assert (acme.weights, acme.released_on) == ("open", date(2027, 1, 1))
    assert acme.sources[0] == "models.dev 2027-02-01"
    assert model_facts("acme/chat-1") is None

    older = written(Listing("models.dev", "https://models.dev/api.json", date(2025, 1, 1), "MIT", (row,), ()))
    assert model_facts("acme/chat-1", older) is None


def test_a_listing_survives_being_written() -> None:
    for name in ("models_dev", "genai_prices"):
        listing = shipped(name)
        assert read_listing(written(listing)) == listing


def test_what_is_no_listing_is_refused() -> None:
    with pytest.raises(SetupError, match="ecotone catalog refresh"):
        catalog('{"models": []}')
