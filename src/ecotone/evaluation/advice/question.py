"""What is asked of `advise`: the work, its volume, and the conditions that an answer must keep."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from ecotone.catalog.hardware import Machine
from ecotone.catalog.organisation import Organisation
from ecotone.catalog.quality import WORK
from ecotone.gateway.settings.toml_file import TomlFile, read_text, suggestion
from ecotone.values.errors import SetupError

Need = Literal["tools", "images", "audio", "reasoning", "json"]
Criterion = Literal["quality", "cost", "lock_in", "openness"]
Switching = Literal["easy", "normal", "hard"]

CRITERIA: tuple[Criterion, ...] = ("quality", "cost", "lock_in", "openness")

LOCK_IN_FACTORS: Mapping[Switching, Decimal] = MappingProxyType(
    {"easy": Decimal("0.5"), "normal": Decimal(1), "hard": Decimal(3)}
)


class Work(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[work]`: what is to be done, and how much of it."""

    requests_per_month: int
    """Requests in a month."""
    input_tokens: int
    """Tokens of a request's prompt, on average."""
    output_tokens: int
    """Tokens of an answer, on average; hidden reasoning counts."""
    category: str = "general"
    """The kind of work, for public evidence of quality."""
    suite: str | None = None
    """A suite of your own: what was measured on it here counts instead of public evidence."""
    cached_input_share: Decimal = Decimal(0)
    """Share of the prompt's tokens that vendors read from their cache, 0 to 1."""
    context_tokens: int | None = None
    """The longest prompt and answer together. Left out: four times the average."""
    needs: tuple[Need, ...] = ()
    """What a model must be able to do."""
    switching: Switching = "normal"
    """How hard a later switch to another model would hurt: the weight of lock-in counts half, once or three times."""

    @property
    def context_tokens_min(self) -> int:
        return self.context_tokens or 4 * (self.input_tokens + self.output_tokens)


class Privacy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[privacy]`: what may happen to the texts."""

    data_class: str | None = None
    """The data class of the texts, for the report."""
    may_leave: bool = True
    """May the texts leave the team's own machines?"""
    regions: tuple[str, ...] | None = None
    """Where a vendor may process and keep them: `EU`, `US`, or ISO 3166 codes. Left out: anywhere."""
    retention_days_max: int | None = None
    """For how many days a vendor may keep them. Left out: any time."""
    training_allowed: bool = False
    """May a vendor train on them?"""
    baa_needed: bool = False
    """Must the vendor sign a business associate agreement (health data in the USA)?"""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[limits]`: hard conditions on the answer."""

    monthly_usd_max: Decimal | None = None
    """The most that it may cost in a month."""
    rating_min: int | None = None
    """The least public rating, in the points of the evidence."""
    score_min: float | None = None
    """The least share of right answers on your own suite, 0 to 1."""
    first_token_ms_max: int | None = None
    """The longest median wait for the first token, where it was measured here."""
    tokens_per_s_min: float | None = None
    """The least median speed of one answer, where it was measured here."""
    weights: Literal["open", "closed"] | None = None
    """Only open-weight or only closed models."""


class OwnMachine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[machines]]`: a machine that open models could run on. All money is US dollars."""

    name: str
    """What it is called in the answer."""
    tokens_per_s: dict[str, Decimal]
    """By model (catalog id): tokens of answers a second, all requests together, on work of these lengths."""
    throughput: Literal["measured", "stated"] = "stated"
    """Were these speeds measured here, or are they stated by somebody?"""
    price: Decimal | None = None
    """What it costs to buy. Neither price nor rent: it is at hand."""
    lifetime_months: int = 36
    """Months over which its price is spread."""
    rent_per_hour: Decimal | None = None
    """What it costs to rent, paid around the clock."""
    power_watts: Decimal = Decimal(0)
    """What it draws, around the clock; 0 where the rent includes it."""
    energy_price_per_kwh: Decimal = Decimal("0.30")
    """What electricity costs."""
    utilisation: Decimal = Decimal("0.5")
    """The share of the month's hours in which there is work for it; above 0, at most 1."""
    staff_hours_per_month: Decimal = Decimal(0)
    """Hours that somebody spends on it."""
    staff_rate: Decimal = Decimal(0)
    """What such an hour costs."""

    def serving(self, model: str, *, speed_factor: Decimal = Decimal(1), cost_factor: Decimal = Decimal(1)) -> Machine:
        """This machine with that model on it. Raises SetupError for numbers that no machine has."""
        return Machine(
            self.name,
            self.tokens_per_s[model] * speed_factor,
            self.throughput,
            price=None if self.price is None else self.price * cost_factor,
            lifetime_months=self.lifetime_months,
            rent_per_hour=None if self.rent_per_hour is None else self.rent_per_hour * cost_factor,
            power_watts=self.power_watts,
            energy_price_per_kwh=self.energy_price_per_kwh * cost_factor,
            utilisation=self.utilisation,
            staff_hours_per_month=self.staff_hours_per_month,
            staff_rate=self.staff_rate * cost_factor,
        )


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[weights]`: how much each criterion counts; only their proportions matter."""

    quality: Decimal = Decimal(5)
    """How good the answers are."""
    cost: Decimal = Decimal(3)
    """What it costs in a month."""
    lock_in: Decimal = Decimal(1)
    """How many places could run the same model."""
    openness: Decimal = Decimal(0)
    """How much of the model is open to be studied and changed."""

    def of(self, criterion: Criterion) -> Decimal:
        weight: Decimal = getattr(self, criterion)
        return weight


class Assumptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[assumptions]`: factors on prices and speeds, to see what it would change if they were others than today's."""

    vendor_prices: Decimal = Decimal(1)
    """All vendors' prices, times today's."""
    machine_costs: Decimal = Decimal(1)
    """What own machines cost to buy or rent, to power and to staff, times what is stated."""
    machine_speeds: Decimal = Decimal(1)
    """How fast own machines are, times what is stated."""


