"""Encrypted content, as the vendor hands it out and knows it again: reasoning and compactions.

The same content is sealed the same way each time. What is sealed is readable here, since nothing is secret.
"""

import base64
import binascii
import hashlib
import hmac

HEAD = b"\x80\0\0\0\0"  # a Fernet token of 1970, so that it starts with gAAAAA as the vendor's do
DIGEST_BYTES = 32


class Seals:
    """What a vendor with this key has sealed. `remember` lets it know tokens that a test's script made up."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._remembered: set[str] = set()

    def seal(self, content: str) -> str:
        data = content.encode()
        return base64.urlsafe_b64encode(HEAD + self._digest(data) + data).decode()

    def remember(self, token: str) -> None:
        self._remembered.add(token)

    def knows(self, token: str) -> bool:
        """Whether this vendor made the token, and nobody has changed it since."""
        if token in self._remembered:
            return True
        try:
            data = base64.b64decode(token, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return False
        head, rest = data[: len(HEAD)], data[len(HEAD) :]
        return head == HEAD and hmac.compare_digest(rest[:DIGEST_BYTES], self._digest(rest[DIGEST_BYTES:]))

    def _digest(self, data: bytes) -> bytes:
        return hmac.digest(self._key, data, hashlib.sha256)
