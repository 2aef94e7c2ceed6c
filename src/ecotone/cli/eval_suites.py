"""`ecotone eval`: suites that come with Ecotone, that are begun from an example, added and deleted."""

import os
from pathlib import Path
from typing import cast, get_args

import msgspec

from ecotone.cli.output import check_sure, print_json, print_table, say
from ecotone.evaluation.added_suites import AddedSuites, CasesForm
from ecotone.evaluation.cases import Suite
from ecotone.evaluation.example import write_example
from ecotone.evaluation.suites import bundled_suites, load_bundled, load_suite
from ecotone.gateway.settings.paths import find_home
from ecotone.values.errors import EcotoneError, SetupError


def new(folder: Path) -> None:
    """Write the example suite."""
    write_example(folder)
    say(f"wrote {folder / 'suite.toml'} and {folder / 'cases.csv'}; change them, then")
    say(f"  ecotone eval run --suite {folder} -m MODEL")


def suites(as_json: bool) -> None:
    """List the suites that can be run by name."""
    loaded = [("bundled", load_bundled(name)) for name in bundled_suites()]
    added = _added()
    for name in added.names():
        try:
            loaded.append(("added", added.load(name)))
        except EcotoneError as error:
            say(f"left out: {error.message}")
    if as_json:
        print_json({"suites": [{"place": place, **_facts(suite)} for place, suite in loaded]})
        return
    print_table(
        ("SUITE", "CATEGORY", "CASES", "A RUN TAKES", "SCORED BY", "LICENCE", "WHAT"),
        [
            (
                suite.name,
                suite.category,
                f"{len(suite.cases):,}",
                f"{min(suite.limit or len(suite.cases), len(suite.cases)):,}",
                suite.scorer.kind,
                suite.licence,
                suite.title if place == "bundled" else f"{suite.title} (yours)",
            )
            for place, suite in loaded
        ],
    )


def _facts(suite: Suite) -> dict[str, object]:
    told = {key: value for key, value in msgspec.to_builtins(suite).items() if key != "cases"}
    return {**told, "cases": len(suite.cases)}


def _added() -> AddedSuites:
    return AddedSuites(find_home(os.environ).suites)


def add(path: Path, name: str | None, scorer: str | None, as_json: bool) -> None:
    """Keep a copy of the suite in a folder, or of the one that a file of cases makes."""
    if path.is_dir():
        if scorer is not None:
            raise SetupError(f"how replies are scored is said in {path / 'suite.toml'}: leave --scorer out")
        loaded = load_suite(path)
        called = name or loaded.name
        file = next(found for form in get_args(CasesForm) if (found := path / f"cases.{form}").is_file())
        settings = _read(path / "suite.toml")
    else:
        called, file = name or path.stem, path
        settings = f'[scorer]\nkind = "{scorer or "contains"}"\n'.encode()
    form = file.suffix.removeprefix(".").lower()
    if form not in get_args(CasesForm):
        raise SetupError(f"{file} ends in neither .csv nor .jsonl, so its form is not known: rename it")
    suite = _added().add(_read(file), cast("CasesForm", form), settings, called, str(file))
    if as_json:
        print_json({"suite": _facts(suite)})
    else:
        say(f"added {suite.name} with {len(suite.cases):,} cases; run it with")
        say(f"  ecotone eval run --suite {suite.name} -m MODEL")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SetupError(f"{file} cannot be read: {error.strerror}") from None


def delete(name: str, *, sure: bool) -> None:
    """Delete a suite that was added, once the person is sure."""
    added = _added()
    if name not in added.names():
        there = ", ".join(added.names()) or "none"
        raise SetupError(f"there is no suite {name!r} that was added; there are: {there}")
    check_sure(
        f"Delete suite {name} with its cases? Runs that were made with it stay. This cannot be undone.", sure=sure
    )
    added.delete(name)
    say(f"deleted suite {name}")
