"""Each quirk changes what it names, and nothing else."""

import hashlib
from typing import Any

import pytest

from ecotone.values.errors import UnsupportedFeature
from ecotone.wire.quirks import QUIRKS

SAID = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": "developer"},
    {"role": "system", "content": "Be kind."},
]


DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
NUMBER = int(hashlib.sha256(b"call_1").hexdigest(), 16)
CALL_1 = "".join(DIGITS[NUMBER // 62**place % 62] for place in range(9))


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
        (
            # The first nine base-62 digits, the least first, of SHA-256("call_1") as a big-endian number.
            "short_call_ids",
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function"}, {"id": "abcDEF123"}]},
                    {"role": "tool", "tool_call_id": "call_1", "content": "call_1"},
                    {"role": "tool", "tool_call_id": "abcDEF123"},
                ]
            },
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": CALL_1, "type": "function"}, {"id": "abcDEF123"}]},
                    {"role": "tool", "tool_call_id": CALL_1, "content": "call_1"},
                    {"role": "tool", "tool_call_id": "abcDEF123"},
                ]
            },
        ),
        (
            "no_reasoning_text",
            {"messages": [{"role": "assistant", "content": "a", "reasoning_content": "b", "reasoning_details": []}]},
            {"messages": [{"role": "assistant", "content": "a"}]},
        ),
        (
            "no_names",
            {"messages": [{"role": "tool", "tool_call_id": "1", "name": "f", "content": "a"}]},
            {"messages": [{"role": "tool", "tool_call_id": "1", "content": "a"}]},
        ),
        (
            "alternating",
            {
                "messages": [
                    {"role": "system", "content": "s"},
                    {"role": "system", "content": "t"},
                    {"role": "user", "content": "a"},
                    {"role": "user", "content": "b"},
                    {"role": "user", "content": [{"type": "text", "text": "c"}]},
                    {"role": "assistant", "content": "d"},
                    {"role": "user", "content": "e", "name": "Eve"},
                    {"role": "user", "content": "f"},
                ]
            },
            {
                "messages": [
                    {"role": "system", "content": "s"},
                    {"role": "system", "content": "t"},
                    {
                        "role": "user",
                        "content": [{"type": "text", "text": "a\n\nb"}, {"type": "text", "text": "c"}],
                    },
                    {"role": "assistant", "content": "d"},
                    {"role": "user", "content": "e", "name": "Eve"},
                    {"role": "user", "content": "f"},
                ]
            },
        ),
        ("vertex_version", {"stream": True}, {"stream": True, "anthropic_version": "vertex-2023-10-16"}),
        ("bedrock_version", {"stream": True}, {"anthropic_version": "bedrock-2023-05-31"}),
        ("developer_as_system", {"messages": ["developer", None]}, {"messages": ["developer", None]}),
    ],
)
def test_a_quirk_changes_what_it_names(quirk: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    body = {"model": "m", **before}
    QUIRKS[quirk](body)
    assert body == {"model": "m", **after}


def test_a_speakers_name_is_refused_where_nobody_would_read_it() -> None:
    with pytest.raises(UnsupportedFeature, match=r"`messages\[\].name` is not known"):
        QUIRKS["no_names"]({"messages": [{"role": "user", "name": "Eve", "content": "a"}]})


@pytest.mark.parametrize("field", [{"models": ["a/b", "c/d"]}, {"route": "fallback"}])
def test_a_client_cannot_choose_a_model_that_the_owner_did_not_name(field: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedFeature, match="owner") as raised:
        QUIRKS["one_model"]({"model": "m", **field})
    assert raised.value.param in field
    QUIRKS["one_model"]({"model": "m", "models": []})
