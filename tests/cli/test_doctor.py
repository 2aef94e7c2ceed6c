"""`ecotone doctor`: what it finds right, and what it finds wrong."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import Done, Shell
from tests.running import gateway


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def config(model: Path, *, port: int | None = None, extra: str = "") -> str:
    server = f"[server]\nport = {free_port() if port is None else port}\n"
    return f'{server}[models.local]\nengine = "llama.cpp"\nsource = "file:{model}"\n{extra}'


def checks(done: Done) -> dict[str, dict[str, Any]]:
    said = json.loads(done.out)
    assert said["ok"] is (done.code == 0)
    return {check["name"]: check for check in said["checks"]}


async def test_a_sound_installation(tmp_path: Path, smollm2_path: Path) -> None:
    shell = Shell(tmp_path, {"HTTPS_PROXY": "http://user:secret@proxy.example:3128"})
    shell.config(config(smollm2_path, extra='[models.closed]\nprovider = "openai"\n'))
    await shell.run("keys", "create", "someone")
    done = await shell.run("doctor", "--json")
    found = checks(done)
    assert done.code == 0
    states = {name: check["state"] for name, check in found.items()}
    assert states == {
        "versions": "ok",
        "home": "ok",
        "disk": "ok",
        "database": "ok",
        "network": "ok",
        "config": "ok",
        "vendor keys": "warning",
        "model file": "ok",
        "memory": "ok",
        "engine": "ok",
        "gateway": "ok",
    }
    assert found["engine"]["detail"].startswith("local was loaded and answered in ")
    assert found["vendor keys"]["fix"].startswith("export OPENAI_API_KEY=")
    assert "proxy.example" in found["network"]["detail"]
    assert "secret" not in done.out


async def test_in_words(tmp_path: Path) -> None:
    done = await Shell(tmp_path).run("doctor")
    assert done.code in (0, 1)  # port 4100 may be taken on the machine that runs this
    assert "warning  model file      smollm2-135m-instruct: not pulled\n" in done.out
    assert "→ ecotone pull smollm2-135m-instruct\n" in done.out
    assert not (tmp_path / "home").exists()


async def test_a_model_file_that_is_cut_short(tmp_path: Path, smollm2_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    with smollm2_path.open("rb") as whole:
        cut.write_bytes(whole.read(20_000_000))
    shell = Shell(tmp_path)
    shell.config(config(cut))
    done = await shell.run("doctor", "--json")
    found = checks(done)
    assert done.code == 1
    assert found["model file"]["state"] == "problem"
    assert "pulled by halves" in found["model file"]["detail"]
    assert "engine" not in found


async def test_a_model_file_of_ones_own_that_is_none(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    for name in ("none.gguf", "page.gguf"):
        shell.config(config(tmp_path / name))
        done = await shell.run("doctor", "--json")
        found = checks(done)["model file"]
        assert (done.code, found["state"]) == (1, "problem")
        assert str(tmp_path / name) in found["detail"]
        assert found["fix"] == "put a model's file there, or correct source under [models.local]"
        assert "models rm" not in done.out
        (tmp_path / "page.gguf").write_text("<html>not found</html>")


async def test_a_model_larger_than_the_memory_for_models(tmp_path: Path, smollm2_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.config(config(smollm2_path, extra="[engine]\nmemory_mb = 64\n"))
    found = checks(await shell.run("doctor", "--json"))
    assert found["memory"]["state"] == "problem"
    assert "memory_mb" in found["memory"]["fix"]
    assert found["engine"]["state"] == "problem"


async def test_a_damaged_database(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.home.mkdir()
    (shell.home / "ecotone.db").write_bytes(os.urandom(8192))
    found = checks(await shell.run("doctor", "--json"))
    assert found["database"]["state"] == "problem"
    assert "move it away" in found["database"]["detail"]


async def test_a_home_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    found = checks(await Shell(tmp_path).run("doctor", "--json"))
    assert found["home"]["state"] == "problem"
    assert found["home"]["detail"] == f"{tmp_path}/home is a file"
    assert "ECOTONE_HOME" in found["home"]["fix"]


@pytest.mark.parametrize("command", [("up", "--port", "0"), ("models",), ("keys", "list"), ("pull", "x")])
async def test_a_home_that_is_a_file_is_told_as_such(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    done = await Shell(tmp_path).run(*command)
    assert done.code == 1
    assert f"{tmp_path}/home is a file, and Ecotone keeps its things in a folder" in done.err
    assert "set ECOTONE_HOME to a folder" in done.err


async def test_a_certificate_file_that_is_not_there(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"SSL_CERT_FILE": str(tmp_path / "none.pem")})
    found = checks(await shell.run("doctor", "--json"))
    assert found["network"]["state"] == "problem"
    assert "none.pem" in found["network"]["detail"]


async def test_a_port_that_somebody_else_has(tmp_path: Path, smollm2_path: Path) -> None:
    shell = Shell(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        shell.config(config(tmp_path / "none.gguf", port=other.getsockname()[1]))
        found = checks(await shell.run("doctor", "--json"))
    assert found["gateway"]["state"] == "problem"
    assert "--port" in found["gateway"]["fix"]


async def test_a_gateway_that_runs(tmp_path: Path, smollm2_path: Path) -> None:
    async with gateway(tmp_path, config(smollm2_path)) as running:
        found = checks(await Shell(tmp_path).run("doctor", "--json"))
        assert found["gateway"] == {
            "name": "gateway",
            "state": "ok",
            "detail": f"runs at {running.url}, and a model can answer",
            "fix": None,
        }
