"""Suites on disk: a folder with `suite.toml` and its cases, in `cases.jsonl` or `cases.csv`.

Reading never half-succeeds: a suite is understood completely or refused with file, line and what to do.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import msgspec

from ecotone.evaluation.cases import Case, JsonValue, ScorerSpec, Suite
from ecotone.evaluation.scorers import AnyKind, kind_of
from ecotone.gateway.settings.toml_file import TomlFile, suggestion
from ecotone.values.chat import Message, TextPart
from ecotone.values.errors import ConfigError, SetupError

CASES_MAX = 100_000
NAME = r"\w[\w.-]*"
"""What the name of a suite is like, as a regular expression."""
CATEGORIES = (
    *("general", "maths", "coding", "instructions", "knowledge"),
    *("summarising", "classification", "extraction", "safety"),
)
"""The kinds of work that a suite may be about."""

_CASE_KEYS = ["prompt", "messages", "reference", "tags", "id", "source"]
_COLUMNS = ["prompt", "reference", "tags", "id", "source"]
_BUNDLED = ("data", "suites")


class _SuiteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`suite.toml`."""

    scorer: dict[str, Any]
    """How replies are scored: `kind`, and the kind's options."""
    name: str | None = None
    """A short name. Left out: the folder's."""
    title: str | None = None
    """One line that says what is measured. Left out: the name."""
    category: str = "general"
    """The kind of work: general, maths, coding, instructions, knowledge, summarising, classification, extraction or
    safety."""
    description: str = ""
    """What the cases are like, for people."""
    licence: str = "not stated"
    """The cases' licence, as an SPDX expression."""
    source: str = ""
    """Where the cases come from."""
    system: str | None = None
    """Instructions that the model gets before each case."""
    max_tokens: int = 512
    """The most tokens that a reply may have."""
    temperature: float = 0.0
    """0 for the same reply each time, as far as the model can."""
    limit: int | None = None
    """How many cases a run takes unless told otherwise. Left out: all."""


class _Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: Literal["system", "user", "assistant"]
    content: str


class _Row(msgspec.Struct, frozen=True):
    """A case as it was read, with the line where it begins."""

    line: int
    messages: tuple[_Turn, ...]
    reference: JsonValue
    tags: tuple[str, ...]
    id: str | None
    source: str | None


def load_suite(folder: Path) -> Suite:
    """The suite in `folder`. Raises SetupError with file, line and fix if there is anything wrong with it."""
    if not folder.is_dir():
        raise SetupError(
            f"there is no suite folder {folder}; `ecotone eval new {folder}` writes an example, and the bundled suites"
            f" are {', '.join(bundled_suites())}"
        )
    return _load(folder, folder)


def parse_suite(settings: bytes, cases: bytes, file: Path, *, called: str | None = None) -> Suite:
    """The suite that a `suite.toml` and a file of cases make. `file`, FOLDER/cases.jsonl or FOLDER/cases.csv, says
    which of the two forms the cases have, and what errors call them, unless they came from a file that is `called`
    otherwise. Raises SetupError as `load_suite` does."""
    return _suite(_settings(settings, file.parent / "suite.toml"), cases, file, Path(called or file))


def bundled_suites() -> tuple[str, ...]:
    """The names of the suites that come with Ecotone, in alphabetical order."""
    folder = files("ecotone.evaluation").joinpath(*_BUNDLED)
    return tuple(sorted(entry.name for entry in folder.iterdir() if entry.joinpath("suite.toml").is_file()))


@cache
def load_bundled(name: str) -> Suite:
    """A suite that comes with Ecotone. Raises SetupError for an unknown name, with the near ones."""
    if name not in bundled_suites():
        raise SetupError(f"there is no bundled suite {name!r}{suggestion(name, list(bundled_suites()))}")
    return _load(files("ecotone.evaluation").joinpath(*_BUNDLED, name), Path(*_BUNDLED, name))


