"""Requests of every wire, read for sensitive data, and the same requests without it."""

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecotone.policy.detectors import Detectors
from ecotone.policy.inspection import CannotRedact, Inspection, Passage, inspect, replaced
from ecotone.policy.settings import DataSettings

DETECTORS = Detectors()
CARD = "4111 1111 1111 1111"
MAIL = "jane@example.com"
ALL = frozenset(DETECTORS.kinds)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def at(request: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        request = request[step]
    return request


def seen(request: Any) -> list[tuple[str, str]]:
    return [(one.kind, one.value) for one in inspect(request, DETECTORS).found]


def placeholder(kind: str, value: str) -> str:
    return f"<{kind.replace('_', ' ')}>"


def without(request: Any, kinds: frozenset[str] = ALL) -> Any:
    return replaced(request, inspect(request, DETECTORS), kinds, placeholder)


# Where each wire has text, with the value in the place of {}.
PLACES = {
    "openai-chat content": {"model": "m", "messages": [{"role": "user", "content": "pay {} now"}]},
    "openai-chat parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "pay {} now"}]}]},
    "openai-chat arguments": {
        "messages": [
            {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"x": "a {} b"}'}}]},
        ]
    },
    "openai-chat tool result": {"messages": [{"role": "tool", "tool_call_id": "c", "content": "found {}."}]},
    "openai-chat description": {"tools": [{"type": "function", "function": {"name": "f", "description": "for {}"}}]},
    "responses": {"input": [{"type": "function_call_output", "call_id": "c", "output": "got {}"}]},
    "responses instructions": {"instructions": "use {}", "input": "hello"},
    "anthropic system": {"system": [{"type": "text", "text": "you hold {} for us"}]},
    "anthropic tool use": {
        "messages": [{"content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"name": "{}"}}]}]
    },
    "anthropic tool result": {
        "messages": [
            {"content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "{}"}]}]}
        ]
    },
    "anthropic document": {
        "messages": [
            {"content": [{"type": "document", "source": {"type": "text", "data": "x {} y"}}]}
        ]
    },
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "pay {}"}]}]},
    "gemini function response": {
        "contents": [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"id": "{}"}}}]}]
    },
    "ollama": {"prompt": "pay {}", "options": {"seed": 1}},
    "embeddings": {"input": ["one", "two {}"]},
    "a field nobody knows": {"vendor_extra": {"deep": [[{"er": "{}"}]]}},
}  # fmt: skip


def filled(value: Any, text: str) -> Any:
    if isinstance(value, str):
        return value.replace("{}", text)
    if isinstance(value, list):
        return [filled(inner, text) for inner in value]
    return {key: filled(inner, text) for key, inner in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("place", PLACES)
def test_every_place_of_every_wire_is_read_and_can_be_redacted(place: str) -> None:
    request = filled(PLACES[place], CARD)
    inspection = inspect(request, DETECTORS)
    assert [(one.kind, one.value) for one in inspection.found] == [("credit_card", CARD)]
    assert inspection.uninspected == frozenset()
    assert without(request) == filled(PLACES[place], "<credit card>")
    assert request == filled(PLACES[place], CARD), "the request given stays as it is"


@pytest.mark.parametrize("place", PLACES)
def test_a_request_may_be_wrapped_up_with_what_is_sent_along(place: str) -> None:
    request = {"model": "m", "headers": [], "body": filled(PLACES[place], CARD)}
    assert without(request) == {"model": "m", "headers": [], "body": filled(PLACES[place], "<credit card>")}
    request["body"] = {"input": [{"type": "function_call_output", "call_id": CARD}], "messages": [{"id": CARD}]}
    assert [one.place for one in inspect(request, DETECTORS).found] == ["fixed", "fixed"]


def test_a_redacted_request_keeps_its_other_values_and_their_order() -> None:
    request = {"z": 1, "messages": [{"content": MAIL, "role": "user", "x": None}], "a": [True, 1.5]}
    assert json.dumps(without(request)) == json.dumps(filled(request, "").__class__(request)).replace(MAIL, "<email>")


def test_only_the_kinds_asked_for_are_replaced() -> None:
    assert without({"x": f"{MAIL} {CARD}"}, frozenset({"email"})) == {"x": f"<email> {CARD}"}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"x": f"tab\t{MAIL}\nand é"}),
        json.dumps({"x": json.dumps({"y": f'q"uote\n{MAIL} é'})}),
        json.dumps([json.dumps([json.dumps([f"\n{MAIL}"])])]),
        '{"x": "j\\u0061ne@example.com"}',
        '{"x": "jane@example.com", "x": "hidden by this"}',
    ],
)
def test_strings_of_json_in_strings_are_read_and_stay_json(text: str) -> None:
    request = {"arguments": text}
    assert seen(request) == [("email", MAIL)]
    changed = without(request)["arguments"]
    json.loads(changed)
    assert MAIL not in changed and "<email>" in changed


