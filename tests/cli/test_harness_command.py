"""`ecotone eval harness` as a user has it: with the real programs where they are installed, else with stand-ins."""

import asyncio
import json
import os
import shutil
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ecotone.evaluation.harness import INSPECT, LM_EVAL, Program, search_path
from tests.cli.terminal import Done, Shell
from tests.running import gateway
from tests.vendors import FakeOpenAI

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = "sk-vendor"
CONFIG = """
[models.mini]
provider = "openai"
base_url = "{address}"
name = "gpt-4o-mini"
key_env = "EVAL_KEY"
"""
LEFT = Path(__file__).parent.parent / "evaluation" / "harness_results"
_REAL_S = 300.0

# Leaves what the real program once left, and notes how it was called.
STAND_IN = """#!{python}
import json, os, pathlib, shutil, sys
note = dict(argv=sys.argv, cwd=os.getcwd(), env=dict(os.environ))
pathlib.Path({note!r}).write_text(json.dumps(note))
print("progress 50 %")
places = dict(word.split("=", 1) for word in sys.argv if word.startswith("--") and "=" in word)
raw = places.get("--log-dir") or os.path.dirname(places["--output_path"])
for left in pathlib.Path({left!r}).iterdir():
    shutil.copy(left, raw)
sys.exit({status})
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(KEY) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(vendor: FakeOpenAI, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shell]:
    folder = tmp_path_factory.mktemp("harness")
    async with gateway(folder, CONFIG.format(address=vendor.base_url), environment={"EVAL_KEY": KEY}):
        yield Shell(folder)


def with_stand_in(house: Shell, folder: Path, command: str, left: str, *, status: int = 0) -> Shell:
    """The same house with a program first on the PATH; how it was called is noted in `called.json`."""
    (folder / "nothing").mkdir()
    file = folder / command
    text = STAND_IN.format(
        python=sys.executable,
        note=str(folder / "called.json"),
        left=str(LEFT / left) if left else "nothing",
        status=status,
    )
    file.write_text(text.replace("'nothing'", repr(str(folder / "nothing"))))
    file.chmod(stat.S_IRWXU)
    hidden = {"XAI_API_KEY": "sk-other", "SOME_SECRET": "s3cret", "ECOTONE_KEY": "callers-key"}
    return Shell(house.folder, {**hidden, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"})


def the_record(folder: str) -> Any:
    return json.loads((Path(folder) / "harness.json").read_text())


async def test_what_a_program_left_is_shown_kept_and_printed_as_json(house: Shell, tmp_path: Path) -> None:
    shell = with_stand_in(house, tmp_path, "lm_eval", "lm_eval")
    done = await shell.run("eval", "harness", "lm-eval", "-t", "ecotone_small", "-m", "mini", "--limit", "3")
    assert done.code == 0, done.err
    head, *rows = [line.split() for line in done.out.splitlines()]
    assert head[:2] == ["TASK", "METRIC"]
    assert ["ecotone_capitals", "exact_match", "word", "0.667", "0.208", "to", "0.939", "cases", "3"] in [
        row[:9] for row in rows
    ]
    assert {tuple(row[-2:]) for row in rows} == {("lm-eval", "0.4.13")}
    assert "progress 50 %" in done.err
    assert "progress" not in done.out

    done = await shell.run(
        "eval", "harness", "lm-eval", "-t", "ecotone_small", "-m", "mini", "--json", "--", "--extra=1"
    )
    assert done.code == 0, done.err
    told = json.loads(done.out)
    run = told["run"]
    assert run == the_record(told["folder"])
    assert (run["program"], run["exit_status"], run["results"]["version"]) == ("lm-eval", 0, "0.4.13")
    assert run["asked"]["extra"] == ["--extra=1"]
    assert run["command"][1] == "--extra=1"
    (place,) = run["model"]["endpoints"]
    assert (run["model"]["name"], place["provider"], place["name"]) == ("mini", "openai", "gpt-4o-mini")
    assert run["started_at"] < run["finished_at"]
    kept = Path(told["folder"])
    assert kept.parent == house.home / "evaluations" / "harness"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert len(list((kept / "raw").glob("*.json*"))) == 3
    listed = await shell.run("eval", "list", "--json")
    assert listed.code == 0, "the folder of other programs' runs is no run of ours"


@pytest.mark.parametrize(("command", "harness", "task"), [("lm_eval", "lm-eval", "-t"), ("inspect", "inspect", "")])
async def test_a_program_sees_the_gateways_key_and_no_other(
    house: Shell, tmp_path: Path, command: str, harness: str, task: str
) -> None:
    shell = with_stand_in(house, tmp_path, command, command if command == "inspect" else "lm_eval")
    done = await shell.run("eval", "harness", harness, *filter(None, (task, "any")), "-m", "mini")
    assert done.code == 0, done.err
    called = json.loads((tmp_path / "called.json").read_text())
    assert called["env"]["ECOTONE_API_KEY"] == called["env"]["OPENAI_API_KEY"] == "callers-key"
    assert called["env"]["OPENAI_BASE_URL"] == called["env"]["ECOTONE_BASE_URL"]
    assert called["env"]["OPENAI_BASE_URL"].startswith("http://127.0.0.1:")
    told = json.dumps(called["env"])
    for secret in ("sk-other", "s3cret", KEY):
        assert secret not in told
    assert "callers-key" not in json.dumps(called["argv"])
    for record in (house.home / "evaluations" / "harness").glob("*/harness.json"):
        assert "callers-key" not in record.read_text()
    if harness == "inspect":
        assert (Path(called["cwd"]) / ".env").read_bytes() == b""


async def test_a_program_that_fails_is_told_and_its_record_kept(house: Shell, tmp_path: Path) -> None:
    shell = with_stand_in(house, tmp_path, "lm_eval", "", status=3)
    done = await shell.run("eval", "harness", "lm-eval", "-t", "any", "-m", "mini", "--json")
    assert done.code == 1
    assert "lm-eval ended with status 3" in done.err
    assert "generate_until" in done.err, "the likeliest reason"
    told = json.loads(done.out)
    assert told["run"]["exit_status"] == 3
    assert told["run"]["results"]["measures"] == []
    assert the_record(told["folder"])["finished_at"] is not None


async def test_a_task_that_failed_inside_a_program_that_did_not_is_a_failure(house: Shell, tmp_path: Path) -> None:
    shell = with_stand_in(house, tmp_path, "inspect", "inspect_failed")
    done = await shell.run("eval", "harness", "inspect", "any", "-m", "mini")
    assert done.code == 1
    assert "capitals ended with status 'error': Error code: 404" in done.err


async def test_without_the_program_it_is_said_how_to_get_it(house: Shell, tmp_path: Path) -> None:
    for program, how in ((LM_EVAL, "uv tool install 'lm-eval[api]'"), (INSPECT, "uv tool install inspect-ai")):
        if any(shutil.which(command, path=search_path("", sys.executable)) for command in program.commands):
            continue  # it lies in the environment of the tests, where it is always found
        shell = Shell(house.folder, {"PATH": str(tmp_path)})
        words = ("-t", "any") if program is LM_EVAL else ("any",)
        done = await shell.run("eval", "harness", program.name, *words)
        assert done.code == 1
        assert how in done.err


async def test_a_name_that_the_gateway_does_not_have_starts_nothing(house: Shell, tmp_path: Path) -> None:
    shell = with_stand_in(house, tmp_path, "lm_eval", "lm_eval")
    shell.variables.pop("ECOTONE_KEY")
    done = await shell.run("eval", "harness", "lm-eval", "-t", "any", "-m", "\x1b]0;x\x07nosuch")
    assert done.code == 1
    assert "nosuch" in done.err
    assert "\x1b" not in done.err
    assert not (tmp_path / "called.json").exists()
    done = await shell.run("eval", "harness", "lm-eval", "-t", " ", "-m", "mini")
    assert done.code == 1
    assert not (tmp_path / "called.json").exists()


# --- the real programs

QUESTIONS = (("Say: Paris", "Paris"), ("Say: Rome", "Rome"), ("Say: Oslo", "Madrid"), ("Say: Madrid", "Madrid"))
LM_EVAL_TASK = """
task: ecotone_echo
dataset_path: json
dataset_kwargs:
  data_files:
    test: questions.jsonl
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs:
  until: ["END"]
  max_gen_toks: 20
