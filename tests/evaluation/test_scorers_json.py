"""JSON in replies: found, held to a schema, compared field by field."""

from typing import Any

import pytest

from ecotone.evaluation.cases import ScorerSpec
from ecotone.evaluation.scorers import kind_of
from ecotone.evaluation.scorers.json_value import json_in
from tests.evaluation.scoring import problem, scored

PERSON = {
    "type": "object",
    "required": ["name", "age"],
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('{"a": 1}', ({"a": 1},)),
        ("[1, 2]", ([1, 2],)),
        ("null", (None,)),
        ('"text"', ("text",)),
        ('Here it is:\n```json\n{"a": 1}\n```\nDone.', ({"a": 1},)),
        ('```\n{"a": 1}\n```', ({"a": 1},)),
        ("```python\nx = {1}\n```\n```json\n[3]\n```", ([3],)),
        ('So {"a": {"b": "}"}} it is', ({"a": {"b": "}"}},)),
        ('{x} then {"a": 1}', ({"a": 1},)),
        ("no JSON", None),
        ("", None),
        ("{'a': 1}", None),
        ('{"a": NaN}', None),
        ('{"a": 1', None),
        ("[" * 100_000, None),
        ("1" * 10_000, None),
    ],
)
def test_json_is_found_in_a_reply(reply: str, expected: tuple[Any] | None) -> None:
    assert json_in(reply) == expected


@pytest.mark.parametrize(
    ("reference", "reply", "options", "value"),
    [
        ({"a": 1}, '{"a": 1}', {}, 1),
        ({"a": 1}, '{"a": 1.0}', {}, 1),
        ({"a": 1}, '{"a": true}', {}, 0),
        ({"a": 1}, '{"a": "1"}', {}, 0),
        ({"a": 1, "b": 2}, '{"b": 2, "a": 1}', {}, 1),
        ({"a": "x  y"}, '{"a": " x y"}', {}, 1),
        ({"a": "X"}, '{"a": "x"}', {}, 0),
        ({"a": "X"}, '{"a": "x"}', {"ignore_case": True}, 1),
        ({"a": [1, 2]}, '{"a": [2, 1]}', {}, 0),
        ({"a": [1, 2]}, '{"a": [2, 1]}', {"any_order": True}, 1),
        ({"a": [{"b": 1}, {"c": 2}]}, '{"a": [{"c": 2}, {"b": 1.0}]}', {"any_order": True}, 1),
        ({"a": []}, '{"a": {}}', {}, 0),
        (None, "{}", {}, 1),
        (None, "not JSON", {}, 0),
        ({"a": 1}, 'It is {"a": 1}', {"strict": True}, 0),
        ({"a": 1}, ' {"a": 1}\n', {"strict": True}, 1),
        ({"a": 1, "b": 2, "c": 3, "d": 4}, '{"a": 1, "b": 2, "c": 3, "d": 5}', {}, 0),
        ({"a": 1, "b": 2, "c": 3, "d": 4}, '{"a": 1, "b": 2, "c": 3, "d": 5}', {"partial": True}, 0.75),
        ({"a": 1, "b": 2}, '{"a": 1, "b": 2, "c": 3, "d": 4}', {"partial": True}, 0.5),
        ({"a": {"b": 1, "c": 2}}, '{"a": {"b": 1}}', {"partial": True}, 0.5),
        ({"a": 1}, "", {"partial": True}, 0),
        ({"name": "Ann", "age": 3}, '{"name": "Ann", "age": 3}', {"schema": PERSON}, 1),
        ({"name": "Ann", "age": 3}, '{"name": "Ann", "age": "3"}', {"schema": PERSON, "partial": True}, 0),
        ({"name": "Ann", "age": 3}, '{"name": "Ann", "age": 4}', {"schema": PERSON, "partial": True}, 0.5),
        (None, '{"name": "Ann", "age": -1}', {"schema": PERSON}, 0),
    ],
)
async def test_json(reference: Any, reply: str, options: dict[str, Any], value: float) -> None:
    assert (await scored("json", reference, reply, **options)).value == value


async def test_json_says_which_field_is_wrong() -> None:
    score = await scored("json", {"a": {"b": 1}, "c": 2}, '{"a": {"b": 7}}')
    assert score.why == "a.b: wanted 1, got 7, c: wanted 2, got nothing"


async def test_json_says_where_the_schema_is_broken() -> None:
    score = await scored("json", None, '{"name": "Ann", "age": "3"}', schema=PERSON)
    assert score.why == "breaks the schema at $.age: '3' is not of type 'integer'"


async def test_a_schema_fetches_nothing() -> None:
    """A reference to another file is an error of the schema's author, not a request to the network."""
    schema = {"$ref": "http://127.0.0.1:9/schema.json"}
    assert problem("json", {"a": 1}, schema=schema).endswith("refers to what it does not hold: " + schema["$ref"])
    assert problem("json", None, schema=schema).endswith("refers to what it does not hold: " + schema["$ref"])


@pytest.mark.parametrize(
    ("reference", "schema", "says"),
    [
        ({"a": 1}, {"type": "objekt"}, "not a JSON Schema"),
        ({"name": "Ann"}, PERSON, "breaks the scorer's schema: 'age' is a required property"),
    ],
)
def test_a_schema_or_reference_that_cannot_be_right_is_told(reference: Any, schema: Any, says: str) -> None:
    assert says in problem("json", reference, schema=schema)


def test_a_cell_holds_json() -> None:
    kind = kind_of(ScorerSpec("json"))
    assert kind.from_cell('{"a": [1]}') == {"a": [1]}
    with pytest.raises(ValueError, match="not JSON"):
        kind.from_cell("{a}")
