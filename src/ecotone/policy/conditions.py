"""Conditions, checked against the schema before they are ever evaluated.

CEL itself lets a misspelt field pass behind `&&`, and a comparison of two kinds be false for ever; here both are
refused, with the place and what may be meant.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

import msgspec

from ecotone.policy.cel_library import Context, Fault, LibraryFault, Program, constant
from ecotone.policy.cel_syntax import (
    MACROS,
    RESERVED,
    Binary,
    Call,
    Choice,
    ConditionError,
    Field,
    Has,
    Index,
    ListOf,
    Loop,
    Name,
    Node,
    Unary,
    Value,
    parse,
)
from ecotone.policy.schema import BOOL, DOUBLE, DURATION, INT, RANK, STRING, TIMESTAMP, Kind, Schema, Variable

Constant = bool | int | float | str | datetime
"""What a variable is compared with."""

_KNOWN_MAX = 100
_ORDER = ("<", "<=", ">", ">=")
_STRING_TESTS = ("startsWith", "endsWith", "contains", "matches")
_TIME_PARTS = ("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours")
_SMALL_PARTS = ("getHours", "getMinutes", "getSeconds", "getMilliseconds")
_CONVERSIONS: Mapping[str, tuple[Kind, tuple[str, ...]]] = {
    "int": (INT, ("int", "double", "string", "rank")),
    "double": (DOUBLE, ("int", "double", "string", "rank")),
    "string": (STRING, ("int", "double", "string", "bool")),
    "timestamp": (TIMESTAMP, ("string",)),
    "duration": (DURATION, ("string",)),
}

_ARITHMETIC: Mapping[tuple[str, str, str], Kind] = {
    **{("int", operator, "int"): INT for operator in "+-*/%"},
    **{("double", operator, "double"): DOUBLE for operator in "+-*/"},
    ("string", "+", "string"): STRING,
    ("timestamp", "+", "duration"): TIMESTAMP,
    ("timestamp", "-", "duration"): TIMESTAMP,
    ("timestamp", "-", "timestamp"): DURATION,
    ("duration", "+", "duration"): DURATION,
    ("duration", "-", "duration"): DURATION,
}


class Use(msgspec.Struct, frozen=True):
    """How a condition reads a variable. `compared` are the constants that it is compared with; of a list, `sought` are
    those that are looked for in it and `counted` those that its size is compared with. `otherwise`: it is also read in
    some way that these do not describe."""

    compared: frozenset[Constant] = frozenset()
    sought: frozenset[Constant] = frozenset()
    counted: frozenset[Constant] = frozenset()
    otherwise: bool = False

    def __or__(self, other: "Use") -> "Use":
        return Use(
            self.compared | other.compared,
            self.sought | other.sought,
            self.counted | other.counted,
            self.otherwise or other.otherwise,
        )


class Condition(msgspec.Struct, frozen=True, eq=False):
    """A condition that has been found right. `reads` are the variables in it, by path."""

    text: str
    tree: Node
    program: Program
    reads: Mapping[str, Use]

    def part(self, node: Node) -> Program:
        """A part of the condition, to be evaluated alone."""
        return Program(self.text[node.start : node.end])


def read_condition(text: str, schema: Schema) -> Condition:
    """The condition that `text` is. Raises ConditionError."""
    tree = parse(text)
    checker = Checker(text, schema)
    kind = checker.kind(tree)
    if kind.sort != "bool":
        raise ConditionError(f"a condition is true or false, and this is {kind}", tree.start, tree.end)
    try:
        program = Program(text)
    except LibraryFault as fault:
        raise ConditionError(f"not CEL: {fault}", 0, len(text)) from None
    if not program.names <= checker.names:
        # The tree that was checked and what the library will evaluate would be two things.
        strange = ", ".join(sorted(program.names - checker.names))
        raise ConditionError(f"cannot be read without doubt: what is {strange}?", 0, len(text))
    return Condition(text, tree, program, checker.reads)


def told(error: ConditionError, text: str) -> str:
    """The error for a person: what, at which character, and the line with a mark under it."""
    begin = text.rfind("\n", 0, error.start) + 1
    line = text[begin:].partition("\n")[0]
    length = max(min(error.end - begin, len(line)) - (error.start - begin), 1)
    indent = "".join("\t" if letter == "\t" else " " for letter in line[: error.start - begin])
    return f"{error.message}, at character {error.start + 1} of the condition:\n    {line}\n    {indent}{'^' * length}"


def near(word: str, known: Iterable[str]) -> str:
    """What to append to an error about `word`: the nearest of what is known, else all of it."""
    words = list(known)
    close = get_close_matches(word, words, n=1)
    more = len(words) - _KNOWN_MAX
    listed = ", ".join(words[:_KNOWN_MAX]) + (f" and {more} more" if more > 0 else "")
    return f"; did you mean {close[0]}?" if close else f" (known: {listed})" if words else ""


class Checker:
    """Finds the kind of every part of a condition, and what it reads. `reads` and `names` fill up on the way."""

    def __init__(self, text: str, schema: Schema) -> None:
        self._text = text
        self._schema = schema
        self._loops: dict[str, Kind] = {}
        self._elements: dict[str, Use] = {}  # how each loop's variable is read
        self._classes = Context(schema.classes)
        self.reads: dict[str, Use] = {}
        self.names: set[str] = set()

    def kind(self, node: Node) -> Kind:
        match node:
            case Value():
                return _kind_of(node.value)
            case Name():
                return self._name(node)
            case Field() | Index():
                return self._reached(node)
            case Has():
                self._read(*self._path_or_error(node.path), Use(otherwise=True))
                return BOOL
            case Call():
                return self._call(node) if node.operand is None else self._method(node, node.operand)
            case Loop():
                return self._loop(node)
            case Unary():
                return self._unary(node)
            case Binary():
                return self._binary(node)
            case Choice():
                return self._choice(node)
            case ListOf():
                return self._list(node)
        raise TypeError(f"no part of a condition: {node!r}")

    # What is read

    def _name(self, node: Name) -> Kind:
        self.names.add(node.name)
        if node.name in self._loops:
            return self._element(node.name, Use(otherwise=True))
        if node.name in self._schema.classes:
            return RANK
        record = self._schema.records.get(node.name)
        if record is not None:
            fields = ", ".join(f"{node.name}.{name}" for name in record)
            raise ConditionError(f"{node.name} has fields; name one: {fields}", node.start, node.end)
        known = (*self._schema.records, *self._schema.classes, *self._loops)
        raise ConditionError(f"nothing is called {node.name}{near(node.name, known)}", node.start, node.end)

    def _element(self, name: str, use: Use) -> Kind:
        self._elements[name] = self._elements[name] | use
        return self._loops[name]

    def _path(self, node: Node) -> tuple[str, Variable] | None:
        """The variable that a node is; None if it is something else. Raises ConditionError for an unknown field."""
        match node:
            case Field(operand=Name(name=root), field=field, at=at, end=end) if root in self._schema.records:
                pass
            case Index(operand=Name(name=root), index=Value(value=str(field), start=at, end=end)) if (
                root in self._schema.records
            ):
                pass
            case _:
                return None
        self.names.add(root)
        variable = self._schema.records[root].get(field)
        if variable is None:
            hint = near(field, self._schema.records[root])
            raise ConditionError(f"{root} has no field {field}{hint}", at, end)
        return f"{root}.{field}", variable

    def _path_or_error(self, node: Field) -> tuple[str, Variable]:
        found = self._path(node)
        if found is None:
            self.kind(node)  # says what is wrong with most of what can stand here
            raise ConditionError("has(...) asks for a field, as in has(model.weights)", node.start, node.end)
        return found

    def _read(self, path: str, _: Variable, use: Use) -> None:
        self.reads[path] = self.reads.get(path, Use()) | use

    def _reached(self, node: Field | Index) -> Kind:
        found = self._path(node)
        if found is not None:
            self._read(*found, Use(otherwise=True))
            return found[1].kind
        if isinstance(node.operand, Name) and node.operand.name in self._schema.records:
            root = node.operand.name
            raise ConditionError(
                f"write the field itself, as in {root}.{_first(self._schema, root)}", node.start, node.end
            )
        operand = self.kind(node.operand)
        if isinstance(node, Field):
            hint = f"; to call it, write {node.field}(...)" if node.field in (*_STRING_TESTS, "size", *MACROS) else ""
            raise ConditionError(f"{operand} has no field {node.field}{hint}", node.at, node.end)
        if operand.sort != "list" or operand.element is None:
            raise ConditionError(f"{operand} has no elements", node.start, node.end)
        self._want(node.index, INT)
        return operand.element

    def _want(self, node: Node, wanted: Kind) -> Kind:
        kind = self.kind(node)
        if kind.sort != wanted.sort:
            raise ConditionError(f"{wanted} is wanted here, and this is {kind}", node.start, node.end)
        return kind

    # Functions and macros

    def _call(self, node: Call) -> Kind:
        kinds = [self.kind(argument) for argument in node.arguments]
        end = node.at + len(node.function)
        if node.function == "size":
            if len(kinds) != 1 or kinds[0].sort != "list":
                raise ConditionError("size(...) counts the elements of one list", node.start, node.end)
            return INT
        conversion = _CONVERSIONS.get(node.function)
        if conversion is None:
            known = ("has", "size", *_CONVERSIONS)
            raise ConditionError(f"there is no function {node.function}{near(node.function, known)}", node.at, end)
        result, takes = conversion
        if len(kinds) != 1 or kinds[0].sort not in takes:
            raise ConditionError(f"{node.function}(...) takes one {' or '.join(takes)}", node.start, node.end)
        self.constant(node)  # a constant that cannot be converted is told now
        return result

    def _method(self, node: Call, operand: Node) -> Kind:
        kind = self.kind(operand)
        end = node.at + len(node.function)
        arguments = [self.kind(argument) for argument in node.arguments]
        known: dict[str, Kind] = {}
        if kind.sort == "string":
            known = dict.fromkeys(_STRING_TESTS, BOOL)
        elif kind.sort == "list":
            known = {"size": INT, **dict.fromkeys(MACROS, BOOL)}
        elif kind.sort in ("timestamp", "duration"):
            known = dict.fromkeys((*(_TIME_PARTS if kind.sort == "timestamp" else ()), *_SMALL_PARTS), INT)
        result = known.get(node.function)
        if result is None:
            hint = near(node.function, known)
            raise ConditionError(f"{kind} has no function {node.function}{hint}", node.at, end)
        if [argument.sort for argument in arguments] != (["string"] if kind.sort == "string" else []):
            takes = "one string" if kind.sort == "string" else "nothing"
            raise ConditionError(f"{node.function}(...) takes {takes}", node.at, end)
        if node.function == "matches":
            self._check_pattern(node.arguments[0])
        return result

    def _check_pattern(self, node: Node) -> None:
        if not isinstance(node, Value):
            raise ConditionError("a pattern to match is written out, in quotes", node.start, node.end)
        try:
            constant(f'"".matches({self._text[node.start : node.end]})')
        except LibraryFault as fault:
            raise ConditionError(f"not a pattern: {fault}", node.start, node.end) from None

    def _loop(self, node: Loop) -> Kind:
        listed = self._path(node.operand)
        operand = self.kind(node.operand) if listed is None else listed[1].kind
        if operand.sort != "list" or operand.element is None:
            raise ConditionError(
                f"{node.macro}(...) goes over a list, and this is {operand}", node.operand.start, node.operand.end
            )
        name = node.variable.name
        if name in self._schema.records or name in self._schema.classes or name in RESERVED or name in self._loops:
            raise ConditionError(
                f"{name} means something else; give the element another name", node.variable.start, node.variable.end
            )
        self.names.add(name)
        self._loops[name], self._elements[name] = operand.element, Use()
        body = self.kind(node.body)
        del self._loops[name]
        element = self._elements.pop(name)
        if listed is not None:
            # Elements that are no constant of the body are all alike to it, so that it matters whether there is none,
            # one or more of them.
            by_name = node.macro in ("all", "exists", "exists_one") and not element.otherwise
            use = Use(sought=element.compared, counted=frozenset({1})) if by_name else Use(otherwise=True)
            self._read(*listed, use)
        if node.macro == "map":
            return Kind("list", body)
        if body.sort != "bool":
            raise ConditionError(
                f"{node.macro}(...) asks of each element what is true or false, and this is {body}",
                node.body.start,
                node.body.end,
            )
        return operand if node.macro == "filter" else BOOL

    # Operators

    def _unary(self, node: Unary) -> Kind:
        kind = self.kind(node.operand)
        if node.operator == "!" and kind.sort != "bool":
            raise ConditionError(f"! turns true and false around, and this is {kind}", node.start, node.end)
        if node.operator == "-" and kind.sort not in ("int", "double"):
            raise ConditionError(f"- is for numbers, and this is {kind}", node.start, node.end)
        return kind

    def _binary(self, node: Binary) -> Kind:
        match node.operator:
            case "&&" | "||":
                self._want(node.left, BOOL)
                self._want(node.right, BOOL)
                return BOOL
            case "in":
                return self._within(node)
            case "==" | "!=" | "<" | "<=" | ">" | ">=":
                return self._compared(node)
        return self._arithmetic(node)

    def _compared(self, node: Binary) -> Kind:
        ordered = node.operator in _ORDER
        left, right = self._side(node.left, node.right, ordered), self._side(node.right, node.left, ordered)
        self._check_comparable(node, left, right)
        orders = ("int", "double", "rank", "string", "timestamp", "duration")
        if ordered and (left.sort not in orders or left.words is not None or right.words is not None):
            raise ConditionError(f"{left} has no order; compare with == or !=", node.at, node.at + 2)
        self._check_words(node.left, left, node.right)
        self._check_words(node.right, right, node.left)
        self._check_limits(node.left, node.right)
        self._check_limits(node.right, node.left)
        return BOOL

    def _side(self, node: Node, other: Node, ordered: bool = False) -> Kind:
        """The kind of one side of a comparison; that it is compared with constants alone is remembered."""
        if isinstance(node, Name) and node.name in self._loops and not ordered:
            compared = self.constants(other)
            return self._element(
                node.name, Use(otherwise=True) if compared is None else Use(compared=frozenset(compared))
            )
        found = self._path(node)
        if found is None:
            return self._counted(node, other) or self.kind(node)
        constants = None if found[1].kind.sort == "list" else self.constants(other)
        if found[0] == "time.date" and not all(map(_is_date, constants or ())):
            raise ConditionError("a date is written like 2026-11-30", other.start, other.end)
        self._read(*found, Use(otherwise=True) if constants is None else Use(compared=frozenset(constants)))
        return found[1].kind

    def _counted(self, node: Node, other: Node) -> Kind | None:
        """The kind of a list's size that is compared with constants; None for anything else."""
        match node:
            case (
                Call(function="size", operand=None, arguments=(listed,))
                | Call(function="size", operand=Node() as listed, arguments=())
            ):
                found, constants = self._path(listed), self.constants(other)
                if found is not None and constants is not None and found[1].kind.sort == "list":
                    self._read(*found, Use(counted=frozenset(constants)))
                    return INT
        return None

    def _within(self, node: Binary) -> Kind:
        record = node.right.name if isinstance(node.right, Name) else None
        if record in self._schema.records and record not in self._loops:
            raise ConditionError(f"ask for a field with has({record}.FIELD)", node.start, node.end)
        listed = self._path(node.right)
        sought = None if listed is None else self.constants(node.left)
        if listed is not None and sought is not None:
            self._read(*listed, Use(sought=frozenset(sought)))
            right = listed[1].kind
        else:
            right = self.kind(node.right)
        if right.sort != "list":
            raise ConditionError(f"in looks into a list, and this is {right}", node.right.start, node.right.end)
        left = self._side(node.left, node.right)
        if right.element is not None:
            self._check_comparable(node, left, right.element)
            self._check_words(node.right, right.element, node.left)
        for item in node.right.items if isinstance(node.right, ListOf) else ():
            self._check_words(node.left, left, item)
            self._check_limits(node.left, item)
        return BOOL

    def _check_comparable(self, node: Binary, left: Kind, right: Kind) -> None:
        for kind, other in ((left, node.right), (right, node.left)):
            if kind.sort == "rank" and isinstance(other, Value) and isinstance(other.value, str):
                hint = f"write {other.value} without quotes"
                if other.value not in self._schema.classes:
                    hint = f"there is no class {other.value}{near(other.value, self._schema.classes)}"
                raise ConditionError(f"a data class is a rank and never text: {hint}", other.start, other.end)
        if left.sort != right.sort and not (left.number and right.number):
            raise ConditionError(f"{left} is never {right}", node.start, node.end)

    def _check_words(self, node: Node, kind: Kind, other: Node) -> None:
        """Is what `node`, or an element of it, is compared with one of the few words that it can be?"""
        if kind.words is None or not isinstance(other, Value) or other.value in kind.words:
            return
        what, hint = self._text[node.start : node.end], near(str(other.value), kind.words)
        raise ConditionError(f"{what} never says {str(other.value)!r}{hint}", other.start, other.end)

    def _check_limits(self, node: Node, other: Node) -> None:
        found = self._path(node)
        if found is None or not isinstance(other, Value):
            return
        path, variable = found
        value = other.value
        if path.startswith("content.") and variable.kind.sort == "double" and not 0 <= float(value) <= 1:
            raise ConditionError("a score is between 0 and 1", other.start, other.end)

    def _arithmetic(self, node: Binary) -> Kind:
        left, right = self.kind(node.left), self.kind(node.right)
        sorts = ("int" if left.sort == "rank" else left.sort, "int" if right.sort == "rank" else right.sort)
        result = _ARITHMETIC.get((sorts[0], node.operator, sorts[1]))
        if result is not None:
            return result
        if node.operator == "+" and sorts == ("list", "list"):
            return left
        hint = "; write whole numbers with .0 beside others" if set(sorts) == {"int", "double"} else ""
        raise ConditionError(
            f"{node.operator} does not go between {left} and {right}{hint}", node.at, node.at + len(node.operator)
        )

    def _choice(self, node: Choice) -> Kind:
        self._want(node.condition, BOOL)
        yes, no = self.kind(node.yes), self.kind(node.no)
        if yes.sort != no.sort:
            raise ConditionError(
                f"both outcomes are of one kind, and these are {yes} and {no}", node.yes.start, node.no.end
            )
        return yes if yes == no else Kind(yes.sort, yes.element)

    def _list(self, node: ListOf) -> Kind:
        kinds = [self.kind(item) for item in node.items]
        for kind, item in zip(kinds[1:], node.items[1:], strict=True):
            if kind.sort != kinds[0].sort and not (kind.number and kinds[0].number):
                raise ConditionError(
                    f"all elements are of one kind, and this is {kind} beside {kinds[0]}", item.start, item.end
                )
        return Kind("list", kinds[0] if kinds else None)

    # Constants

    def constants(self, node: Node) -> tuple[Constant, ...] | None:
        """The constants that a part of a condition is, a list's elements one by one; None if it reads anything."""
        if isinstance(node, ListOf):
            values = [self.constant(item) for item in node.items]
            return None if None in values else tuple(value for value in values if value is not None)
        value = self.constant(node)
        return None if value is None else (value,)

    def constant(self, node: Node) -> Constant | None:
        """The value of a part of a condition that reads nothing; None for one that does, or that has no value to
        compare with."""
        if not self._is_constant(node):
            return None
        try:
            program = Program(self._text[node.start : node.end])
        except LibraryFault as fault:
            raise ConditionError(f"not CEL: {fault}", node.start, node.end) from None
        value: Any = program.value(self._classes)
        if isinstance(value, Fault):
            raise ConditionError(f"no value: {value.reason}", node.start, node.end)
        comparable = isinstance(value, bool | int | float | str | datetime) and value == value
        return value if comparable else None

    def _is_constant(self, node: Node) -> bool:
        match node:
            case Value():
                return True
            case Name(name=name):
                return name in self._schema.classes
            case Unary(operand=operand):
                return self._is_constant(operand)
            case Binary(left=left, right=right, operator=operator):
                return operator in ("+", "-", "*", "/", "%") and self._is_constant(left) and self._is_constant(right)
            case Call(operand=None, arguments=arguments):
                return all(map(self._is_constant, arguments))
        return False


def _is_date(text: Constant) -> bool:
    try:
        return date.fromisoformat(str(text)).isoformat() == text
    except ValueError:
        return False


def _first(schema: Schema, root: str) -> str:
    return next(iter(schema.records[root]))


def _kind_of(value: bool | int | float | str) -> Kind:
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INT
    return DOUBLE if isinstance(value, float) else STRING
