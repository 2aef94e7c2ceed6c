"""The syntax of CEL conditions as a tree with places, which the library that evaluates them does not give away.

The grammar is that of the language definition (https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax),
less messages, maps, bytes and null, which no condition has a use for.
"""

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from ecotone.policy.cel_library import LibraryFault, constant

TEXT_MAX_CHARS = 4_000
_DEPTH_MAX = 60

# https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
KEYWORDS = frozenset({"false", "in", "null", "true"})
RESERVED = KEYWORDS | frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package"}
    | {"namespace", "return", "var", "void", "while"}
)
MACROS = ("all", "exists", "exists_one", "filter", "map")


class ConditionError(ValueError):
    """What is wrong with a condition, between two offsets in it (code points, the second exclusive)."""

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = max(end, start + 1)


class Node(msgspec.Struct, frozen=True):
    """A part of a condition, from `start` to `end` (exclusive)."""

    start: int
    end: int


class Value(Node, frozen=True):
    """A literal: bool, int, float or str."""

    value: bool | int | float | str


class Name(Node, frozen=True):
    name: str


class Field(Node, frozen=True):
    """`operand.field`; `at` is where the field's name begins."""

    operand: Node
    field: str
    at: int


class Has(Node, frozen=True):
    """`has(operand.field)`."""

    path: Field


class Index(Node, frozen=True):
    operand: Node
    index: Node


class Call(Node, frozen=True):
    """`function(...)` or `operand.function(...)`; `at` is where the function's name begins."""

    function: str
    operand: Node | None
    arguments: tuple[Node, ...]
    at: int


class Loop(Node, frozen=True):
    """`operand.macro(variable, body)`."""

    macro: str
    operand: Node
    variable: Name
    body: Node


class Unary(Node, frozen=True):
    operator: Literal["!", "-"]
    operand: Node


class Binary(Node, frozen=True):
    """Any operator between two operands, `in` among them; `at` is where it stands."""

    operator: str
    left: Node
    right: Node
    at: int


class Choice(Node, frozen=True):
    """`condition ? yes : no`."""

    condition: Node
    yes: Node
    no: Node


class ListOf(Node, frozen=True):
    items: tuple[Node, ...]


class _Token(msgspec.Struct, frozen=True):
    kind: Literal["string", "number", "name", "operator", "end"]
    text: str
    start: int
    end: int


