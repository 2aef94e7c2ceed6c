"""Answers that models gave, kept by content: the same question to the same weights is asked once."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from ecotone.catalog.models import find_model
from ecotone.catalog.provider import Weights
from ecotone.gateway.client import GatewayClient, ListedModel
from ecotone.storage.database import Database, Migration
from ecotone.upstream.endpoints import EndpointFacts
from ecotone.values.chat import ChatRequest
from ecotone.values.reply import FinishReason, Usage
from ecotone.wire.json_body import encode_json_object
from ecotone.wire.openai_chat import encode_request

_MIGRATIONS = (
    Migration(
        "answers",
        1,
        """
        create table answers (
            key text primary key,     -- SHA-256 over the model's identity and the request
            run text not null,        -- the run that asked
            answer text not null      -- Answered, as JSON
        ) strict, without rowid;
        """,
    ),
)


# What comes within so short a time came at once: its length says nothing of the model's speed.
_AT_ONCE_S = 0.01


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is asked: the name, and every place that may answer to it, the preferred first.

    For a route `models` are those behind it.
    """

    name: str
    endpoints: tuple[EndpointFacts, ...]
    models: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The same for the same weights, whatever they are called here: SHA-256 over what the places answer with."""
        return _sha256([_weights_at(place) for place in self.endpoints])

    @property
    def certain(self) -> bool:
        """Is it known which weights answer, as far as that can be known from outside?"""
        return all(map(_certain, self.endpoints))

    @property
    def embedded(self) -> bool:
        """Does it, or may it, run inside Ecotone?"""
        return any(place.hosting == "embedded" for place in self.endpoints)

    @property
    def own(self) -> bool:
        """Does it run on the team's own machines alone, so that a token has no price of its own?"""
        return all(place.hosting != "vendor" for place in self.endpoints)

    def place(self, endpoint: str | None) -> EndpointFacts | None:
        """The place with this id; the only one, if there is one alone; None if it cannot be told."""
        if len(self.endpoints) == 1:
            return self.endpoints[0]
        return next((place for place in self.endpoints if place.id == endpoint), None)


def weights_digest(place: EndpointFacts) -> str | None:
    """The same for the same weights at the same server, whatever they are called here; None where that is not known of
    an embedded model's file."""
    return _sha256(_weights_at(place)) if _certain(place) else None


def _certain(place: EndpointFacts) -> bool:
    return place.sha256 is not None or place.hosting != "embedded"


def _weights_at(place: EndpointFacts) -> tuple[str | None, ...]:
    return place.provider, place.name, place.address, place.sha256, place.engine


def _sha256(told: object) -> str:
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


def known_weights(model: Identity) -> Weights | None:
    """Open or closed: as the place says, else as the catalog has it; None where nobody says."""
    for place in model.endpoints:
        if place.weights is not None:
            return place.weights
        for name in filter(None, (place.catalog, place.name, model.name)):
            facts = find_model(name)
            if facts is not None and facts.weights is not None:
                return facts.weights
    return None


async def identify(gateway: GatewayClient, name: str) -> Identity:
    """Who answers to `name` at this gateway. Raises UpstreamRejected for a name that it does not have."""
    listed = await gateway.model(name)
    if listed.about is None or listed.about.kind == "model":
        return Identity(name, _places(gateway, listed))
    behind = [await gateway.model(model) for model in listed.about.models]
    places = [place for model in behind for place in _places(gateway, model)]
    return Identity(name, tuple(places), listed.about.models)


def _places(gateway: GatewayClient, listed: ListedModel) -> tuple[EndpointFacts, ...]:
    """What the gateway tells; of a server that is not Ecotone, what can be seen from here."""
    if listed.about is not None:
        return listed.about.endpoints
    address = hashlib.sha256(gateway.url.encode()).hexdigest()[:16]
    return (
        EndpointFacts(id=listed.id, provider="openai-compatible", hosting="vendor", name=listed.id, address=address),
    )


class Answered(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer. `model` and `endpoint` gave it; `upstream_model` and `fingerprint` are what the upstream says of
    itself. Times are seconds from the request. `asked_at` is UTC."""

    reply: str
    finish: FinishReason | None
    model: str
    asked_at: datetime
    total_s: float
    first_token_s: float | None = None
    usage: Usage | None = None
    reasoning: str | None = None
    endpoint: str | None = None
    upstream_model: str | None = None
    fingerprint: str | None = None
    request_id: str | None = None

    @property
    def tokens_per_s(self) -> float | None:
        """Output tokens after the first, over the time after the first; None where that cannot be told."""
        tokens = None if self.usage is None else self.usage.output_tokens
        if tokens is None or tokens < 2 or self.first_token_s is None:
            return None
        rest_s = self.total_s - self.first_token_s
        return (tokens - 1) / rest_s if rest_s > _AT_ONCE_S else None


class Kept(msgspec.Struct, frozen=True):
    """An answer from the cache, and the run that asked for it."""

    run: str
    answer: Answered


class AnswerCache:
    """One SQLite file. Not for two threads at once; several processes may use it."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _MIGRATIONS)

    def get(self, key: str) -> Kept | None:
        rows = self._database.execute("select run, answer from answers where key = ?", (key,))
        return Kept(rows[0][0], msgspec.json.decode(rows[0][1], type=Answered)) if rows else None

    def known(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that have an answer."""
        return {key for key in keys if self._database.execute("select 1 from answers where key = ?", (key,))}

    def put(self, key: str, run: str, answer: Answered) -> None:
        """Keep an answer, durably, in place of one that is there."""
        text = msgspec.json.encode(answer).decode()
        self._database.execute("insert or replace into answers values (?, ?, ?)", (key, run, text))

    def forget(self, run: str) -> None:
        """Delete the answers that this run asked for: from the file, not only from its index."""
        self._database.execute("pragma secure_delete = on")
        self._database.execute("delete from answers where run = ?", (run,))
        self._database.execute("pragma wal_checkpoint(truncate)")

    def close(self) -> None:
        self._database.close()


def answer_key(identity: Identity, request: ChatRequest) -> str | None:
    """SHA-256 over the identity and the request as it is sent, whatever the model's name in it.

    None where it is not known which weights answer.
    """
    if not identity.certain:
        return None
    body = encode_json_object({"model": "model", **encode_request(request).body})
    return hashlib.sha256(identity.digest.encode() + b"\n" + body).hexdigest()
