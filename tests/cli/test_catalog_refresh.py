"""`ecotone catalog refresh` against a server that publishes what models.dev does."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ecotone.catalog.models import shipped
from ecotone.catalog.models_dev import PROVIDERS
from tests.cli.terminal import Shell


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    folder.mkdir()
    return folder


@pytest.fixture
def address(web: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(web))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api.json"
        server.shutdown()
        thread.join()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    folder = tmp_path / "work"
    folder.mkdir()
    return Shell(folder)


def published() -> dict[str, Any]:
    """models.dev's form, with the offers that the shipped listing has."""
    theirs = {ours: theirs for theirs, ours in PROVIDERS.items()}
    providers: dict[str, Any] = {name: {"id": name, "name": name, "models": {}} for name in PROVIDERS}
    for offer in shipped("models_dev").offers:
        prices = offer.prices[0].prices
        providers[theirs[offer.provider]]["models"][offer.name_there] = {
            "id": offer.name_there,
            "name": offer.name_there,
            "cost": {"input": float(prices.input or 0), "output": float(prices.output or 0)},
            "limit": {"context": 1000, "output": 100},
            "unheard_of": {"fields": ["are left alone"]},
        }
    return providers


async def test_new_prices_and_models_are_told_and_stored(shell: Shell, web: Path, address: str) -> None:
    data = published()
    data["anthropic"]["models"]["claude-zenith-9"] = {
        "name": "Claude Zenith 9",
        "open_weights": False,
        "release_date": "2027-01-02",
        "cost": {"input": 1.5, "output": 7.5, "cache_read": 0.15},
        "limit": {"context": 500000, "output": 64000},
        "modalities": {"input": ["text", "image"], "output": ["text"]},
    }
    data["openai"]["models"]["gpt-4.1"]["cost"] = {"input": 1.25, "output": 5}
    del data["openai"]["models"]["o3"]
    (web / "api.json").write_text(json.dumps(data))

    done = await shell.run("catalog", "refresh", "--address", address, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["before"] == "2026-07-02"
    assert told["changes"]["models"] == ["anthropic/claude-zenith-9"]
    assert told["changes"]["offers"] == ["anthropic/claude-zenith-9"]
    assert told["changes"]["gone"] == ["openai/o3"]
    changed = {(change["provider"], change["name_there"]): change for change in told["changes"]["prices"]}
    cheaper = changed["openai", "gpt-4.1"]
    assert (cheaper["model"], cheaper["before"]["input"], cheaper["after"]["input"]) == ("openai/gpt-4.1", "2", "1.25")

    stored = shell.home / "catalog" / "models_dev.json"
    assert told["file"] == str(stored)
    assert '"id":"anthropic/claude-zenith-9","name":"Claude Zenith 9","released":"2027-01-02"' in stored.read_text()

    again = await shell.run("catalog", "refresh", "--address", address)
    assert again.code == 0, again.err
    assert "0 new models, 0 new offers, 0 gone, 0 with other prices" in again.out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<html>Sign in</html>", "not models.dev's api.json"),
        ("{}", "has 0 of the 31 providers"),
        ('{"openai": {"models": {"gpt": {"cost": {"input": "free", "output": 1}}}}}', "not models.dev's api.json"),
    ],
)
async def test_garbage_is_refused_and_the_old_stays(
    shell: Shell, web: Path, address: str, text: str, told: str
) -> None:
    (web / "api.json").write_text(text)
    done = await shell.run("catalog", "refresh", "--address", address)
    assert done.code == 1
    assert told in done.err
    assert not (shell.home / "catalog").exists()


async def test_impossible_and_missing_prices_are_refused(shell: Shell, web: Path, address: str) -> None:
    data = published()
    data["openai"]["models"]["gpt-4.1"]["cost"] = {"input": -3, "output": 8}
    (web / "api.json").write_text(json.dumps(data))
    done = await shell.run("catalog", "refresh", "--address", address)
    assert (done.code, "openai/gpt-4.1 at $-3 for a million tokens cannot be" in done.err) == (1, True)

    data = published()
    for name in list(data)[len(data) // 4 :]:
        data[name]["models"] = dict(list(data[name]["models"].items())[:3])
    (web / "api.json").write_text(json.dumps(data))
    done = await shell.run("catalog", "refresh", "--address", address)
    assert (done.code, "offers where the catalog has 1091" in done.err) == (1, True)
    assert not (shell.home / "catalog").exists()


async def test_no_network_and_no_such_page_say_so(shell: Shell, address: str) -> None:
    missing = await shell.run("catalog", "refresh", "--address", address)
    assert (missing.code, "answered with status 404; the old catalog stays" in missing.err) == (1, True)
    nobody = await shell.run("catalog", "refresh", "--address", "http://127.0.0.1:9/api.json")
    assert (nobody.code, "cannot be fetched" in nobody.err) == (1, True)


async def test_a_broken_copy_at_home_is_made_anew(shell: Shell, web: Path, address: str) -> None:
    stored = shell.home / "catalog" / "models_dev.json"
    stored.parent.mkdir(parents=True)
    stored.write_text("not json")
    (web / "api.json").write_text(json.dumps(published()))
    done = await shell.run("catalog", "refresh", "--address", address)
    assert done.code == 0, done.err
    assert "cannot be read; it is made anew" in done.err
    assert stored.read_text().startswith('{"source":"models.dev"')
