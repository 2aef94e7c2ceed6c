"""`ecotone models`: what can answer here, how open it is, what it may be used for, what it costs, where data goes."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ecotone.catalog.model_words import (
    DISCLAIMER,
    class_cell,
    count_cell,
    licence_cell,
    openness_cell,
    price_cell,
    short_licence,
    verdict_cell,
)
from ecotone.catalog.models import near_models
from ecotone.cli.installation import find_installation
from ecotone.cli.layout import Column, fitting, joined_lines, put, table_lines, terminal_columns, wrapped
from ecotone.cli.output import print_json, say
from ecotone.gateway.build import model_store
from ecotone.gateway.inventory.dossier import Here, KnownFile, survey
from ecotone.gateway.inventory.model_facts import KnownModel, KnownPlace, unsaid_facts
from ecotone.gateway.inventory.model_rows import UNNAMED, file_openness, here_data
from ecotone.values.sizes import in_bytes

_COLUMNS = (
    Column("NAME"),
    Column("OPENNESS"),
    Column("MOF", leave_out=2),
    Column("LICENCE"),
    Column("VERDICT"),
    Column("PRICE IN / OUT"),
    Column("CONTEXT", leave_out=1, right=True),
    Column("DATA GOES"),
    Column("STATE", leave_out=3),
)
_STATE = len(_COLUMNS) - 1
_BLOCK_WIDTH = 100


def look(config_file: Path | None) -> Here:
    """Read config and store, and look everything up."""
    installation = find_installation(config_file, look_around=True)
    return survey(installation, model_store(installation.home, os.environ), os.environ, datetime.now(UTC).date())


def show(config_file: Path | None, as_json: bool) -> None:
    """Print every route, every model, and model files that no config names."""
    here = look(config_file)
    if as_json:
        print_json(here_data(here))
        return
    _print_table(here)
    _hint(here)


def _print_table(here: Here) -> None:
    longest = max(map(len, here.installation.config.routes), default=0)
    rows = [(row[0].ljust(longest), *row[1:]) for model in here.models for row in _cells(model)]
    width = terminal_columns()
    kept = fitting(_COLUMNS, rows, width)
    if kept is None:
        _print_blocks(here, width or _BLOCK_WIDTH)
    else:
        lines = table_lines(_COLUMNS, rows, kept)
        put(next(lines), "dim")
        for route in _routes(here, max(len(_COLUMNS[0].head), *(len(row[0]) for row in rows)), width):
            put(route)
        for line in lines:
            put(line)
    for file in here.files:
        put(file.stored.name)
        for line in joined_lines(_file_parts(file), width or _BLOCK_WIDTH, "  "):
            put(line)
    if kept is not None and _STATE not in kept:
        for model in here.models:
            if not model.item.usable:
                say(f"{model.item.name}: {_state(model, model.places[0])}")


def _print_blocks(here: Here, width: int) -> None:
    """The same without a table, for narrow terminals: nothing is left out."""
    for route in _routes(here, 0, width):
        put(route)
    for model in here.models:
        put(model.item.name, "bold")
        for number, (place, row) in enumerate(zip(model.places, _cells(model), strict=True)):
            _, openness, mof, _, verdict, price, context, goes, state = row
            by_licence = place.judgement.of == "licence"
            licence = "licence ?" if model.licence is None else short_licence(model.licence)
            parts = (
                openness,
                mof and f"MOF class {mof}",
                "" if number or by_licence or model.weights == "closed" else licence,
                f"{licence}: {verdict}" if by_licence else f"terms: {verdict}",
                f"price {price}" if price == "?" else price,
                context and f"context {context}",
                goes,
                state,
            )
            for line in joined_lines([part for part in parts if part], width, "  "):
                put(line)


def _routes(here: Here, names: int, width: int | None) -> Iterator[str]:
    """Each route and where it leads; its name takes `names` columns as the models' names do."""
    for name, route in here.installation.config.routes.items():
        first = f"{name.ljust(names)}  → "
        yield from wrapped(", then ".join(route.models), width or sys.maxsize, first, " " * (names + 4))


def _cells(model: KnownModel) -> Iterator[tuple[str, ...]]:
    """A row for each place; what holds for the model stands in the first."""
    for number, place in enumerate(model.places):
        verdict = verdict_cell(place.judgement.verdict)
        price = "own machine" if place.own_machine else price_cell(place.offer)
        if number:
            yield "", "", "", "", verdict, price, "", place.data_goes, place.place.problem or "ready"
            continue
        yield (
            model.item.name,
            openness_cell(model.word, model.weights),
            class_cell(model.openness, model.weights),
            licence_cell(model.licence, model.weights),
            verdict,
            price,
            count_cell(model.context_tokens),
            place.data_goes,
            _state(model, place),
        )


def _state(model: KnownModel, place: KnownPlace) -> str:
    item = model.item
    if len(item.places) > 1:
        return place.place.problem or "ready"
    return item.state if item.size_bytes is None else f"{item.state}, {in_bytes(item.size_bytes)}"


def _file_parts(file: KnownFile) -> list[str]:
    facts = file.facts
    openness, word = file_openness(facts)
    licence = None if facts is None or facts.licence is None else short_licence(facts.licence)
    return [
        f"file, {in_bytes(file.stored.size)}, {UNNAMED}",
        openness_cell(word, "open"),
        f"MOF class {class_cell(openness, 'open')}",
        f"{licence or 'licence ?'}: {verdict_cell(file.judgement.verdict)}",
    ]


def _hint(here: Here) -> None:
    for vendor in here.installation.vendors:
        say(f"{vendor.key_env} is set: any model of {vendor.title} answers as {vendor.name}/NAME")
    if any(model.item.state == "not pulled" for model in here.models):
        say("fetch a model that is not pulled with `ecotone pull NAME`; `ecotone up` does it by itself")
    _hint_at_joins(here)
    places = [place for model in here.models for place in model.places]
    unsaid = unsaid_facts([*(place.judgement for place in places), *(file.judgement for file in here.files)])
    if unsaid:
        say(f"verdicts that are unknown turn on what [organisation] in the config does not say: {', '.join(unsaid)}")
    say(f"prices: US dollars per million tokens. {DISCLAIMER} Why: `ecotone models show NAME`")


def _hint_at_joins(here: Here) -> None:
    lost = []
    for model in here.models:
        for join in {place.join.text: place.join for place in model.places}.values():
            if join.id is None and join.stated:
                near = ", ".join(near_models(join.text, here.view.newer)) or "see `ecotone models --all`"
                say(f"{model.item.name}: the catalog has no model {join.text!r}; near names: {near}")
            elif join.id is None and model.item.name not in lost:
                lost.append(model.item.name)
    if lost:
        say(
            f"not certain which model of the catalog this is: {', '.join(lost)}; say it with catalog = "
            '"MAKER/MODEL" in the config (`ecotone models --all --search WORD` finds it)'
        )
