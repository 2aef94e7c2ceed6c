"""The control plane's own manners: what it takes, what it refuses, and how it describes itself."""

import json
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import msgspec
import pytest
from playwright.sync_api import Browser

from ecotone.gateway.sessions import Session
from ecotone.web.control.api import Call, File, ServerEvent, Stream, describe
from ecotone.web.control.control import Control
from ecotone.web.control.subjects import SUBJECTS
from tests.console.house import SMALL, House, house


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, browser: Browser, smollm2_path: Path) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("control"), browser, SMALL.format(path=smollm2_path)) as made:
        yield made


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """What is wished for."""

    name: str
    count: int = 1


class Careless(msgspec.Struct):
    name: str


async def grant(control: Control, session: Session, thing: str, body: Wish, query: Wish) -> Wish:
    """Grant a wish.

    More about it.
    """
    raise NotImplementedError


async def watch(control: Control) -> Stream:
    """Watch."""
    yield ServerEvent("one", 1)


async def fetch(control: Control) -> File:
    """Fetch."""
    raise NotImplementedError


async def take(control: Control, body: Careless) -> None:
    """Take."""


async def odd(control: Control, what: int) -> None:
    """Odd."""


def test_an_operation_is_described_by_its_function() -> None:
    told = describe({"wishes": (Call("POST", "/wishes/{thing}", grant), Call("GET", "/watch", watch))})
    operation = told["paths"]["/control/v1/wishes/{thing}"]["post"]
    assert operation["summary"] == "Grant a wish."
    assert operation["tags"] == ["wishes"]
    assert [(one["name"], one["in"], one["required"]) for one in operation["parameters"]] == [
        ("thing", "path", True),
        ("name", "query", True),
        ("count", "query", False),
    ]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Wish"}
    assert told["components"]["schemas"]["Wish"]["properties"]["count"] == {"type": "integer", "default": 1}
    assert "text/event-stream" in told["paths"]["/control/v1/watch"]["get"]["responses"]["200"]["content"]


def test_what_would_drop_fields_in_silence_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="must forbid unknown fields"):
        Call("POST", "/x", take)
    with pytest.raises(TypeError, match="nothing can be given for 'what'"):
        Call("GET", "/x", odd)
    with pytest.raises(TypeError, match="does not take all of"):
        Call("GET", "/x/{other}", fetch)


def test_streams_are_told_from_files() -> None:
    assert Call("GET", "/x", watch).streams
    assert not Call("GET", "/x", fetch).streams


def test_every_operation_is_described_once_and_says_what_it_does() -> None:
    told = describe(SUBJECTS)
    names = [operation["operationId"] for path in told["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names)), "two operations of one name"
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"].endswith("."), f"{method} {path} says nothing of itself"
    every = {call.method + call.path for group in SUBJECTS.values() for call in group}
    assert len(every) == sum(len(group) for group in SUBJECTS.values()), "two operations at one place"


def test_the_description_is_what_openapi_asks_for(home: House) -> None:
    """By the shape that OpenAPI 3.1 wants of a document, and all references lead somewhere."""
    told = home.api("GET", "/openapi.json")
    assert told["openapi"].startswith("3.1")
    assert set(told["info"]) >= {"title", "version"}
    text = json.dumps(told)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/components/schemas/')[1:]}:
        assert reference in told["components"]["schemas"], reference
    for schema in told["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_what_is_not_there_and_what_is_not_understood_is_said_in_one_form(home: House) -> None:
    for path in ("/nothing", "/openapi.jsonx"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            home.api("GET", path)
        assert caught.value.code == 404
        assert "There is nothing at" in json.loads(caught.value.read())["error"]["message"]
        caught.value.close()


def test_a_session_that_nobody_gave_is_none(home: House) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        home.api("GET", "/openapi.json", token="ecs_made-up")
    assert caught.value.code == 401
    caught.value.close()
