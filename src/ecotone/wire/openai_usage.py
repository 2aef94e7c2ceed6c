"""Token counts as OpenAI's wires say them.

`CompletionUsage` of the OpenAI description, with what other servers put elsewhere: DeepSeek's `prompt_cache_hit_tokens`
(https://api-docs.deepseek.com/guides/kv_cache) and Moonshot's `cached_tokens` beside the totals. xAI counts reasoning
apart from `completion_tokens` but within `total_tokens` (https://docs.x.ai/docs/guides/reasoning), which shows in the
sum, and is counted as output here as everywhere else.
"""

from typing import Annotated

import msgspec

from ecotone.values.reply import Usage

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
