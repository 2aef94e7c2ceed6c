"""Restricted values that nobody declares, in every coding and at every place of a request: which are found.

`python -m tests.adversarial.hidden` prints what gets through; the page on what rules cannot promise explains it.
"""

import base64
import bz2
import codecs
import gzip
import html
import json
import quopri
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import cache

from ecotone.policy.detectors import Detectors
from ecotone.policy.inspection import inspect
from ecotone.policy.settings import DataSettings
from tests.adversarial.asks import Ask, encoded

COUNTRIES = ("be", "br", "ca", "ch", "de", "es", "fi", "fr", "gb", "in", "it", "nl", "pl", "se", "us")
SETTINGS = DataSettings(
    countries=COUNTRIES,
    raises=dict.fromkeys(("iban", "bank_account", "crypto_address", "email"), "restricted"),
)

VALUES: dict[str, str] = {
    "us_ssn": "My SSN is 536-90-4399.",
    "us_ssn bare": "536-90-4399",
    "credit_card": "4111 1111 1111 1111",
    "credit_card unbroken": "5555555555554444",
    "credit_card amex": "card 3782-822463-10005",
    "iban": "GB82 WEST 1234 5698 7654 32",
    "iban unbroken": "DE89370400440532013000",
    "email": "jane.doe@example.com",
    "crypto_address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "secret of a vendor": "sk-ant-api03-" + "aB3dE5gH7jK9mN2pQ4sT6vX8" * 3 + "-wXyZ12AA",
    "secret of AWS": "AKIAQYLPMN5HFIQR7XYA",
    "secret of GitHub": "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "secret in a word's company": 'password = "Tr0ub4dor&3x!"',
    "secret in a connection string": "postgres://bob:hunter2x@db.example.com/x",
    "private key": "-----BEGIN PRIVATE KEY-----\nMIIBVgIBADANBgkqhkiG9w0BAQE=\n-----END PRIVATE KEY-----",
    "gb_nino": "AB 12 34 56 C",
    "gb_nhs": "NHS 943 476 5870",
    "de_idnr": "Steuer-ID 36 574 261 809",
    "fr_nir": "2 95 10 99 126 111 93",
    "es_dni": "54362315-K",
    "it_codice_fiscale": "RCCMNL83S18D969H",
    "be_nn": "85.07.30-033.28",
    "se_personnummer": "880320-0016",
    "fi_hetu": "131052-308T",
    "pl_pesel": "PESEL 44051401359",
    "ch_ahv": "756.9217.0769.85",
    "br_cpf": "390.533.447-05",
    "in_aadhaar": "2341 2341 2346",
    "ca_sin": "123-456-782",
    "us_itin": "912-90-3456",
}
"""Texts by what is in them. Detectors find each as it stands."""

_WORDS = dict(
    zip("0123456789", ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), strict=True)
)
_LOOK_ALIKE = str.maketrans("AaCcEeOoPpXxBHKMTS", "АаСсЕеОоРрХхВНКМТЅ")


