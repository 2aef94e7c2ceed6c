"""Token counts: `GenerateContentResponseUsageMetadata`.

Thoughts are counted apart from candidates, and the results of the vendor's own tools apart from the prompt; the total
is the sum of all four (https://ai.google.dev/api/generate-content#UsageMetadata). What is 0 is left out.
"""

from typing import Annotated, Any

import msgspec

from ecotone.values.chat import Json
from ecotone.values.reply import Usage
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.gemini.vendor import make_vendor, rest_of

_Count = Annotated[int, msgspec.Meta(ge=0)]


class UsageFields(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The counts that are understood here; others are ignored when decoding into this."""

    prompt_token_count: _Count | None = None
    tool_use_prompt_token_count: _Count | None = None
    candidates_token_count: _Count | None = None
    thoughts_token_count: _Count | None = None
    cached_content_token_count: _Count | None = None
    total_token_count: _Count | None = None
    prompt_tokens_details: Any = None
    candidates_tokens_details: Any = None

    def usage(self) -> Usage:
        """These counts as a value. What the wire did not say stays unknown."""
        prompt, total = self.prompt_token_count, self.total_token_count
        read = None if prompt is None else prompt + (self.tool_use_prompt_token_count or 0)
        written = self.candidates_token_count
        thought = self.thoughts_token_count
        if written is not None:
            output: int | None = written + (thought or 0)
        elif read is not None and total is not None and total >= read:
            output = total - read
        else:
            output = None
        return Usage(
            input_tokens=read,
            output_tokens=output,
            cached_input_tokens=self.cached_content_token_count,
            reasoning_tokens=thought,
            audio_input_tokens=_audio(self.prompt_tokens_details),
            audio_output_tokens=_audio(self.candidates_tokens_details),
        )


def _audio(details: Any) -> int | None:
    """The tokens of sound in a list of counts by modality, None where none is told of."""
    for entry in details if isinstance(details, list) else ():
        if isinstance(entry, dict) and entry.get("modality") == "AUDIO":
            count = entry.get("tokenCount")
            return count if type(count) is int and count >= 0 else None
    return None


_TAKEN = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount")


def decode_usage(fields: Fields) -> Usage:
    """A usage object with all that it holds: what has no place in Usage is kept."""
    rest = fields.rest()
    try:
        usage = msgspec.convert(rest, UsageFields).usage()
    except msgspec.ValidationError as fault:
        raise fields.fault(f"`{fields.place()}` is wrong: {fault}.", fields.place()) from None
    kept = {name: value for name, value in rest.items() if name not in _TAKEN and value is not None}
    if kept.get("totalTokenCount") == (usage.input_tokens or 0) + (usage.output_tokens or 0):
        del kept["totalTokenCount"]
    return msgspec.structs.replace(usage, vendor=make_vendor(kept)) if kept else usage


def encode_usage(usage: Usage) -> Json:
    """The usage object, empty where nothing is known."""
    rest = rest_of(usage.vendor)
    apart = rest.get("toolUsePromptTokenCount")
    encoded: Json = {}
    if usage.input_tokens is not None:
        encoded["promptTokenCount"] = usage.input_tokens - (apart if isinstance(apart, int) else 0)
    if usage.output_tokens is not None:
        encoded["candidatesTokenCount"] = max(0, usage.output_tokens - (usage.reasoning_tokens or 0))
    if usage.reasoning_tokens is not None:
        encoded["thoughtsTokenCount"] = usage.reasoning_tokens
    if usage.cached_input_tokens is not None:
        encoded["cachedContentTokenCount"] = usage.cached_input_tokens
    if usage.input_tokens is not None and usage.output_tokens is not None:
        encoded["totalTokenCount"] = usage.input_tokens + usage.output_tokens
    for name, count in (
        ("promptTokensDetails", usage.audio_input_tokens),
        ("candidatesTokensDetails", usage.audio_output_tokens),
    ):
        if count is not None:
            encoded[name] = [{"modality": "AUDIO", "tokenCount": count}]
    own_details = {name: value for name, value in rest.items() if name in encoded}
    add_rest(encoded, rest)
    return encoded | own_details