def test_what_replaces_a_value_in_json_is_escaped_as_deep_as_it_was() -> None:
    request = {"arguments": json.dumps({"x": json.dumps({"y": f"\n{MAIL}"})})}
    changed = replaced(request, inspect(request, DETECTORS), ALL, lambda kind, value: 'a"b\\c')
    assert json.loads(json.loads(changed["arguments"])["x"]) == {"y": '\na"b\\c'}


@pytest.mark.parametrize(
    "coded",
    [
        b64(f"the card is {CARD}, é"),
        base64.urlsafe_b64encode(f"ÿþ>>>??? {CARD} ÿÿ".encode()).decode().rstrip("="),
        f"the card is {CARD}".encode().hex(),
        b64("more: " + b64(f"the card is {CARD}")),
        b64(json.dumps({"card": CARD, "note": "a\nb"})),
    ],
)
@pytest.mark.parametrize("around", ["{}", "read this: {}, please", "data:text/plain;base64,{}"])
def test_coded_texts_are_decoded_read_and_coded_again(coded: str, around: str) -> None:
    text = around.replace("{}", coded)
    inspection = inspect({"x": text}, DETECTORS)
    [one] = [one for one in inspection.found if one.kind == "credit_card"]
    assert text[one.finding.start : one.finding.end] == coded
    assert one.value == CARD
    changed = without({"x": text}, frozenset({"credit_card"}))
    again = inspect(changed, DETECTORS)
    assert "credit_card" not in again.kinds
    assert any("<credit card>" in passage.text for passage in again.texts)


def test_base64_in_lines_is_read() -> None:
    coded = base64.encodebytes(f"{'long line ' * 12}{MAIL} {'long line ' * 12}".encode()).decode()
    assert ("email", MAIL) in seen({"x": coded})


def test_numbers_are_read_and_replaced_by_numbers() -> None:
    request = {"card": 4111111111111111, "n": 12345678, "list": [4111111111111111.0]}
    assert seen(request) == [("credit_card", "4111111111111111")] * 2
    changed = replaced(request, inspect(request, DETECTORS), ALL, lambda kind, value: "5")
    assert changed == {"card": 5, "n": 12345678, "list": [5]}
    with pytest.raises(CannotRedact) as caught:
        without(request)
    assert (caught.value.path, caught.value.place) == (("card",), "number")


@pytest.mark.parametrize(
    ("request_", "kind", "value"),
    [
        ({"password": "letmein"}, "secret", "letmein"),
        ({"user": {"date_of_birth": "1984-03-12"}}, "birth_date", "1984-03-12"),
        ({"ssn": "536904399"}, "us_ssn", "536904399"),
        ({"ssn": 536904399}, "us_ssn", "536904399"),
        ({"phone": "5550123"}, "phone", "5550123"),
        ({"phones": ["5550123"]}, "phone", "5550123"),
        ({"lat": 48.85837, "lng": 2.29448}, "coordinates", "lat: 48.85837, lng: 2.29448"),
    ],
)
def test_a_key_says_what_its_value_is(request_: Any, kind: str, value: str) -> None:
    assert seen(request_) == [(kind, value)]