AS_FOUND = Assumptions()
UNTITLED = "Open or closed?"


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that `advise` is told; a TOML file has these tables."""

    work: Work
    title: str = UNTITLED
    """What the report is called."""
    providers: tuple[str, ...] | None = None
    """Vendors to consider. Left out: all that are known."""
    models: tuple[str, ...] | None = None
    """Models to consider (catalog ids). Left out: all that there is evidence for."""
    train_on_outputs: bool = False
    """Are the answers meant for training another model?"""
    privacy: Privacy = Privacy()
    limits: Limits = Limits()
    weights: Weights = Weights()
    assumptions: Assumptions = Assumptions()
    organisation: Organisation = Organisation()
    machines: tuple[OwnMachine, ...] = ()

    @property
    def counted(self) -> Weights:
        """The weights as they count: lock-in by how hard a switch would hurt."""
        factor = LOCK_IN_FACTORS[self.work.switching]
        return msgspec.structs.replace(self.weights, lock_in=self.weights.lock_in * factor)


def read_question(file: Path) -> Question:
    """Read a question from a TOML file. Raises ConfigError with file, line and reason."""
    toml = TomlFile(read_text(file, "give the path of a TOML file with a [work] table, or flags"), file)
    question = toml.read(Question)
    for path, reason in problems(question).items():
        raise toml.error(path, reason)
    return question


def problems(question: Question) -> Mapping[tuple[str | int, ...], str]:
    """What cannot be meant, by the place where it is said; empty if all is well."""
    found = dict.fromkeys(_endless(question, ()), "not a number that can be counted with")
    if found:
        return found
    work, weights = question.work, question.weights
    if work.category not in WORK:
        found["work", "category"] = f"unknown category {work.category!r}{suggestion(work.category, sorted(WORK))}"
    for name in ("requests_per_month", "input_tokens", "output_tokens"):
        if getattr(work, name) < 1:
            found["work", name] = f"{name} must be at least 1"
    if not 0 <= work.cached_input_share <= 1:
        found["work", "cached_input_share"] = "cached_input_share is a share: 0 to 1"
    if work.context_tokens is not None and work.context_tokens < work.input_tokens + work.output_tokens:
        found["work", "context_tokens"] = "context_tokens is less than the average prompt and answer together"
    for criterion in weights.__struct_fields__:
        if getattr(weights, criterion) < 0:
            found["weights", criterion] = "a weight cannot be negative"
    for name in question.assumptions.__struct_fields__:
        if getattr(question.assumptions, name) <= 0:
            found["assumptions", name] = "a factor must be above 0; 1 leaves things as they are"
    if not any(getattr(weights, criterion) for criterion in weights.__struct_fields__):
        found["weights",] = "at least one weight must be above 0"
    return found | _of_conditions(question) | _of_machines(question)


def _of_conditions(question: Question) -> dict[tuple[str | int, ...], str]:
    found: dict[tuple[str | int, ...], str] = {}
    limits, privacy, suite = question.limits, question.privacy, question.work.suite
    for name in ("monthly_usd_max", "first_token_ms_max", "tokens_per_s_min"):
        if (getattr(limits, name) or 0) < 0:
            found["limits", name] = f"{name} cannot be negative"
    if (privacy.retention_days_max or 0) < 0:
        found["privacy", "retention_days_max"] = "retention_days_max cannot be negative; 0 is not kept at all"
    for region in privacy.regions or ():
        if len(region) != 2 or not region.isascii() or not region.isalpha():
            found["privacy", "regions"] = f"{region!r} is no region: EU, or an ISO 3166 code of two letters"
    if limits.score_min is not None and suite is None:
        found["limits", "score_min"] = "score_min needs a suite of your own: set suite in [work]"
    if limits.rating_min is not None and suite is not None:
        found["limits", "rating_min"] = "rating_min is for public evidence; with a suite of your own, set score_min"
    return found


def _of_machines(question: Question) -> dict[tuple[str | int, ...], str]:
    found: dict[tuple[str | int, ...], str] = {}
    names = [machine.name for machine in question.machines]
    for index, machine in enumerate(question.machines):
        if names.index(machine.name) != index:
            found["machines", index, "name"] = f"there are two machines {machine.name!r}; give each a name of its own"
        if not machine.tokens_per_s:
            found["machines", index, "tokens_per_s"] = f"machine {machine.name!r} names no model with its tokens_per_s"
        try:
            for model in machine.tokens_per_s:
                machine.serving(model)
        except SetupError as error:
            found["machines", index] = error.message
    return found


def _endless(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """Where numbers are that TOML knows and nothing can be paid with: inf and nan."""
    if isinstance(value, Decimal | float):
        if not isfinite(value):
            yield path
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _endless(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _endless(item, (*path, str(key)))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _endless(item, (*path, index))
