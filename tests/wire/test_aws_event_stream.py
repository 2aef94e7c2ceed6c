"""Amazon's event stream framing: frames built by hand from the format's description, and read by botocore, too."""

import struct
import zlib

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from ecotone.values.errors import UpstreamCut, UpstreamMalformed
from ecotone.wire.aws_event_stream import Message, MessageReader
from tests.aws_frames import frame

HEADERS = st.dictionaries(st.text("abc:-", min_size=1, max_size=5), st.text(max_size=5), max_size=3)


@settings(max_examples=50)
@given(st.lists(st.tuples(HEADERS, st.binary(max_size=20)), max_size=4), st.integers(1, 40))
def test_messages_are_read_however_the_bytes_are_split(messages: list[tuple[dict[str, str], bytes]], size: int) -> None:
    data = b"".join(frame(headers, payload) for headers, payload in messages)
    reader = MessageReader()
    found = [message for at in range(0, len(data), size) for message in reader.feed(data[at : at + size])]
    reader.close()
    assert found == [Message(headers, payload) for headers, payload in messages]


def test_botocore_reads_the_same() -> None:
    data = frame({":event-type": "chunk", ":message-type": "event"}, b'{"bytes":"e30="}')
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    (theirs,) = list(buffer)
    (ours,) = MessageReader().feed(data)
    assert (theirs.headers, theirs.payload) == (ours.headers, ours.payload)


def test_headers_of_other_types_are_stepped_over() -> None:
    others = [
        (b"\x00", b""),
        (b"\x01", b""),
        (b"\x02", b"1"),
        (b"\x03", b"12"),
        (b"\x04", b"1234"),
        (b"\x05", b"12345678"),
        (b"\x06", b"\x00\x03abc"),
        (b"\x08", b"12345678"),
        (b"\x09", b"1234567890123456"),
    ]
    more = b"".join(b"\x01x" + kind + value for kind, value in others) + b"\x01z\x07\x00\x01Z"
    assert MessageReader().feed(frame({"a": "1"}, b"p", more)) == [Message({"a": "1", "z": "Z"}, b"p")]


def test_a_stream_that_ends_in_a_message_is_cut() -> None:
    reader = MessageReader()
    assert reader.feed(frame({}, b"whole") + frame({}, b"half")[:-1]) == [Message({}, b"whole")]
    with pytest.raises(UpstreamCut):
        reader.close()


@pytest.mark.parametrize("at", [0, 3, 9, 13, 20, -1])
def test_a_changed_byte_is_noticed(at: int) -> None:
    data = bytearray(frame({"name": "value"}, b"payload"))
    data[at] ^= 1
    with pytest.raises(UpstreamMalformed, match="checksums"):
        MessageReader().feed(bytes(data))


def rechecked(data: bytes) -> bytes:
    head = data[:8]
    body = head + struct.pack(">I", zlib.crc32(head)) + data[12:-4]
    return body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize(
    ("total", "headers"), [(15, 0), (0, 0), (24 * 1024 * 1024 + 1, 0), (20, 5), (4_000_000_000, 4_000_000_000)]
)
def test_impossible_lengths_are_refused_before_anything_is_kept(total: int, headers: int) -> None:
    with pytest.raises(UpstreamMalformed, match="impossible length"):
        MessageReader().feed(rechecked(struct.pack(">II", total, headers) + b"\0" * 12))


@pytest.mark.parametrize("headers", [b"\x09ab", b"\x01a\x07\x00\x01\xff", b"\x01a\x0b1", b"\x01a\x07\x00"])
def test_headers_that_cannot_be_read_are_refused(headers: bytes) -> None:
    with pytest.raises(UpstreamMalformed, match="unreadable headers"):
        MessageReader().feed(frame({}, b"", headers))
