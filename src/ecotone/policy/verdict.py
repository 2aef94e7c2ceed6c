"""What the rules answer."""

from typing import Literal

import msgspec

Effect = Literal["deny", "require", "redact", "flag", "prefer"]
Side = Literal["request", "reply"]


class Spoken(msgspec.Struct, frozen=True):
    """A rule that spoke. `fault` says why its condition could not be evaluated, which counts as a denial."""

    rule: str
    effect: Effect
    because: str
    fault: str | None = None

    @property
    def denies(self) -> bool:
        return self.effect in ("deny", "require") or self.fault is not None

    @property
    def told(self) -> str:
        """Why, in words for the one who is refused."""
        if self.fault is not None:
            return f"{self.rule!r} could not be decided ({self.fault}), which counts as a denial"
        return f"{self.because} ({self.rule})"


class Verdict(msgspec.Struct, frozen=True):
    """What the rules say of one candidate. `redact` are the kinds to replace before anything is sent; `preferred`
    counts the `prefer` rules that hold. `spoken` lists every rule that did, denials first."""

    allowed: bool
    spoken: tuple[Spoken, ...] = ()
    redact: frozenset[str] = frozenset()
    preferred: int = 0

    @property
    def denials(self) -> tuple[Spoken, ...]:
        return tuple(one for one in self.spoken if one.denies)
