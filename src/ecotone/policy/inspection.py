"""A client's request, whatever its wire: what sensitive data is in it, where, and the same request without it.

The request is walked as JSON, so that fields nobody has heard of are read too. What is read: every string, every key,
every number that is long enough, texts in JSON or Base64 inside of strings, and what stands across the border of two
neighbouring texts. Pictures, sounds and files are not; what of them there is, is said.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from ecotone.policy.detectors import Detectors
from ecotone.policy.findings import Finding
from ecotone.policy.joints import Part, across
from ecotone.policy.media import is_unread, media_of
from ecotone.policy.reading import Reading, TextRead, read_text, rewritten

Json = Any
"""What a JSON decoder gives: dict, list, str, int, float, bool or None."""
Path = tuple[str | int, ...]
Role = Literal["system", "user", "assistant", "tool"]
Place = Literal["text", "number", "key", "fixed", "across"]

_ROLES: Mapping[str, Role] = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant", "model": "assistant",
    "tool": "tool", "function": "tool",
}  # fmt: skip
_ROLE_OF_KEY: Mapping[str, Role] = {
    "system": "system", "instructions": "system", "systemInstruction": "system", "system_instruction": "system",
    "prompt": "user", "functionResponse": "tool", "function_response": "tool", "toolResult": "tool",
}  # fmt: skip
_ROLE_OF_TYPE: Mapping[str, Role] = {
    "tool_result": "tool", "function_call_output": "tool", "custom_tool_call_output": "tool", "mcp_call": "tool",
    "web_search_tool_result": "tool", "local_shell_call_output": "tool", "computer_call_output": "tool",
    "tool_use": "assistant", "function_call": "assistant",
}  # fmt: skip
# What is no text to read, though it is in a request: descriptions of tools and forms, settings.
_NO_TEXT_UNDER = frozenset(
    {
        "tools",
        "functions",
        "tool_choice",
        "toolConfig",
        "response_format",
        "text_format",
        "metadata",
        "generationConfig",
    }
    | {"format", "options", "safetySettings", "modalities", "stop", "include", "reasoning", "thinking_config"}
)
# Strings that others refer to, or that a vendor knows: without them as they are, the request is another one or none.
_FIXED_KEYS = frozenset(
    {"id", "type", "role", "name", "model", "tool_call_id", "tool_use_id", "call_id", "previous_response_id", "file_id"}
    | {"toolUseId", "item_id", "container", "conversation", "media_type", "mimeType", "mime_type", "signature", "$ref"}
    | {"thoughtSignature", "thought_signature", "encrypted_content", "cachedContent", "object", "status", "fileUri"}
    | {"file_uri", "image_url", "file_url", "video_url", "prompt_cache_key", "server_label", "format", "url"}
)
# Under these, not at the top of a request, stands what the caller or a tool made up: any key may hold anything.
_FREE_KEYS = frozenset({"input", "args", "arguments", "response", "result", "output", "json", "structuredContent"})
# Of no use as a word that says what its value is.
_PLAIN_KEYS = frozenset({"text", "content", "description", "title", "input", "output", "prompt", "data", "value"})
# What a vendor has sealed for itself and wants back: no content of the caller's.
_SEALED_KEYS = frozenset({"signature", "thoughtSignature", "thought_signature", "encrypted_content"})
_SEALED = "sealed"
_TOPS: tuple[Path, ...] = ((), ("body",))
"""Where a request begins: it may be wrapped up with what else is sent along."""
_TOKEN_KEYS = frozenset({"input", "prompt"})
_COORDINATES = frozenset({"lat", "lon", "lng", "long", "latitude", "longitude"})
# The keys that requests and JSON Schemas are made of: there is nothing to find in them.
_USUAL_KEYS = _FIXED_KEYS | _NO_TEXT_UNDER | _FREE_KEYS | _PLAIN_KEYS | _SEALED_KEYS
_USUAL_KEYS |= {
    "messages",
    "contents",
    "parts",
    "system",
    "instructions",
    "stream",
    "temperature",
    "max_tokens",
    "function",
}
_USUAL_KEYS |= {
    "parameters",
    "input_schema",
    "properties",
    "required",
    "items",
    "enum",
    "anyOf",
    "additionalProperties",
}
_USUAL_KEYS |= {"default", "minimum", "maximum", "source", "cache_control", "tool_calls", "strict", "body", "headers"}
_KEYED_MAX_CHARS = 300
_UNREAD_MAX_CHARS = 4096
"""Up to here bytes are read as a text, too; addresses are whatever their length."""
_SCHEME_MAX_CHARS = 32
_NUMBER_MIN_DIGITS = 7
_FLOAT_EXACT_MAX = 2**53
_NEIGHBOUR_DEPTH = 3
_NOTHING = TextRead()


class CannotRedact(Exception):
    """What was found cannot be replaced where it stands without breaking the request. `place` says where."""

    def __init__(self, path: Path, place: Place, kind: str) -> None:
        self.path, self.place, self.kind = path, place, kind
        where = ".".join(map(str, path))
        reason = {
            "key": "is a key of an object",
            "fixed": "is a name or id that other parts of the request, or the vendor, rely on",
            "number": "is a number, which what replaces it is not",
            "across": "reaches over more than one part of the request",
            "text": "cannot be reached",
        }[place]
        super().__init__(f"what looks like {kind} at {where} {reason}")


class Located(msgspec.Struct, frozen=True):
    """A finding and the way to it. `finding` counts the characters of the string at `path` (of the number as JSON
    writes it; of the key). Where it stands in a coding inside of the string, that is the place of the coded run."""

    path: Path
    place: Place
    reading: Reading

    @property
    def finding(self) -> Finding:
        return self.reading.finding

    @property
    def kind(self) -> str:
        return self.reading.finding.kind

    @property
    def value(self) -> str:
        """What was found, in plain text. Never for a log."""
        return self.reading.value


class Passage(msgspec.Struct, frozen=True):
    """A text of the request that a person or a model wrote, and whose it is; None where the request does not say."""

    text: str
    role: Role | None = None


class Inspection(msgspec.Struct, frozen=True):
    """What is in a request. `uninspected` are kinds of content that no detector reads: `image`, `audio`, `video`,
    `document`, `file`, and `tokens` (a text as a list of numbers). `texts` is what the content guard reads."""

    found: tuple[Located, ...] = ()
    uninspected: frozenset[str] = frozenset()
    texts: tuple[Passage, ...] = ()

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(one.kind for one in self.found)


def inspect(request: Json, detectors: Detectors) -> Inspection:
    """Read a decoded request of any wire, in time in proportion to its size."""
    return _Inspector(detectors).inspect(request)


class _Stop(msgspec.Struct, frozen=True):
    """A place on the walk. `free`: below what the caller or a tool made up; `prose`: the guard reads it; `media`: the
    kind of the content that this is a part of."""

    value: Json
    path: Path
    role: Role | None = None
    free: bool = False
    prose: bool = True
    media: str | None = None

    @property
    def key(self) -> str | int | None:
        return self.path[-1] if self.path else None

    @property
    def name(self) -> str | None:
        """The nearest key: that of the list, for what stands in one."""
        return next((step for step in reversed(self.path) if isinstance(step, str)), None)


class _Inspector:
    def __init__(self, detectors: Detectors) -> None:
        self._detectors = detectors
        self._read: dict[str, TextRead] = {}
        self._keyed: dict[str, tuple[Finding, ...]] = {}
        self._found: list[Located] = []
        self._uninspected: set[str] = set()
        self._texts: list[Passage] = []
        self._neighbours: list[list[tuple[Path, str]]] = []

    def inspect(self, request: Json) -> Inspection:
        stops = [_Stop(request, ())]
        while stops:
            stop = stops.pop()
            match stop.value:
                case dict():
                    stops += reversed(list(self._members(stop)))
                case list():
                    stops += reversed(list(self._items(stop)))
                case str():
                    self._string(stop)
                case bool() | None:
                    pass
                case _:
                    self._number(stop)
        for texts in self._neighbours:
            parts = [
                Part(path, text, tuple(one.finding for one in self._text(text).readings if not one.codings))
                for path, text in texts
            ]
            self._found += [Located(joint.path, "across", joint.reading) for joint in across(parts, self._detectors)]
        found = tuple(dict.fromkeys(self._found))
        return Inspection(found, frozenset(self._uninspected), tuple(self._texts))

    def _members(self, stop: _Stop) -> Iterator[_Stop]:
        members: dict[str, Json] = stop.value
        media = media_of(members, stop.key) or stop.media
        if members.get("type") == "redacted_thinking":
            media = _SEALED
        elif members.get("type") == "text":
            media = None  # as Anthropic has a document that is plain text
        role = _role(members) or stop.role
        self._pair_of_coordinates(members, stop.path)
        for key, value in members.items():
            path = (*stop.path, key)
            if key not in _USUAL_KEYS:
                self._found += [Located(path, "key", reading) for reading in self._text(key).readings]
            below_top = stop.path not in _TOPS
            yield _Stop(
                value,
                path,
                _ROLE_OF_KEY.get(key) or role if below_top else _ROLE_OF_KEY.get(key, role),
                stop.free or (below_top and key in _FREE_KEYS),
                stop.prose and (key not in _NO_TEXT_UNDER or stop.free),
                _SEALED if key in _SEALED_KEYS else media,
            )

    def _items(self, stop: _Stop) -> Iterator[_Stop]:
        items: list[Json] = stop.value
        media = media_of(items, stop.key) or stop.media
        if stop.name in _TOKEN_KEYS and not stop.free and items and all(type(item) is int for item in items):
            self._uninspected.add("tokens")
        for run in _runs(items, stop.path):
            self._neighbours.append(run)
        for number, item in enumerate(items):
            yield _Stop(item, (*stop.path, number), stop.role, stop.free, stop.prose, media)

    def _string(self, stop: _Stop) -> None:
        text: str = stop.value
        key = stop.key
        unread = stop.media not in (None, _SEALED) and is_unread(text, key, stop.media or "")
        if unread:
            self._uninspected.add(stop.media or "file")
            if len(text) > _UNREAD_MAX_CHARS and "://" not in text[:_SCHEME_MAX_CHARS]:
                return
        read = self._text(text)
        if not unread and stop.media != _SEALED:
            self._uninspected |= read.uninspected
        fixed = not stop.free and (key in _FIXED_KEYS or unread)
        readings = [*read.readings, *(() if fixed else self._with_its_key(text, stop.name, read))]
        if key == "$schema":
            readings = [one for one in readings if one.finding.kind != "url"]
        self._found += [Located(stop.path, "fixed" if fixed else "text", reading) for reading in readings]
        if stop.prose and not fixed and not unread and stop.media != _SEALED:
            for passage in (text, *read.decoded):
                if any(map(str.isalpha, passage)):
                    self._texts.append(Passage(passage, stop.role))

    def _number(self, stop: _Stop) -> None:
        number: int | float = stop.value
        if isinstance(number, float) and (not number.is_integer() or abs(number) >= _FLOAT_EXACT_MAX):
            return
        text = str(int(number))
        if len(text) < _NUMBER_MIN_DIGITS:
            return
        readings = self._text(text).readings
        readings += tuple(self._with_its_key(text, stop.name, TextRead(readings)))
        self._found += [Located(stop.path, "number", reading) for reading in readings]

    def _text(self, text: str) -> TextRead:
        read = self._read.get(text)
        if read is None:
            read = self._read[text] = self._fresh(text)
        return read

    def _fresh(self, text: str) -> TextRead:
        clean = self._detectors.clean
        digest = clean.digest(text)
        if digest in clean:
            return _NOTHING
        read = read_text(text, self._detectors)
        if read == _NOTHING:
            clean.add(digest)
        return read

    def _with_its_key(self, text: str, name: str | None, read: TextRead) -> Iterator[Reading]:
        """What is found in a short text because its key says what it is: a password, a birth date."""
        if name is None or name in _PLAIN_KEYS or len(text) > _KEYED_MAX_CHARS or len(name) > _KEYED_MAX_CHARS:
            return
        before = f'"{name}": "'
        whole = f'{before}{text}"'
        findings = self._keyed.get(whole)
        if findings is None:
            findings = self._keyed[whole] = self._found_with_its_key(whole)
        for one in findings:
            start, end = one.start - len(before), one.end - len(before)
            if start >= 0 and end <= len(text) and not _overlap(start, end, read.readings):
                finding = Finding(start, end, one.kind, one.detector)
                yield Reading(finding, text[start:end], start, end)

    def _found_with_its_key(self, whole: str) -> tuple[Finding, ...]:
        clean = self._detectors.clean
        # Read as written, which a text alone is not: it is remembered as another one.
        digest = clean.digest(f"key {whole}")
        if digest in clean:
            return ()
        findings = self._detectors.find(whole)
        if not findings:
            clean.add(digest)
        return findings

    def _pair_of_coordinates(self, members: dict[str, Json], path: Path) -> None:
        pair = [key for key in members if key in _COORDINATES and isinstance(members[key], float)]
        if len(pair) > 1:
            text = ", ".join(f"{key}: {members[key]}" for key in pair)
            for one in self._detectors.find(text):
                reading = Reading(one, text[one.start : one.end], one.start, one.end)
                self._found.append(Located(path, "across", reading))


def _overlap(start: int, end: int, readings: Iterable[Reading]) -> bool:
    return any(start < one.finding.end and one.finding.start < end for one in readings)


def _role(members: dict[str, Json]) -> Role | None:
    kind, role = members.get("type"), members.get("role")
    if isinstance(kind, str) and kind in _ROLE_OF_TYPE:
        return _ROLE_OF_TYPE[kind]
    return _ROLES.get(role) if isinstance(role, str) else None


def _runs(items: list[Json], path: Path) -> Iterator[list[tuple[Path, str]]]:
    """Neighbouring texts of a list that read as one: of one role, where items have one."""
    run: list[tuple[Path, str]] = []
    role: Json = None
    for number, item in enumerate(items):
        whose = item.get("role") if isinstance(item, dict) else None
        if whose != role:
            if len(run) > 1:
                yield run
            run, role = [], whose
        run += _own_texts(item, (*path, number), _NEIGHBOUR_DEPTH)
    if len(run) > 1:
        yield run


def _own_texts(item: Json, path: Path, depth: int) -> Iterator[tuple[Path, str]]:
    if isinstance(item, str):
        yield path, item
    elif isinstance(item, list) and depth:
        for number, inner in enumerate(item):
            yield from _own_texts(inner, (*path, number), depth - 1)
    elif isinstance(item, dict) and depth:
        for key in ("text", "content", "parts"):
            if key in item:
                yield from _own_texts(item[key], (*path, key), depth - 1)
                return


def replaced(request: Json, inspection: Inspection, kinds: frozenset[str], replace: Callable[[str, str], str]) -> Json:
    """The request with each finding of these kinds replaced by `replace(kind, value)`; the one given stays as it is.

    `value` is in plain text, and so is what replaces it: it is put into JSON and Base64 as the value was. Raises
    CannotRedact where that is impossible.
    """
    changes: dict[Path, list[Located]] = {}
    for one in inspection.found:
        if one.kind not in kinds:
            continue
        if one.place not in ("text", "number"):
            raise CannotRedact(one.path, one.place, one.kind)
        changes.setdefault(one.path, []).append(one)
    copied: dict[Path, Json] = {}
    root = _copy(request)
    for path, located in changes.items():
        holder = root
        for depth, step in enumerate(path[:-1], 1):
            if path[:depth] not in copied:
                holder[step] = copied[path[:depth]] = _copy(holder[step])
            holder = copied[path[:depth]]
        if path:
            holder[path[-1]] = _changed(holder[path[-1]], located, replace)
        else:
            root = _changed(root, located, replace)
    return root


def _copy(value: Json) -> Json:
    return value.copy() if isinstance(value, dict | list) else value


def _changed(value: Json, located: list[Located], replace: Callable[[str, str], str]) -> Json:
    readings = [one.reading for one in located]
    if isinstance(value, str):
        return rewritten(value, readings, replace)
    text = rewritten(str(int(value)), readings, replace)
    if not (text.isascii() and text.isdigit()) or text.startswith("0"):
        raise CannotRedact(located[0].path, "number", located[0].kind)
    return int(text)
