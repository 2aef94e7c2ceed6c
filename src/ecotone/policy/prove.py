"""Do the rules keep a promise, whatever is asked?

"Nothing for which CONDITION holds is ever sent where NEVER holds" is checked over the whole space of requests that the
config allows (`proof_space`): values are assigned one dimension after another, and where the rules already deny, or a
condition of the promise is already false, all combinations below are settled at once. So every combination is covered.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ecotone.policy.cel_library import Fault
from ecotone.policy.cel_syntax import ConditionError
from ecotone.policy.conditions import Condition, read_condition, told
from ecotone.policy.labels import Labels
from ecotone.policy.places import Place
from ecotone.policy.policy import Policy
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.proof_space import Asked, Assignment, Caller, Space
from ecotone.policy.request_values import merged
from ecotone.policy.rules import Rule
from ecotone.policy.truth import FREE, FREE_FOR_UNNAMED, Answer, Truth, truth
from ecotone.policy.verdict import Verdict

_STEPS_MAX = 2_000_000


class Counterexample(msgspec.Struct, frozen=True):
    """A request that breaks the promise: `labels` of it, the name that is `asked` for and the `place` it is sent to.

    `assumed` are conditions that were tried both ways, with the outcome that leads here: whether any request has it was
    not asked. `unknown` are parts of the promise that cannot be evaluated there, which may therefore hold. `verdict` is
    what the rules say of it, None where something is assumed.
    """

    labels: Labels
    asked: str
    place: Place
    time: str | None
    read: tuple[str, ...]
    assumed: Mapping[str, bool]
    unknown: tuple[str, ...]
    verdict: Verdict | None


class Proof(msgspec.Struct, frozen=True):
    """Whether a promise holds, over how many combinations, and of what: `dimensions` by name, each with how many values
    it has. `idle`: no combination meets both conditions, whatever the rules say."""

    holds: bool
    combinations: int
    dimensions: Mapping[str, int]
    counterexample: Counterexample | None = None
    idle: bool = False


class NoProof(Exception):
    """It cannot be told: the space cannot be gone through in the steps that a proof may take."""


def prove(
    policy: Policy,
    condition: str,
    never: str,
    *,
    candidates: Mapping[str, Sequence[Place]],
    kinds: Sequence[str],
    rank: Callable[[str], int],
) -> Proof:
    """Check that nothing for which `condition` holds is sent where `never` holds.

    `candidates` gives the places behind every route and model that can be asked for. `kinds` are those that detectors
    can find (`Detectors.kinds`), `rank` is the class that a find raises to (`Detectors.rank`).

    Raises PolicyProblem for a condition that is not right (its path is `("condition",)` or `("never",)`), and
    NoProof.
    """
    promise = (_promised("condition", condition, policy), _promised("never", never, policy))
    rules = [rule for rule in policy.rules if rule.on == "request"]
    uses = merged([*(one.reads for one in promise), *(rule.condition.reads for rule in rules)])
    space = Space(policy, uses, candidates, kinds, rank)
    wanted: list[_Wish] = [_Claim(truth(one, space, policy.schema), one.text) for one in promise]
    passed: list[_Wish] = [_Passed(truth(rule.condition, space, policy.schema), rule) for rule in rules]
    search = _Search(space)
    found = search.solution([*wanted, *passed])
    proof = Proof(found is None, space.combinations, _counted(space))
    if found is None:
        return msgspec.structs.replace(proof, idle=search.solution(wanted) is None)
    return msgspec.structs.replace(proof, counterexample=_shown(policy, space, uses, wanted, found))


def _promised(name: str, text: str, policy: Policy) -> Condition:
    try:
        return read_condition(text, policy.schema)
    except ConditionError as error:
        raise PolicyProblem((name,), told(error, text)) from None


def _counted(space: Space) -> dict[str, int]:
    counts = {name: len(values) for name, values in space.dimensions.items()}
    return {**counts, "asked": len(space.all_asked), "caller": len(space.all_callers)}


def _shown(
    policy: Policy, space: Space, uses: Iterable[str], wanted: Sequence["_Wish"], found: Assignment
) -> Counterexample:
    asked: Asked = found["asked"]
    labels = space.labels(found)
    moment = found.get("time")
    caller: Caller = found["caller"]
    prefixes = (FREE,) if caller.named else (FREE, FREE_FOR_UNNAMED)
    assumed = {
        name.removeprefix(prefix): value
        for name, value in found.items()
        for prefix in prefixes
        if name.startswith(prefix)
    }
    verdict = None if assumed else policy.decide(labels, asked.place, now=moment)
    if verdict is not None and not verdict.allowed:
        denials = ", ".join(one.rule for one in verdict.denials)
        raise NoProof(f"the search and the rules disagree about {labels}, a fault in Ecotone: {denials}")
    return Counterexample(
        labels=labels,
        asked=asked.name,
        place=asked.place,
        time=None if moment is None else moment.isoformat(),
        read=tuple(sorted(uses)),
        assumed=assumed,
        unknown=tuple(wish.text for wish in wanted if isinstance(wish.truth.answer(found), Fault)),
        verdict=verdict,
    )


class _Wish:
    """Something that a counterexample must fulfil."""

    def __init__(self, truth: Truth, text: str) -> None:
        self.truth = truth
        self.text = text

    def fulfilled(self, answer: bool | Fault) -> bool:
        raise NotImplementedError

    def settled(self, assignment: Assignment) -> bool | None:
        answer: Answer = self.truth.answer(assignment)
        return None if answer is None else self.fulfilled(answer)


class _Claim(_Wish):
    """A condition of the promise holds, or may hold as a fact that it asks for is unknown."""

    def fulfilled(self, answer: bool | Fault) -> bool:
        return answer is not False


class _Passed(_Wish):
    """A rule does not deny."""

    def __init__(self, truth: Truth, rule: Rule) -> None:
        super().__init__(truth, rule.name)
        self._effect = rule.effect

    def fulfilled(self, answer: bool | Fault) -> bool:
        if isinstance(answer, Fault):
            return False
        return answer if self._effect == "require" else not (answer and self._effect == "deny")


class _Search:
    """Looks for values of all dimensions that fulfil all wishes."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._steps = 0

    def solution(self, wishes: Sequence[_Wish]) -> dict[str, Any] | None:
        """Such values, None if there are none. Raises NoProof."""
        return self._solve(set(self._space.dimensions), wishes, {})

    def _solve(self, names: set[str], wishes: Sequence[_Wish], assignment: dict[str, Any]) -> dict[str, Any] | None:
        """Values for the dimensions `names`, which nothing but `assignment` ties to others."""
        still: list[_Wish] = []
        for wish in wishes:
            settled = wish.settled(assignment)
            if settled is False:
                return None
            if settled is None:
                still.append(wish)
        solved: dict[str, Any] = {}
        for group, group_wishes in self._groups(names, still):
            found = self._solve_group(group, group_wishes, assignment)
            if found is None:
                return None
            solved.update(found)
        return solved

    def _solve_group(
        self, names: set[str], wishes: Sequence[_Wish], assignment: dict[str, Any]
    ) -> dict[str, Any] | None:
        name = self._next(names, wishes)
        for value in self._space.values(name, assignment):
            self._steps += 1
            if self._steps > _STEPS_MAX:
                raise NoProof(f"not settled after {_STEPS_MAX:,} steps; ask about fewer things at once")
            found = self._solve(names - {name}, wishes, {**assignment, name: value})
            if found is not None:
                return {name: value, **found}
        return None

    def _next(self, names: set[str], wishes: Sequence[_Wish]) -> str:
        """A dimension that the wish with the fewest open ones needs, so that it is settled soon."""
        if not wishes:
            return min(names)
        needs: list[list[str]] = [sorted(wish.truth.needs & names) for wish in wishes]
        return min(needs, key=len)[0]

    def _groups(self, names: set[str], wishes: Sequence[_Wish]) -> list[tuple[set[str], list[_Wish]]]:
        """Dimensions that have nothing to do with each other are solved each for themselves."""
        groups: list[tuple[set[str], list[_Wish]]] = []
        left = set(names)
        while left:
            group, reached, inside = set[str](), {min(left)}, []
            open_wishes = list(wishes)
            while reached:
                name = reached.pop()
                group.add(name)
                reached.update(other for other in self._space.neighbours(name) if other in left)
                for wish in [wish for wish in open_wishes if name in wish.truth.needs]:
                    open_wishes.remove(wish)
                    inside.append(wish)
                    reached.update(wish.truth.needs & left)
                reached -= group
            left -= group
            groups.append((group, inside))
        # What has most to fulfil is the likeliest to have no solution.
        return sorted(groups, key=lambda group: -len(group[1]))
