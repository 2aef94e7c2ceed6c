"""The table of names: complete, unambiguous, and right where it was checked by hand."""

from collections import Counter
from importlib.resources import files

import msgspec
import pytest

from ecotone.catalog.licences import licence_facts
from ecotone.catalog.model_description import shipped_descriptions
from ecotone.catalog.models import catalog, find_model, near_models
from ecotone.catalog.names import arena_models, name_table
from ecotone.catalog.quality import ranking
from ecotone.catalog.suggestions import DEFAULT_MODEL, SUGGESTIONS


class _Boards(msgspec.Struct):
    style_control: dict[str, msgspec.Raw] = msgspec.field(name="style control")
    plain: dict[str, msgspec.Raw]


def arena_names() -> set[str]:
    boards = msgspec.json.decode(files("ecotone.catalog").joinpath("data/arena.json").read_bytes(), type=_Boards)
    return {*boards.style_control, *boards.plain}


def test_every_name_of_the_leaderboard_is_joined_once_or_given_a_reason() -> None:
    table = name_table()
    joined = Counter(arena for row in table.models.values() for arena in row.arena)
    assert [name for name, times in joined.items() if times > 1] == []
    assert len(arena_names()) == 283
    assert set(joined) | set(table.unjoined) == arena_names()
    assert set(joined) & set(table.unjoined) == set()
    assert all(table.unjoined.values())


def test_settings_of_one_model_differ() -> None:
    for model, row in name_table().models.items():
        settings = list(row.arena.values())
        assert len(set(settings)) == len(settings), model


def test_aliases_and_hosts_name_one_model_each() -> None:
    table = name_table()
    hosts = Counter(host.lower() for row in table.models.values() for host in row.hosts)
    same = Counter(other for row in table.models.values() for other in row.same)
    assert [name for name, times in (hosts + same).items() if times > 1] == []
    assert set(same) & set(table.models) == set()
    for model, row in table.models.items():
        for name in (*row.aliases, *row.same):
            found = find_model(name)
            assert found is not None, name
            assert found.id == model, name


def test_what_the_table_refers_to_exists() -> None:
    table = name_table()
    known = {offer.provider for listing in catalog().listings for offer in listing.offers}
    for model, row in table.models.items():
        assert model == model.lower()
        assert row.openness is None or row.openness in shipped_descriptions(), model
        assert (row.licence is None) == (row.licence_source is None), model
        assert row.licence_source is None or row.licence_source in table.sources, model
        assert not (row.weights == "closed" and row.licence), model
        assert {host.partition(":")[0] for host in row.hosts} <= known, model
    assert {row.licence_source for row in table.models.values()} | {"models-dev"} == {*table.sources, None}


def test_licences_are_ones_whose_terms_are_known_with_few_exceptions() -> None:
    stated = {row.licence for row in name_table().models.values() if row.licence}
    # Named by their makers, their texts not yet taken apart: a verdict on them is unknown, never leave.
    assert {name for name in stated if licence_facts(name) is None} == {
        "LicenseRef-ai2-impact-low-risk",
        "LicenseRef-chatglm-6b",
        "LicenseRef-chatglm2-6b",
        "LicenseRef-chatglm3-6b",
        "LicenseRef-databricks-open-model",
        "LicenseRef-glm-5.3",
        "LicenseRef-jamba-open-model",
        "LicenseRef-kimi-k3",
        "LicenseRef-minimax-m2-modified-mit",
        "LicenseRef-minimax-m2.5-modified-mit",
        "LicenseRef-nexusflow-research",
        "LicenseRef-nvidia-open-model-2024-06",
        "LicenseRef-tongyi-qianwen-research",
    }


def test_most_rated_open_weights_have_a_licence() -> None:
    known = catalog().models
    rated = [best.model for best in ranking("full") if known[best.model].weights == "open"]
    without = [model for model in rated if known[model].licence is None]
    assert len(rated) == 159
    assert len(without) <= 14
    # Of the better half there are none.
    assert set(without) & set(rated[:80]) <= {"allenai/llama-3.1-tulu-3-70b"}


@pytest.mark.parametrize(
    ("model", "released"),
    [
        # Dates that a source had from a predecessor or from an alias that moved.
        ("mistral/mistral-large-2512", "2025-12-02"),
        ("xai/grok-4-1-fast-reasoning", "2025-11-19"),
        ("amazon/nova-2-lite", "2025-12-02"),
        ("deepseek/deepseek-v3.2", "2025-12-01"),
        ("openai/gpt-4-turbo", "2024-04-09"),
    ],
)
def test_dates_of_release_checked_by_hand(model: str, released: str) -> None:
    assert catalog().models[model].released == released


def test_suggested_models_have_rows_with_their_licence() -> None:
    for suggestion in (DEFAULT_MODEL, *SUGGESTIONS):
        facts = find_model(suggestion.name)
        assert facts is not None, suggestion.name
        assert (facts.weights, facts.licence) == ("open", suggestion.licence)


