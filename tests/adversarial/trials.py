"""Many requests to many houses, and the oracle that knows which of them no vendor may see."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from ecotone.gateway.conversations import Conversations
from ecotone.gateway.jobs.responses import EarlierResponses
from ecotone.gateway.labelling import Labelling
from ecotone.gateway.ruling import Plan, Planned, Ruling
from ecotone.policy.policy import Policy
from ecotone.policy.verdict import Verdict
from ecotone.upstream.clearance import ClearanceChecker
from tests.adversarial import asks, configs
from tests.adversarial.asks import Ask
from tests.adversarial.configs import VENDORS, House
from tests.adversarial.gate import Answered, Gate, Sent, kept, remember_detectors
from tests.adversarial.replies import OUTCOMES

_TRIALS_PER_HOUSE = 120
_RELOADS_IN_FLIGHT = 0.03
_KEPT_MAX = 12


@dataclass
class Tally:
    """What came of all trials. `restricted`: those that no vendor may see. Of these `home` were answered by a server of
    the team's own, `refused` by the rules, and the `rest` got another error. `leaks` are told in words."""

    houses: int = 0
    trials: int = 0
    restricted: int = 0
    home: int = 0
    refused: int = 0
    rest: Counter[int] = field(default_factory=Counter)
    by: Counter[str] = field(default_factory=Counter)
    fronts: Counter[str] = field(default_factory=Counter)
    reloaded: int = 0
    others_at_vendors: int = 0
    leaks: list[str] = field(default_factory=list)

    @property
    def shows_something(self) -> bool:
        """Whether enough were answered at home, and enough refused, for an absence of leaks to mean anything; and
        whether vendors were reached by what may reach them."""
        return min(self.home, self.refused, self.others_at_vendors) >= self.restricted // 20

    def told(self) -> str:
        rest = ", ".join(f"{status}: {number:,}" for status, number in sorted(self.rest.items()))
        return "\n".join(
            (
                f"{self.houses:,} configs, {self.trials:,} requests, {self.restricted:,} of them restricted",
                f"  answered at home {self.home:,}, refused by the rules {self.refused:,}, other errors ({rest})",
                f"  restricted by {_listed(self.by)}",
                f"  fronts: {_listed(self.fronts)}",
                f"  the config changed within {self.reloaded:,} of them",
                f"requests that vendors may see, and saw: {self.others_at_vendors:,}",
                f"leaks: {len(self.leaks):,}",
                *self.leaks[:10],
            )
        )


def _listed(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counter.most_common())


class Oracle:
    """What the class of a request is at least, from what its caller has declared, now or earlier."""

    def __init__(self) -> None:
        self.conversations: dict[tuple[str, str], str] = {}
        self.kept: dict[tuple[str, str], str] = {}

    def sources(self, ask: Ask, house: House) -> dict[str, int]:
        """The ranks that each source gives."""
        caller = ask.caller or "local"
        found = {
            "caller": house.floor(caller, ""),
            "route": house.floor("", ask.asked) if ask.asked in house.routes else 0,
            "header": max((house.rank(name) for name in ask.said), default=0),
        }
        if len(ask.said) > 1:
            found["header"] = len(house.classes) - 1
        if ask.conversation is not None and (caller, ask.conversation) in self.conversations:
            found["conversation"] = house.rank(self.conversations[caller, ask.conversation])
        for identity in ask.earlier:
            if (caller, identity) in self.kept:
                found["response"] = house.rank(self.kept[caller, identity])
        return found

    def note(self, ask: Ask, house: House, answer: Answered, *, sent: bool) -> None:
        """Remember what a request that was labelled leaves behind."""
        if not sent and not answer.refused:
            return
        caller, rank = ask.caller or "local", max(self.sources(ask, house).values())
        if rank == 0:
            return  # the lowest is what all are of whom nothing is known
        if ask.conversation is not None:
            known = self.conversations.get((caller, ask.conversation))
            rank_then = max(rank, 0 if known is None else house.rank(known))
            self.conversations[caller, ask.conversation] = house.classes[rank_then]
        if ask.front == "responses" and answer.status == 200:
            for identity in kept(answer.body):
                if identity is not None:
                    self.kept[caller, identity] = house.classes[rank]

    def earlier(self, caller: str) -> list[tuple[str, str]]:
        mine = [identity for name, identity in self.kept if name == caller]
        return [("item" if identity.startswith("msg_") else "response", identity) for identity in mine[-_KEPT_MAX:]]


