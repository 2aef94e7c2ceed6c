"""Texts in which nothing was found, so that a conversation's earlier turns are not read anew with each later one."""

import secrets
from hashlib import blake2b

_EACH_MAX = 50_000


class CleanTexts:
    """Remembers texts by a digest under a key of this process: neither a text nor a guess at one can be got from it.

    Keeps the latest: when `each_max` are new, those before the last so many are forgotten.
    """

    def __init__(self, each_max: int = _EACH_MAX) -> None:
        self._key = secrets.token_bytes(32)
        self._each_max = each_max
        self._new: set[bytes] = set()
        self._old: set[bytes] = set()

    def digest(self, text: str) -> bytes:
        """What a text is remembered by."""
        return blake2b(text.encode(errors="surrogatepass"), digest_size=16, key=self._key).digest()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._new or digest in self._old

    def add(self, digest: bytes) -> None:
        if len(self._new) >= self._each_max:
            self._old, self._new = self._new, set()
        self._new.add(digest)