def find_suite(named: str, working_folder: Path, added: Path) -> Suite:
    """The suite that a person means: the one in a folder, else a bundled one or one in the folder `added` by its name.
    Raises SetupError."""
    folder = suite_folder(named, working_folder, added)
    return load_bundled(named) if folder is None else load_suite(folder)


def suite_folder(named: str, working_folder: Path, added: Path) -> Path | None:
    """Where the suite lies that a person means; None for a bundled one. Raises SetupError for a name of none."""
    folder = working_folder / Path(named).expanduser()
    if (folder / "suite.toml").is_file():
        return folder
    if named in bundled_suites():
        return None
    if re.fullmatch(NAME, named):
        if (added / named / "suite.toml").is_file():
            return added / named
        if not folder.is_dir():
            known = [*bundled_suites(), *(file.parent.name for file in sorted(added.glob("[!.]*/suite.toml")))]
            near = suggestion(named, known)
            raise SetupError(f"{named!r} is neither a folder here nor a bundled suite, nor one that was added{near}")
    return folder


def limited(suite: Suite, limit: int | None) -> Suite:
    """The suite with at most `limit` of its cases, with a digest of its own; None leaves it as it is.

    The same cases each time, spread over the suite, in its order; a larger limit takes the same ones and more.
    """
    if limit is None or limit >= len(suite.cases):
        return suite
    by_chance = sorted(suite.cases, key=lambda case: hashlib.sha256(case.id.encode()).digest())
    chosen = {case.id for case in by_chance[:limit]}
    fewer = msgspec.structs.replace(suite, cases=tuple(case for case in suite.cases if case.id in chosen))
    return msgspec.structs.replace(fewer, digest=_digest(fewer))


def _load(folder: Traversable, shown: Path) -> Suite:
    settings = folder.joinpath("suite.toml")
    if not settings.is_file():
        raise SetupError(f"{shown} has no suite.toml; `ecotone eval new FOLDER` writes an example to change")
    read = _settings(_bytes(settings, shown / "suite.toml"), shown / "suite.toml")
    sheets = [name for name in ("cases.jsonl", "cases.csv") if folder.joinpath(name).is_file()]
    if len(sheets) != 1:
        found = "both cases.jsonl and cases.csv; keep one" if sheets else "no cases; write cases.csv or cases.jsonl"
        raise SetupError(f"{shown} has {found}")
    file = shown / sheets[0]
    return _suite(read, _bytes(folder.joinpath(sheets[0]), file), file, file)


def _settings(data: bytes, file: Path) -> tuple[_SuiteFile, ScorerSpec, AnyKind]:
    toml = TomlFile(_text(data, file), file)
    said = toml.read(_SuiteFile)
    spec, kind = _scorer(toml, said)
    _check(toml, said)
    return said, spec, kind


def _suite(settings: tuple[_SuiteFile, ScorerSpec, AnyKind], cases: bytes, file: Path, shown: Path) -> Suite:
    said, spec, kind = settings
    text, folder = _text(cases, shown), file.parent.resolve().name
    rows = list(_read_csv(text, shown, kind) if file.suffix == ".csv" else _read_jsonl(text, shown))
    suite = Suite(
        name=said.name or folder,
        title=said.title or said.name or folder,
        category=said.category,
        scorer=spec,
        cases=_cases(rows, shown, kind),
        max_tokens=said.max_tokens,
        temperature=said.temperature,
        system=said.system,
        limit=said.limit,
        licence=said.licence,
        source=said.source,
        description=said.description,
        digest="",
    )
    return msgspec.structs.replace(suite, digest=_digest(suite))


