"""Own hardware as an offer: what a token costs on a machine that is bought, rented or at hand, each step shown.

Money is US dollars. A month has 730 hours (8,760 hours a year over 12), a machine runs all of them.
"""

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Literal

import msgspec

from ecotone.values.errors import SetupError

HOURS_PER_MONTH = Decimal(730)
_SECONDS_PER_HOUR = Decimal(3600)
_MILLION = Decimal(1_000_000)
_CENT = Decimal("0.01")


class Machine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One machine with a model on it.

    It is bought (`price` in dollars, spread evenly over `lifetime_months`), rented (`rent_per_hour`, paid whether it
    is busy or not) or at hand (neither). `power_watts` is its draw from the socket while it serves, taken for all
    hours; a rent usually includes it, then it is 0. `throughput_tokens_per_s` is what it gives to all users together
    with requests like yours, input and output counted as the volume is counted; `throughput` says whether that was
    `measured` here or `stated` by someone. `utilisation` is the share of the month's hours in which there is work, 0
    to 1. `staff_hours_per_month` at `staff_rate` dollars an hour keep one machine running.
    """

    name: str
    throughput_tokens_per_s: Decimal
    throughput: Literal["measured", "stated"] = "stated"
    price: Decimal | None = None
    lifetime_months: int = 36
    rent_per_hour: Decimal | None = None
    power_watts: Decimal = Decimal(0)
    energy_price_per_kwh: Decimal = Decimal(0)
    utilisation: Decimal = Decimal(1)
    staff_hours_per_month: Decimal = Decimal(0)
    staff_rate: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        """Raises SetupError for numbers that no machine has."""
        if self.price is not None and self.rent_per_hour is not None:
            raise SetupError(
                f"machine {self.name!r} has both price and rent_per_hour; it is bought or rented, not both"
            )
        if self.throughput_tokens_per_s <= 0:
            raise SetupError(f"machine {self.name!r}: throughput_tokens_per_s must be more than 0")
        if not 0 < self.utilisation <= 1:
            raise SetupError(f"machine {self.name!r}: utilisation is a share, more than 0 and at most 1")
        if self.lifetime_months <= 0:
            raise SetupError(f"machine {self.name!r}: lifetime_months must be more than 0")
        for field in (
            "price",
            "rent_per_hour",
            "power_watts",
            "energy_price_per_kwh",
            "staff_hours_per_month",
            "staff_rate",
        ):
            if (getattr(self, field) or 0) < 0:
                raise SetupError(f"machine {self.name!r}: {field} cannot be negative")


class HardwareCost(msgspec.Struct, frozen=True):
    """What machines cost a month and a token. Dollars, not rounded; `arithmetic` shows every step, rounded to be read.

    `monthly` is the cost of all `machines` together, whatever they serve. `capacity_tokens` is what they can serve in
    a month at the given utilisation, `peak_tokens` at full. `per_million` is `monthly` spread over the volume, and
    `per_million_at_capacity` over the capacity: the least a million tokens can cost here.
    """

    machine: Machine
    machines: int
    monthly: Decimal
    capacity_tokens: Decimal
    peak_tokens: Decimal
    per_million_at_capacity: Decimal
    per_million: Decimal | None
    arithmetic: tuple[str, ...]


def hardware_cost(machine: Machine, tokens_per_month: Decimal | int | None = None) -> HardwareCost:
    """The cost of as many of these machines as `tokens_per_month` takes, one at least; of one where it is None."""
    if tokens_per_month is not None and tokens_per_month < 0:
        raise SetupError("the volume in tokens a month cannot be negative")
    owning, owning_step = _owning(machine)
    power = machine.power_watts / 1000 * HOURS_PER_MONTH * machine.energy_price_per_kwh
    staff = machine.staff_hours_per_month * machine.staff_rate
    each = owning + power + staff
    peak = machine.throughput_tokens_per_s * _SECONDS_PER_HOUR * HOURS_PER_MONTH
    capacity = peak * machine.utilisation
    volume = None if tokens_per_month is None else Decimal(tokens_per_month)
    count = 1 if volume is None else max(1, int((volume / capacity).to_integral_value(ROUND_CEILING)))
    monthly = each * count
    floor = each / capacity * _MILLION
    actual = monthly / volume * _MILLION if volume else None
    steps = [
        owning_step,
        f"power: {_number(machine.power_watts)} W / 1000 x {_number(HOURS_PER_MONTH)} h a month"
        f" x ${_number(machine.energy_price_per_kwh)} per kWh = ${_money(power)} a month",
        f"staff: {_number(machine.staff_hours_per_month)} h a month x ${_number(machine.staff_rate)} per h"
        f" = ${_money(staff)} a month",
        f"one machine: ${_money(owning)} + ${_money(power)} + ${_money(staff)} = ${_money(each)} a month",
        f"capacity: {_number(machine.throughput_tokens_per_s)} tokens/s ({machine.throughput}) x 3600 s"
        f" x {_number(HOURS_PER_MONTH)} h x {_number(machine.utilisation)} utilisation"
        f" = {_number(capacity)} tokens a month",
        f"at capacity: ${_money(each)} / {_number(capacity)} tokens x 1,000,000 = ${_money(floor)} per million tokens",
    ]
    if volume is not None:
        steps.append(
            f"machines: {_number(volume)} tokens a month / {_number(capacity)} = {_number(volume / capacity, 2)},"
            f" so {count}"
        )
        steps.append(f"all machines: {count} x ${_money(each)} = ${_money(monthly)} a month")
    if actual is not None and volume is not None:
        steps.append(
            f"at this volume: ${_money(monthly)} / {_number(volume)} tokens x 1,000,000"
            f" = ${_money(actual)} per million tokens"
        )
    return HardwareCost(machine, count, monthly, capacity * count, peak * count, floor, actual, tuple(steps))


def _owning(machine: Machine) -> tuple[Decimal, str]:
    if machine.price is not None:
        monthly = machine.price / machine.lifetime_months
        return monthly, (
            f"bought: ${_number(machine.price)} / {machine.lifetime_months} months = ${_money(monthly)} a month"
        )
    if machine.rent_per_hour is not None:
        monthly = machine.rent_per_hour * HOURS_PER_MONTH
        return monthly, (
            f"rented: ${_number(machine.rent_per_hour)} per h x {_number(HOURS_PER_MONTH)} h a month"
            f" = ${_money(monthly)} a month"
        )
    return Decimal(0), "at hand: $0.00 a month"


def _money(amount: Decimal) -> str:
    """To the cent; below ten cents to four digits that tell something."""
    if amount == 0 or amount >= Decimal("0.1"):
        return f"{amount.quantize(_CENT, ROUND_HALF_UP):,}"
    return f"{amount:.4g}" if amount >= Decimal("0.0001") else f"{amount:.2e}"


def _number(value: Decimal, places: int | None = None) -> str:
    if places is not None:
        return f"{value:,.{places}f}"
    whole = value.to_integral_value()
    return f"{whole:,f}" if whole == value else f"{value.normalize():,f}"
