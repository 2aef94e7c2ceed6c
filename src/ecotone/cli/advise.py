"""`ecotone advise`: open or closed, and which? For stated work, with the reasons."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec
import typer
from rich.cells import cell_len
from rich.markup import escape

from ecotone.catalog.organisation import Organisation
from ecotone.catalog.quality import WORK
from ecotone.cli.output import out, print_json, print_table, say, visible
from ecotone.evaluation.advice.adviser import Adviser
from ecotone.evaluation.advice.answer import Advice
from ecotone.evaluation.advice.document import Document, Items, Section, Table, Text, as_markdown
from ecotone.evaluation.advice.document_html import as_html
from ecotone.evaluation.advice.export import FOOTER, as_data, as_toml
from ecotone.evaluation.advice.query import DEFAULT_WORK
from ecotone.evaluation.advice.question import (
    LOCK_IN_FACTORS,
    Assumptions,
    Need,
    Question,
    Switching,
    Weights,
    Work,
    problems,
    read_question,
)
from ecotone.evaluation.advice.report import report
from ecotone.gateway.build import load_config
from ecotone.gateway.settings.paths import find_config, find_home
from ecotone.gateway.settings.toml_file import suggestion
from ecotone.values.errors import ConfigError, SetupError


class Flags(msgspec.Struct, frozen=True):
    """What the command line says; None and () say nothing."""

    category: str | None = None
    suite: str | None = None
    requests: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    needs: tuple[str, ...] = ()
    stays: bool | None = None
    regions: tuple[str, ...] = ()
    retention_days: int | None = None
    budget: str | None = None
    first_token_ms: int | None = None
    switching: str | None = None
    data_class: str | None = None
    only: str | None = None
    vendors: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    weigh: tuple[str, ...] = ()
    assume: tuple[str, ...] = ()

    @property
    def given(self) -> bool:
        return self != Flags()


class Outputs(msgspec.Struct, frozen=True):
    """Where the answer goes, beside the terminal."""

    html: Path | None = None
    markdown: Path | None = None
    save: Path | None = None
    as_json: bool = False


def run(file: Path | None, flags: Flags, outputs: Outputs, config_file: Path | None) -> None:
    """Answer the question in `file`, changed by `flags`; without either, ask for it."""
    home = find_home(os.environ)
    question = _question(file, flags)
    unsaid = question.organisation == Organisation()
    organisation = load_config(find_config(config_file, home, Path.cwd())).organisation if unsaid else None
    advice = Adviser(home).answer(question, organisation=organisation, today=_today())
    _write(advice, outputs)
    if outputs.as_json:
        print_json(as_data(advice))
    else:
        _print(report(advice, drawn=False))


def _today() -> date:
    return datetime.now(UTC).date()


def _question(file: Path | None, flags: Flags) -> Question:
    if file is not None:
        base = read_question(file)
    elif flags.given or not (sys.stdin.isatty() and sys.stderr.isatty()):
        base = Question(DEFAULT_WORK)
        if not flags.given:
            say("nothing was asked, so this is 10,000 requests a month of general work; see `ecotone advise --help`")
    else:
        return _asked()
    question = _changed(base, flags)
    for path, reason in problems(question).items():
        raise SetupError(f"{'.'.join(map(str, path))}: {reason}")
    return question


def _changed(base: Question, flags: Flags) -> Question:
    tables: dict[str, dict[str, Any]] = {
        "work": {
            "category": flags.category,
            "suite": flags.suite,
            "requests_per_month": flags.requests,
            "input_tokens": flags.input_tokens,
            "output_tokens": flags.output_tokens,
            "needs": flags.needs or None,
            "switching": flags.switching,
        },
        "privacy": {
            "may_leave": None if flags.stays is None else not flags.stays,
            "regions": flags.regions or None,
            "retention_days_max": flags.retention_days,
            "data_class": flags.data_class,
        },
        "limits": {
            "monthly_usd_max": None if flags.budget is None else _money(flags.budget),
            "first_token_ms_max": flags.first_token_ms,
            "weights": flags.only,
        },
        "weights": _numbers("--weigh", Weights, "quality=5", flags.weigh),
        "assumptions": _numbers("--assume", Assumptions, "vendor-prices=0.5", flags.assume),
    }
    data = msgspec.to_builtins(base, builtin_types=(Decimal,))
    for name, table in tables.items():
        data[name].update({key: value for key, value in table.items() if value is not None})
    data["providers"] = flags.vendors or base.providers
    data["models"] = flags.models or base.models
    for words, (value, known) in {
        "--only": (flags.only, ("open", "closed")),
        "--switching": (flags.switching, tuple(LOCK_IN_FACTORS)),
        **{f"--needs {need}": (need, get_args(Need)) for need in flags.needs},
    }.items():
        if value is not None and value not in known:
            raise SetupError(f"{words}: unknown {value!r}{suggestion(value, [*known])}")
    try:
        return msgspec.convert(data, Question)
    except msgspec.ValidationError as error:
        raise SetupError(f"{error}; see `ecotone advise --help`") from None


def _money(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise SetupError(f"--budget {text}: write dollars as a number, like 500") from None


def _numbers(flag: str, table: type[msgspec.Struct], example: str, pairs: tuple[str, ...]) -> dict[str, Decimal]:
    """NAME=NUMBER pairs of a table's fields."""
    known = table.__struct_fields__
    found = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        name = name.replace("-", "_")
        try:
            found[name] = Decimal(value)
        except InvalidOperation:
            raise SetupError(f"{flag} {pair}: write it like {flag} {example}") from None
        if name not in known or not found[name].is_finite():
            raise SetupError(f"{flag} {pair}: one of {', '.join(known)} with a number, like {example}")
    return found


