"""`ecotone compare`: one prompt, several models, their answers side by side while they come."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ecotone.catalog.models import ModelFacts, find_model
from ecotone.catalog.openness import known_openness, word_for
from ecotone.cli.connecting import Connection, connected
from ecotone.cli.output import print_json, visible
from ecotone.cli.printer import AnswerPrinter
from ecotone.evaluation.answers import Identity, identify
from ecotone.evaluation.costs import price
from ecotone.evaluation.wording import dollars, seconds
from ecotone.gateway.client import Answer, GatewayClient
from ecotone.gateway.plugins import installed
from ecotone.upstream.endpoints import EndpointFacts
from ecotone.upstream.http import is_loopback
from ecotone.values.chat import ChatRequest, Message, Sampling, TextPart
from ecotone.values.errors import EcotoneError
from ecotone.values.reply import Event

MODELS_MAX = 4
_COLUMN_MIN = 28
_REDRAWS_PER_S = 8


class _Side:
    """One model's answer as it comes. `place` is where it runs, None as long as that is not known."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.answer = Answer(model)
        self.identity: Identity | None = None
        self.error: str | None = None
        self.done = False

    @property
    def place(self) -> EndpointFacts | None:
        return None if self.identity is None else self.identity.place(self.answer.endpoint)

    @property
    def tokens_per_s(self) -> float | None:
        answer = self.answer
        tokens = None if answer.usage is None else answer.usage.output_tokens
        if tokens is None or tokens < 2 or answer.first_token_s is None or answer.total_s is None:
            return None
        rest_s = answer.total_s - answer.first_token_s
        return (tokens - 1) / rest_s if rest_s > 0.01 else None

    @property
    def cost_usd(self) -> Decimal | None:
        place = self.place
        if place is None or place.hosting != "vendor" or self.answer.usage is None:
            return None
        return price(place, self.answer.usage)


