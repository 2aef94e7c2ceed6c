"""`ecotone models` and `ecotone pull`."""

import hashlib
import json
import struct
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cli.terminal import Shell


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def tiny_gguf(context: int) -> bytes:
    """A header without weights: enough for everything that does not run it."""
    entries = [
        text("general.architecture") + struct.pack("<I", 8) + text("llama"),
        text("llama.context_length") + struct.pack("<II", 4, context),
    ]
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + b"".join(entries)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def host(tmp_path: Path) -> Iterator[str]:
    """A web server with a model: the start of its URLs."""
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "Tiny.gguf").write_bytes(tiny_gguf(2048))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "own.gguf").write_bytes(tiny_gguf(4096))
    return Shell(folder)


def every_kind(host: str) -> str:
    return f"""
[models.own]
engine = "llama.cpp"
source = "file:own.gguf"

[models.far]
engine = "llama.cpp"
source = "{host}/Tiny.gguf"

[models.big]
engine = "llama.cpp"
source = "hf:Qwen/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf"

[models.closed]
provider = "openai"
name = "gpt-4o"

[models.llama]
[[models.llama.endpoints]]
provider = "vllm"
base_url = "http://gpu1:8000/v1"
hosting = "self-hosted"
[[models.llama.endpoints]]
provider = "openrouter"

[routes.assistant]
models = ["closed", "own"]
"""


async def test_what_is_known_of_each_model_and_where_it_runs(shell: Shell, host: str) -> None:
    shell.config(every_kind(host))
    shell.variables["COLUMNS"] = "160"
    done = await shell.run("models")
    assert done.code == 0
    assert [" ".join(line.split()) for line in done.out.splitlines()] == [
        "NAME OPENNESS MOF LICENCE VERDICT PRICE IN / OUT CONTEXT DATA GOES STATE",
        "assistant → closed, then own",
        "own ● open ? ? unknown own machine 4,096 stays here pulled, 105 bytes",
        "far ● open ? ? unknown own machine ? stays here not pulled",
        "big ● open weights ? Apache-2.0 allowed own machine 131,072 stays here not pulled, 5.0 GB",
        "closed ○ API only - - 1 duty $2.50 / $10.00 128,000 OpenAI no key: set OPENAI_API_KEY",
        "llama ● open ? ? unknown own machine ? your server gpu1 ready",
        "1 duty ? OpenRouter no key: set OPENROUTER_API_KEY",
    ]
    assert "not certain which model of the catalog this is: own, far, llama; " in done.err
    assert "not legal advice" in done.err


async def test_the_same_as_json(shell: Shell, host: str) -> None:
    shell.config(every_kind(host))
    shell.variables["OPENAI_API_KEY"] = "sk-secret"
    done = await shell.run("models", "--json")
    rows = {row["name"]: row for row in json.loads(done.out)["models"]}
    assert rows["assistant"] == {
        "name": "assistant",
        "kind": "route",
        "models": ["closed", "own"],
        "strategy": "ordered",
    }
    places = rows["closed"].pop("places")
    assert rows["closed"] == {
        "name": "closed",
        "kind": "model",
        "weights": "closed",
        "openness": "API only",
        "mof_class": None,
        "licence": None,
        "source": None,
        "path": None,
        "size_bytes": None,
        "context": 128_000,
        "state": "ready",
        "usable": True,
    }
    assert [(place["price"]["input_per_million"], place["price"]["output_per_million"]) for place in places] == [
        ("2.5", "10")
    ]
    assert {key: places[0][key] for key in ("hosting", "provider", "address", "problem", "name", "data_goes")} == {
        "hosting": "vendor",
        "provider": "openai",
        "address": "https://api.openai.com/v1",
        "problem": None,
        "name": "gpt-4o",
        "data_goes": "OpenAI",
    }
    assert places[0]["catalog"] == {"id": "openai/gpt-4o", "stated": False, "text": "openai/gpt-4o"}
    assert (places[0]["verdict"]["of"], places[0]["verdict"]["status"]) == ("terms", "allowed with duties")
    assert (rows["own"]["context"], rows["own"]["path"]) == (4096, str(shell.folder / "own.gguf"))
    assert rows["own"]["places"][0]["verdict"]["status"] == "unknown"
    assert rows["llama"]["places"][1]["problem"] == "no key: set OPENROUTER_API_KEY"
    assert "sk-secret" not in done.out


async def test_a_file_that_is_damaged_or_gone(shell: Shell, host: str) -> None:
    shell.config(every_kind(host))
    (shell.folder / "own.gguf").write_bytes(tiny_gguf(4096)[:50])
    assert "own: damaged: " in (await shell.run("models")).err
    (shell.folder / "own.gguf").unlink()
    assert f"own: there is no file {shell.folder}/own.gguf" in (await shell.run("models")).err


