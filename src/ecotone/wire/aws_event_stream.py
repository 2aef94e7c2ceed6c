"""Amazon's event stream framing (`application/vnd.amazon.eventstream`): messages of headers and a payload, each with
its lengths and checksums.

Format: https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import struct
import zlib

import msgspec

from ecotone.values.errors import UpstreamCut, UpstreamMalformed

MESSAGE_BYTES_MAX = 24 * 1024 * 1024
"""What the format allows for one message, its payload and its headers together, with some room."""
_PRELUDE_BYTES = 12
_CHECKSUM_BYTES = 4
_STRING = 7
# Bytes that a header's value takes, by its type; those of the types 6 (bytes) and 7 (string) say it themselves.
_FIXED_BYTES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class Message(msgspec.Struct, frozen=True):
    """One message. `headers` are those whose values are strings."""

    headers: dict[str, str]
    payload: bytes


class MessageReader:
    """Bytes in, whole messages out; how the bytes are split makes no difference."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete now. Raises UpstreamMalformed."""
        self._held += data
        found = []
        while len(self._held) >= _PRELUDE_BYTES:
            total, headers_bytes, checksum = struct.unpack_from(">III", self._held)
            if zlib.crc32(self._held[:8]) != checksum:
                raise UpstreamMalformed("The upstream sent an event stream whose checksums do not match.")
            if not _PRELUDE_BYTES + headers_bytes + _CHECKSUM_BYTES <= total <= MESSAGE_BYTES_MAX:
                raise UpstreamMalformed("The upstream sent an event stream with an impossible length.")
            if len(self._held) < total:
                break
            message = bytes(self._held[:total])
            del self._held[:total]
            found.append(_read(message, headers_bytes))
        return found

    def close(self) -> None:
        """To be called at the end of the bytes. Raises UpstreamCut in the middle of a message."""
        if self._held:
            raise UpstreamCut("The upstream's event stream ended in the middle of a message.")


def _read(message: bytes, headers_bytes: int) -> Message:
    (checksum,) = struct.unpack_from(">I", message, len(message) - _CHECKSUM_BYTES)
    if zlib.crc32(message[:-_CHECKSUM_BYTES]) != checksum:
        raise UpstreamMalformed("The upstream sent an event stream whose checksums do not match.")
    start = _PRELUDE_BYTES + headers_bytes
    try:
        headers = _headers(message[_PRELUDE_BYTES:start])
    except (IndexError, KeyError, struct.error, UnicodeDecodeError):
        raise UpstreamMalformed("The upstream sent an event stream with unreadable headers.") from None
    return Message(headers, message[start:-_CHECKSUM_BYTES])


def _headers(data: bytes) -> dict[str, str]:
    headers = {}
    place = 0
    while place < len(data):
        name_end = place + 1 + data[place]
        name, kind = data[place + 1 : name_end].decode(), data[name_end]
        place = name_end + 1
        if kind in _FIXED_BYTES:
            place += _FIXED_BYTES[kind]
            continue
        (length,) = struct.unpack_from(">H", data, place)
        place += 2 + length
        if kind == _STRING:
            headers[name] = data[place - length : place].decode()
    return headers
