"""Why a rule speaks or is silent: its condition part by part, with what each part came to."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from ecotone.policy.cel_library import Context, Fault, LibraryFault
from ecotone.policy.cel_syntax import Binary, Choice, Node, Unary
from ecotone.policy.conditions import Checker
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


def explained(policy: Policy, labels: Labels, place: Place, now: datetime | None) -> tuple[RuleOutcome, ...]:
    """What each rule on requests comes to, in the config's order. The verdict itself is `Policy.decide`'s."""
    rules = [rule for rule in policy.rules if rule.on == "request"]
    return tuple(_outcome(policy, rule, labels, place, now) for rule in rules)


def _outcome(policy: Policy, rule: Rule, labels: Labels, place: Place, now: datetime | None) -> RuleOutcome:
    values = _values(policy, rule, labels, place, now)
    try:
        context = _context(policy, values)
    except LibraryFault as error:
        part = Part(rule.condition.text, None, str(error))
        return RuleOutcome(rule.name, rule.effect, rule.because, True, True, str(error), part)
    outcome = rule.outcome(context)
    spoken = rule.spoken(outcome)
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
        _part(_Shown(policy, rule, context, values), rule.condition.tree),
    )


def _values(policy: Policy, rule: Rule, labels: Labels, place: Place, now: datetime | None) -> Mapping[str, Any]:
    """The variables that a rule reads, by path; `UNKNOWN` for those that are."""
    of_request = readers(policy.threshold)
    found: dict[str, Any] = {}
    for path in rule.condition.reads:
        if path.startswith(("model.", "endpoint.")):
            found[path] = place.fact(path)
        else:
            read = of_request.get(path) or score_reader(path.partition(".")[2])
            found[path] = read(labels, now)
    return found


def _context(policy: Policy, values: Mapping[str, Any]) -> Context:
    told: dict[str, Any] = {**policy.schema.classes, **{root: {} for root in ROOTS}}
    for path, value in values.items():
        if value is not UNKNOWN:
            root, _, name = path.partition(".")
            told[root][name] = value
    return Context(told)


class _Shown(msgspec.Struct, frozen=True, eq=False):
    """A rule whose condition is shown, where its variables have these values."""

    policy: Policy
    rule: Rule
    context: Context
    values: Mapping[str, Any]


def _part(shown: _Shown, node: Node) -> Part:
    condition = shown.rule.condition
    text = " ".join(condition.text[node.start : node.end].split())
    outcome = condition.part(node).holds(shown.context)
    holds, fault = (None, outcome.reason) if isinstance(outcome, Fault) else (outcome, None)
    match node:
        case Binary(operator="&&" | "||" as operator):
            below: tuple[Node, ...] = tuple(_chain(node, operator))
            joint: Joint = "all" if operator == "&&" else "any"
        case Unary(operator="!", operand=operand):
            below, joint = (operand,), "not"
        case Choice(condition=asked, yes=yes, no=no):
            below, joint = (asked, yes, no), "choice"
        case _:
            return Part(text, holds, fault, values=dict(_told(shown, node)))
    return Part(text, holds, fault, joint, tuple(_part(shown, one) for one in below))


def _chain(node: Node, operator: str) -> Iterator[Node]:
    """The operands of `a && b && c`, which is a tree of twos."""
    if isinstance(node, Binary) and node.operator == operator:
        yield from _chain(node.left, operator)
        yield from _chain(node.right, operator)
    else:
        yield node


def _told(shown: _Shown, node: Node) -> Iterator[tuple[str, Any]]:
    """The variables that a part reads, and their values in words."""
    checker = Checker(shown.rule.condition.text, shown.policy.schema)
    checker.kind(node)
    for path in checker.reads:
        value = shown.values[path]
        if value is not UNKNOWN and path == "data.class":
            value = shown.policy.classes.name(value)
        elif isinstance(value, datetime):
            value = value.isoformat(timespec="seconds")
        yield path, value
