"""Conditions are read as CEL reads them, and checked against what there is to read."""

import keyword
import subprocess
import sys
from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecotone.policy.cel_library import Context, Fault, Program
from ecotone.policy.cel_syntax import (
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
from ecotone.policy.classes import DEFAULT_CLASSES
from ecotone.policy.conditions import Use, read_condition, told
from ecotone.policy.schema import OPERATIONS, ROOTS, Schema, class_name_problem
from ecotone.upstream import operations

SCHEMA = Schema(DEFAULT_CLASSES, kinds=("email", "iban", "us_ssn"))

RIGHT = [
    'data.class >= restricted && endpoint.hosting == "vendor"',
    "restricted <= data.class",
    'data["class"] >= internal',
    "data.class == 2",
    "data.class + 1 > restricted",
    '!has(model.weights) || model.weights == "open"',
    '"email" in data.kinds',
    'data.kinds.exists(kind, kind in ["email", "iban"])',
    'data.kinds.all(k, k != "us_ssn") && data.kinds.exists(k, k == "email")',
    'data.kinds.filter(k, k.startsWith("us_")).size() > 0',
    'data.kinds.map(k, k + "!").exists_one(k, k == "email!")',
    "size(data.uninspected) > 0",
    'data.kinds[0] == "email"',
    "content.weapons > 0.5 || content.hate >= 1",
    '"hate" in content.flagged',
    'endpoint.hosting in ["embedded", "self-hosted"]',
    'endpoint.residency.exists(place, place == "eu" || place == "de")',
    'endpoint.region.matches("^eu-(west|central)-[0-9]$")',
    'model.openness == "open source" ? model.tools : model.openness_class < 3',
    "model.context_tokens >= 128000",
    "time.hour < 6 || time.hour >= 22",
    'time.weekday in ["saturday", "sunday"]',
    'time.now > timestamp("2026-11-30T12:00:00Z") && time.date != "2026-12-24"',
    'time.now - timestamp("2026-11-30T12:00:00Z") > duration("36h")',
    "time.now.getMinutes() < 30",
    "request.bytes / 4 > 1000 && request.bytes % 2 == 0",
    'principal.name.startsWith("svc-") || principal.name == "local"',
    'route.name == r"a\\b" || route.name == \'x\' || route.name == """y"""',
    "true // for now",
    "request.stream == request.tools",
    'request.operation != "chat"',
    "double(request.bytes) * 1.5 > 100.0",
    'string(request.bytes) + "x" == "3x"',
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_is_read(text: str) -> None:
    assert read_condition(text, SCHEMA).text == text


# Where the mark stands (first character and one after the last), and what is said.
WRONG = [
    ("dat.class >= restricted", 0, 3, "nothing is called dat; did you mean data?"),
    ('true || modle.name == "x"', 8, 13, "did you mean model?"),
    ("data.class >= restrictd", 14, 23, "did you mean restricted?"),
    ("data.clas >= restricted", 5, 9, "data has no field clas; did you mean class?"),
    ('false && model.weigths == "open"', 15, 22, "model has no field weigths; did you mean weights?"),
    ("has(model.weigths)", 10, 17, "did you mean weights?"),
    ("true || !has(endpoint.regoin)", 22, 28, "did you mean region?"),
    ('data["clas"] >= 1', 5, 11, "did you mean class?"),
    ("data.kinds.exists(k, k == data.clas)", 31, 35, "did you mean class?"),
    ('data.kinds.exists(k, j == "email")', 21, 22, "nothing is called j"),
    ('data.kinds.exists(data, data == "email")', 18, 22, "data means something else"),
    ('data.kinds.exists(restricted, restricted == "email")', 18, 28, "means something else"),
    ("data.kinds.exists(k, data.kinds.all(k, true))", 36, 37, "k means something else"),
    ('data.kinds.exists(k, k == "email") && k == "email"', 38, 39, "nothing is called k"),
    ("data.kinds.exists(k, k.x == 1)", 23, 24, "a string has no field x"),
    ("data.kinds.exists(k)", 11, 20, "write it as exists(x, ...)"),
    ("data.kinds.exists(k, 1)", 21, 22, "this is an int"),
    ("model.exists(k, true)", 0, 5, "model has fields"),
    ('data.class == "restricted"', 14, 26, "never text: write restricted without quotes"),
    ('"restrictd" == data.class', 0, 11, "there is no class restrictd; did you mean restricted?"),
    ('data.class in ["restricted"]', 0, 28, "a data class is never a string"),
    ("data.class", 0, 10, "a condition is true or false, and this is a data class"),
    ("data", 0, 4, "data has fields"),
    ("endpoint == model", 0, 8, "endpoint has fields"),
    ('model[route.name] == "x"', 0, 17, "as in model.name"),
    ('"weights" in model', 0, 18, "has(model.FIELD)"),
    ("data.class.rank == 1", 11, 15, "a data class has no field rank"),
    ("has(data.class.rank)", 15, 19, "a data class has no field rank"),
    ("has(data)", 0, 9, "asks for a field"),
    ('has(data.kinds.exists(k, k == "x"))', 0, 35, "asks for a field"),
    ("content.weapon > 0.5", 8, 14, "did you mean weapons?"),
    ("content.weapons > 50", 18, 20, "a score is between 0 and 1"),
    ('content.weapons > "0.5"', 0, 23, "a double is never a string"),
    ('"weapon" in content.flagged', 0, 8, "did you mean weapons?"),
    ('content.flagged.exists(c, c == "weapon")', 31, 39, "did you mean weapons?"),
    ('"emial" in data.kinds', 0, 7, "did you mean email?"),
    ('data.kinds.exists(k, k in ["email", "emial"])', 36, 43, "did you mean email?"),
    ('"emial" == data.kinds[0]', 0, 7, "did you mean email?"),
    ('"picture" in data.uninspected', 0, 9, "known: image, audio"),
    ('endpoint.hosting == "Vendor"', 20, 28, "endpoint.hosting never says 'Vendor'; did you mean vendor?"),
    ('endpoint.hosting != "cloud"', 20, 27, "known: embedded, self-hosted, vendor"),
    ('endpoint.hosting in ["vendor", "cloud"]', 31, 38, "endpoint.hosting never says 'cloud'"),
    ('model.weights == "opne"', 17, 23, "did you mean open?"),
    ('model.openness == "open-source"', 18, 31, "did you mean open source?"),
    ('model.licence_verdict == "yes"', 25, 30, "known: allowed, allowed with duties, not allowed"),
    ('endpoint.trains_on_inputs == "opt in"', 29, 37, "did you mean opt-in?"),
    ('request.operation == "chats"', 21, 28, "did you mean chat?"),
    ('time.weekday == "Sunday"', 16, 24, "did you mean sunday?"),
    ('time.date > "30.11.2026"', 12, 24, "written like 2026-11-30"),
    ('time.date == "2026-02-30"', 13, 25, "written like 2026-11-30"),
    ('time.now > "2026-11-30"', 0, 23, "a timestamp is never a string"),
    ('time.now > timestamp("soon")', 11, 28, "no value"),
    ('endpoint.hosting < "vendor"', 17, 19, "a string has no order"),
    ("request.stream > request.tools", 15, 17, "a bool has no order"),
    ("request.stream == 1", 0, 19, "a bool is never an int"),
    ("request.stream && request.bytes", 18, 31, "a bool is wanted here, and this is an int"),
    ("!request.bytes", 0, 14, "turns true and false around"),
    ("-request.stream", 0, 15, "- is for numbers"),
    ('request.bytes + "x" == "1x"', 14, 15, "does not go between an int and a string"),
    ("content.hate * 2 > 1.0", 13, 14, "write whole numbers with .0"),
    ('request.stream ? 1 : "x"', 17, 24, "both outcomes are of one kind"),
    ("request.bytes ? true : false", 0, 13, "a bool is wanted here"),
    ('["a", 1] == ["a"]', 6, 7, "all elements are of one kind"),
    ('model.name.startswith("x")', 11, 21, "did you mean startsWith?"),
    ("model.name.startsWith(1)", 11, 21, "takes one string"),
    ("model.name.size() == 1", 11, 15, "a string has no function size"),
    ("size(model.name) == 1", 0, 16, "counts the elements of one list"),
    ("model.name.startsWith", 11, 21, "to call it, write startsWith(...)"),
    ('model.name.matches("(")', 19, 22, "not a pattern"),
    ("model.name.matches(route.name)", 19, 29, "written out, in quotes"),
    ("lowercase(model.name)", 0, 9, "there is no function lowercase"),
    ("int(request.stream) == 1", 0, 19, "takes one int or double or string or rank"),
    ("model.name in endpoint.hosting", 14, 30, "in looks into a list, and this is a string"),
    ("model.name[0] == 1", 0, 13, "a string has no elements"),
    ('data.kinds["a"] == "x"', 11, 14, "an int is wanted here"),
    ("data.class = 3", 11, 12, "'=' has no meaning here; write =="),
    ("true & false", 5, 6, "write &&"),
    ("true and false", 5, 8, "write &&"),
    ("not true", 0, 3, "write !"),
    ("model.maker == null", 15, 19, "what is unknown is absent; ask has(...)"),
    ('{"a": 1}.a == 1', 0, 1, "maps have no use"),
    ('b"x" == b"x"', 0, 2, "bytes have no use"),
    ("(true", 5, 6, "the condition ends where ')' is expected"),
    ("true)", 4, 5, "')' stands where it cannot"),
    ("true false", 5, 10, "'false' stands where it cannot"),
    ('model.name == "x', 14, 16, "this string does not end"),
    ("1a == 1", 1, 2, "a number ends in a letter"),
    ("99999999999999999999 == 1", 0, 20, "no literal"),
    ("model..name", 6, 7, "a field's name is expected"),
    ("model.in", 6, 8, "a field's name is expected"),
    ("while == 1", 0, 5, "'while' stands where it cannot"),
    ("", 0, 1, "the condition is empty"),
    (" // nothing", 0, 1, "the condition is empty"),
    ("(" * 70 + "true" + ")" * 70, 60, 61, "nested more than 60 deep"),
    ("!" * 70 + "true", 0, 70, "nested more than 60 deep"),
    ("true && " * 600 + "true", 4000, 4804, "at most 4000 characters"),
]


@pytest.mark.parametrize(("text", "start", "end", "reason"), WRONG)
def test_what_is_wrong_is_told_with_its_place(text: str, start: int, end: int, reason: str) -> None:
    with pytest.raises(ConditionError) as caught:
        read_condition(text, SCHEMA)
    assert reason in caught.value.message
    assert (caught.value.start, caught.value.end) == (start, end)


def test_the_place_is_marked_under_its_line() -> None:
    text = 'endpoint.hosting == "vendor"\n\t&& modle.name == "ä"'
    with pytest.raises(ConditionError) as caught:
        read_condition(text, SCHEMA)
    assert told(caught.value, text) == (
        "nothing is called modle; did you mean model?, at character 34 of the condition:\n"
        '    \t&& modle.name == "ä"\n'
        "    \t   ^^^^^"
    )


def test_every_field_can_be_asked_for() -> None:
    for path in SCHEMA.variables:
        assert set(read_condition(f"has({path})", SCHEMA).reads) == {path}
    assert {path.partition(".")[0] for path in SCHEMA.variables} == set(ROOTS)


def test_operations_are_those_that_can_be_asked() -> None:
    assert set(OPERATIONS) == set(get_args(operations.Operation))


@pytest.mark.parametrize(
    "name", ["data", "time", "true", "in", "for", "has", "size", "int", "", "a-b", "3d", "größe", "a b"]
)
def test_names_that_a_class_cannot_have(name: str) -> None:
    assert class_name_problem(name) is not None


@pytest.mark.parametrize("name", ["public", "secret_2", "TLP_RED", "vendor", "open", *keyword.kwlist[10:12]])
def test_names_that_a_class_can_have(name: str) -> None:
    problem = class_name_problem(name)
    if problem is None:
        assert read_condition(f"data.class >= {name}", Schema(("lowest", name))).reads


def test_how_variables_are_read_is_known() -> None:
    def use(text: str, path: str) -> Use:
        return read_condition(text, SCHEMA).reads[path]

    assert use("time.hour < 6 || 22 <= time.hour", "time.hour") == Use(compared=frozenset({6, 22}))
    assert use("data.class in [internal, restricted]", "data.class") == Use(compared=frozenset({1, 3}))
    assert use("request.bytes > 10 * 1000", "request.bytes") == Use(compared=frozenset({10_000}))
    instant = datetime(2026, 11, 30, tzinfo=UTC)
    assert use('time.now > timestamp("2026-11-30T00:00:00Z")', "time.now") == Use(compared=frozenset({instant}))
    assert use('"email" in data.kinds', "data.kinds") == Use(sought=frozenset({"email"}))
    assert use("size(data.kinds) > 2 || data.kinds.size() == 0", "data.kinds") == Use(counted=frozenset({0, 2}))
    exists = 'data.kinds.exists(k, k == "email" || k in ["iban"])'
    assert use(exists, "data.kinds") == Use(sought=frozenset({"email", "iban"}), counted=frozenset({1}))
    for text, path in [
        ('endpoint.residency.exists(r, r > "eu")', "endpoint.residency"),
        ('data.kinds.exists(k, k.startsWith("us_"))', "data.kinds"),
        ('data.kinds.exists(k, k == "email" && k == route.name)', "data.kinds"),
        ('data.kinds.filter(k, k == "email").size() > 2', "data.kinds"),
        ("request.bytes > model.context_tokens", "request.bytes"),
        ("request.bytes + 1 > 5", "request.bytes"),
        ("[1, 2].exists(n, n == request.bytes)", "request.bytes"),
        ('data.kinds == ["email"]', "data.kinds"),
        ("route.name in data.kinds", "data.kinds"),
        ("has(time.hour)", "time.hour"),
        ("content.hate > double(request.bytes)", "content.hate"),
    ]:
        assert use(text, path) == Use(otherwise=True)


def test_the_library_is_loaded_without_its_command_line() -> None:
    code = "import sys, ecotone.policy.cel_library\nassert 'prompt_toolkit' not in sys.modules\nimport cel\n"
    code += "assert cel.evaluate('1 + 1') == 2"
    subprocess.run([sys.executable, "-c", code], check=True)


# The same tree as the library's

_VALUES = {"a": True, "b": False, "i": 3, "j": -2, "x": 0.5, "s": "word", "l": ["word", "w"], "m": {"n": 7, "t": "t"}}
_TEXT = st.recursive(
    st.sampled_from(["a", "b", "i", "j", "x", "s", "l", "m.n", 'm["t"]', "1", "2.5", "0x1F", ".5", '"word"', r'r"\d"'])
    | st.sampled_from(
        [
            "true",
            "false",
            "!a",
            "!!b",
            "-i",
            "- -j",
            "has(m.n)",
            "has(m.z)",
            "m.z",
            "l[0]",
            '"""a"b"""',
            r"'\x41\u00e9'",
            "[]",
        ]
    ),
    lambda inner: st.one_of(
        st.builds(
            "{} {} {}".format,
            inner,
            st.sampled_from(["&&", "||", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"]),
            inner,
        ),
        st.builds("{}({})".format, st.sampled_from(["!", "-"]), inner),
        st.builds("({})".format, inner),
        st.builds("{} ? {} : {}".format, inner, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("l.{}(e, {})".format, st.sampled_from(["exists", "all", "filter", "map", "exists_one"]), inner),
        st.builds("s.{}({})".format, st.sampled_from(["startsWith", "contains", "endsWith"]), inner),
        st.builds("size({})".format, inner),
        st.builds("[{}][0]".format, inner),
    ),
    max_leaves=8,
)


def bracketed(node: Node) -> str:
    """The tree in text again, with brackets around everything."""
    match node:
        case Value(value=str(value)):
            return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
        case Value(value=bool(value)):
            return "true" if value else "false"
        case Value(value=value):
            return f"({value})"
        case Name(name=name):
            return name
        case Field(operand=operand, field=field):
            return f"{bracketed(operand)}.{field}"
        case Has(path=path):
            return f"has({bracketed(path)})"
        case Index(operand=operand, index=index):
            return f"({bracketed(operand)})[{bracketed(index)}]"
        case Call(function=function, operand=None, arguments=arguments):
            return f"{function}({', '.join(map(bracketed, arguments))})"
        case Call(function=function, operand=Node() as operand, arguments=arguments):
            return f"({bracketed(operand)}).{function}({', '.join(map(bracketed, arguments))})"
        case Loop(macro=macro, operand=operand, variable=variable, body=body):
            return f"({bracketed(operand)}).{macro}({variable.name}, {bracketed(body)})"
        case Unary(operator=operator, operand=operand):
            return f"({operator}({bracketed(operand)}))"
        case Binary(operator=operator, left=left, right=right):
            return f"({bracketed(left)} {operator} {bracketed(right)})"
        case Choice(condition=condition, yes=yes, no=no):
            return f"({bracketed(condition)} ? {bracketed(yes)} : {bracketed(no)})"
        case ListOf(items=items):
            return f"[{', '.join(map(bracketed, items))}]"
    raise AssertionError(node)


def outcome(text: str) -> object:
    value = Program(text).value(Context(_VALUES))
    return "fault" if isinstance(value, Fault) else repr(value)


@settings(max_examples=150, deadline=None)
@given(_TEXT)
def test_the_tree_is_the_one_that_the_library_evaluates(text: str) -> None:
    try:
        tree = parse(text)
    except ConditionError:
        return
    assert outcome(bracketed(tree)) == outcome(text)


@settings(max_examples=150, deadline=None)
@given(_TEXT | st.text(alphabet="ab.()!&|=<>?:[]\"' 1,-", max_size=20))
def test_what_is_read_is_cel(text: str) -> None:
    """Whatever the checks let pass, the library can compile."""
    try:
        parse(text)
    except ConditionError:
        return
    Program(text)
