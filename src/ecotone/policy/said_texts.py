"""Whether one of some texts holds a piece, asked many times of long texts."""

from collections.abc import Iterable

# Up to so many questions about pieces of one length, looking through the texts is faster than making a table.
_LOOKED_THROUGH_MAX = 256
_SHORT_CHARS = 8
_STRIDE = 3
_RUN_MAX_CHARS = 14
_ENTRIES_PER_RUN = 8
_ENTRIES_MAX = 1 << 24


class SaidTexts:
    """Texts that are searched for short pieces. Thousands of questions take time in proportion to their number and to
    the length of the texts, not to both multiplied: where many are asked, tables say what is surely not there."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = tuple(texts)
        self._asked: dict[tuple[int, int], int] = {}
        self._tables: dict[tuple[int, int], _Table] = {}

    def hold(self, piece: str) -> bool:
        """Whether one of the texts holds this piece, of one character or more."""
        if not self._texts:
            return False
        size = len(piece)
        form = (size, 1) if size < _SHORT_CHARS else (_run_chars(size), _STRIDE)
        asked = self._asked[form] = self._asked.get(form, 0) + 1
        if asked > _LOOKED_THROUGH_MAX:
            table = self._tables.get(form)
            if table is None:
                table = self._tables[form] = _Table(self._texts, *form)
            if not table.may_hold(piece):
                return False
        return any(piece in text for text in self._texts)


def _run_chars(size: int) -> int:
    """How long the runs of a table are that pieces of this size are looked up in: wherever one stands, a whole run is
    in it, of longer pieces two."""
    certain = 1 if size < 12 else 2
    return min(size + 1 - certain * _STRIDE, _RUN_MAX_CHARS)


class _Table:
    """Which runs of `size` characters there are, at every `stride`-th place of the texts: by their hashes, so that it
    may say yes of one that is not there, and never no of one that is."""

    def __init__(self, texts: Iterable[str], size: int, stride: int) -> None:
        texts = tuple(texts)
        self._size, self._stride = size, stride
        wanted = _ENTRIES_PER_RUN * sum(map(len, texts)) // stride
        self._mask = min(1 << max(wanted, 1).bit_length(), _ENTRIES_MAX) - 1
        self._bits = bytearray(self._mask + 1)
        bits, mask = self._bits, self._mask
        for text in texts:
            for place in range(0, len(text) - size + 1, stride):
                code = hash(text[place : place + size])
                bits[code & mask] |= 1 << (code >> 40 & 7)

    def may_hold(self, piece: str) -> bool:
        """Wherever a piece stands, runs that the table has begin at every `stride`-th of its places, from one of the
        first on."""
        last = len(piece) - self._size
        return any(
            all(self._has(piece[place : place + self._size]) for place in range(first, last + 1, self._stride))
            for first in range(min(self._stride, last + 1))
        )

    def _has(self, run: str) -> bool:
        code = hash(run)
        return bool(self._bits[code & self._mask] & 1 << (code >> 40 & 7))
