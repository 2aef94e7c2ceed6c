"""What a model's release consists of, and under which licences: the Model Openness Framework's form of saying it.

The form is the YAML that the Model Openness Tool exchanges: `release` with a name, a producer, licences for the whole
or for a kind of content, and the components that are released, each with a licence of its own or without one.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
import yaml

from ecotone.values.errors import ConfigError

ContentType = Literal["code", "data", "document"]
LicenceScope = Literal["distribution", "code", "data", "document"]
"""What a licence of the release covers: one kind of content, or everything that nothing else covers."""

_TEXT_MAX_CHARS = 131_072
_EVENTS_MAX = 10_000
_DEPTH_MAX = 12
_SCOPES: tuple[LicenceScope, ...] = ("distribution", "code", "data", "document")
# What YAML takes unquoted text for; a version such as 7 or a date is meant as it is written.
_TEXT_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "timestamp"))
_COMPONENT_KEYS = frozenset({"name", "description", "license", "license_path", "component_path"})


class MofComponent(msgspec.Struct, frozen=True, array_like=True):
    """One of the framework's 17 components. `mof_class` is the highest-numbered class that asks for it, or to which it
    belongs where it is optional."""

    number: int
    name: str
    content: ContentType
    mof_class: Literal[1, 2, 3]
    required: bool


class DescribedComponent(msgspec.Struct, frozen=True):
    """A component as a description has it. `licence` as written: None where the release's licences apply, the empty
    string where the description says that there is none. `line` is 1-based, None for what came from no file."""

    name: str
    licence: str | None = None
    line: int | None = None


class ModelDescription(msgspec.Struct, frozen=True):
    """A release. `licences` are those for the whole or for one kind of content, as written; `notes` are for its
    author. `page` is an address, `date` the day of the description; both are empty where not given."""

    name: str
    producer: str
    components: tuple[DescribedComponent, ...]
    licences: Mapping[LicenceScope, str] = msgspec.field(default_factory=dict)
    version: str = ""
    date: str = ""
    page: str = ""
    notes: tuple[str, ...] = ()


class _Row(msgspec.Struct, frozen=True):
    name: str
    producer: str
    components: dict[int, str | None]
    licences: dict[LicenceScope, str] = msgspec.field(default_factory=dict)
    version: str = ""
    date: str = ""
    page: str = ""


class _Table(msgspec.Struct, frozen=True):
    components: tuple[MofComponent, ...]
    licences: dict[str, tuple[ContentType, ...]]
    models: dict[str, _Row]


@cache
def _table() -> _Table:
    raw = (files("ecotone.catalog") / "data" / "openness.json").read_bytes()
    return msgspec.json.decode(raw, type=_Table, strict=False)


@cache
def mof_components() -> Mapping[str, MofComponent]:
    """The framework's components by name, class III first."""
    return {component.name: component for component in _table().components}


def appropriate_content(licence: str) -> tuple[ContentType, ...]:
    """The kinds of content for which the framework's own table names this licence; empty where it does not."""
    return _table().licences.get(licence, ())


@cache
def shipped_descriptions() -> Mapping[str, ModelDescription]:
    """The Model Openness Tool's descriptions, by the name of the file there (which, unlike the model's name, is
    unique): `Amber`, `OLMo-7B-hf`."""
    names = {component.number: component.name for component in _table().components}
    return {
        key: ModelDescription(
            name=row.name,
            producer=row.producer,
            components=tuple(DescribedComponent(names[number], given) for number, given in row.components.items()),
            licences=row.licences,
            version=row.version,
            date=row.date,
            page=row.page,
        )
        for key, row in _table().models.items()
    }


def read_description(text: str, *, file: str | None = None) -> ModelDescription:
    """Read a description in the tool's YAML form.

    Nothing in the text is executed, and its size, depth and number of parts are bounded. `file` only names the text in
    errors. Raises ConfigError, with the line where there is one.
    """
    return _Reader(file).description(text)


