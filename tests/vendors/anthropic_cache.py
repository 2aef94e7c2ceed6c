"""The vendor's prompt cache: what a marked prefix costs the first time, and that the same prefix is read later.

As the page "Prompt caching" (platform.claude.com/docs) says: a prefix runs from the first tool over the system prompt
to a marked block; it is found again only if every byte of it is the same; up to 20 blocks before a mark are looked
through for what was written earlier. Marks themselves are no part of the prefix, so they may move on with each turn.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .anthropic_rules import Call, content_blocks
from .http_server import compact
from .scripts import pieces

Json = dict[str, Any]

LOOK_BACK_BLOCKS = 20


@dataclass(frozen=True)
class Block:
    """A piece of the prompt. `prefix`: a digest of all up to its end. `ttl`: of its mark, None where it has none."""

    tokens: int
    prefix: bytes
    ttl: str | None


@dataclass(frozen=True)
class InputTokens:
    """How the tokens of a prompt are billed."""

    fresh: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    @property
    def written(self) -> int:
        return self.written_5m + self.written_1h

    @property
    def total(self) -> int:
        return self.fresh + self.read + self.written


class PromptCache:
    """What one account has cached; `tokens_min`: shorter prefixes are not (the vendor: from 1,024 on, by model)."""

    def __init__(self, tokens_min: int = 0) -> None:
        self.tokens_min = tokens_min
        self._written = set[bytes]()

    def use(self, call: Call) -> InputTokens:
        """Look the request's prefixes up and write those that are new."""
        blocks = list(prompt_blocks(call))
        marks = [index for index, block in enumerate(blocks) if block.ttl]
        ends = [sum(block.tokens for block in blocks[: index + 1]) for index in range(len(blocks))]
        marks = [index for index in marks if ends[index] >= self.tokens_min]
        near = {back for mark in marks for back in range(max(0, mark - LOOK_BACK_BLOCKS), mark + 1)}
        found = max((index for index in near if blocks[index].prefix in self._written), default=-1)
        read = ends[found] if found >= 0 else 0
        covered, written = read, {"5m": 0, "1h": 0}
        for mark in marks:
            if mark > found:
                written[blocks[mark].ttl or "5m"] += ends[mark] - covered
                covered = ends[mark]
            self._written.add(blocks[mark].prefix)
        return InputTokens((ends[-1] if ends else 0) - covered, read, written["5m"], written["1h"])


def input_tokens(call: Call) -> int:
    """What the whole prompt counts."""
    return sum(block.tokens for block in prompt_blocks(call))


def prompt_blocks(call: Call) -> Iterator[Block]:
    request = call.request
    digest = hashlib.sha256(call.name.encode())
    # What a change of the request's settings invalidates beside the prompt's own bytes: the messages' part.
    settings = [request.get("thinking"), request.get("tool_choice")]
    groups: list[tuple[Any, list[Json]]] = [("tools", list(request.get("tools") or ()))]
    groups.append(("system", [block for _, block in content_blocks(request.get("system"), "")]))
    groups.append(("settings", []))
    groups += [(turn.role, [block for _, block in turn.blocks]) for turn in call.turns]
    last = next((index for index in reversed(range(len(groups))) if groups[index][1]), -1)
    for position, (group, blocks) in enumerate(groups):
        digest.update(compact([group, settings if group == "settings" else None]))
        for index, block in enumerate(blocks):
            digest.update(compact(unmarked(block)))
            mark = mark_of(block)
            if mark is None and position == last and index == len(blocks) - 1:
                mark = request.get("cache_control")
            yield Block(tokens(block), digest.digest(), mark.get("ttl", "5m") if mark else None)


def mark_of(block: Json) -> Json | None:
    """The mark of the block or of a block within it (a tool's result)."""
    inner = block["content"] if isinstance(block.get("content"), list) else []
    marks = [part["cache_control"] for part in (*inner, block) if part.get("cache_control")]
    return marks[-1] if marks else None


def unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: unmarked(inner) for name, inner in value.items() if name != "cache_control"}
    return [unmarked(inner) for inner in value] if isinstance(value, list) else value


def tokens(block: Json) -> int:
    """Words for text, four bytes each for all else."""
    if block.get("type") == "text":
        return len(pieces(block["text"]))
    return 1 + len(compact(unmarked(block))) // 4
