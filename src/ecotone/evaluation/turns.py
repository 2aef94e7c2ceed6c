"""One request put to a model or a route, watched while it is answered."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

import msgspec

from ecotone.catalog.provider import Hosting, Weights
from ecotone.evaluation.answers import Identity, identify, weights_digest
from ecotone.evaluation.costs import price
from ecotone.gateway.client import Answer, GatewayClient
from ecotone.upstream.endpoints import EndpointFacts
from ecotone.values.chat import ChatRequest
from ecotone.values.errors import EcotoneError
from ecotone.values.reply import Event, FinishReason

State = Literal["waiting", "streaming", "done", "stopped", "failed"]

# A shorter time says nothing of the model's speed.
_RATED_S_MIN = 0.01


class TurnError(msgspec.Struct, frozen=True):
    """Why there is no answer, or no whole one. `code` is the gateway's word for it, `policy_refused` among them."""

    message: str
    code: str | None = None


class TurnFacts(msgspec.Struct, frozen=True):
    """Who answered, where, how fast and for how much; None is unknown. Times are seconds from the request, money is US
    dollars. `cost_usd` is None also where no price is asked: on an own machine. `weights_digest` is the same for the
    same weights at the same server, whatever they are called here. `losses` is what of the request was
    lost on the way to the model, in words; None where nothing was."""

    model: str
    endpoint: str | None
    hosting: Hosting | None
    provider: str | None
    weights: Weights | None
    first_token_s: float | None
    total_s: float | None
    tokens_per_s: float | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    finish: FinishReason | None
    request_id: str | None
    weights_digest: str | None = None
    losses: str | None = None


class Turn:
    """One request, begun when it is made. `answer` grows while it comes; `error` is None unless it failed."""

    def __init__(self, client: GatewayClient, request: ChatRequest, headers: Mapping[str, str]) -> None:
        self.asked = request.model
        self.answer = Answer(request.model)
        self.state: State = "waiting"
        self.error: TurnError | None = None
        self._client = client
        self._request = request
        self._headers = headers
        self._identity: Identity | None = None
        self._version = 0
        self._news = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._carry_out(), name=f"turn of {request.model}")
        self._task.add_done_callback(self._over)

    @property
    def place(self) -> EndpointFacts | None:
        """Where it is answered; None as long as that is not known."""
        return None if self._identity is None else self._identity.place(self.answer.endpoint)

    @property
    def ended(self) -> bool:
        return self.state not in ("waiting", "streaming")

    def stop(self) -> None:
        """Let the model stop; what has come is kept."""
        self._task.cancel()

    async def changes(self) -> AsyncIterator[None]:
        """Wakes at once, then whenever more has come since it was last asked, and a last time when the turn has
        ended."""
        seen = -1
        while True:
            if seen != self._version:
                seen = self._version
                ended = self.ended
                yield
                if ended:
                    return
            elif self.ended:
                return
            else:
                await self._news.wait()

    async def wait(self) -> None:
        """Until it has ended, however that may be."""
        await asyncio.wait((self._task,))

    def facts(self) -> TurnFacts:
        """What is known so far."""
        answer, place = self.answer, self.place
        usage = answer.usage
        costs = place is not None and place.hosting == "vendor" and usage is not None
        return TurnFacts(
            model=answer.model,
            endpoint=answer.endpoint,
            hosting=None if place is None else place.hosting,
            provider=None if place is None else place.provider,
            weights=None if place is None else place.weights,
            first_token_s=answer.first_token_s,
            total_s=answer.total_s,
            tokens_per_s=tokens_per_s(answer),
            input_tokens=None if usage is None else usage.input_tokens,
            output_tokens=None if usage is None else usage.output_tokens,
            cost_usd=price(place, usage) if costs and place is not None and usage is not None else None,
            finish=answer.finish,
            request_id=answer.request_id,
            weights_digest=None if place is None else weights_digest(place),
            losses=answer.losses,
        )

    async def _carry_out(self) -> None:
        try:
            self._identity = await identify(self._client, self.asked)
            await self._client.ask(self._request, self.answer, self._shown, headers=self._headers)
            self.state = "done"
        except asyncio.CancelledError:
            # The one who cancelled wants the answer to end, and nobody waits for this task to say so.
            self.state = "stopped"
        except EcotoneError as error:
            self.state, self.error = "failed", TurnError(error.message, error.code)
        finally:
            self._tell()

    def _over(self, _: "asyncio.Task[None]") -> None:
        if not self.ended:  # stopped before it had begun
            self.state = "stopped"
            self._tell()

    def _shown(self, _: Event) -> None:
        self.state = "streaming"
        self._tell()

    def _tell(self) -> None:
        self._version += 1
        self._news.set()
        self._news = asyncio.Event()


def start_turn(
    client: GatewayClient, request: ChatRequest, *, headers: Mapping[str, str] = MappingProxyType({})
) -> Turn:
    """Ask, in a task of its own. `headers` go along with the request: `x-ecotone-class`, `x-ecotone-conversation`."""
    return Turn(client, request, headers)


def tokens_per_s(answer: Answer) -> float | None:
    """How fast the answer came once it had begun; None where its tokens were not counted, or too few to tell."""
    tokens = None if answer.usage is None else answer.usage.output_tokens
    if tokens is None or tokens < 2 or answer.first_token_s is None or answer.total_s is None:
        return None
    rest_s = answer.total_s - answer.first_token_s
    return (tokens - 1) / rest_s if rest_s > _RATED_S_MIN else None