def _each(form: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: "".join(map(form, text))


def _base64(text: str, coding: str = "utf-8") -> str:
    return base64.b64encode(text.encode(coding)).decode()


def _between(mark: str) -> Callable[[str], str]:
    return lambda text: mark.join(text)


CODINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "in prose": lambda text: f"Please look at this: {text} and answer.",
    "in a long text": lambda text: "All is well here. " * 3000 + text + " It goes on." * 3000,
    "in upper case": str.upper,
    "in quotes": lambda text: f"'{text}'",
    "in a table": lambda text: f"| name | value |\n|---|---|\n| x | {text} |",
    "in CSV": lambda text: f"name,value\nx,{text}\n",
    "in XML": lambda text: f"<value>{html.escape(text)}</value>",
    "JSON in a string": lambda text: json.dumps({"value": text}),
    "JSON in JSON in a string": lambda text: json.dumps({"value": json.dumps([text])}),
    "JSON with Unicode escapes": lambda text: '{"value": "' + _each(lambda c: f"\\u{ord(c):04x}")(text) + '"}',
    "Unicode escapes": _each(lambda c: f"\\u{ord(c):04x}"),
    "hexadecimal escapes": _each(lambda c: f"\\x{ord(c):02x}"),
    "percent escapes": _each(lambda c: f"%{ord(c):02X}"),
    "percent escapes of digits": _each(lambda c: f"%{ord(c):02X}" if c.isdigit() else c),
    "percent escapes twice": _each(lambda c: f"%25{ord(c):02X}"),
    "HTML escapes": _each(lambda c: f"&#{ord(c)};"),
    "HTML escapes in hexadecimal": _each(lambda c: f"&#x{ord(c):x};"),
    "HTML escapes twice": _each(lambda c: f"&amp;#{ord(c)};"),
    "quoted-printable": _each(lambda c: f"={ord(c):02X}"),
    "quoted-printable as mail has it": lambda text: quopri.encodestring(text.encode()).decode(),
    "Base64": _base64,
    "Base64 in prose": lambda text: f"decode {_base64(text)} please",
    "Base64 of a sentence": lambda text: _base64(f"This is what I meant to tell you: {text}."),
    "Base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "Base64 without padding": lambda text: _base64(text).rstrip("="),
    "Base64 twice": lambda text: _base64(_base64(text)),
    "Base64 in lines": lambda text: base64.encodebytes((text + " and more" * 20).encode()).decode(),
    "Base64 of UTF-16 with a mark": lambda text: _base64(text, "utf-16"),
    "Base64 of UTF-16 without a mark": lambda text: _base64(text, "utf-16-le"),
    "Base64 of Latin-1": lambda text: _base64(f"Größe: {text}", "latin-1"),
    "Base64 with text stuck to it": lambda text: "xyz" + _base64(text),
    "a data URL": lambda text: "data:text/plain;base64," + _base64(text),
    "a data URL with percent escapes": lambda text: "data:text/plain," + _each(lambda c: f"%{ord(c):02X}")(text),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal in capitals": lambda text: text.encode().hex().upper(),
    "hexadecimal with spaces": lambda text: text.encode().hex(" "),
    "Base32": lambda text: base64.b32encode(text.encode()).decode(),
    "Base85": lambda text: base64.b85encode(text.encode()).decode(),
    "gzip in Base64": lambda text: base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode(),
    "bzip2 in Base64": lambda text: base64.b64encode(bz2.compress(text.encode())).decode(),
    "UTF-7": lambda text: "".join(f"+{base64.b64encode(c.encode('utf-16-be')).decode().rstrip('=')}-" for c in text),
    "character codes": lambda text: " ".join(str(ord(c)) for c in text),
    "ROT13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "digits in words": _each(lambda c: f" {_WORDS[c]} " if c in _WORDS else c),
    "letters of another script": lambda text: text.translate(_LOOK_ALIKE),
    "full-width": _each(lambda c: chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c),
    "full-width digits": _each(lambda c: chr(ord(c) + 0xFEE0) if c.isdigit() else c),
    "Arabic digits": _each(lambda c: chr(0x660 + int(c)) if c.isdigit() else c),
    "mathematical digits": _each(lambda c: chr(0x1D7CE + int(c)) if c.isdigit() else c),
    "digits in circles": _each(lambda c: chr(0x245F + int(c)) if c in "123456789" else "\u24ea" if c == "0" else c),
    "superscript digits": _each(lambda c: "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(c)] if c.isdigit() else c),
    "zero-width spaces": _between("\u200b"),
    "zero-width joiners": _between("\u200d"),
    "soft hyphens": _between("\u00ad"),
    "byte order marks": _between("\ufeff"),
    "tags between": _between("\U000e0041"),
    "combining marks": _each(lambda c: c + "\u0332" if c.isalnum() else c),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "thin spaces": lambda text: text.replace(" ", "\u2009"),
    "two spaces": lambda text: text.replace(" ", "  "),
    "a line end for each space": lambda text: text.replace(" ", "\n"),
    "en dashes": lambda text: text.replace("-", "\u2013"),
    "no-break hyphens": lambda text: text.replace("-", "\u2011"),
    "underscores for hyphens": lambda text: text.replace("-", "_"),
    "spaces between all characters": _between(" "),
    "dots between all characters": _between("."),
    "line ends between all characters": _between("\n"),
    "HTML tags between": _between("<b></b>"),
    "Markdown emphasis of the first half": lambda text: f"**{text[: len(text) // 2]}**{text[len(text) // 2 :]}",
    "an HTML comment in the middle": lambda text: f"{text[: len(text) // 2]}<!-- x -->{text[len(text) // 2 :]}",
    "a line end in the middle": lambda text: f"{text[: len(text) // 2]}\n{text[len(text) // 2 :]}",
    "letters stuck to both ends": lambda text: f"x{text}x",
    "digits stuck to both ends": lambda text: f"7{text}7",
}


@cache
def _detectors() -> Detectors:
    return Detectors(SETTINGS)


def is_found(text: str) -> bool:
    """Whether detectors make a message with this text a restricted one."""
    said = {"model": "m", "body": {"messages": [{"role": "user", "content": text}]}}
    detectors = _detectors()
    return any(detectors.rank(one.kind) == 3 for one in inspect(said, detectors).found)


def coded() -> Iterator[tuple[str, str, bool]]:
    """Each coding of each value that changes it, and whether it is found."""
    for coding, form in CODINGS.items():
        for name, text in VALUES.items():
            changed = form(text)
            if changed != text or coding == "as it is":
                yield coding, name, is_found(changed)


# --- places

_SSN = "536-90-4399"
_HOST = (b"host", b"127.0.0.1:4100")


def _post(path: str, body: object, *headers: tuple[bytes, bytes]) -> Ask:
    kind, content = encoded(body)
    return Ask(path, b"", content, [_HOST, (b"content-type", kind), *headers], "away", path)


def _chat(**fields: object) -> Ask:
    body = {"model": "away", "messages": [{"role": "user", "content": "hello"}], **fields}
    return _post("/v1/chat/completions", body)


def _said(*messages: tuple[str, object]) -> Ask:
    return _chat(messages=[{"role": role, "content": content} for role, content in messages])


def _parts(*texts: str) -> list[object]:
    return [{"type": "text", "text": text} for text in texts]


def _tool(name: str = "f", description: str = "d", schema: object = None) -> object:
    function = {"name": name, "description": description, "parameters": schema or {"type": "object", "properties": {}}}
    return {"type": "function", "function": function}


def _calls(arguments: str, identity: str = "c1", result: object = "done") -> list[object]:
    call = {"id": identity, "type": "function", "function": {"name": "f", "arguments": arguments}}
    return [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": identity, "content": result},
    ]


def _messages(**fields: object) -> Ask:
    body = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}], **fields}
    return _post("/v1/messages", body)


