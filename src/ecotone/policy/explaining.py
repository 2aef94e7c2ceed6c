"""Why a rule speaks or is silent: its condition part by part, with what each part came to."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from ecotone.policy.cel_library import Context, Fault, LibraryFault, Program
from ecotone.policy.cel_syntax import Binary, Choice, Node, Unary
from ecotone.policy.conditions import Checker, Condition
from ecotone.policy.labels import Labels
from ecotone.policy.places import Place
from ecotone.policy.policy import Policy
from ecotone.policy.request_values import UNKNOWN, readers, score_reader
from ecotone.policy.rules import Rule
from ecotone.policy.schema import ROOTS
from ecotone.policy.verdict import Effect

Joint = Literal["all", "any", "not", "choice"]
"""How the parts of a condition are joined: `&&`, `||`, `!` or `?:`."""


class Part(msgspec.Struct, frozen=True):
    """A part of a condition. `holds` None: it cannot be said, and `fault` tells why.

    `joint` says how the `parts` below are joined; None: there are none. `values` are then the variables that it reads,
    in words, None for what is unknown.
    """

    text: str
    holds: bool | None
    fault: str | None = None
    joint: Joint | None = None
    parts: tuple["Part", ...] = ()
    values: Mapping[str, bool | int | float | str | tuple[str, ...] | None] = {}


class RuleOutcome(msgspec.Struct, frozen=True):
    """What one rule says of a request and a place. A rule whose condition could not be evaluated speaks and `denies`,
    whatever its effect."""

    rule: str
    effect: Effect
    because: str
    speaks: bool
    denies: bool
    fault: str | None
    condition: Part


class Explainer:
    """Explains what the rules of one policy say of requests, from their labels alone."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        rules = [rule for rule in policy.rules if rule.on == "request"]
        self._rules = [(rule, _compiled(rule.condition, rule.condition.tree, policy)) for rule in rules]
        of_request = readers(policy.threshold)
        paths = sorted({path for rule in rules for path in rule.condition.reads})
        self._of_place = [path for path in paths if path.startswith(("model.", "endpoint."))]
        self._of_request = {
            path: of_request.get(path) or score_reader(path.partition(".")[2])
            for path in paths
            if path not in self._of_place
        }

    def outcomes(self, labels: Labels, place: Place, now: datetime | None) -> tuple[RuleOutcome, ...]:
        """What each rule on requests comes to, in the config's order. The verdict itself is `Policy.decide`'s."""
        values = {path: read(labels, now) for path, read in self._of_request.items()}
        values |= {path: place.fact(path) for path in self._of_place}
        try:
            context = _context(self._policy, values)
        except LibraryFault as error:
            return tuple(_undecided(rule, compiled, str(error)) for rule, compiled in self._rules)
        told = {path: _in_words(path, value, self._policy) for path, value in values.items()}
        return tuple(_outcome(rule, compiled, labels, context, told) for rule, compiled in self._rules)


class _Compiled(msgspec.Struct, frozen=True, eq=False):
    """A part of a condition, ready to be evaluated; `reads` are the variables of one without parts below."""

    text: str
    program: Program
    joint: Joint | None
    below: tuple["_Compiled", ...]
    reads: tuple[str, ...]


def _compiled(condition: Condition, node: Node, policy: Policy) -> _Compiled:
    joint: Joint | None = None
    below: tuple[Node, ...] = ()
    reads: tuple[str, ...] = ()
    match node:
        case Binary(operator="&&" | "||" as operator):
            joint, below = "all" if operator == "&&" else "any", tuple(_chain(node, operator))
        case Unary(operator="!", operand=operand):
            joint, below = "not", (operand,)
        case Choice(condition=asked, yes=yes, no=no):
            joint, below = "choice", (asked, yes, no)
        case _:
            checker = Checker(condition.text, policy.schema)
            checker.kind(node)
            reads = tuple(checker.reads)
    return _Compiled(
        " ".join(condition.text[node.start : node.end].split()),
        condition.part(node),
        joint,
        tuple(_compiled(condition, one, policy) for one in below),
        reads,
    )


def _chain(node: Node, operator: str) -> Iterator[Node]:
    """The operands of `a && b && c`, which is a tree of twos."""
    if isinstance(node, Binary) and node.operator == operator:
        yield from _chain(node.left, operator)
        yield from _chain(node.right, operator)
    else:
        yield node


def _context(policy: Policy, values: Mapping[str, Any]) -> Context:
    told: dict[str, Any] = {**policy.schema.classes, **{root: {} for root in ROOTS}}
    for path, value in values.items():
        if value is not UNKNOWN:
            root, _, name = path.partition(".")
            told[root][name] = value
    return Context(told)


def _in_words(path: str, value: Any, policy: Policy) -> Any:
    if value is not UNKNOWN and path == "data.class":
        return policy.classes.name(value)
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value


def _undecided(rule: Rule, compiled: _Compiled, fault: str) -> RuleOutcome:
    return RuleOutcome(rule.name, rule.effect, rule.because, True, True, fault, Part(compiled.text, None, fault))


def _outcome(
    rule: Rule, compiled: _Compiled, labels: Labels, context: Context, values: Mapping[str, Any]
) -> RuleOutcome:
    spoken = rule.spoken(rule.outcome(context))
    # A rule that would replace and finds nothing to replace has nothing to say.
    silent = rule.effect == "redact" and not (labels.kinds & rule.kinds if rule.kinds else labels.kinds)
    speaks = spoken is not None and (spoken.fault is not None or not silent)
    return RuleOutcome(
        rule.name,
        rule.effect,
        rule.because,
        speaks,
        speaks and spoken is not None and spoken.denies,
        None if spoken is None else spoken.fault,
        _part(compiled, context, values),
    )


def _part(compiled: _Compiled, context: Context, values: Mapping[str, Any]) -> Part:
    outcome = compiled.program.holds(context)
    holds, fault = (None, outcome.reason) if isinstance(outcome, Fault) else (outcome, None)
    below = tuple(_part(one, context, values) for one in compiled.below)
    return Part(compiled.text, holds, fault, compiled.joint, below, {path: values[path] for path in compiled.reads})