def run(
    prompt: str,
    *,
    models: Sequence[str],
    system: str | None,
    max_tokens: int | None,
    temperature: float | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Ask them all. Exits with 1 if one gave no answer."""
    if not 2 <= len(models) <= MODELS_MAX:
        raise typer.BadParameter(f"name two to {MODELS_MAX} models: -m ONE -m ANOTHER")
    if not prompt.strip():
        raise typer.BadParameter("there is nothing to ask")
    sides = [_Side(model) for model in models]
    with connected(config_file) as connection:
        asking = _Asking(connection.gateway, prompt, system, Sampling(max_tokens=max_tokens, temperature=temperature))
        width = Console().width
        if as_json:
            connection.run(asking.all(sides))
        elif sys.stdout.isatty() and width // len(sides) >= _COLUMN_MIN:
            _side_by_side(lambda: connection.run(asking.all(sides)), sides, asking.url)
        else:
            for side in sides:
                _print_one(connection, asking, side)
        url = asking.url
    if as_json:
        print_json({"prompt": prompt, "answers": [_data(side, url) for side in sides]})
    if any(side.error is not None for side in sides):
        raise typer.Exit(1)


class _Asking:
    """The same request to any model."""

    def __init__(self, gateway: GatewayClient, prompt: str, system: str | None, sampling: Sampling) -> None:
        self._gateway = gateway
        self.url = gateway.url
        self._messages = (Message("user", (TextPart(prompt),)),)
        self._system = (Message("system", (TextPart(system),)),) if system else ()
        self._sampling = sampling

    async def all(self, sides: Sequence[_Side]) -> None:
        """At the same time; what goes wrong with one is its own affair."""
        async with asyncio.TaskGroup() as group:
            for side in sides:
                group.create_task(self.one(side))

    async def one(self, side: _Side, show: Callable[[Event], None] | None = None) -> None:
        request = ChatRequest(side.model, self._messages, self._system, sampling=self._sampling)
        try:
            side.identity = await identify(self._gateway, side.model)
            await self._gateway.ask(request, side.answer, show or _ignore)
        except EcotoneError as error:
            side.error = error.message
        finally:
            side.done = True


def _ignore(_: Event) -> None:
    return None


# --- on a terminal


def _side_by_side(work: Callable[[], None], sides: Sequence[_Side], url: str) -> None:
    console = Console(highlight=False)
    # The last lines that fit while answers come; all of them once they are there.
    lines_max = max(3, console.height - 10)

    def now() -> RenderableType:
        return _table(sides, url, console.width, lines_max)

    with Live(console=console, get_renderable=now, refresh_per_second=_REDRAWS_PER_S, transient=True):
        work()
    console.print(_table(sides, url, console.width, None))


def _table(sides: Sequence[_Side], url: str, width: int, lines_max: int | None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), show_footer=True)
    column = max(10, width // len(sides) - 3)
    for side in sides:
        head = Text(visible(side.model), style="bold")
        table.add_column(head, footer=_footer(side, url), ratio=1, overflow="fold", vertical="top")
    table.add_row(*(_body(side, column, lines_max) for side in sides))
    return table


def _body(side: _Side, width: int, lines_max: int | None) -> RenderableType:
    said = side.answer.text or side.answer.refusal
    parts: list[RenderableType] = []
    if side.answer.reasoning and not said and not side.done:
        parts.append(Text(_tail(visible(side.answer.reasoning), width, lines_max), style="dim"))
    elif said:
        parts.append(Text(_tail(visible(said), width, lines_max)))
    if side.error is not None:
        parts.append(Text(visible(side.error), style="red"))
    elif not parts:
        parts.append(Text("(nothing)" if side.done else "...", style="dim"))
    return Group(*parts)


def _tail(text: str, width: int, lines_max: int | None) -> str:
    """The last lines of a text, as many as fit when it is folded to `width`."""
    if lines_max is None:
        return text
    lines = text.split("\n")
    room = lines_max
    for number in range(len(lines) - 1, -1, -1):
        room -= max(1, -(-cell_len(lines[number]) // width))
        if room < 0:
            return "\n".join(lines[number + 1 :]) or lines[-1][-width * lines_max :]
    return text


def _footer(side: _Side, url: str) -> Text:
    return Text("\n".join(_told(side, url)), style="dim")


# --- without one


def _print_one(connection: Connection, asking: _Asking, side: _Side) -> None:
    sys.stdout.write(f"--- {visible(side.model)}\n")
    sys.stdout.flush()
    printer = AnswerPrinter()
    try:
        connection.run(asking.one(side, printer.show))
    finally:
        printer.end()
    if side.error is not None:
        sys.stdout.write(f"{visible(side.error)}\n")
    for line in _told(side, asking.url):
        sys.stdout.write(f"  {line}\n")
    sys.stdout.flush()


# --- what is told of an answer


def _told(side: _Side, url: str) -> list[str]:
    """Time, speed, tokens, cost, where the data went, how open the model is; nothing that is not known yet."""
    lines = []
    answer, place = side.answer, side.place
    usage = answer.usage
    if answer.first_token_s is not None:
        times = f"first token {seconds(answer.first_token_s)}"
        lines.append(times if answer.total_s is None else f"{times}, all {seconds(answer.total_s)}")
    if usage is not None:
        speed = "" if side.tokens_per_s is None else f", {side.tokens_per_s:.0f} tokens/s"
        lines.append(f"{_count(usage.input_tokens)} tokens in, {_count(usage.output_tokens)} out{speed}")
    if place is not None:
        if side.done and side.error is None:
            lines.append(f"cost {_cost(side, place)}")
        lines.append(_where(place, url))
        lines.append(openness_word(place, side.identity.name if side.identity else side.model) or "openness unknown")
    if answer.finish == "length":
        lines.append("cut off at the limit of tokens")
    return lines


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else f"{tokens:,}"


def _cost(side: _Side, place: EndpointFacts) -> str:
    if place.hosting != "vendor":
        return "of your own machine"
    return "unknown: no price is known" if side.cost_usd is None else dollars(side.cost_usd)


def _where(place: EndpointFacts, url: str) -> str:
    """Where the prompt goes."""
    host = urlsplit(url).hostname or ""
    match place.hosting:
        case "embedded":
            return "stays on this machine" if is_loopback(host) else f"stays with the gateway at {host}"
        case "self-hosted":
            return f"goes to your own server ({_title(place)})"
    # The config names another address than the provider's own: a proxy, a gateway, a contract's own endpoint.
    provider = installed().providers.get(place.provider)
    has_own = provider is not None and provider.base_url is not None
    elsewhere = ", by way of the address in the config" if place.address and has_own else ""
    return f"goes to {_title(place)}{elsewhere}"


def _title(place: EndpointFacts) -> str:
    provider = installed().providers.get(place.provider)
    return place.provider if provider is None else provider.title


def openness_word(place: EndpointFacts, name: str) -> str | None:
    """The word for how open the model is, by the catalog; of a model that it does not have, what the provider says."""
    facts = _facts(place, name)
    if facts is None:
        return {"open": "open weights", "closed": "closed"}.get(place.weights or "")
    openness = known_openness(facts.openness)
    weights = facts.weights or place.weights
    return word_for(openness, weights=weights, licence=facts.licence, has_api=place.hosting == "vendor")


def _facts(place: EndpointFacts, name: str) -> ModelFacts | None:
    for known in (place.catalog, place.name and f"{place.provider}/{place.name}", place.name, name):
        found = find_model(known) if known else None
        if found is not None:
            return found
    return None


def _data(side: _Side, url: str) -> dict[str, Any]:
    """What `--json` prints of one answer. Unknown is null."""
    answer, place, usage = side.answer, side.place, side.answer.usage
    return {
        "asked": side.model,
        "model": answer.model,
        "answer": answer.text,
        "refusal": answer.refusal or None,
        "error": side.error,
        "finish_reason": answer.finish,
        "first_token_s": answer.first_token_s,
        "total_s": answer.total_s,
        "tokens_per_s": side.tokens_per_s,
        "input_tokens": None if usage is None else usage.input_tokens,
        "output_tokens": None if usage is None else usage.output_tokens,
        "cost_usd": None if side.cost_usd is None else str(side.cost_usd),
        "own_machine": None if place is None else place.hosting != "vendor",
        "data_goes": None if place is None else _where(place, url),
        "endpoint": None if place is None else msgspec.to_builtins(place),
        "openness": None if place is None else openness_word(place, side.model),
    }