def _claude(*content: object) -> Ask:
    return _messages(messages=[{"role": "user", "content": [{"type": "text", "text": "hello"}, *content]}])


def _gemini(*parts: object, **fields: object) -> Ask:
    body = {"contents": [{"role": "user", "parts": [{"text": "hello"}, *parts]}], **fields}
    return _post("/v1beta/models/gemini:generateContent", body)


def _responses(items: object, **fields: object) -> Ask:
    return _post("/v1/responses", {"model": "away", "input": items, **fields})


def _form(*parts: tuple[str, str | None, bytes], path: str = "audio/transcriptions", head: bytes = b"") -> Ask:
    ask = _post(f"/v1/{path}", [("model", None, b"away"), *parts], (b"authorization", b"Bearer any"))
    ask.body = ask.body.replace(b"form-data;", head + b"form-data;", 1) if head else ask.body
    return ask


def _in_bytes(ask: Ask, old: bytes, new: bytes) -> Ask:
    ask.body = ask.body.replace(old, new)
    ask.headers = [(name, value.replace(old, new)) for name, value in ask.headers]
    return ask


def _image(url: str) -> Ask:
    return _said(("user", [*_parts("look"), {"type": "image_url", "image_url": {"url": url}}]))


def _document(data: str, kind: str = "application/pdf") -> object:
    return {"type": "document", "source": {"type": "base64", "media_type": kind, "data": data}}


