"""Messages in Amazon's event stream framing, built by hand."""

import struct
import zlib


def frame(headers: dict[str, str], payload: bytes, more_headers: bytes = b"") -> bytes:
    """One message, as https://smithy.io/2.0/aws/amazon-eventstream.html describes it."""
    packed = b"".join(
        struct.pack(">B", len(name)) + name.encode() + b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    packed += more_headers
    prelude = struct.pack(">II", 12 + len(packed) + len(payload) + 4, len(packed))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    message = prelude + packed + payload
    return message + struct.pack(">I", zlib.crc32(message))