@pytest.mark.parametrize(
    ("arena", "model", "setting"),
    [
        # A snapshot's name goes to that snapshot.
        ("gpt-4o-2024-05-13", "openai/gpt-4o-2024-05-13", ""),
        ("gpt-4o-2024-08-06", "openai/gpt-4o-2024-08-06", ""),
        ("claude-3-5-sonnet-20240620", "anthropic/claude-3-5-sonnet-20240620", ""),
        ("claude-3-5-sonnet-20241022", "anthropic/claude-3-5-sonnet-20241022", ""),
        ("mistral-medium-2505", "mistral/mistral-medium-2505", ""),
        ("mistral-medium-2508", "mistral/mistral-medium-2508", ""),
        ("deepseek-r1", "deepseek/deepseek-r1", ""),
        ("deepseek-r1-0528", "deepseek/deepseek-r1-0528", ""),
        # One snapshot alone: the undated id.
        ("gpt-4.1-2025-04-14", "openai/gpt-4.1", ""),
        ("claude-opus-4-5-20251101", "anthropic/claude-opus-4-5", ""),
        ("o3-2025-04-16", "openai/o3", ""),
        # A mode is a setting, and says which.
        ("claude-opus-4-5-20251101-thinking-32k", "anthropic/claude-opus-4-5", "thinking, at most 32k tokens"),
        ("claude-opus-4-1-20250805-thinking-16k", "anthropic/claude-opus-4-1", "thinking, at most 16k tokens"),
        ("gpt-5-high", "openai/gpt-5", "reasoning effort high"),
        ("gpt-5.1", "openai/gpt-5.1", ""),
        ("gpt-5.1-high", "openai/gpt-5.1", "reasoning effort high"),
        ("qwen3-235b-a22b-no-thinking", "alibaba/qwen3-235b-a22b", "no thinking"),
        ("deepseek-v3.2-thinking", "deepseek/deepseek-v3.2", "thinking"),
        # Weights published apart are models apart.
        ("qwen3-235b-a22b-thinking-2507", "alibaba/qwen3-235b-a22b-thinking-2507", ""),
        ("qwen3-next-80b-a3b-instruct", "alibaba/qwen3-next-80b-a3b-instruct", ""),
        ("qwen3-next-80b-a3b-thinking", "alibaba/qwen3-next-80b-a3b-thinking", ""),
        # Previews are not what came after them, except where the preview is all there is.
        ("gemini-2.5-flash-preview-09-2025", "google/gemini-2.5-flash-preview-09-2025", ""),
        ("gemini-2.5-flash", "google/gemini-2.5-flash", ""),
        ("gemini-3-pro", "google/gemini-3-pro-preview", ""),
        # Fine-tunes are not their base.
        ("gemma-2-9b-it-simpo", "princeton/gemma-2-9b-it-simpo", ""),
        ("llama-3.1-tulu-3-8b", "allenai/llama-3.1-tulu-3-8b", ""),
        ("llama-3.1-nemotron-70b-instruct", "nvidia/llama-3.1-nemotron-70b-instruct", ""),
        # Other spellings of the same.
        ("mistral-large-3", "mistral/mistral-large-2512", ""),
        ("llama-3.3-nemotron-49b-super-v1", "nvidia/llama-3.3-nemotron-super-49b-v1", ""),
        ("llama-4-maverick-17b-128e-instruct", "meta/llama-4-maverick-17b-instruct", ""),
    ],
)
def test_joins_checked_by_hand(arena: str, model: str, setting: str) -> None:
    assert arena_models()[arena] == (model, setting)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("anthropic/claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
        ("Claude-Sonnet-4.5", "anthropic/claude-sonnet-4-5"),
        ("bedrock/eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic/claude-sonnet-4-5"),
        ("vertex/claude-opus-4-1@20250805", "anthropic/claude-opus-4-1"),
        ("groq/llama-3.3-70b-versatile", "meta/llama-3.3-70b-instruct"),
        ("meta-llama/Llama-3.3-70B-Instruct", "meta/llama-3.3-70b-instruct"),
        ("together/meta-llama/Llama-3.3-70B-Instruct-Turbo", "meta/llama-3.3-70b-instruct"),
        ("fireworks/accounts/fireworks/models/kimi-k2p6", "moonshotai/kimi-k2.6"),
        ("openrouter/z-ai/glm-4.6", "zhipuai/glm-4.6"),
        ("zai-org/GLM-4.6", "zhipuai/glm-4.6"),
        ("MiniMaxAI/MiniMax-M2", "minimax/minimax-m2"),
        ("qwen2.5-coder-0.5b-instruct", "alibaba/qwen2.5-coder-0.5b-instruct"),
        ("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "alibaba/qwen2.5-coder-0.5b-instruct"),
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "huggingface/smollm2-135m-instruct"),
        ("gpt-oss-20b-MXFP4.gguf", "openai/gpt-oss-20b"),
        ("Qwen/Qwen3-4B-Instruct-2507", "alibaba/qwen3-4b-instruct-2507"),
    ],
)
def test_people_and_configs_are_understood(said: str, meant: str) -> None:
    found = find_model(said)
    assert found is not None
    assert found.id == meant


@pytest.mark.parametrize(
    "said",
    [
        "llama",
        "mistral-large",  # five snapshots
        "openrouter/deepseek/deepseek-chat",  # another model than DeepSeek's own name means
        "fireworks/accounts/fireworks/routers/kimi-k2p6-fast",
        "pearl-ai/gemma-4-31b-it",  # somebody's fine-tune or copy
        "cloudflare/@cf/deepseek-ai/deepseek-r1-distill-qwen-32b",
        "databricks/databricks-claude-sonnet-4",
        "meta/llama-3.3-70b",  # the base model
        "",
    ],
)
def test_what_is_not_certain_is_not_guessed(said: str) -> None:
    assert find_model(said) is None


def test_near_names_are_offered() -> None:
    assert "meta/llama-3.3-70b-instruct" in near_models("llama-3.3-70b")
    assert "anthropic/claude-sonnet-4-5" in near_models("claude-sonet-4-5")
    assert near_models("xyzzy") == ()
