"""Proofs that thinking came from this vendor, as its signatures are: opaque, and void when a letter is changed.

A signature holds the thought itself, so that it says the same whether its words were shown, omitted or redacted, and
a keyed digest over both. The same thought gives the same signature every time.
"""

import base64
import binascii
import hashlib
import hmac

DIGEST_BYTES = 32


class Seal:
    """`key`: what nobody but the vendor knows."""

    def __init__(self, key: bytes = b"the vendor's own") -> None:
        self.key = key
        self._remembered = set[tuple[bytes, str]]()

    def remember(self, shown: str | None, proof: str) -> None:
        """Take a proof that a test's script made up for one of its own; `shown` is None for redacted thinking."""
        self._remembered.add((b"redacted" if shown is None else b"thinking\0" + shown.encode(), proof))

    def signature(self, shown: str, thought: str) -> str:
        """For a thinking block whose words are `shown` (none where they are omitted)."""
        return self._sealed(b"thinking\0" + shown.encode(), thought)

    def redacted(self, thought: str) -> str:
        """The data of a redacted thinking block."""
        return self._sealed(b"redacted", thought)

    def signed(self, shown: str, signature: str) -> bool:
        """True if this vendor made the signature for just these words."""
        return self._made(b"thinking\0" + shown.encode(), signature)

    def made_redacted(self, data: str) -> bool:
        """True if this vendor made the data of a redacted thinking block."""
        return self._made(b"redacted", data)

    def _sealed(self, label: bytes, thought: str) -> str:
        digest = hmac.digest(self.key, label + b"\0" + thought.encode(), hashlib.sha256)
        return base64.b64encode(digest + thought.encode()).decode()

    def _made(self, label: bytes, text: str) -> bool:
        if (label, text) in self._remembered:
            return True
        try:
            raw = base64.b64decode(text, validate=True)
            return self._sealed(label, raw[DIGEST_BYTES:].decode()) == text
        except (binascii.Error, UnicodeDecodeError):
            return False
