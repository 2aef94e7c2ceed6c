"""Bodies of `multipart/form-data` (RFC 7578, RFC 2046 section 5.1), passed on with another model's name in them.

Only what decides about a request is looked at; files are never copied apart from the body. Whatever two readers could
understand differently is refused, so that a server behind cannot see another model than was seen here.
"""

import re
from email.message import Message
from email.utils import collapse_rfc2231_value

import msgspec

from ecotone.values.errors import MalformedRequest

_PARTS_MAX = 256
_HEADERS_BYTES_MAX = 8192
_TEXT_BYTES_MAX = 4096
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
"""What a boundary may be made of (RFC 2046, section 5.1.1); it goes on in a header as it is."""


class Upload(msgspec.Struct, frozen=True):
    """A form. `fields` are its short texts by name, `texts` all there is beside the files, the boundary included;
    `before` and `after` are its bytes around the model's name."""

    fields: dict[str, str]
    texts: tuple[str, ...]
    before: bytes
    after: bytes
    media_type: str

    def body(self, model: str) -> bytes:
        """The same form, naming this model."""
        return self.before + model.encode() + self.after


def read_upload(content_type: str, body: bytes) -> Upload:
    """The form in a body of this content type, which must name a `model`. Raises MalformedRequest."""
    boundary = _parameters("content-type", content_type).get("boundary")
    if boundary is None or not _BOUNDARY.fullmatch(boundary):
        raise MalformedRequest(
            "The content type multipart/form-data needs a `boundary` of 1 to 70 letters, digits and '()+_,-./:=?."
        )
    fields: dict[str, str] = {}
    texts = [boundary]
    span: tuple[int, int] | None = None
    for start, end in _parts(body, boundary.encode()):
        head = body.find(b"\r\n\r\n", start - 2, min(end, start + _HEADERS_BYTES_MAX))
        if head < 0:
            raise MalformedRequest("A part of the form has no end of its headers.")
        name, is_file = _disposition(body[start:head])
        content = head + 4
        texts.append(body[start : content if is_file else end].decode(errors="replace"))
        if is_file:
            if name == "model":
                raise MalformedRequest("`model` must be a text, not a file.", param="model")
            continue
        if name == "model" and span is not None:
            raise MalformedRequest("`model` stands in the form more than once.", param="model")
        if end - content <= _TEXT_BYTES_MAX:
            fields[name] = _text(name, body[content:end])
        if name == "model":
            span = content, end
    if span is None or not fields.get("model"):
        raise MalformedRequest("`model` must be a field of the form: the name of a model or route.", param="model")
    return Upload(fields, tuple(texts), body[: span[0]], body[span[1] :], f'multipart/form-data; boundary="{boundary}"')


def _parts(body: bytes, boundary: bytes) -> list[tuple[int, int]]:
    """Where each part begins and ends, headers included."""
    delimiter = b"--" + boundary
    if not body.startswith(delimiter):
        raise MalformedRequest("The form does not begin with its boundary.")
    parts: list[tuple[int, int]] = []
    at = len(delimiter)
    while not body.startswith(b"--", at):
        line_end = body.find(b"\r\n", at)
        if line_end < 0 or body[at:line_end].strip(b" \t"):
            raise MalformedRequest("The form has a boundary that is followed by neither a line end nor `--`.")
        start = line_end + 2
        # The line end before a delimiter belongs to it; an empty part may share that of its headers.
        end = body.find(b"\r\n" + delimiter, start - 2)
        if end < 0:
            raise MalformedRequest("The form ends before its last boundary.")
        parts.append((start, max(start, end)))
        if len(parts) > _PARTS_MAX:
            raise MalformedRequest(f"The form has more than {_PARTS_MAX} parts.")
        at = end + 2 + len(delimiter)
    if body[at + 2 :].strip(b" \t\r\n"):
        # Readers skip it, and so it would go along unseen.
        raise MalformedRequest("The form goes on after its last boundary.")
    if body.count(delimiter) != len(parts) + 1:
        # Some readers take it for one after a lone line feed, too.
        raise MalformedRequest("The boundary of the form stands within one of its parts.")
    return parts


def _disposition(headers: bytes) -> tuple[str, bool]:
    """The name of a part, and whether it is a file."""
    found: dict[str, str] | None = None
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            if found is not None:
                raise MalformedRequest("A part of the form has two headers `content-disposition`.")
            found = _parameters("content-disposition", value.decode(errors="replace"))
        elif name.strip().lower() == b"content-transfer-encoding" and value.strip().lower() not in (b"binary", b"8bit"):
            raise MalformedRequest("The form has an encoded part; send its bytes as they are.")
    if found is None or "name" not in found:
        raise MalformedRequest("A part of the form has no name.")
    return found["name"], "filename" in found


def _parameters(header: str, value: str) -> dict[str, str]:
    message = Message()
    message[header] = value.strip().replace("\r", " ").replace("\n", " ")
    try:
        return {name.lower(): collapse_rfc2231_value(text) for name, text in message.get_params([], header)[1:]}
    except ValueError:  # a character set whose name no set can have
        raise MalformedRequest(f"A header `{header}` of the form cannot be read.") from None


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise MalformedRequest(f"`{name}` is not UTF-8.", param=name) from None
