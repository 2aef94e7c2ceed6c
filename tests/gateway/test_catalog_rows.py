"""The catalog's rows: narrowed, ordered with what is unknown last, and as tables that spreadsheets may open."""

import csv
import io
from collections.abc import Callable
from datetime import date

import pytest

from ecotone.catalog.organisation import Organisation
from ecotone.gateway.inventory.catalog_rows import CatalogRow, SortKey, Wanted, catalog_csv, catalog_rows
from ecotone.gateway.inventory.csv_text import as_csv
from ecotone.gateway.inventory.model_facts import View
from ecotone.values.errors import SetupError

TODAY = date(2026, 1, 1)
VIEW = View(Organisation(), TODAY)


@pytest.mark.parametrize("sort", ["context", "rating", "released", "price", "output", "class", "verdict", "licence"])
def test_what_is_unknown_comes_last_in_both_orders(sort: SortKey) -> None:
    ahead = catalog_rows(Wanted(sort=sort), VIEW)
    back = catalog_rows(Wanted(sort=sort, reverse=True), VIEW)
    unknown: Callable[[CatalogRow], bool] = {
        "context": lambda row: row.facts.context_tokens is None,
        "rating": lambda row: row.rating is None,
        "released": lambda row: row.facts.released is None,
        "price": lambda row: row.offer is None,
        "output": lambda row: row.offer is None or row.offer.output_per_million is None,
        "class": lambda row: row.openness is None,
        "verdict": lambda row: row.facts.weights != "open",
        "licence": lambda row: row.facts.licence is None,
    }[sort]
    for rows in (ahead, back):
        flags = [unknown(row) for row in rows]
        assert flags == sorted(flags) and True in flags and False in flags
    assert {row.facts.id for row in ahead} == {row.facts.id for row in back}


def test_the_useful_order_has_the_best_longest_and_cheapest_first() -> None:
    def ends(sort: SortKey, *, reverse: bool = False) -> list[str]:
        return [row.facts.id for row in catalog_rows(Wanted(sort=sort, reverse=reverse, limit=1), VIEW)]

    # The leaderboard's first of 2025-12-17, over all votes with style control.
    assert ends("rating") == ["google/gemini-3-pro-preview"]
    longest = catalog_rows(Wanted(sort="context", limit=2), VIEW)
    shortest = catalog_rows(Wanted(sort="context", reverse=True, limit=2), VIEW)
    assert (longest[0].facts.context_tokens or 0) >= (longest[1].facts.context_tokens or 0) >= 1_000_000
    assert (shortest[0].facts.context_tokens or 0) <= (shortest[1].facts.context_tokens or 0) <= 4096
    assert catalog_rows(Wanted(sort="class", limit=1), VIEW)[0].facts.id == "ibm/granite-4.0-h-micro"


def test_licences_are_held_against_the_organisation() -> None:
    llama = Wanted(search="meta/llama-3.3-70b")
    small = View(Organisation(monthly_users=2_000, commercial=True, territories=("US",)), TODAY)
    giant = View(Organisation(monthly_users=800_000_000, commercial=True, territories=("US",)), TODAY)
    assert [row.verdict for row in catalog_rows(llama, VIEW)] == ["unknown"]
    assert [row.verdict for row in catalog_rows(llama, small)] == ["allowed with duties"]
    assert [row.verdict for row in catalog_rows(llama, giant)] == ["not allowed"]
    found = catalog_rows(Wanted(search="meta/llama-3.3-70b", verdict="not allowed"), giant)
    assert [row.facts.id for row in found] == ["meta/llama-3.3-70b-instruct"]


def test_only_what_is_known_to_be_able_fits() -> None:
    rows = catalog_rows(Wanted(can="image", weights="open"), VIEW)
    assert rows and all("image" in row.facts.input_kinds and row.facts.weights == "open" for row in rows)
    with pytest.raises(SetupError, match="did you mean mistral"):
        catalog_rows(Wanted(maker="mistrall"), VIEW)


def test_a_table_says_the_same_and_no_cell_is_a_formula() -> None:
    rows = catalog_rows(Wanted(search="ibm/granite-4.0-micro"), VIEW)
    (found,) = csv.DictReader(io.StringIO(catalog_csv(rows)))
    assert (found["id"], found["weights"], found["mof_class"], found["licence"], found["licence_verdict"]) == (
        "ibm/granite-4.0-micro",
        "open",
        "3",
        "Apache-2.0",
        "allowed",
    )
    cells = list(csv.reader(io.StringIO(as_csv(("a",), [["=1+1"], ["@x"], ["-3"], [-3], [None], [True], ['a,"b']]))))
    assert cells == [["a"], ["'=1+1"], ["'@x"], ["'-3"], ["-3"], [""], ["yes"], ['a,"b']]
