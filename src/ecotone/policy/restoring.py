"""Pseudonyms in a model's reply, put back into what they stand for: in whole replies and across the pieces of streams.

Restored is what a model repeats exactly, or in one of the further forms that `PseudonymTable.originals` lists; in JSON
(tools' arguments) also where characters are escaped. Not restored is what it changes otherwise: letters left out, a
number in other groups or told digit by digit, a part of an address, a translation; what it says aloud or draws; and
JSON within a string within JSON where the original has characters that must be escaped twice.

Reasoning that its vendor signs, or may yet sign, stays as it is, as the vendor would refuse it changed: people see
pseudonyms there. A client sends it back with the next turn, where `PseudonymTable` leaves it as it is.
Log probabilities are those of the tokens that the model chose, so of pseudonyms, too. Places that a vendor counts in
characters of the text, as in citations, are left as they are.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ecotone.values.chat import Vendor
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
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageReport,
    merge_vendor,
    more_of,
)

_Telling = TextDelta | RefusalDelta | ReasoningDelta | ToolCallDelta | AudioDelta
_Place = tuple[int, int]
_FIRST_CHARS = 64


class Pseudonymous:
    """Finds pseudonyms in a text: at each place the longest, from the left."""

    def __init__(self, originals: Mapping[str, str]) -> None:
        """`originals` says what each pseudonym, of two characters or more, stands for."""
        if any(len(form) < 2 for form in originals):
            raise ValueError("a pseudonym has two characters or more")
        self.originals = originals
        self._forms = sorted(originals)
        self._shorter = _shorter(self._forms)
        self._longest = max(map(len, originals), default=0)
        self._firsts = frozenset(form[0] for form in originals)
        seconds: dict[str, set[str]] = {}
        for form in originals:
            seconds.setdefault(form[0], set()).add(form[1])
        begins = (f"{re.escape(one)}[{''.join(map(re.escape, sorted(more)))}]" for one, more in seconds.items())
        # Without any there is nothing to find.
        self._begins = re.compile("|".join(begins) if seconds else r"(?!)")

    def find(self, text: str, *, more: bool = False) -> tuple[list[tuple[int, int, str]], int]:
        """Start, end and original of each pseudonym, and where one may have begun that is not whole yet: at the end of
        the text if there is none, or no `more` to come."""
        found: list[tuple[int, int, str]] = []
        place, end = 0, len(text)
        while (begun := self._begins.search(text, place)) is not None:
            start = begun.start()
            number, goes_on = self._nearest(text, start)
            if more and goes_on:
                return found, start
            place = start + 1
            while number >= 0:
                form = self._forms[number]
                if text.startswith(form, start):
                    place = start + len(form)
                    found.append((start, place, self.originals[form]))
                    break
                number = self._shorter[number]
        if more and place < end and text[-1] in self._firsts:
            return found, end - 1
        return found, end

    def _nearest(self, text: str, start: int) -> tuple[int, bool]:
        """The last form, by its number, that does not come after the text from `start` on, in order of their
        characters: if any form stands there, it is the beginning of that one or itself. And whether a form begins with
        all that is left of the text, and is longer."""
        forms = self._forms
        # Most is told by the first few characters; copying a long rest for each place would take long.
        rest = text[start : start + _FIRST_CHARS]
        number = bisect_right(forms, rest)
        if len(rest) == _FIRST_CHARS and number < len(forms) and forms[number].startswith(rest):
            rest = text[start : start + self._longest]
            number = bisect_right(forms, rest, number)
        goes_on = start + len(rest) == len(text) and number < len(forms) and forms[number].startswith(rest)
        return number - 1, goes_on

    def restored(self, text: str, *, as_json: bool = False, more: bool = False) -> tuple[str, int]:
        """The text with what its pseudonyms stand for, up to the place where one may have begun; and that place.
        `as_json`: it is a piece of JSON, at whatever place in it."""
        offsets: list[int] | None = None
        read, whole = text, len(text)
        if as_json and "\\" in text:
            read, offsets, whole = unescaped(text, more)
        found, held = self.find(read, more=more or whole < len(text))
        if offsets is not None:
            found = [(offsets[start], offsets[end], original) for start, end, original in found]
            held = offsets[held]
        if not more:
            held = len(text)
        if not found:
            return (text if held == len(text) else text[:held]), held
        pieces: list[str] = []
        place = 0
        for start, end, original in found:
            pieces += (text[place:start], json.dumps(original, ensure_ascii=False)[1:-1] if as_json else original)
            place = end
        pieces.append(text[place:held])
        return "".join(pieces), held

    def restored_json(self, value: Any) -> Any:
        """A JSON value with what its pseudonyms stand for; the same object where there is none in it."""
        if isinstance(value, str):
            return self._restored_string(value)
        if isinstance(value, list):
            items = [self.restored_json(item) for item in value]
            return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
        if isinstance(value, dict):
            fields = {self._restored_string(name): self.restored_json(field) for name, field in value.items()}
            same = all(new is old for new, old in zip(fields.values(), value.values(), strict=False))
            return value if same and list(fields) == list(value) else fields
        return value

    def _restored_string(self, text: str) -> str:
        restored, _ = self.restored(text)
        if text[:1] in ("{", "[", '"'):
            # Tools' arguments are JSON in a string.
            escaped, _ = self.restored(text, as_json=True)
            if escaped != restored and _is_json(text):
                return escaped
        return text if restored == text else restored


def _shorter(forms: Sequence[str]) -> list[int]:
    """For each of these, which are in order, the number of the longest other one that it begins with; -1: none."""
    found: list[int] = []
    begun: list[int] = []
    for number, form in enumerate(forms):
        while begun and not form.startswith(forms[begun[-1]]):
            begun.pop()
        found.append(begun[-1] if begun else -1)
        begun.append(number)
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


_ESCAPE = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([^u]))", re.DOTALL
)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LONE_HALF = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?")
_CUT = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")


def unescaped(text: str, more: bool) -> tuple[str, list[int], int]:
    """What JSON's escapes say, the place in `text` of each of its characters and of its end, and where an escape begins
    that is not whole yet: the end of the text if there is none, or no `more` to come."""
    pieces: list[str] = []
    offsets: list[int] = []
    place = 0

    def plain(end: int) -> None:
        pieces.append(text[place:end])
        offsets.extend(range(place, end))

    whole = len(text)
    for found in _ESCAPE.finditer(text):
        if more and len(text) - found.start() < 12 and _LONE_HALF.fullmatch(text, found.start()):
            whole = found.start()
            break
        plain(found.start())
        high, low, code, char = found.groups()
        if high is not None:
            pieces.append(chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00))
        else:
            pieces.append(chr(int(code, 16)) if code is not None else _ESCAPED.get(char, char))
        offsets.append(found.start())
        place = found.end()
    else:
        cut = text.find("\\", place)
        if more and cut >= 0 and _CUT.fullmatch(text, cut):
            whole = cut
    plain(whole)
    offsets.append(whole)
    return "".join(pieces), offsets, whole


def forms(vendor: Vendor) -> Vendor:
    """What says in which of a wire's forms a piece of text came, such as its field: it holds for each of its pieces."""
    return {
        key: {name: value for name, value in form.items() if not isinstance(value, list | dict)}
        for key, form in vendor.items()
        if key.endswith(".form")
    }


