"""The child process that runs one model: llama.cpp with its own HTTP server, on loopback.

    python -m ecotone.upstream.engine_process

The parent writes one line of JSON (`EngineSettings`) to standard input: not arguments, which every user of the machine
could read, because it carries the key. The child answers one line on standard output, `{"address": ...}` or
`{"error": ...}`, and serves until its standard input closes. That happens when the parent lets go of it, and also when
the parent dies of whatever cause, so no engine outlives its owner.

Everything that Python or C++ prints goes to standard error, which the parent has pointed at a log file.
"""

import fcntl
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

if TYPE_CHECKING:
    import xllamacpp

LOG_BYTES_MAX: Final = 16 * 1024**2
_SETTINGS_BYTES_MAX: Final = 16 * 1024**2
_LOG_CHECK_S: Final = 10.0
_LOG_ERRORS_AND_WARNINGS: Final = 2


class EngineSettings(msgspec.Struct, frozen=True):
    """What the child is told.

    `context_total` tokens of cache are shared out evenly over `parallel` slots. `batch` is the most tokens in one
    physical step. With `embedding` the process serves embeddings and no chat; `mean_pooling` averages over the tokens,
    for models that declare no pooling of their own. `chat_template` replaces the model's own.
    """

    path: str
    alias: str
    key: str
    threads: int
    context_total: int
    parallel: int
    batch: int
    embedding: bool = False
    mean_pooling: bool = False
    chat_template: str | None = None


class EngineGreeting(msgspec.Struct, frozen=True, omit_defaults=True):
    """The child's one line: where it listens, or why it does not."""

    address: str | None = None
    error: str | None = None


def main() -> NoReturn:
    """Start the server that standard input describes and serve until standard input closes."""
    # Ctrl-C in a terminal reaches every process of the group; the parent alone decides what it means.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    line = sys.stdin.buffer.readline(_SETTINGS_BYTES_MAX)
    if not line:
        os._exit(0)  # the parent changed its mind, or is gone
    settings = msgspec.json.decode(line, type=EngineSettings)
    _end_with_parent()
    try:
        server = _serve(settings)
        greeting = EngineGreeting(address=server.listening_address)
    except (ImportError, RuntimeError, ValueError, MemoryError) as error:
        greeting = EngineGreeting(error=f"{type(error).__name__}: {error}")
    os.write(answers, msgspec.json.encode(greeting) + b"\n")
    os.close(answers)
    if greeting.error is None:
        _wait_for_parent()
    # Without the interpreter's and the server's own clean-up: it would wait for answers that nobody reads.
    os._exit(0 if greeting.error is None else 1)


def _end_with_parent() -> None:
    """Have the kernel end this process when standard input closes, even while C++ loads and holds the interpreter.

    SIGIO, sent when a pipe with O_ASYNC changes, ends a process by default on Linux. Elsewhere `_wait_for_parent` has
    to do, which works once the model is loaded.
    """
    if sys.platform == "linux":
        stdin = sys.stdin.fileno()
        fcntl.fcntl(stdin, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(stdin, fcntl.F_SETFL, fcntl.fcntl(stdin, fcntl.F_GETFL) | os.O_ASYNC)
        if select.select([stdin], [], [], 0)[0]:
            os._exit(0)  # closed before SIGIO was armed


def _wait_for_parent() -> None:
    """Until standard input closes; meanwhile keep the log under its bound by starting it afresh."""
    stdin, log = sys.stdin.fileno(), sys.stderr.fileno()
    while True:
        if select.select([stdin], [], [], _LOG_CHECK_S)[0] and not os.read(stdin, 4096):
            return
        if os.fstat(log).st_size > LOG_BYTES_MAX:
            os.ftruncate(log, 0)


def _serve(settings: EngineSettings) -> "xllamacpp.Server":
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings.path
    params.model_alias = {settings.alias}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [settings.key]
    params.ui = False
    params.cors_origins, params.cors_origins_explicit = "", True
    params.verbosity = _LOG_ERRORS_AND_WARNINGS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings.threads
    params.n_ctx = settings.context_total
    params.n_parallel = settings.parallel
    # One step is also how long other streams stand still while a long prompt is read, so n_batch is not left at 2048.
    params.n_batch = params.n_ubatch = settings.batch
    # These two would keep whole prompts in up to 8 GiB outside the slots, and a window's state 32 times a slot: memory
    # that nobody budgeted. The slots themselves remember the last prompt each.
    params.cache_ram_mib, params.cache_idle_slots = 0, False
    params.n_ctx_checkpoints = 2
    if settings.chat_template is not None:
        params.chat_template = settings.chat_template
    if settings.embedding:
        params.embedding = True
        if settings.mean_pooling:
            params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
