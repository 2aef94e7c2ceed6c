"""What is said of a config that has changed."""

import os
from pathlib import Path

import pytest

from ecotone.gateway.config import Config, parse_config
from ecotone.gateway.reload import FileWatch, only_after_restart, told_changes

FILE = Path("/etc/ecotone/ecotone.toml")
MODELS = """
[models.local]
engine = "llama.cpp"
source = "file:a.gguf"
[models.fake]
provider = "openai"
"""
ROUTE = '[routes.assistant]\nmodels = ["local"]\n'


def read(text: str) -> Config:
    return parse_config(text, FILE)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (MODELS + ROUTE, "nothing changed"),
        (MODELS + ROUTE + "# a comment\n", "nothing changed"),
        (MODELS + '[routes.assistant]\nmodels = ["fake"]\n', "assistant: local -> fake"),
        (MODELS + '[routes.assistant]\nmodels = ["fake", "local"]\n', "assistant: local -> fake, local"),
        (MODELS, "route assistant removed"),
        (MODELS + ROUTE + '[routes.b]\nmodels = ["fake", "local"]\n', "route b added: fake, local"),
        (MODELS + ROUTE + '[models.third]\nprovider = "xai"\n', "model third added"),
        (
            MODELS + ROUTE + '[models.third]\nprovider = "xai"\n[models.fourth]\nprovider = "xai"\n',
            "models third, fourth added",
        ),
        (MODELS.replace("a.gguf", "b.gguf") + ROUTE, "model local changed"),
        (ROUTE + MODELS[: MODELS.index("[models.fake]")], "model fake removed"),
        (MODELS + ROUTE + "[server]\nmax_body_mb = 1\n", "[server] max_body_mb changed"),
        (
            '[models.new]\nprovider = "xai"\n[routes.assistant]\nmodels = ["new"]\n[organisation]\ncommercial = true\n',
            "assistant: local -> new; model new added; models local, fake removed; [organisation] commercial changed",
        ),
    ],
)
def test_a_change_is_told(now: str, told: str) -> None:
    assert told_changes(read(MODELS + ROUTE), read(now)) == told


def test_what_waits_for_a_restart_is_held_against_what_is_in_force() -> None:
    at_start, other = read(""), read("[server]\nport = 9\n[engine]\nmemory_mb = 64\n")
    assert only_after_restart(at_start, other) == ("[server] port", "[engine] memory_mb")
    assert only_after_restart(at_start, read("[server]\nmax_body_mb = 1\n")) == ()
    assert only_after_restart(at_start, at_start) == ()
    assert told_changes(at_start, other) == "nothing that takes effect now"


def test_a_file_that_goes_and_comes_back_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "ecotone.toml"
    watch = FileWatch(file)
    assert not watch.changed()
    file.write_text("a")
    assert watch.changed()
    assert not watch.changed()
    os.utime(file, ns=(1, 1))
    assert watch.changed()
    file.unlink()
    assert watch.changed()
