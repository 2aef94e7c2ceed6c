"""The rules in force: shown, tested, tried on a text, proved, and what they refused."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import msgspec

from ecotone.gateway.build import content_guard, installed_redaction
from ecotone.gateway.events import Event, event_words, read_events
from ecotone.gateway.keys import CONSOLE, LOCAL, Keys
from ecotone.gateway.rules.named_callers import caller_warnings
from ecotone.gateway.rules.proving import Promise, Rulebook, compile_rulebook, proved, strangers, tested
from ecotone.gateway.rules.refusals import Refusal, recent_refusals
from ecotone.gateway.rules.trial import Trial, Wish, tried
from ecotone.policy.guard.guard import Guard
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.prove import NoProof
from ecotone.policy.rule_tests import RuleTestResult
from ecotone.policy.settings import RuleTestSettings
from ecotone.policy.starters import starters, summary
from ecotone.policy.verdict import Effect, Side
from ecotone.storage.database import Database
from ecotone.storage.database_thread import DatabaseThread
from ecotone.values.errors import MalformedRequest, SetupError
from ecotone.web.control.api import Call
from ecotone.web.control.control import Control

TEXT_CHARS_MAX = 500_000
_HOURS_MAX = 24 * 90


class ShownRule(msgspec.Struct, frozen=True):
    """A rule. `kinds` are what it replaces, empty for all that was found; `reads` what its condition reads; `tests` the
    numbers of the tests, from 0, in which it spoke."""

    name: str
    on: Side
    effect: Effect
    condition: str
    because: str
    kinds: tuple[str, ...]
    reads: tuple[str, ...]
    tests: tuple[int, ...]


class ShownTest(RuleTestResult, frozen=True):
    """A test of the rules as the config has it, and what came of it."""

    settings: RuleTestSettings


class ShownClass(msgspec.Struct, frozen=True):
    """A data class. `raised_by` are the kinds of finds that raise a request to it, `principals` and `routes` those
    whose requests are at least of it, as with `default` all are."""

    name: str
    rank: int
    default: bool
    raised_by: tuple[str, ...]
    principals: tuple[str, ...]
    routes: tuple[str, ...]


class LookedInto(msgspec.Struct, frozen=True):
    """Whether requests, or replies, are read for sensitive data and scored for risks: only where a rule asks."""

    finds: bool
    scores: bool


class Reads(msgspec.Struct, frozen=True):
    """What the rules have looked into. `kinds` are all that detectors find, `threshold` the score from which a risk
    counts, `guard_models` those of the owner's that score beside the shipped classifier; a conversation keeps its class
    for `remember_h` hours."""

    requests: LookedInto
    replies: LookedInto
    kinds: tuple[str, ...]
    threshold: float
    guard_models: tuple[str, ...]
    remember_h: int


class RulesInForce(msgspec.Struct, frozen=True):
    """The policy as it stands. `digest` is of all that it was made from, and stands with every decision in the log;
    `config_file` is None where there is no config, and so no rule."""

    digest: str
    config_file: str | None
    classes: tuple[ShownClass, ...]
    reads: Reads
    rules: tuple[ShownRule, ...]
    tests: tuple[ShownTest, ...]


class TryText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text to try. `model` is a model or route, None for every model by its own name; `class` what the request
    declares; `principal` who asks."""

    text: str
    model: str | None = None
    data_class: str | None = msgspec.field(name="class", default=None)
    principal: str = "local"


class PromiseText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two conditions, as rules have them: nothing for which `condition` holds is ever sent where `never` holds."""

    condition: str
    never: str


class RulesSince(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far to look back."""

    hours: int = 24


class Readable(msgspec.Struct, frozen=True):
    """A variable that conditions may read. `words` are all that it can be, None for anything; `unknown` says when it is
    not known, None: it always is."""

    path: str
    kind: str
    about: str
    words: tuple[str, ...] | None
    unknown: str | None


class Starter(msgspec.Struct, frozen=True):
    """Rules to begin with, as a text for ecotone.toml."""

    name: str
    about: str
    text: str


class ToldEvent(msgspec.Struct, frozen=True):
    """Something that somebody should look at, in words."""

    event: Event
    words: str