_TOKENS = re.compile(
    r"""
    (?P<space>(?:[ \t\r\n\f]|//[^\n]*)+)
    | (?P<string>(?:[bB][rR]?|[rR][bB]?)?(?:'''|\"\"\"|'|\"))
    | (?P<number>0[xX][0-9a-fA-F]+[uU]? | [0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)? | [0-9]+[eE][+-]?[0-9]+ | [0-9]+[uU]?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<operator>&&|\|\||==|!=|<=|>=|[<>!+\-*/%?:,.()\[\]{}])
    """,
    re.VERBOSE,
)
# What stands between the quotes of a string, by its quotes and whether it is raw.
_INSIDE = {
    ('"', False): re.compile(r'(?:[^"\\\r\n]|\\.)*"'),
    ("'", False): re.compile(r"(?:[^'\\\r\n]|\\.)*'"),
    ('"', True): re.compile(r'[^"\r\n]*"'),
    ("'", True): re.compile(r"[^'\r\n]*'"),
    ('"""', False): re.compile(r'(?:[^\\]|\\.)*?"""', re.DOTALL),
    ("'''", False): re.compile(r"(?:[^\\]|\\.)*?'''", re.DOTALL),
    ('"""', True): re.compile(r'.*?"""', re.DOTALL),
    ("'''", True): re.compile(r".*?'''", re.DOTALL),
}
_WORD_OPERATORS = {"and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "NOT": "!"}
_SIGN_OPERATORS = {"=": "==", "&": "&&", "|": "||"}


def parse(text: str) -> Node:
    """The tree of a condition. Raises ConditionError."""
    if len(text) > TEXT_MAX_CHARS:
        raise ConditionError(f"a condition has at most {TEXT_MAX_CHARS} characters", TEXT_MAX_CHARS, len(text))
    return _Parser(text).whole()


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        found = _TOKENS.match(text, position)
        if found is None:
            raise _strange(text, position)
        position = found.end()
        match found.lastgroup:
            case "space":
                continue
            case "string":
                position = _string_end(text, found)
                yield _Token("string", text[found.start() : position], found.start(), position)
            case "number":
                if text[position : position + 1].isalnum():
                    raise ConditionError("a number ends in a letter", position, position + 1)
                yield _Token("number", found[0], found.start(), position)
            case "name":
                yield _Token("name", found[0], found.start(), position)
            case _:
                yield _Token("operator", found[0], found.start(), position)
    yield _Token("end", "", len(text), len(text))


def _strange(text: str, position: int) -> ConditionError:
    wanted = _SIGN_OPERATORS.get(text[position])
    hint = f"; write {wanted}" if wanted else ""
    return ConditionError(f"{text[position]!r} has no meaning here{hint}", position, position + 1)


def _string_end(text: str, opening: re.Match[str]) -> int:
    prefix = opening[0].rstrip("'\"").lower()
    if "b" in prefix:
        raise ConditionError("bytes have no use in a condition", opening.start(), opening.end())
    inside = _INSIDE[opening[0][len(prefix) :], prefix == "r"].match(text, opening.end())
    if inside is None:
        raise ConditionError("this string does not end", opening.start(), len(text))
    return inside.end()


# Each level binds tighter than the one before it; all associate to the left.
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("==", "!=", "<", "<=", ">", ">=", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0
        self._depth = 0

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _ended(self) -> bool:
        return self._token.kind == "end"

    def whole(self) -> Node:
        if self._ended():
            raise ConditionError("the condition is empty", 0, 0)
        tree = self._choice()
        if not self._ended():
            raise self._unexpected()
        return tree

    def _take(self) -> _Token:
        token = self._token
        self._next += token.kind != "end"
        return token

    def _is(self, *operators: str) -> bool:
        return self._token.text in operators and self._token.kind in ("operator", "name")

    def _expect(self, operator: str) -> _Token:
        if not self._is(operator):
            raise self._unexpected(repr(operator))
        return self._take()

    def _unexpected(self, wanted: str | None = None) -> ConditionError:
        token = self._token
        found = "the condition ends" if token.kind == "end" else f"{token.text!r} stands"
        if token.text in _WORD_OPERATORS:
            expected = f"; write {_WORD_OPERATORS[token.text]}"
        else:
            expected = f" where {wanted} is expected" if wanted else " where it cannot"
        return ConditionError(found + expected, token.start, token.end)

    def _choice(self) -> Node:
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise ConditionError(f"nested more than {_DEPTH_MAX} deep", self._token.start, self._token.end)
        condition = self._level(0)
        if self._is("?"):
            self._take()
            yes = self._level(0)
            self._expect(":")
            no = self._choice()
            condition = Choice(condition.start, no.end, condition, yes, no)
        self._depth -= 1
        return condition

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while self._is(*_LEVELS[level]):
            operator = self._take()
            right = self._level(level + 1)
            left = Binary(left.start, right.end, operator.text, left, right, operator.start)
        return left

    def _unary(self) -> Node:
        signs: list[_Token] = []
        while self._is("!", "-"):
            if signs and signs[-1].text != self._token.text:
                raise self._unexpected()
            signs.append(self._take())
        if len(signs) > _DEPTH_MAX:
            raise ConditionError(f"nested more than {_DEPTH_MAX} deep", signs[0].start, signs[-1].end)
        node = self._member()
        for sign in reversed(signs):
            if sign.text == "-" and isinstance(node, Value) and not isinstance(node.value, bool | str):
                node = Value(sign.start, node.end, -node.value)
            else:
                node = Unary(sign.start, node.end, "!" if sign.text == "!" else "-", node)
        return node

    def _member(self) -> Node:
        node = self._primary()
        for _ in range(TEXT_MAX_CHARS):
            if self._is("."):
                self._take()
                node = self._selected(node)
            elif self._is("["):
                self._take()
                index = self._choice()
                node = Index(node.start, self._expect("]").end, node, index)
            else:
                break
        return node

    def _selected(self, operand: Node) -> Node:
        name = self._token
        if name.kind != "name" or name.text in RESERVED:
            raise self._unexpected("a field's name")
        self._take()
        if not self._is("("):
            return Field(operand.start, name.end, operand, name.text, name.start)
        arguments, end = self._arguments()
        if name.text in MACROS:
            return self._loop(operand, name, arguments, end)
        return Call(operand.start, end, name.text, operand, arguments, name.start)

    def _loop(self, operand: Node, name: _Token, arguments: tuple[Node, ...], end: int) -> Node:
        match arguments:
            case (Name() as variable, body):
                return Loop(operand.start, end, name.text, operand, variable, body)
        raise ConditionError(
            f"write it as {name.text}(x, ...): a name for an element, then what is asked of it", name.start, end
        )

    def _arguments(self) -> tuple[tuple[Node, ...], int]:
        self._expect("(")
        items = self._items(")")
        return items, self._expect(")").end

    def _items(self, closing: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._is(closing):
            items.append(self._choice())
            if not self._is(","):
                break
            self._take()
        return tuple(items)

    def _primary(self) -> Node:
        token = self._token
        if token.kind in ("string", "number"):
            self._take()
            return _literal(token)
        if token.kind == "name" and token.text in ("true", "false"):
            self._take()
            return Value(token.start, token.end, token.text == "true")
        if token.text == "null":
            raise ConditionError(
                "nothing is ever null: what is unknown is absent; ask has(...)", token.start, token.end
            )
        if token.kind == "name" and token.text not in RESERVED and token.text not in _WORD_OPERATORS:
            self._take()
            return self._named(token)
        if self._is("("):
            self._take()
            inner = self._choice()
            return msgspec.structs.replace(inner, start=token.start, end=self._expect(")").end)
        if self._is("["):
            self._take()
            items = self._items("]")
            return ListOf(token.start, self._expect("]").end, items)
        if self._is("{"):
            raise ConditionError("maps have no use in a condition", token.start, token.end)
        raise self._unexpected()

    def _named(self, name: _Token) -> Node:
        if not self._is("("):
            return Name(name.start, name.end, name.text)
        arguments, end = self._arguments()
        if name.text == "has":
            match arguments:
                case (Field() as path,):
                    return Has(name.start, end, path)
            raise ConditionError("has(...) asks for a field, as in has(model.weights)", name.start, end)
        return Call(name.start, end, name.text, None, arguments, name.start)


def _literal(token: _Token) -> Value:
    """A literal's value is what the library takes it for."""
    try:
        value = constant(token.text)
    except LibraryFault as fault:
        raise ConditionError(f"no literal: {fault}", token.start, token.end) from None
    if not isinstance(value, bool | int | float | str):
        raise ConditionError("no literal that a condition has a use for", token.start, token.end)
    return Value(token.start, token.end, value)
