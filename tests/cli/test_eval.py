"""`ecotone eval` as a user has it: runs that are killed, go on, are looked at and compared."""

import asyncio
import hashlib
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.cli.terminal import Shell, screen
from tests.running import gateway
from tests.vendors import Delivery, FakeOpenAI, Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = "sk-eval"

CONFIG = """
[models.mini]
provider = "openai"
base_url = "{address}"
name = "gpt-4o-mini"
key_env = "EVAL_KEY"

[models.unpriced]
provider = "openai-compatible"
base_url = "{address}"
name = "gpt-4o"
key_env = "EVAL_KEY"
"""
SUITE = '[scorer]\nkind = "contains"\n'


def write_suite(folder: Path, cases: int, *, right: int | None = None, **settings: object) -> Path:
    """A suite that an echo answers: the first `right` cases rightly. No other suite has the same prompts."""
    folder.mkdir(exist_ok=True)
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    (folder / "suite.toml").write_text(lines + SUITE)
    rows = [
        {
            "id": f"c{n}",
            "prompt": f"{folder.name} {n}!",
            "reference": f"{n}!" if right is None or n < right else "no",
        }
        for n in range(cases)
    ]
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(KEY) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(vendor: FakeOpenAI, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shell]:
    folder = tmp_path_factory.mktemp("eval")
    async with gateway(folder, CONFIG.format(address=vendor.base_url), environment={"EVAL_KEY": KEY}):
        yield Shell(folder)


@pytest.fixture
def sent(vendor: FakeOpenAI) -> FakeOpenAI:
    vendor.requests.clear()
    return vendor


def prompts(vendor: FakeOpenAI) -> Counter[str]:
    return Counter(request.json["messages"][-1]["content"] for request in vendor.requests)


