"""What an option costs in a month, and at what volume two options cost the same."""

from decimal import ROUND_CEILING, Decimal

import msgspec

from ecotone.catalog.hardware import HardwareCost, Machine, hardware_cost
from ecotone.evaluation.advice.options import Option
from ecotone.evaluation.advice.question import OwnMachine, Question, Work
from ecotone.values.reply import Usage

_HUNDREDTH = Decimal("0.01")


def monthly_cost(option: Option, question: Question) -> Decimal | None:
    """US dollars for one month's requests, not rounded; None where a price that it takes is unknown."""
    if option.machine is not None:
        return _hardware(option, option.machine, question).monthly
    each = cost_per_request(option, question)
    return None if each is None else question.work.requests_per_month * each


def arithmetic(option: Option, question: Question) -> tuple[str, ...]:
    """The steps behind `monthly_cost`, for people; empty where that is None."""
    work, factor = question.work, question.assumptions.vendor_prices
    if option.machine is not None:
        return _hardware(option, option.machine, question).arithmetic
    each = cost_per_request(option, question)
    if each is None:
        return ()
    priced = _priced(option, work)
    if factor != 1:
        priced = f"{factor.normalize():f} (assumed) x ({priced})"
    return (
        f"a request: {priced} = ${each.normalize():f}",
        f"a month: {work.requests_per_month:,} requests x ${each.normalize():f}"
        f" = ${work.requests_per_month * each:,.2f}",
    )


def cost_per_request(option: Option, question: Question) -> Decimal | None:
    """US dollars for one average request at a vendor; None where a price is unknown, and for an own machine."""
    if option.offer is None:
        return None
    work = question.work
    usage = Usage(
        input_tokens=work.input_tokens,
        output_tokens=work.output_tokens,
        cached_input_tokens=round(work.input_tokens * work.cached_input_share),
        reasoning_tokens=0,
    )
    cost = option.offer.cost(usage)
    return None if cost is None else cost * question.assumptions.vendor_prices


def _hardware(option: Option, machine: OwnMachine, question: Question) -> HardwareCost:
    work = question.work
    return hardware_cost(_serving(option, machine, question), work.requests_per_month * work.output_tokens)


def _serving(option: Option, machine: OwnMachine, question: Question) -> Machine:
    assumed = question.assumptions
    return machine.serving(option.model, speed_factor=assumed.machine_speeds, cost_factor=assumed.machine_costs)


def _priced(option: Option, work: Work) -> str:
    """The sum behind one request, in words."""
    offer = option.offer
    if offer is None:
        return ""
    cached = round(work.input_tokens * work.cached_input_share)
    prices = offer.prices_for(work.input_tokens)
    parts = [(work.input_tokens - cached, prices.input, "prompt"), (work.output_tokens, prices.output, "answer")]
    if cached:
        parts.insert(1, (cached, prices.input if prices.cached_input is None else prices.cached_input, "cached prompt"))
    return " + ".join(f"{tokens:,} {what} tokens x ${price} / 1,000,000" for tokens, price, what in parts)


class BreakEven(msgspec.Struct, frozen=True):
    """Where the costs of an own machine and a vendor meet, in requests a month, to the hundredth.

    At `requests` the own machine costs what the vendor does, and less above, while it is one; None: at no volume.
    From `always_from` on the own machines never cost more. It is later than `requests` where a machine that has just
    been added, and is still nearly idle, costs more than the vendor; None where that never ends. `vendor_usd` and
    `own_usd` are what a month of the question's volume costs at each. `arithmetic` shows the steps.
    """

    vendor: str
    own: str
    vendor_usd: Decimal
    own_usd: Decimal
    requests: Decimal | None
    always_from: Decimal | None
    arithmetic: tuple[str, ...]


def break_even(vendor: Option, own: Option, question: Question) -> BreakEven | None:
    """The volumes at which the own machine pays; None where the vendor's price is unknown.

    The vendor costs p a request. n machines cost n F and answer at most n C requests, so they pay from n F / p on. If
    one pays at all (b = F / p is at most C), every number of them does once it is filled well enough; n - 1 full ones
    and a new one cost more up to n b, which is a gap above (n - 1) C while n < C / (C - b).
    """
    each = cost_per_request(vendor, question)
    if each is None or own.machine is None:
        return None
    one = hardware_cost(_serving(own, own.machine, question))
    capacity = one.capacity_tokens / question.work.output_tokens
    steps = [
        f"one machine: ${one.monthly:,.2f} a month, at most {capacity:,.0f} requests a month",
        f"the vendor: ${each.normalize():f} a request",
    ]
    volume: Decimal | None = None
    always: Decimal | None = None
    if each == 0:
        steps.append("the vendor asks nothing")
    else:
        volume = one.monthly / each
        steps.append(f"${one.monthly:,.2f} / ${each.normalize():f} = {volume:,.0f} requests a month")
    if volume is not None and volume > capacity:
        steps.append("that is more than the machine can answer, and a second one only moves it further: never")
        volume = None
    if volume is not None:
        always = _always_from(volume, capacity)
    if volume != always:
        until = "so it goes on with every machine" if always is None else f"that ends at {always:,.0f} requests a month"
        steps.append(
            f"above {capacity:,.0f} requests the next machine is needed, and while it is nearly idle the vendor is"
            f" cheaper again; {until}"
        )
    return BreakEven(
        vendor.key,
        own.key,
        vendor_usd=question.work.requests_per_month * each,
        own_usd=_hardware(own, own.machine, question).monthly,
        requests=None if volume is None else volume.quantize(_HUNDREDTH),
        always_from=None if always is None else always.quantize(_HUNDREDTH),
        arithmetic=tuple(steps),
    )


def _always_from(volume: Decimal, capacity: Decimal) -> Decimal | None:
    """n times `volume` for the last n whose machines cost more than the vendor when the n-th has just been added."""
    if volume == capacity:
        return None
    machines = capacity / (capacity - volume)
    return volume * max(1, int(machines.to_integral_value(ROUND_CEILING)) - 1)
