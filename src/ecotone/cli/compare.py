"""`ecotone compare`: one prompt, several models, their answers side by side while they come."""

import sys
from collections.abc import Callable, Sequence
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
from ecotone.evaluation.turns import Turn, TurnFacts, start_turn
from ecotone.evaluation.wording import dollars, seconds
from ecotone.gateway.client import GatewayClient
from ecotone.gateway.inventory.model_facts import vendor_title
from ecotone.gateway.settings.plugins import installed
from ecotone.upstream.endpoints import EndpointFacts
from ecotone.upstream.http import is_loopback
from ecotone.values.chat import ChatRequest, Message, Sampling, TextPart
from ecotone.values.reply import ReasoningDelta, TextDelta

MODELS_MAX = 4
_COLUMN_MIN = 28
_REDRAWS_PER_S = 8


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
    with connected(config_file) as connection:
        asking = _Asking(connection.gateway, prompt, system, Sampling(max_tokens=max_tokens, temperature=temperature))
        width = Console().width
        if as_json:
            turns = connection.run(asking.all(models))
        elif sys.stdout.isatty() and width // len(models) >= _COLUMN_MIN:
            turns = _side_by_side(connection, asking, models)
        else:
            turns = [_print_one(connection, asking, model) for model in models]
        url = asking.url
    if as_json:
        print_json({"prompt": prompt, "answers": [_data(turn, url) for turn in turns]})
    if any(turn.error is not None for turn in turns):
        raise typer.Exit(1)


class _Asking:
    """The same request to any model."""

    def __init__(self, gateway: GatewayClient, prompt: str, system: str | None, sampling: Sampling) -> None:
        self._gateway = gateway
        self.url = gateway.url
        self._messages = (Message("user", (TextPart(prompt),)),)
        self._system = (Message("system", (TextPart(system),)),) if system else ()
        self._sampling = sampling

    async def all(self, models: Sequence[str], begun: Callable[[Sequence[Turn]], None] | None = None) -> list[Turn]:
        """At the same time; what goes wrong with one is its own affair."""
        turns = [self._start(model) for model in models]
        if begun is not None:
            begun(turns)
        try:
            for turn in turns:
                await turn.wait()
        finally:
            for turn in turns:
                turn.stop()
        return turns

    async def one(self, model: str, show: Callable[[Turn], None]) -> Turn:
        """One of them, shown whenever more has come."""
        turn = self._start(model)
        try:
            async for _ in turn.changes():
                show(turn)
        finally:
            turn.stop()
        return turn

    def _start(self, model: str) -> Turn:
        request = ChatRequest(model, self._messages, self._system, sampling=self._sampling)
        return start_turn(self._gateway, request)


# --- on a terminal


def _side_by_side(connection: Connection, asking: _Asking, models: Sequence[str]) -> list[Turn]:
    console = Console(highlight=False)
    # The last lines that fit while answers come; all of them once they are there.
    lines_max = max(3, console.height - 10)
    shown: list[Turn] = []

    def now() -> RenderableType:
        return _table(shown, asking.url, console.width, lines_max) if shown else Text()

    with Live(console=console, get_renderable=now, refresh_per_second=_REDRAWS_PER_S, transient=True):
        turns = connection.run(asking.all(models, shown.extend))
    console.print(_table(turns, asking.url, console.width, None))
    return turns


