"""Which model of the catalog something in a config is."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from ecotone.catalog.models import ModelFacts, find_model, model_facts


class Join(msgspec.Struct, frozen=True):
    """Which model of the catalog something here is; `id` None where that is not certain. `stated`: the config says so,
    else it was guessed. `text` is what was looked up."""

    id: str | None
    stated: bool
    text: str

    def facts(self, newer: str | None = None) -> ModelFacts | None:
        """What the catalog knows of it."""
        return None if self.id is None else model_facts(self.id, newer)


def joined(
    name: str,
    *,
    catalog: str | None,
    source: str | None = None,
    provider: str = "",
    name_there: str | None = None,
    newer: str | None = None,
) -> Join:
    """The model called `name` in a config: `catalog` is the id that the owner gave, `source` that of its file. Of one
    at a `provider`, `name_there` is what that calls it. `newer` is the text of a refreshed listing."""
    if catalog is not None:
        facts = model_facts(catalog, newer)
        return Join(None if facts is None else facts.id, True, catalog)
    if source is not None:
        join = guessed(source, newer)
        # The name here is the owner's to choose, and may be that of a closed model whose place a file takes.
        facts = find_model(name, newer) if join.id is None else None
        return join if facts is None or facts.weights == "closed" else Join(facts.id, False, name)
    there = name_there or name
    for text in (f"{provider}/{there}", there):
        facts = find_model(text, newer)
        if facts is not None:
            return Join(facts.id, False, text)
    return Join(None, False, there)


def guessed(source: str, newer: str | None = None) -> Join:
    """Which model a file is, from the name of its source."""
    for text in _file_names(source):
        facts = find_model(text, newer)
        if facts is not None and facts.weights != "closed":
            return Join(facts.id, False, text)
    return Join(None, False, next(_file_names(source)))


def _file_names(source: str) -> Iterator[str]:
    """What a source calls a model, the surest first: its file, then the repository that it is in."""
    path = urlsplit(source).path if "://" in source else source.partition(":")[2]
    steps = [step for step in path.split("/") if step]
    yield steps[-1] if steps else source
    if source.startswith("hf:") and len(steps) > 2:
        yield "/".join(steps[:2])
