"""A question as the pairs of a query string, so that a link asks it again, and a form can ask it.

Names are the places in the question: `work.category`, `privacy.regions`, `machines.0.rent_per_hour`. What takes several
values may come several times, or with commas between. A machine's speeds are pairs of fields, as in
`machines.0.speeds.1.model` and `machines.0.speeds.1.tokens_per_s`. What is empty says nothing.
"""

import re
import types
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, Union, get_args, get_origin

import msgspec

from ecotone.evaluation.advice.question import OwnMachine, Question, Work, problems

MACHINES_MAX = 8
SPEEDS_MAX = 12
DEFAULT_WORK = Work(requests_per_month=10_000, input_tokens=1_000, output_tokens=300)

_LENGTH_MAX = 2_000
_NUMBER_MAX = 10**15
_SPACES = re.compile(r"[\s,_$\u202f\u00a0]")
_SPLIT = re.compile(r"[,\n]")

Pairs = tuple[tuple[str, str], ...]


class Read(msgspec.Struct, frozen=True):
    """What was said: the question, or None where `problems` (by name) stand in the way."""

    question: Question | None
    problems: Mapping[str, str]


def read_pairs(pairs: Iterable[tuple[str, str]]) -> Read:
    """The question that these ask; names that it does not know are left alone, as a link carries more than that."""
    said: dict[str, list[str]] = {}
    for name, value in pairs:
        if value.strip():
            said.setdefault(name, []).append(value.strip())
    found: dict[str, str] = {}
    tables: dict[str, Any] = {}
    for field in msgspec.structs.fields(Question):
        kind = _struct_in(field.type)
        if field.name == "machines":
            tables["machines"] = [*_machines(said, found)]
        elif kind is not None:
            base = DEFAULT_WORK if field.name == "work" else kind()
            tables[field.name] = _table(kind, f"{field.name}.", said, found, base)
        elif field.name in said:
            _take(field.type, field.name, said[field.name], tables, field.name, found)
    if found:
        return Read(None, found)
    question = Question(**{**tables, "machines": tuple(tables["machines"])})
    wrong = {".".join(map(str, path)): reason for path, reason in problems(question).items()}
    return Read(None if wrong else question, wrong)


def as_pairs(question: Question, *, whole: bool = False) -> Pairs:
    """The pairs that `read_pairs` makes this question of; what stands at its default only if `whole`."""
    return tuple(_pairs_of(question, whole))


def _pairs_of(question: Question, whole: bool) -> Iterator[tuple[str, str]]:
    for field in msgspec.structs.fields(Question):
        value = getattr(question, field.name)
        if isinstance(value, msgspec.Struct):
            base = DEFAULT_WORK if field.name == "work" else type(value)()
            yield from _pairs_of_table(value, None if whole else base, f"{field.name}.")
        elif field.name == "machines":
            for number, machine in enumerate(question.machines):
                yield from _pairs_of_machine(machine, f"machines.{number}.", whole)
        elif whole or value != field.default:
            yield from _written(field.name, value)


def _pairs_of_machine(machine: OwnMachine, prefix: str, whole: bool) -> Iterator[tuple[str, str]]:
    yield f"{prefix}name", machine.name
    base = OwnMachine(machine.name, machine.tokens_per_s)
    yield from _pairs_of_table(machine, None if whole else base, prefix, leave_out=("name", "tokens_per_s"))
    for number, (model, rate) in enumerate(machine.tokens_per_s.items()):
        yield f"{prefix}speeds.{number}.model", model
        yield f"{prefix}speeds.{number}.tokens_per_s", f"{rate.normalize():f}"


def _pairs_of_table(
    value: msgspec.Struct, base: msgspec.Struct | None, prefix: str, *, leave_out: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """Without `base` all of it, else what differs from that."""
    for name in value.__struct_fields__:
        if name not in leave_out and (base is None or getattr(value, name) != getattr(base, name)):
            yield from _written(prefix + name, getattr(value, name))


def _written(name: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case None:
            return
        case bool():
            yield name, "yes" if value else "no"
        case tuple():
            yield name, ", ".join(value)
        case Decimal():
            yield name, f"{value.normalize():f}"
        case _:
            yield name, str(value)


def _machines(said: Mapping[str, list[str]], found: dict[str, str]) -> Iterator[OwnMachine]:
    """Those that anything is said of. A name that is left out is made up."""
    for number in range(MACHINES_MAX):
        prefix = f"machines.{number}."
        if not any(name.startswith(prefix) for name in said):
            continue
        speeds = dict(_speeds(said, prefix, found))
        name = " ".join(said.get(f"{prefix}name", [f"machine {number + 1}"]))[:_LENGTH_MAX]
        yield _table(OwnMachine, prefix, said, found, OwnMachine(name, speeds))


def _speeds(said: Mapping[str, list[str]], prefix: str, found: dict[str, str]) -> Iterator[tuple[str, Decimal]]:
    for number in range(SPEEDS_MAX):
        names = [f"{prefix}speeds.{number}.{part}" for part in ("model", "tokens_per_s")]
        model, rate = (said.get(name) for name in names)
        if model is None and rate is None:
            continue
        if model is None or rate is None:
            missing = names[0] if model is None else names[1]
            found[missing] = "say which model" if model is None else "say how many tokens a second it gives"
            continue
        value: dict[str, Decimal] = {}
        _take(Decimal, names[1], rate, value, model[-1], found)
        yield from value.items()


def _table(
    kind: type[msgspec.Struct], prefix: str, said: Mapping[str, list[str]], found: dict[str, str], base: msgspec.Struct
) -> Any:
    changed: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        name = prefix + field.name
        if name in said and field.name not in ("name", "tokens_per_s"):
            _take(field.type, name, said[name], changed, field.name, found)
    return msgspec.structs.replace(base, **changed)


def _take(kind: Any, name: str, values: list[str], into: dict[str, Any], key: str, found: dict[str, str]) -> None:
    """One value or several, as the field has them; what it cannot be goes to `found` in words."""
    kinds = [part for part in _alternatives(kind) if part is not type(None)]
    wanted = kinds[0]
    text = values[-1][:_LENGTH_MAX]
    if wanted is bool:
        if text.lower() not in ("yes", "no", "true", "false", "on"):
            found[name] = "yes or no"
        else:
            into[key] = text.lower() in ("yes", "true", "on")
        return
    value: Any = text
    if wanted in (int, float, Decimal):
        value = _SPACES.sub("", text)
    elif get_origin(wanted) is tuple:
        value = tuple(part.strip() for text in values for part in _SPLIT.split(text[:_LENGTH_MAX]) if part.strip())
    try:
        read = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        found[name] = _expected(wanted)
        return
    if isinstance(read, int | float | Decimal) and not _meant(read):
        found[name] = "a number that somebody could mean"
    else:
        into[key] = read


def _meant(value: int | float | Decimal) -> bool:
    finite = value.is_finite() if isinstance(value, Decimal) else isfinite(value)
    return finite and -_NUMBER_MAX < value < _NUMBER_MAX


def _expected(kind: Any) -> str:
    if kind is int:
        return "a whole number, like 10000"
    if kind in (float, Decimal):
        return "a number, like 2.5"
    choices = get_args(get_args(kind)[0] if get_origin(kind) is tuple else kind)
    return f"one of {', '.join(map(str, choices))}" if choices else "not understood"


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    return kind if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None