_FIRST, _LAST = _SSN[:6], _SSN[6:]
_PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\x00" * 20 + f"text {_SSN}".encode() + b"\xff" * 20).decode()
_AUDIO: tuple[str, str | None, bytes] = ("file", "a.mp3", b"ID3")

PLACES: dict[str, Callable[[], Ask]] = {
    "a user's message": lambda: _said(("user", _SSN)),
    "a part of a message": lambda: _said(("user", _parts("hello", _SSN))),
    "a system text": lambda: _said(("system", _SSN), ("user", "hello")),
    "a developer's text": lambda: _said(("developer", _SSN), ("user", "hello")),
    "an assistant's message": lambda: _said(("user", "hello"), ("assistant", _SSN), ("user", "go on")),
    "the first of many messages": lambda: _said(("user", _SSN), *(("user", f"line {n}") for n in range(300))),
    "a tool's result": lambda: _chat(messages=_calls("{}", result=_SSN)),
    "a tool's result in JSON": lambda: _chat(messages=_calls("{}", result=json.dumps({"a": {"b": [_SSN]}}))),
    "a tool call's arguments": lambda: _chat(messages=_calls(json.dumps({"a": _SSN}))),
    "a tool call's id": lambda: _chat(messages=_calls("{}", identity=f"c-{_SSN}")),
    "a tool's description": lambda: _chat(tools=[_tool(description=_SSN)]),
    "a tool's name": lambda: _chat(tools=[_tool(name=_SSN)]),
    "a name in a tool's schema": lambda: _chat(
        tools=[_tool(schema={"type": "object", "properties": {_SSN: {"type": "string"}}})]
    ),
    "a value in a tool's schema": lambda: _chat(
        tools=[_tool(schema={"type": "object", "properties": {"a": {"enum": [_SSN]}}})]
    ),
    "a form's schema": lambda: _chat(
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "s", "schema": {"type": "object", "description": _SSN}},
        }
    ),
    "the user's name": lambda: _chat(user=_SSN),
    "a participant's name": lambda: _chat(messages=[{"role": "user", "name": _SSN, "content": "hello"}]),
    "a value of metadata": lambda: _chat(metadata={"a": _SSN}),
    "a key of metadata": lambda: _chat(metadata={_SSN: "a"}),
    "a stop sequence": lambda: _chat(stop=[_SSN]),
    "a prediction": lambda: _chat(prediction={"type": "content", "content": _SSN}),
    "an unknown field": lambda: _chat(somethingnew=_SSN),
    "deep in an unknown field": lambda: _chat(x={"y": [[{"z": [_SSN]}]]}),
    "an unknown field of a message": lambda: _chat(messages=[{"role": "user", "content": "hello", "x": {"y": _SSN}}]),
    "a number": lambda: _chat(ssn=536904399),
    "a number with a fraction of nothing": lambda: _in_bytes(_chat(ssn=1), b":1", b":536904399.0"),
    "a card as a number": lambda: _chat(x=4111111111111111),
    "the second of two equal keys": lambda: _in_bytes(_chat(new=_SSN), b'"new"', b'"new":"x","new"'),
    "a key with escapes": lambda: _in_bytes(_chat(new=_SSN), b'"new"', b'"\\u006eew"'),
    "a value with JSON's escapes": lambda: _in_bytes(_chat(user=_SSN), b"536-", b"\\u0035\\u00336-"),
    "the name of a model that is asked for as PROVIDER/NAME": lambda: _chat(model=f"openai/{_SSN}"),
    "the name of a model in the path": lambda: _in_path(_gemini(), f"openai/{_SSN}"),
    "a header that is passed on": lambda: _passed_on(_messages()),
    "two parts of a message": lambda: _said(("user", _parts("It is " + _FIRST, _LAST))),
    "three parts of a message": lambda: _said(("user", _parts("It is 536-", "90-", "4399"))),
    "two messages of one role": lambda: _said(("user", _FIRST), ("user", _LAST)),
    "two messages with another one's between": lambda: _said(("user", _FIRST), ("assistant", "ok"), ("user", _LAST)),
    "a message and a system text": lambda: _said(("system", _FIRST), ("user", _LAST)),
    "two strings of a list": lambda: _chat(x=[_FIRST, _LAST]),
    "two fields of an object": lambda: _chat(x={"a": _FIRST, "b": _LAST}),
    "two parts with a picture between": lambda: _said(
        ("user", [*_parts(_FIRST), {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}, *_parts(_LAST)])
    ),
    "two tool results": lambda: _chat(
        messages=[*_calls("{}", result=_FIRST), *_calls("{}", identity="c2", result=_LAST)[1:]]
    ),
    "the address of a picture": lambda: _image(f"https://x.test/{_SSN}.png"),
    "a very long address of a picture": lambda: _image("https://x.test/" + "a/" * 3000 + _SSN),
    "inside of a picture": lambda: _image(f"data:image/png;base64,{_PNG}"),
    "a text that is said to be a picture": lambda: _image("data:image/png;base64," + _base64(_SSN)),
    "a file that is a text": lambda: _said(
        ("user", [*_parts("a"), {"type": "file", "file": {"filename": "a.txt", "file_data": _base64(f"x {_SSN}")}}])
    ),
    "a file's name": lambda: _said(
        ("user", [*_parts("a"), {"type": "file", "file": {"filename": f"{_SSN}.pdf", "file_data": "JVBERi0="}}])
    ),
    "a file's id": lambda: _said(("user", [*_parts("a"), {"type": "file", "file": {"file_id": _SSN}}])),
    "Anthropic: a system text": lambda: _messages(system=[{"type": "text", "text": _SSN}]),
    "Anthropic: a tool's result": lambda: _messages(
        messages=[
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"a": _SSN}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]},
        ]
    ),
    "Anthropic: a document of plain text": lambda: _claude(
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": _SSN}}
    ),
    "Anthropic: a document's title": lambda: _claude({**_pdf(), "title": _SSN}),
    "Anthropic: inside of a PDF": lambda: _claude(_document(base64.b64encode(_pdf_bytes()).decode())),
    "Anthropic: the user's id": lambda: _messages(metadata={"user_id": _SSN}),
    "Anthropic: a signature": lambda: _messages(
        messages=[
            {"role": "user", "content": "hello"},
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": "x", "signature": _SSN}, {"type": "text", "text": "y"}],
            },
            {"role": "user", "content": "go on"},
        ]
    ),
    "Gemini: a part": lambda: _gemini({"text": _SSN}),
    "Gemini: a system text": lambda: _gemini(systemInstruction={"parts": [{"text": _SSN}]}),
    "Gemini: a function's response": lambda: _gemini(
        {"functionResponse": {"name": "f", "response": {"output": {"a": _SSN}}}}
    ),
    "Gemini: data that are a text": lambda: _gemini({"inlineData": {"mimeType": "text/plain", "data": _base64(_SSN)}}),
    "Gemini: the address of a file": lambda: _gemini(
        {"fileData": {"mimeType": "image/png", "fileUri": f"gs://b/{_SSN}"}}
    ),
    "Gemini: two parts": lambda: _gemini({"text": _FIRST}, {"text": _LAST}),
    "Responses: a string": lambda: _responses(_SSN),
    "Responses: instructions": lambda: _responses("hello", instructions=_SSN),
    "Responses: an item": lambda: _responses(
        [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": _SSN}]}]
    ),
    "Responses: a function's output": lambda: _responses(
        [
            {"type": "message", "role": "user", "content": "hello"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": _SSN},
        ]
    ),
    "Responses: tokens to count": lambda: _post("/v1/responses/input_tokens", {"model": "away", "input": _SSN}),
    "Responses: a conversation to compact": lambda: _post("/v1/responses/compact", {"model": "away", "input": _SSN}),
    "Ollama: a message": lambda: _post("/api/chat", {"model": "away", "messages": [{"role": "user", "content": _SSN}]}),
    "Ollama: a prompt": lambda: _post("/api/generate", {"model": "away", "prompt": _SSN}),
    "tokens to count": lambda: _in_bytes(_counted(), b"hello", _SSN.encode()),
    "a completion's prompt": lambda: _post("/v1/completions", {"model": "away", "prompt": _SSN}),
    "a completion's prompt as tokens": lambda: _post(
        "/v1/completions", {"model": "away", "prompt": [20, 18, 21, 12, 24, 15, 12, 19, 18, 24, 24]}
    ),
    "texts to embed": lambda: _post("/v1/embeddings", {"model": "away", "input": ["a", _SSN]}),
    "two texts to embed": lambda: _post("/v1/embeddings", {"model": "away", "input": [_FIRST, _LAST]}),
    "a document to rank": lambda: _post("/v1/rerank", {"model": "ranker", "query": "a", "documents": [_SSN]}),
    "a query to rank by": lambda: _post("/v1/rerank", {"model": "ranker", "query": _SSN, "documents": ["a"]}),
    "a prompt for a picture": lambda: _post("/v1/images/generations", {"model": "away", "prompt": _SSN}),
    "a text to speak": lambda: _post("/v1/audio/speech", {"model": "away", "input": _SSN, "voice": "alloy"}),
    "a form's field": lambda: _form(("prompt", None, _SSN.encode()), _AUDIO),
    "a form's long field": lambda: _form(("prompt", None, b"x " * 5000 + _SSN.encode()), _AUDIO),
    "a form's field of unknown name": lambda: _form((_SSN, None, b"x"), _AUDIO),
    "the name of a form's file": lambda: _form(("file", f"{_SSN}.mp3", b"ID3")),
    "a header of a form's part": lambda: _in_bytes(_form(_AUDIO), b'"a.mp3"', f'"a.mp3"\r\nx-note: {_SSN}'.encode()),
    "the boundary of a form": lambda: _in_bytes(_form(_AUDIO), b"----the-line-between", _SSN.encode()),
    "what follows a form": lambda: _longer(_form(_AUDIO), _SSN.encode()),
    "a form's file": lambda: _form(("file", "a.mp3", f"text {_SSN}".encode())),
}
"""Requests with a number of a person's in them, by where it stands."""


def _counted() -> Ask:
    body = {"model": "claude", "messages": [{"role": "user", "content": "hello"}]}
    return _post("/v1/messages/count_tokens", body)


def _pdf_bytes() -> bytes:
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + zlib.compress(f"BT ({_SSN}) Tj ET".encode()) + b"\n%%EOF"


def _pdf() -> dict[str, object]:
    return {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}


def _passed_on(ask: Ask) -> Ask:
    ask.headers.append((b"anthropic-beta", f"context-1m,{_SSN}".encode()))
    return ask


def _in_path(ask: Ask, model: str) -> Ask:
    ask.path = ask.path.replace("gemini:", f"{model}:")
    return ask


def _longer(ask: Ask, more: bytes) -> Ask:
    ask.body += more
    return ask


def main() -> int:
    missed: dict[str, list[str]] = {}
    tried: dict[str, int] = {}
    for coding, name, found in coded():
        tried[coding] = tried.get(coding, 0) + 1
        if not found:
            missed.setdefault(coding, []).append(name)
    for coding, names in missed.items():
        print(f"{coding}: {len(names)} of {tried[coding]}: {', '.join(names)}")
    total, through = sum(tried.values()), sum(map(len, missed.values()))
    print(f"{through:,} of {total:,} get through; nothing does in {len(tried) - len(missed)} codings of {len(tried)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
