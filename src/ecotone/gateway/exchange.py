"""One request's life: decode, choose, attempt, answer, record."""

import asyncio
import random
import re
import time
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from ecotone.gateway.decision import Decision
from ecotone.gateway.declared import Declared
from ecotone.gateway.health import Health
from ecotone.gateway.jobs import Answer, Job
from ecotone.gateway.keys import Principal
from ecotone.gateway.labelling import AT_ONCE_BYTES_MAX, Labelled
from ecotone.gateway.misuse import MisuseWatch
from ecotone.gateway.models import Candidate, Directory
from ecotone.gateway.request_log import RequestLog, RequestRow
from ecotone.gateway.responses import StoredResponses
from ecotone.gateway.ruling import Planned
from ecotone.gateway.snapshot import Snapshot
from ecotone.policy.clearance import ClearanceMinter
from ecotone.policy.guard.categories import CATEGORIES
from ecotone.upstream.endpoints import Call, Endpoint
from ecotone.upstream.http import Response
from ecotone.upstream.operations import Operation
from ecotone.values.chat import ChatRequest, Message, Sampling, TextPart
from ecotone.values.errors import (
    EcotoneError,
    RequestError,
    StaleClearance,
    Unavailable,
    Unredactable,
    UnsupportedFeature,
    UpstreamError,
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnreachable,
)
from ecotone.values.filters import EventFilter
from ecotone.values.reply import Usage
from ecotone.wire.losses import Loss
from ecotone.wire.retry_after import retry_after_s
from ecotone.wire.sse import REPLY_BYTES_MAX
from ecotone.wire.wire import StreamWatch, Wire

CLIENT_LEFT = 499
"""Recorded as the status of an exchange whose client left before it was answered (nginx's number for it)."""

_NAMED_MAX = 5
_GUARD_SAMPLING = Sampling(temperature=0.0, max_tokens=64)
_GUARD_REPLY_BYTES_MAX = 1024 * 1024
_PLANS_MAX = 3
_ERROR_MAX_BYTES = 64 * 1024
_HELD_MAX_BYTES = 32 * 1024 * 1024
_NO_CONNECTION = re.compile(r"cannot connect(?: to \S+)?: (?P<reason>.*?)(?: \(os error \d+\))?", re.DOTALL)


class Gateway:
    """What every exchange needs. `snapshot` is replaced as a whole when the config changes; an exchange keeps the
    one it began with until it sends. `wires` are all that clients and endpoints may speak, by name; `responses` are
    those kept; `minter` clears what the rules allow."""

    def __init__(
        self,
        snapshot: Snapshot,
        log: RequestLog,
        wires: Mapping[str, Wire],
        responses: StoredResponses,
        minter: ClearanceMinter,
    ) -> None:
        self.snapshot = snapshot
        self.minter = minter
        self.wires = wires
        self.responses = responses
        self.health = Health()
        self.log = log
        self.misuse = MisuseWatch(log.add)

    @property
    def directory(self) -> Directory:
        """The names that clients can ask for."""
        return self.snapshot.directory