@pytest.mark.parametrize(
    ("request_", "path", "place"),
    [
        ({"metadata": {MAIL: "x"}}, ("metadata", MAIL), "key"),
        ({"messages": [{"role": "tool", "tool_call_id": MAIL}]}, ("messages", 0, "tool_call_id"), "fixed"),
        ({"model": MAIL}, ("model",), "fixed"),
        ({"tools": [{"name": MAIL}]}, ("tools", 0, "name"), "fixed"),
        ({"input": ["call jane@example.", "com now"]}, ("input", 0), "across"),
    ],
)
def test_where_replacing_would_break_the_request_it_is_refused(request_: Any, path: Any, place: str) -> None:
    [one] = inspect(request_, DETECTORS).found
    assert (one.path, one.place, one.kind, one.value) == (path, place, "email", MAIL)
    with pytest.raises(CannotRedact, match="email") as caught:
        without(request_)
    assert (caught.value.path, caught.value.place) == (path, place)
    assert MAIL not in str(caught.value).replace(".".join(map(str, path)), "")
    assert replaced(request_, inspect(request_, DETECTORS), frozenset({"iban"}), placeholder) == request_


@pytest.mark.parametrize(
    "wrap",
    [
        lambda texts: {"input": texts},
        lambda texts: {"messages": [{"role": "user", "content": [{"type": "text", "text": text} for text in texts]}]},
        lambda texts: {"contents": [{"role": "user", "parts": [{"text": text} for text in texts]}]},
        lambda texts: {"messages": [{"role": "user", "content": text} for text in texts]},
        lambda texts: {
            "input": [{"role": "user", "content": [{"type": "input_text", "text": text}]} for text in texts]
        },
    ],
)
@given(
    value=st.sampled_from([CARD, "GB29NWBK60161331926819", "AKIAIOSFODNN7EXAMPLE", "536-90-4399"]),
    cuts=st.lists(st.integers(1, 10), min_size=1, max_size=4),
)
@settings(max_examples=25)
def test_a_value_cut_over_neighbouring_texts_is_found(wrap: Any, value: str, cuts: list[int]) -> None:
    edges = sorted({0, *cuts, len(value)})
    texts = [value[start:end] for start, end in pairwise(edges)]
    texts[0], texts[-1] = f"so: {texts[0]}", f"{texts[-1]} yes"
    assert value in [one.value for one in inspect(wrap(texts), DETECTORS).found]


def test_neighbours_that_are_complete_are_not_joined() -> None:
    assert seen({"input": [f"write to {MAIL}", "soon", "It is over.", "It was long"]}) == [("email", MAIL)]
    apart = [{"role": "user", "content": "4111 1111"}, {"role": "assistant", "content": "1111 1111"}]
    assert seen({"messages": apart}) == []


PNG = b64("\x00").replace("AA==", base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(200))).decode())


@pytest.mark.parametrize(
    ("content", "uninspected"),
    [
        ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}, {"image"}),
        ({"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}, {"image"}),
        ({"type": "input_image", "file_id": "file-1"}, {"image"}),
        ({"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}}, {"audio"}),
        ({"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PNG}"}}, {"file"}),
        ({"type": "file", "file": {"file_data": f"data:text/plain;base64,{b64('plain words here')}"}}, set()),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}, {"image"}),
        ({"type": "document", "source": {"type": "url", "url": "https://example.com/x.pdf"}}, {"document"}),
        ({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}, set()),
        ({"inlineData": {"mimeType": "video/mp4", "data": PNG}}, {"video"}),
        ({"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/x"}}, {"document"}),
        ({"role": "user", "content": "x", "images": [PNG]}, {"image"}),
        ({"type": "resource", "resource": {"blob": PNG}}, {"image"}),
        ({"type": "text", "text": f"look: {PNG}"}, {"image"}),
        ({"type": "text", "text": "look: " + base64.b64encode(bytes(range(256)) * 4).decode()}, {"file"}),
        ({"type": "thinking", "thinking": "x", "signature": base64.b64encode(bytes(range(256)) * 4).decode()}, set()),
        ({"type": "text", "text": "da39a3ee5e6b4b0d3255bfef95601890afd80709 and src/ecotone/policy/detectors"}, set()),
    ],
)
def test_what_no_detector_reads_is_said(content: Any, uninspected: set[str]) -> None:
    assert inspect({"messages": [{"role": "user", "content": [content]}]}, DETECTORS).uninspected == uninspected


def test_a_text_as_tokens_is_not_inspected() -> None:
    assert inspect({"input": [[101, 7592, 102]]}, DETECTORS).uninspected == {"tokens"}
    assert inspect({"prompt": [101, 7592, 102]}, DETECTORS).uninspected == {"tokens"}
    assert inspect({"input": ["one", "two"]}, DETECTORS).uninspected == frozenset()


