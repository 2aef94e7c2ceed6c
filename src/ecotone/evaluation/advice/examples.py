"""Questions that come with Ecotone, to begin from."""

from functools import cache
from importlib.resources import as_file, files

import msgspec

from ecotone.evaluation.advice.question import Question, read_question


class Example(msgspec.Struct, frozen=True):
    """A question that somebody could have; `name` is its file's."""

    name: str
    question: Question


@cache
def examples() -> tuple[Example, ...]:
    """All of them, by name."""
    with as_file(files("ecotone.evaluation") / "data" / "questions") as folder:
        return tuple(Example(file.stem, read_question(file)) for file in sorted(folder.glob("*.toml")))
