"""What is said of a config that has changed."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from ecotone.gateway.settings.config import Config, parse_config
from ecotone.gateway.settings.reload import FileWatch, lost_rules, only_after_restart, told_changes, weakened
from ecotone.values.errors import ConfigError

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


RULES = """
[[rules]]
name = "stays home"
deny = 'data.class >= restricted && endpoint.hosting == "vendor"'
because = "restricted data stays on our own machines"
[[rules]]
deny = 'request.bytes > 1000000'
because = "nothing that long"
[principals.ward]
class = "restricted"
[data]
default = "internal"
"""
FLOOR = ROUTE + 'class = "confidential"\n'


def test_a_config_that_was_cut_off_never_removes_all_rules_without_a_sound() -> None:
    lines = (MODELS + RULES).splitlines()
    whole, understood = read(MODELS + RULES), 0
    for count in range(len(lines)):
        with suppress(ConfigError):
            cut = read("\n".join(lines[:count]))
            assert bool(cut.rules) == (lost_rules(whole, cut) is None), count
            assert weakened(whole, cut), count
            understood += 1
    assert understood > 5


def test_to_do_without_rules_is_said_in_words() -> None:
    whole, bare = read(MODELS + RULES), read("rules = []\n" + MODELS)
    told = lost_rules(whole, read(MODELS))
    assert told is not None
    assert "rules = []" in told
    assert lost_rules(whole, bare) is None
    assert lost_rules(bare, read(MODELS)) is None
    assert lost_rules(read(MODELS), read(MODELS)) is None
    assert told_changes(whole, bare).startswith("rules changed: there are 0")


def test_rules_and_classes_that_are_gone_are_named() -> None:
    whole, now = read(MODELS + FLOOR + RULES), read("rules = []\n" + MODELS + ROUTE)
    assert weakened(whole, now) == (
        "rule 'stays home'",
        "1 rule without a name",
        "the class 'internal' of all requests",
        "the class 'restricted' of [principals.ward]",
        "the class 'confidential' of [routes.assistant]",
    )
    assert weakened(now, whole) == weakened(whole, whole) == ()
    assert weakened(whole, read(MODELS + RULES)) == ()


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