class Rules:
    """The rules of the config in force, compiled once for each config."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._thread = DatabaseThread(lambda: Database(control.home.database))
        self._compiling = asyncio.Lock()
        self._proving = asyncio.Lock()
        self._book: Rulebook | None = None
        self._guard: Guard | None = None
        self._shown: tuple[Rulebook, date, RulesInForce] | None = None

    async def book(self) -> Rulebook:
        """The rules in force."""
        runtime = self._control.runtime
        async with self._compiling:
            book, config, vendors = self._book, runtime.config, runtime.vendors
            if book is None or book.config is not config or book.vendors is not vendors:
                book = await asyncio.to_thread(compile_rulebook, config, runtime.environment, vendors)
                self._guard = (
                    await asyncio.to_thread(content_guard, book.config.guard) if book.policy.needs_guard else None
                )
                self._book = book
            return book

    async def shown(self) -> RulesInForce:
        """The policy as it stands, its tests run; once a day, as vendors' terms change with it."""
        book, today = await self.book(), self._control.now().date()
        if self._shown is None or self._shown[0] is not book or self._shown[1] != today:
            results = await asyncio.to_thread(tested, book, today)
            file = self._control.config_file
            # Meanwhile another config may have come: what is kept is known for that of its own rules.
            self._shown = book, today, _in_force(book, results, None if file is None else str(file))
        return self._shown[2]

    async def tried(self, wish: Wish) -> Trial:
        """Raises MalformedRequest and ModelNotFound."""
        if len(wish.text) > TEXT_CHARS_MAX:
            raise MalformedRequest(f"The text is longer than {TEXT_CHARS_MAX:,} characters. Try a part of it.")
        book = await self.book()
        directory = self._control.runtime.gateway.directory
        problems = {
            endpoint.id: problem
            for model in directory.models.values()
            for endpoint in model.endpoints
            if (problem := endpoint.problem()) is not None
        }
        return await asyncio.to_thread(
            tried,
            book,
            wish,
            redaction=installed_redaction(self._control.home),
            guard=self._guard,
            now=self._control.now(),
            problems=problems,
        )

    async def callers(self) -> tuple[str, ...]:
        """Who may ask: callers without a key, those that the config names, the valid keys, and the console."""
        book = await self.book()
        return tuple(dict.fromkeys((LOCAL.name, *book.policy.principals, *await self._key_names(), CONSOLE.name)))

    async def warnings(self) -> tuple[str, ...]:
        """What is right in the rules, and speaks of callers that nobody is."""
        book, keys = await self.book(), await self._key_names()
        return await asyncio.to_thread(lambda: tuple(caller_warnings(book.config, keys)))

    async def strangers(self, condition: str, never: str) -> tuple[str, ...]:
        """The callers that a promise speaks of and that nobody is, in words. Both conditions are right."""
        return strangers(await self.book(), await self._key_names(), condition, never)

    async def _key_names(self) -> tuple[str, ...]:
        keys = await self._thread.do(lambda database: Keys(database).list())
        return tuple(key.name for key in keys if key.revoked_at is None)

    async def proved(self, condition: str, never: str) -> Promise:
        """One at a time: each takes a core. Raises PolicyProblem and NoProof."""
        book = await self.book()
        async with self._proving:
            return await asyncio.to_thread(proved, book, condition, never, self._control.now().date())

    async def refusals(self, hours: int) -> tuple[Refusal, ...]:
        book = await self.book()
        since = self._control.now() - timedelta(hours=_hours(hours))
        threshold = book.policy.threshold
        return await self._thread.do(lambda database: recent_refusals(database, since, risk_min=threshold))

    async def events(self, hours: int) -> tuple[ToldEvent, ...]:
        """The latest first."""
        since = self._control.now() - timedelta(hours=_hours(hours))
        events = await self._thread.do(lambda database: read_events(database, since))
        return tuple(ToldEvent(event, event_words(event)) for event in reversed(events))

    def close(self) -> None:
        self._thread.close()


def _hours(hours: int) -> int:
    if not 1 <= hours <= _HOURS_MAX:
        raise MalformedRequest(f"hours is a number from 1 to {_HOURS_MAX}.")
    return hours