filter_list:
  - name: city
    filter:
      - function: regex
        regex_pattern: "(Paris|Rome|Madrid)"
      - function: take_first
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
"""
INSPECT_TASK = """
import json
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate


@task
def ecotone_echo():
    lines = Path(__file__).with_name("questions.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    samples = [Sample(input=row["question"], target=row["answer"]) for row in rows]
    return Task(dataset=samples, solver=generate(), scorer=includes())
"""


def needs(program: Program) -> None:
    if not any(shutil.which(command) for command in program.commands):
        pytest.skip(f"{program.name} is not on the PATH; get it with: {program.install}")


def with_questions(house: Shell, tmp_path: Path) -> Shell:
    rows = [{"question": question, "answer": answer} for question, answer in QUESTIONS]
    (house.folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "XDG_DATA_HOME": str(tmp_path / "data")}
    return Shell(house.folder, {**offline, "OPENAI_API_KEY": "sk-not-to-be-seen"})


async def really(shell: Shell, *arguments: str) -> Done:
    """Both programs take their time to start."""
    async with shell.started("eval", "harness", *arguments) as process:
        out, err = await asyncio.wait_for(process.communicate(), _REAL_S)
    return Done(process.returncode or 0, out.decode(), err.decode())


def check_three_of_four(done: Done, vendor: FakeOpenAI, metric: str, part: str) -> None:
    assert done.code == 0, done.err
    told = json.loads(done.out)
    results = told["run"]["results"]
    assert results["problems"] == []
    assert results["version"]
    (row,) = results["measures"]
    assert (row["task"], row["metric"], row["part"]) == ("ecotone_echo", metric, part)
    assert (row["value"], row["n"], row["basis"]) == (0.75, 4, "cases")
    # Wilson by hand for 3 of 4.
    assert (row["interval"]["low"], row["interval"]["high"]) == pytest.approx((0.30064, 0.95441), abs=1e-5)
    asked = sorted(request.json["messages"][-1]["content"] for request in vendor.requests)
    assert asked == sorted(question for question, _ in QUESTIONS)
    assert {request.json["model"] for request in vendor.requests} == {"gpt-4o-mini"}
    for file in Path(told["folder"]).rglob("*"):
        assert file.is_dir() or b"sk-" not in file.read_bytes()


async def test_lm_eval_itself(house: Shell, vendor: FakeOpenAI, tmp_path: Path) -> None:
    needs(LM_EVAL)
    shell = with_questions(house, tmp_path)
    (house.folder / "echo.yaml").write_text(LM_EVAL_TASK)
    vendor.requests.clear()
    done = await really(shell, "lm-eval", "-t", "echo.yaml", "-m", "mini", "--json")
    check_three_of_four(done, vendor, "exact_match", "city")


async def test_inspect_itself(house: Shell, vendor: FakeOpenAI, tmp_path: Path) -> None:
    needs(INSPECT)
    shell = with_questions(house, tmp_path)
    (house.folder / "echo.py").write_text(INSPECT_TASK)
    vendor.requests.clear()
    done = await really(shell, "inspect", "echo.py", "-m", "mini", "--json", "--", "--max-tokens=20")
    check_three_of_four(done, vendor, "accuracy", "includes")
