"""`ecotone pull` and `ecotone models rm`: the files that embedded models need."""

import os
from pathlib import Path

import msgspec

from ecotone.cli.installation import find_installation
from ecotone.cli.output import out, print_json, say
from ecotone.cli.pulling import pull_with_bar
from ecotone.gateway.build import model_store
from ecotone.gateway.inventory.model_sources import config_lines, remove_file, wanted_file
from ecotone.gateway.inventory.stored_models import served_as
from ecotone.upstream.sources import checked_sha256
from ecotone.values.sizes import in_bytes


def pull(text: str, sha256: str | None, config_file: Path | None, as_json: bool) -> None:
    """Fetch a model by source, or by a name that the config or the suggestions know."""
    here = find_installation(config_file, look_around=False)
    store = model_store(here.home, os.environ)
    wanted = wanted_file(text, here, Path.cwd())
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
    served = None if here.file else served_as(stored, here.config, store, here.folder)
    if served is not None:
        say(f"a gateway without a config serves it as {served!r}")
    say("to have it in a config, put these lines into ecotone.toml:")
    out.out(config_lines(wanted, stored), highlight=False)


def remove(name: str, config_file: Path | None, as_json: bool) -> None:
    """Delete a model's file, named as the config, the store or a source has it."""
    here = find_installation(config_file, look_around=False)
    store = model_store(here.home, os.environ)
    freed = remove_file(name, here, store, Path.cwd())
    if as_json:
        print_json({"removed": name, "freed_bytes": freed})
    else:
        say(f"removed {name}: {in_bytes(freed)} freed")
