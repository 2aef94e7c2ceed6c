"""What a person reads when a TOML file is wrong."""

from pathlib import Path

import msgspec
import pytest

from ecotone.gateway.toml_file import TomlFile
from ecotone.values.errors import ConfigError


class Machine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    watts: int | None = None


class House(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str = ""
    rooms: dict[str, Machine] = {}
    machines: tuple[Machine, ...] = ()
    cellar: Machine | None = None


def read(text: str) -> House:
    return TomlFile(text, Path("house.toml")).read(House)


def test_reads_what_is_right() -> None:
    house = read('title = "h"\n[rooms.hall]\nname = "a"\n[[machines]]\nname = "b"\nwatts = 5\n')
    assert house == House("h", {"hall": Machine("a")}, (Machine("b", 5),))


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('titel = "h"\n', 1, "unknown key 'titel'; did you mean 'title'?"),
        ('[rooms.hall]\nname = "a"\nwats = 3\n', 3, "unknown key 'wats' in [rooms.hall]; did you mean 'watts'?"),
        ('[rooms.a]\nname = "a"\n[rooms.b]\nname = 7\n', 4, "Expected `str`, got `int` in rooms.b.name"),
        (
            '[[machines]]\nname = "a"\n[[machines]]\nwatts = 1\n',
            3,
            "Object missing required field `name` in machines.1",
        ),
        ('[cellar]\nname = "a"\nzzz = 3\n', 3, "unknown key 'zzz' in [cellar] (known: name, watts)"),
        ("title = \n", 1, "not TOML: Invalid value"),
        ("title = 'x'\n[rooms\n", 2, "not TOML: Expected ']' at the end of a table declaration"),
    ],
)
def test_says_what_is_wrong_and_where(text: str, line: int, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value) == f"house.toml:{line}: {reason}"
