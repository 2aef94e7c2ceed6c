"""What conditions may read: every variable, its kind, the words it can be, and when it is unknown."""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

import msgspec

from ecotone.catalog.openness import Word
from ecotone.catalog.provider import Hosting
from ecotone.catalog.terms import HumanReview, Offer, Training, ZeroRetention
from ecotone.policy.cel_syntax import RESERVED
from ecotone.policy.guard.categories import CATEGORIES, MEANINGS

Sort = Literal["bool", "int", "double", "string", "timestamp", "duration", "list", "rank"]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
UNINSPECTED = ("image", "audio", "video", "document", "file", "tokens")
LICENCE_VERDICTS = ("allowed", "allowed with duties", "not allowed")
OPERATIONS = (
    "chat",
    "completions",
    "embeddings",
    "rerank",
    "images.generations",
    "images.edits",
    "images.variations",
    "audio.transcriptions",
    "audio.translations",
    "audio.speech",
    "count_tokens",
    "responses.input_tokens",
    "responses.compact",
)


class Kind(msgspec.Struct, frozen=True):
    """The kind of a value. A `rank` is the int of a data class. `element` is that of a list's elements. `words` are
    all that a string can be; None: anything."""

    sort: Sort
    element: "Kind | None" = None
    words: tuple[str, ...] | None = None

    def __str__(self) -> str:
        """With its article: `an int`, `a list of strings`."""
        if self.sort == "list":
            return "a list" if self.element is None else f"a list of {self.element.sort}s"
        name = "data class" if self.sort == "rank" else self.sort
        return f"an {name}" if name == "int" else f"a {name}"

    @property
    def number(self) -> bool:
        return self.sort in ("int", "double", "rank")


class Variable(msgspec.Struct, frozen=True):
    """A field that conditions may read. `about` says what it is, `unknown` when it is absent; None: it never is."""

    kind: Kind
    about: str
    unknown: str | None = None


BOOL, INT, DOUBLE, STRING = Kind("bool"), Kind("int"), Kind("double"), Kind("string")
TIMESTAMP, DURATION, RANK = Kind("timestamp"), Kind("duration"), Kind("rank")

_NO_FACTS = "the model is not in the catalog, or nobody says"
_NO_TERMS = (
    "nobody has read the terms of whoever serves it, or they do not say; always so where `hosting` is not `vendor`"
)


def _words(of: object) -> Kind:
    return Kind("string", words=get_args(of))


_MODEL: Mapping[str, Variable] = {
    "name": Variable(STRING, "its name in the config"),
    "maker": Variable(STRING, "who made it, as the catalog's ids begin: `meta`, `openai`", _NO_FACTS),
    "weights": Variable(Kind("string", words=("open", "closed")), "whether its weights can be had", _NO_FACTS),
    "openness": Variable(_words(Word), "the plain word for how open it is", _NO_FACTS),
    "openness_class": Variable(
        INT, "its class in the Model Openness Framework: 1 asks for most, 3 for least, 0 is none", _NO_FACTS
    ),
    "licence": Variable(STRING, "the SPDX identifier or LicenseRef of its weights' licence", _NO_FACTS),
    "licence_verdict": Variable(
        Kind("string", words=LICENCE_VERDICTS),
        "what that licence comes to for the organisation in `[organisation]`",
        "the licence is unknown or unread, the weights are closed, or it turns on what `[organisation]` leaves out",
    ),
    "context_tokens": Variable(INT, "how many tokens its context holds, by the catalog", _NO_FACTS),
    "tools": Variable(BOOL, "whether it can call tools", _NO_FACTS),
    "reasoning": Variable(BOOL, "whether it reasons before it answers", _NO_FACTS),
}
_ENDPOINT: Mapping[str, Variable] = {
    "id": Variable(STRING, "the endpoint's name, as the log has it"),
    "provider": Variable(STRING, "the name from the provider table"),
    "hosting": Variable(_words(Hosting), "who runs it; `vendor` unless the owner declares otherwise"),
    "name": Variable(STRING, "what the provider calls the model", "the model runs in the embedded engine"),
    "region": Variable(
        STRING, "the cloud's region or location, as the config or the environment names it", "none is named"
    ),
    "retention_days": Variable(INT, "for how many days a plain request may be kept by default", _NO_TERMS),
    "trains_on_inputs": Variable(_words(Training), "whether it trains on what it is sent", _NO_TERMS),
    "zero_retention": Variable(_words(ZeroRetention), "whether it can be made to keep nothing", _NO_TERMS),
    "human_review": Variable(_words(HumanReview), "whether people there may read requests", _NO_TERMS),
    "residency": Variable(
        Kind("list", STRING),
        "regions in which content can be made to stay: country codes or `eu`, in lower case, or `chosen`",
        _NO_TERMS,
    ),
    "hipaa_baa": Variable(_words(Offer), "whether a business associate agreement can be had", _NO_TERMS),
    "dpa": Variable(_words(Offer), "whether a data processing agreement can be had", _NO_TERMS),
    "terms_verdict": Variable(
        Kind("string", words=LICENCE_VERDICTS),
        "what the vendor's terms come to for the organisation, nothing being trained on its inputs",
        _NO_TERMS,
    ),
}
_PRINCIPAL: Mapping[str, Variable] = {
    "name": Variable(STRING, "the key's name; `local` for a caller on this machine without one"),
    "purpose": Variable(STRING, "what `[principals.NAME]` says that it uses models for", "it says nothing"),
}
_ROUTE: Mapping[str, Variable] = {"name": Variable(STRING, "the route or model that was asked for")}
_REQUEST: Mapping[str, Variable] = {
    "operation": Variable(Kind("string", words=OPERATIONS), "what is wanted"),
    "stream": Variable(BOOL, "whether the reply is wanted as a stream"),
    "tools": Variable(BOOL, "whether it offers tools to the model"),
    "bytes": Variable(INT, "how long it is, in bytes"),
}
_TIME: Mapping[str, Variable] = {
    "now": Variable(TIMESTAMP, "the moment"),
    "hour": Variable(INT, "0 to 23"),
    "weekday": Variable(Kind("string", words=WEEKDAYS), "the day of the week"),
    "date": Variable(STRING, "the day, as in `2026-11-30`"),
}


