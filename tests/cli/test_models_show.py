"""`ecotone models show`, `ecotone models --all`, and how tables fit the terminal."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.cells import cell_len

from ecotone.catalog.model_words import short_licence, usd, verdict_cell
from ecotone.catalog.verdicts import Reason, Verdict
from ecotone.cli.layout import Column, fitting, joined_lines, table_lines
from ecotone.cli.model_page import print_page
from ecotone.cli.models import look
from ecotone.gateway.inventory.dossier import gather
from tests.cli.in_process import InProcess, in_process

LLAMA = """
[models.llama]
provider = "vllm"
name = "meta-llama/Llama-3.3-70B-Instruct"
base_url = "http://gpu1:8000/v1"
hosting = "self-hosted"
"""
GIANT = """
[organisation]
commercial = true
monthly_users = 800_000_000
territories = ["US"]
"""
START_UP = GIANT.replace("800_000_000", "2_000")
CAP = "2. Additional Commercial Terms"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    return in_process(tmp_path, monkeypatch)


def test_a_licence_that_forbids_names_the_clause(shell: InProcess) -> None:
    shell.config(GIANT + LLAMA)
    table = shell.run("models")
    assert " ".join(table.out.splitlines()[1].split()) == (
        "llama ● restricted ? llama-3.3 not allowed own machine 128,000 your server gpu1 ready"
    )
    page = shell.run("models", "show", "llama").out
    assert "  for you         not allowed\n" in page
    assert "800,000,000 monthly users" in page and CAP in " ".join(page.split())
    data = json.loads(shell.run("models", "show", "llama", "--json").out)
    assert data["licence"]["status"] == "not allowed"
    assert [reason["citation"]["section"] for reason in data["licence"]["reasons"]] == [CAP]
    assert data["model"]["id"] == "meta/llama-3.3-70b-instruct"
    assert data["joined"] == {
        "id": "meta/llama-3.3-70b-instruct",
        "stated": False,
        "text": "meta-llama/Llama-3.3-70B-Instruct",
    }


def test_the_same_licence_below_its_cap_demands_duties(shell: InProcess) -> None:
    shell.config(START_UP + LLAMA)
    data = json.loads(shell.run("models", "show", "llama", "--json").out)
    assert data["licence"]["status"] == "allowed with duties"
    assert any("Built with Llama" in duty["text"] for duty in data["licence"]["duties"])
    page = " ".join(shell.run("models", "show", "llama").out.split())
    assert "for you allowed with duties" in page
    assert page.count("“Built with Llama”") == 1


def test_an_organisation_that_says_nothing_is_told_what_to_say(shell: InProcess) -> None:
    shell.config(LLAMA)
    done = shell.run("models")
    assert " unknown " in done.out.splitlines()[1]
    assert "what [organisation] in the config does not say: monthly_users" in done.err


def test_the_model_inside_ecotone_stays_here(shell: InProcess) -> None:
    done = shell.run("models", "show", "smollm2-135m-instruct")
    page = " ".join(done.out.split())
    assert "● open weights · Apache License 2.0 · licence verdict: allowed" in page
    assert "inside Ecotone; data: stays here; own machine; not pulled, 98.4 MB" in page
    assert "huggingface/smollm2-135m-instruct, guessed from 'SmolLM2-135M-Instruct.Q4_1.gguf'" in page
    assert "released unknown" in page and "offers unknown" in page and "ratings unknown" in page
    assert "not legal advice" in page


def test_a_closed_model_has_terms_instead_of_a_licence(shell: InProcess) -> None:
    shell.config('[models.big]\nprovider = "openai"\nname = "gpt-4o"\n')
    page = shell.run("models", "show", "big").out
    assert page.startswith("GPT-4o  openai/gpt-4o\n○ API only\n")
    assert "  licence         none: the weights cannot be had, so the vendor's terms count\n" in page
    assert "  MOF class       none: " in page
    assert "OpenAI (OpenAI API under the Services Agreement" in page
    assert "https://developers.openai.com/api/docs/guides/your-data\n" in page
    data = json.loads(shell.run("models", "show", "big", "--json").out)
    vendor = data["vendors"][0]
    assert (vendor["vendor"], vendor["here"], vendor["terms"]["retention_days"]["value"]) == ("openai", True, 30)
    assert set(vendor["terms"]["residency"]) == {"value", "text", "source", "section", "condition", "stale"}
    offer = next(row for row in data["offers"] if row["provider"] == "openai" and row["name_there"] == "gpt-4o")
    assert (offer["input_per_million"], offer["output_per_million"]) == ("2.5", "10")
    assert data["licence"]["facts"] is None


def test_a_model_of_the_catalog_by_any_of_its_names(shell: InProcess) -> None:
    names = ("meta/llama-3.3-70b-instruct", "groq/llama-3.3-70b-versatile", "Llama-3.3-70B-Instruct-Turbo")
    found = [json.loads(shell.run("models", "show", name, "--json").out) for name in names]
    assert [data["model"]["id"] for data in found] == ["meta/llama-3.3-70b-instruct"] * 3
    assert all(data["joined"] is None and data["here"] == [] for data in found)


def test_how_open_a_described_model_is(shell: InProcess) -> None:
    data = json.loads(shell.run("models", "show", "ibm/granite-4.0-h-small", "--json").out)
    assert (data["openness"]["mof_class"], data["openness"]["progress"]) == (3, {"1": 0, "2": 60, "3": 100})
    page = shell.run("models", "show", "ibm/granite-4.0-h-small").out
    assert "  MOF class       Class III - Open Model\n" in page
    assert "60 % of class II\n" in page
    assert "  to class II     it lacks " in page
    assert "  OSAID 1.0       not met" in page


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("llama-3.3-70b", "near names: "),
        ("frontie", "near names: frontier"),
        ("zzqq", "`ecotone models --all` lists the catalog"),
        ("assistant", "'assistant' is a route to frontier; show one of these"),
    ],
)
def test_a_name_that_nobody_has(shell: InProcess, name: str, says: str) -> None:
    shell.config('[models.frontier]\nprovider = "openai"\nname = "gpt-4o"\n[routes.assistant]\nmodels = ["frontier"]\n')
    done = shell.run("models", "show", name)
    assert (done.code, done.out) == (1, "")
    assert says in done.err


def test_the_catalog_key_settles_what_a_model_is(shell: InProcess) -> None:
    shell.config(
        LLAMA.replace("meta-llama/Llama-3.3-70B-Instruct", "house") + 'catalog = "meta/llama-3.3-70b-instruct"\n'
    )
    page = " ".join(shell.run("models", "show", "llama").out.split())
    assert "catalog meta/llama-3.3-70b-instruct, as the config says" in page
    shell.config(LLAMA + 'catalog = "meta/llama-3.3-70b-instrct"\n')
    done = shell.run("models")
    assert "llama: the catalog has no model 'meta/llama-3.3-70b-instrct'; near names: meta/llama-3.3-70b-in" in done.err
    page = shell.run("models", "show", "llama").out
    assert "the catalog has no model 'meta/llama-3.3-70b-instrct'" in page
    assert "  facts           unknown\n" in page


def test_a_file_under_a_closed_models_name_is_not_that_model(shell: InProcess) -> None:
    (shell.folder / "mine.gguf").write_bytes(b"")
    shell.config('[models.gpt-4o]\nengine = "llama.cpp"\nsource = "file:mine.gguf"\n')
    row = json.loads(shell.run("models", "--json").out)["models"][0]
    assert (row["weights"], row["openness"], row["places"][0]["catalog"]["id"]) == ("open", None, None)


def test_prices_are_not_told_of_an_address_that_is_not_the_providers(shell: InProcess) -> None:
    shell.config('[models.big]\nprovider = "openai"\nname = "gpt-4o"\nbase_url = "https://proxy.example.com/v1"\n')
    place = json.loads(shell.run("models", "--json").out)["models"][0]["places"][0]
    assert (place["price"], place["data_goes"]) == (None, "OpenAI by proxy.example.com")


def test_a_refreshed_listing_counts(shell: InProcess) -> None:
    folder = shell.home / "catalog"
    folder.mkdir(parents=True)
    offer = {"provider": "openai", "name_there": "anvil", "model": "acme/anvil"}
    listing = {
        "source": "models.dev",
        "address": "https://models.dev/api.json",
        "as_of": "2099-01-01",
        "licence": "MIT",
        "models": [{"id": "acme/anvil", "name": "Anvil", "open_weights": False}],
        "offers": [{**offer, "prices": [{"prices": {"input": "1.5", "output": "0.075"}}]}],
    }
    (folder / "models_dev.json").write_text(json.dumps(listing))
    page = shell.run("models", "show", "acme/anvil").out
    assert page.startswith("Anvil  acme/anvil\n")
    assert "  OpenAI  anvil       $1.50  $0.075" in page
    rows = json.loads(shell.run("models", "--all", "--maker", "acme", "--json").out)["models"]
    assert [(row["id"], row["cheapest"]["provider"]) for row in rows] == [("acme/anvil", "openai")]


def test_the_whole_catalog_narrowed_and_sorted(shell: InProcess) -> None:
    def listed(*arguments: str) -> list[dict[str, Any]]:
        found = json.loads(shell.run("models", "--all", *arguments, "--json").out)
        rows: list[dict[str, Any]] = found["models"]
        return rows

    everything = listed()
    assert len(everything) > 500
    assert [row["id"] for row in everything] == sorted(str(row["id"]) for row in everything)
    closed = listed("--closed", "--maker", "OpenAI", "--sort", "rating", "--limit", "5")
    assert len(closed) == 5
    assert {(row["weights"], row["maker"]) for row in closed} == {("closed", "openai")}
    points = [row["rating"]["rating"] for row in closed]
    assert points == sorted(points, reverse=True)
    llamas = listed("--open", "--search", "LLAMA 3.3 70b")
    assert [row["id"] for row in llamas] == ["meta/llama-3.3-70b-instruct"]
    newest = listed("--sort", "released", "--limit", "20")
    days = [str(row["released"]) for row in newest]
    assert days == sorted(days, reverse=True)
    cheap = listed("--sort", "price", "--limit", "1")
    assert Decimal(cheap[0]["cheapest"]["input_per_million"]) <= Decimal("0.02")


def test_nothing_that_fits_and_no_such_maker(shell: InProcess) -> None:
    done = shell.run("models", "--all", "--search", "no such words")
    assert (done.code, done.out) == (0, "")
    assert "0 of the catalog's" in done.err
    done = shell.run("models", "--all", "--maker", "antropic")
    assert (done.code, done.out) == (1, "")
    assert "the catalog has no maker 'antropic'; did you mean anthropic" in done.err


def test_columns_that_have_no_room_are_named(shell: InProcess) -> None:
    shell.variables["COLUMNS"] = "80"
    narrow = shell.run("models", "--all", "--sort", "released", "--limit", "3", "--maker", "meta")
    assert narrow.out.splitlines()[0].split() == ["MODEL", "OPENNESS", "PRICE", "IN", "/", "OUT", "RELEASED"]
    assert "no room here for MOF, LICENCE, VERDICT, CHEAPEST AT, CONTEXT, RATING: " in narrow.err
    # What the list is ordered by, or chosen by, is there to be seen.
    for asked in (("--sort", "verdict"), ("--verdict", "allowed")):
        found = shell.run("models", "--all", *asked, "--limit", "3", "--maker", "mistral")
        head, *rows = found.out.splitlines()
        assert "VERDICT" in head.split() and len(rows) == 3
        assert all("allowed" in row.split() for row in rows)
    assert "CONTEXT" in shell.run("models", "--all", "--sort", "context", "--limit", "3").out
    shell.variables["COLUMNS"] = "200"
    wide = shell.run("models", "--all", "--limit", "3")
    assert "no room" not in wide.err
    assert "CHEAPEST AT" in wide.out


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_no_line_is_longer_than_the_terminal(shell: InProcess, width: int) -> None:
    shell.config(
        START_UP
        + LLAMA
        + '[[models.many.endpoints]]\nprovider = "groq"\nname = "openai/gpt-oss-120b"\n'
        + '[[models.many.endpoints]]\nprovider = "openrouter"\nname = "openai/gpt-oss-120b"\n'
        + '[routes.assistant]\nmodels = ["llama", "many"]\n'
    )
    shell.variables["COLUMNS"] = str(width)
    for command in (("models",), ("models", "--all"), ("models", "show", "many")):
        lines = shell.run(*command).out.splitlines()
        assert len(lines) > 4
        # An address is never broken: it could not be followed.
        assert [line for line in lines if cell_len(line) > width and "://" not in line] == []


def test_a_narrow_terminal_gets_everything_in_blocks(shell: InProcess) -> None:
    shell.config(START_UP + LLAMA + '[routes.assistant]\nmodels = ["llama"]\n')
    shell.variables["COLUMNS"] = "50"
    assert shell.run("models").out.splitlines() == [
        "assistant  → llama",
        "llama",
        "  ● restricted · MOF class ? · llama-3.3: 7 duties",
        "  own machine · context 128,000 · your server gpu1",
        "  ready",
    ]


def test_old_terms_are_marked_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ECOTONE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")
    file = tmp_path / "ecotone.toml"
    file.write_text('[models.big]\nprovider = "openai"\nname = "gpt-4o"\n')
    found = gather("big", look(file))
    print_page(msgspec.structs.replace(found, today=date(2026, 11, 23)))
    assert "STALE" not in capsys.readouterr().out
    print_page(msgspec.structs.replace(found, today=date(2027, 12, 1)))
    assert "STALE: older than 180 days" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("price", "told"),
    [("0.6", "$0.60"), ("10", "$10.00"), ("0.075", "$0.075"), ("1E+2", "$100.00"), ("0", "$0.00"), (None, "?")],
)
def test_prices_for_people(price: str | None, told: str) -> None:
    assert usd(None if price is None else Decimal(price)) == told


@pytest.mark.parametrize(
    ("licence", "short"),
    [
        ("Apache-2.0", "Apache-2.0"),
        ("LicenseRef-scancode-llama-3.3-license-2024", "llama-3.3"),
        ("LicenseRef-scancode-gemma-tou-2025-03-24", "gemma"),
        ("LicenseRef-scancode-deepseek-la-1.0", "deepseek-la-1.0"),
        ("LicenseRef-ecotone-mistral-research-0.1", "mistral-research-0.1"),
        ("LicenseRef-scancode-moonshot-ai-modified-mit-2025", "moonshot-ai-modified-mit"),
    ],
)
def test_licences_in_few_letters(licence: str, short: str) -> None:
    assert short_licence(licence) == short


def test_verdicts_in_few_words() -> None:
    duty = Reason("do it")
    assert verdict_cell(Verdict("allowed")) == "allowed"
    assert verdict_cell(Verdict("allowed with duties", duties=(duty,))) == "1 duty"
    assert verdict_cell(Verdict("allowed with duties", duties=(duty, Reason("do more")))) == "2 duties"
    assert verdict_cell(Verdict("not allowed", (duty,))) == "not allowed"
    assert verdict_cell(Verdict("unknown", (), (duty,))) == "unknown"


def test_a_table_leaves_out_what_is_less_needed() -> None:
    columns = (Column("NAME"), Column("SIZE", leave_out=1, right=True), Column("NOTE", leave_out=2))
    rows = [("a", "10", "日本語"), ("long", "1,000", "")]
    assert fitting(columns, rows, None) == (0, 1, 2)
    assert fitting(columns, rows, 19) == (0, 1, 2)  # 4 + 2 + 5 + 2 + 6
    assert fitting(columns, rows, 18) == (0, 1)
    assert fitting(columns, rows, 10) == (0,)
    assert fitting(columns, rows, 3) is None
    assert list(table_lines(columns, rows, (0, 1, 2))) == [
        "NAME   SIZE  NOTE",
        "a        10  日本語",
        "long  1,000",
    ]


def test_parts_are_not_broken() -> None:
    assert list(joined_lines(["one two", "three", "four"], 17, "  ")) == ["  one two · three", "  four"]
    assert list(joined_lines(["longer than the line"], 5, "")) == ["longer than the line"]
    assert list(joined_lines([], 5, "")) == []
