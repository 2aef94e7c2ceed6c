"""What a person reads when a TOML file is wrong."""

from pathlib import Path
from typing import Literal

import msgspec
import pytest

from ecotone.gateway.settings.toml_file import TomlFile, looks_like_secret, read_text
from ecotone.values.errors import ConfigError


class Machine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    watts: int | None = None


class House(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str = ""
    rooms: dict[str, Machine] = {}
    machines: tuple[Machine, ...] = ()
    cellar: Machine | None = None
    lamps: tuple[str, ...] = ()
    roof: Literal["flat", "gabled"] | None = None
    empty: bool = False


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
        (
            '[rooms.a]\nname = "a"\n[rooms.b]\nname = 7\n',
            4,
            'Expected `str`, got `int` in rooms.b.name; write it in quotes: name = "..."',
        ),
        (
            '[[machines]]\nname = "a"\n[[machines]]\nwatts = 1\n',
            3,
            "Object missing required field `name` in machines.1",
        ),
        ('[cellar]\nname = "a"\nzzz = 3\n', 3, "unknown key 'zzz' in [cellar] (known: name, watts)"),
        ('lamps = "red"\n', 1, 'Expected `array`, got `str` in lamps; write a list: lamps = ["red"]'),
        ("lamps = 3\n", 1, "Expected `array`, got `int` in lamps; write a list: lamps = [...]"),
        ("machines = 3\n", 1, "Expected `array`, got `int` in machines; write [[machines]] above each"),
        ("rooms = 3\n", 1, "Expected `object`, got `int` in rooms; write a table: [rooms.NAME]"),
        ("cellar = 3\n", 1, "Expected `object | null`, got `int` in cellar; write a table: [cellar]"),
        ('empty = "no"\n', 1, "Expected `bool`, got `str` in empty; write true or false, without quotes"),
        (
            '[cellar]\nname = "a"\nwatts = "9"\n',
            3,
            "Expected `int | null`, got `str` in cellar.watts; write a whole number, without quotes",
        ),
        ('roof = "gable"\n', 1, "roof cannot be 'gable'; did you mean 'gabled'?"),
        ('roof = "thatched"\n', 1, "roof cannot be 'thatched' (known: flat, gabled)"),
        ("title = \n", 1, "not TOML: Invalid value"),
        ("title = 'x'\n[rooms\n", 2, "not TOML: Expected ']' at the end of a table declaration"),
    ],
)
def test_says_what_is_wrong_and_where(text: str, line: int, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value) == f"house.toml:{line}: {reason}"


def test_advice_takes_the_place_of_what_is_near() -> None:
    with pytest.raises(ConfigError, match="unknown key 'colour'; paint it yourself: red") as caught:
        TomlFile('colour = "red"\n', Path("house.toml")).read(
            House, lambda path, value: f"; paint it yourself: {value}"
        )
    assert caught.value.line == 1


@pytest.mark.parametrize(
    "secret",
    [
        "sk-abcdef",
        "sk-proj-4f_fT3BlbkFJ",
        "gsk_9aFhK2bQ7xRtYvWmZ0cD",
        "hf_AbCdEfGhIjKlMnOpQrStUv",
        "AIzaSyA1234567890abcdefg",
        "xai-0123456789",
        "0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6.eyJzdWIi",
    ],
)
def test_what_looks_like_a_secret_is_never_repeated(secret: str) -> None:
    assert looks_like_secret(secret)
    for text in (f'roof = "{secret}"\n', f'lamps = "{secret}"\n'):
        with pytest.raises(ConfigError) as caught:
            read(text)
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_API_KEY",
        "MY_KEY_2",
        "key",
        "hf_token",
        "sk_key",
        "llama-3.3-70b-instruct",
        "Qwen3-235B-A22B-Instruct-2507",
        "EcotoneUsageOpenAiKey",
        "red",
    ],
)
def test_names_do_not_look_like_secrets(name: str) -> None:
    assert not looks_like_secret(name)


def test_a_file_that_cannot_be_read_is_named_once_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "ecotone.toml"
    file.mkdir()
    with pytest.raises(ConfigError) as raised:
        read_text(file, "put it there")
    assert raised.value.message == f"{file}: cannot be read: Is a directory"
    file.rmdir()
    file.write_bytes(b"[models.caf\xe9]")
    with pytest.raises(ConfigError) as raised:
        read_text(file, "put it there")
    assert raised.value.message == f"{file}: is no text in UTF-8 (byte 12); save it as such"