def _in_force(book: Rulebook, results: Sequence[RuleTestResult], file: str | None) -> RulesInForce:
    policy = book.policy
    tests = tuple(
        ShownTest(**msgspec.structs.asdict(result), settings=settings)
        for settings, result in zip(book.config.rule_tests, results, strict=True)
    )
    rules = tuple(
        ShownRule(
            name=rule.name,
            on=rule.on,
            effect=rule.effect,
            condition=rule.condition.text.strip(),
            because=rule.because,
            kinds=tuple(sorted(rule.kinds)),
            reads=tuple(sorted(rule.condition.reads)),
            tests=tuple(number for number, test in enumerate(tests) if rule.name in test.spoke),
        )
        for rule in policy.rules
    )
    reads = Reads(
        requests=LookedInto(policy.needs_detectors or policy.needs_guard, policy.needs_guard),
        replies=LookedInto(policy.needs_reply_detectors, policy.needs_reply_guard),
        kinds=book.detectors.kinds,
        threshold=policy.threshold,
        guard_models=tuple(book.config.guard.models),
        remember_h=book.config.data.remember_h,
    )
    return RulesInForce(policy.digest, file, tuple(_classes(book)), reads, rules, tests)


def _classes(book: Rulebook) -> list[ShownClass]:
    policy = book.policy
    routes = {name: policy.route_floor(name) for name in book.config.routes}
    principals: Mapping[str, int] = {
        name: policy.classes.rank(settings.data_class)
        for name, settings in policy.principals.items()
        if settings.data_class is not None
    }
    return [
        ShownClass(
            name=name,
            rank=rank,
            default=rank == policy.default,
            raised_by=tuple(kind for kind in book.detectors.kinds if rank and book.detectors.rank(kind) == rank),
            principals=tuple(one for one, floor in principals.items() if floor == rank),
            routes=tuple(one for one, floor in routes.items() if rank and floor == rank),
        )
        for rank, name in enumerate(policy.classes.names)
    ]


def promise_problem(problem: PolicyProblem) -> tuple[str, str]:
    """Which of the two conditions is not right (`condition` or `never`), and why."""
    return ("never" if problem.path == ("never",) else "condition"), problem.message


# --- operations


async def show_rules(control: Control) -> RulesInForce:
    """The rules in force, their tests with results, and the data classes."""
    return await control.once(Rules).shown()


async def try_text(control: Control, body: TryText) -> Trial:
    """What would become of a text if it were sent, and why; nothing is sent."""
    return await control.once(Rules).tried(Wish(body.text, body.model, body.data_class, body.principal))


async def prove_promise(control: Control, body: PromiseText) -> Promise:
    """Check over everything that the config allows that nothing of a kind is ever sent to a place of a kind."""
    try:
        return await control.once(Rules).proved(body.condition, body.never)
    except PolicyProblem as problem:
        field, message = promise_problem(problem)
        raise MalformedRequest(f"{field}: {message}", param=field) from None
    except NoProof as reason:
        raise SetupError(f"It cannot be told: {reason}.") from None


async def list_refusals(control: Control, query: RulesSince) -> tuple[Refusal, ...]:
    """Requests that the rules refused or flagged, the latest first, 200 of them at most."""
    return await control.once(Rules).refusals(query.hours)


async def list_rule_events(control: Control, query: RulesSince) -> tuple[ToldEvent, ...]:
    """Signs of misuse that the gateway noted, the latest first."""
    return await control.once(Rules).events(query.hours)


async def list_variables(control: Control) -> tuple[Readable, ...]:
    """What conditions of rules may read."""
    schema = (await control.once(Rules).book()).policy.schema
    return tuple(
        Readable(
            path,
            str(variable.kind).partition(" ")[2],
            variable.about,
            variable.kind.words if variable.kind.element is None else variable.kind.element.words,
            variable.unknown,
        )
        for path, variable in schema.variables.items()
    )


async def list_rule_starters() -> tuple[Starter, ...]:
    """Rules for common wishes, to copy into ecotone.toml."""
    return tuple(Starter(name, summary(text), text) for name, text in starters().items())


CALLS = (
    Call("GET", "/rules", show_rules),
    Call("POST", "/rules/try", try_text),
    Call("POST", "/rules/proofs", prove_promise),
    Call("GET", "/rules/refusals", list_refusals),
    Call("GET", "/rules/events", list_rule_events),
    Call("GET", "/rules/variables", list_variables),
    Call("GET", "/rules/starters", list_rule_starters),
)