def _asked() -> Question:
    """The question from a person at the terminal. Each has an answer to fall back on; a wrong one is asked again."""
    say("A few questions; press Enter for what stands in brackets. A TOML file can say more: see the guide.")
    kinds = ", ".join(sorted(WORK))
    category = _ask(f"What kind of work ({kinds})?\n", "general", _category)
    requests = _ask("How many requests a month?", "10000", _count)
    sent = _ask("How many tokens has a prompt, on average (1,000 words are about 1,300)?", "1000", _count)
    written = _ask("How many tokens has an answer?", "300", _count)
    may_leave = typer.confirm("May the texts leave your own machines?", default=True, err=True)
    region = _ask("Must they stay in a region (EU, US, ...; empty: no)?", "", str.strip) if may_leave else ""
    budget = _ask("The most it may cost in a month, in US dollars (empty: no limit)?", "", _dollars)
    switching = _ask("How hard would a later switch hurt (easy, normal, hard)?", "normal", _switching)
    commercial = typer.confirm("Is the use commercial?", default=True, err=True)
    flags = Flags(
        category=category,
        requests=requests,
        input_tokens=sent,
        output_tokens=written,
        stays=not may_leave,
        regions=(region,) if region else (),
        budget=budget,
        switching=switching,
    )
    base = Question(Work(requests, sent, written), organisation=Organisation(commercial=commercial))
    return _changed(base, flags)


_Answer = TypeVar("_Answer")


def _ask(words: str, default: str, read: Callable[[str], _Answer]) -> _Answer:
    """Ask until `read` takes the answer; it raises typer.BadParameter for one that it does not."""
    answer: _Answer = typer.prompt(words, default=default, value_proc=read, show_default=bool(default), err=True)
    return answer


def _category(text: str) -> str:
    word = text.strip().lower()
    if word not in WORK:
        raise typer.BadParameter(f"unknown kind {word!r}{suggestion(word, sorted(WORK))}")
    return word


def _count(text: str) -> int:
    try:
        number = int(text.replace(",", "").replace("_", ""))
    except ValueError:
        number = 0
    if number < 1:
        raise typer.BadParameter("a whole number from 1 on")
    return number


def _dollars(text: str) -> str | None:
    amount = text.strip().lstrip("$").replace(",", "")
    try:
        fits = not amount or (Decimal(amount).is_finite() and Decimal(amount) >= 0)
    except InvalidOperation:
        fits = False
    if not fits:
        raise typer.BadParameter("a sum of dollars, like 500, or nothing")
    return amount or None


def _switching(text: str) -> Switching:
    for word in LOCK_IN_FACTORS:
        if word == text.strip().lower():
            return word
    raise typer.BadParameter(f"one of {', '.join(LOCK_IN_FACTORS)}")


def _write(advice: Advice, outputs: Outputs) -> None:
    try:
        if outputs.html is not None:
            outputs.html.write_text(as_html(report(advice), FOOTER), encoding="utf-8")
            say(f"written to {outputs.html}")
        if outputs.markdown is not None:
            outputs.markdown.write_text(as_markdown(report(advice, drawn=False)), encoding="utf-8")
            say(f"written to {outputs.markdown}")
        if outputs.save is not None:
            outputs.save.write_text(as_toml(advice.question), encoding="utf-8")
            say(f"the question is kept in {outputs.save}: `ecotone advise {outputs.save}` asks it again")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=str(error.filename)) from None


def _print(document: Document) -> None:
    out.print(escape(visible(document.title)), style="bold")
    for section in document.sections:
        _print_section(section)


def _print_section(section: Section) -> None:
    out.print()
    out.print(escape(visible(section.title)), style="bold")
    for part in section.parts:
        match part:
            case Text():
                out.print(escape(visible(part.words)), soft_wrap=False)
            case Items():
                for item in part.items:
                    out.print(escape(visible(f"- {item}")), soft_wrap=False)
            case Table():
                _print_table(part)
            case _:  # pictures and what is folded are in the HTML and JSON forms
                continue


def _print_table(table: Table) -> None:
    """Numbers flush right; without the minor columns where a terminal is too narrow for all."""
    lines = [table.heads, *table.rows]
    widths = [max(cell_len(visible(cell)) for cell in column) for column in zip(*lines, strict=True)]
    narrow = out.is_terminal and sum(widths) + 2 * (len(widths) - 1) > out.width
    shown = [column for column in range(len(widths)) if not (narrow and column in table.minor)]
    heads, *rows = (
        tuple(
            " " * (widths[column] - cell_len(visible(line[column]))) + line[column]
            if column in table.numeric
            else line[column]
            for column in shown
        )
        for line in lines
    )
    print_table(heads, rows)
