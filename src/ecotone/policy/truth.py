"""Conditions over a space of requests: true, false, impossible to say, or not settled yet.

The parts of a condition that `&&`, `||`, `!` and `?:` join are evaluated by the library; the joining is done here, so
that a part of the values settles what it can. As in CEL, `false && x` is false and `true || x` is true whatever comes
of x (https://github.com/google/cel-spec/blob/master/doc/langdef.md#logical-operators).
"""

from collections.abc import Mapping
from typing import Any, Protocol

from ecotone.policy.cel_library import Context, Fault, Program
from ecotone.policy.cel_syntax import Binary, Choice, Node, Unary
from ecotone.policy.conditions import Checker, Condition, Use
from ecotone.policy.proof_space import Assignment, Caller, Space
from ecotone.policy.schema import ROOTS, Schema

FREE, FREE_FOR_UNNAMED = "free ", "if unnamed "
"""How dimensions begin that are conditions to be tried both ways: always, or for the caller whose name is any."""

Answer = bool | Fault | None
"""None: not settled by what is assigned."""


class Truth(Protocol):
    """A condition. `needs` are the dimensions that it depends on."""

    needs: frozenset[str]

    def answer(self, assignment: Assignment) -> Answer: ...


class Part:
    """A part that only the library can evaluate. What it came to is remembered by the values that it depends on."""

    def __init__(self, program: Program, text: str, uses: Mapping[str, Use], space: Space, schema: Schema) -> None:
        self._program = program
        self._space = space
        self._ranks = schema.classes
        self._paths = tuple(uses)
        self._known: dict[tuple[Any, ...], bool | Fault] = {}
        self._always_free = any(space.open_ended(path, use) for path, use in uses.items())
        self._free_for_unnamed = not self._always_free and "principal.name" in uses and uses["principal.name"].otherwise
        self._free = (FREE if self._always_free else FREE_FOR_UNNAMED) + " ".join(text.split())
        if self._always_free:
            self._order: tuple[str, ...] = (self._free,)
        else:
            self._order = tuple(dict.fromkeys(name for path, use in uses.items() for name in space.needed(path, use)))
        if self._always_free or self._free_for_unnamed:
            space.add_free(self._free)
        self.needs = frozenset((*self._order, self._free) if self._free_for_unnamed else self._order)

    def answer(self, assignment: Assignment) -> Answer:
        caller: Caller | None = assignment.get("caller")
        if self._always_free or (self._free_for_unnamed and caller is not None and not caller.named):
            free: bool | None = assignment.get(self._free)
            return free
        try:
            values = tuple([assignment[name] for name in self._order])
        except KeyError:
            return None
        known = self._known.get(values)
        if known is None:
            known = self._known[values] = self._program.holds(self._context(assignment))
        return known

    def _context(self, assignment: Assignment) -> Context:
        values: dict[str, Any] = {**self._ranks, **{root: {} for root in ROOTS}}
        for path in self._paths:
            value = self._space.value(path, assignment)
            if value is not None:
                root, _, name = path.partition(".")
                values[root][name] = value
        return Context(values)


class Both:
    """`one && other`, or with `stops` true `one || other`: either side that is `stops` settles it."""

    def __init__(self, one: Truth, other: Truth, *, stops: bool) -> None:
        self._one = one
        self._other = other
        self._stops = stops
        self.needs = one.needs | other.needs

    def answer(self, assignment: Assignment) -> Answer:
        one = self._one.answer(assignment)
        if one is self._stops:
            return one
        other = self._other.answer(assignment)
        if other is self._stops or one is (not self._stops):
            return other
        return other if other is None else one


class Inverse:
    """`!one`."""

    def __init__(self, one: Truth) -> None:
        self._one = one
        self.needs = one.needs

    def answer(self, assignment: Assignment) -> Answer:
        one = self._one.answer(assignment)
        return not one if isinstance(one, bool) else one


class Either:
    """`asked ? yes : no`."""

    def __init__(self, asked: Truth, yes: Truth, no: Truth) -> None:
        self._asked = asked
        self._yes = yes
        self._no = no
        self.needs = asked.needs | yes.needs | no.needs

    def answer(self, assignment: Assignment) -> Answer:
        asked = self._asked.answer(assignment)
        if not isinstance(asked, bool):
            return asked
        return (self._yes if asked else self._no).answer(assignment)


def truth(condition: Condition, space: Space, schema: Schema) -> Truth:
    """The condition over a space. Adds to the space what has to be tried both ways."""
    return _truth(condition.tree, condition, space, schema)


def _truth(node: Node, condition: Condition, space: Space, schema: Schema) -> Truth:
    match node:
        case Binary(operator="&&" | "||" as operator, left=left, right=right):
            one, other = _truth(left, condition, space, schema), _truth(right, condition, space, schema)
            return Both(one, other, stops=operator == "||")
        case Unary(operator="!", operand=operand):
            return Inverse(_truth(operand, condition, space, schema))
        case Choice(condition=asked, yes=yes, no=no):
            return Either(*(_truth(part, condition, space, schema) for part in (asked, yes, no)))
    checker = Checker(condition.text, schema)
    checker.kind(node)
    text = condition.text[node.start : node.end]
    return Part(Program(text), text, checker.reads, space, schema)
