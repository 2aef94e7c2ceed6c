"""The embedded engines of one gateway: started when asked for, under one memory budget, restarted after a crash.

A request holds a `Lease` while it talks to an engine. What nobody holds may be stopped: the least recently used first
when another model needs the memory, or after a time of idleness. What is answering is never stopped for another's sake.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Literal

import msgspec

from ecotone.upstream.engine import Engine, EnginePlan, EngineSpec, Task, plan_engine
from ecotone.values.errors import EngineError, StoreError

State = Literal["unloaded", "loading", "ready", "answering", "failed"]

_HEALTHY_S: Final = 60.0
_BACKOFF_FIRST_S: Final = 1.0
_BACKOFF_MAX_S: Final = 60.0
_TRIES_MAX: Final = 3
_SHUTTING_DOWN: Final = "The gateway is shutting down."
_IDLE_CHECK_MIN_S: Final = 0.05
_IDLE_CHECK_MAX_S: Final = 15.0


class EngineState(msgspec.Struct, frozen=True):
    """One engine as the owner sees it. `memory_bytes` is the plan's estimate, None before the model was ever planned;
    `loaded_for_s` is None unless it runs; `last_error` stays until the next successful start."""

    name: str
    task: Task
    state: State
    pid: int | None
    leases: int
    memory_bytes: int | None
    loaded_for_s: float | None
    last_error: str | None


class _Place:
    """Where the runs of one model and task follow each other, and what is remembered between them.

    `waiting` counts the callers who are about to get a lease on the run that has just started.
    """

    __slots__ = ("failures", "last_error", "plan", "retry_at", "run", "spec", "start", "waiting")

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec
        self.plan: EnginePlan | None = None
        self.run: _Run | None = None
        self.start: asyncio.Task[_Run] | None = None
        self.waiting = 0
        self.failures = 0
        self.retry_at = 0.0
        self.last_error: str | None = None


class _Run:
    """One life of an engine: from the decision to start it to the end of its process."""

    __slots__ = ("engine", "last_used", "leases", "memory_bytes", "place", "pool", "ready_since", "retired")

    def __init__(self, pool: "EnginePool", place: _Place, plan: EnginePlan, logs_dir: Path) -> None:
        self.pool = pool
        self.place = place
        self.memory_bytes = plan.memory_bytes
        self.engine = Engine(plan, logs_dir=logs_dir, on_exit=lambda _: pool._exited(self))
        self.leases = 0
        self.last_used = 0.0
        self.ready_since: float | None = None
        self.retired = False

    @property
    def is_idle(self) -> bool:
        return self.ready_since is not None and not (self.leases or self.place.waiting or self.retired)


class Lease:
    """The right to talk to an engine: while it is held the engine is not stopped. Release it, once or more often."""

    __slots__ = ("_engine", "_run", "base_url", "key")

    def __init__(self, run: _Run) -> None:
        run.leases += 1
        self._run: _Run | None = run
        self._engine = run.engine
        self.base_url = run.engine.base_url
        self.key = run.engine.key

    def release(self) -> None:
        """Give the right back. Does nothing the second time."""
        run, self._run = self._run, None
        if run is not None:
            run.leases -= 1
            if run.leases == 0:
                run.pool._idle(run)

    async def engine_ended(self, *, wait_s: float) -> bool:
        """Whether the engine's process has ended, or ends within `wait_s`.

        A connection to a killed process breaks a moment before its end is known here. Who asks after a broken
        connection may acquire anew on True, sure not to be given the same engine.
        """
        return await self._engine.ended(timeout_s=wait_s)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class EnginePool:
    """Engines by model name and task.

    `memory_budget_bytes` bounds the sum of the plans' estimates. A start that finds no room waits at most
    `wait_for_memory_s` for engines that are answering. `idle_unload_s` None keeps engines until the memory is needed.
    `clock` is monotonic seconds.
    """

    def __init__(
        self,
        specs: Iterable[EngineSpec],
        *,
        memory_budget_bytes: int,
        cores: int,
        logs_dir: Path,
        idle_unload_s: float | None = None,
        wait_for_memory_s: float = 30.0,
        start_timeout_s: float = 120.0,
        drain_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._memory_budget_bytes = memory_budget_bytes
        self._cores = cores
        self._logs_dir = logs_dir
        self._idle_unload_s = idle_unload_s
        self._wait_for_memory_s = wait_for_memory_s
        self._start_timeout_s = start_timeout_s
        self._drain_s = drain_s
        self._clock = clock
        self._specs = {spec.name: spec for spec in specs}
        self._places: dict[tuple[str, Task], _Place] = {}
        self._alive: set[_Run] = set()
        self._room = asyncio.Lock()
        self._changed = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._idle_timer: asyncio.TimerHandle | None = None
        self._closed = False

    def try_acquire(self, name: str, task: Task = "chat") -> Lease | None:
        """A lease on an engine that is ready now, else None. Creates no task and waits for nothing."""
        place = self._places.get((name, task))
        if place is None or place.run is None or place.run.ready_since is None:
            return None
        return Lease(place.run)

    async def acquire(self, name: str, task: Task = "chat") -> Lease:
        """A lease, starting the engine if need be; those who ask together share one start.

        Raises EngineError when there is no such model, no memory for it, it does not load, or it crashed so lately
        that its next try lies ahead (the message says when); StoreError when its file cannot be used.
        """
        for _ in range(_TRIES_MAX):
            lease = self.try_acquire(name, task)
            if lease is not None:
                return lease
            place = self._place(name, task)
            if place.start is None:
                self._refuse_while_backing_off(place)
                place.start = asyncio.create_task(self._start(place, task))
                place.start.add_done_callback(_retrieve)
            run = await self._started(place, place.start)
            if run.ready_since is not None and not run.retired:
                return Lease(run)
        raise EngineError(f"The engine of model {name} ended again and again as soon as it was loaded.")

    async def _started(self, place: _Place, start: "asyncio.Task[_Run]") -> _Run:
        place.waiting += 1
        try:
            # Shielded: one caller that leaves must not take the start away from the others.
            return await asyncio.shield(start)
        except asyncio.CancelledError:
            if start.cancelled():
                raise EngineError(_SHUTTING_DOWN) from None
            raise
        finally:
            place.waiting -= 1
            self._changed.set()

    def states(self) -> tuple[EngineState, ...]:
        """Every model's chat engine, and embedding engines that were asked for, by name."""
        keys: set[tuple[str, Task]] = {(name, "chat") for name in self._specs}
        keys |= {key for key, place in self._places.items() if place.plan is not None}
        return tuple(self._state(name, task) for name, task in sorted(keys))

    async def load(self, name: str, task: Task = "chat") -> None:
        """Have the engine ready before anyone asks. Raises as `acquire` does."""
        (await self.acquire(name, task)).release()

    async def unload(self, name: str) -> None:
        """Stop the model's engines: at once if idle, else when they have answered, or after `drain_s` in any case.

        A request that comes meanwhile starts the model anew.
        """
        runs = [run for (model, _), place in self._places.items() if model == name and (run := place.run)]
        for run in runs:
            self._retire(run)
        await asyncio.gather(*(run.engine.ended(timeout_s=self._drain_s) for run in runs))
        await asyncio.gather(*(self._stop(run) for run in runs))

    def update(self, specs: Iterable[EngineSpec]) -> None:
        """Take over a new configuration. Engines whose spec is gone or different stop when their leases end."""
        self._specs = {spec.name: spec for spec in specs}
        for key, place in list(self._places.items()):
            if self._specs.get(key[0]) != place.spec:
                del self._places[key]
                if place.run is not None:
                    self._retire(place.run)

    async def close(self) -> None:
        """Stop every engine now, answering or not. The pool is of no use afterwards."""
        self._closed = True
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        starts = [place.start for place in self._places.values() if place.start is not None]
        for start in starts:
            start.cancel()
        await asyncio.gather(*starts, return_exceptions=True)
        await asyncio.gather(*(self._stop(run) for run in list(self._alive)))
        await asyncio.gather(*self._background, return_exceptions=True)

    def unload_idle(self) -> None:
        """Stop what has been idle for `idle_unload_s`; runs by itself while engines are up."""
        if self._idle_unload_s is None:
            return
        for run in list(self._alive):
            if run.is_idle and self._clock() - run.last_used >= self._idle_unload_s:
                self._retire(run)

    def _place(self, name: str, task: Task) -> _Place:
        spec = self._specs.get(name)
        if spec is None or self._closed:
            raise EngineError(
                f"No embedded model is called {name}." if spec is None else "The gateway is shutting down."
            )
        return self._places.setdefault((name, task), _Place(spec))

    def _refuse_while_backing_off(self, place: _Place) -> None:
        wait = place.retry_at - self._clock()
        if wait > 0:
            raise EngineError(
                f"The engine of model {place.spec.name} failed {place.failures} times in a row; it is tried again in "
                f"{wait:.0f} s. {place.last_error}"
            )

    async def _start(self, place: _Place, task: Task) -> _Run:
        try:
            place.plan = plan = await asyncio.to_thread(
                plan_engine, place.spec, task, cores=self._cores, memory_bytes=self._memory_budget_bytes
            )
            async with self._room:
                await self._make_room(plan)
                run = _Run(self, place, plan, self._logs_dir)
                self._alive.add(run)
            try:
                await run.engine.start(timeout_s=self._start_timeout_s)
            except EngineError as error:
                self._note_failure(place, error.message, healthy_s=0.0)
                raise
            finally:
                if not run.engine.base_url:
                    self._forget(run)
            self._became_ready(run)
            return run
        except StoreError as error:
            place.last_error = error.message
            raise
        finally:
            place.start = None

    def _became_ready(self, run: _Run) -> None:
        place = run.place
        if run.engine.exit_code is not None:
            return
        run.ready_since = run.last_used = self._clock()
        place.last_error = None
        if self._places.get((place.spec.name, run.engine.plan.task)) is place:
            place.run = run
        else:
            self._retire(run)
        self._arm_idle_timer()

    async def _make_room(self, plan: EnginePlan) -> None:
        """Stop idle engines, the least recently used first, until the plan fits; wait for answering ones if need be."""
        budget, need = self._memory_budget_bytes, plan.memory_bytes
        if need > budget:
            raise EngineError(
                f"Model {plan.name} needs about {_megabytes(need)}, more than the {_megabytes(budget)} that embedded "
                "models may take. Allow more memory, shorten its context, lower its parallel requests, or choose a "
                "smaller model."
            )
        deadline = asyncio.get_running_loop().time() + self._wait_for_memory_s
        while (short := sum(run.memory_bytes for run in self._alive) + need - budget) > 0:
            self._changed.clear()
            idle = sorted((run for run in self._alive if run.is_idle), key=lambda run: run.last_used)
            # Stopping some is of no use while even all of them would not be enough.
            if sum(run.memory_bytes for run in idle) >= short:
                self._detach(idle[0])
                await self._stop(idle[0])
                continue
            try:
                async with asyncio.timeout_at(deadline):
                    await self._changed.wait()
            except TimeoutError:
                raise EngineError(
                    f"Model {plan.name} needs about {_megabytes(need)}, and {_megabytes(need - short)} of the "
                    f"{_megabytes(budget)} that embedded models may take can be had: the others were still answering "
                    f"after {self._wait_for_memory_s:g} s. Try again later, or allow more memory."
                ) from None

    def _note_failure(self, place: _Place, message: str, *, healthy_s: float) -> None:
        """The first failure, and the first after a healthy minute, may be retried at once; then ever later."""
        place.failures = 1 if healthy_s >= _HEALTHY_S else place.failures + 1
        doublings = place.failures - 2
        pause = 0.0 if doublings < 0 else min(_BACKOFF_MAX_S, _BACKOFF_FIRST_S * 2.0 ** min(doublings, 16))
        place.retry_at = self._clock() + pause
        place.last_error = message

    def _exited(self, run: _Run) -> None:
        """A process has ended: expected if it was being stopped, a crash if it had been serving."""
        if run.ready_since is not None and not run.engine.stopping:
            message = f"The engine of model {run.place.spec.name} {run.engine.how_it_ended()}."
            self._note_failure(run.place, message, healthy_s=self._clock() - run.ready_since)
        self._forget(run)

    def _idle(self, run: _Run) -> None:
        """The last lease was released."""
        run.last_used = self._clock()
        if run.retired and run in self._alive:
            self._spawn(self._stop(run))
        self._changed.set()

    def _retire(self, run: _Run) -> None:
        """Give out no more leases, and stop the engine when the last one ends."""
        self._detach(run)
        if run.leases == 0:
            self._spawn(self._stop(run))

    def _detach(self, run: _Run) -> None:
        run.retired = True
        if run.place.run is run:
            run.place.run = None

    def _forget(self, run: _Run) -> None:
        self._detach(run)
        self._alive.discard(run)
        self._changed.set()

    async def _stop(self, run: _Run) -> None:
        self._detach(run)
        await run.engine.stop()
        self._forget(run)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _arm_idle_timer(self) -> None:
        if self._idle_unload_s is None or self._idle_timer is not None or self._closed:
            return
        pause = max(_IDLE_CHECK_MIN_S, min(self._idle_unload_s / 4, _IDLE_CHECK_MAX_S))
        self._idle_timer = asyncio.get_running_loop().call_later(pause, self._idle_tick)

    def _idle_tick(self) -> None:
        self._idle_timer = None
        self.unload_idle()
        if self._alive:
            self._arm_idle_timer()

    def _state(self, name: str, task: Task) -> EngineState:
        place = self._places.get((name, task)) or _Place(self._specs[name])
        run = place.run
        state: State = "unloaded"
        if run is not None:
            state = "answering" if run.leases else "ready"
        elif place.start is not None:
            state = "loading"
        elif place.last_error is not None:
            state = "failed"
        return EngineState(
            name=name,
            task=task,
            state=state,
            pid=run.engine.pid if run else None,
            leases=run.leases if run else 0,
            memory_bytes=place.plan.memory_bytes if place.plan else None,
            loaded_for_s=self._clock() - run.ready_since if run and run.ready_since is not None else None,
            last_error=place.last_error,
        )


def _megabytes(count: int) -> str:
    return f"{max(0, count) / 1e6:,.0f} MB"


def _retrieve(start: "asyncio.Task[_Run]") -> None:
    """Whoever waited has the error; if all of them left, nobody needs to hear of it."""
    if not start.cancelled():
        start.exception()
