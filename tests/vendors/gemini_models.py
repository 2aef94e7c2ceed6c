"""What the vendor's models differ in, as far as it decides what is refused and what comes back.

Levels and budgets of thinking: https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/thinking and
https://ai.google.dev/gemini-api/docs/thinking.
"""

import re
from dataclasses import dataclass

MODELS = (
    "gemini-3.8-flash",
    "gemini-3.5-flash",
    "gemini-3.1-pro-preview",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.0-flash",
    "gemini-embedding-001",
    "text-embedding-005",
)
ALL_LEVELS = frozenset({"MINIMAL", "LOW", "MEDIUM", "HIGH"})


@dataclass(frozen=True)
class Traits:
    """`levels` and `budgets` of thinking that the model takes; it does not think when both are empty. `can_idle`: a
    budget of 0 turns thinking off. `ends_apart`: a stream's last chunk says nothing but how it ended."""

    levels: frozenset[str] = frozenset()
    budgets: range = range(0)
    can_idle: bool = False
    embeds: bool = False
    demands_signatures: bool = False
    demands_ids: bool = False
    gives_ids: bool = False
    ends_apart: bool = False
    refuses_prefill: bool = False
    one_candidate: bool = False
    calls_with_json: bool = False

    @property
    def thinks(self) -> bool:
        return bool(self.levels or self.budgets)


def traits(model: str) -> Traits:
    if "embedding" in model:
        return Traits(embeds=True)
    found = re.match(r"gemini-(\d+)(?:\.(\d+))?-(pro|flash)(-lite)?", model)
    if found is None:
        return Traits()
    version, kind, lite = (int(found[1]), int(found[2] or 0)), found[3], found[4] is not None
    if version < (3, 0):
        return Traits(budgets=budgets(kind, lite), can_idle=kind == "flash") if version >= (2, 5) else Traits()
    return Traits(
        levels=levels(version, kind),
        budgets=range(65536),  # "accepted for backwards compatibility"
        can_idle=kind == "flash",
        demands_signatures="image" not in model,
        demands_ids=version >= (3, 7),
        gives_ids=True,
        ends_apart=True,
        # Gemini 3.5 Flash-Lite, 3.6 Flash and all later ones.
        refuses_prefill=version >= (3, 6) or (version == (3, 5) and lite),
        one_candidate=True,
        calls_with_json=True,
    )


def levels(version: tuple[int, int], kind: str) -> frozenset[str]:
    if kind == "pro":
        return frozenset({"LOW", "HIGH"}) if version == (3, 0) else frozenset({"LOW", "MEDIUM", "HIGH"})
    return ALL_LEVELS if version < (3, 7) else ALL_LEVELS - {"MINIMAL"}


def budgets(kind: str, lite: bool) -> range:
    """Tokens that a model of the 2.5 series may be given to think with, but for 0 and -1."""
    if kind == "pro":
        return range(128, 32769)
    return range(512, 24577) if lite else range(1, 24577)
