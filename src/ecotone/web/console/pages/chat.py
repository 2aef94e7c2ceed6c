"""Chat: a conversation with any route or model, and behind each answer where the words went."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecotone.evaluation.turns import TurnFacts
from ecotone.gateway.chats.attachments import ALL_BYTES_MAX, ATTACHED_MAX
from ecotone.gateway.chats.chats import Chat, ChatMessage, ChatRow
from ecotone.gateway.client import DEFAULT_ROUTE
from ecotone.gateway.inventory.choices import Choice, choice, choices
from ecotone.gateway.inventory.model_facts import vendor_title
from ecotone.policy.policy import Policy
from ecotone.values.chat import Json
from ecotone.values.errors import NotFound
from ecotone.web.console.rendering import control_of, render, session_of
from ecotone.web.control.answering import Answering, Logged
from ecotone.web.control.chats import answering
from ecotone.web.control.control import Control

_LIST_MAX = 60
_SHOWN_MAX = 40
_SHOWN_CHARS_MAX = 50_000
_PERIODS = ((1, "Last 24 hours"), (7, "Last seven days"))
_WORDLESS = "The model ended its answer without a word."
_SUGGESTIONS = (
    "Explain in three sentences what an ecotone is.",
    "Write a Python function that checks an IBAN.",
    "What should I ask before I send customer data to a model?",
)


class Spoke(msgspec.Struct, frozen=True):
    """A rule that spoke, with its reason where the rule still stands."""

    rule: str
    effect: str
    because: str | None
    fault: str | None = None


class PlaceSaid(msgspec.Struct, frozen=True):
    """What the rules said of one place; `answered`: it is the one that answered."""

    endpoint: str
    allowed: bool
    answered: bool
    spoken: tuple[Spoke, ...]


class Decided(msgspec.Struct, frozen=True):
    """A decision as the page tells it. `replaced` are counts by kind, before sending and in the reply."""

    data_class: str | None
    kinds: tuple[str, ...]
    uninspected: tuple[str, ...]
    scores: tuple[tuple[str, float], ...]
    places: tuple[PlaceSaid, ...]
    replaced: tuple[tuple[str, int], ...]
    reply_kinds: tuple[str, ...]
    reply_spoken: tuple[Spoke, ...]

    @property
    def spoken(self) -> tuple[Spoke, ...]:
        """Every rule once."""
        found = {one.rule: one for place in self.places for one in place.spoken}
        return (*found.values(), *(one for one in self.reply_spoken if one.rule not in found))


class Tried(msgspec.Struct, frozen=True):
    """How many places were asked besides the one that answered, and the vendors that may be among them."""

    others: int
    vendors: tuple[str, ...]


class Shown(msgspec.Struct, frozen=True):
    """A message as the page tells it. `place` counts from 1 among `beside`, the messages that stand in its place;
    `withheld`: the question was sent nowhere."""

    message: ChatMessage
    html: Markup
    place: int
    beside: tuple[str, ...]
    facts: TurnFacts | None
    provider: str | None
    decided: Decided | None
    tried: Tried | None
    withheld: bool

    @property
    def before(self) -> str | None:
        return self.beside[self.place - 2] if self.place > 1 else None

    @property
    def after(self) -> str | None:
        return self.beside[self.place] if self.place < len(self.beside) else None


async def new_chat(request: Request) -> Response:
    """The page before there is a chat. `?q=` puts something into the field, `?model=` chooses whom to ask."""
    return await _page(request, None)


async def one_chat(request: Request) -> Response:
    """One chat."""
    return await _page(request, await _chat(request))


async def conversation(request: Request) -> Response:
    """The part of the page that has what was said; with `?all=yes` also what a long chat's page leaves out."""
    chat = await _chat(request)
    talk = await _talk(request, chat, everything="all" in request.query_params)
    return render(request, "chat_conversation.html", chat=chat, **talk)


async def message(request: Request) -> Response:
    """One answer, once it has ended."""
    chat = await _chat(request)
    found = chat.message(request.path_params["message"])
    logged = await _at_work(request).logged((found,))
    (shown,) = await asyncio.to_thread(_shown, control_of(request), chat, (found,), logged)
    return render(request, "chat_message.html", chat=chat, one=shown)


async def chat_list(request: Request) -> Response:
    """The list of chats, also as a search finds them. `?at=` is the one that is open."""
    return render(request, "chat_list.html", **await _listed(request, request.query_params.get("at")))


async def _chat(request: Request) -> Chat:
    name, wanted = session_of(request).name, request.path_params["chat"]
    return await _at_work(request).do(lambda chats: chats.get(wanted, name))


def _at_work(request: Request) -> Answering:
    return answering(control_of(request))


