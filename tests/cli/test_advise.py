"""`ecotone advise` as a user has it: flags, a file, a form; terminal, JSON, Markdown, HTML."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import ecotone.evaluation
from tests.cli.in_process import InProcess, in_process
from tests.cli.terminal import Done, Shell, screen

SCENARIOS = Path(ecotone.evaluation.__file__).parent / "data" / "questions"
# A question with few options, so that it is quick.
FEW = ("-m", "anthropic/claude-haiku-4-5", "-m", "openai/gpt-oss-20b", "--vendor", "anthropic", "--vendor", "groq")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    return in_process(tmp_path, monkeypatch)


async def answered(shell: Shell, *arguments: str) -> dict[str, Any]:
    done = await shell.run("advise", *arguments, "--json")
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def refused(done: Done) -> str:
    """What a mistake is answered with: one line on stderr, nothing on stdout."""
    assert done.code == 1
    assert done.out == ""
    assert done.err.startswith("ecotone: ")
    assert done.err.count("\n") == 1
    return done.err


async def test_json_has_everything(shell: Shell) -> None:
    found = await answered(shell, str(SCENARIOS / "chatbot.toml"))
    assert set(found) == {
        "question",
        "today",
        "ranked",
        "undecided",
        "fallen",
        "other_places",
        "best_rating",
        "break_evens",
        "flips",
        "relaxed",
        "notes",
    }
    first = found["ranked"][0]
    assert first["key"] == "together/Qwen/Qwen3-235B-A22B-Instruct-2507-tput"
    assert (first["rank"], first["place"], first["weights"]) == (1, "together", "open")
    assert float(first["monthly_usd"]) == 15_500
    assert {"low", "high", "source", "as_of"} <= set(first["quality"])
    assert set(first["values"]) == {"quality", "cost", "lock_in", "openness"}
    assert first["arithmetic"]
    assert first["duties"][0]["citation"]["source"].startswith("https://")
    assert found["question"]["weights"]["quality"] == "5"
    own = next(row for row in found["break_evens"] if row["vendor"] == "groq/openai/gpt-oss-120b")
    assert (own["requests"], own["always_from"]) == ("57000000.00", "114000000.00")
    assert found["flips"][0]["then"] == "1.49"
    growth = next(row for row in found["flips"] if row["assumption"] == "requests a month")
    assert growth["then"] == "130000000"
    assert growth["because"]
    assert found["fallen"][0]["why"]


async def test_flags_change_a_file(shell: Shell) -> None:
    file = str(SCENARIOS / "chatbot.toml")
    found = await answered(
        shell,
        file,
        *("--requests", "1000", "--budget", "12.50", "--weigh", "lock-in=2", "--weigh", "quality=7"),
        *("--switching", "hard", "--data-class", "public", "--first-token-ms", "900", "--only", "open"),
        *("--region", "US", "--retention-days", "30", "--needs", "tools", "--needs", "json"),
    )
    question = found["question"]
    assert question["work"]["requests_per_month"] == 1000
    assert question["work"]["input_tokens"] == 800
    assert (question["work"]["switching"], question["work"]["needs"]) == ("hard", ["tools", "json"])
    assert question["limits"] == {
        "monthly_usd_max": "12.50",
        "rating_min": None,
        "score_min": None,
        "first_token_ms_max": 900,
        "tokens_per_s_min": None,
        "weights": "open",
    }
    assert question["privacy"]["data_class"] == "public"
    assert (question["privacy"]["regions"], question["privacy"]["retention_days_max"]) == (["US"], 30)
    assert question["weights"] == {"quality": "7", "cost": "3", "lock_in": "2", "openness": "0"}
    assert [machine["name"] for machine in question["machines"]] == ["eight H100, rented"]


async def test_texts_that_stay_leave_no_vendor(shell: Shell) -> None:
    found = await answered(shell, *FEW, "--stays")
    assert found["ranked"] == []
    assert all("may not leave" in row["why"][0]["text"] for row in found["fallen"])


async def test_what_if_prices_were_half(shell: Shell) -> None:
    today = {row["key"]: Decimal(row["monthly_usd"]) for row in (await answered(shell, *FEW))["ranked"]}
    halved = (await answered(shell, *FEW, "--assume", "vendor-prices=0.5"))["ranked"]
    assert today
    assert {row["key"]: 2 * Decimal(row["monthly_usd"]) for row in halved} == today


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--category", "codng"), "unknown category 'codng'; did you mean 'coding'?"),
        (("--category", "zzz"), "known: "),
        (("--weigh", "junk"), "write it like --weigh quality=5"),
        (("--weigh", "price=5"), "one of quality, cost, lock_in, openness"),
        (("--weigh", "quality=nan"), "with a number"),
        (("--weigh", "quality=-1"), "cannot be negative"),
        (("--weigh", "quality=0", "--weigh", "cost=0", "--weigh", "lock-in=0"), "at least one weight"),
        (("--assume", "vendor-prices=0"), "above 0"),
        (("--assume", "prices=2"), "one of vendor_prices, machine_costs, machine_speeds"),
        (("--budget", "junk"), "--budget junk: write dollars as a number"),
        (("--budget=-5",), "cannot be negative"),
        (("--budget", "nan"), "not a number"),
        (("--only", "maybe"), "known: open, closed"),
        (("--needs", "flight"), "known: tools"),
        (("--switching", "never"), "known: easy, normal, hard"),
        (("--vendor", "opnai"), "did you mean 'openai'?"),
        (("-m", "openai/gpt-5.11"), "openai/gpt-5.1"),
        (("--region", "Europe"), "two letters"),
        (("--suite", "never-measured"), "ecotone eval run --suite never-measured"),
        (("none.toml",), "there is no such file"),
        ((".",), "cannot be read"),
    ],
)
def test_mistakes_say_what_to_do(here: InProcess, arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(here.run("advise", *arguments))


async def test_a_mistake_ends_a_process_with_one_line_too(shell: Shell) -> None:
    assert "did you mean 'coding'?" in refused(await shell.run("advise", "--category", "codng"))


@pytest.mark.parametrize("option", ["--requests", "--input-tokens", "--output-tokens", "--first-token-ms"])
def test_sizes_are_at_least_one(here: InProcess, option: str) -> None:
    done = here.run("advise", f"{option}=-3")
    assert done.code == 2
    assert done.out == ""
    assert "Invalid value" in done.err


@pytest.mark.parametrize("option", ["--html", "--markdown", "--save"])
def test_a_place_that_cannot_be_written(here: InProcess, option: str) -> None:
    done = here.run("advise", *FEW, option, str(here.folder / "none" / "x"))
    assert "cannot be written" in refused(done)


async def test_files_are_written_whole_and_the_question_can_be_asked_again(shell: Shell) -> None:
    done = await shell.run(
        "advise", *FEW, "--budget", "50", "--html", "a.html", "--markdown", "a.md", "--save", "q.toml"
    )
    assert done.code == 0
    assert (shell.folder / "a.html").read_text().startswith("<!doctype html>")
    assert (shell.folder / "a.html").read_text().rstrip().endswith("</html>")
    assert (shell.folder / "a.md").read_text().startswith("# Open or closed?")
    kept = tomllib.loads((shell.folder / "q.toml").read_text())
    assert kept["limits"] == {"monthly_usd_max": 50}
    again = await shell.run("advise", "q.toml")
    assert again.out == done.out


async def test_the_organisation_of_the_config_counts(shell: Shell) -> None:
    shell.config("[organisation]\ncommercial = true\nmonthly_users = 7\n")
    found = await answered(shell, *FEW)
    assert found["question"]["organisation"]["monthly_users"] == 7


async def test_without_a_question_it_says_what_it_answers(shell: Shell) -> None:
    done = await shell.run("advise")
    assert done.code == 0
    assert "nothing was asked, so this is 10,000 requests a month of general work" in done.err
    assert done.out.startswith("Open or closed?\n")


async def test_names_that_steer_terminals_stay_words(shell: Shell) -> None:
    (shell.folder / "q.toml").write_text(
        'title = "a\\u001b[31m[bold]b"\nmodels = ["anthropic/claude-haiku-4-5"]\nproviders = ["anthropic"]\n'
        "[work]\nrequests_per_month = 10\ninput_tokens = 10\noutput_tokens = 10\n"
    )
    done = await shell.run("advise", "q.toml")
    assert done.out.startswith("a␛[31m[bold]b\n")


# --- the form


async def test_the_form(shell: Shell) -> None:
    async with screen(shell, "advise") as shown:
        await shown.shows("What kind of work")
        shown.type("codng\n")
        await shown.shows("did you mean 'coding'?")
        shown.type("coding\n")
        await shown.shows("How many requests a month?")
        shown.type("-5\n")
        await shown.shows("a whole number from 1 on")
        shown.type("many\n")
        await shown.shows("a whole number from 1 on")
        shown.type("20,000\n")
        await shown.shows("tokens has a prompt")
        shown.type("\n")
        await shown.shows("tokens has an answer")
        shown.type("\n")
        await shown.shows("May the texts leave")
        shown.type("\n")
        await shown.shows("Must they stay in a region")
        shown.type("\n")
        await shown.shows("The most it may cost")
        shown.type("lots\n")
        await shown.shows("a sum of dollars")
        shown.type("$90\n")
        await shown.shows("How hard would a later switch hurt")
        shown.type("sometimes\n")
        await shown.shows("one of easy, normal, hard")
        shown.type("hard\n")
        await shown.shows("Is the use commercial?")
        shown.type("y\n")
        said = await shown.shows("Ranking")
        assert await shown.leaves() == 0
    assert "20,000 requests a month of coding work" in " ".join(said.split())
    assert "$90.00 a month at most" in " ".join(said.split())


async def test_the_form_can_be_left(shell: Shell) -> None:
    async with screen(shell, "advise") as shown:
        await shown.shows("What kind of work")
        shown.type("\x03")
        assert await shown.leaves() != 0


async def test_a_narrow_terminal_leaves_out_two_columns(shell: Shell) -> None:
    for columns, heads in (("80", "TOTAL  TERMS"), ("140", "TOTAL  FIRST  PLACES  TERMS")):
        narrow = Shell(shell.folder, {"COLUMNS": columns})
        async with screen(narrow, "advise", str(SCENARIOS / "chatbot.toml")) as shown:
            await shown.shows("USD/MONTH")
            line = await shown.shows("\n")
            assert await shown.leaves() == 0
        assert heads in line
