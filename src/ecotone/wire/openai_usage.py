"""Token counts as OpenAI's wires say them.

`CompletionUsage` of the OpenAI description, with what other servers put elsewhere: DeepSeek's `prompt_cache_hit_tokens`
(https://api-docs.deepseek.com/guides/kv_cache) and Moonshot's `cached_tokens` beside the totals. xAI counts reasoning
apart from `completion_tokens` but within `total_tokens` (https://docs.x.ai/docs/guides/reasoning), which shows in the
sum, and is counted as output here as everywhere else.
"""

from typing import Annotated

import msgspec

from ecotone.values.chat import Json
from ecotone.values.reply import Usage
from ecotone.wire.fields import Fields, add_rest

Count = Annotated[int, msgspec.Meta(ge=0)]


class _PromptDetails(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    audio_tokens: Count | None = None


class _CompletionDetails(msgspec.Struct, frozen=True, gc=False):
    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None


class UsageFields(msgspec.Struct, frozen=True, gc=False):
    """The counts on the wire that are understood here; others are ignored when decoding into this."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: Count | None = None
    cached_tokens: Count | None = None
    reasoning_tokens: Count | None = None

    def usage(self) -> Usage:
        """These counts as a value. What the wire did not say stays unknown."""
        prompt = self.prompt_tokens_details or _PromptDetails()
        completion = self.completion_tokens_details or _CompletionDetails()
        reasoning = completion.reasoning_tokens if completion.reasoning_tokens is not None else self.reasoning_tokens
        cached = prompt.cached_tokens
        for elsewhere in (self.prompt_cache_hit_tokens, self.cached_tokens):
            cached = elsewhere if cached is None else cached
        output = self.completion_tokens
        if (
            reasoning
            and output is not None
            and self.prompt_tokens is not None
            and self.total_tokens == self.prompt_tokens + output + reasoning
        ):
            output += reasoning
        return Usage(
            input_tokens=self.prompt_tokens,
            output_tokens=output,
            cached_input_tokens=cached,
            cache_write_tokens=prompt.cache_write_tokens,
            reasoning_tokens=reasoning,
            audio_input_tokens=prompt.audio_tokens,
            audio_output_tokens=completion.audio_tokens,
        )


def decode_usage(fields: Fields, wire: str) -> Usage:
    """A usage object with all that it holds: what has no place in Usage is kept for `wire`."""
    counts = {name: fields.integer(name) for name in ("prompt_tokens", "completion_tokens")}
    elsewhere = {
        name: _look_count(fields, name)
        for name in ("total_tokens", "prompt_cache_hit_tokens", "cached_tokens", "reasoning_tokens")
    }
    prompt = _take_counts(fields, "prompt_tokens_details", _PromptDetails.__struct_fields__)
    completion = _take_counts(fields, "completion_tokens_details", _CompletionDetails.__struct_fields__)
    try:
        usage = msgspec.convert(
            counts | elsewhere | {"prompt_tokens_details": prompt, "completion_tokens_details": completion}, UsageFields
        ).usage()
    except msgspec.ValidationError as fault:
        raise fields.fault(f"`{fields.place()}` is wrong: {fault}.", fields.place()) from None
    rest = fields.rest()
    if usage.input_tokens is not None and usage.output_tokens is not None:
        total = usage.input_tokens + usage.output_tokens
        if rest.get("total_tokens") == total:
            del rest["total_tokens"]
    return msgspec.structs.replace(usage, vendor={wire: rest}) if rest else usage


def _look_count(fields: Fields, name: str) -> int | None:
    value = fields.look(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _take_counts(fields: Fields, name: str, counted: tuple[str, ...]) -> dict[str, int | None] | None:
    details = fields.child(name)
    return None if details is None else {count: details.integer(count) for count in counted}


def encode_usage(usage: Usage, wire: str) -> Json | None:
    """The usage object, None where input or output is unknown: the wire cannot say that, and nothing is invented."""
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    encoded: Json = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    details = {
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": usage.audio_input_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.audio_output_tokens,
        },
    }
    for name, counts in details.items():
        known = {count: value for count, value in counts.items() if value is not None}
        if known:
            encoded[name] = known
    rest = usage.vendor.get(wire, {})
    add_rest(encoded, rest)
    if "total_tokens" in rest:
        encoded["total_tokens"] = rest["total_tokens"]
    return encoded
