"""What `ecotone.toml` may say of data, content and rules."""

from typing import Literal

import msgspec

from ecotone.policy.classes import DEFAULT_CLASSES
from ecotone.policy.verdict import Side


class PatternSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[data.patterns.KIND]`: something of the owner's own that detectors find, by its form or by words."""

    pattern: str | None = None
    """A regular expression in RE2's syntax."""
    words: tuple[str, ...] = ()
    """Words and phrases, found whole and in any case."""
    data_class: str | None = msgspec.field(name="class", default=None)
    """The class to which a find raises the request. Left out: none."""


class DataSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[data]`: classes of data, and what raises a request to them."""

    classes: tuple[str, ...] = DEFAULT_CLASSES
    """Names in order, the least sensitive first."""
    default: str | None = None
    """The least class of any request. Left out: the first."""
    countries: tuple[str, ...] = ("us",)
    """Countries whose national numbers are looked for: ISO 3166 codes of two letters, in lower case."""
    raises: dict[str, str] = {}
    """The class to which a find of each kind raises the request, over those that `ecotone detect --kinds` shows. A kind
    raised to the first class raises nothing."""
    patterns: dict[str, PatternSettings] = {}
    """What is the owner's own, by the kind that a find of it is called: see `[data.patterns.KIND]`."""
    recogniser: Literal["none", "presidio", "gliner", "spacy"] = "none"
    """Who finds names of people, places and organisations: an optional recogniser, which needs its extra."""
    remember_h: int = 720
    """Hours for which the class of a conversation is remembered after its last request."""


class PrincipalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[principals.NAME]`: what holds for the callers with the key of that name (`local`: those without one)."""

    data_class: str | None = msgspec.field(name="class", default=None)
    """The least class of what they send, where it is above the default."""
    purpose: str | None = None
    """What they use models for, as rules see it in `principal.purpose`."""


class GuardModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[guard.models.NAME]`: a guard model that the owner runs."""

    model: str
    """The model of this config that is asked."""
    form: Literal["llama-guard", "shieldgemma", "granite-guardian"]
    """How it is asked, and how it answers."""


class GuardSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[guard]`: how content is scored for risks. Rules decide what follows."""

    threshold: float = 0.5
    """The score from which a category counts as found in `content.flagged`."""
    models: dict[str, GuardModelSettings] = {}
    """Guard models that the owner runs: see `[guard.models.NAME]`."""
    words: dict[str, tuple[str, ...]] = {}
    """Words and phrases by category: one of them in a text scores 1."""


class RuleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[rules]]`: one condition with one effect, and its reason."""

    because: str
    """The reason, in words for the one who is refused."""
    name: str | None = None
    """What decisions call it. Left out: `rule 1`, `rule 2`, ... in the file's order."""
    on: Side = "request"
    """Whether it judges what goes to a model or what comes back."""
    deny: str | None = None
    """Refuse where this holds."""
    require: str | None = None
    """Refuse where this does not hold."""
    redact: str | None = None
    """Where this holds, replace what was found."""
    flag: str | None = None
    """Where this holds, say so in the log."""
    prefer: str | None = None
    """Where this holds, try this endpoint before others."""
    kinds: tuple[str, ...] = ()
    """What `redact` replaces. Left out: all that was found."""


class RuleTestSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[rule_tests]]`: a case that the rules must decide as written, tried whenever the config is read."""

    expect: Literal["allow", "deny"]
    """What must come out."""
    name: str | None = None
    """What it is called in a failure."""
    on: Side = "request"
    """Whether it is about a request or a reply."""
    data_class: str | None = msgspec.field(name="class", default=None)
    """The declared class."""
    text: str = ""
    """What is sent; detectors read it."""
    scores: dict[str, float] = {}
    """The content guard's scores, 0 for those left out."""
    principal: str = "local"
    """Who asks."""
    route: str | None = None
    """The route or model that is asked for. Left out: `model`."""
    model: str | None = None
    """The model tried, at each of its endpoints. Left out: all that `route` stands for."""
    facts: dict[str, bool | int | str | tuple[str, ...]] = {}
    """Facts of the place by the names that conditions have for them, as in `"endpoint.hosting" = "vendor"`: with
    `model`, over what is known of it; without, all that is known of a place that is made up for the test."""
    at: str | None = None
    """The time (RFC 3339) at which it happens. Left out: any; rules that read `time` then cannot be tested."""
    rule: str | None = None
    """The rule that must be among those that spoke."""
    redact: tuple[str, ...] | None = None
    """The kinds that must be replaced."""
