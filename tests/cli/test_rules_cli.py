"""`ecotone rules`: list, test, prove and start."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from ecotone.policy.starters import starters
from tests.cli.in_process import InProcess, in_process
from tests.cli.terminal import Done, Shell

MODELS = """
[models.frontier]
provider = "anthropic"
name = "claude-sonnet-4-5"
[models.own]
provider = "openai-compatible"
base_url = "http://gpu1:8000/v1"
hosting = "self-hosted"
[routes.assistant]
models = ["frontier", "own"]
"""
RULES = """
[[rules]]
name = "home"
deny = 'data.class >= restricted && endpoint.hosting == "vendor"'
because = "restricted data stays at home"

[[rules]]
on = "reply"
redact = 'true'
kinds = ["secret"]
because = "no keys in answers"
"""
RIGHT = """
[[rule_tests]]
name = "stays home"
class = "restricted"
model = "frontier"
expect = "deny"
rule = "home"
"""
WRONG = """
[[rule_tests]]
class = "confidential"
model = "frontier"
expect = "deny"
"""
AT_VENDOR = 'endpoint.hosting == "vendor"'


@dataclass
class Here:
    """Runs `ecotone rules` in a folder with a config."""

    commands: InProcess

    @property
    def folder(self) -> Path:
        return self.commands.folder

    def config(self, text: str) -> None:
        self.commands.config(text)

    def run(self, *arguments: str) -> Done:
        return self.commands.run("rules", *arguments)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    here = Here(in_process(tmp_path, monkeypatch))
    here.config(MODELS + RULES + RIGHT)
    return here


def test_rules_are_listed(here: Here) -> None:
    lines = here.run("list").out.splitlines()
    assert [line.split()[:3] for line in lines[:2]] == [["NAME", "ON", "EFFECT"], ["home", "request", "deny"]]
    assert lines[2].startswith("rule 2  reply    redact  true")
    listed = json.loads(here.run("list", "--json").out)
    assert listed["classes"] == ["public", "internal", "confidential", "restricted"]
    assert listed["rules"][0]["reads"] == ["data.class", "endpoint.hosting"]
    assert listed["rules"][1]["kinds"] == ["secret"]
    assert len(listed["digest"]) == 64


def test_without_a_config_there_are_no_rules(here: Here) -> None:
    (here.folder / "ecotone.toml").unlink()
    done = here.run("list")
    assert (done.code, done.out) == (0, "")
    assert "everything may go everywhere" in done.err


def test_rule_tests_are_run_and_failures_told(here: Here) -> None:
    assert here.run("test").out == "passed  stays home\n"
    here.config(MODELS + RULES + RIGHT + WRONG)
    failed = here.run("test")
    assert failed.code == 1
    assert failed.out.splitlines() == [
        "passed  stays home",
        "FAILED  'rule test 2' expects deny and gets allow; rules that spoke: none",
    ]
    told = json.loads(here.run("test", "--json").out)
    assert (told["passed"], told["failed"]) == (1, 1)
    assert [(row["expected"], row["got"], row["spoke"]) for row in told["tests"]] == [
        ("deny", "deny", ["home"]),
        ("deny", "allow", []),
    ]


def test_a_promise_that_is_kept(here: Here) -> None:
    done = here.run("prove", "data.class >= restricted", "--never", AT_VENDOR)
    assert done.code == 0
    assert done.out.startswith(f"holds: nothing for which data.class >= restricted is sent where {AT_VENDOR}\n")
    # Two places behind the route and one behind each model, `local` and any other caller, four classes.
    assert "checked 32 combinations" in done.out
    told = json.loads(here.run("prove", "data.class >= restricted", "--never", AT_VENDOR, "--json").out)
    assert (told["holds"], told["combinations"], told["counterexample"]) == (True, 32, None)


def test_a_promise_that_is_not_kept(here: Here) -> None:
    promise = ("prove", "data.class >= confidential", "--never", AT_VENDOR)
    done = here.run(*promise)
    assert done.code == 1
    assert done.out.startswith("does not hold: ")
    assert [line.split() for line in done.out.splitlines()[1:4]] == [
        ["class", "confidential"],
        ["principal", "local"],
        ["asked", "frontier"],
    ]
    told = here.run(*promise, "--json")
    assert told.code == 1
    hole = json.loads(told.out)["counterexample"]
    assert (hole["class"], hole["endpoint"], hole["hosting"]) == ("confidential", "frontier@anthropic", "vendor")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("data.clas >= restricted", "--never", AT_VENDOR), "CONDITION: data has no field clas; did you mean class?"),
        (("true", "--never", "endpoint.hostin"), "--never: endpoint has no field hostin; did you mean hosting?"),
        (("true", "--never", "true", "--config", "nowhere.toml"), "there is no such file"),
        (('route.name == "asistant"', "--never", AT_VENDOR), "never says 'asistant'; did you mean assistant?"),
    ],
)
def test_what_cannot_be_told_exits_with_2(here: Here, arguments: tuple[str, ...], told: str) -> None:
    done = here.run("prove", *arguments)
    assert (done.code, done.out) == (2, "")
    assert told in done.err


def test_a_promise_about_nobody_is_warned_of(here: Here) -> None:
    done = here.run("prove", 'principal.name == "wrad" && data.class >= restricted', "--never", AT_VENDOR)
    assert done.code == 0
    assert "warning: the promise speaks of the caller 'wrad'" in done.err
    done = here.run("prove", 'principal.name == "local" && data.class >= restricted', "--never", AT_VENDOR)
    assert done.err == ""


def test_a_crash_is_no_counterexample(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("ecotone.cli.rules.proved", crash)
    done = here.run("prove", "true", "--never", "true")
    assert done.code == 2
    assert "out of luck" in done.err


def test_a_key_for_a_vendor_opens_its_models_where_there_is_no_config(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here.folder / "ecotone.toml").unlink()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    told = json.loads(here.run("prove", "true", "--never", AT_VENDOR, "--json").out)
    assert told["counterexample"]["asked"] == "openai/*"


def test_a_rule_that_is_wrong_is_told_with_its_line(here: Here) -> None:
    here.config(MODELS + RULES.replace("restricted &&", "restrictd &&"))
    done = here.run("list")
    assert done.code == 1
    line = (MODELS + RULES).splitlines().index(RULES.splitlines()[3]) + 1
    assert f"ecotone.toml:{line}: nothing is called restrictd; did you mean restricted?" in done.err
    assert "               ^^^^^^^^^" in done.err


def test_starters_are_listed_and_printed(here: Here) -> None:
    listed = json.loads(here.run("start", "--json").out)
    assert [row["name"] for row in listed] == list(starters())
    assert here.run("start", "hospital").out == starters()["hospital"]
    wrong = here.run("start", "hospitals")
    assert wrong.code == 1
    assert "there are: data-stays-home, eu-only" in wrong.err


async def test_the_exit_status_of_a_process(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.config(MODELS + RULES + RIGHT)
    broken = await shell.run("rules", "prove", "data.class >= confidential", "--never", AT_VENDOR)
    assert (broken.code, broken.err) == (1, "")
    assert broken.out.startswith("does not hold: ")


async def test_nothing_is_proved_where_nothing_can_be_asked(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    (tmp_path / "rules.toml").write_text((await shell.run("rules", "start", "hospital")).out)
    promise = ("data.class >= patient", "--never", 'endpoint.hosting == "vendor"', "--config", "rules.toml")
    done = await shell.run("rules", "prove", *promise)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "ecotone: there is no model that anything could be sent to; add one to the config, and prove it then\n"
    )
