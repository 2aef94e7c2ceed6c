"""Each quirk changes what it names, and nothing else."""

from typing import Any

import pytest

from ecotone.wire.quirks import QUIRKS

SAID = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": "developer"},
    {"role": "system", "content": "Be kind."},
]


@pytest.mark.parametrize(
    ("quirk", "before", "after"),
    [
        ("max_tokens", {"max_completion_tokens": 7}, {"max_tokens": 7}),
        ("max_tokens", {"max_completion_tokens": 7, "max_tokens": 5}, {"max_tokens": 5}),
        ("max_tokens", {"max_tokens": 5}, {"max_tokens": 5}),
        ("max_tokens", {}, {}),
        ("no_stream_options", {"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}),
        ("no_stream_options", {"stream": False}, {"stream": False}),
        ("random_seed", {"seed": 0}, {"random_seed": 0}),
        ("random_seed", {"seed": 1, "random_seed": 2}, {"random_seed": 2}),
        ("random_seed", {"temperature": 0}, {"temperature": 0}),
        (
            "developer_as_system",
            {"messages": [dict(said) for said in SAID]},
            {"messages": [{"role": "system", "content": "Be brief."}, SAID[1], SAID[2]]},
        ),
        ("developer_as_system", {"prompt": "developer"}, {"prompt": "developer"}),
        ("developer_as_system", {"messages": ["developer", None]}, {"messages": ["developer", None]}),
    ],
)
def test_a_quirk_changes_what_it_names(quirk: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    body = {"model": "m", **before}
    QUIRKS[quirk](body)
    assert body == {"model": "m", **after}
