"""Reading descriptions: what is wrong is told with its place, and no text can do harm."""

from pathlib import Path

import pytest

from ecotone.catalog.openness import read_description
from ecotone.values.errors import ConfigError

HEAD = "release:\n  name: Fern\n  producer: Wood\n"


def test_a_description() -> None:
    read = read_description(
        "framework: {name: Model Openness Framework, version: '1.0'}\n"
        + HEAD
        + "  version: 7\n  date: 2026-05-11\n  huggingface: ''\n  repository: https://example.com/fern\n"
        "  license:\n    distribution: {name: ' MIT ', path: ''}\n    code: {name: ''}\n    data:\n"
        "  components:\n  - name: Datasets\n    license: ''\n  - {name: Model card, description: x}\n"
    )
    assert (read.name, read.producer, read.version, read.date) == ("Fern", "Wood", "7", "2026-05-11")
    assert read.page == "https://example.com/fern"
    assert read.licences == {"distribution": "MIT"}
    assert [(part.name, part.licence, part.line) for part in read.components] == [
        ("Datasets", "", 14),
        ("Model card", None, 16),
    ]


def test_keys_that_are_not_read_are_told() -> None:
    read = read_description(HEAD + "  components:\n  - name: Datasets\n    size: 3 TB\n")
    assert read.notes == ("line 6: `size` of component 'Datasets' is not read",)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", None, "it is empty"),
        ("hello", 1, "must be a mapping"),
        ("- a", 1, "must be a mapping"),
        ("name: Fern", None, "`release` is missing"),
        ("release: Fern", 1, "`release` must be a mapping"),
        ('release:\n  name: "Fern\n', 3, "not YAML"),
        ("release:\n\tname: Fern", 2, "not YAML"),
        ("a: 1\n---\nb: 2", 2, "not YAML"),
        ("\0", None, "not YAML"),
        ("release:\n  name: Fern\n  producer: Wood", 2, "`release.components` is missing"),
        ("release:\n  name: ''\n  producer: Wood\n  components: []", 2, "`release.name` is empty"),
        ("release:\n  name: [a]\n  producer: Wood\n  components: []", 2, "`release.name` must be text"),
        ("release:\n  name: a\n  name: b", 3, "`name` is given twice"),
        ("{[a]: b}", 1, "a key that is not text"),
        ("framework:\n  name: My Framework\n" + HEAD + "  components: []", 2, "`framework.name` must be"),
        (HEAD + "  components: none", 4, "must be a list"),
        (HEAD + "  components:\n  - Datasets", 5, "a component must be a mapping"),
        (HEAD + "  components:\n  - name: Dataset", 5, "did you mean 'Datasets'?"),
        (HEAD + "  components:\n  - name: Weights", 5, "the framework has Model architecture, "),
        (HEAD + "  components:\n  - name: Datasets\n  - name: Datasets", 6, "listed twice"),
        (HEAD + "  components:\n  - name: Datasets\n    licence: MIT", 6, "spelt `license`"),
        (HEAD + "  components:\n  - name: Datasets\n    license: [MIT]", 6, "must be text"),
        (HEAD + "  license: MIT\n  components: []", 4, "`release.license` must be a mapping"),
        (
            HEAD + "  license: {weights: {name: MIT}}\n  components: []",
            4,
            "not one of distribution, code, data, document",
        ),
        (HEAD + "  license: {code: MIT}\n  components: []", 4, "`release.license.code` must be a mapping"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, line: int | None, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_description(text, file="fern.yml")
    assert words in caught.value.message
    assert caught.value.line == line
    assert caught.value.message.startswith(f"fern.yml:{line}: " if line else "fern.yml: ")


def test_nothing_is_executed(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    harmful = f'!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ["{trace}"]]'
    with pytest.raises(ConfigError):
        read_description(f"release:\n  name: {harmful}\n  producer: a\n  components: []")
    with pytest.raises(ConfigError, match="must be text"):
        read_description("release:\n  name: !!python/name:os.getcwd x\n  producer: a\n  components: []")
    assert not trace.exists()


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]",
        "[" * 100_000,
        "{a: " * 25_000,
        "- " * 50_000,
        "".join(f"k{number}: 1\n" for number in range(12_000)),
        "a" * 200_000,
    ],
    ids=["aliases", "lists", "mappings", "dashes", "keys", "length"],
)
def test_size_is_bounded(text: str) -> None:
    with pytest.raises(ConfigError, match=r"aliases|nested too deep|at most"):
        read_description(text)
