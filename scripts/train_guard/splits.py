"""The public sets that the guard is trained and measured on, split so that near-duplicates stay together.

Part of a text is drawn from a hash of its group, so that it never depends on the order of files or on a seed.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

Part = Literal["train", "validation", "test"]
SHARES: dict[str, tuple[float, float]] = {
    "xstest": (0.3, 0.2),
    "advbench": (0.3, 0.2),
    "harmbench": (0.25, 0.15),
    "injection_text": (0.4, 0.1),
    "injection_code": (0.4, 0.1),
}
"""The shares of training and of validation; the rest is the test part."""
_ALIKE = 0.5
_WORD = re.compile(r"[a-z0-9']+")
_COMMON = frozenset(
    _WORD.findall(
        "a an the to of for and or in on at by with how what where when why who which can could do does did is are was"
        " i my me you your it that this from be should would will write create give develop provide make tutorial guide"
        " instructions step detailed script program explain generate list"
    )
)


class Item(NamedTuple):
    """One text of a public set. `unsafe` is its label there, `kind` its category there."""

    dataset: str
    kind: str
    text: str
    unsafe: bool
    part: Part


class _Raw(NamedTuple):
    kind: str
    text: str
    unsafe: bool
    key: str


def read_items(folder: Path) -> list[Item]:
    """Every text of the safety sets in `folder`, each with its part. HarmBench's copyright behaviours are left out."""
    items: list[Item] = []
    for dataset, raws in (
        ("xstest", list(_xstest(folder / "xstest_a.csv"))),
        ("advbench", list(_behaviours(folder / "advbench.csv"))),
        ("harmbench", list(_behaviours(folder / "harmbench_val.csv"))),
        ("injection_text", list(_injections(folder / "injection_text_train.json"))),
        ("injection_code", list(_injections(folder / "injection_code_train.json"))),
    ):
        for raw, group in zip(raws, _groups(raws), strict=True):
            items.append(Item(dataset, raw.kind, raw.text, raw.unsafe, _part(dataset, group)))
    return items


def words(text: str) -> frozenset[str]:
    """The words by which two texts are compared."""
    return frozenset(_WORD.findall(text.lower())) - _COMMON


def alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two texts share at least half of all their words."""
    return bool(one and other) and len(one & other) >= _ALIKE * len(one | other)


def _xstest(path: Path) -> Iterator[_Raw]:
    with path.open(newline="") as stream:
        for row in csv.DictReader(stream):
            family = row["type"].removeprefix("contrast_")
            key = f"{family}/{row['focus'].strip().lower()}" if row["focus"].strip() else ""
            yield _Raw(row["type"], row["prompt"].strip(), row["label"] == "unsafe", key)


def _behaviours(path: Path) -> Iterator[_Raw]:
    with path.open(newline="") as stream:
        for row in csv.DictReader(stream):
            kind = row.get("SemanticCategory") or "advbench"
            if kind != "copyright":
                yield _Raw(kind, row["Behavior"].strip(), True, "")


def _injections(path: Path) -> Iterator[_Raw]:
    for kind, texts in json.loads(path.read_text()).items():
        for text in texts:
            yield _Raw(kind, text, True, "")


def _groups(raws: list[_Raw]) -> list[str]:
    """For each text the name of its group: texts with one key, or alike, directly or through others."""
    parent = list(range(len(raws)))

    def root(index: int) -> int:
        while parent[index] != index:
            index = parent[index]
        return index

    sets = [words(raw.text) for raw in raws]
    for index in range(len(raws)):
        for earlier in range(index):
            same_key = raws[index].key != "" and raws[index].key == raws[earlier].key
            if same_key or alike(sets[index], sets[earlier]):
                parent[root(index)] = root(earlier)
    names = [f"{raw.kind.removeprefix('contrast_')}/{raw.text}" for raw in raws]
    members: dict[int, list[str]] = {}
    for index, name in enumerate(names):
        members.setdefault(root(index), []).append(name)
    return [min(members[root(index)]) for index in range(len(raws))]


def _part(dataset: str, group: str) -> Part:
    draw = int.from_bytes(hashlib.sha256(f"{dataset}:{group}".encode()).digest()[:8], "big") / 2**64
    train, validation = SHARES[dataset]
    return "train" if draw < train else "validation" if draw < train + validation else "test"
