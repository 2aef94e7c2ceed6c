"""Forms with files: what is read of them, and that they go on as they came."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecotone.values.errors import MalformedRequest
from ecotone.wire.multipart import read_upload
from tests.vendors.http_server import Received
from tests.vendors.openai_media import UploadedForm, read_form

TYPE = 'multipart/form-data; boundary="B"'


def part(name: str, content: bytes, more: str = "") -> bytes:
    return f'--B\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


def parsed(media_type: str, body: bytes) -> UploadedForm:
    """What Python's mail parser makes of it."""
    form = read_form(Received("POST", "/", {"content-type": media_type}, body))
    assert isinstance(form, UploadedForm)
    return form


@settings(max_examples=60, deadline=None)
@given(
    content=st.binary(max_size=200) | st.lists(st.sampled_from([b"\r\n", b"--", b"B", b"-", b"\n"])).map(b"".join),
    first=st.booleans(),
)
def test_another_model_and_all_else_as_it_was(content: bytes, first: bool) -> None:
    content = content.replace(b"--B", b"--b")
    parts = [part("model", b"ours"), part("file", content, '; filename="a.wav"\r\nContent-Type: audio/wav')]
    body = b"".join(parts if first else parts[::-1]) + b"--B--\r\n"
    upload = read_upload(TYPE, body)
    assert upload.fields == {"model": "ours"}
    seen = parsed(upload.media_type, upload.body("their/näme"))
    assert seen == UploadedForm({"model": "their/näme"}, [("file", content)])


def test_short_texts_are_read() -> None:
    body = part("model", b"m") + part("stream", b"true") + part("prompt", b"p" * 5000) + b"--B--"
    assert read_upload("Multipart/Form-Data; BOUNDARY=B", body).fields == {"model": "m", "stream": "true"}


def test_empty_values_and_files_named_in_the_newer_way() -> None:
    body = part("prompt", b"") + part("model", b"m") + part("file", b"x", "; filename*=UTF-8''%e2%82%ac") + b"--B--"
    assert read_upload(TYPE, body).fields == {"model": "m", "prompt": ""}


MODEL = part("model", b"m")


@pytest.mark.parametrize(
    ("media_type", "body", "said"),
    [
        ("multipart/form-data", MODEL + b"--B--", "needs a `boundary`"),
        ("multipart/form-data; boundary=" + "b" * 71, MODEL + b"--B--", "needs a `boundary`"),
        # Said in the form of RFC 2231: a character that no boundary may have, and one more header.
        ("multipart/form-data; boundary*=utf-8''%E2%82%AC", MODEL + b"--B--", "needs a `boundary`"),
        ("multipart/form-data; boundary*=utf-8''B%0D%0Ax-more:1", MODEL + b"--B--", "needs a `boundary`"),
        ('multipart/form-data; boundary="B "', MODEL + b"--B--", "needs a `boundary`"),
        (TYPE, b"hello\r\n" + MODEL + b"--B--", "does not begin with its boundary"),
        (TYPE, MODEL, "ends before its last boundary"),
        (TYPE, MODEL[:-2] + b"\r\n--Bx\r\n\r\n--B--", "neither a line end nor"),
        (TYPE, MODEL + part("file", b"\n--B\n" + MODEL[5:], '; filename="f"') + b"--B--", "within one of its parts"),
        (TYPE, MODEL + MODEL + b"--B--", "more than once"),
        (TYPE, part("model", b"m", '; filename="m"') + b"--B--", "not a file"),
        (TYPE, part("model", b"\xff") + b"--B--", "`model` is not UTF-8"),
        (TYPE, part("model", b"") + b"--B--", "`model` must be a field"),
        (TYPE, part("other", b"m") + b"--B--", "`model` must be a field"),
        (TYPE, b"--B\r\nContent-Type: text/plain\r\n\r\nm\r\n--B--", "has no name"),
        (TYPE, b"--B\r\nContent-Disposition: form-data\r\n--B--", "no end of its headers"),
        (TYPE, part("model", b"bQ==", "\r\nContent-Transfer-Encoding: base64") + b"--B--", "an encoded part"),
        (TYPE, part("model", b"m", '\r\nContent-Disposition: form-data; name="x"') + b"--B--", "two headers"),
        (TYPE, MODEL + b"--B\r\nContent-Disposition: form-data; name*=\0''x\r\n\r\n\r\n--B--", "cannot be read"),
        (TYPE, MODEL + b"--B--\r\nmore", "goes on after its last boundary"),
        (TYPE, part("x", b"y") * 300 + MODEL + b"--B--", "more than 256 parts"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(media_type: str, body: bytes, said: str) -> None:
    with pytest.raises(MalformedRequest, match=said):
        read_upload(media_type, body)
