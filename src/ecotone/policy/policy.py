"""All rules of a config, and what they say of a request and of a reply."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from threading import Lock
from typing import Any

import msgspec

from ecotone.policy.cel_library import Context, LibraryFault
from ecotone.policy.classes import DataClasses
from ecotone.policy.conditions import Use, near
from ecotone.policy.labels import Labels
from ecotone.policy.places import Place
from ecotone.policy.problem import Path, PolicyProblem
from ecotone.policy.request_values import (
    UNKNOWN,
    Key,
    Reader,
    ever_new,
    in_order,
    merged,
    readers,
    region,
    score_reader,
)
from ecotone.policy.rules import Rule, read_rules
from ecotone.policy.schema import ROOTS, Names, Schema, class_name_problem
from ecotone.policy.settings import DataSettings, GuardSettings, PrincipalSettings, RuleSettings
from ecotone.policy.verdict import Spoken, Verdict

_CLASSES_MAX = 20
_REMEMBERED_MAX = 20_000


class Policy:
    """The rules of one config, compiled. Answers depend on nothing but what is passed in; verdicts are remembered."""

    def __init__(
        self,
        classes: DataClasses,
        rules: tuple[Rule, ...],
        schema: Schema,
        *,
        threshold: float,
        floors: Mapping[str, int],
        principals: Mapping[str, PrincipalSettings],
        default: int,
        digest: str,
    ) -> None:
        """Use `compile`."""
        self.classes = classes
        self.rules = rules
        self.schema = schema
        self.threshold = threshold
        self.digest = digest
        self.principals = principals
        self.default = default
        self._floors = floors
        self._on_request = _Judge([rule for rule in rules if rule.on == "request"], schema, threshold)
        self._on_reply = _Judge([rule for rule in rules if rule.on == "reply"], schema, threshold)

    @classmethod
    def compile(
        cls,
        *,
        data: DataSettings,
        guard: GuardSettings,
        principals: Mapping[str, PrincipalSettings],
        routes: Mapping[str, str | None],
        rules: Sequence[RuleSettings],
        kinds: Sequence[str] | None = None,
        names: Names | None = None,
    ) -> "Policy":
        """The policy of a config. `routes` gives the floor of each route: the name of a class, or None. `kinds` are all
        that detectors can find (`Detectors.kinds`); None: names of kinds are not checked. Those of routes, models and
        places are checked against `names`.

        Raises PolicyProblem, whose path begins with `data`, `principals`, `routes` or `rules`.
        """
        classes = _read_classes(data)

        def rank(path: Path, name: str | None) -> int:
            if name is not None and name not in classes:
                raise PolicyProblem(path, f"there is no class {name!r}{near(name, classes.names)}")
            return 0 if name is None else classes.rank(name)

        default = rank(("data", "default"), data.default)
        for name, principal in principals.items():
            rank(("principals", name, "class"), principal.data_class)
        schema = Schema(classes.names, kinds=kinds, names=names)
        floors = {name: rank(("routes", name, "class"), floor) for name, floor in routes.items()}
        said = (data, guard, dict(principals), dict(routes), tuple(rules))
        return cls(
            classes,
            read_rules(rules, schema, kinds),
            schema,
            threshold=guard.threshold,
            floors=floors,
            principals=principals,
            default=default,
            digest=sha256(msgspec.json.encode(said, order="sorted")).hexdigest(),
        )

    def floor(self, principal: str, asked: str) -> int:
        """The least class (a rank) of what this caller sends to this route or model."""
        return max(self.caller_floor(principal), self.route_floor(asked))

    def caller_floor(self, principal: str) -> int:
        """The rank of the class of what this caller sends, unless it is a higher one."""
        named = self.principals.get(principal)
        own = None if named is None else named.data_class
        return self.default if own is None else max(self.default, self.classes.rank(own))

    def route_floor(self, asked: str) -> int:
        return self._floors.get(asked, 0)

    def decide(self, labels: Labels, place: Place, *, now: datetime | None) -> Verdict:
        """What the rules say of sending this request to this place. `now` None is unknown: rules that read it deny."""
        return self._on_request.verdict(labels, place, now)

    def decide_reply(self, reply: Labels, request: Labels, place: Place, *, now: datetime | None) -> Verdict:
        """What the rules on replies say of one: `data` and `content` are the reply's, all else the request's; the class
        is the higher of both."""
        labels = msgspec.structs.replace(
            request,
            data_class=max(reply.data_class, request.data_class),
            kinds=reply.kinds,
            uninspected=reply.uninspected,
            scores=reply.scores,
        )
        return self._on_reply.verdict(labels, place, now)

    @property
    def needs_detectors(self) -> bool:
        """Whether any rule on requests depends on what detectors find, be it through the class that finds raise to."""
        return self._on_request.reads_data

    @property
    def needs_guard(self) -> bool:
        """Whether any rule on requests reads `content`."""
        return self._on_request.reads_content

    @property
    def needs_reply_detectors(self) -> bool:
        return self._on_reply.reads_data

    @property
    def needs_reply_guard(self) -> bool:
        return self._on_reply.reads_content

    @property
    def remembered(self) -> int:
        """How many verdicts are remembered."""
        return self._on_request.remembered + self._on_reply.remembered

    @property
    def has_reply_rules(self) -> bool:
        return bool(self._on_reply.rules)


def _read_classes(data: DataSettings) -> DataClasses:
    path: Path = ("data", "classes")
    if not data.classes or len(data.classes) > _CLASSES_MAX:
        raise PolicyProblem(path, f"there are 1 to {_CLASSES_MAX} classes; name them, the least sensitive first")
    for name in data.classes:
        problem = class_name_problem(name)
        if problem is not None:
            raise PolicyProblem(path, problem)
        if data.classes.count(name) > 1:
            raise PolicyProblem(path, f"the class {name!r} is named twice")
    return DataClasses(data.classes)


class _Judge:
    """Applies the rules of one side, and remembers verdicts.

    A verdict is remembered for all requests that no rule can tell apart: those with equal values in every variable
    that is read, or, where a variable is only compared with constants, with values in the same region between them.
    So a score or an hour that moves within its region asks nobody again. Rules that do arithmetic or the like on what
    is new each time (a score, the moment, the length) are evaluated each time, and their answer is added.
    """

    def __init__(self, rules: Sequence[Rule], schema: Schema, threshold: float) -> None:
        self.rules = tuple(rules)
        request_readers = readers(threshold)
        fresh = [rule for rule in rules if _is_fresh(rule.condition.reads)]
        self._fresh = _Group(fresh, schema, request_readers)
        self._steady = _Group([rule for rule in rules if rule not in fresh], schema, request_readers)
        # What a request's key is made of.
        self._key_parts = [
            _part(self._steady.readers[path], use)
            for path, use in sorted(self._steady.uses.items())
            if path in self._steady.readers
        ]
        self._redacts = any(rule.effect == "redact" for rule in rules)
        read = (*self._steady.uses, *self._fresh.uses)
        self.reads_data = self._redacts or any(path.startswith("data.") for path in read)
        self.reads_content = any(path.startswith("content.") for path in read)
        self._remembered: dict[Key, dict[Place, Verdict]] = {}
        self.remembered = 0
        self._last: tuple[Labels, datetime | None, dict[Place, Verdict]] | None = None

    def verdict(self, labels: Labels, place: Place, now: datetime | None) -> Verdict:
        last = self._last
        if last is None or last[0] is not labels or last[1] is not now:
            last = self._last = (labels, now, self._alike(labels, now))
        known = last[2].get(place)
        if known is None:
            known = last[2][place] = self._steady.verdict(labels, place, now)
            self.remembered += 1
        return _joined(known, self._fresh.verdict(labels, place, now)) if self._fresh.rules else known

    def _alike(self, labels: Labels, now: datetime | None) -> dict[Place, Verdict]:
        """The verdicts on all requests like this one."""
        key: list[Any] = [part(labels, now) for part in self._key_parts]
        if self._redacts:
            key.append(labels.kinds)
        if self.remembered >= _REMEMBERED_MAX:
            self._remembered.clear()
            self.remembered = 0
        return self._remembered.setdefault(tuple(key), {})


class _Group:
    """Rules that are evaluated together, and all that they read: `readers` are those of the request's variables."""

    def __init__(self, rules: Sequence[Rule], schema: Schema, request_readers: Mapping[str, Reader]) -> None:
        self.rules = tuple(rules)
        self.uses = merged(rule.condition.reads for rule in rules)
        names = frozenset[str]().union(*(rule.condition.program.names for rule in rules))
        self._ranks = {name: rank for name, rank in schema.classes.items() if name in names}
        self._roots = [root for root in ROOTS if root in names]
        self._of_place = {
            root: [path for path in self.uses if path.startswith(f"{root}.")]
            for root in ("model", "endpoint")
            if root in names
        }
        self.readers = {
            path: request_readers.get(path) or score_reader(path.partition(".")[2])
            for path in self.uses
            if not _of_place(path)
        }
        self._last: tuple[Labels, datetime | None, Context] | None = None
        # The values of one place follow those of another in the same context: one thread at a time.
        self._alone = Lock()

    def verdict(self, labels: Labels, place: Place, now: datetime | None) -> Verdict:
        with self._alone:
            try:
                context = self._context(labels, now)
                for root, paths in self._of_place.items():
                    facts = ((path.partition(".")[2], place.fact(path)) for path in paths)
                    context.put(root, {name: value for name, value in facts if value is not UNKNOWN})
            except LibraryFault as error:
                told = [Spoken(rule.name, rule.effect, rule.because, str(error)) for rule in self.rules]
                return Verdict(not told, tuple(told))
            return verdict(self.rules, context, labels.kinds)

    def _context(self, labels: Labels, now: datetime | None) -> Context:
        """The request's values, made ready once for all places."""
        last = self._last
        if last is not None and last[0] is labels and last[1] is now:
            return last[2]
        values: dict[str, Any] = {**self._ranks, **{root: {} for root in self._roots}}
        for path, reader in self.readers.items():
            value = reader(labels, now)
            if value is not UNKNOWN:
                root, _, name = path.partition(".")
                values[root][name] = value
        context = Context(values)
        self._last = (labels, now, context)
        return context


