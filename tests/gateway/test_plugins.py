"""Providers and wires from packages of others: a real package on the path, and packages that are broken."""

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from ecotone.gateway.settings.plugins import load
from ecotone.upstream.http import HttpClient
from ecotone.upstream.remote import RemoteEndpoint
from ecotone.upstream.timeouts import Timeouts
from tests.clearing import CHECKER
from tests.docs.pages import ROOT, blocks

GOOD = """
import msgspec
from ecotone.catalog.provider import Provider, Speaks
from ecotone.wire.openai_chat import WIRE as CHAT

WIRE = msgspec.structs.replace(CHAT, name="acme-chat", title="Acme")
PROVIDERS = [
    Provider("acme", "Acme", "https://acme.example/docs", (Speaks("acme-chat", "/api"), Speaks("openai-chat", "/v1")),
             base_url="https://api.acme.example", key_env="ACME_API_KEY"),
]
SHADOW = Provider("openai", "Not OpenAI", "https://acme.example/docs", (Speaks("openai-chat"),))
QUIRKY = Provider("quirky", "Q", "https://acme.example/docs", (Speaks("openai-chat", quirks=("no_such",)),))
MUTE = Provider("mute", "M", "https://acme.example/docs", ())
NUMBER = 7
NUMBERS = [7]
"""
CONFIG = """
[models.far]
provider = "acme"
name = "a-1"
[models.near]
provider = "openai-compatible"
base_url = "http://gpu1:1/v1"
wire = "acme-chat"
"""


def package(folder: Path, entry_points: str) -> Path:
    """A package `acme` as an installer leaves it behind."""
    (folder / "acme.py").write_text(GOOD)
    (folder / "bang.py").write_text("raise RuntimeError('bang')")
    info = folder / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    return folder


def told(folder: Path, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(folder), "ECOTONE_HOME": str(folder / "home"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_packages_provider_and_wire_can_be_named_in_the_config(tmp_path: Path) -> None:
    folder = package(tmp_path, "[ecotone.providers]\nacme = acme:PROVIDERS\n[ecotone.wires]\nacme-chat = acme:WIRE\n")
    (folder / "ecotone.toml").write_text(CONFIG)
    code = f"""
from pathlib import Path
from ecotone.gateway.build import config_warnings, load_config
from ecotone.gateway.settings.plugins import installed
file = Path({str(folder / "ecotone.toml")!r})
config = load_config(file)
print(sorted(config.models), installed().wires["acme-chat"].title, dict(installed().problems))
print(config_warnings(config, {{}}, file.parent))
"""
    assert told(folder, code) == (
        "['far', 'near'] Acme {}\n"
        "[\"model 'far': the environment variable ACME_API_KEY is not set, so acme will not be asked\"]\n"
    )


def test_a_broken_package_breaks_only_itself_and_is_named(tmp_path: Path) -> None:
    folder = package(tmp_path, "[ecotone.providers]\nbang = bang:PROVIDER\n")
    (folder / "ecotone.toml").write_text("[models.a]\nprovider = 'openai'\n[models.b]\nprovider = 'bang'\n")
    code = f"""
from pathlib import Path
from ecotone.gateway.build import config_warnings, load_config
from ecotone.gateway.settings.config import parse_config
from ecotone.values.errors import ConfigError
file = Path({str(folder / "ecotone.toml")!r})
try:
    load_config(file)
except ConfigError as error:
    print(error.message)
print(config_warnings(parse_config("[models.a]\\nprovider = 'vllm'\\n", file), {{}}, file.parent))
"""
    why = "ecotone.providers entry point 'bang' of acme: it cannot be loaded (RuntimeError: bang)"
    assert told(folder, code) == (
        f"{folder}/ecotone.toml:4: provider 'bang' is not there: {why}\n[\"plugin: {why}\"]\n"
    )


@pytest.mark.parametrize(
    ("group", "value", "problem"),
    [
        ("ecotone.providers", "acme:SHADOW", "the name 'openai' is taken"),
        ("ecotone.providers", "acme:QUIRKY", "provider 'quirky' names an unknown quirk, 'no_such'"),
        ("ecotone.providers", "acme:MUTE", "provider 'mute' speaks no wire"),
        ("ecotone.providers", "acme:NUMBER", "it is a int, not a Provider"),
        ("ecotone.providers", "acme:NUMBERS", "it holds a int, not a Provider"),
        ("ecotone.providers", "acme:NOTHING", "it cannot be loaded (AttributeError"),
        ("ecotone.providers", "nowhere:NOTHING", "it cannot be loaded (ModuleNotFoundError"),
        ("ecotone.wires", "acme:NUMBER", "it is a int, not a Wire"),
    ],
)
def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str, value: str, problem: str) -> None:
    package(tmp_path, "")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme", raising=False)
    point = EntryPoint("it", value, group)
    found = load([point], []) if group == "ecotone.providers" else load([], [point])
    assert problem in found.problems["it"]
    assert found.providers["openai"].title == "OpenAI"


async def test_the_example_of_the_documentation_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python, project, config = [
        block.text for block in blocks(ROOT / "docs" / "guides" / "extend.md") if block.language in ("python", "text")
    ]
    (tmp_path / "ecotone_acme.py").write_text(python)
    monkeypatch.syspath_prepend(str(tmp_path))
    groups = tomllib.loads(project)["project"]["entry-points"]
    points = {
        group: [EntryPoint(name, value, group) for name, value in named.items()] for group, named in groups.items()
    }
    found = load(points["ecotone.providers"], points["ecotone.wires"])
    assert not found.problems

    http = HttpClient()
    sent = []
    for place in tomllib.loads(config)["models"].values():
        row = found.providers[place["provider"]]
        endpoint = RemoteEndpoint(
            identity="ours@theirs",
            upstream_name=place.get("name", "small"),
            provider=row,
            base_url=place.get("base_url", row.base_url),
            hosting="vendor",
            wires=found.wires,
            wire=place.get("wire"),
            timeouts=Timeouts(),
            http=http,
            checker=CHECKER,
        )
        for wire in endpoint.wires:
            door = endpoint.door(wire)
            sent.append((wire, door.whole.url, door.stream.url))
    await http.close()
    chat = "https://api.acme.example/v1/chat/completions"
    acme = "https://api.acme.example/by-model/acme-large"
    near = "http://gpu1:8000/v1/small"
    assert sent == [
        ("openai-chat", chat, chat),
        ("acme-chat", f"{acme}/chat", f"{acme}/stream"),
        ("acme-chat", f"{near}/chat", f"{near}/stream"),
    ]
