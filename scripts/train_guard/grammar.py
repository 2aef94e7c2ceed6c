"""The project's own training texts: sentences drawn from the grammars in `corpus/`.

A file holds lists (`= name: one | two`), sections (`# safe` or `# unsafe CATEGORY`), templates under them, in which
`{name}` stands for an item of a list and `{one|two}` for one of its words, and, in `pairs.txt`, verbs with harmless
objects before `::` and harmful ones after it. The texts are under CC0.
"""

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parent / "corpus"
FILES = ("lists.txt", "everyday.txt", "ordinary.txt", "contrasts.txt", "injection.txt", "pairs.txt")
SETTLING_FILES = ("settling.txt",)
"""Sentences as they come out of longer texts, and plain requests to write something."""
_CHOICE = re.compile(r"\{([^{}]*)\}")
_DEPTH_MAX = 6
_FRAME = "{how} "
_SHARES = {"violence": 4, "hate": 2, "privacy": 2, "sexual_minors": 0.5}
"""How often a category is drawn from where it is not once: some have more ways to be asked for."""


class Text(NamedTuple):
    """A training text; `category` is None for a safe one. `template` names what it was drawn from."""

    text: str
    category: str | None
    template: str


class Template(NamedTuple):
    pattern: str
    category: str | None
    weight: float


class Grammar:
    """All templates of the corpus and the lists that they draw from."""

    def __init__(self, files: Sequence[str] = FILES) -> None:
        self.lists: dict[str, list[str]] = {}
        self.templates: list[Template] = []
        for file in files:
            self._read((CORPUS / file).read_text().splitlines())

    def _read(self, lines: list[str]) -> None:
        category: str | None = None
        for line in filter(None, (raw.strip() for raw in lines)):
            if line.startswith("= "):
                name, _, items = line[2:].partition(":")
                self.lists[name.strip()] = [item.strip() for item in items.split("|")]
            elif line.startswith("# "):
                category = None if line == "# safe" else line.removeprefix("# unsafe ").strip()
            elif " :: " in line:
                verb, _, objects = line.partition(":")
                harmless, _, harmful = objects.partition(" :: ")
                self.templates += self._pair(verb.strip(), harmless, None)
                self.templates += self._pair(verb.strip(), harmful, category)
            else:
                self.templates.append(Template(line, category, min(4.0, 1 + self.count(line) ** 0.25)))

    def _pair(self, verb: str, objects: str, category: str | None) -> Iterator[Template]:
        for thing in objects.split(" | "):
            yield Template(f"{_FRAME}{verb} {thing.strip()}?", category, 0.4)
            yield Template(f"{{ing}} {gerund(verb)} {thing.strip()}?", category, 0.15)

    def count(self, pattern: str) -> int:
        """About how many texts a template stands for."""
        total = 1
        for inner in _CHOICE.findall(pattern):
            total *= len(self.lists[inner]) if inner in self.lists else inner.count("|") + 1
        return total

    def draw(self, template: Template, rng: random.Random) -> Text:
        text = template.pattern
        for _ in range(_DEPTH_MAX):
            if "{" not in text:
                break
            text = _CHOICE.sub(lambda found: self._choice(found[1], rng), text)
        return Text(_tidy(text), template.category, template.pattern)

    def _choice(self, inner: str, rng: random.Random) -> str:
        options = self.lists.get(inner) or inner.split("|")
        if inner not in self.lists and all(option in self.lists for option in options):
            options = self.lists[rng.choice(options)]
        return rng.choice(options)

    def texts(self, count: int, rng: random.Random, *, unsafe_share: float = 0.45) -> list[Text]:
        """`count` different texts; templates with more to say are drawn from more often, categories by their shares."""
        by_category: dict[str | None, list[Template]] = {}
        for template in self.templates:
            by_category.setdefault(template.category, []).append(template)
        unsafe = [category for category in by_category if category]
        shares = [_SHARES.get(category, 1) for category in unsafe]
        texts: dict[str, Text] = {}
        for _ in range(count * 4):
            category = rng.choices(unsafe, shares)[0] if unsafe and rng.random() < unsafe_share else None
            pool = by_category[category]
            text = self.draw(rng.choices(pool, [one.weight for one in pool])[0], rng)
            texts.setdefault(text.text.lower(), text)
            if len(texts) >= count:
                break
        return list(texts.values())


def gerund(verb: str) -> str:
    """`verb` with -ing at its first word."""
    word, _, rest = verb.partition(" ")
    if word.endswith("e") and not word.endswith("ee"):
        word = word[:-1]
    elif re.fullmatch(r"[^aeiou]*[aeiou][bdgmnpt]", word):
        word += word[-1]
    return f"{word}ing {rest}".strip()


def _tidy(text: str) -> str:
    """One space between words, and only one mark at the end; a request is not a question."""
    text = re.sub(r"\s+([.,!?])", r"\1", " ".join(text.split()))
    if text.startswith(
        ("I want to", "I need to", "Help me", "Please ", "Tell me", "Show me", "I am thinking", "Give me")
    ):
        text = text.removesuffix("?")
    return text