def test_texts_are_those_that_people_and_models_wrote_with_their_roles() -> None:
    request = {
        "model": "m",
        "system": "be kind",
        "tools": [{"name": "f", "description": "finds things", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "hello there"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"q": "why"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "because"}]},
            {"role": "user", "content": b64("some hidden words")},
        ],
    }
    texts = inspect(request, DETECTORS).texts
    assert texts[:4] == (
        Passage("be kind", "system"),
        Passage("hello there", "user"),
        Passage("why", "assistant"),
        Passage("because", "tool"),
    )
    assert texts[-1] == Passage("some hidden words", "user")
    assert not any("finds" in passage.text or passage.text in ("m", "t", "f") for passage in texts)


VALUES = st.sampled_from([CARD, MAIL, "192.0.2.17", "GB29 NWBK 6016 1331 9268 19", "https://example.com/x?y=1"])
WORDS = st.text(alphabet='abc é\n"\\{}[]:,😀', max_size=12)
STRINGS = st.tuples(WORDS, VALUES, WORDS).map(lambda three: f"{three[0]} {three[1]} {three[2]}")
LEAVES = st.one_of(
    STRINGS,
    WORDS,
    st.integers(-5, 5),
    st.none(),
    STRINGS.map(lambda text: json.dumps({"x": text})),
    STRINGS.map(lambda text: f"see {b64(text)} there"),
)
REQUESTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["text", "content", "input", "zz"]), inner, max_size=3),
    ),
    max_leaves=8,
)


@given(REQUESTS)
@settings(max_examples=40)
def test_places_are_exact(request: Any) -> None:
    for one in inspect(request, DETECTORS).found:
        text = at(request, one.path)
        if one.place == "text" and not one.reading.codings and not one.reading.escapes:
            assert text[one.finding.start : one.finding.end] == one.value


@given(REQUESTS)
@settings(max_examples=40)
def test_nothing_that_was_replaced_is_found_again(request: Any) -> None:
    inspection = inspect(request, DETECTORS)
    if any(one.place != "text" for one in inspection.found):
        return
    changed = replaced(request, inspection, ALL, lambda kind, value: "(removed)")
    again = inspect(changed, DETECTORS)
    originals = {one.value for one in inspection.found}
    assert not originals & {one.value for one in again.found}
    assert all(value not in passage.text for value in originals for passage in again.texts)


@pytest.mark.parametrize(
    "request_",
    [
        {"x": [[]] * 10_000},
        {"input": ["4", "1"] * 4_000},
        {"x": "QUJD" * 30_000},
        {"x": '{"a":' * 2_000},
        {"x": json.dumps(['"\\"' * 20_000])},
        {"x": [{"text": "a@b.c"}] * 4_000},
    ],
)
def test_hostile_requests_are_read_to_their_end(request_: Any) -> None:
    assert isinstance(inspect([request_, MAIL], DETECTORS), Inspection)
    assert ("email", MAIL) in seen([request_, MAIL])


def test_a_deeply_nested_request_is_read() -> None:
    request: Any = MAIL
    for _ in range(900):
        request = [request]
    assert seen(request) == [("email", MAIL)]
    assert without(request) is not None


def test_a_number_of_two_countries_is_both_and_replaced_once() -> None:
    detectors = Detectors(DataSettings(countries=("us", "nl"), raises={"us_ssn": "internal", "nl_bsn": "restricted"}))
    request_ = {"messages": [{"role": "user", "content": "BSN/SSN 111222333."}]}
    inspection = inspect(request_, detectors)
    assert inspection.kinds == {"us_ssn", "nl_bsn"}
    for kinds in ({"us_ssn"}, {"nl_bsn"}, {"us_ssn", "nl_bsn"}):
        asked: list[str] = []

        def replace(kind: str, value: str, asked: list[str] = asked) -> str:
            asked.append(value)
            return "X"

        told = replaced(request_, inspection, frozenset(kinds), replace)
        assert told == {"messages": [{"role": "user", "content": "BSN/SSN X."}]}
        assert asked == ["111222333"]