class Names(msgspec.Struct, frozen=True):
    """All names that there are under a config: comparing with another one is a slip. `asked` are those that callers ask
    for, routes and models; `endpoints` are ids."""

    asked: tuple[str, ...]
    models: tuple[str, ...]
    endpoints: tuple[str, ...]
    providers: tuple[str, ...]


ROOTS = ("data", "content", "model", "endpoint", "principal", "route", "request", "time")


class Schema:
    """What the conditions of one config may read. `variables` are its paths, as in `data.class`."""

    def __init__(
        self,
        classes: Iterable[str],
        *,
        kinds: Iterable[str] | None = None,
        names: Names | None = None,
    ) -> None:
        """`kinds` are those that detectors can find; None: names of kinds are not checked. Nor are others without
        `names`."""
        self.classes = {name: rank for rank, name in enumerate(classes)}
        kind = Kind("string", words=None if kinds is None else tuple(kinds))
        uninspected = Kind("string", words=UNINSPECTED)
        data = {
            "class": Variable(RANK, "the data class, to compare with a class's name: `data.class >= restricted`"),
            "kinds": Variable(Kind("list", kind), "the kinds of sensitive data found, sorted"),
            "uninspected": Variable(Kind("list", uninspected), "kinds of content that no detector can read, sorted"),
        }
        not_asked = "the content guard was not asked, or failed"
        content = {
            "inspected": Variable(BOOL, "whether the content guard has read it"),
            "flagged": Variable(
                Kind("list", Kind("string", words=CATEGORIES)),
                "the categories whose score reaches the `threshold` of `[guard]`, sorted",
                not_asked,
            ),
        }
        for category in CATEGORIES:
            content[category] = Variable(DOUBLE, f"0 to 1: {MEANINGS[category]}", not_asked)
        records = (data, content, _MODEL, _ENDPOINT, _PRINCIPAL, _ROUTE, _REQUEST, _TIME)
        self.records: Mapping[str, Mapping[str, Variable]] = dict(zip(ROOTS, records, strict=True))
        if names is not None:
            named = {"route": {"name": names.asked}, "model": {"name": names.models}}
            named["endpoint"] = {"id": names.endpoints, "provider": names.providers}
            self.records = {root: _named(record, named.get(root, {})) for root, record in self.records.items()}
        self.variables = {
            f"{root}.{name}": variable for root, record in self.records.items() for name, variable in record.items()
        }


def _named(record: Mapping[str, Variable], named: Mapping[str, tuple[str, ...]]) -> Mapping[str, Variable]:
    words = {name: msgspec.structs.replace(record[name], kind=Kind("string", words=of)) for name, of in named.items()}
    return {**record, **words}


def class_name_problem(name: str) -> str | None:
    """Why a data class cannot be called so: conditions write its name as it is."""
    if not name.isascii() or not name.isidentifier():
        return f"{name!r} cannot be written in a condition: use letters, digits and _, a letter first"
    if name in ROOTS or name in _FUNCTIONS:
        return f"{name!r} means something else in conditions; give the class another name"
    if name in RESERVED:
        return f"{name!r} is a word of CEL, in which conditions are written; give the class another name"
    return None


# Functions and types of CEL that a name would hide.
_FUNCTIONS = frozenset(
    {"bool", "bytes", "double", "duration", "dyn", "has", "int", "list", "map", "null_type", "size", "string"}
    | {"timestamp", "type", "uint", "matches", "and", "or", "not", "cel", "max", "min", "optional"}
)
