"""Asking one model through the gateway: at a bounded rate, with patience where another try may help."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import msgspec

from ecotone.evaluation.answers import Answered
from ecotone.evaluation.runs import Failure
from ecotone.gateway.client import Answer, GatewayClient
from ecotone.values.chat import ChatRequest
from ecotone.values.errors import EcotoneError, UpstreamError, UpstreamRejected
from ecotone.values.reply import Event

_TRANSIENT = frozenset({408, 409, 425, 429})


class Patience(msgspec.Struct, frozen=True):
    """How often a request is made, at most, and how long is waited between: `first_s`, twice as long after each
    further failure, never above `most_s`; or as long as the other side asks, if that is at most `asked_max_s`."""

    attempts_max: int = 4
    first_s: float = 1.0
    most_s: float = 30.0
    asked_max_s: float = 60.0


class Unanswered(Exception):
    """No answer came. Carries what is kept of that; it never leaves this package."""

    def __init__(self, failure: Failure, attempts: int) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.attempts = attempts


class Pace:
    """When the next request to a model may go out: evenly spaced, and never while it has asked to be left alone."""

    def __init__(self, per_minute: float | None) -> None:
        self._interval_s = 60.0 / per_minute if per_minute else 0.0
        self._next_s = 0.0

    async def turn(self) -> None:
        """Wait until it is this request's turn. Turns are given in the order in which they were asked for."""
        now_s = asyncio.get_running_loop().time()
        at_s = max(now_s, self._next_s)
        self._next_s = at_s + self._interval_s
        if at_s > now_s:
            await asyncio.sleep(at_s - now_s)

    def hold(self, wait_s: float) -> None:
        """Give no turn that begins earlier than in `wait_s`."""
        self._next_s = max(self._next_s, asyncio.get_running_loop().time() + wait_s)


class Asker:
    """Asks on behalf of a run; `now` is the clock for what is written down."""

    def __init__(
        self, gateway: GatewayClient, *, timeout_s: float, patience: Patience, now: Callable[[], datetime]
    ) -> None:
        self._gateway = gateway
        self._timeout_s = timeout_s
        self._patience = patience
        self._now = now

    async def ask(self, request: ChatRequest, pace: Pace) -> tuple[Answered, int]:
        """The answer, and how many attempts it took. Raises Unanswered."""
        patience = self._patience
        pause_s = patience.first_s
        attempt = 1
        while True:
            await pace.turn()
            try:
                return await self._once(request), attempt
            except EcotoneError as error:
                failure = failure_of(error)
                asked_s = error.retry_after_s if isinstance(error, UpstreamError) else None
            except TimeoutError:
                message = f"no complete answer within {self._timeout_s:g} s"
                raise Unanswered(Failure("timeout", message, transient=True), attempt) from None
            too_long = asked_s is not None and asked_s > patience.asked_max_s
            if too_long:
                wanted = f"{failure.message} (it wants to be left alone for {asked_s:g} s)"
                failure = msgspec.structs.replace(failure, message=wanted)
            if not failure.transient or too_long or attempt >= patience.attempts_max:
                raise Unanswered(failure, attempt)
            pace.hold(min(pause_s, patience.most_s) if asked_s is None else asked_s)
            pause_s *= 2
            attempt += 1

    async def _once(self, request: ChatRequest) -> Answered:
        answer = Answer(request.model)
        asked_at = self._now()
        async with asyncio.timeout(self._timeout_s):
            await self._gateway.ask(request, answer, _ignore)
        return Answered(
            reply=answer.text or answer.refusal,
            finish=answer.finish,
            model=answer.model,
            asked_at=asked_at,
            total_s=_rounded(answer.total_s) or 0.0,
            first_token_s=_rounded(answer.first_token_s),
            usage=answer.usage,
            reasoning=answer.reasoning or None,
            endpoint=answer.endpoint,
            upstream_model=answer.upstream_model,
            fingerprint=answer.fingerprint,
            request_id=answer.request_id,
        )


def failure_of(error: EcotoneError) -> Failure:
    """What is kept of an error. Whether another try may help is told by the status."""
    status = error.upstream_status if isinstance(error, UpstreamRejected) else error.status
    transient = status is not None and (status in _TRANSIENT or status >= 500)
    return Failure(error.code or error.type, error.message, transient)


def _ignore(_: Event) -> None:
    return None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
