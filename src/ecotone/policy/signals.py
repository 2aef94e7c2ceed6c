"""Signs that a caller misuses models: what is worth a person's look, not a proof.

Three of them, each over a window that slides with the requests:

- `rising_denials`: many requests refused by the rules in a short while, and far more than before;
- `repeated_blocks`: the same risk, or the same rule on replies, refused again and again;
- `sweep`: very many different requests made from one template, as when a model's answers are collected to copy it or
  to draw out what it has learnt. Batch work of one's own looks the same.

Of a request's text only hashes are kept, which mean nothing outside of this process. All is forgotten when it ends.
"""

import re
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

SignalKind = Literal["rising_denials", "repeated_blocks", "sweep"]

DENIALS_MIN = 10
"""Refusals within `DENIALS_MINUTES` that are more than somebody's few tries to say it differently."""
DENIALS_MINUTES = 10
BEFORE_MINUTES = 60
RISE = 3
"""How many times the rate of the `BEFORE_MINUTES` before: a caller with a steady share of refusals is no news."""
BLOCKS_MIN = 5
"""Refusals over one risk within an hour. The classifier errs on some harmless texts, hardly on five of one caller's."""
SWEEP_MIN = 200
"""Different requests of one template within an hour: one each 18 seconds, more than a person types."""
PRINCIPALS_MAX = 250
"""Callers that are watched at a time; the one not heard of for longest is forgotten first."""
REQUESTS_MAX = 1000
"""Requests that are remembered of one caller for `sweep`, about 220 bytes each: a sweep shows among its caller's other
requests as long as it is a fifth of them. All callers together take 55 MB at the very most."""

_MINUTE_US = 60_000_000
_HOUR_US = 60 * _MINUTE_US
_BLOCKED_MAX = 64
# Of a longer text this is where its template stands, if it has one.
_READ_CHARS = 400
_READ_WORDS = 24
_SHORT_WORD_CHARS = 4
# So many are among the first 24 of most texts, however many words are filled in between.
_WORDS_MAX = 8
# One short word says nothing of how a text was made.
_WORDS_MIN = 2
_QUOTED = re.compile('["\u201c\u00ab][^"\u201d\u00bb]*["\u201d\u00bb]?')


class Signal(msgspec.Struct, frozen=True):
    """One sign of misuse. `detail` has numbers and names of the owner's own (rules, categories), never content."""

    kind: SignalKind
    principal: str
    at_us: int
    detail: Mapping[str, int | str]


class _Watched:
    """What is remembered of one caller."""

    __slots__ = ("blocks", "denials", "given", "last_us", "recent", "seen", "templates")

    def __init__(self) -> None:
        self.last_us = 0
        self.denials: deque[list[int]] = deque()  # [minute, how many]
        self.blocks: OrderedDict[str, deque[int]] = OrderedDict()
        self.recent: deque[tuple[int, int, int]] = deque()  # (at_us, request's hash, template's hash)
        self.seen: set[int] = set()
        self.templates: dict[int, int] = {}  # how many of the recent requests have it
        self.given: dict[SignalKind, int] = {}


class Signals:
    """Watches callers. Not for use by two threads at once."""

    def __init__(self, *, principals_max: int = PRINCIPALS_MAX, requests_max: int = REQUESTS_MAX) -> None:
        self._principals_max = principals_max
        self._requests_max = requests_max
        self._watched: OrderedDict[str, _Watched] = OrderedDict()

    def note(
        self, principal: str, at_us: int, *, denied: bool = False, blocked: Iterable[str] = (), text: str | None = None
    ) -> tuple[Signal, ...]:
        """Note a request that is over, and say what it is a sign of: each kind at most once an hour for a caller.

        `at_us` is its end, Unix microseconds; one before an earlier one counts as of the same time. `denied`: the rules
        refused it, or its reply. `blocked` names what for: risks, and rules on replies. `text` is what a model was to
        answer, None where no answer in words was asked for.
        """
        watched = self._watched.get(principal)
        if watched is None:
            watched = self._watched[principal] = _Watched()
            if len(self._watched) > self._principals_max:
                self._watched.popitem(last=False)
        else:
            self._watched.move_to_end(principal)
        now_us = watched.last_us = max(at_us, watched.last_us)
        found: list[Signal] = []
        if denied:
            _give(found, watched, "rising_denials", principal, _rising(watched, now_us))
            _give(found, watched, "repeated_blocks", principal, _repeated(watched, now_us, blocked))
        if text is not None and (count := self._like_it(watched, now_us, text)) >= SWEEP_MIN:
            _give(found, watched, "sweep", principal, {"requests": count, "minutes": 60})
        return tuple(found)

    def _like_it(self, watched: _Watched, now_us: int, text: str) -> int:
        """How many different requests of this one's template there were within an hour; 0 where it is there already,
        or has no template that could be told."""
        recent, templates = watched.recent, watched.templates
        while recent and recent[0][0] <= now_us - _HOUR_US:
            _forget_oldest(watched)
        request = hash((len(text), text[:_READ_CHARS], text[-_READ_CHARS:]))
        if request in watched.seen or (kept := skeleton(text)) is None:
            return 0
        if len(recent) >= self._requests_max:
            _forget_oldest(watched)
        template = hash(kept)
        recent.append((now_us, request, template))
        watched.seen.add(request)
        count = templates[template] = templates.get(template, 0) + 1
        return count

    def __len__(self) -> int:
        """How many callers are watched."""
        return len(self._watched)


