"""What is known of a provider: who serves models, where its APIs lie, and how each wants to be greeted.

A provider that speaks a known wire is a row of data. Whether a request may go there is not said here: where a model
runs (`hosting`) is for the owner to declare.
"""

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

import msgspec

Hosting = Literal["embedded", "self-hosted", "vendor"]
Weights = Literal["open", "closed"]
Auth = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "google", "aws"]
"""How a key is shown. `bearer` (RFC 6750) and the three headers carry it as it is; `google` is an OAuth token from
Application Default Credentials, `aws` a signature (SigV4). A key given for one of the last two goes as `bearer`."""
Framing = Literal["sse", "aws-event-stream"]


class Speaks(msgspec.Struct, frozen=True):
    """One wire that a provider speaks, and how.

    `path` leads from the service's root to the folder from which the wire counts its paths; `{project}` and the like
    stand for the provider's settings. `source` is the page that this rests on, None for the provider's own.
    `headers` are sent along unless the client sent its own of that name. `header_fields` names headers of clients that
    become a field of the body, a list, and which (empty: that are dropped). `quirks` are the small ways in which
    requests differ (what a name does is in `ecotone.wire.quirks`). `lacks` are fields of the wire that the server
    refuses; a translated request goes without them, and says so. `partial`: what the server knows of this wire is so
    little that its clients are better served in translation; it is asked in it only where the owner names it.

    Where one provider serves models of several families, `models` is the pattern (of the whole name, in lower case) of
    those that are asked in this wire; None is all. `whole_path` and `stream_path` replace the wire's own paths; they
    name the model as `{model}`, and the body then does not. `framing` is what a stream comes in.
    """

    wire: str
    path: str = ""
    source: str | None = None
    auth: Auth = "bearer"
    headers: tuple[tuple[str, str], ...] = ()
    header_fields: tuple[tuple[str, str], ...] = ()
    quirks: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    partial: bool = False
    models: str | None = None
    whole_path: str | None = None
    stream_path: str | None = None
    framing: Framing = "sse"


class Setting(msgspec.Struct, frozen=True):
    """Something beside the key that addresses are made of: its key in the config and the environment variables that the
    provider's SDK reads for it, the first that is set."""

    key: Literal["project", "location", "region"]
    variables: tuple[str, ...]


class Provider(msgspec.Struct, frozen=True):
    """`wires` are those it speaks, the preferred first: clients of a wire that it does not speak are translated into
    the first. `source` is the page that the row rests on.

    `base_url` is what the provider's own SDK takes, None if only the owner knows it; `{region}` and the like stand for
    `settings`, and `special_addresses` are the base URLs at settings that follow no rule; `base_url_like` is one to
    show to an owner who has to give it. `key_env` is the variable that the provider's SDK reads, `also_key_envs` are
    others that it reads, and `bearer_env` holds a token that is sent as bearer whatever the wire's `auth`; a key counts
    before a token. `usual_port` is where the server listens if
    nobody said otherwise. `weights` tells whether the models served are open-weight or closed, None where the provider
    serves both. `any_wire`: the owner may name any wire, as only the owner knows what the server speaks.
    """

    name: str
    title: str
    source: str
    wires: tuple[Speaks, ...]
    base_url: str | None = None
    key_env: str | None = None
    also_key_envs: tuple[str, ...] = ()
    bearer_env: str | None = None
    usual_port: int | None = None
    weights: Weights | None = None
    base_url_like: str = "http://gpu1:8000/v1"
    settings: tuple[Setting, ...] = ()
    special_addresses: tuple[tuple[str, str], ...] = ()
    any_wire: bool = False

    def way(self, wire: str | None = None) -> Speaks:
        """How `wire` is spoken, None standing for the preferred one. Raises KeyError if it is not."""
        if wire is None:
            return self.wires[0]
        for way in self.wires:
            if way.wire == wire:
                return way
        if self.any_wire:
            return Speaks(wire, auth=_USUAL_AUTH.get(wire, "bearer"), headers=USUAL_HEADERS.get(wire, ()))
        raise KeyError(wire)

    def ways_for(self, model: str) -> tuple[Speaks, ...]:
        """How the model of that name is asked where nobody names a wire, the preferred way first."""
        whole = (way for way in self.wires if not way.partial)
        return tuple(way for way in whole if way.models is None or re.fullmatch(way.models, model.lower()))

    def address(self, settings: Mapping[str, str]) -> str | None:
        """The provider's own base URL with these settings; None if only the owner knows it."""
        special = dict(self.special_addresses)
        for value in settings.values():
            if value in special:
                return special[value]
        return None if self.base_url is None else filled_in(self.base_url, settings)


ANTHROPIC_VERSION = ("anthropic-version", "2023-06-01")
"""https://platform.claude.com/docs/en/api/versioning"""
USUAL_HEADERS: Mapping[str, tuple[tuple[str, str], ...]] = {"anthropic": (ANTHROPIC_VERSION,)}
_USUAL_AUTH: Mapping[str, Auth] = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}


def filled_in(text: str, settings: Mapping[str, str]) -> str:
    """`text` with each `{key}` replaced; a key that is not in `settings` stays."""
    for key, value in settings.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def api_root(provider: Provider, base_url: str, wire: str | None = None) -> str:
    """The address of the folder from which `wire` counts its paths, without a trailing slash; None stands for the
    preferred wire.

    `base_url` may be what the provider's SDK takes, or may already end in (a part of) the path of any of its wires:
    people paste both.
    """
    root = base_url.rstrip("/")
    path = provider.way(wire).path
    stem = _without_path(provider, root)
    if stem is None and path and urlsplit(root).path and (provider.base_url or "").endswith(path):
        return root
    return (root if stem is None else stem) + path


def _without_path(provider: Provider, root: str) -> str | None:
    """`root` without the path of one of the provider's wires; None if it ends in none."""
    present = urlsplit(root).path
    for path in sorted({way.path for way in provider.wires if way.path}, key=len, reverse=True):
        steps = path.strip("/").split("/")
        for count in range(len(steps), 0, -1):
            end = "/" + "/".join(steps[:count])
            if present.endswith(end):
                return root.removesuffix(end)
    return None


def joined(root: str, path: str) -> str:
    """`root` and `path`, whose first step is not repeated: people paste `/v1` where the wire's paths begin with it."""
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    if first and path.count("/") > 1 and urlsplit(root).path.endswith(f"/{first}"):
        root = root.removesuffix(f"/{first}")
    return root + path