async def test_without_a_config_the_default_model_and_found_keys(shell: Shell) -> None:
    shell.variables |= {"MISTRAL_API_KEY": "secret", "COLUMNS": "140"}
    done = await shell.run("models")
    assert " ".join(done.out.splitlines()[2].split()) == (
        "smollm2-135m-instruct ● open weights ? Apache-2.0 allowed own machine 8,192 stays here not pulled, 98.4 MB"
    )
    assert "MISTRAL_API_KEY is set: any model of Mistral AI answers as mistral/NAME" in done.err
    assert "secret" not in done.out + done.err


async def test_a_pull_says_what_to_write_into_the_config(shell: Shell, host: str) -> None:
    body = tiny_gguf(2048)
    digest = hashlib.sha256(body).hexdigest()
    done = await shell.run("pull", f"{host}/Tiny.gguf", "--sha256", digest.upper())
    assert done.code == 0
    lines = f'[models.tiny]\nengine = "llama.cpp"\nsource = "{host}/Tiny.gguf"\nsha256 = "{digest}"\n'
    assert done.out == lines
    assert "downloading Tiny\n" in done.err
    assert "fetched: " in done.err and "105 bytes" in done.err
    shell.config(done.out)
    assert (await shell.run("config", "check")).code == 0
    again = await shell.run("pull", "tiny")
    assert (again.code, again.out) == (0, "")
    assert "was here already" in again.err and "the config has it as model 'tiny'" in again.err


async def test_a_relative_file_starts_here_and_is_written_whole(shell: Shell) -> None:
    done = await shell.run("pull", "file:own.gguf")
    assert done.out == f'[models.own]\nengine = "llama.cpp"\nsource = "file:{shell.folder}/own.gguf"\n'


async def test_a_pull_as_json(shell: Shell, host: str) -> None:
    said = json.loads((await shell.run("pull", f"{host}/Tiny.gguf", "--json")).out)
    assert (said["source"], said["size"], said["in_place"]) == (f"{host}/Tiny.gguf", 105, False)
    assert Path(said["path"]).read_bytes() == tiny_gguf(2048)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("smolm2-135m-instruct",), 1, "did you mean smollm2-135m-instruct"),
        (("ftp://example.com/a.gguf",), 1, "'ftp:' is not a kind of source"),
        (("file:none.gguf",), 1, "there is no file"),
        (("file:own.gguf", "--sha256", "0" * 64), 1, "is it the right file?"),
        (("file:own.gguf", "--sha256", "abc"), 2, "64 hexadecimal digits"),
        ((), 2, "Missing argument"),
    ],
)
async def test_a_pull_that_cannot_be(shell: Shell, arguments: tuple[str, ...], code: int, says: str) -> None:
    done = await shell.run("pull", *arguments)
    assert (done.code, done.out) == (code, "")
    assert says in done.err


async def test_a_model_elsewhere_has_no_file(shell: Shell, host: str) -> None:
    shell.config(every_kind(host))
    done = await shell.run("pull", "closed")
    assert (done.code, done.err) == (1, "ecotone: model 'closed' runs elsewhere (openai); it has no file\n")


async def test_removing_a_model_frees_its_bytes(shell: Shell, host: str) -> None:
    shell.config(every_kind(host))
    await shell.run("pull", "far")
    assert "far        ● open" in (await shell.run("models")).out
    done = await shell.run("models", "rm", "far", "--json")
    said = json.loads(done.out)
    assert said["removed"] == "far"
    assert said["freed_bytes"] > 105  # the file, and what is noted about it
    assert not list(shell.home.rglob("*.gguf"))
    done = await shell.run("models", "rm", "far")
    assert (done.code, done.err) == (1, "ecotone: far is not pulled, so there is nothing to remove\n")


async def test_a_file_that_no_config_names_is_listed_and_removed_by_its_name(shell: Shell, host: str) -> None:
    stored = json.loads((await shell.run("pull", f"{host}/Tiny.gguf", "--json")).out)["name"]
    listed = (await shell.run("models")).out
    assert f"{stored}\n  file, 105 bytes, pulled, not in the config · ● open · MOF class ? · licence ?" in listed
    row = json.loads((await shell.run("models", "--json")).out)["models"][-1]
    assert (row["name"], row["kind"], row["catalog"]["id"]) == (stored, "file", None)
    done = await shell.run("models", "rm", stored)
    assert done.err.startswith(f"removed {stored}: ")
    assert stored not in (await shell.run("models")).out


async def test_a_users_own_file_is_never_removed(shell: Shell, host: str) -> None:
    shell.config(every_kind(host))
    done = await shell.run("models", "rm", "own")
    assert done.code == 1
    assert "used in place" in done.err
    assert (shell.folder / "own.gguf").exists()