async def _page(request: Request, chat: Chat | None) -> Response:
    control = control_of(request)
    in_force = _at_work(request).in_force  # before what is told of it: what changes in between is then told anew
    found = await asyncio.to_thread(choices, control.runtime.gateway.directory)
    policy = control.runtime.gateway.snapshot.ruling.policy
    query = request.query_params
    return render(
        request,
        "chat.html",
        chat=chat,
        choices=found,
        chosen=_chosen(found, (chat.model if chat is not None else None) or query.get("model")),
        destination=partial(destination, by_rules=bool(policy.rules)),
        in_force=in_force,
        data_class=None if chat is None else chat.data_class,
        classes=policy.classes.names,
        floor=policy.classes.name(policy.caller_floor("console")),
        has_rules=bool(policy.rules),
        unread=_unread(policy),
        question="" if chat is not None else query.get("q", ""),
        suggestions=_SUGGESTIONS,
        attached_max=ATTACHED_MAX,
        attached_bytes_max=ALL_BYTES_MAX,
        open_ended=bool(control.runtime.gateway.directory.open_ended),
        **({"left": ()} if chat is None else await _talk(request, chat)),
        **await _listed(request, None if chat is None else chat.id),
    )


def _unread(policy: Policy) -> str | None:
    """Why nothing is looked for in what is asked; None where something is."""
    if not policy.rules:
        return "No rules: nothing is looked for in what you write, and its class decides nothing."
    if not policy.needs_detectors and not policy.needs_guard:
        return "No rule asks what is in a question, so nothing is looked for in it."
    return None


def _chosen(found: Sequence[Choice], wanted: str | None) -> str | None:
    """Whom to ask if nobody else is chosen: whom the chat asked last, also a vendor's model that is not listed."""
    names = [one.name for one in found]
    if wanted is not None and (wanted in names or "/" in wanted):
        return wanted
    return DEFAULT_ROUTE if DEFAULT_ROUTE in names else next(iter(names), None)


def destination(choice: Choice, *, by_rules: bool = False) -> str:
    """Where the words would go, in a sentence. `by_rules`: there are rules, which may prefer and deny places."""
    away = list(dict.fromkeys(place.title for place in choice.places if place.hosting == "vendor"))
    own = [place for place in choice.places if place.hosting != "vendor"]
    if not away:
        if all(place.hosting == "embedded" for place in own):
            return "Answered inside this gateway. Nothing leaves the house."
        return "Answered on your own machines. Nothing leaves the house."
    vendors = " or ".join(away)
    if not own:
        return f"Leaves the house: goes to {vendors}."
    if by_rules:
        return f"May leave the house, to {vendors}: the rules decide."
    if choice.places[0].hosting == "vendor":
        stays = f"stays with {own[0].model} where nobody else answers"
        return f"Leaves the house: goes to {vendors}; {stays}."
    return f"Stays with {own[0].model} where that answers; else it leaves the house, to {vendors}."


def _left(chat: Chat, logged: Mapping[str, Logged]) -> tuple[str, ...]:
    """The vendors that words of this chat have gone to, or may have."""
    gone = [
        one.facts
        for one in chat.messages
        if one.facts is not None and not _withheld(one, logged.get(one.request_id or ""))
    ]
    return tuple(dict.fromkeys(vendor_title(one["provider"]) for one in gone if one.get("hosting") == "vendor"))


def _withheld(one: ChatMessage, log: Logged | None) -> bool:
    """Nothing was sent: the rules refused the question, or no model here could be told it. A model whose answer the
    rules refused has been asked."""
    return not one.said and log is not None and log.attempts == 0


# --- the list


async def _listed(request: Request, at: str | None) -> dict[str, Any]:
    search = request.query_params.get("search", "")[:200]
    before = _moment(request.query_params.get("before"))
    name = session_of(request).name
    rows = await _at_work(request).do(lambda chats: chats.list(name, search=search, limit=_LIST_MAX + 1, before=before))
    more = rows[_LIST_MAX - 1].changed_at.isoformat() if len(rows) > _LIST_MAX else None
    return {
        "groups": _by_age(rows[:_LIST_MAX], control_of(request).now()),
        "search": search,
        "at": at,
        "more": more,
        "first": before is None,
    }


def _moment(text: str | None) -> datetime | None:
    try:
        return None if not text else datetime.fromisoformat(text)
    except ValueError:
        return None


def _by_age(rows: Iterable[ChatRow], now: datetime) -> dict[str, list[ChatRow]]:
    groups: dict[str, list[ChatRow]] = {}
    for row in rows:
        groups.setdefault(_age(row.changed_at, now), []).append(row)
    return groups


def _age(changed_at: datetime, now: datetime) -> str:
    """In words that hold whatever clock the reader lives by."""
    for days, words in _PERIODS:
        if changed_at > now - timedelta(days=days):
            return words
    return f"{changed_at:%B %Y}"


# --- messages


