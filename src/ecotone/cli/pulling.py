"""Fetching model files with a progress bar."""

import os
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from ecotone.catalog.suggestions import DEFAULT_MODEL, suggest
from ecotone.cli.output import err, say
from ecotone.gateway.build import model_store
from ecotone.gateway.settings.config import Config
from ecotone.gateway.settings.paths import Home
from ecotone.upstream.fetch import Progress as PullProgress
from ecotone.upstream.sources import LocalSource, Source, parse_source
from ecotone.upstream.store import ModelStore, StoredModel
from ecotone.values.errors import StoreError
from ecotone.values.sizes import in_bytes


def pull_with_bar(store: ModelStore, source: Source, sha256: str | None, *, licence: str | None = None) -> StoredModel:
    """Fetch a model, showing how far it is: a bar on a terminal, elsewhere a line for each phase.

    Ctrl-C leaves what has come for the next time.
    """
    if not err.is_terminal:
        return store.pull(source, sha256=sha256, licence=licence, progress=_Lines().tell)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bars:
        bar = bars.add_task("starting", total=None)

        def tell(progress: PullProgress) -> None:
            bars.update(
                bar,
                description=f"{progress.phase} {progress.what}",
                completed=progress.done,
                total=progress.total,
            )

        return store.pull(source, sha256=sha256, licence=licence, progress=tell)


class _Lines:
    """Progress for a log: says what begins, not how far it is."""

    def __init__(self) -> None:
        self._last = ("", "")

    def tell(self, progress: PullProgress) -> None:
        step = (progress.phase, progress.what)
        if step != self._last:
            self._last = step
            say(f"{progress.phase} {progress.what}" + (f" ({in_bytes(progress.total)})" if progress.total else ""))


def pull_missing(config: Config, home: Home, folder: Path, memory_bytes: int, *, only_model: bool) -> None:
    """Fetch the files of embedded models that are not here yet, before the gateway serves.

    A file that cannot be had is reported and leaves its model out, unless it is the only one (`only_model`): then
    StoreError is raised.
    """
    store = model_store(home, os.environ)
    for name, model in config.models.items():
        if model.source is None:
            continue
        source = parse_source(model.source, folder)
        if store.find(source, sha256=model.sha256) is not None:
            continue
        if isinstance(source, LocalSource) and not source.path.is_file():
            continue  # nothing can be fetched; the config's warnings say so
        if only_model:
            say(
                f"first run: fetching {name} ({in_bytes(DEFAULT_MODEL.size)}, {DEFAULT_MODEL.licence}) into"
                f" {home.models}; later starts need no network"
            )
        else:
            say(f"fetching {name} from {source.text} into {home.models}")
        try:
            stored = pull_with_bar(store, source, model.sha256)
        except StoreError as error:
            if only_model:
                raise
            say(f"{name} stays out: {error.message}")
            continue
        say(f"fetched {name}: {in_bytes(stored.size)}, sha256 {stored.sha256}")
        if only_model:
            _suggest_larger(memory_bytes)


def _suggest_larger(memory_bytes: int) -> None:
    rows = suggest(memory_bytes)
    if rows:
        say(f"it is small. This machine ({in_bytes(memory_bytes)} of memory) also holds, from Hugging Face:")
        for row in rows:
            say(f"  {row.name}, {in_bytes(row.size)}, {row.licence}: {row.good_for}")
            say(f"    ecotone pull {row.source}")
