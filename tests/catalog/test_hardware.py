"""Every number here was worked out with pencil and paper (the steps are in the comments)."""

from decimal import Decimal

import pytest

from ecotone.catalog.hardware import Machine, hardware_cost
from ecotone.values.errors import SetupError


def cents(amount: Decimal) -> str:
    return f"{amount:.2f}"


def test_bought_machine() -> None:
    server = Machine(
        "two cards in a rack",
        price=Decimal(12_000),
        lifetime_months=48,  # 250.00 a month
        power_watts=Decimal(700),  # 0.7 kW x 730 h = 511 kWh
        energy_price_per_kwh=Decimal("0.20"),  # 102.20 a month
        staff_hours_per_month=Decimal(4),
        staff_rate=Decimal(60),  # 240.00 a month; 592.20 in all
        throughput_tokens_per_s=Decimal(500),  # x 3600 x 730 = 1,314,000,000 a month
        throughput="measured",
        utilisation=Decimal("0.25"),  # 328,500,000
    )
    cost = hardware_cost(server)
    assert cost.machines == 1
    assert cost.monthly == Decimal("592.20")
    assert cost.peak_tokens == 1_314_000_000
    assert cost.capacity_tokens == 328_500_000
    assert cents(cost.per_million_at_capacity) == "1.80"  # 592.20 / 328.5 = 1.8027...
    assert cost.per_million is None
    assert cost.arithmetic == (
        "bought: $12,000 / 48 months = $250.00 a month",
        "power: 700 W / 1000 x 730 h a month x $0.2 per kWh = $102.20 a month",
        "staff: 4 h a month x $60 per h = $240.00 a month",
        "one machine: $250.00 + $102.20 + $240.00 = $592.20 a month",
        "capacity: 500 tokens/s (measured) x 3600 s x 730 h x 0.25 utilisation = 328,500,000 tokens a month",
        "at capacity: $592.20 / 328,500,000 tokens x 1,000,000 = $1.80 per million tokens",
    )


def test_rented_machines_for_a_volume() -> None:
    node = Machine(
        "rented",
        rent_per_hour=Decimal("2.50"),  # x 730 = 1,825.00 a month
        throughput_tokens_per_s=Decimal(1000),  # 2,628,000,000 a month
        utilisation=Decimal("0.5"),  # 1,314,000,000
    )
    cost = hardware_cost(node, 3_000_000_000)  # 2.28... machines, so 3
    assert cost.machines == 3
    assert cost.monthly == Decimal("5475.00")
    assert cost.capacity_tokens == 3_942_000_000
    assert cents(cost.per_million_at_capacity) == "1.39"  # 1825 / 1314 = 1.3889
    assert cost.per_million is not None
    assert cents(cost.per_million * 100) == "182.50"  # 5475 / 3000 = 1.825 exactly
    assert cost.arithmetic[-3:] == (
        "machines: 3,000,000,000 tokens a month / 1,314,000,000 = 2.28, so 3",
        "all machines: 3 x $1,825.00 = $5,475.00 a month",
        "at this volume: $5,475.00 / 3,000,000,000 tokens x 1,000,000 = $1.83 per million tokens",
    )


def test_a_machine_at_hand_costs_its_power_alone() -> None:
    laptop = Machine(
        "laptop",
        power_watts=Decimal(40),  # 29.2 kWh
        energy_price_per_kwh=Decimal("0.30"),  # 8.76 a month
        throughput_tokens_per_s=Decimal(20),  # 52,560,000 a month
    )
    cost = hardware_cost(laptop, 1_000_000)
    assert (cost.machines, cost.monthly) == (1, Decimal("8.76"))
    assert cost.per_million == Decimal("8.76")
    assert cents(cost.per_million_at_capacity) == "0.17"  # 8.76 / 52.56 = 0.1667


def test_a_volume_that_just_fits_takes_no_further_machine() -> None:
    node = Machine("n", rent_per_hour=Decimal(1), throughput_tokens_per_s=Decimal(1))  # 2,628,000 a month
    assert hardware_cost(node, 2_628_000).machines == 1
    assert hardware_cost(node, 2_628_001).machines == 2
    assert hardware_cost(node, 0).machines == 1
    assert hardware_cost(node, 0).per_million is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"price": Decimal(1), "rent_per_hour": Decimal(1)}, "bought or rented"),
        ({"throughput_tokens_per_s": Decimal(0)}, "throughput_tokens_per_s must be more than 0"),
        ({"utilisation": Decimal("1.5")}, "utilisation is a share"),
        ({"utilisation": Decimal(0)}, "utilisation is a share"),
        ({"lifetime_months": 0}, "lifetime_months must be more than 0"),
        ({"power_watts": Decimal(-1)}, "power_watts cannot be negative"),
        ({"staff_rate": Decimal(-1)}, "staff_rate cannot be negative"),
    ],
)
def test_impossible_machines_are_refused(wrong: dict[str, Decimal], told: str) -> None:
    fields: dict[str, object] = {"throughput_tokens_per_s": Decimal(1), **wrong}
    with pytest.raises(SetupError, match=told):
        Machine("m", **fields)  # type: ignore[arg-type]  # fields of several types, wrong on purpose