class _Tail:
    """What is held back of a part: the end of its text, and the metadata that came with it. `event` is one like those
    in which it came."""

    def __init__(self, event: PartDelta, text: str, vendor: Vendor) -> None:
        self.event = event
        self.text = text
        self.vendor = vendor


class Restorer:
    """An `EventFilter` that puts originals in the place of pseudonyms, in each part's text by itself.

    It holds back the end of a text only where a pseudonym may have begun, until it is told from that, and at most until
    the next part begins, or the answer's end. Arguments of several calls may come at the same time, so each call's wait
    for their own.
    """

    slow = False

    def __init__(self, originals: Mapping[str, str] | Pseudonymous, *, json_text: bool = False) -> None:
        """`json_text`: the answer's text is JSON, as the request asked for."""
        self._forms = originals if isinstance(originals, Pseudonymous) else Pseudonymous(originals)
        self._json_text = json_text
        self._place: _Place | None = None
        self._seen: set[_Place] = set()
        self._custom: set[_Place] = set()
        self._tails: dict[_Place, _Tail] = {}
        self._tokens: dict[int, list[Event]] = {}

    def feed(self, event: Event) -> list[Event]:
        """The events to give on now."""
        if (
            type(event) is TextDelta
            and not self._tails
            and not event.vendor
            and (event.choice, event.part) == self._place
        ):
            # Nearly every event of a stream is this.
            text, held = self._forms.restored(event.text, as_json=self._json_text, more=True)
            return [event] if text is event.text else self._said(event, text, event.text[held:], {})
        match event:
            case Start() | UsageReport():
                return [event]
            case LogprobsDelta():
                # They come after the text that they are about.
                if any(choice == event.choice for choice, _ in self._tails):
                    self._tokens.setdefault(event.choice, []).append(event)
                    return []
                return [event]
            case Finish():
                return [*self._released(event.choice), replace(event, vendor=self._forms.restored_json(event.vendor))]
            case End():
                return [*self.close(), End(self._forms.restored_json(event.vendor))]
        said = [*self._entered(event), *self._part(event)]
        if self._tokens and said and not any(choice == event.choice for choice, _ in self._tails):
            said += self._tokens.pop(event.choice, ())
        return said

    def close(self) -> list[Event]:
        """What is held back."""
        choices = sorted({choice for choice, _ in self._tails} | set(self._tokens))
        return [event for choice in choices for event in self._released(choice)]

    def _entered(self, event: PartDelta) -> list[Event]:
        """What is held back of the parts before a new one; more may come of calls that are not whole."""
        self._place = (event.choice, event.part)
        if self._place in self._seen:
            return []
        self._seen.add(self._place)
        if isinstance(event, ToolCallDelta) and event.kind == "custom":
            self._custom.add(self._place)
        return self._released(event.choice, calls=False) if self._tails else []

    def _released(self, choice: int, *, calls: bool = True) -> list[Event]:
        places = [place for place in self._tails if place[0] == choice]
        if not calls:
            places = [
                place
                for place in places
                if place in self._custom or not isinstance(self._tails[place].event, ToolCallDelta)
            ]
        said: list[Event] = [self._rest(place) for place in places]
        if calls or not any(place[0] == choice for place in self._tails):
            said += self._tokens.pop(choice, ())
        return said

    def _rest(self, place: _Place) -> PartDelta:
        """What is held back of this part."""
        tail = self._tails.pop(place)
        text, _ = self._forms.restored(tail.text, as_json=self._as_json(tail.event))
        return more_of(tail.event, text, tail.vendor)

    def _as_json(self, event: PartDelta) -> bool:
        if isinstance(event, ToolCallDelta):
            return (event.choice, event.part) not in self._custom
        return self._json_text and isinstance(event, TextDelta)

    def _part(self, event: PartDelta) -> list[Event]:
        match event:
            case TextDelta() | RefusalDelta():
                return self._text(event, event.text)
            case ReasoningDelta(signature=None, wire=None):
                return self._text(event, event.text)
            case ToolCallDelta():
                return self._text(event, event.arguments)
            case AudioDelta() if event.transcript is not None:
                return self._text(event, event.transcript)
            case ReasoningDelta():
                place = (event.choice, event.part)
                return [self._rest(place), event] if place in self._tails else [event]
            case OpaqueDelta():
                return [replace(event, data=self._forms.restored_json(event.data))]
            case AudioDelta() | ImageDelta():
                return [event]

    def _text(self, event: _Telling, text: str) -> list[Event]:
        place = (event.choice, event.part)
        tail = self._tails.pop(place, None)
        vendor = event.vendor
        if vendor:
            vendor = self._forms.restored_json(vendor)
        if tail is not None:
            text = tail.text + text
            vendor = merge_vendor((tail.vendor, vendor)) if tail.vendor else vendor
        restored, held = self._forms.restored(text, as_json=self._as_json(event), more=True)
        return self._said(event, restored, text[held:], vendor)

    def _said(self, event: _Telling, text: str, rest: str, vendor: Vendor) -> list[Event]:
        """The event with `text` for its own; `rest` is held back, and what came with it unless it belongs to a call's
        beginning."""
        kept: Vendor = {}
        if rest:
            if not isinstance(event, ToolCallDelta):
                kept, vendor = vendor, forms(vendor) if text else {}
            self._tails[event.choice, event.part] = _Tail(event, rest, kept)
        match event:
            case ToolCallDelta():
                told: PartDelta = replace(event, arguments=text, vendor=vendor)
                silent = event.id is None and event.name is None and event.kind is None
            case AudioDelta():
                told = replace(event, transcript=text, vendor=vendor)
                silent = event.data is None and event.id is None and event.format is None and event.expires_at is None
            case _:
                told = replace(event, text=text, vendor=vendor)
                silent = True
        return [] if silent and not text and not vendor and rest else [told]
