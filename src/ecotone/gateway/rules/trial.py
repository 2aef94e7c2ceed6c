"""What would become of a text if it were sent: its class and why, what is found in it, who may have it, and what they
would be sent. Nothing is sent."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, cast

import msgspec

from ecotone.catalog.provider import Hosting, Weights
from ecotone.gateway.declared import Declared
from ecotone.gateway.jobs import ChatJob
from ecotone.gateway.labelling import Labelled, risk_scores
from ecotone.gateway.redaction import Redaction
from ecotone.gateway.rules.proving import Rulebook
from ecotone.gateway.rules.rulebook import open_ended_place
from ecotone.gateway.ruling import refusal
from ecotone.gateway.settings.plugins import installed
from ecotone.gateway.settings.toml_file import suggestion
from ecotone.policy.explaining import Explainer, RuleOutcome
from ecotone.policy.guard.categories import CATEGORIES, MEANINGS
from ecotone.policy.guard.guard import Guard
from ecotone.policy.inspection import Inspection, inspect
from ecotone.policy.labels import Labels
from ecotone.policy.places import Place
from ecotone.policy.policy import Policy
from ecotone.policy.verdict import Verdict
from ecotone.values.errors import MalformedRequest, ModelNotFound, Unredactable
from ecotone.wire.json_body import encode_json_object

_TEXT_PATH = ("body", "messages", 0, "content")
# What a condition may ask of a request that a text alone does not tell.
_TAKEN = {
    "request.operation": "chat",
    "request.stream": "no stream",
    "request.tools": "without tools",
}


class Mark(msgspec.Struct, frozen=True):
    """A find in the text: `start` and `end` count its characters (code points), `end` exclusive. `data_class` is the
    class that it raises a request to. `codings` are those around it, the outermost first, where it stands inside of
    Base64 or hexadecimal; the place is then that of the coded run."""

    start: int
    end: int
    kind: str
    detector: str
    data_class: str = msgspec.field(name="class")
    codings: tuple[str, ...] = ()


class ClassReason(msgspec.Struct, frozen=True):
    """Why a request is of at least this class."""

    data_class: str = msgspec.field(name="class")
    why: str


class Score(msgspec.Struct, frozen=True):
    """The content guard's score for one risk, from 0 to 1; `flagged`: it reaches the config's threshold."""

    category: str
    score: float
    flagged: bool
    about: str


class Stretch(msgspec.Struct, frozen=True):
    """A piece of what would be sent that stands for something of this kind."""

    start: int
    end: int
    kind: str


class Sent(msgspec.Struct, frozen=True):
    """What a place would be sent. `replaced` counts by kind; `stretches` are where it shows, which it does not where it
    was put into Base64."""

    text: str
    replaced: dict[str, int]
    stretches: tuple[Stretch, ...]


class PlaceTrial(msgspec.Struct, frozen=True):
    """What the rules say of sending the text to one place.

    `asked` is the name that leads there. `rules` are all on requests, in the config's order. `sent` is None where
    nothing would be. `problem` tells why the place would not get it although the rules allow that: something cannot be
    replaced, or the place cannot be asked at present.
    """

    asked: str
    model: str
    endpoint: str
    provider: str
    hosting: Hosting
    weights: Weights | None
    allowed: bool
    preferred: int
    rules: tuple[RuleOutcome, ...]
    sent: Sent | None
    problem: str | None = None

    @property
    def spoken(self) -> tuple[RuleOutcome, ...]:
        """The rules that spoke, those that deny first."""
        return tuple(sorted((one for one in self.rules if one.speaks), key=lambda one: not one.denies))

    @property
    def denials(self) -> tuple[RuleOutcome, ...]:
        """The rules that refuse it."""
        return tuple(one for one in self.rules if one.denies)


class Trial(msgspec.Struct, frozen=True):
    """What would become of a text. `asked` None: each model was tried by its own name.

    `summary` is what it comes to, in a sentence. `places` are in the order in which they would be tried, those that may
    not have it last. `refusal` is what the caller would be told where none may. `scores` is None where no rule reads
    them. `notes` say what a trial cannot know.
    """

    summary: str
    asked: str | None
    principal: str
    purpose: str | None
    data_class: str = msgspec.field(name="class")
    class_reasons: tuple[ClassReason, ...]
    looked_into: bool
    marks: tuple[Mark, ...]
    uninspected: tuple[str, ...]
    threshold: float
    scores: tuple[Score, ...] | None
    places: tuple[PlaceTrial, ...]
    refusal: str | None
    notes: tuple[str, ...]

    @property
    def allowed(self) -> tuple[PlaceTrial, ...]:
        """The places that would be sent something."""
        return tuple(place for place in self.places if place.sent is not None)


class Wish(msgspec.Struct, frozen=True):
    """What is to be tried: `text` as the one message of a conversation, asked of the model or route `asked` (None: of
    every model by its own name), declared to be of `data_class`, by `principal`."""

    text: str
    asked: str | None = None
    data_class: str | None = None
    principal: str = "local"


def tried(
    book: Rulebook,
    wish: Wish,
    *,
    redaction: Redaction,
    guard: Guard | None,
    now: datetime,
    problems: Mapping[str, str] | None = None,
) -> Trial:
    """Try a text. Takes milliseconds for each 100 kB of it, more with a recogniser of names.

    `guard` may be None where no rule reads scores. `problems` tell, by the endpoint's id, why a place cannot be asked.
    Raises ModelNotFound and MalformedRequest.
    """
    policy = book.policy
    if wish.data_class is not None and wish.data_class not in policy.classes:
        raise MalformedRequest(
            f"There is no data class {wish.data_class!r}. There are: {', '.join(policy.classes.names)}."
        )
    behind = _behind(book, wish.asked, now)
    request = _Request(book, wish, next(iter(behind), ""))
    looks = policy.needs_detectors or policy.needs_guard
    inspected = request.inspection if looks else Inspection()
    scored = risk_scores(guard, inspected) if guard is not None and policy.needs_guard else None
    reasons = tuple(_class_reasons(book, wish, inspected))
    labels = _labels(policy, wish, reasons, inspected, scored, len(request.body))
    explainer = Explainer(policy)
    places: list[PlaceTrial] = []
    denied: dict[str, Verdict] = {}
    for name, here in behind.items():
        asked = msgspec.structs.replace(labels, asked=name)
        for place in here:
            verdict = policy.decide(asked, place, now=now)
            endpoint = str(place.fact("endpoint.id"))
            sent, problem = request.sent(redaction, asked, verdict)
            if not verdict.allowed:
                denied[endpoint] = verdict
            places.append(
                PlaceTrial(
                    asked=name,
                    model=str(place.fact("model.name")),
                    endpoint=endpoint,
                    provider=str(place.fact("endpoint.provider")),
                    hosting=cast("Hosting", place.fact("endpoint.hosting")),
                    weights=cast("Weights | None", place.fact("model.weights")),
                    allowed=verdict.allowed,
                    preferred=verdict.preferred,
                    rules=explainer.outcomes(asked, place, now),
                    sent=sent,
                    problem=problem or (problems or {}).get(endpoint),
                )
            )
    places.sort(key=lambda place: (place.sent is None, not place.allowed, -place.preferred))
    return Trial(
        summary=_summary(wish.asked, places),
        asked=wish.asked,
        principal=wish.principal,
        purpose=labels.purpose,
        data_class=policy.classes.name(labels.data_class),
        class_reasons=reasons,
        looked_into=looks,
        marks=tuple(request.marks()),
        uninspected=tuple(sorted(request.inspection.uninspected)),
        threshold=policy.threshold,
        scores=None if scored is None else tuple(_scores(scored, policy.threshold)),
        places=tuple(places),
        refusal=refusal(wish.asked, denied).message if wish.asked and len(denied) == len(places) > 0 else None,
        notes=tuple(_notes(book)),
    )


def _labels(
    policy: Policy,
    wish: Wish,
    reasons: Iterable[ClassReason],
    inspected: Inspection,
    scored: Mapping[str, float] | None,
    size_bytes: int,
) -> Labels:
    settings = policy.principals.get(wish.principal)
    return Labels(
        data_class=max(policy.classes.rank(reason.data_class) for reason in reasons),
        kinds=inspected.kinds,
        uninspected=inspected.uninspected,
        scores=scored,
        principal=wish.principal,
        purpose=None if settings is None else settings.purpose,
        input_bytes=size_bytes,
    )


def _summary(asked: str | None, places: Sequence[PlaceTrial]) -> str:
    allowed, count = [place for place in places if place.sent is not None], len(places)
    if not count:
        return "There is no model that it could be sent to."
    if not allowed:
        return "It would be sent nowhere: the rules refuse it."
    if asked is None:
        if len(allowed) == count:
            return f"All {count} places may have it." if count > 1 else "The only place may have it."
        return f"{len(allowed)} of {count} places may have it; {count - len(allowed)} may not."
    ready = [place for place in allowed if place.problem is None]
    if not ready:
        return "The rules allow it, but no place that may have it can be asked now."
    then = f", and if that fails to {ready[1].endpoint}" if len(ready) > 1 else ""
    return f"It would go to {ready[0].endpoint}{then}."


def _behind(book: Rulebook, asked: str | None, now: datetime) -> Mapping[str, tuple[Place, ...]]:
    """The places to try, by the names that lead to them. Raises ModelNotFound."""
    every = book.candidates(now.date())
    if asked is None:
        routes = book.config.routes
        return {name: places for name, places in every.items() if name not in routes and not name.endswith("/*")}
    if asked in every:
        return {asked: every[asked]}
    maker, _, rest = asked.partition("/")
    vendor = next((vendor for vendor in book.vendors if vendor.name == maker and rest), None)
    if vendor is None:
        raise ModelNotFound(
            f"There is no model or route {asked!r} here{suggestion(asked, sorted(every))}", param="model"
        )
    return {asked: (open_ended_place(vendor, rest, book.config, now.date()),)}


class _Request:
    """The text as the request that it would be sent in."""

    def __init__(self, book: Rulebook, wish: Wish, asked: str) -> None:
        self._book = book
        self._wish = wish
        message = {"role": "user", "content": wish.text}
        self.body = encode_json_object({"model": asked or "none", "messages": [message]})
        wires = installed().wires
        self._job = ChatJob(wires, wires["openai-chat"], self.body, now_s=0, reply_id="")
        self.inspection = inspect(self._job.said, book.detectors)
        self._sent: dict[frozenset[str], Sent] = {}

    def marks(self) -> Iterator[Mark]:
        """What is found in the text, in order."""
        classes, rank = self._book.policy.classes, self._book.detectors.rank
        located = (one for one in self.inspection.found if one.path == _TEXT_PATH)
        for one in sorted(located, key=lambda one: one.finding):
            place = one.finding
            codings = tuple(coding.name for coding in one.reading.codings)
            yield Mark(place.start, place.end, one.kind, place.detector, classes.name(rank(one.kind)), codings)

    def sent(self, redaction: Redaction, labels: Labels, verdict: Verdict) -> tuple[Sent | None, str | None]:
        """What a place with this verdict would be sent, and why nothing would although the rules allow it."""
        if not verdict.allowed:
            return None, None
        known = self._sent.get(verdict.redact)
        if known is None:
            try:
                known = self._sent[verdict.redact] = self._redacted(redaction, labels, verdict.redact)
            except Unredactable as error:
                return None, error.message
        return known, None

    def _redacted(self, redaction: Redaction, labels: Labels, kinds: frozenset[str]) -> Sent:
        if not kinds:
            return Sent(self._wish.text, {}, ())
        declared = Declared(self._wish.data_class)
        redacted = redaction.redacted(self._job, Labelled(labels, self.inspection), kinds, declared)
        said: Any = redacted.job.said
        for step in _TEXT_PATH:
            said = said[step]
        kind_of = {one.value: one.kind for one in self.inspection.found}
        found = () if redacted.pseudonyms is None else redacted.pseudonyms.find(said)[0]
        stretches = (Stretch(start, end, kind_of[original]) for start, end, original in found if original in kind_of)
        return Sent(said, dict(redacted.counts), tuple(stretches))


def _class_reasons(book: Rulebook, wish: Wish, inspection: Inspection) -> Iterator[ClassReason]:
    """Everything that makes the request at least of some class, the highest first."""
    policy = book.policy
    found: list[tuple[int, str]] = [(book.detectors.rank(kind), f"{kind} was found") for kind in inspection.kinds]
    if wish.data_class is not None:
        found.append((policy.classes.rank(wish.data_class), "the request declares it"))
    if wish.asked is not None:
        found.append((policy.route_floor(wish.asked), f"what is asked of {wish.asked!r} is at least this"))
    settings = policy.principals.get(wish.principal)
    if settings is not None and settings.data_class is not None:
        found.append((policy.classes.rank(settings.data_class), f"what {wish.principal!r} sends is at least this"))
    if policy.default:
        found.append((policy.default, "every request here is at least this"))
    raising = sorted((one for one in found if one[0] > 0), key=lambda one: (-one[0], one[1]))
    for rank, why in raising or [(0, "nothing raises it")]:
        yield ClassReason(policy.classes.name(rank), why)


def _scores(scores: Mapping[str, float], threshold: float) -> Iterator[Score]:
    """The highest first."""
    for category in sorted(CATEGORIES, key=lambda category: -scores.get(category, 0.0)):
        score = scores.get(category, 0.0)
        yield Score(category, score, score >= threshold, MEANINGS[category])


def _notes(book: Rulebook) -> Iterator[str]:
    rules = book.policy.rules
    on_requests = [rule for rule in rules if rule.on == "request"]
    if not on_requests:
        yield "No rule is about requests: everything may go everywhere."
    elif not (book.policy.needs_detectors or book.policy.needs_guard):
        yield "No rule reads what is found in a text, so the gateway does not look: finds are shown, and raise nothing."
    if book.config.guard.models and book.policy.needs_guard:
        names = ", ".join(book.config.guard.models)
        yield f"Guard models ({names}) would be asked as well, and were not: that would send them the text."
    read = {path for rule in on_requests for path in rule.condition.reads}
    taken = [words for path, words in _TAKEN.items() if path in read]
    if taken:
        yield f"Some rule reads how a request is made; taken here: {', '.join(taken)}."
    if any(path.startswith("time.") for path in read):
        yield "Some rule reads the time: this is what holds now."
    replies = len(rules) - len(on_requests)
    if replies:
        yield f"{replies} {'rule is' if replies == 1 else 'rules are'} about replies, which come later."


class Piece(msgspec.Struct, frozen=True):
    """A piece of a text, and the kinds of what is found there."""

    text: str
    kinds: tuple[str, ...]


def pieces(text: str, marks: Iterable[Mark | Stretch]) -> Iterator[Piece]:
    """The text cut where marks begin and end."""
    places = sorted(marks, key=lambda mark: (mark.start, mark.end))
    borders = sorted({0, len(text), *(mark.start for mark in places), *(mark.end for mark in places)})
    open_marks: list[Mark | Stretch] = []
    upcoming = iter(places)
    following = next(upcoming, None)
    for begin, end in pairwise(borders):
        open_marks = [mark for mark in open_marks if mark.end > begin]
        while following is not None and following.start <= begin:
            open_marks.append(following)
            following = next(upcoming, None)
        yield Piece(text[begin:end], tuple(dict.fromkeys(mark.kind for mark in open_marks)))
