"""`ecotone models --all`: the whole catalog, to choose from."""

from datetime import UTC, datetime
from pathlib import Path

from ecotone.catalog.model_words import (
    class_cell,
    count_cell,
    licence_cell,
    openness_cell,
    price_cell,
    rating_cell,
    verdict_cell,
)
from ecotone.catalog.models import all_models
from ecotone.catalog.quality import SNAPSHOT
from ecotone.cli.installation import find_installation
from ecotone.cli.layout import Column, fitting, put, table_lines, terminal_columns
from ecotone.cli.output import print_json, say
from ecotone.gateway.inventory.catalog_rows import CatalogRow, SortKey, Wanted, catalog_data, catalog_rows
from ecotone.gateway.inventory.dossier import view_of

_COLUMNS = (
    Column("MODEL"),
    Column("OPENNESS", leave_out=0),
    Column("MOF", leave_out=6),
    Column("LICENCE", leave_out=4),
    Column("VERDICT", leave_out=8),
    Column("PRICE IN / OUT", leave_out=1),
    Column("CHEAPEST AT", leave_out=5),
    Column("CONTEXT", leave_out=3, right=True),
    Column("RATING", leave_out=2),
    Column("RELEASED", leave_out=7),
)
_SORTED_BY: dict[SortKey, str] = {
    "name": "MODEL",
    "openness": "OPENNESS",
    "class": "MOF",
    "licence": "LICENCE",
    "verdict": "VERDICT",
    "price": "PRICE IN / OUT",
    "output": "PRICE IN / OUT",
    "context": "CONTEXT",
    "rating": "RATING",
    "released": "RELEASED",
}


def show(wanted: Wanted, config_file: Path | None, as_json: bool) -> None:
    """Print the models that fit."""
    here = find_installation(config_file, look_around=False)
    view = view_of(here, datetime.now(UTC).date())
    rows = catalog_rows(wanted, view)
    if as_json:
        print_json(catalog_data(rows, view))
        return
    _print_table(rows, wanted)
    shown = f"{len(rows)} of the catalog's {len(all_models(view.newer))} models"
    say(f"{shown}; ratings: {SNAPSHOT.source} of {SNAPSHOT.as_of}, 95 % interval; all of one: `ecotone models show ID`")


def _print_table(rows: list[CatalogRow], wanted: Wanted) -> None:
    kept_always = {_SORTED_BY[wanted.sort], *(() if wanted.verdict is None else ("VERDICT",))}
    columns = [Column(row.head, None if row.head in kept_always else row.leave_out, row.right) for row in _COLUMNS]
    cells = [_cells(row) for row in rows]
    if not cells:
        return
    everything = tuple(range(len(columns)))
    kept = fitting(columns, cells, terminal_columns()) or everything[:1]
    lines = table_lines(columns, cells, kept)
    put(next(lines), "dim")
    for line in lines:
        put(line)
    missing = [columns[place].head for place in everything if place not in kept]
    if missing:
        say(f"no room here for {', '.join(missing)}: a wider terminal, or --json, has them")


def _cells(row: CatalogRow) -> tuple[str, ...]:
    facts = row.facts
    return (
        facts.id,
        openness_cell(row.word, facts.weights),
        class_cell(row.openness, facts.weights),
        licence_cell(facts.licence, facts.weights),
        "" if row.judgement is None else verdict_cell(row.judgement.verdict),
        price_cell(row.offer),
        "" if row.offer is None else row.offer.provider,
        count_cell(facts.context_tokens),
        rating_cell(row.rating),
        facts.released or "?",
    )
