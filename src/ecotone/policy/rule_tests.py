"""`[[rule_tests]]`: cases that the rules of a config must decide as its owner wrote them down."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from ecotone.policy.conditions import near
from ecotone.policy.detectors.detectors import Detectors
from ecotone.policy.guard.categories import CATEGORIES
from ecotone.policy.inspection import inspect
from ecotone.policy.labels import Labels
from ecotone.policy.places import Place
from ecotone.policy.policy import Policy
from ecotone.policy.problem import Path, PolicyProblem
from ecotone.policy.schema import STRING, Kind
from ecotone.policy.settings import RuleTestSettings
from ecotone.policy.verdict import Verdict

Outcome = Literal["allow", "deny"]

_NAMES = frozenset({"model.name", "endpoint.id", "endpoint.provider"})


class RuleTestResult(msgspec.Struct, frozen=True):
    """What came of one test. `spoke` names the rules that spoke and `redacted` the kinds that would be replaced, at any
    of the places that were tried. `problem` says what is not as expected; None: the test passed."""

    name: str
    expected: Outcome
    got: Outcome
    spoke: tuple[str, ...]
    redacted: tuple[str, ...]
    problem: str | None

    @property
    def passed(self) -> bool:
        return self.problem is None


def run_rule_tests(
    tests: Sequence[RuleTestSettings], policy: Policy, candidates: Mapping[str, Sequence[Place]], detectors: Detectors
) -> tuple[RuleTestResult, ...]:
    """Run all tests of a config. `candidates` gives the places behind every route and model.

    What would be asked of a route comes out as allowed if any of its places may have it. Raises PolicyProblem for a
    test that cannot be run.
    """
    return tuple(_Case(index, test, policy, candidates, detectors).result() for index, test in enumerate(tests))


def check_rule_tests(
    tests: Sequence[RuleTestSettings], policy: Policy, candidates: Mapping[str, Sequence[Place]], detectors: Detectors
) -> None:
    """Raises PolicyProblem for the first test that fails, or cannot be run."""
    for index, result in enumerate(run_rule_tests(tests, policy, candidates, detectors)):
        if result.problem is not None:
            raise PolicyProblem(("rule_tests", index), result.problem)


class _Case:
    def __init__(
        self,
        index: int,
        test: RuleTestSettings,
        policy: Policy,
        candidates: Mapping[str, Sequence[Place]],
        detectors: Detectors,
    ) -> None:
        self._path: Path = ("rule_tests", index)
        self._name = test.name or f"rule test {index + 1}"
        self._test = test
        self._policy = policy
        self._candidates = candidates
        self._detectors = detectors

    def result(self) -> RuleTestResult:
        self._check_names()
        verdicts = self._verdicts()
        got: Outcome = "allow" if any(verdict.allowed for verdict in verdicts) else "deny"
        spoke = tuple(dict.fromkeys(one.rule for verdict in verdicts for one in verdict.spoken))
        redacted = tuple(sorted(frozenset().union(*(verdict.redact for verdict in verdicts))))
        return RuleTestResult(
            self._name, self._test.expect, got, spoke, redacted, self._problem(got, spoke, redacted, verdicts)
        )

    def _problem(
        self, got: Outcome, spoke: tuple[str, ...], redacted: tuple[str, ...], verdicts: Sequence[Verdict]
    ) -> str | None:
        test = self._test
        faults = dict.fromkeys(
            f"{one.rule}: {one.fault}" for verdict in verdicts for one in verdict.spoken if one.fault is not None
        )
        spoken = f"rules that spoke: {', '.join(spoke) or 'none'}" + "".join(f"; {fault}" for fault in faults)
        if got != test.expect:
            return f"{self._name!r} expects {test.expect} and gets {got}; {spoken}"
        if test.rule is not None and test.rule not in spoke:
            return f"{self._name!r} expects the rule {test.rule!r} to speak; {spoken}"
        if test.redact is not None and set(test.redact) != set(redacted):
            wanted, done = ", ".join(sorted(test.redact)) or "nothing", ", ".join(redacted) or "nothing"
            return f"{self._name!r} expects {wanted} to be replaced, and replaced is {done}; {spoken}"
        return None

    def _verdicts(self) -> list[Verdict]:
        test, policy = self._test, self._policy
        asked = test.route or test.model or ""
        inspection = None
        if test.on == "request":
            inspection = inspect({"messages": [{"role": "user", "content": test.text}]}, self._detectors)
            kinds = inspection.kinds
        else:
            kinds = frozenset(finding.kind for finding in self._detectors.find(test.text))
        raised = max(map(self._detectors.rank, kinds), default=0)
        declared = 0 if test.data_class is None else policy.classes.rank(test.data_class)
        principal = policy.principals.get(test.principal)
        labels = Labels(
            data_class=max(policy.floor(test.principal, asked), declared),
            principal=test.principal,
            purpose=None if principal is None else principal.purpose,
            asked=asked,
        )
        content = Labels(data_class=raised, kinds=kinds, scores=dict.fromkeys(CATEGORIES, 0.0) | test.scores)
        now = self._at()
        if inspection is None:
            return [policy.decide_reply(content, labels, place, now=now) for place in self._places()]
        request = msgspec.structs.replace(
            labels,
            data_class=max(labels.data_class, raised),
            kinds=kinds,
            uninspected=inspection.uninspected,
            scores=content.scores,
            input_bytes=len(test.text.encode()),
        )
        return [policy.decide(request, place, now=now) for place in self._places()]

    def _at(self) -> datetime | None:
        if self._test.at is None:
            return None
        try:
            moment = datetime.fromisoformat(self._test.at)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise self._problem_with("at", f"{self._test.at!r} is no moment; write it like 2026-11-30T22:15:00Z")
        return moment

    def _places(self) -> list[Place]:
        facts = {path: self._fact(path, value) for path, value in self._test.facts.items()}
        name = self._test.model
        if name is None and facts:
            return [_with({}, {}, facts)]
        name = name or self._test.route
        if name is None:
            raise PolicyProblem(self._path, f"{self._name!r} says of no place: give it route, model or facts")
        return [_with(place.model, place.endpoint, facts) for place in self._candidates[name]]

    def _fact(self, path: str, value: object) -> object:
        variables = self._policy.schema.variables
        variable = variables.get(path)
        if variable is None or not path.startswith(("model.", "endpoint.")):
            known = [name for name in variables if name.startswith(("model.", "endpoint."))]
            raise self._problem_with("facts", f"a place has no {path!r}{near(path, known)}")
        # A place that is made up may have any name.
        kind = STRING if path in _NAMES else variable.kind
        if not _fits(value, kind):
            words = f"; it is one of {', '.join(kind.words)}" if kind.words else ""
            raise self._problem_with("facts", f"{path} is {kind} and never {value!r}{words}")
        return value

    def _check_names(self) -> None:
        test, schema = self._test, self._policy.schema
        if test.data_class is not None and test.data_class not in schema.classes:
            raise self._unknown("class", "class", test.data_class, schema.classes)
        for key, name in (("model", test.model), ("route", test.route)):
            if name is not None and name not in self._candidates:
                raise self._unknown(key, f"{key} or model" if key == "route" else key, name, self._candidates)
        for category in test.scores:
            if category not in CATEGORIES:
                raise self._unknown("scores", "category", category, CATEGORIES)
        rules = [rule.name for rule in self._policy.rules]
        if test.rule is not None and test.rule not in rules:
            raise self._unknown("rule", "rule", test.rule, rules)
        kinds = schema.variables["data.kinds"].kind.element
        for kind in test.redact or ():
            if kinds is not None and kinds.words is not None and kind not in kinds.words:
                raise self._unknown("redact", "kind", kind, kinds.words)

    def _unknown(self, key: str, what: str, name: str, known: Mapping[str, Any] | Sequence[str]) -> PolicyProblem:
        return self._problem_with(key, f"there is no {what} {name!r}{near(name, known)}")

    def _problem_with(self, key: str, message: str) -> PolicyProblem:
        return PolicyProblem((*self._path, key), message)


def _with(model: Mapping[str, Any], endpoint: Mapping[str, Any], facts: Mapping[str, object]) -> Place:
    return Place(
        {**model, **{path.partition(".")[2]: value for path, value in facts.items() if path.startswith("model.")}},
        {
            **endpoint,
            **{path.partition(".")[2]: value for path, value in facts.items() if path.startswith("endpoint.")},
        },
    )


def _fits(value: object, kind: Kind) -> bool:
    match kind.sort:
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "list":
            return isinstance(value, tuple)
    return isinstance(value, str) and (kind.words is None or value in kind.words)
