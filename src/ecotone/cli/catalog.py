"""`ecotone catalog refresh`: newer prices and models than the package has."""

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from ecotone.catalog.listing import Listing, Prices, read_listing, written
from ecotone.catalog.models import shipped
from ecotone.catalog.refresh import Changes, changes, refreshed
from ecotone.cli.output import out, print_json, say
from ecotone.gateway.build import http_client
from ecotone.gateway.inventory.listings import listing_file, stored_listing
from ecotone.gateway.settings.paths import Home, find_home
from ecotone.upstream.timeouts import Timeouts
from ecotone.values.errors import SetupError, UpstreamError

_SIZE_MAX = 64 * 1024 * 1024
_TIMEOUTS = Timeouts(first_byte_s=30.0, between_bytes_s=30.0, whole_s=300.0)
_LINES_MAX = 20


def refresh(address: str, as_json: bool) -> None:
    """Fetch, check and store what models.dev publishes, and say what changed. What cannot be used changes nothing."""
    home = find_home(os.environ)
    old = _known(home)
    text = asyncio.run(_fetched(address, os.environ))
    new = refreshed(text, _today(), old)
    file = listing_file(home)
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(written(new), encoding="utf-8")
    fresh.replace(file)
    found = changes(old, new)
    if as_json:
        print_json(_as_data(found, old, new, file))
        return
    _print(found, old, new)
    say(f"stored as {file}")


def _today() -> date:
    return datetime.now(UTC).date()


def _known(home: Home) -> Listing:
    """The stored listing where it can be read and is not older than the shipped one, else the shipped one."""
    ours = shipped("models_dev")
    text = stored_listing(home)
    if text is None:
        return ours
    try:
        stored = read_listing(text)
    except SetupError:
        say(f"{listing_file(home)} cannot be read; it is made anew")
        return ours
    return stored if stored.as_of >= ours.as_of else ours


async def _fetched(address: str, environment: Mapping[str, str]) -> bytes:
    client = http_client(environment)
    try:
        response = await client.send(client.target("GET", address), timeouts=_TIMEOUTS)
        if response.status != 200:
            response.close()
            raise SetupError(f"{address} answered with status {response.status}; the old catalog stays")
        pieces: list[bytes] = []
        size = 0
        while (piece := await response.read_chunk()) is not None:
            size += len(piece)
            if size > _SIZE_MAX:
                response.close()
                raise SetupError(f"{address} sends more than {_SIZE_MAX // 1024**2} MiB; the old catalog stays")
            pieces.append(piece)
        return b"".join(pieces)
    except UpstreamError as error:
        raise SetupError(f"{address} cannot be fetched: {error.message}; the old catalog stays") from None
    finally:
        await client.close()


def _as_data(found: Changes, old: Listing, new: Listing, file: Path) -> dict[str, Any]:
    data: dict[str, Any] = {
        "source": new.source,
        "before": str(old.as_of),
        "as_of": str(new.as_of),
        "file": str(file),
        "models": len(new.models),
        "offers": len(new.offers),
        "changes": msgspec.to_builtins(found),
    }
    return data


def _print(found: Changes, old: Listing, new: Listing) -> None:
    out.out(f"{new.source} of {new.as_of}: {len(new.models)} models, {len(new.offers)} offers", highlight=False)
    out.out(
        f"since {old.as_of}: {len(found.models)} new models, {len(found.offers)} new offers, {len(found.gone)} gone,"
        f" {len(found.prices)} with other prices",
        highlight=False,
    )
    lines = [f"new    {model}" for model in found.models] + [f"gone   {place}" for place in found.gone]
    lines += [
        f"price  {change.provider}/{change.name_there}: {_told(change.before)} -> {_told(change.after)}"
        for change in found.prices
    ]
    for line in lines[:_LINES_MAX]:
        out.out(f"  {line}", highlight=False)
    if len(lines) > _LINES_MAX:
        out.out(f"  and {len(lines) - _LINES_MAX} more: --json prints all", highlight=False)


def _told(prices: Prices) -> str:
    return f"${prices.input} in, ${prices.output} out per million tokens"
