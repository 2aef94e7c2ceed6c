"""One embedded engine: what it is started with, its process, and the end of that process.

An engine serves one task of one model. Chat and embeddings run in two processes that share the weights (the file is
mapped, not copied): in one process an embedding waits until every chat that runs has finished, since the engine does
not mix the two in a batch.
"""

import asyncio
import contextlib
import re
import secrets
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec

from ecotone.upstream.engine_process import EngineGreeting, EngineSettings
from ecotone.upstream.gguf import GgufInfo, read_gguf
from ecotone.upstream.tool_template import with_tools
from ecotone.values.errors import EngineError

Task = Literal["chat", "embedding"]

CONTEXT_DEFAULT_MAX: Final = 8_192
PARALLEL_DEFAULT: Final = 4
# Fewer slots rather than less context than this.
_CONTEXT_COMFORTABLE: Final = 4_096
_CONTEXT_MIN: Final = 512
_EMBEDDING_INPUT_DEFAULT: Final = 2_048
_BATCH: Final = 512
# An embedding computes, and copies, a score for every word of the vocabulary at every token of its input.
_SCORE_BYTES: Final = 2 * 4

_LOG_TAIL_BYTES: Final = 16_384
_LOG_LINES_MAX: Final = 3


class EngineSpec(msgspec.Struct, frozen=True):
    """A model to run and what its owner decided about it. None leaves the choice to the machine.

    `context` is tokens a request, prompt and answer together; for embeddings, tokens an input. `parallel` is how many
    requests are answered at once.
    """

    name: str
    path: Path
    threads: int | None = None
    context: int | None = None
    parallel: int | None = None


class EnginePlan(msgspec.Struct, frozen=True):
    """Everything decided: how one process will be started and the most memory it will take."""

    name: str
    task: Task
    path: Path
    threads: int
    context: int
    parallel: int
    batch: int
    memory_bytes: int
    mean_pooling: bool
    chat_template: str | None


def plan_engine(spec: EngineSpec, task: Task, *, cores: int, memory_bytes: int) -> EnginePlan:
    """Choose what the owner left open: a thread a core, four slots, and up to 8,192 tokens (2,048 for an embedding) a
    slot, cut to what the model was trained for and to what fits into `memory_bytes`. Embeddings always have one slot.

    Reads the model's header. Raises StoreError for a file that cannot be used. The plan may need more than
    `memory_bytes` where the owner's own numbers, or the weights alone, do.
    """
    info = read_gguf(spec.path, model=spec.name)
    # The engine cuts a batch of inputs of different lengths into steps, and of the longer ones it then averages only
    # what the last step holds: their vectors would be wrong.
    parallel = 1 if task == "embedding" else spec.parallel or PARALLEL_DEFAULT
    context = spec.context
    if context is None:
        most = CONTEXT_DEFAULT_MAX if task == "chat" else _EMBEDDING_INPUT_DEFAULT
        most = min(most, info.context_length or most)
        while (
            spec.parallel is None
            and parallel > 1
            and _context_that_fits(info, task, parallel, memory_bytes) < min(most, _CONTEXT_COMFORTABLE)
        ):
            parallel //= 2
        context = min(most, max(_CONTEXT_MIN, _context_that_fits(info, task, parallel, memory_bytes)))
    return EnginePlan(
        name=spec.name,
        task=task,
        path=spec.path,
        threads=spec.threads or cores,
        context=context,
        parallel=parallel,
        # An input to embed is taken in one step, so that every token sees every other before the average.
        batch=_BATCH if task == "chat" else context,
        memory_bytes=_memory_needed(info, task, parallel, context),
        mean_pooling=task == "embedding" and info.pooling is None,
        chat_template=with_tools(info.chat_template),
    )


def _memory_needed(info: GgufInfo, task: Task, parallel: int, context: int) -> int:
    scores = info.vocabulary * _SCORE_BYTES * context if task == "embedding" else 0
    return info.memory_bytes(context * parallel) + scores


def _context_that_fits(info: GgufInfo, task: Task, parallel: int, memory_bytes: int) -> int:
    a_token = _memory_needed(info, task, parallel, 1) - _memory_needed(info, task, parallel, 0)
    free = memory_bytes - _memory_needed(info, task, parallel, 0)
    return max(0, free) // a_token if a_token else CONTEXT_DEFAULT_MAX


