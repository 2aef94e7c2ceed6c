"""Which option comes first when volumes, prices or weights are others, asked hundreds of times for one answer."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from operator import lt

import msgspec

from ecotone.evaluation.advice.conditions import Standing, affordable, long_enough, stands_at_any_volume
from ecotone.evaluation.advice.costs import cost_per_request, monthly_cost
from ecotone.evaluation.advice.options import Option
from ecotone.evaluation.advice.question import AS_FOUND, Question, Weights
from ecotone.evaluation.advice.ranking import Contest

_COUNTS = ("requests_per_month", "input_tokens", "output_tokens")


def cheapest_places(options: Iterable[Option], costs: Mapping[str, Decimal]) -> tuple[Option, ...]:
    """Of each model the cheapest place of each kind of hosting; of two that cost the same, the first by name."""
    best: dict[tuple[str, str], Option] = {}
    for option in options:
        spot = (option.model, option.hosting)
        held = best.get(spot)
        if held is None or (costs[option.key], option.key) < (costs[held.key], held.key):
            best[spot] = option
    return tuple(best.values())


class Variations:
    """The options that stand under `question` but for what turns on volume, prices or weights."""

    def __init__(self, question: Question, standings: Iterable[Standing], *, best_rating: float | None) -> None:
        self._core = _core(question)
        options = [row.option for row in standings if stands_at_any_volume(row, question)]
        self._offered = [*_not_undercut(option for option in options if option.machine is None)]
        self._own = [option for option in options if option.machine is not None]
        self._contest = Contest((*self._offered, *self._own), best_rating=best_rating)
        self._requests: dict[tuple[int, int], Mapping[str, Decimal]] = {}

    def holds(self, asked: Question) -> bool:
        """Whether `asked` differs from the question in nothing else."""
        return _core(asked) == self._core

    def winner(self, asked: Question) -> str | None:
        """The key of what comes first; None if nothing is left. Only for questions that it `holds`."""
        factor = asked.assumptions.vendor_prices * asked.work.requests_per_month
        costs = {key: each * factor for key, each in self._of_requests(asked).items()}
        own = [option for option in self._own if long_enough(option, asked)]
        hardware = {option.key: cost for option in own if (cost := monthly_cost(option, asked)) is not None}
        costs |= {option.key: hardware[option.key] for option in cheapest_places(own, hardware)}
        return self._contest.winner(
            {key: cost for key, cost in costs.items() if affordable(cost, asked)}, asked.counted
        )

    def _of_requests(self, asked: Question) -> Mapping[str, Decimal]:
        """What a request costs at the cheapest vendor of each model, by key and at today's prices: worked out once for
        each length of texts, since a vendor that is cheapest for one request is so for many."""
        lengths = asked.work.input_tokens, asked.work.output_tokens
        found = self._requests.get(lengths)
        if found is None:
            today = msgspec.structs.replace(asked, assumptions=AS_FOUND)
            fitting = [option for option in self._offered if long_enough(option, asked)]
            costs = {option.key: each for option in fitting if (each := cost_per_request(option, today)) is not None}
            places = cheapest_places((option for option in fitting if option.key in costs), costs)
            found = self._requests[lengths] = {option.key: costs[option.key] for option in places}
        return found


def _not_undercut(options: Iterable[Option]) -> Iterator[Option]:
    """Without the vendors that ask more than another for every kind of token of the same model, at any length."""
    by_model: dict[str, list[tuple[Option, tuple[Decimal, ...] | None]]] = {}
    for option in options:
        by_model.setdefault(option.model, []).append((option, _flat_prices(option)))
    for places in by_model.values():
        flat = [prices for _, prices in places if prices is not None]
        for option, prices in places:
            if prices is None or not any(all(map(lt, other, prices)) for other in flat):
                yield option


def _flat_prices(option: Option) -> tuple[Decimal, ...] | None:
    """What a token of a prompt, a cached one and one of an answer cost; None where that depends on the length, or is
    not known."""
    offer = option.offer
    if offer is None or offer.tiers or offer.input_per_million is None or offer.output_per_million is None:
        return None
    cached = offer.cached_input_per_million
    sent = offer.input_per_million
    return sent, sent if cached is None else cached, offer.output_per_million


def _core(question: Question) -> Question:
    """The question with nothing left of volume, prices and weights."""
    work = msgspec.structs.replace(question.work, **dict.fromkeys(_COUNTS, 1))
    return msgspec.structs.replace(question, work=work, weights=Weights(), assumptions=AS_FOUND)
