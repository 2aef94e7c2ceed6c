"""Files of embedded models that are fetched while the gateway serves."""

import logging
from pathlib import Path
from typing import Any, NoReturn

import pytest

from ecotone.gateway.inventory.model_files import ModelFiles
from ecotone.upstream.sources import parse_source
from ecotone.upstream.store import ModelStore


class FaultyStore(ModelStore):
    """Has nothing, and fails as no store should."""

    def pull(self, *_: Any, **__: Any) -> NoReturn:
        raise ZeroDivisionError


async def test_a_fault_of_its_own_is_logged_and_no_model_stays_on_its_way(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    arrived: list[None] = []
    files = ModelFiles(FaultyStore(tmp_path / "models"), lambda: arrived.append(None))
    source = parse_source("https://example.invalid/model.gguf", tmp_path)
    assert files.find("local", source, None) is None
    with caplog.at_level(logging.ERROR):
        await files.close()
    assert (files.problem("local") or "").startswith("its file could not be fetched; the log says why;")
    assert "fetching the file of local failed" in caplog.text
    assert not arrived
