"""Who is let in, decided from a request's headers alone."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from urllib.parse import parse_qsl

import msgspec

from ecotone.gateway.declared import NOTHING_DECLARED, Declared
from ecotone.gateway.keys import KEY_PREFIX, LOCAL, Keyring, Principal
from ecotone.values.errors import Forbidden, MalformedHeader, Unauthenticated, UnsupportedMediaType

_CLASS, _CONVERSATION = b"x-ecotone-class", b"x-ecotone-conversation"
# An id of an earlier reply may be sent along by whoever follows requests through several services.
_OWN = frozenset({_CLASS, _CONVERSATION, b"x-ecotone-request-id"})
_LIKE_OWN = re.compile(rb"(?:x[-_])?ecotone[-_]")
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Headers(msgspec.Struct):
    """The headers that the gateway looks at, in lower case but for the key; empty, or None, where there is none.
    `key_in_header`: the key was not in the URL. `declared` is what the caller says of its data. `sent` are all of
    them."""

    host: str
    origin: str
    content_type: str
    content_length: int | None
    key: str | None
    key_in_header: bool
    fetch_site: str
    declared: Declared
    sent: dict[bytes, bytes]


def read_headers(pairs: Iterable[tuple[bytes, bytes]], query: bytes = b"") -> Headers:
    """Pick out what the gateway looks at. Names come in lower case, as ASGI has them; `query` is the URL's.

    A key may stand where each vendor's clients put theirs: `authorization: Bearer` (OpenAI), `x-api-key` (Anthropic),
    `x-goog-api-key` or `?key=` (Google).

    Raises MalformedHeader where a header that decides about data is there more than once: which of them counts is
    nothing to guess. The same for one that looks like Ecotone's own and is not: what it was to say would go unheard.
    """
    pairs = list(pairs)
    sent = dict(pairs)
    declared = NOTHING_DECLARED
    if b"ecotone" in b"\n".join(sent):
        _check_own(sent)
        declared = _declared(pairs, sent)
    length = _text(sent, b"content-length")
    key = _key(sent)
    return Headers(
        host=_text(sent, b"host").lower(),
        origin=_text(sent, b"origin").lower(),
        content_type=_text(sent, b"content-type").lower(),
        content_length=int(length) if length.isascii() and length.isdigit() else None,
        key=key if key is not None else _key_in_url(query),
        key_in_header=key is not None,
        fetch_site=_text(sent, b"sec-fetch-site"),
        declared=declared,
        sent=sent,
    )


def _check_own(sent: Iterable[bytes]) -> None:
    for name in sent:
        if _LIKE_OWN.match(name) and name not in _OWN:
            word = name.decode("latin-1")
            near = get_close_matches(_LIKE_OWN.sub(b"", name).decode("latin-1"), ("class", "conversation"), n=1)
            hint = (
                f"Did you mean x-ecotone-{near[0]}?"
                if near
                else "There are x-ecotone-class and x-ecotone-conversation."
            )
            raise MalformedHeader(f"There is no header {word}. {hint}", param=word)


def _declared(pairs: Sequence[tuple[bytes, bytes]], sent: dict[bytes, bytes]) -> Declared:
    if _CLASS not in sent and _CONVERSATION not in sent:
        return NOTHING_DECLARED
    said: list[str | None] = []
    for name in (_CLASS, _CONVERSATION):
        if sum(other == name for other, _ in pairs) > 1:
            raise MalformedHeader(f"The header {name.decode()} is there more than once.", param=name.decode())
        said.append(_text(sent, name).strip() if name in sent else None)
    return Declared(*said)


def _key(headers: dict[bytes, bytes]) -> str | None:
    scheme, _, key = _text(headers, b"authorization").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    for name in (b"x-api-key", b"x-goog-api-key"):
        if name in headers:
            return _text(headers, name).strip()
    return None


def _key_in_url(query: bytes) -> str | None:
    return dict(parse_qsl(query.decode("latin-1"))).get("key") if b"key=" in query else None


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    value = headers.get(name)
    return "" if value is None else value.decode("latin-1")


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


class Door:
    """The rules of one gateway process: which `Host` and `Origin` it answers to, and whether a key is needed."""

    def __init__(
        self, *, keyring: Keyring, loopback: bool, allowed_hosts: Sequence[str], cors_origins: Sequence[str]
    ) -> None:
        """`loopback`: it listens on loopback alone. Then callers without a key are `local`, unless the owner has
        given the gateway other names: then somebody forwards to it, and a caller may come from anywhere."""
        self._keyring = keyring
        self.key_required = not loopback or bool(allowed_hosts)
        self._hosts = _LOOPBACK_NAMES | {host.lower() for host in allowed_hosts}
        self._any_host = not loopback and not allowed_hosts
        self._origins = frozenset(origin.lower() for origin in cors_origins)

    def check_page(self, headers: Headers, *, followed_link: bool = False) -> None:
        """Refuse what a web page could send behind its visitor's back. `followed_link`: a visitor comes by a link,
        which may stand on any page. Raises Forbidden."""
        host = headers.host
        if not host or not (self._any_host or _without_port(host) in self._hosts):
            raise Forbidden(
                f"This gateway does not answer to the host name {host!r}. Use http://127.0.0.1:PORT, or add the"
                " name to allowed_hosts under [server] in ecotone.toml."
            )
        origin = headers.origin
        if not origin:
            if headers.fetch_site in ("cross-site", "same-site") and not followed_link:
                raise Forbidden("Web pages of other sites may not use this gateway.")
        elif origin not in self._origins and origin.partition("://")[2] != host:
            raise Forbidden(
                f"Web pages of {origin!r} may not use this gateway. To allow them, add that origin to cors_origins"
                " under [server] in ecotone.toml."
            )

    def allows_origin(self, origin: str) -> bool:
        """May pages of this origin read answers (CORS)?"""
        return origin in self._origins

    def check_content_type(self, headers: Headers, *, upload: bool = False) -> None:
        """Only JSON: a page cannot send that to another site without asking first. Raises UnsupportedMediaType.

        With `upload` also forms with files, which any page may send anywhere. `check_page` refuses those that say from
        which page they come; of the others a header with a key is asked for, which is again what no page can send
        without asking. Any key will do where none is needed, and one in the URL counts for nothing.
        """
        kind = headers.content_type
        if kind == "application/json":
            return
        bare = kind.partition(";")[0].strip()
        if upload and bare == "multipart/form-data":
            if not headers.origin and not headers.key_in_header:
                raise Forbidden(
                    "A form with files needs the header 'authorization: Bearer KEY', so that no web page can send it;"
                    " where no key is needed, any word will do."
                )
        elif bare != "application/json":
            wanted = "application/json' or 'multipart/form-data" if upload else "application/json"
            raise UnsupportedMediaType(
                f"The content type is {kind or 'missing'!r}; send the header 'content-type: {wanted}'."
            )

    def principal(self, headers: Headers) -> Principal:
        """Who calls. Raises Unauthenticated.

        On loopback, clients that insist on sending some key may send anything that is not one of Ecotone's own.
        """
        key = headers.key
        if key is None or (not self.key_required and not key.startswith(KEY_PREFIX)):
            if self.key_required:
                raise Unauthenticated(
                    "A key is needed: send 'authorization: Bearer eco_...' (or x-api-key, x-goog-api-key). The owner"
                    " makes one with `ecotone keys create NAME`."
                )
            return LOCAL
        principal = self._keyring.principal(key)
        if principal is None:
            raise Unauthenticated(
                "This key is unknown or revoked. The owner makes a new one with `ecotone keys create NAME`."
            )
        return principal