class _Reader:
    """Walks YAML's nodes rather than plain values, since they know their lines, and since nothing is constructed."""

    def __init__(self, file: str | None) -> None:
        self._file = file
        self._notes: list[str] = []

    def description(self, text: str) -> ModelDescription:
        if len(text) > _TEXT_MAX_CHARS:
            raise self._error(f"a description has at most {_TEXT_MAX_CHARS:,} characters; this is something else")
        top = self._mapping(self._root(text), "a description")
        framework = top.get("framework")
        if framework is not None:
            named = self._text(self._mapping(framework, "`framework`").get("name"), "`framework.name`")
            if named and named != "Model Openness Framework":
                raise self._error("`framework.name` must be 'Model Openness Framework'", framework)
        if "release" not in top:
            raise self._error("`release` is missing: the model's name, producer, license and components go into it")
        node = top["release"]
        release = self._mapping(node, "`release`")
        for key in ("name", "producer", "components"):
            if key not in release:
                raise self._error(f"`release.{key}` is missing", node)
        name = self._text(release["name"], "`release.name`")
        if not name:
            raise self._error("`release.name` is empty: write the model's name", release["name"])
        return ModelDescription(
            name=name,
            producer=self._text(release["producer"], "`release.producer`"),
            components=tuple(self._components(release["components"])),
            licences=dict(self._licences(release.get("license"))),
            version=self._text(release.get("version"), "`release.version`"),
            date=self._text(release.get("date"), "`release.date`"),
            page=self._text(release.get("huggingface"), "`release.huggingface`")
            or self._text(release.get("repository"), "`release.repository`"),
            notes=tuple(self._notes),
        )

    def _root(self, text: str) -> yaml.Node:
        """The one document in the text, after a look at its events keeps what is built small and free of loops."""
        try:
            depth = 0
            for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                line = None if event.start_mark is None else event.start_mark.line + 1
                if isinstance(event, yaml.AliasEvent):
                    raise self._at(f"write it out: aliases (*{event.anchor}) are not read", line)
                if depth > _DEPTH_MAX or count > _EVENTS_MAX:
                    raise self._at("nested too deep, or too many parts, for a description", line)
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line_or_none = None if mark is None else mark.line + 1
            raise self._at(f"not YAML: {error.problem or error.context}", line_or_none) from error
        except yaml.YAMLError as error:
            raise self._at(f"not YAML: {' '.join(str(error).split())}", None) from error
        if root is None:
            raise self._error("it is empty: a description has `release` with a name, producer, license and components")
        return root

    def _licences(self, node: yaml.Node | None) -> Iterator[tuple[LicenceScope, str]]:
        # An empty list stands for an empty mapping: that is how the tool's own JSON writes it.
        if node is None or _is_null(node) or (isinstance(node, yaml.SequenceNode) and not node.value):
            return
        given = self._mapping(node, "`release.license`")
        for key, value in given.items():
            if key not in _SCOPES:
                raise self._error(f"`release.license.{key}` is not one of {', '.join(_SCOPES)}", value)
        for scope in _SCOPES:
            if scope in given and not _is_null(given[scope]):
                row = self._mapping(given[scope], f"`release.license.{scope}`")
                written = self._text(row.get("name"), f"`release.license.{scope}.name`")
                if written:
                    yield scope, written

    def _components(self, node: yaml.Node) -> Iterator[DescribedComponent]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._error("`release.components` must be a list of components", node)
        seen: set[str] = set()
        for item in node.value:
            row = self._mapping(item, "a component")
            name = self._text(row.get("name"), "a component's `name`")
            if name not in mof_components():
                raise self._error(_unknown_component(name), item)
            if name in seen:
                raise self._error(f"component {name!r} is listed twice", item)
            seen.add(name)
            if "licence" in row:
                raise self._error(f"component {name!r}: the key is spelt `license`", row["licence"])
            for key in row.keys() - _COMPONENT_KEYS:
                self._notes.append(f"line {_line(row[key])}: `{key}` of component {name!r} is not read")
            given = row.get("license")
            absent = given is None or _is_null(given)
            written = None if absent else self._text(given, f"`license` of component {name!r}")
            yield DescribedComponent(name, written, _line(item))

    def _mapping(self, node: yaml.Node, what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(f"{what} must be a mapping of keys to values", node)
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._error(f"{what} has a key that is not text", key)
            if key.value in found:
                raise self._error(f"`{key.value}` is given twice", key)
            found[key.value] = value
        return found

    def _text(self, node: yaml.Node | None, what: str) -> str:
        if node is None or _is_null(node):
            return ""
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _TEXT_TAGS:
            raise self._error(f"{what} must be text", node)
        value: str = node.value
        return value.strip()

    def _error(self, message: str, node: yaml.Node | None = None) -> ConfigError:
        return self._at(message, None if node is None else _line(node))

    def _at(self, message: str, line: int | None) -> ConfigError:
        return ConfigError(message, file=self._file, line=line)


def _unknown_component(name: str) -> str:
    near = get_close_matches(name, mof_components(), n=1) if len(name) <= 100 else []
    advice = f"did you mean {near[0]!r}?" if near else f"the framework has {', '.join(mof_components())}"
    return f"there is no component {name[:100]!r}: {advice}"


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line
    return line + 1