def _scorer(toml: TomlFile, said: _SuiteFile) -> tuple[ScorerSpec, AnyKind]:
    options = {key: value for key, value in said.scorer.items() if key != "kind"}
    name = said.scorer.get("kind")
    if not isinstance(name, str):
        raise toml.error(("scorer",), 'the scorer has no kind; write kind = "normalised" or another under [scorer]')
    spec = ScorerSpec(name, options)
    try:
        return spec, kind_of(spec)
    except SetupError as error:
        at_fault = next((key for key in options if repr(key) in error.message or f".{key}`" in error.message), "kind")
        raise toml.error(("scorer", at_fault), error.message) from None


def _check(toml: TomlFile, said: _SuiteFile) -> None:
    if said.category not in CATEGORIES:
        hint = suggestion(said.category, list(CATEGORIES))
        raise toml.error(("category",), f"there is no category {said.category!r}{hint}")
    if said.name is not None and not re.fullmatch(NAME, said.name):
        raise toml.error(
            ("name",),
            "a name begins with a letter or a digit, and has letters, digits, hyphens, dots and underscores; the"
            " title may have more",
        )
    if said.max_tokens < 1:
        raise toml.error(("max_tokens",), "max_tokens is at least 1")
    if not 0 <= said.temperature <= 2:
        raise toml.error(("temperature",), "temperature is between 0 and 2")
    if said.limit is not None and said.limit < 1:
        raise toml.error(("limit",), "limit is at least 1; leave it out to run all cases")