class Exchange:
    """One request from its arrival to its row in the log. Use: `open`, then the reply (`answer`, or `next_bytes` until
    it returns None), then `close`."""

    def __init__(self, gateway: Gateway, operation: Operation, now_us: int) -> None:
        """`now_us` is the time of arrival, Unix microseconds, UTC."""
        self._gateway = gateway
        self._operation: Operation = operation
        self._started_at_us = now_us
        self._started_s = time.perf_counter()
        # Ordered by time, so that the log's index grows at its end.
        self.request_id = f"req_{now_us // 1000:012x}{random.getrandbits(64):016x}"
        self.principal: Principal | None = None
        self.job: Job | None = None
        self.answer: Answer | None = None
        self.model: str | None = None
        self._candidate: Candidate | None = None
        self._response: Response | None = None
        self._watch: StreamWatch | None = None
        self._held = b""
        self._media_type = ""
        self._slow = False
        self._decision: Decision | None = None
        self.losses: tuple[Loss, ...] = ()
        """What the request could not say to the endpoint that answers."""
        self._attempts = 0
        self._usage: Usage | None = None
        self._error: EcotoneError | None = None
        self._first_byte_us: int | None = None
        self._finished = False
        self._closed = False

    # --- the request

    async def open(self, principal: Principal, job: Job, declared: Declared, size_bytes: int) -> None:
        """Find a model that may answer and does. Afterwards `answer` holds the whole reply, or it is None and
        `next_bytes` brings the stream. Nothing has reached the client yet, so that up to here another endpoint could
        still be tried. `declared` is what the caller says of the request, `size_bytes` the length of its body.

        Raises RequestError, UpstreamError or Unavailable.
        """
        self.principal = principal
        self.job = job
        for _ in range(_PLANS_MAX):
            try:
                return await self._open_under(self._gateway.snapshot, principal, job, declared, size_bytes)
            except StaleClearance:
                self._drop_response()
        raise Unavailable("The rules of this gateway changed while it worked on the request; try again.")

    async def _open_under(
        self, snapshot: Snapshot, principal: Principal, job: Job, declared: Declared, size_bytes: int
    ) -> None:
        """As `open`, under one config. Raises StaleClearance where that is in force no more."""
        ruling, candidates = snapshot.ruling, snapshot.directory.candidates(job.asked)
        labelled = await ruling.label(principal, job, declared, size_bytes, self._started_at_us)
        ask = partial(self._ask_guard, snapshot, labelled)
        labelled = await ruling.guarded(labelled, ask)
        ordered = self._gateway.health.order(candidates, time.monotonic())
        plan = ruling.plan(labelled, ordered, self._started_at_us)
        self._decision = Decision(ruling.policy, labelled, plan.verdicts) if ruling.policy.rules else None
        if not plan.allowed:
            raise plan.refusal(job.asked)
        failures: list[EcotoneError] = []
        for planned in plan.allowed:
            candidate = planned.candidate
            self._candidate = candidate
            try:
                if self._decision is None:
                    await self._attempt(snapshot, planned, job, ())
                else:
                    redacted = await ruling.redacted(job, labelled, planned.verdict, declared)
                    rules = ruling.reply_rules(labelled, candidate, redacted, self._started_at_us, ask)
                    self._decision.redacted, self._decision.reply = redacted.counts, rules
                    # Rules see what the model said; what its pseudonyms stand for is put back after them.
                    filters = (*((rules,) if rules is not None else ()), *redacted.filters())
                    await self._attempt(snapshot, planned, redacted.job, filters)
            except EcotoneError as error:
                self._drop_response()
                self._mark(candidate, error)
                if not error.retryable_elsewhere:
                    raise
                failures.append(error)
            else:
                self.model = candidate.model
                return
        failure = _all_failed(job.asked, failures)
        if isinstance(failure, UnsupportedFeature) and not any(_takes(job, one.endpoint) for one in candidates):
            failure.message += f" {self._who_could(snapshot, job, labelled)}"
        raise failure

    async def _ask_guard(self, snapshot: Snapshot, labelled: Labelled, model: str, messages: Sequence[Message]) -> str:
        """What a guard model says, at the first of its places that may have the content and answers. Rules on content
        cannot speak yet; all others do. Raises EcotoneError."""
        told = "\n".join(part.text for message in messages for part in message.parts if isinstance(part, TextPart))
        labels = snapshot.ruling.raised(labelled.labels, told)
        unscored = msgspec.structs.replace(labels, scores=dict.fromkeys(CATEGORIES, 0.0))
        candidates = snapshot.directory.candidates(model)
        plan = snapshot.ruling.plan(Labelled(unscored), candidates, self._started_at_us)
        failure: EcotoneError = plan.refusal(model)
        for planned in plan.allowed:
            if planned.verdict.redact:
                failure = Unredactable("the rules want it redacted first, and a guard must judge what there is")
                continue
            endpoint = planned.candidate.endpoint
            wire = self._gateway.wires[endpoint.wires[0]]
            request = ChatRequest(endpoint.name, tuple(messages), sampling=_GUARD_SAMPLING)
            try:
                call = Call("chat", wire.name, wire.encode_request(request).body)
                reply = wire.decode_reply(await self._sent_whole(snapshot, planned, call))
                return "".join(part.text for part in reply.choices[0].parts if isinstance(part, TextPart))
            except StaleClearance:
                raise
            except EcotoneError as error:
                failure = error
        raise failure

    async def _sent_whole(self, snapshot: Snapshot, planned: Planned, call: Call) -> bytes:
        response = await self._sent(snapshot, planned, call)
        try:
            if response.status != 200:
                raise await self._refusal(response, call)
            return await _read_all(response, _GUARD_REPLY_BYTES_MAX)
        finally:
            response.close()

    async def _sent(self, snapshot: Snapshot, planned: Planned, call: Call) -> Response:
        """The one way out: what the rules allow is cleared, and sent."""
        endpoint = planned.candidate.endpoint
        prepared = endpoint.prepare(call)
        clearance = self._gateway.minter.clear(
            planned.verdict, endpoint.id, snapshot.epoch, prepared.body, prepared.headers
        )
        return await endpoint.send(prepared, clearance)

    def _who_could(self, snapshot: Snapshot, job: Job, labelled: Labelled) -> str:
        """Which models here could be asked this instead, in words: the rules allow it, and their wires can say it. What
        the models themselves can is known only to them."""
        able = [
            name
            for name in snapshot.directory.models
            if any(
                one.candidate.endpoint.problem() is None and _takes(job, one.candidate.endpoint)
                for one in snapshot.ruling.plan(
                    labelled, snapshot.directory.candidates(name), self._started_at_us
                ).allowed
            )
        ]
        if not able:
            return "No model here can be asked that."
        more = len(able) - _NAMED_MAX
        listed = ", ".join(able[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
        return f"Models here that can be asked: {listed}."

    async def _attempt(self, snapshot: Snapshot, planned: Planned, job: Job, filters: Sequence[EventFilter]) -> None:
        endpoint = planned.candidate.endpoint
        call = job.call(endpoint)
        self.losses = job.losses
        # First, as there are streams that filters do not understand: those are not asked for.
        watch = job.watch(call, filters) if job.streams else None
        self._attempts += 1
        response = self._response = await self._sent(snapshot, planned, call)
        if response.status != 200:
            raise await self._refusal(response, call)
        self._slow = any(one.slow for one in filters)
        if not job.stream_type:
            self._media_type = response.header("content-type") or ""
        if watch is not None:
            await self._first_token(response, watch)
            return
        body = await _read_all(response, REPLY_BYTES_MAX)
        if self._slow or (filters and len(body) > AT_ONCE_BYTES_MAX):
            answer = await asyncio.to_thread(job.answer, call, body, filters)
        else:
            answer = job.answer(call, body, filters)
        self._usage = answer.usage
        self.answer = answer
        self._gateway.health.succeeded(endpoint.id)

    async def _refusal(self, response: Response, call: Call) -> EcotoneError:
        """What an answer other than 200 means."""
        pieces: list[bytes] = []
        total = 0
        while total < _ERROR_MAX_BYTES and (chunk := await response.read_chunk()) is not None:
            pieces.append(chunk)
            total += len(chunk)
        headers = {name: value for name in ("retry-after-ms", "retry-after") if (value := response.header(name))}
        wait_s = retry_after_s(headers, now=time.time())
        return self._gateway.wires[call.wire].decode_error(response.status, b"".join(pieces), retry_after_s=wait_s)

    async def _first_token(self, response: Response, watch: StreamWatch) -> None:
        """Hold the stream back until its first token has come: until then it can still be tried elsewhere. What is
        more than `_HELD_MAX_BYTES` without a token is given on."""
        held: list[bytes] = []
        held_bytes = 0
        while held_bytes < _HELD_MAX_BYTES and not (watch.token_seen or watch.finished or watch.ended):
            chunk = await response.read_chunk()
            if chunk is None:
                watch.close()
                break
            held.append(await self._fed(watch, chunk))
            held_bytes += len(held[-1])
            if watch.error is not None and not watch.token_seen:
                raise watch.error
        self._watch = watch
        self._held = b"".join(held)

    async def _fed(self, watch: StreamWatch, chunk: bytes) -> bytes:
        """What to give on of the stream; found in a thread where that takes long."""
        return await asyncio.to_thread(watch.feed, chunk) if self._slow else watch.feed(chunk)

    def _mark(self, candidate: Candidate, error: EcotoneError) -> None:
        """Say whose error it is, and hold a failure of its own against the endpoint; what is wrong with the request
        is not."""
        endpoint = candidate.endpoint
        if isinstance(error, UpstreamError) and error.endpoint is None:
            error.endpoint = endpoint.id
            error.message = _told(error, f"model {candidate.model!r} ({endpoint.place})")
        if error.retryable_elsewhere and not isinstance(error, RequestError):
            retry_after = error.retry_after_s if isinstance(error, UpstreamError) else None
            self._gateway.health.failed(endpoint.id, retry_after, time.monotonic())

    # --- the reply

    @property
    def answering(self) -> bool:
        """Has the client been sent the beginning of a reply?"""
        return self._first_byte_us is not None

    @property
    def stream_type(self) -> str:
        """The media type of the stream that answers."""
        return (self.job.stream_type if self.job is not None else "") or self._media_type

    @property
    def answer_type(self) -> str:
        """The media type of `answer`."""
        return (self.answer.media_type if self.answer is not None else "") or self._media_type

    @property
    def endpoint(self) -> str | None:
        """The id of the endpoint that answers; None before one does."""
        return self._candidate.endpoint.id if self._candidate is not None else None

    def first_byte_sent(self) -> None:
        """Note that the client is being sent its first byte."""
        self._first_byte_us = self._elapsed_us()

    async def next_bytes(self) -> bytes | None:
        """More of the stream: whole events, at least one; None at its end.

        A stream that breaks ends with an error in the client's wire and without that wire's end, so that no client can
        take it for a finished one. Raises that error where nothing can be said within the stream.
        """
        watch, response = self._watch, self._response
        assert watch is not None and response is not None  # noqa: S101 - set when a stream opened
        if self._held:
            held, self._held = self._held, b""
            return held
        while not self._finished:
            try:
                if watch.error is not None:
                    raise watch.error
                if watch.ended:
                    self._stream_complete(watch)
                    return None
                chunk = await response.read_chunk()
                if chunk is None:
                    watch.close()
                    self._stream_complete(watch)
                    return None
                forward = await self._fed(watch, chunk)
            except EcotoneError as error:
                self._finished = True
                self._usage = watch.usage
                self.failed(error)
                if self._candidate is not None and isinstance(error, UpstreamError):
                    self._mark(self._candidate, error)
                told = watch.encode_error(error)
                if not told:
                    raise
                return told
            if forward:
                return forward
        return None

    def _stream_complete(self, watch: StreamWatch) -> None:
        self._finished = True
        self._usage = watch.usage
        if self._candidate is not None:
            self._gateway.health.succeeded(self._candidate.endpoint.id)

    def break_off(self, error: EcotoneError) -> bytes:
        """What tells a client in the middle of a stream that no more will come."""
        self.failed(error)
        return self._watch.encode_error(error) if self._watch is not None else b""

    # --- the end

    def failed(self, error: EcotoneError) -> None:
        """Note what went wrong, for the log."""
        self._error = error

    def close(self, status: int) -> None:
        """Let go of the upstream and write the row. `status` is what the client got, or CLIENT_LEFT."""
        if self._closed:
            return
        self._closed = True
        self._drop_response()
        usage = self._usage or (self._watch.usage if self._watch is not None else None) or Usage()
        self._gateway.log.add(
            RequestRow(
                self.request_id,
                self._started_at_us,
                self.principal.name if self.principal is not None else None,
                self._operation,
                self.job.asked if self.job is not None else None,
                self.model,
                self.endpoint,
                self._attempts,
                self.job.streams if self.job is not None else False,
                status,
                None if self._error is None else self._error.code or self._error.type,
                usage.input_tokens,
                usage.output_tokens,
                usage.cached_input_tokens,
                usage.reasoning_tokens,
                self._first_byte_us,
                self._elapsed_us(),
                None if self._decision is None else self._decision.recorded(),
            )
        )
        if self._decision is not None and self.job is not None:
            ended_at_us = self._started_at_us + self._elapsed_us()
            self._gateway.misuse.look_at(self._decision, self.job, self._error, ended_at_us)

    def _drop_response(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            response.close()

    def _elapsed_us(self) -> int:
        return int((time.perf_counter() - self._started_s) * 1_000_000)


async def _read_all(response: Response, max_bytes: int) -> bytes:
    first = await response.read_chunk() or b""
    pieces = [first]
    total = len(first)
    while (chunk := await response.read_chunk()) is not None:
        pieces.append(chunk)
        total += len(chunk)
        if total > max_bytes:
            raise UpstreamMalformed(f"The upstream's reply is over {max_bytes:,} bytes.")
    return first if len(pieces) == 1 else b"".join(pieces)


def _takes(job: Job, endpoint: Endpoint) -> bool:
    """Whether the request can be said to this endpoint, without what its owner allows to be left out."""
    try:
        job.call(endpoint)
    except UnsupportedFeature:
        return False
    return not any(loss.allowed for loss in job.losses)


def _all_failed(asked: str, failures: list[EcotoneError]) -> EcotoneError:
    """The one error that stands for all attempts: the only failure itself, what the client can mend, or a summary."""
    if len(failures) == 1:
        return failures[0]
    mendable = [failure for failure in failures if isinstance(failure, RequestError)]
    if mendable:
        return mendable[-1]
    if failures and all(isinstance(failure, UpstreamRateLimited) for failure in failures):
        return failures[-1]
    told = "; ".join(failure.message.partition(". ")[0].removesuffix(".") for failure in failures)
    return Unavailable(f"None of the {len(failures)} places behind {asked!r} could answer: {told}.")


def _told(error: UpstreamError, where: str) -> str:
    """The error's message with `where` as its subject. An upstream's own words about a request stay as they are."""
    said = error.message
    if isinstance(error, UpstreamUnreachable) and (found := _NO_CONNECTION.fullmatch(said)):
        reason = found["reason"]
        return f"{where} cannot be reached: {reason[:1].lower()}{reason[1:]}"
    if said.startswith("The upstream "):
        return f"{where} {said.removeprefix('The upstream ')}"
    if isinstance(error, UpstreamRejected):
        # What there is not is a matter between the config and the upstream; all else is the client's.
        return f"{where} answered with 404: {said}" if error.status == 404 else said
    return f"{where}: {re.sub('^The upstream.s ', 'its ', said)}"