def _forget_oldest(watched: _Watched) -> None:
    _, request, template = watched.recent.popleft()
    watched.seen.remove(request)
    left = watched.templates[template] = watched.templates[template] - 1
    if not left:
        del watched.templates[template]


def _give(
    found: list[Signal], watched: _Watched, kind: SignalKind, principal: str, detail: Mapping[str, int | str] | None
) -> None:
    """Add the signal, unless there is none or its kind was given within the hour."""
    now_us = watched.last_us
    if detail is not None and now_us - watched.given.get(kind, -_HOUR_US) >= _HOUR_US:
        watched.given[kind] = now_us
        found.append(Signal(kind, principal, now_us, detail))


def _rising(watched: _Watched, now_us: int) -> Mapping[str, int | str] | None:
    """Counted by the minute: the window of ten is this minute and the nine before."""
    minute, denials = now_us // _MINUTE_US, watched.denials
    if denials and denials[-1][0] == minute:
        denials[-1][1] += 1
    else:
        denials.append([minute, 1])
    while denials[0][0] <= minute - DENIALS_MINUTES - BEFORE_MINUTES:
        denials.popleft()
    lately = sum(count for at, count in denials if at > minute - DENIALS_MINUTES)
    before = sum(count for _, count in denials) - lately
    if lately < DENIALS_MIN or lately * BEFORE_MINUTES < RISE * before * DENIALS_MINUTES:
        return None
    return {"denials": lately, "minutes": DENIALS_MINUTES, "before": before, "before_minutes": BEFORE_MINUTES}


def _repeated(watched: _Watched, now_us: int, blocked: Iterable[str]) -> Mapping[str, int | str] | None:
    """What has now been refused often enough; the first by name where there are several."""
    often: list[str] = []
    for name in blocked:
        times = watched.blocks.setdefault(name, deque(maxlen=BLOCKS_MIN))
        watched.blocks.move_to_end(name)
        times.append(now_us)
        if len(times) == BLOCKS_MIN and times[0] > now_us - _HOUR_US:
            often.append(name)
    while len(watched.blocks) > _BLOCKED_MAX:
        watched.blocks.popitem(last=False)
    return {"blocked": min(often), "times": BLOCKS_MIN, "minutes": 60} if often else None


def skeleton(text: str) -> str | None:
    """What two texts made from one template have in common: the short words at its beginning, which are seldom what is
    filled in. Longer words, names, numbers and what stands in quotation marks are folded away. None where too little is
    left to tell: also in scripts that write no spaces."""
    # The first letter is a capital for another reason than a name's.
    begins = text[:1].lower() + text[1:_READ_CHARS]
    if '"' in begins or "\u201c" in begins or "\u00ab" in begins:
        begins = _QUOTED.sub(" ", begins)
    words = begins.split(None, _READ_WORDS)
    if len(words) > _READ_WORDS or len(text) > _READ_CHARS:
        del words[-1:]  # it may have been cut
    kept = [word for word in words if len(word) <= _SHORT_WORD_CHARS and word.isalpha() and not word[0].isupper()]
    return " ".join(kept[:_WORDS_MAX]) if len(kept) >= _WORDS_MIN else None
