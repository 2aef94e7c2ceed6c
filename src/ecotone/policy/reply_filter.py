"""The owner's rules over a model's reply: what it says is looked at before it is given on, a window at a time.

Of each part's text, the last `tail_chars` are held back until more has come: as far as a find may be cut there. So a
find of up to that length is seen whole, wherever a stream is cut. A longer one (a private key of many lines) is held
back from its beginning on, up to 40 windows of it. The guard is asked about every stretch before it goes on, with what
came before it; what could be told only from a later sentence has been sent by then. A reply may be refused in its
middle.

What is looked at: text, refusals, reasoning, transcripts, tools' arguments, citations and other metadata. What is not,
sound and images, is named in `skipped`; it is given on, and rules say what that means. Encrypted reasoning is for
nobody to read.

These rules stand before `Restorer`: they see pseudonyms, not what these stand for, so that a guard elsewhere sees no
more than the model did. Pseudonyms of the request are no finds.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ecotone.policy.findings import Finding
from ecotone.policy.reading import Places
from ecotone.policy.restoring import Pseudonymous, forms, unescaped
from ecotone.policy.verdict import Spoken, Verdict
from ecotone.values.chat import Vendor
from ecotone.values.errors import PolicyRefused
from ecotone.values.reply import (
    AudioDelta,
    End,
    Event,
    Finish,
    ImageDelta,
    LogprobsDelta,
    OpaqueDelta,
    PartDelta,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageReport,
    merge_vendor,
    more_of,
)

WINDOW_CHARS = 400
TAIL_CHARS = 128
GUARD_CHARS = 2500
# What detectors see of the text before, for the words around a find.
_CONTEXT_CHARS = 96
# How many windows are held back for a find that has no end.
_WINDOWS_MAX = 40
_NO_KIND = ""
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*\s|[。！？]|\n")
_NOT_TEXT = re.compile(r"(?i)signature|encrypted|^id$|^type$|_id$|\.form$")

Find = Callable[[str], Sequence[Finding]]
Guard = Callable[[str], Mapping[str, float]]
Decide = Callable[[frozenset[str], Mapping[str, float] | None], Verdict]
_Place = tuple[int, int]


class _Part:
    """One part's text: `before` has been looked at and given on, `held` has not. `event` is the latest one, `vendor`
    the metadata that goes on with the end of what is held. `quoted`: what is held begins within a string of JSON.
    `looked_at`: so many characters of it have been looked at, but held back on."""

    def __init__(self, event: PartDelta, *, as_json: bool) -> None:
        self.event = event
        self.as_json = as_json
        self.before = ""
        self.held = ""
        self.vendor: Vendor = {}
        self.quoted = False
        self.redacted = False
        self.looked_at = 0


class ReplyRules:
    """An `EventFilter` for one reply; it is `slow` where a guard is asked.

    `kinds` and `scores` are what has been found and the highest scores so far (None: the guard was not asked), `spoken`
    the rules that spoke, by name, `redacted` how often each kind was replaced, `skipped` the content that was not
    looked at. `complete`: the reply has come to its end, and all else of it has been looked at.
    """

    def __init__(
        self,
        decide: Decide,
        *,
        find: Find | None = None,
        guard: Guard | None = None,
        pseudonyms: Pseudonymous | None = None,
        json_text: bool = False,
        window_chars: int = WINDOW_CHARS,
        tail_chars: int = TAIL_CHARS,
    ) -> None:
        """`decide` says what follows from the kinds found and the scores, so far in this reply. `pseudonyms` are those
        of the request. `json_text`: the text is JSON, as the request asked for.
        `window_chars` is how much text is held back at most before it is looked at, over `tail_chars`."""
        if not 0 < tail_chars < window_chars:
            raise ValueError("a window is longer than its tail")
        self._decide = decide
        self._find = find
        self._guard = guard
        self._known = pseudonyms
        self._json_text = json_text
        self._window_chars = window_chars
        self._tail_chars = tail_chars
        self._parts: dict[_Place, _Part] = {}
        # Those of which something may be held back, in order.
        self._open: dict[_Place, None] = {}
        self._tokens: dict[int, list[Event]] = {}
        self._redacted_choices: set[int] = set()
        self._redact_kinds: frozenset[str] = frozenset()
        self._asked = False
        self.slow = guard is not None
        self.kinds: frozenset[str] = frozenset()
        self.scores: dict[str, float] | None = None
        self.spoken: dict[str, Spoken] = {}
        self.redacted: Counter[str] = Counter()
        self.skipped: set[str] = set()
        self.complete = False

    def feed(self, event: Event) -> list[Event]:
        """What may go on now. Raises PolicyRefused."""
        match event:
            case Start() | UsageReport():
                return [event]
            case LogprobsDelta():
                # They hold the text itself.
                self._tokens.setdefault(event.choice, []).append(event)
                return []
            case Finish():
                return [*self._ended(event.choice), replace(event, vendor=self._json(event.vendor))]
            case End():
                said = [event for choice in sorted(self._choices()) for event in self._ended(choice)]
                ended = End(self._json(event.vendor))
                if not self._asked:
                    # Nothing was said; the rules have a say all the same.
                    self._decided((), "")
                self.complete = True
                return [*said, ended]
        return self._part(event)

    def close(self) -> list[Event]:
        """What has not been looked at is not given on."""
        return []

    def _choices(self) -> set[int]:
        return {choice for choice, _ in self._parts} | set(self._tokens)

    def _ended(self, choice: int, *, but: _Place | None = None) -> list[Event]:
        """The rest of all parts of this choice; with `but`, of those that are over when that part begins."""
        said: list[Event] = []
        for place in list(self._open):
            if place[0] != choice or place == but:
                continue
            part = self._parts[place]
            called = isinstance(part.event, ToolCallDelta)
            if but is not None and called and part.as_json and not part.held.rstrip().endswith("}"):
                # Arguments of several calls may come at the same time.
                continue
            said += self._given_on(part, len(part.held))
            del self._open[place]
        if but is None:
            self._parts = {place: part for place, part in self._parts.items() if place[0] != choice}
        tokens = self._tokens.pop(choice, [])
        # What has been replaced in the text is not told here.
        return said + (tokens if choice not in self._redacted_choices else [])

    def _part(self, event: PartDelta) -> list[Event]:
        place = (event.choice, event.part)
        part = self._parts.get(place)
        said: list[Event] = []
        if part is None:
            said = self._ended(event.choice, but=place)
            part = self._parts[place] = _Part(event, as_json=self._is_json(event))
        self._open[place] = None
        match event:
            case ImageDelta():
                self._skip("image")
                return [*said, replace(event, vendor=self._json(event.vendor))]
            case OpaqueDelta():
                return [*said, replace(event, data=self._json(event.data), vendor=self._json(event.vendor))]
            case AudioDelta():
                if event.data is not None:
                    self._skip("audio")
                text = event.transcript or ""
                head: PartDelta = replace(event, transcript=None, vendor={})
                told = event.data or event.id or event.format or event.expires_at
            case ToolCallDelta():
                text = event.arguments
                head = replace(event, arguments="", vendor={})
                told = event.id or event.name or event.kind
            case ReasoningDelta():
                return [*said, *self._reasoning(part, event)]
            case _:
                text, head, told = event.text, event, None
        if told:
            # What clients must know before the text of a part.
            vendor = self._json(event.vendor)
            said.append(replace(head, vendor=vendor))
        else:
            part.vendor = merge_vendor((part.vendor, self._json(event.vendor))) if event.vendor else part.vendor
        return said + self._more(part, event, text)

    def _is_json(self, event: PartDelta) -> bool:
        if isinstance(event, ToolCallDelta):
            return event.kind != "custom"
        return self._json_text and isinstance(event, TextDelta)

    def _reasoning(self, part: _Part, event: ReasoningDelta) -> list[Event]:
        said = self._more(part, event, event.text)
        if event.signature is None:
            if event.vendor:
                part.vendor = merge_vendor((part.vendor, self._json(event.vendor)))
            return said
        said += self._given_on(part, len(part.held))
        # A signature of what has been changed proves nothing, and its vendor would refuse it.
        return said if part.redacted else [*said, replace(event, text="", vendor=self._json(event.vendor))]

    def _more(self, part: _Part, event: PartDelta, text: str) -> list[Event]:
        part.event = event
        part.held += text
        if len(part.held) - part.looked_at < self._window_chars:
            return []
        return self._given_on(part, self._cut(part))

    def _cut(self, part: _Part) -> int:
        """Where the text may be parted: before its tail, at the end of a sentence if there is one, else of a word."""
        held = part.held
        most = len(held) - self._tail_chars
        ends = [found.end() for found in _SENTENCE_END.finditer(held, most // 2, most)]
        cut = ends[-1] if ends else held.rfind(" ", most // 2, most) + 1 or most
        if part.as_json:
            # Not within an escape.
            slash = held.rfind("\\", max(0, cut - 6), cut)
            while slash > 0 and held[slash - 1] == "\\":
                slash -= 1
            cut = slash if slash > 0 else cut
        return cut

    def _given_on(self, part: _Part, cut: int) -> list[Event]:
        """What is held of a part up to `cut`, or to the beginning of a find there, looked at."""
        last = cut == len(part.held)
        if last and not part.held and not part.vendor:
            return []
        found = self._found(part.held, part.before[-_CONTEXT_CHARS:], as_json=part.as_json, more=not last)
        if not last:
            cut = _before_finds(found, cut)
            if cut == 0:
                if len(part.held) < _WINDOWS_MAX * self._window_chars:
                    part.looked_at = len(part.held)
                    return []
                # A find without an end: what there is of it is replaced.
                cut = len(part.held) - self._tail_chars
        found = [one for one in found if one.start < cut]
        if part.held:
            self._decided(found, part.before[-GUARD_CHARS // 2 :] + part.held[:cut])
        given, part.held, part.looked_at = part.held[:cut], part.held[cut:], 0
        text = self._redacted(given, found, as_json=part.as_json, quoted=part.quoted)
        if text != given:
            part.redacted = True
            self._redacted_choices.add(part.event.choice)
        if part.as_json:
            part.quoted ^= _quotes(given) % 2 == 1
        part.before = (part.before + given)[-GUARD_CHARS:]
        vendor = forms(part.vendor) if part.vendor and text else {}
        if last:
            vendor, part.vendor = part.vendor, {}
        return [more_of(part.event, text, vendor)] if text or vendor else []

    def _found(self, held: str, context: str = "", *, as_json: bool = False, more: bool = False) -> Sequence[Finding]:
        """The finds in `held`, with their places in it; `context` comes before it. A pseudonym, or with `more` to come
        the beginning of one, is a find of no kind."""
        if self._find is None or not held:
            return []
        text, offsets = context + held, None
        if as_json and "\\" in text:
            text, offsets, _ = unescaped(text, False)
        found = self._find(text)
        if self._known is not None:
            found = _beside(found, *self._known.find(text, more=more), len(text))
        if offsets is not None:
            found = [replace(one, start=offsets[one.start], end=offsets[one.end]) for one in found]
        shift = len(context)
        return [replace(one, start=max(0, one.start - shift), end=one.end - shift) for one in found if one.end > shift]

    def _decided(self, found: Sequence[Finding], text: str) -> None:
        """Ask the guard and the rules about what is to go on. Raises PolicyRefused."""
        if self._guard is not None:
            scores = dict(self.scores or {})
            for start in range(0, len(text) or 1, GUARD_CHARS):
                for category, score in self._guard(text[start : start + GUARD_CHARS]).items():
                    scores[category] = max(score, scores.get(category, 0.0))
            self.scores = scores
        self.kinds |= {one.kind for one in found} - {_NO_KIND}
        verdict = self._decide(self.kinds, self.scores)
        self._asked = True
        self._redact_kinds = verdict.redact
        self.spoken.update({one.rule: one for one in verdict.spoken})
        if not verdict.allowed:
            raise refusal(verdict)

    def _skip(self, kind: str) -> None:
        """Content of this kind is to go on without being looked at. Raises PolicyRefused."""
        if kind not in self.skipped:
            self.skipped.add(kind)
            self._decided((), "")

    def _redacted(self, text: str, found: Sequence[Finding], *, as_json: bool = False, quoted: bool = False) -> str:
        """The text, each find of a kind to redact replaced by the kind's name; what goes beyond its end, up to it."""
        pieces: list[str] = []
        place = counted = 0
        for one in sorted(found):
            if one.kind not in self._redact_kinds:
                continue
            if one.start >= place:
                if as_json:
                    # Finds begin at no escape, so that they can be counted from one to the next.
                    quoted ^= _quotes(text[counted : one.start]) % 2 == 1
                    counted = one.start
                # A number in JSON becomes a string.
                within = not as_json or quoted
                pieces += (text[place : one.start], f"[{one.kind}]" if within else f'"[{one.kind}]"')
                self.redacted[one.kind] += 1
            place = max(place, one.end)
        return "".join([*pieces, text[place:]]) if place else text

    def _json(self, value: Any) -> Any:
        """Metadata, looked at as a whole, and its strings one by one."""
        texts = list(_strings(value))
        if not texts:
            return value
        self._decided([one for text in texts for one in self._found(text)], "\n".join(texts))
        return self._redacted_json(value)

    def _redacted_json(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redacted(value, self._found(value))
        if isinstance(value, list):
            return [self._redacted_json(item) for item in value]
        if isinstance(value, dict):
            return {
                name: field if _NOT_TEXT.search(name) else self._redacted_json(field) for name, field in value.items()
            }
        return value


def _beside(
    found: Sequence[Finding], pseudonyms: list[tuple[int, int, str]], begun: int, end: int
) -> Sequence[Finding]:
    """Pseudonyms, one that has begun by the end, and the finds that are no part of a whole one."""
    own = [Finding(start, over, _NO_KIND, "pseudonym") for start, over, _ in pseudonyms]
    places = Places((one.start, one.end) for one in own)
    others = [one for one in found if not places.overlap(one)]
    return [*own, *others, *([Finding(begun, end, _NO_KIND, "pseudonym")] if begun < end else [])]


def _strings(value: Any) -> Iterator[str]:
    """The texts in a JSON value, without ids, signatures and what is encrypted."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for name, field in value.items():
            if not _NOT_TEXT.search(name):
                yield from _strings(field)


def _before_finds(found: Sequence[Finding], cut: int) -> int:
    """The latest place up to `cut` that no find goes over."""
    for one in sorted(found, reverse=True):
        if one.start < cut < one.end:
            cut = one.start
    return cut


def _quotes(text: str) -> int:
    """How many quotation marks begin or end a string in this piece of JSON, which begins at no escape."""
    return re.sub(r"\\.", "", text, flags=re.DOTALL).count('"')


def refusal(verdict: Verdict) -> PolicyRefused:
    """The error for a reply that this verdict denies."""
    reasons = "; ".join(one.told for one in verdict.denials)
    return PolicyRefused(
        f"The rules of this gateway do not allow what the model answered: {reasons}.",
        rules=tuple(one.rule for one in verdict.denials),
    )
