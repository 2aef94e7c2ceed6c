"""`ecotone pull` and `ecotone models rm`: the files that embedded models need."""

import os
from difflib import get_close_matches
from pathlib import Path

import msgspec

from ecotone.catalog.suggestions import DEFAULT_MODEL, SUGGESTIONS
from ecotone.cli.inventory import Installation, find_installation
from ecotone.cli.output import in_bytes, out, print_json, say
from ecotone.cli.pulling import pull_with_bar
from ecotone.cli.toml_text import toml
from ecotone.gateway.build import model_store
from ecotone.upstream.sources import LocalSource, Source, checked_sha256, parse_source
from ecotone.upstream.store import StoredModel
from ecotone.values.errors import SetupError, StoreError


class _Wanted(msgspec.Struct, frozen=True):
    """What a name or a source on the command line means. `configured` is the config's name for it, if it has one."""

    name: str
    source: Source
    sha256: str | None = None
    licence: str | None = None
    configured: bool = False


def pull(text: str, sha256: str | None, config_file: Path | None, as_json: bool) -> None:
    """Fetch a model by source, or by a name that the config or the suggestions know."""
    here = find_installation(config_file, look_around=False)
    store = model_store(here.home, os.environ)
    wanted = _wanted(text, here)
    digest = checked_sha256(sha256) if sha256 else wanted.sha256
    was_here = store.find(wanted.source, sha256=digest) is not None
    stored = pull_with_bar(store, wanted.source, digest, licence=wanted.licence)
    if as_json:
        print_json(msgspec.to_builtins(stored, enc_hook=str))
        return
    verb = "used in place" if stored.in_place else "was here already" if was_here else "fetched"
    licence = f", licence {stored.licence}" if stored.licence else ""
    say(f"{verb}: {stored.path}, {in_bytes(stored.size)}{licence}")
    if wanted.configured:
        say(f"the config has it as model {wanted.name!r}" if here.file else "`ecotone up` serves it")
        return
    say("to use it, put these lines into ecotone.toml:")
    out.out(_config_lines(wanted, stored), highlight=False)


def _config_lines(wanted: _Wanted, stored: StoredModel) -> str:
    source = wanted.source
    text = f"file:{source.path}" if isinstance(source, LocalSource) else source.text
    model = {"engine": "llama.cpp", "source": text, "sha256": stored.sha256}
    return toml({"models": {wanted.name: model}}).strip()


def remove(name: str, config_file: Path | None, as_json: bool) -> None:
    """Delete a model's file, named as the config, the store or a source has it."""
    here = find_installation(config_file, look_around=False)
    store = model_store(here.home, os.environ)
    if name in {stored.name for stored in store.models()} | {partial.name for partial in store.partials()}:
        freed = store.remove(name)
    else:
        source = _wanted(name, here).source
        if isinstance(source, LocalSource):
            raise StoreError(f"{name} is your own file {source.path}, used in place; Ecotone has no copy to remove")
        if store.find(source) is None and all(part.source != source.text for part in store.partials()):
            raise StoreError(f"{name} is not pulled, so there is nothing to remove")
        freed = store.remove(source)
    if as_json:
        print_json({"removed": name, "freed_bytes": freed})
    else:
        say(f"removed {name}: {in_bytes(freed)} freed")


def _wanted(text: str, here: Installation) -> _Wanted:
    """Raises SetupError for what is neither a known name nor a source."""
    model = here.config.models.get(text)
    if model is not None:
        if model.source is None:
            raise SetupError(f"model {text!r} runs elsewhere ({model.provider or 'several places'}); it has no file")
        return _Wanted(text, parse_source(model.source, here.folder), model.sha256, configured=True)
    for row in (DEFAULT_MODEL, *SUGGESTIONS):
        if row.name == text:
            return _Wanted(row.name, parse_source(row.source, here.folder), row.sha256, row.licence)
    if ":" not in text:
        names = [*here.config.models, *(row.name for row in (DEFAULT_MODEL, *SUGGESTIONS))]
        near = get_close_matches(text, names)
        hint = f"did you mean {' or '.join(near)}?" if near else f"names: {', '.join(dict.fromkeys(names))}"
        raise SetupError(f"{text!r} is neither a model's name nor a source like hf:org/repo/file.gguf; {hint}")
    source = parse_source(text, Path.cwd())
    known = next((row for row in (DEFAULT_MODEL, *SUGGESTIONS) if row.source == source.text), None)
    if known is not None:
        return _Wanted(known.name, source, known.sha256, known.licence)
    return _Wanted(source.stem.lower(), source)