class Engine:
    """A child process that serves one plan on loopback. Started once, stopped once.

    `on_exit` is called from the event loop as soon as the process has ended, for whatever reason.
    """

    def __init__(self, plan: EnginePlan, *, logs_dir: Path, on_exit: Callable[["Engine"], None]) -> None:
        self.plan = plan
        name = re.sub(r"[^\w.-]", "_", plan.name if plan.task == "chat" else f"{plan.name}-{plan.task}")
        self.log_path = logs_dir / f"engine-{name}.log"
        self.key = secrets.token_urlsafe(32)
        self.base_url = ""
        self.stopping = False
        self._on_exit = on_exit
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id; None before it is started."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """None while the child runs; minus the signal's number where one ended it."""
        return self._process.returncode if self._process else None

    async def start(self, *, timeout_s: float) -> None:
        """Start the child and wait until its model is loaded. Raises EngineError with what its log says."""
        try:
            async with asyncio.timeout(timeout_s):
                greeting = await self._launch()
                if greeting.address is None and self._watcher is not None:
                    await asyncio.wait([self._watcher])
        except TimeoutError:
            raise EngineError(
                f"Model {self.plan.name} was not loaded within {timeout_s:g} s. A smaller model or a shorter context "
                f"loads faster. The engine's log is {self.log_path}."
            ) from None
        except OSError as error:
            raise EngineError(f"The engine of model {self.plan.name} could not be started: {error}.") from error
        else:
            if greeting.address is None:
                raise EngineError(self._why_not(greeting))
            self.base_url = greeting.address + "/v1"
        finally:
            if not self.base_url:
                await self.stop(grace_s=0)

    async def stop(self, *, grace_s: float = 2.0) -> None:
        """End the child: let go of it, and kill it if it is still there after `grace_s`."""
        self.stopping = True
        process, watcher = self._process, self._watcher
        if process is None or watcher is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if not await self.ended(timeout_s=grace_s):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await asyncio.wait([watcher])

    async def ended(self, *, timeout_s: float) -> bool:
        """Whether the process, once started, has ended or ends within `timeout_s`."""
        if self._watcher is not None:
            await asyncio.wait([self._watcher], timeout=timeout_s)
        return self.exit_code is not None

    async def _launch(self) -> EngineGreeting:
        plan = self.plan
        settings = EngineSettings(
            path=str(plan.path),
            alias=plan.name,
            key=self.key,
            threads=plan.threads,
            context_total=plan.context * plan.parallel,
            parallel=plan.parallel,
            batch=plan.batch,
            embedding=plan.task == "embedding",
            mean_pooling=plan.mean_pooling,
            chat_template=plan.chat_template,
        )
        with _fresh_log(self.log_path) as log:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # a file beside the user's work must not pass for a module of ours
                "-m",
                "ecotone.upstream.engine_process",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        self._watcher = asyncio.create_task(self._watch(process))
        if process.stdin is not None:
            process.stdin.write(msgspec.json.encode(settings) + b"\n")
        line = await process.stdout.readline() if process.stdout is not None else b""
        return msgspec.json.decode(line, type=EngineGreeting) if line else EngineGreeting()

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        self._on_exit(self)

    def how_it_ended(self) -> str:
        """In words, with what its log says last; for an engine that has exited."""
        code = self.exit_code
        if code is None:
            return "still runs"
        how = f"ended with status {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
        if code == -signal.SIGKILL:
            how += " (if nobody did that by hand, the system was out of memory)"
        said = _log_tail(self.log_path)
        return how + (f": {said}" if said else "")

    def _why_not(self, greeting: EngineGreeting) -> str:
        reason = f"could not load it: {_log_tail(self.log_path) or greeting.error}" if greeting.error else None
        return f"Model {self.plan.name} was not started: the engine {reason or self.how_it_ended()}. Its log is " + (
            f"{self.log_path}."
        )


def _fresh_log(path: Path) -> BinaryIO:
    """An empty log; the one of the run before is kept beside it. Appends, so that it can be cut while in use."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


def _log_tail(path: Path) -> str:
    """What went wrong, in the log's own words: the errors if it names any, else its end."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
        lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
        errors = list(dict.fromkeys(line.partition(" E ")[2].strip() for line in lines if " E " in line))
        # The first error is the cause, those after it its consequences; of plain text the end tells most.
        return "; ".join(errors[:_LOG_LINES_MAX] or lines[-_LOG_LINES_MAX:])
    return ""