def _bytes(file: Traversable, shown: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", file=str(shown)) from None


def _text(data: bytes, shown: Path) -> str:
    try:
        # Spreadsheets put a byte order mark in front.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8: save the file as UTF-8", file=str(shown), line=line) from None


def _read_jsonl(text: str, file: Path) -> Iterator[_Row]:
    # Not splitlines(): a JSON text may hold U+2028 and other line ends as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = f'not JSON: {error}; each line is one case, such as {{"prompt": "2 + 2?", "reference": "4"}}'
            raise ConfigError(reason, file=str(file), line=number) from None
        if not isinstance(data, dict):
            raise ConfigError('a case is an object with a "prompt"', file=str(file), line=number)
        yield _row(data, file, number)


def _row(data: dict[str, Any], file: Path, line: int) -> _Row:
    unknown = next((key for key in data if key not in _CASE_KEYS), None)
    if unknown is not None:
        reason = f"unknown key {unknown!r}{suggestion(unknown, _CASE_KEYS)}"
        raise ConfigError(reason, file=str(file), line=line)
    if ("prompt" in data) == ("messages" in data):
        raise ConfigError('a case has either a "prompt" or "messages"', file=str(file), line=line)
    turns = data["messages"] if "messages" in data else [{"role": "user", "content": data["prompt"]}]
    try:
        messages = msgspec.convert(turns, tuple[_Turn, ...])
        tags = msgspec.convert(data.get("tags", []), tuple[str, ...])
        name, source = msgspec.convert([data.get("id"), data.get("source")], tuple[str | None, str | None])
    except msgspec.ValidationError as error:
        reason = (
            f'{error}; prompts, ids and sources are texts, tags a list of texts, messages have "role" and "content"'
        )
        raise ConfigError(reason, file=str(file), line=line) from None
    return _Row(line, messages, data.get("reference"), tags, name, source)


def _read_csv(text: str, file: Path, kind: AnyKind) -> Iterator[_Row]:
    head = text.split("\n", 1)[0]
    # Spreadsheets in many countries write semicolons.
    delimiter = next((mark for mark in ",;\t" if re.search(rf"\bprompt\"?\s*{mark}", head)), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            if columns is None:
                columns = _header(cells, file)
            elif any(cell.strip() for cell in cells):
                yield _csv_row(dict(zip(columns, _full(cells, columns, file, line), strict=True)), file, line, kind)
            line = reader.line_num + 1
    except csv.Error as error:
        reason = (
            f'not CSV: {error}; put quotes around a text that has commas or line breaks, and double quotes in it ("")'
        )
        raise ConfigError(reason, file=str(file), line=line) from None


def _header(cells: list[str], file: Path) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    unknown = next((column for column in columns if column not in _COLUMNS), None)
    if unknown is not None or "prompt" not in columns or len(set(columns)) < len(columns):
        hint = f"; unknown column {unknown!r}{suggestion(unknown, _COLUMNS)}" if unknown is not None else ""
        reason = f"the first line names the columns: prompt,reference,tags (and id, source if you like){hint}"
        raise ConfigError(reason, file=str(file), line=1)
    return columns


def _full(cells: list[str], columns: list[str], file: Path, line: int) -> list[str]:
    if len(cells) > len(columns):
        reason = (
            f"{len(cells)} cells where the first line names {len(columns)} columns:"
            " put quotes around a text that has a comma in it"
        )
        raise ConfigError(reason, file=str(file), line=line)
    begun = next((cell for cell in cells[1:] if cell.startswith(" ") and cell.strip()), None)
    if begun is not None:
        reason = (
            f"the cell {begun!r} begins with a space: if the comma before it belongs to a text, put quotes around that"
            " text; if not, take the space away"
        )
        raise ConfigError(reason, file=str(file), line=line)
    return cells + [""] * (len(columns) - len(cells))


def _csv_row(cells: dict[str, str], file: Path, line: int, kind: AnyKind) -> _Row:
    said = cells.get("reference", "").strip()
    try:
        reference = kind.from_cell(said) if said else None
    except ValueError as error:
        raise ConfigError(str(error), file=str(file), line=line) from None
    tags = tuple(filter(None, re.split(r"[;,|\s]+", cells.get("tags", ""))))
    messages = (_Turn("user", cells["prompt"]),)
    return _Row(line, messages, reference, tags, cells.get("id", "").strip() or None, cells.get("source") or None)


def _cases(rows: list[_Row], file: Path, kind: AnyKind) -> tuple[Case, ...]:
    if not rows:
        raise ConfigError("there are no cases; write at least one", file=str(file))
    if len(rows) > CASES_MAX:
        raise ConfigError(f"more than {CASES_MAX:,} cases: split the suite", file=str(file), line=rows[CASES_MAX].line)
    cases: list[Case] = []
    lines: dict[str, int] = {}
    for row in rows:
        if not row.messages or row.messages[-1].role != "user" or not row.messages[-1].content.strip():
            reason = (
                "the prompt is empty" if len(row.messages) == 1 else "messages end with one of the user's, not empty"
            )
            raise ConfigError(reason, file=str(file), line=row.line)
        name = row.id or _made_id(row)
        if name in lines:
            what = f"the id {name!r}" if row.id else "the same prompt"
            reason = f"line {lines[name]} has {what} too: give each case an id of its own"
            raise ConfigError(reason, file=str(file), line=row.line)
        if problem := kind.problem(row.reference):
            raise ConfigError(f"the case cannot be scored: {problem}", file=str(file), line=row.line)
        lines[name] = row.line
        messages = tuple(Message(turn.role, (TextPart(turn.content),)) for turn in row.messages)
        cases.append(Case(name, messages, row.reference, row.tags, row.source))
    return tuple(cases)


def _made_id(row: _Row) -> str:
    """An id that stays the same when cases are added, moved or given another reference."""
    return hashlib.sha256(msgspec.json.encode(row.messages)).hexdigest()[:8]


def _digest(suite: Suite) -> str:
    kind = kind_of(suite.scorer)
    decides = {
        "scorer": [suite.scorer.kind, kind.version, msgspec.to_builtins(kind)],
        "settings": [suite.system, suite.max_tokens, suite.temperature],
        "cases": sorted(
            ([case.id, msgspec.to_builtins(case.messages), case.reference, case.source] for case in suite.cases),
            key=lambda case: str(case[0]),
        ),
    }
    return hashlib.sha256(msgspec.json.encode(decides, order="sorted")).hexdigest()
