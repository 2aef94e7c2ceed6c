"""How long rules take to decide, to load and to be proved: pure work on one core.

    python -m bench.rules [--json FILE]

Deciding: 20 rules over 8 candidates for one request, in microseconds. "remembered" is a request unlike the one before
whose verdicts are known; its scores, length and moment are new, so nothing but what rules can tell apart is looked up.
"new" is one that no verdict is known for. "arithmetic" adds one rule that computes with the length and is evaluated
each time. Proving: 20 models at 30 places, 15 rules, 12 callers, with and without a hole for one caller on one day at
one region. All are medians of rounds, beside them the best round; "!" marks a best that misses its aim. The collector
of garbage is set as `ecotone up` sets it.
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from ecotone.policy.guard.categories import CATEGORIES
from ecotone.policy.labels import Labels
from ecotone.policy.places import Place
from ecotone.policy.policy import Policy
from ecotone.policy.prove import Proof, prove
from ecotone.policy.settings import DataSettings, GuardSettings, PrincipalSettings, RuleSettings

KINDS: Mapping[str, int] = {"email": 0, "phone": 0, "iban": 2, "us_ssn": 3}
AT_VENDOR = 'endpoint.hosting == "vendor"'

TWENTY: tuple[Mapping[str, Any], ...] = (
    {"deny": f"data.class >= restricted && {AT_VENDOR}"},
    {"deny": f'{AT_VENDOR} && "us_ssn" in data.kinds'},
    {"deny": f"{AT_VENDOR} && endpoint.retention_days > 30 && data.class >= confidential"},
    {"deny": f'{AT_VENDOR} && endpoint.trains_on_inputs != "no"'},
    {"require": f'!({AT_VENDOR}) || endpoint.region in ["eu-central-1", "eu-west-1"]'},
    {"require": 'model.weights == "open" || data.class < restricted'},
    {"deny": "content.weapons >= 0.8"},
    {"deny": "content.sexual_minors >= 0.5"},
    {"deny": "content.cyber_attack >= 0.8 && model.tools"},
    {"deny": '"prompt_injection" in content.flagged && request.tools'},
    {"flag": "content.self_harm >= 0.5"},
    {"flag": "time.hour >= 22 || time.hour < 6"},
    {"deny": f'time.weekday in ["saturday", "sunday"] && principal.name == "desk" && {AT_VENDOR}'},
    {"deny": "request.bytes > 200000"},
    {"flag": "request.stream && data.class >= confidential"},
    {"redact": AT_VENDOR, "kinds": ("email", "phone")},
    {"prefer": 'model.weights == "open"'},
    {"prefer": 'endpoint.hosting != "vendor"'},
    {"require": 'route.name != "care" || principal.name in ["ward", "lab"]'},
    {"flag": 'has(model.licence_verdict) && model.licence_verdict == "allowed with duties"'},
)
ARITHMETIC: Mapping[str, Any] = {"flag": "request.bytes / 4 > 30000"}

_AIMS = {"20 rules, 8 candidates, remembered (µs)": 60.0, "prove 20 models, 15 rules (ms)": 5000.0}


def policy(
    rules: tuple[Mapping[str, Any], ...],
    principals: Mapping[str, PrincipalSettings] | None = None,
    routes: Mapping[str, str | None] | None = None,
) -> Policy:
    return Policy.compile(
        data=DataSettings(),
        guard=GuardSettings(),
        principals=principals or {},
        routes=routes or {},
        rules=[RuleSettings(because="so it was decided", **rule) for rule in rules],
        kinds=tuple(KINDS),
    )


def eight_places() -> list[Place]:
    """Four at vendors in the EU, four at home."""
    found = []
    for number in range(8):
        model = {"name": f"m{number}", "weights": "open", "tools": True, "licence_verdict": "allowed with duties"}
        vendor = {"hosting": "vendor", "region": "eu-west-1", "retention_days": 30, "trains_on_inputs": "no"}
        where = vendor if number % 2 else {"hosting": "self-hosted"}
        found.append(Place(model, {"id": f"m{number}@{number}", **where}))
    return found


def request(random: Random) -> tuple[Labels, datetime]:
    """An everyday request: what it says of scores, length and moment is its own."""
    labels = Labels(
        data_class=random.randrange(4),
        kinds=frozenset(random.sample(["email", "phone", "iban"], random.randrange(3))),
        scores={category: random.random() / 3 for category in CATEGORIES},
        principal=random.choice(["ward", "desk", "lab", "local"]),
        asked="assistant",
        streams=random.random() < 0.5,
        input_bytes=random.randrange(20_000),
    )
    return labels, datetime(2026, 11, 25, tzinfo=UTC) + timedelta(seconds=random.randrange(86_400))


def large(*, hole: bool) -> tuple[Policy, dict[str, list[Place]]]:
    """20 models at 30 places, 15 rules, 12 callers. The hole: one caller, on Sundays, in one region."""
    places: dict[str, list[Place]] = {}
    for number in range(20):
        facts = {"name": f"m{number}", "weights": "open" if number % 3 else "closed", "tools": number % 2 == 0}
        vendor = Place(
            facts, {"id": f"m{number}@v", "hosting": "vendor", "region": f"r{number % 5}", "retention_days": number}
        )
        own = Place(facts, {"id": f"m{number}@gpu", "hosting": "self-hosted"})
        places[f"m{number}"] = [vendor, own] if number % 2 else [vendor]
    places["assistant"] = [place for name in ("m1", "m2", "m3", "m4") for place in places[name]]
    places["care"] = [place for name in ("m5", "m7") for place in places[name]]
    gap = ' && !(principal.name == "p7" && time.weekday == "sunday" && endpoint.region == "r3")' if hole else ""
    rules: tuple[Mapping[str, Any], ...] = (
        {"deny": f"data.class >= restricted && {AT_VENDOR}{gap}"},
        {"deny": f'{AT_VENDOR} && "us_ssn" in data.kinds && principal.name != "p7"'},
        {"deny": f"{AT_VENDOR} && endpoint.retention_days > 30 && data.class >= confidential"},
        {"require": 'model.weights == "open" || request.operation == "chat"'},
        {"deny": "content.weapons > 0.7 || content.fraud > 0.8"},
        {"deny": '"prompt_injection" in content.flagged && request.tools'},
        {"deny": "content.hate > 0.9 && time.hour < 6"},
        {"redact": f'{AT_VENDOR} && "email" in data.kinds'},
        {"flag": "content.violence > 0.5 && request.stream"},
        {"flag": "time.hour >= 20 && data.class >= internal"},
        {"flag": "request.bytes > 20000 || model.tools"},
        {"prefer": 'model.weights == "open" && endpoint.hosting == "self-hosted"'},
        {"deny": f'{AT_VENDOR} && "image" in data.uninspected && data.class >= confidential'},
        {"deny": f'has(principal.purpose) && principal.purpose == "research" && {AT_VENDOR}'},
        {"require": 'route.name != "care" || principal.name in ["p1", "p2", "p7"]'},
    )
    callers = {f"p{number}": PrincipalSettings(purpose="research" if number > 8 else None) for number in range(12)}
    return policy(rules, callers, {"assistant": None, "care": "confidential"}), places


def proved(compiled: Policy, places: Mapping[str, list[Place]]) -> Proof:
    return prove(
        compiled,
        "data.class >= restricted",
        AT_VENDOR,
        candidates=places,
        kinds=tuple(KINDS),
        rank=KINDS.__getitem__,
    )


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of CPU time for each round."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return found


def deciding(rules: tuple[Mapping[str, Any], ...], *, remembered: bool) -> list[float]:
    """Microseconds to judge one request at 8 places."""
    random, places, count = Random(5), eight_places(), 200
    compiled = policy(rules)

    def judge(asked: list[tuple[Labels, datetime]]) -> None:
        for labels, now in asked:
            for place in places:
                compiled.decide(labels, place, now=now)

    if remembered:
        judge([request(random) for _ in range(20_000)])
    rounds = []
    for _ in range(30):
        asked = [request(random) for _ in range(count)]
        if not remembered:
            compiled = policy(rules)
        rounds += timed(partial(judge, asked[: count if remembered else 1]), 1)
    return [seconds / (count if remembered else 1) * 1e6 for seconds in rounds]


def measured() -> dict[str, list[float]]:
    with_hole, places = large(hole=True)
    without, _ = large(hole=False)
    assert not proved(with_hole, places).holds
    assert proved(without, places).holds
    return {
        "20 rules, 8 candidates, remembered (µs)": deciding(TWENTY, remembered=True),
        "20 rules, 8 candidates, new (µs)": deciding(TWENTY, remembered=False),
        "21 rules, 8 candidates, arithmetic (µs)": deciding((*TWENTY, ARITHMETIC), remembered=True),
        "load 20 rules (ms)": [seconds * 1e3 for seconds in timed(lambda: policy(TWENTY), 30)],
        "find the hole, 20 models, 15 rules (ms)": [s * 1e3 for s in timed(lambda: proved(with_hole, places), 10)],
        "prove 20 models, 15 rules (ms)": [s * 1e3 for s in timed(lambda: proved(without, places), 10)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.rules", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rounds as JSON")
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    found = measured()
    print(f"{'':44}{'median':>10}{'best':>10}{'aim':>10}")
    for name, rounds in found.items():
        aim = _AIMS.get(name)
        mark = "!" if aim is not None and min(rounds) > aim else ""
        told = "" if aim is None else f"{aim:,.0f}"
        print(f"{name:44}{statistics.median(rounds):>10,.1f}{min(rounds):>10,.1f}{told:>10}{mark}")
    print(f"combinations: {proved(*large(hole=False)).combinations:,}")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
