"""What a name or a source stands for when a model's file is to be fetched or removed."""

from difflib import get_close_matches
from pathlib import Path

import msgspec

from ecotone.catalog.suggestions import DEFAULT_MODEL, SUGGESTIONS
from ecotone.gateway.inventory.inventory import Installation
from ecotone.gateway.inventory.stored_models import usual_name
from ecotone.gateway.settings.toml_text import toml
from ecotone.upstream.sources import LocalSource, Source, parse_source
from ecotone.upstream.store import ModelStore, StoredModel
from ecotone.values.errors import SetupError, StoreError


class WantedFile(msgspec.Struct, frozen=True):
    """A model's file to be had. `configured` is the config's name for it, if it has one."""

    name: str
    source: Source
    sha256: str | None = None
    licence: str | None = None
    configured: bool = False


def wanted_file(text: str, here: Installation, folder: Path) -> WantedFile:
    """What `text` means: a name of the config or of the suggestions, or a source, of which a relative `file:` starts at
    `folder`. Raises SetupError for anything else."""
    model = here.config.models.get(text)
    if model is not None:
        if model.source is None:
            raise SetupError(f"model {text!r} runs elsewhere ({model.provider or 'several places'}); it has no file")
        return WantedFile(text, parse_source(model.source, here.folder), model.sha256, configured=True)
    for row in (DEFAULT_MODEL, *SUGGESTIONS):
        if row.name == text:
            return WantedFile(row.name, parse_source(row.source, here.folder), row.sha256, row.licence)
    if ":" not in text:
        names = [*here.config.models, *(row.name for row in (DEFAULT_MODEL, *SUGGESTIONS))]
        near = get_close_matches(text, names)
        hint = f"did you mean {' or '.join(near)}?" if near else f"names: {', '.join(dict.fromkeys(names))}"
        raise SetupError(f"{text!r} is neither a model's name nor a source like hf:org/repo/file.gguf; {hint}")
    source = parse_source(text, folder)
    known = next((row for row in (DEFAULT_MODEL, *SUGGESTIONS) if row.source == source.text), None)
    if known is not None:
        return WantedFile(known.name, source, known.sha256, known.licence)
    return WantedFile(usual_name(source), source)


def config_lines(wanted: WantedFile, stored: StoredModel) -> str:
    """What to write into the config so that the gateway serves it."""
    source = wanted.source
    text = f"file:{source.path}" if isinstance(source, LocalSource) else source.text
    model = {"engine": "llama.cpp", "source": text, "sha256": stored.sha256}
    return toml({"models": {wanted.name: model}}).strip()


def remove_file(name: str, here: Installation, store: ModelStore, folder: Path) -> int:
    """Delete a model's file, finished or not, named as the config, the store or a source has it; the bytes freed.

    Raises SetupError where there is none, and for a file that is its owner's own.
    """
    if name in {stored.name for stored in store.models()} | {partial.name for partial in store.partials()}:
        return store.remove(name)
    source = wanted_file(name, here, folder).source
    if isinstance(source, LocalSource):
        raise StoreError(f"{name} is your own file {source.path}, used in place; Ecotone has no copy to remove")
    if store.find(source) is None and all(part.source != source.text for part in store.partials()):
        raise StoreError(f"{name} is not pulled, so there is nothing to remove")
    return store.remove(source)