def _table(turns: Sequence[Turn], url: str, width: int, lines_max: int | None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), show_footer=True)
    column = max(10, width // len(turns) - 3)
    for turn in turns:
        head = Text(visible(turn.asked), style="bold")
        table.add_column(head, footer=_footer(turn, url), ratio=1, overflow="fold", vertical="top")
    table.add_row(*(_body(turn, column, lines_max) for turn in turns))
    return table


def _body(turn: Turn, width: int, lines_max: int | None) -> RenderableType:
    said = turn.answer.text or turn.answer.refusal
    parts: list[RenderableType] = []
    if turn.answer.reasoning and not said and not turn.ended:
        parts.append(Text(_tail(visible(turn.answer.reasoning), width, lines_max), style="dim"))
    elif said:
        parts.append(Text(_tail(visible(said), width, lines_max)))
    if turn.error is not None:
        parts.append(Text(visible(turn.error.message), style="red"))
    elif not parts:
        parts.append(Text("(nothing)" if turn.ended else "...", style="dim"))
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


def _footer(turn: Turn, url: str) -> Text:
    return Text("\n".join(_told(turn, url)), style="dim")


# --- without one


def _print_one(connection: Connection, asking: _Asking, model: str) -> Turn:
    sys.stdout.write(f"--- {visible(model)}\n")
    sys.stdout.flush()
    printer = AnswerPrinter()
    reasoning = text = 0

    def show(turn: Turn) -> None:
        nonlocal reasoning, text
        thought, said = turn.answer.reasoning, turn.answer.text or turn.answer.refusal
        printer.show(ReasoningDelta(0, 0, thought[reasoning:]))
        printer.show(TextDelta(0, 0, said[text:]))
        reasoning, text = len(thought), len(said)

    try:
        turn = connection.run(asking.one(model, show))
    finally:
        printer.end()
    if turn.error is not None:
        sys.stdout.write(f"{visible(turn.error.message)}\n")
    for line in _told(turn, asking.url):
        sys.stdout.write(f"  {line}\n")
    sys.stdout.flush()
    return turn


# --- what is told of an answer


def _told(turn: Turn, url: str) -> list[str]:
    """Time, speed, tokens, cost, where the data went, how open the model is; nothing that is not known yet."""
    lines = []
    answer, place, facts = turn.answer, turn.place, turn.facts()
    if answer.first_token_s is not None:
        times = f"first token {seconds(answer.first_token_s)}"
        lines.append(times if answer.total_s is None else f"{times}, all {seconds(answer.total_s)}")
    if answer.usage is not None:
        speed = "" if facts.tokens_per_s is None else f", {facts.tokens_per_s:.0f} tokens/s"
        lines.append(f"{_count(facts.input_tokens)} tokens in, {_count(facts.output_tokens)} out{speed}")
    if place is not None:
        if turn.ended and turn.error is None:
            lines.append(f"cost {_cost(facts)}")
        lines.append(_where(place, url))
        lines.append(_openness_word(place, turn.asked) or "openness unknown")
    if facts.losses is not None:
        lines.append(f"lost on the way to it: {visible(facts.losses)}")
    if answer.finish == "length":
        lines.append("cut off at the limit of tokens")
    return lines


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else f"{tokens:,}"


def _cost(facts: TurnFacts) -> str:
    if facts.hosting != "vendor":
        return "of your own machine"
    return "unknown: no price is known" if facts.cost_usd is None else dollars(facts.cost_usd)


def _where(place: EndpointFacts, url: str) -> str:
    """Where the prompt goes."""
    host = urlsplit(url).hostname or ""
    match place.hosting:
        case "embedded":
            return "stays on this machine" if is_loopback(host) else f"stays with the gateway at {host}"
        case "self-hosted":
            return f"goes to your own server ({vendor_title(place.provider)})"
    # The config names another address than the provider's own: a proxy, a gateway, a contract's own endpoint.
    provider = installed().providers.get(place.provider)
    has_own = provider is not None and provider.base_url is not None
    elsewhere = ", by way of the address in the config" if place.address and has_own else ""
    return f"goes to {vendor_title(place.provider)}{elsewhere}"


def _openness_word(place: EndpointFacts, name: str) -> str | None:
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


def _data(turn: Turn, url: str) -> dict[str, Any]:
    """What `--json` prints of one answer. Unknown is null."""
    answer, place, facts = turn.answer, turn.place, turn.facts()
    return {
        "asked": turn.asked,
        "model": facts.model,
        "answer": answer.text,
        "refusal": answer.refusal or None,
        "error": None if turn.error is None else turn.error.message,
        "finish_reason": facts.finish,
        "first_token_s": facts.first_token_s,
        "total_s": facts.total_s,
        "tokens_per_s": facts.tokens_per_s,
        "input_tokens": facts.input_tokens,
        "output_tokens": facts.output_tokens,
        "cost_usd": None if facts.cost_usd is None else str(facts.cost_usd),
        "own_machine": None if place is None else place.hosting != "vendor",
        "data_goes": None if place is None else _where(place, url),
        "endpoint": None if place is None else msgspec.to_builtins(place),
        "openness": None if place is None else _openness_word(place, turn.asked),
    }