class Trials:
    """One run. `broken` houses lack the rules that they are said to have."""

    def __init__(self, gate: Gate, rng: Random, *, broken: bool) -> None:
        self._gate = gate
        self._rng = rng
        self._broken = broken
        self._oracle = Oracle()
        self.tally = Tally()

    async def run(self, restricted_wanted: int) -> Tally:
        while self.tally.restricted < restricted_wanted:
            self._apply(configs.generated(self._rng))
            for _ in range(_TRIALS_PER_HOUSE):
                await self._trial()
                if self.tally.restricted >= restricted_wanted:
                    break
        return self.tally

    def _apply(self, house: House) -> None:
        self._gate.apply(house, configs.unguarded(house).toml() if self._broken else None)
        self.tally.houses += 1

    async def _trial(self) -> None:
        rng, gate, tally = self._rng, self._gate, self.tally
        caller = rng.choice((None, None, *gate.keys))
        ask = asks.generated(rng, _names(rng, gate.house), gate.house.classes, self._oracle.earlier(caller or "local"))
        ask.caller = caller
        outcomes = {place.host: rng.choice(OUTCOMES) for places in gate.house.models.values() for place in places}
        gate.outcome = lambda host: outcomes.get(host, "ok")
        reload_at = rng.choice((-1, 0, 0, 1)) if rng.random() < _RELOADS_IN_FLIGHT else None
        if reload_at == -1:
            # At the first moment in which the request waits for something.
            asyncio.get_running_loop().call_soon(lambda: self._apply(configs.changed(rng, gate.house)))
        vendors = 0
        # The config under which something was sent last.
        judged: House | None = None

        def on_send(sent: Sent) -> None:
            nonlocal vendors, judged
            judged = gate.house
            if sent.host not in gate.house.homes:
                vendors += 1
                sources = self._oracle.sources(ask, gate.house)
                if gate.house.guarded and max(sources.values()) >= gate.house.restricted:
                    by = [name for name, rank in sources.items() if rank >= gate.house.restricted]
                    tally.leaks.append(f"{ask.front} {ask.path} {by} {ask.headers} -> {sent.url}\n{gate.house.toml()}")
            if reload_at is not None and len(gate.sent) == reload_at + 1:
                self._apply(configs.changed(rng, gate.house))

        gate.on_send = on_send
        answer = await gate.ask(ask)
        house = gate.house if judged is None or answer.refused else judged
        self._count(ask, answer, house, vendors, reloaded=reload_at is not None)
        self._oracle.note(ask, house, answer, sent=bool(gate.sent))
        if answer.status == 500:
            raise AssertionError(f"the gateway failed at {ask}: {answer}")

    def _count(self, ask: Ask, answer: Answered, house: House, vendors: int, *, reloaded: bool) -> None:
        tally = self.tally
        tally.trials += 1
        sources = self._oracle.sources(ask, house)
        if not house.guarded or max(sources.values()) < house.restricted:
            tally.others_at_vendors += bool(vendors)
            return
        tally.restricted += 1
        tally.reloaded += reloaded
        tally.fronts[ask.front] += 1
        tally.by.update(name for name, rank in sources.items() if rank >= house.restricted)
        if answer.status == 200:
            tally.home += 1
        elif answer.refused:
            tally.refused += 1
        else:
            tally.rest[answer.status] += 1


def _names(rng: Random, house: House) -> list[str]:
    names = [*house.models, *house.routes, *house.routes]
    if rng.random() < 0.15:
        names = [f"{rng.choice(VENDORS)}/{rng.choice(('gpt-5', 'a/b', 'restricted', '536-90-4399'))}"]
    elif rng.random() < 0.03:
        names.append("nobody")
    return names


def _first_allows_all(plan: Any) -> Callable[..., Plan]:
    def planned(self: Ruling, labelled: Any, candidates: Any, now_us: int) -> Plan:
        found: Plan = plan(self, labelled, candidates, now_us)
        if found.allowed and found.allowed[0].candidate is candidates[0]:
            return Plan(tuple(Planned(candidate, Verdict(True)) for candidate in candidates), found.verdicts)
        return found

    return planned


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _none_known(*_: Any, **__: Any) -> int:
    return 0


WEAKENED: dict[str, tuple[type, str, Any]] = {
    "checker": (ClearanceChecker, "check", _nothing),
    "conversation": (Conversations, "recall", _nothing),
    "header": (Labelling, "_declared_rank", _none_known),
    "caller": (Policy, "caller_floor", _none_known),
    "route": (Policy, "route_floor", _none_known),
    "response": (EarlierResponses, "_note", _nothing),
    "fallback": (Ruling, "plan", _first_allows_all(Ruling.plan)),
}
"""Ways to break the gateway, each of which the harness must notice; beside them `rule`, which leaves rules out."""


@contextmanager
def weakened(how: str | None) -> Iterator[None]:
    """The gateway with one of its parts broken."""
    if how not in WEAKENED:
        yield
        return
    owner, name, replacement = WEAKENED[how]
    kept_one = owner.__dict__[name]
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        setattr(owner, name, kept_one)


async def run(folder: Path, restricted: int, seed: int, *, weaken: str | None = None) -> Tally:
    """As many restricted requests as that, and whatever others come up beside them."""
    remember_detectors()
    rng = Random(seed)
    gate = Gate(folder, configs.generated(rng))
    try:
        with weakened(weaken):
            return await Trials(gate, rng, broken=weaken == "rule").run(restricted)
    finally:
        await gate.close()
