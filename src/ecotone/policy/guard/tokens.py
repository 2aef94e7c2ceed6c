"""Text to token ids, as the classifier's encoder was taught to read: words, cut into the longest known pieces."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from ecotone.policy.guard.normalise import plain

PADDING, UNKNOWN, START, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_")
_BREAK = re.compile(r"(?<=[.!?;])\s+|\n+")
_SPACED_OUT = re.compile(r"(?<!\w)(?:\w[ .*_-]){3,}\w(?!\w)")
_NOT_LETTERS = re.compile(r"[ .*_-]")
_DISGUISED = re.compile(r"[a-z0-9]*[a-z][@$][a-z0-9@$]*[a-z0-9]|[@$][a-z0-9@$]*[a-z][a-z0-9@$]*")
_LETTERS = str.maketrans("0134578@$", "oieastbas")
_WORD_CHARS_MAX = 40
_CACHE_MAX = 20_000


class _Pieces(dict[str, tuple[int, ...]]):
    """Words already cut, up to a number; a new one is cut when it is asked for."""

    def __init__(self, cut: Callable[[str], tuple[int, ...]]) -> None:
        super().__init__()
        self._cut = cut

    def __missing__(self, word: str) -> tuple[int, ...]:
        pieces = self._cut(word)
        if len(self) < _CACHE_MAX:
            self[word] = pieces
        return pieces


class Tokens:
    """Cuts texts into sentences and those into ids of the vocabulary."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._ids: Mapping[str, int] = {token: index for index, token in enumerate(vocabulary)}
        self.start, self.end, self._unknown = self._ids[START], self._ids[END], self._ids[UNKNOWN]
        self._known = _Pieces(self._pieces)

    def sentences(self, text: str) -> list[list[int]]:
        """The ids of each sentence or line of `text` that has any, without marks for start and end."""
        known = self._known.__getitem__
        parts = (chain.from_iterable(map(known, _TOKEN.findall(part))) for part in _BREAK.split(self._readable(text)))
        return [ids for part in parts if (ids := list(part))]

    def _readable(self, text: str) -> str:
        """Lower case; letters spaced out are put together, and signs that stand for letters in a known word read so."""
        read = plain(text)
        if _SPACED_OUT.search(read):
            read = _SPACED_OUT.sub(self._put_together, read)
        if "@" in read or "$" in read:
            read = _DISGUISED.sub(self._undisguised, read)
        return read

    def _put_together(self, found: re.Match[str]) -> str:
        word = _NOT_LETTERS.sub("", found[0])
        if word not in self._ids and word[1:] in self._ids:
            return f"{word[0]} {word[1:]}"  # as in "I k i l l"
        return word if word in self._ids else found[0]

    def _undisguised(self, found: re.Match[str]) -> str:
        meant = found[0].translate(_LETTERS)
        return meant if meant in self._ids else found[0]

    def _pieces(self, word: str) -> tuple[int, ...]:
        """WordPiece: the longest known beginning, then the longest known continuation, and so on. A word with digits is
        read as the known word for which they may stand (`k1ll`)."""
        if len(word) > _WORD_CHARS_MAX:
            return (self._unknown,)
        if word not in self._ids and (meant := word.translate(_LETTERS)) in self._ids and not word.isdecimal():
            return (self._ids[meant],)
        pieces: list[int] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                index = self._ids.get(word[start:end] if start == 0 else "##" + word[start:end])
                if index is not None:
                    pieces.append(index)
                    start = end
                    break
            else:
                return (self._unknown,)
        return tuple(pieces)


def stretches(sentence: Sequence[int], tokens_max: int, overlap: int) -> list[Sequence[int]]:
    """`sentence` in stretches of at most `tokens_max`, each beginning `overlap` before the last one's end."""
    if len(sentence) <= tokens_max:
        return [sentence]
    starts = list(range(0, len(sentence) - overlap, tokens_max - overlap))
    return [sentence[start : min(start + tokens_max, len(sentence))] for start in starts]
