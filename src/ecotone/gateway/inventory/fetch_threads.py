"""Fetching beside the event loop, without keeping the process from ending."""

import asyncio
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any, TypeVar

_T = TypeVar("_T")

_NOTICED_WITHIN_S = 1.0


async def in_fetch_thread(work: Callable[[], _T]) -> _T:
    """What `work` returns, or raises, in a thread of its own.

    Unlike that of `asyncio.to_thread`, this one may wait for a silent server for as long as it likes: a process that
    ends does not wait for it. What it has written by then must do for the next time.
    """
    outcome: Future[_T] = Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # whatever it is, it is for the one who waits
            outcome.set_exception(error)

    threading.Thread(target=run, name="fetch", daemon=True).start()
    return await asyncio.wrap_future(outcome)


async def let_end(fetches: Collection[asyncio.Task[Any]]) -> None:
    """Wait for fetches that were told to stop; those that do not notice soon are left to themselves."""
    if not fetches:
        return
    _, late = await asyncio.wait(fetches, timeout=_NOTICED_WITHIN_S)
    for task in late:
        task.cancel()
    await asyncio.gather(*fetches, return_exceptions=True)
