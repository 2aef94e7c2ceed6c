"""One model, many names: the reviewed table that joins every source's names to the catalog's ids.

`data/names.toml` holds the table, read line by line by a person. What differs only in its spelling (`Llama-3.3-70B`,
`llama-3-3-70b`, `llama-v3p3-70b`) is joined by rule; everything else needs a line. A wrong join is worse than none.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import msgspec

_ORGANISATIONS = {
    "alibaba-cloud": "alibaba",
    "claude": "anthropic",
    "coherelabs": "cohere",
    "deepseek-ai": "deepseek",
    "huggingfacetb": "huggingface",
    "ibm-granite": "ibm",
    "lgai-exaone": "lgai",
    "meta-llama": "meta",
    "minimaxai": "minimax",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "qwen": "alibaba",
    "stepfun-ai": "stepfun",
    "x-ai": "xai",
    "xiaomimimo": "xiaomi",
    "z-ai": "zhipuai",
    "zai": "zhipuai",
    "zai-org": "zhipuai",
}
"""What hosts call a maker, where that is not the catalog's word."""


class Name(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the table says of one model.

    `same`: ids of models.dev that mean this model too. `aliases`: further names, without a maker. `hosts`:
    `provider:name there`. `arena`: the leaderboard's names, each with the setting it was run in ("" for none).
    `openness`: its name in the openness table. `page`: where a row made by hand has its facts from.
    """

    name: str | None = None
    same: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    arena: dict[str, str] = {}
    openness: str | None = None
    weights: Literal["open", "closed"] | None = None
    licence: str | None = None
    licence_source: str | None = None
    released: str | None = None
    context: int | None = None
    page: str | None = None
    note: str | None = None


class NameTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sources`: what the words in `licence_source` stand for. `unjoined`: the leaderboard's names that are not
    joined, with the reason. `apart`: `provider:name there` that looks like a model of the catalog and is another.
    `prices`: the source that is right about `provider:name there` where the other one is not."""

    sources: dict[str, str]
    models: dict[str, Name]
    unjoined: dict[str, str]
    apart: dict[str, str]
    prices: dict[str, str] = {}


@cache
def name_table() -> NameTable:
    text = files("ecotone.catalog").joinpath("data/names.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), NameTable)


@cache
def arena_models() -> Mapping[str, tuple[str, str]]:
    """The leaderboard's names that are joined: catalog id and setting ("" for none)."""
    return MappingProxyType(
        {
            arena: (model_id, setting)
            for model_id, row in name_table().models.items()
            for arena, setting in row.arena.items()
        }
    )


def folded(name: str) -> str:
    """A name without the differences of spelling that mean nothing: case, and dots, colons and the like for hyphens."""
    return re.sub(r"[\s._:@/]+", "-", name.strip().lower()).strip("-")


def _without_file_marks(name: str) -> str:
    """`Model-Q4_K_M.gguf` and `Model.Q4_1.gguf` name the same model as `Model`."""
    name = re.sub(r"\.gguf$", "", name, flags=re.IGNORECASE)
    return re.sub(r"[-.](?:i?q\d\w*|bf16|f16|f32|mxfp4)$", "", name, flags=re.IGNORECASE)


class NameIndex:
    """All names of all models in the catalog, to look one up. Made once; `extended` makes another."""

    def __init__(self, ids: Iterable[str], table: NameTable) -> None:
        self._table = table
        self._ids = frozenset(ids) | frozenset(table.models)
        self._apart = frozenset(name.lower() for name in table.apart)
        self._hosts = {host.lower(): model for model, row in table.models.items() for host in row.hosts}
        self._canonical = {other: model for model, row in table.models.items() for other in (*row.same, model)}
        self._by_name: dict[str, set[str]] = {}
        for model in self._ids:
            self._add(model.partition("/")[2], model)
        for model, row in table.models.items():
            for alias in (*row.aliases, *(other.partition("/")[2] for other in row.same)):
                self._add(alias, model)

    def _add(self, name: str, model: str) -> None:
        self._by_name.setdefault(folded(name), set()).add(self.canonical(model))

    def extended(self, ids: Iterable[str]) -> "NameIndex":
        return NameIndex((*self._ids, *ids), self._table)

    def canonical(self, model_id: str) -> str:
        """The id under which the catalog has what models.dev calls `model_id`."""
        model_id = model_id.lower()
        return self._canonical.get(model_id, model_id)

    def find(self, provider: str, name_there: str) -> str | None:
        """The model that `provider` serves as `name_there`; None where that is not certain."""
        key = f"{provider}:{name_there}".lower()
        if key in self._apart:
            return None
        if key in self._hosts:
            return self._hosts[key]
        maker, name = _parts(provider, name_there.lower())
        return None if name is None else self._only(name, maker)

    def is_apart(self, provider: str, name_there: str) -> bool:
        """Does the table say that this is none of the catalog's models, whatever it looks like?"""
        return f"{provider}:{name_there}".lower() in self._apart

    def named(self, text: str) -> str | None:
        """The model that a person means: by id, by maker and name, by name, or by the name of its GGUF file."""
        text = text.strip().lower()
        if self.canonical(text) in self._ids:
            return self.canonical(text)
        first, slash, rest = text.partition("/")
        for name in dict.fromkeys((text, _without_file_marks(text))):
            found = self._only(name, None)
            if found is not None:
                return found
        return self._only(_without_file_marks(rest), _ORGANISATIONS.get(first, first)) if slash else None

    def _only(self, name: str, maker: str | None) -> str | None:
        found = self._by_name.get(folded(name), set())
        fitting = [model for model in found if maker is None or model.startswith(f"{maker}/")]
        return fitting[0] if len(fitting) == 1 else None

    @property
    def names(self) -> Iterable[str]:
        """Every name that can be asked for, folded, and every id."""
        return (*self._by_name, *self._ids)


def _parts(provider: str, name: str) -> tuple[str | None, str | None]:
    """Maker (None where the name does not tell) and bare name in what a host calls a model; no name where it is not a
    model's."""
    if provider == "bedrock":
        name = re.sub(r"^(?:us|eu|au|jp|apac|global|regional)\.", "", name)
        maker, _, bare = name.partition(".")
        return _ORGANISATIONS.get(maker, maker), re.sub(r"(?:-v\d+)?(?::\d+)?$", "", bare)
    if provider == "fireworks":
        if "/routers/" in name:
            return None, None
        return None, re.sub(r"(?<=\d)p(?=\d)", ".", name.rpartition("/")[2])
    if provider == "vertex":
        name = name.removesuffix("@default").removesuffix("-maas")
    organisation, slash, bare = name.rpartition("/")
    if not slash:
        return None, name
    if ":" in bare or organisation.startswith("~"):
        return None, None
    organisation = organisation.rpartition("/")[2]
    return _ORGANISATIONS.get(organisation, organisation), bare