def verdict(rules: Sequence[Rule], context: Context, kinds: frozenset[str]) -> Verdict:
    """What these rules say where the variables have these values; `kinds` are those found."""
    spoken: list[Spoken] = []
    redact: frozenset[str] = frozenset()
    preferred = 0
    for rule in rules:
        one = rule.spoken(rule.outcome(context))
        if one is not None and one.fault is None and rule.effect == "redact":
            replaced = kinds & rule.kinds if rule.kinds else kinds
            redact |= replaced
            one = one if replaced else None
        if one is None:
            continue
        spoken.append(one)
        preferred += one.effect == "prefer" and one.fault is None
    spoken.sort(key=_denies, reverse=True)
    return Verdict(not any(map(_denies, spoken)), tuple(spoken), redact, preferred)


def _joined(one: Verdict, other: Verdict) -> Verdict:
    return Verdict(
        one.allowed and other.allowed,
        tuple(sorted((*one.spoken, *other.spoken), key=_denies, reverse=True)),
        one.redact | other.redact,
        one.preferred + other.preferred,
    )


def _denies(one: Spoken) -> bool:
    return one.fault is not None or one.effect in ("deny", "require")


def _of_place(path: str) -> bool:
    return path.startswith(("model.", "endpoint."))


def _is_fresh(reads: Mapping[str, Use]) -> bool:
    return any(ever_new(path) and use.otherwise for path, use in reads.items())


def _part(reader: Reader, use: Use) -> Callable[[Labels, datetime | None], Any]:
    if use.otherwise or use.sought or use.counted:
        return reader
    constants = in_order(use.compared)
    return lambda labels, now: region(reader(labels, now), constants)