async def run_data(house: Shell, *arguments: str) -> Any:
    done = await house.run("eval", *arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


async def test_a_run_that_is_killed_goes_on_without_repeating_a_case(house: Shell, sent: FakeOpenAI) -> None:
    suite = write_suite(house.folder / "killed", 12, right=9)
    held = Delivery(gate=asyncio.Event())
    sent.script(*[Reply()] * 5, *[Reply(delivery=held)] * 2)
    command = ("eval", "run", "--suite", str(suite), "-m", "mini", "--concurrency", "2")
    async with house.started(*command) as process:
        folder = await one_run(house, "killed", results=5)
        async with asyncio.timeout(20):
            while len(sent.requests) < 7:
                await asyncio.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    answered = [json.loads(line)["case"] for line in (folder / "results.jsonl").read_text().splitlines()]
    assert answered == [f"c{n}" for n in range(5)]
    with (folder / "results.jsonl").open("a") as file:
        file.write('{"model":"mini","suite":"kil')  # as a write that the kill cut short would leave it

    done = await house.run("eval", "run", "--resume", folder.name)
    assert done.code == 0, done.err
    asked = prompts(sent)
    assert {prompt for prompt, count in asked.items() if count > 1} == {"killed 5!", "killed 6!"}, (
        "they had no answer yet"
    )
    assert asked["killed 5!"] == asked["killed 6!"] == 2
    assert sum(asked.values()) == 14
    lines = (folder / "results.jsonl").read_text().splitlines()
    assert Counter(json.loads(line)["case"] for line in lines) == Counter(f"c{n}" for n in range(12))
    told = await run_data(house, "show", folder.name)
    assert told["run"]["finished_at"] is not None
    (row,) = told["summary"]["measured"]
    assert (row["cases"], row["scored"], row["right"], row["score"]) == (12, 12, 9, 0.75)


async def one_run(house: Shell, suite: str, *, results: int) -> Path:
    """The folder of the run of this suite, once it has so many results."""
    async with asyncio.timeout(30):
        while True:
            for folder in (house.home / "evaluations").glob("*/run.json"):
                file = folder.with_name("results.jsonl")
                if f'"{suite}"' in folder.read_text() and file.exists() and file.read_bytes().count(b"\n") >= results:
                    return folder.parent
            await asyncio.sleep(0.02)


async def test_ctrl_c_keeps_what_is_there_and_says_how_to_go_on(house: Shell, sent: FakeOpenAI) -> None:
    suite = write_suite(house.folder / "stopped", 4)
    sent.script(Reply(), Reply(), Reply(delivery=Delivery(gate=asyncio.Event())))
    async with screen(house, "eval", "run", "--suite", str(suite), "-m", "mini", "--concurrency", "1") as shown:
        folder = await one_run(house, "stopped", results=2)
        shown.type("\x03")
        await shown.shows(f"Go on with: ecotone eval run --resume {folder.name}")
        assert await shown.leaves() == 130
    await asyncio.wait_for(sent.requests[2].left.wait(), 10)
    done = await house.run("eval", "run", "--resume", "last")
    assert done.code == 0, done.err
    assert prompts(sent) == {"stopped 0!": 1, "stopped 1!": 1, "stopped 2!": 2, "stopped 3!": 1}


async def test_what_a_run_says(house: Shell, sent: FakeOpenAI) -> None:
    suite = write_suite(house.folder / "told", 10, right=4)
    done = await house.run("eval", "run", "--suite", str(suite), "-m", "mini", "-m", "unpriced")
    assert done.code == 0
    head, *rows = done.out.splitlines()
    assert head.split()[:4] == ["MODEL", "SUITE", "CASES", "SCORE"]
    # Wilson's interval of 4 in 10.
    assert rows[0].split()[:7] == ["mini", "told", "10", "40", "%", "17", "to"]
    assert rows[0].split()[7] == "69"
    assert rows[1].rstrip().endswith("?"), "nobody knows what it costs"
    assert rows[-1] == "No difference seen between mini and unpriced on told (-28 to +28)."
    assert "mini, told: score 40 %" in done.err
    assert "cost unknown" in done.err


async def test_budget(house: Shell, sent: FakeOpenAI) -> None:
    suite = write_suite(house.folder / "dear", 30, max_tokens=100)
    # No more than 40 tokens in at 0.15 and 100 out at 0.60 dollars a million, as the catalog has it: 0.00006585 each.
    done = await house.run(
        "eval", "run", "--suite", str(suite), "-m", "mini", "--budget", "0.0001", "--concurrency", "1"
    )
    assert done.code == 1
    assert "the budget of 0.0001 USD is used up" in done.err
    assert "cases are left; go on with: ecotone eval run --resume" in done.err
    told = await run_data(house, "show", "last")
    spent = float(told["summary"]["spent_usd"])
    assert 0 < spent <= 0.0001
    assert 0 < len(sent.requests) < 30
    refused = await house.run("eval", "run", "--suite", str(suite), "-m", "unpriced", "--budget", "1")
    assert refused.code == 1
    assert "no price is known for unpriced" in refused.err


async def test_a_dry_run_asks_nothing(house: Shell, sent: FakeOpenAI) -> None:
    suite = write_suite(house.folder / "dry", 40)
    known = len(list((house.home / "evaluations").glob("*/run.json")))
    arguments = ("eval", "run", "--suite", str(suite), "-m", "mini", "--limit", "20", "--dry-run")
    told = json.loads((await house.run(*arguments, "--json")).out)
    (row,) = told["estimates"]
    assert (row["cases"], row["kept"], row["output_tokens_max"], row["own_machine"]) == (20, 0, 20 * 512, False)
    # 20 cases of 7 or 8 bytes and marks for two messages, at four bytes a token; 512 tokens at 0.60 dollars a million.
    assert 0.006144 < float(row["cost_usd_max"]) < 0.0063
    assert told["smallest_difference"] == {"dry": 0.35}
    assert sent.requests == []
    assert len(list((house.home / "evaluations").glob("*/run.json"))) == known


async def test_show_cases_diff_and_list(house: Shell, sent: FakeOpenAI) -> None:
    suite = write_suite(house.folder / "looked", 6, right=3)
    first = await run_data(house, "run", "--suite", str(suite), "-m", "mini")
    sent.script(*[Reply(text="no idea")] * 6)
    again = await run_data(house, "run", "--suite", str(suite), "-m", "mini", "--fresh", "--concurrency", "1")
    a, b = first["run"]["id"], again["run"]["id"]
    wrong = await run_data(house, "show", a, "--wrong")
    assert [found["case"]["id"] for found in wrong["cases"]] == ["c3", "c4", "c5"]
    one = await house.run("eval", "show", a, "--case", "c3")
    assert one.out.splitlines()[:5] == [
        "looked / c3, mini: 0 %",
        "  prompt:    looked 3!",
        "  reply:     gpt-4o-mini heard: looked 3!",
        "  reference: no",
        "  why:       not in it: 'no'",
    ]
    difference = await run_data(house, "diff", a, b)
    (row,) = difference["comparisons"]
    # "no idea" has "no" in it and no number: three cases went each way.
    assert (row["n"], row["only_a"], row["only_b"], row["difference"], row["p"]) == (6, 3, 3, 0.0, 1.0)
    assert {flip["case"] for flip in difference["flips"]} == {f"c{n}" for n in range(6)}
    listed = await run_data(house, "list")
    assert [row["results"] for row in listed["runs"] if row["id"] in (a, b)] == [6, 6]
    assert a in (await house.run("eval", "list")).out


async def test_what_cannot_be_run_is_said_at_once(house: Shell, sent: FakeOpenAI) -> None:
    suite = str(write_suite(house.folder / "said", 2))
    judged = house.folder / "judged"
    write_suite(judged, 1)
    (judged / "suite.toml").write_text('[scorer]\nkind = "judge-grade"\n')
    for arguments, says in (
        (("run", "--suite", suite, "-m", "mimi"), "Did you mean 'mini'?"),
        (("run", "--suite", "gsm9k", "-m", "mini"), "'gsm9k' is neither a folder here nor a bundled suite"),
        (("run", "--suite", str(judged), "-m", "mini"), "name one with --judge MODEL"),
        (("show", "nothing"), "there is no run 'nothing'"),
    ):
        done = await house.run("eval", *arguments)
        assert (done.code, done.out) == (1, "")
        assert says in done.err
        assert done.err.count("\n") == 1
    await run_data(house, "run", "--suite", suite, "-m", "mini")
    changed = await house.run("eval", "run", "--resume", "last", "--seed", "3")
    assert (changed.code, changed.out) == (1, "")
    assert "keeps what it asks" in changed.err
    assert (await house.run("eval", "run", "--suite", suite, "--budget", "free")).code == 2


async def test_the_bundled_suites_and_an_example(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    told = json.loads((await shell.run("eval", "suites", "--json")).out)
    assert {"gsm8k", "humaneval"} <= {suite["name"] for suite in told["suites"]}
    done = await shell.run("eval", "new", "mine")
    assert (done.code, sorted(path.name for path in (tmp_path / "mine").iterdir())) == (0, ["cases.csv", "suite.toml"])


async def test_suites_are_added_and_run_by_name_and_go_again(house: Shell, sent: FakeOpenAI) -> None:
    (house.folder / "elsewhere").mkdir()
    folder = write_suite(house.folder / "elsewhere/kept", 2, right=1)
    added = await house.run("eval", "add-suite", str(folder))
    assert (added.code, added.out) == (0, "")
    assert "added kept with 2 cases" in added.err
    again = await house.run("eval", "add-suite", str(folder))
    assert (again.code, "choose another name" in again.err) == (1, True)
    sheet = house.folder / "towns.csv"
    sheet.write_text("prompt,reference\nSay Rome.,Rome\nSay Bern.\n")
    refused = await house.run("eval", "add-suite", str(sheet))
    assert (
        refused.code,
        "towns.csv:3: the case cannot be scored" in refused.err and "cases.csv" not in refused.err,
    ) == (1, True)
    sheet.write_text("prompt,reference\nSay Rome.,Rome\n")
    told = json.loads((await house.run("eval", "add-suite", str(sheet), "--scorer", "exact", "--json")).out)
    assert (told["suite"]["name"], told["suite"]["scorer"]["kind"], told["suite"]["cases"]) == ("towns", "exact", 1)
    listed = json.loads((await house.run("eval", "suites", "--json")).out)["suites"]
    assert [suite["name"] for suite in listed if suite["place"] == "added"] == ["kept", "towns"]

    ran = await run_data(house, "run", "--suite", "kept", "-m", "mini")
    assert ran["run"]["suites"][0]["of"] == 2
    unsure = await house.run("eval", "delete-suite", "kept")
    assert (unsure.code, "say --yes" in unsure.err) == (1, True)
    assert (await house.run("eval", "delete-suite", "kept", "--yes")).code == 0
    gone = await house.run("eval", "delete-suite", "kept", "--yes")
    assert (gone.code, "there are: towns" in gone.err) == (1, True)
    assert (await house.run("eval", "show", ran["run"]["id"])).code == 0


async def test_a_run_is_deleted_once_it_is_asked_for(house: Shell, sent: FakeOpenAI) -> None:
    suite = write_suite(house.folder / "short", 1)
    run = (await run_data(house, "run", "--suite", str(suite), "-m", "mini"))["run"]["id"]
    unsure = await house.run("eval", "delete", run)
    assert (unsure.code, "say --yes" in unsure.err) == (1, True)
    deleted = await house.run("eval", "delete", run, "--yes")
    assert (deleted.code, deleted.out, deleted.err) == (0, "", f"deleted run {run}\n")
    assert (await house.run("eval", "show", run)).code == 1
    assert len(sent.requests) == 1
    # Its answers are not there for others any more.
    await run_data(house, "run", "--suite", str(suite), "-m", "mini")
    assert len(sent.requests) == 2


async def test_the_real_model_and_whose_weights_they_were(tmp_path: Path, smollm2_path: Path) -> None:
    sha256 = hashlib.sha256(smollm2_path.read_bytes()).hexdigest()
    shell = Shell(tmp_path)
    shell.config(f'[models.local]\nengine = "llama.cpp"\nsource = "file:{smollm2_path}"\nsha256 = "{sha256}"\n')
    await shell.run("eval", "new", "mine")
    arguments = ("eval", "run", "--suite", "mine", "--limit", "2", "--max-tokens", "8", "--json")
    done = await shell.run(*arguments)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    (identity,) = told["run"]["models"]
    assert identity["endpoints"][0]["sha256"] == sha256
    (row,) = told["summary"]["measured"]
    assert (row["scored"], row["failed"], row["own_machine"], row["cost_usd"]) == (2, 0, True, None)
    assert row["output_tokens"] <= 16
    again = json.loads((await shell.run(*arguments)).out)
    assert again["summary"]["measured"][0]["cached"] == 2
