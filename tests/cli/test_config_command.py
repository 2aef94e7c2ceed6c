"""`ecotone config check` and `ecotone config show`."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecotone.gateway.settings.toml_text import toml
from tests.cli.in_process import in_process
from tests.cli.terminal import Shell

GOOD = """
[server]
port = 8080

[models.closed]
provider = "openai"
name = "gpt-4o"

[models.lab]
provider = "openai-compatible"
base_url = "http://gpu1:8000/v1"
hosting = "self-hosted"
key_env = "LAB_KEY"

[routes.assistant]
models = ["closed", "lab"]
"""


def test_a_good_config_is_told_and_missing_keys_are_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = in_process(tmp_path, monkeypatch, {"LAB_KEY": "secret"})
    shell.config(GOOD)
    done = shell.run("config", "check")
    assert done.code == 0
    assert done.out.splitlines() == [
        f"{tmp_path}/ecotone.toml is right",
        "  listens on 127.0.0.1 port 8080",
        "  route assistant: closed, then lab",
        "  model closed: vendor, gpt-4o at OpenAI (https://api.openai.com/v1)",
        "  model lab: self-hosted, lab at an OpenAI-compatible server (http://gpu1:8000/v1)",
    ]
    assert "OPENAI_API_KEY is not set" in done.err
    assert "LAB_KEY" not in done.err
    said = json.loads(shell.run("config", "check", "--json").out)
    assert said["valid"] is True
    assert (said["models"], said["routes"]) == (["closed", "lab"], {"assistant": ["closed", "lab"]})
    assert len(said["warnings"]) == 1


def test_a_file_that_is_not_there_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = in_process(tmp_path, monkeypatch)
    shell.config('[models.x]\nengine = "llama.cpp"\nsource = "file:/nope/m.gguf"\n[routes.assistant]\nmodels = ["x"]\n')
    done = shell.run("config", "check")
    assert done.code == 0
    assert done.err.splitlines() == [
        "warning: model 'x': there is no file /nope/m.gguf",
        "warning: route 'assistant' leads to no model that can answer",
    ]


def test_a_config_with_a_typo_is_refused_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = in_process(tmp_path, monkeypatch)
    shell.config("[server]\nprot = 1\n")
    done = shell.run("config", "check")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"ecotone: {tmp_path}/ecotone.toml:2: unknown key 'prot'")
    assert "did you mean 'port'?" in done.err
    done = shell.run("config", "check", "--json")
    said = json.loads(done.out)
    assert (done.code, said["valid"], said["line"]) == (1, False, 2)
    assert said["reason"].startswith("unknown key 'prot'")


@pytest.mark.parametrize("command", [("config", "show"), ("models",), ("up",), ("pull", "x"), ("doctor",)])
async def test_every_command_refuses_a_wrong_config(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "other.toml").write_text("[server]\nprot = 1\n")
    done = await Shell(tmp_path).run(*command, "--config", "other.toml")
    assert done.code == 1
    assert f"{tmp_path}/other.toml:2: unknown key 'prot'" in done.out + done.err


def test_a_named_config_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = in_process(tmp_path, monkeypatch).run("config", "check", "--config", "none.toml")
    assert done.code == 1
    assert "there is no such file" in done.err


def test_show_fills_in_what_the_config_leaves_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = in_process(tmp_path, monkeypatch)
    shell.config(GOOD)
    done = shell.run("config", "show")
    shown = tomllib.loads(done.out)
    assert shown["server"]["port"] == 8080
    assert shown["server"]["host"] == "127.0.0.1"
    assert shown["models"]["closed"]["base_url"] == "https://api.openai.com/v1"
    assert shown["models"]["closed"]["key_env"] == "OPENAI_API_KEY"
    assert shown["models"]["lab"]["name"] == "lab"
    assert shown["routes"] == {"assistant": {"models": ["closed", "lab"], "strategy": "ordered"}}
    (tmp_path / "ecotone.toml").write_text(done.out)
    assert shell.run("config", "show").out == done.out
    assert json.loads(shell.run("config", "show", "--json").out)["config"]["server"]["port"] == 8080


def test_show_without_a_config_tells_what_up_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = in_process(tmp_path, monkeypatch, {"OPENAI_API_KEY": "sk-secret"})
    done = shell.run("config", "show")
    shown = tomllib.loads(done.out)
    assert shown["routes"]["assistant"]["models"] == ["smollm2-135m-instruct"]
    assert "# OPENAI_API_KEY is set: any model of OpenAI answers as openai/NAME" in done.out
    assert "sk-secret" not in done.out + done.err
    said = json.loads(shell.run("config", "show", "--json").out)
    assert said["file"] is None
    assert said["found"]["keys"] == [{"variable": "OPENAI_API_KEY", "provider": "openai"}]


KEYS = st.text(min_size=1, max_size=8)
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.text(), st.integers(-(2**60), 2**60), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
)
TABLE = st.dictionaries(KEYS, st.one_of(VALUES, st.lists(VALUES, max_size=3)), max_size=3)
DOCUMENT = st.dictionaries(
    KEYS, st.one_of(VALUES, TABLE, st.lists(TABLE, min_size=1, max_size=3), st.dictionaries(KEYS, TABLE)), max_size=4
)


@given(DOCUMENT)
def test_what_is_written_reads_back(data: dict[str, Any]) -> None:
    assert tomllib.loads(toml(data)) == data


def test_none_is_left_out() -> None:
    assert toml({"a": None, "b": {"c": None, "d": 1}}) == "\n[b]\nd = 1\n"
