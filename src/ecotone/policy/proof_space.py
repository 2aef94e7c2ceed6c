"""All that a request can be, as far as the rules of a config can tell requests apart: a finite space.

Each dimension has finitely many values. A variable that is only compared with constants has one value for each region
between them and one on each, so nothing is lost. What is read in another way and has no end of values (the text of a
moment, arithmetic on a score) is not a dimension: the condition on it is one, true or false.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import msgspec

from ecotone.policy.conditions import Constant, Use
from ecotone.policy.guard.categories import CATEGORIES
from ecotone.policy.labels import Labels
from ecotone.policy.places import Place
from ecotone.policy.policy import Policy
from ecotone.policy.request_values import in_order, readers, region, score_reader
from ecotone.policy.schema import OPERATIONS, UNINSPECTED

Assignment = Mapping[str, Any]
"""Values by dimension; a dimension that is not in it is open."""

ANY_OTHER = "(any other caller)"
_DAY = timedelta(days=1)
_FIRST_DAY = date(2026, 1, 1)
_LARGEST = 2**53
# With more scores than this a condition that counts what is flagged is tried both ways.
_SCORES_COUNTED_MAX = 6


class Asked(msgspec.Struct, frozen=True, eq=False):
    """One place that may answer for one name. `floor` is the least rank of what is asked of that name."""

    name: str
    place: Place
    floor: int


class Caller(msgspec.Struct, frozen=True):
    """One who asks; `named` is false for the one that stands for all whose names no rule and no setting mentions."""

    name: str
    purpose: str | None
    floor: int
    named: bool = True


class Tie(msgspec.Struct, frozen=True):
    """Two dimensions that limit each other, and whether two values go together."""

    one: str
    other: str
    fits: Callable[[Any, Any], bool]


class Space:
    """The dimensions that `uses` (how all conditions together read each variable) call for.

    `kinds` are all that detectors can find, and `rank` is the rank that a find of each raises a request to.
    """

    def __init__(
        self,
        policy: Policy,
        uses: Mapping[str, Use],
        candidates: Mapping[str, Sequence[Place]],
        kinds: Sequence[str],
        rank: Callable[[str], int],
    ) -> None:
        self._policy = policy
        self._uses = uses
        self._kinds = tuple(kinds)
        self._rank = rank
        self._readers = readers(policy.threshold)
        self._counts_flagged = False
        self.ties: list[Tie] = []
        self.all_asked = [
            Asked(name, place, policy.route_floor(name)) for name, places in candidates.items() for place in places
        ]
        self.all_callers = tuple(self._callers())
        self.dimensions: dict[str, tuple[Any, ...]] = {
            "asked": self._distinct_asked(),
            "caller": self._distinct_callers(),
            "class": tuple(range(len(policy.classes))),
        }
        self._tie("class", "asked", lambda rank, asked: rank >= asked.floor)
        self._tie("class", "caller", lambda rank, caller: rank >= caller.floor)
        self._add_kinds()
        self._add_content()
        self._add_request()
        self._add_time()
        self._tied: dict[str, list[tuple[str, Callable[[Any, Any], bool]]]] = {name: [] for name in self.dimensions}
        for tie in self.ties:
            self._tied[tie.one].append((tie.other, tie.fits))
            self._tied[tie.other].append((tie.one, _turned(tie.fits)))

    def add_free(self, name: str) -> None:
        """A condition that is tried both true and false."""
        self.dimensions[name] = (True, False)
        self._tied[name] = []

    def values(self, name: str, assignment: Assignment) -> Iterator[Any]:
        """The values of a dimension that go together with what is assigned."""
        ties = [(assignment[other], fits) for other, fits in self._tied[name] if other in assignment]
        for value in self.dimensions[name]:
            if all(fits(value, yours) for yours, fits in ties):
                yield value

    def neighbours(self, name: str) -> Iterator[str]:
        """The dimensions that limit this one."""
        for other, _ in self._tied[name]:
            yield other

    # The dimensions

    def _tie(self, one: str, other: str, fits: Callable[[Any, Any], bool]) -> None:
        self.ties.append(Tie(one, other, fits))

    def _use(self, path: str) -> Use:
        return self._uses.get(path, Use())

    def _distinct_asked(self) -> tuple[Asked, ...]:
        paths = [path for path in self._uses if path.startswith(("model.", "endpoint."))]
        by_name = "route.name" in self._uses
        found: dict[Any, Asked] = {}
        for asked in self.all_asked:
            facts = (*map(asked.place.fact, paths), asked.floor, asked.name if by_name else None)
            found.setdefault(facts, asked)
        return tuple(found.values())

    def _callers(self) -> Iterator[Caller]:
        policy = self._policy
        mentioned = [str(name) for name in self._use("principal.name").compared]
        for name in dict.fromkeys(("local", *policy.principals, *sorted(mentioned))):
            settings = policy.principals.get(name)
            yield Caller(name, None if settings is None else settings.purpose, policy.caller_floor(name))
        yield Caller(ANY_OTHER, None, policy.default, named=False)

    def _distinct_callers(self) -> tuple[Caller, ...]:
        """Callers that no condition and no floor tells apart are one, and the unnamed one stands for them if it can."""
        by_name, by_purpose = "principal.name" in self._uses, "principal.purpose" in self._uses
        found: dict[Any, Caller] = {}
        for caller in self.all_callers:
            key = (caller.name if by_name else None, caller.purpose if by_purpose else None, caller.floor)
            found.setdefault(key, caller)
        return tuple(found.values())

    def _add_kinds(self) -> None:
        use = self._use("data.kinds")
        for kind in sorted(map(str, use.sought)):
            self.dimensions[f"kind {kind}"] = (False, True)
            rank = self._rank(kind)
            self._tie("class", f"kind {kind}", partial(_raised, [rank]))
        if use.counted:
            floors = sorted(self._rank(kind) for kind in self._kinds if kind not in use.sought)
            self.dimensions["other kinds"] = tuple(range(min(len(floors), _largest(use.counted) + 1) + 1))
            # So many kinds that no condition names: those that raise the class least.
            self._tie("class", "other kinds", partial(_raised, floors))
        for kind in self._uninspected():
            self.dimensions[f"uninspected {kind}"] = (False, True)

    def _uninspected(self) -> tuple[str, ...]:
        use = self._use("data.uninspected")
        every = use.otherwise or use.counted
        return tuple(kind for kind in UNINSPECTED if every or kind in use.sought)

    def _add_content(self) -> None:
        if not any(path.startswith("content.") for path in self._uses):
            return
        self.dimensions["inspected"] = (True, False)
        flagged = self._use("content.flagged")
        read = [
            category for category in CATEGORIES if f"content.{category}" in self._uses or category in flagged.sought
        ]
        self._counts_flagged = bool(flagged.counted) and len(read) <= _SCORES_COUNTED_MAX
        for category in read:
            constants = set(self._use(f"content.{category}").compared)
            if category in flagged.sought or self._counts_flagged:
                constants.add(self._policy.threshold)
            name = f"score {category}"
            self.dimensions[name] = (*_numbers(constants, 0.0, 1.0), None)
            self._tie("inspected", name, lambda inspected, score: inspected == (score is not None))
        if self._counts_flagged:
            others = len(CATEGORIES) - len(read)
            self.dimensions["other flagged"] = tuple(range(min(others, _largest(flagged.counted) + 1) + 1))
            self._tie("inspected", "other flagged", lambda inspected, count: inspected or count == 0)

    def _add_request(self) -> None:
        if "request.operation" in self._uses:
            use = self._use("request.operation")
            named = [name for name in OPERATIONS if use.otherwise or name in use.compared]
            other = next((name for name in OPERATIONS if name not in named), None)
            self.dimensions["operation"] = (*named, *(() if other is None else (other,)))
        for name in ("stream", "tools"):
            if f"request.{name}" in self._uses:
                self.dimensions[name] = (False, True)
        constants = self._use("request.bytes").compared
        if constants:
            self.dimensions["bytes"] = tuple(
                dict.fromkeys(round(value) for value in _numbers(constants, 0, _LARGEST, whole=True))
            )

    def _add_time(self) -> None:
        paths = [path for path in self._uses if path.startswith("time.")]
        if not paths:
            return
        found: dict[Any, datetime] = {}
        constants = {path: in_order(self._use(path).compared) for path in paths}
        for moment in self._moments():
            key = []
            for path in paths:
                value = self._readers[path](Labels(0), moment)
                finite = path in ("time.hour", "time.weekday")
                key.append(value if finite and self._use(path).otherwise else region(value, constants[path]))
            found.setdefault(tuple(key), moment)
        self.dimensions["time"] = tuple(found.values())

    def _moments(self) -> Iterator[datetime]:
        """Moments in every combination of regions of hour, weekday, date and moment."""
        instants = sorted(
            constant.astimezone(UTC) for constant in self._use("time.now").compared if isinstance(constant, datetime)
        )
        days = sorted(
            {_FIRST_DAY}
            | {date.fromisoformat(str(constant)) for constant in self._use("time.date").compared}
            | {instant.date() for instant in instants}
        )
        wanted: dict[date, None] = {}
        for before, after in pairwise([days[0] - 8 * _DAY, *days, days[-1] + 8 * _DAY]):
            # A week between two days that count has every weekday; where there is no week, all days there are.
            for number in range(min((after - before).days, 8) + 1):
                wanted.setdefault(before + number * _DAY)
        wanted.setdefault(days[-1] + 8 * _DAY)
        for day in wanted:
            for hour in range(24):
                yield datetime.combine(day, time(hour, 30), UTC)
        for instant in instants:
            start = instant.replace(minute=0, second=0, microsecond=0)
            yield from (start, instant - timedelta(microseconds=1), instant, instant + timedelta(microseconds=1))
            yield start + timedelta(hours=1) - timedelta(microseconds=1)

    # What conditions read of it

    def open_ended(self, path: str, use: Use) -> bool:
        """Can a condition that reads a variable so not be decided by the dimensions?"""
        if path == "content.flagged":
            return use.otherwise or (bool(use.counted) and not self._counts_flagged)
        if path.startswith("content.") and path != "content.inspected":
            return use.otherwise
        return use.otherwise and path in ("request.bytes", "time.now", "time.date", "data.kinds")

    def needed(self, path: str, use: Use) -> tuple[str, ...]:
        """The dimensions that a variable, read so, depends on."""
        root, _, name = path.partition(".")
        match root:
            case "model" | "endpoint" | "route":
                return ("asked",)
            case "principal":
                return ("caller",)
            case "time":
                return ("time",)
            case "request":
                return (name,)
        match path:
            case "data.class":
                return ("class",)
            case "data.kinds" if not use.counted:
                return tuple(f"kind {kind}" for kind in sorted(map(str, use.sought)))
            case "data.kinds" | "data.uninspected":
                first = "kind " if name == "kinds" else "uninspected "
                return tuple(dim for dim in self.dimensions if dim.startswith(first) or dim == f"other {name}")
            case "content.inspected":
                return ("inspected",)
            case "content.flagged" if use.counted:
                of_guard = [dim for dim in self.dimensions if dim.startswith("score ")]
                return ("inspected", "other flagged", *of_guard)
            case "content.flagged":
                return ("inspected", *(f"score {category}" for category in sorted(map(str, use.sought))))
        return ("inspected", f"score {name}")

    def value(self, path: str, assignment: Assignment) -> Any:
        """A variable's value where all that it depends on is assigned; None: unknown."""
        if path.startswith(("model.", "endpoint.")):
            asked: Asked = assignment["asked"]
            return asked.place.fact(path)
        reader = self._readers.get(path) or score_reader(path.partition(".")[2])
        return reader(self.labels(assignment), assignment.get("time"))

    def labels(self, assignment: Assignment) -> Labels:
        """The request that is meant, what is open left as harmless as it can be."""
        names = {name.partition(" ")[2]: name for name in assignment if name.startswith("kind ")}
        kinds = {kind for kind, name in names.items() if assignment[name]}
        others = [kind for kind in sorted(self._kinds, key=self._rank) if f"kind {kind}" not in self.dimensions]
        kinds.update(others[: assignment.get("other kinds", 0)])
        uninspected = {kind for kind in UNINSPECTED if assignment.get(f"uninspected {kind}")}
        caller: Caller | None = assignment.get("caller")
        asked: Asked | None = assignment.get("asked")
        return Labels(
            data_class=assignment.get("class", 0),
            kinds=frozenset(kinds),
            uninspected=frozenset(uninspected),
            scores=self._scores(assignment),
            principal=ANY_OTHER if caller is None else caller.name,
            purpose=None if caller is None else caller.purpose,
            asked="" if asked is None else asked.name,
            operation=assignment.get("operation", "chat"),
            streams=assignment.get("stream", False),
            tools=assignment.get("tools", False),
            input_bytes=assignment.get("bytes", 0),
        )

    def _scores(self, assignment: Assignment) -> dict[str, float] | None:
        if assignment.get("inspected") is False:
            return None
        scores = dict.fromkeys(CATEGORIES, 0.0)
        unread = [category for category in scores if f"score {category}" not in self.dimensions]
        scores.update(dict.fromkeys(unread[: assignment.get("other flagged", 0)], 1.0))
        for category in scores:
            score = assignment.get(f"score {category}")
            if score is not None:
                scores[category] = score
        return scores

    # How large it is

    @property
    def combinations(self) -> int:
        """How many combinations there are, callers and places that nothing tells apart counted one by one."""
        of_class = ("asked", "caller", "class", "other kinds", "other flagged")
        rest = 1
        for name, values in self.dimensions.items():
            if name not in of_class and not name.startswith(("kind ", "score ", "inspected")):
                rest *= len(values)
        if "inspected" in self.dimensions:
            scored = 1
            for name, values in self.dimensions.items():
                if name == "other flagged" or name.startswith("score "):
                    scored *= len([value for value in values if value is not None])
            rest *= scored + 1
        at_class = [self._finds_up_to(rank) for rank in self.dimensions["class"]]
        return rest * sum(
            sum(at_class[max(asked.floor, caller.floor) :]) for asked in self.all_asked for caller in self.all_callers
        )

    def _finds_up_to(self, rank: int) -> int:
        """In how many ways kinds can be found in a request of this class."""
        count = 1
        for name in ("other kinds", *(name for name in self.dimensions if name.startswith("kind "))):
            if name in self.dimensions:
                count *= sum(1 for _ in self.values(name, {"class": rank}))
        return count


def _turned(fits: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda mine, yours: fits(yours, mine)


def _raised(ranks: Sequence[int], data_class: int, count: int) -> bool:
    """Is a request with the first `count` of some kinds in it, each of which raises it to its rank, of this class?"""
    return count == 0 or data_class >= ranks[count - 1]


def _largest(constants: frozenset[Constant]) -> int:
    """The largest of numbers, 0 if none is larger."""
    return max(0, *(int(float(str(constant))) for constant in constants))


def _numbers(constants: Any, least: float, most: float, *, whole: bool = False) -> list[float]:
    """Numbers on, between and around constants, within bounds."""
    inside = [constant for constant in in_order(constants) if least <= constant <= most]
    marks: list[float] = [least, *inside, most]
    values: list[float] = []
    for before, after in pairwise(marks):
        values.append(before)
        if after > before:
            between = int(before) + 1 if whole else before + (after - before) / 2
            if before < between < after:
                values.append(between)
    values.append(most)
    points = in_order(constants)
    distinct = {region(value, points): value for value in reversed(values)}
    return [value for _, value in sorted(distinct.items())]