async def _talk(request: Request, chat: Chat, everything: bool = False) -> dict[str, Any]:
    """What of a chat is shown: its branch, or the end of a long one, `earlier` messages left out; the class that it has
    `reached`, and the vendors that words of it have gone to."""
    control, path = control_of(request), chat.path()
    logged = await _at_work(request).logged(chat.messages)
    shown = path if everything else _end_of(path)
    return {
        "shown": await asyncio.to_thread(_shown, control, chat, shown, logged),
        "earlier": len(path) - len(shown),
        "reached": _reached(control, logged.values()),
        "left": _left(chat, logged),
    }


def _end_of(path: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
    """As many of the last questions with their answers as make a page that is there at once."""
    start, chars = len(path), 0
    while start > 0 and (len(path) - start < 2 or (len(path) - start < _SHOWN_MAX and chars < _SHOWN_CHARS_MAX)):
        start -= 2 if start > 1 else 1
        chars += sum(len(one.text) + len(one.reasoning) for one in path[start : start + 2])
    return path[start:]


def _reached(control: Control, logged: Iterable[Logged]) -> str | None:
    """The highest class that a request of the chat had, below which the gateway takes none that follows."""
    classes = control.runtime.gateway.snapshot.ruling.policy.classes
    had = [one.decision.get("class", "") for one in logged if one.decision is not None]
    return max((name for name in had if name in classes), key=classes.rank, default=None)


def _shown(
    control: Control, chat: Chat, messages: Sequence[ChatMessage], logged: Mapping[str, Logged]
) -> tuple[Shown, ...]:
    at_work, policy = answering(control), control.runtime.gateway.snapshot.ruling.policy
    found = []
    for one in messages:
        beside = tuple(other.id for other in chat.beside(one))
        facts = None if one.facts is None else msgspec.convert(one.facts, TurnFacts, strict=False)
        log = logged.get(one.request_id or "")
        found.append(
            Shown(
                message=one,
                html=_html(at_work, one),
                place=beside.index(one.id) + 1,
                beside=beside,
                facts=facts,
                provider=None if facts is None or facts.provider is None else vendor_title(facts.provider),
                decided=None if log is None else _decided(log.decision, policy, facts),
                tried=None if log is None else _tried(control, one, log.attempts, facts),
                withheld=_withheld(one, log),
            )
        )
    return tuple(found)


def _html(at_work: Answering, one: ChatMessage) -> Markup:
    """What markdown.py makes of an answer is the only HTML here that is not the templates' own."""
    if one.role == "user":
        return Markup()
    live = at_work.live(one.id)
    if live is not None:
        return Markup("".join(live.markdown.blocks))  # noqa: S704 - made by markdown.py
    if one.state == "done" and not one.said:
        return Markup("<p class='muted'>{}</p>").format(_WORDLESS)
    return Markup(at_work.rendered(one))  # noqa: S704 - made by markdown.py


def _tried(control: Control, one: ChatMessage, attempts: int, facts: TurnFacts | None) -> Tried | None:
    """The log counts attempts and names the last: where the others were, the places behind the name may tell."""
    answered = None if facts is None else facts.endpoint
    refused = one.error_code == "policy_refused" and facts is not None and facts.hosting is not None
    others = attempts - (answered is not None or refused)
    if others < 1 or one.asked is None:
        return None
    try:
        places = choice(control.runtime.gateway.directory, one.asked).places
    except NotFound:
        return Tried(others, ())
    vendors = (place.title for place in places if place.hosting == "vendor" and place.endpoint != answered)
    return Tried(others, tuple(dict.fromkeys(vendors)))


def _decided(decision: Json | None, policy: Policy, facts: TurnFacts | None) -> Decided | None:
    if decision is None:
        return None
    reasons = {rule.name: rule.because for rule in policy.rules}

    def spoken(said: Iterable[Json]) -> tuple[Spoke, ...]:
        return tuple(Spoke(one["rule"], one["effect"], reasons.get(one["rule"]), one.get("fault")) for one in said)

    answered = None if facts is None else facts.endpoint
    reply = decision.get("reply") or {}
    replaced = {**decision.get("redacted", {})}
    for kind, count in reply.get("redacted", {}).items():
        replaced[kind] = replaced.get(kind, 0) + count
    return Decided(
        data_class=decision.get("class"),
        kinds=tuple(decision.get("kinds", ())),
        uninspected=tuple(decision.get("uninspected", ())),
        scores=tuple((decision.get("scores") or {}).items()),
        places=tuple(
            PlaceSaid(endpoint, said["allowed"], endpoint == answered, spoken(said["spoken"]))
            for endpoint, said in decision.get("places", {}).items()
        ),
        replaced=tuple(sorted(replaced.items())),
        reply_kinds=tuple(reply.get("kinds", ())),
        reply_spoken=spoken(reply.get("spoken", ())),
    )


ROUTES = (
    Route("/chat", new_chat),
    Route("/chat/list", chat_list),
    Route("/chat/{chat}", one_chat),
    Route("/chat/{chat}/conversation", conversation),
    Route("/chat/{chat}/messages/{message}", message),
)
