"""Runs carried out against a real gateway with a vendor behind it that answers, fails, stalls and is counted."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from ecotone.evaluation.answers import AnswerCache, Identity, identify
from ecotone.evaluation.asking import Pace, Patience
from ecotone.evaluation.cases import Case, ScorerSpec, ScorerTools, Suite
from ecotone.evaluation.runner import Runner, Stopped
from ecotone.evaluation.runs import CaseResult, Machine, Run, RunSettings, RunStore, RunSuite
from ecotone.evaluation.scorers import scorer_for
from ecotone.gateway.client import GatewayClient
from ecotone.upstream.endpoints import EndpointFacts
from ecotone.upstream.http import HttpClient
from ecotone.values.chat import Message, TextPart
from ecotone.values.errors import SetupError
from ecotone.values.reply import Usage
from tests.running import gateway
from tests.vendors import Delivery, Ending, Failure, FakeOpenAI, Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = "sk-runner"
QUICK = Patience(attempts_max=3, first_s=0.01, most_s=0.02, asked_max_s=2.0)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)

CONFIG = """
[models.mini]
provider = "openai"
base_url = "{address}"
name = "gpt-4o-mini"
key_env = "RUNNER_KEY"

[models.big]
provider = "openai"
base_url = "{address}"
name = "gpt-4o"
key_env = "RUNNER_KEY"

[routes.assistant]
models = ["mini"]
"""


class Watcher:
    def __init__(self) -> None:
        self.results: list[CaseResult] = []
        self.notes: list[str] = []

    def result(self, result: CaseResult) -> None:
        self.results.append(result)

    def note(self, text: str) -> None:
        self.notes.append(text)


def a_cent(place: EndpointFacts, usage: Usage) -> Decimal | None:
    return Decimal("0.01")


class House:
    """A gateway, its vendor, and a home for runs."""

    def __init__(self, client: GatewayClient, vendor: FakeOpenAI) -> None:
        self.client, self.vendor = client, vendor
        self.folder = Path()
        self.watcher = Watcher()

    async def identities(self, *names: str) -> tuple[Identity, ...]:
        return tuple([await identify(self.client, name) for name in names])

    async def run(
        self,
        suite: Suite,
        models: tuple[Identity, ...],
        *,
        name: str = "r1",
        judge: Identity | None = None,
        prices: Any = lambda place, usage: None,
        **settings: Any,
    ) -> tuple[Stopped, Mapping[tuple[str, str, str], CaseResult]]:
        """Begin a run of this name, or go on with it."""
        asked = RunSuite(suite.name, "", "", suite.digest, "", tuple(case.id for case in suite.cases), 0)
        machine = Machine("", "", 1, 1)
        run = Run(name, NOON, "tester", models, (asked,), RunSettings(**settings), machine, {}, judge)
        store = RunStore(self.folder / "evaluations")
        known = [folder.path.name for folder in store.runs()]
        folder = store.find(name) if name in known else store.create(run, [suite])
        self.watcher = Watcher()
        with closing(AnswerCache(self.folder / "answers.db")) as cache, folder.writing() as writer:
            runner = Runner(
                run,
                {suite.name: suite},
                folder.results(),
                gateway=self.client,
                cache=cache,
                writer=writer,
                prices=prices,
                observer=self.watcher,
                now=lambda: NOON,
                patience=QUICK,
            )
            scorer = scorer_for(suite.scorer, ScorerTools(ask_judge=runner.ask_judge))
            stopped = await runner.carry_out({suite.name: scorer})
        return stopped, folder.results()

    @property
    def asked(self) -> list[str]:
        """What the vendor was asked, in order."""
        return [request.json["messages"][-1]["content"] for request in self.vendor.requests]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("runner")
    http = HttpClient()
    async with FakeOpenAI(KEY) as vendor:
        config = CONFIG.format(address=vendor.base_url)
        async with gateway(folder, config, environment={"RUNNER_KEY": KEY}) as gate:
            yield House(GatewayClient(http, gate.url, None), vendor)
    await http.close()


@pytest_asyncio.fixture(loop_scope="module")
async def house(running: House, tmp_path: Path) -> House:
    running.folder = tmp_path
    running.vendor.requests.clear()
    return running


def a_suite(count: int, *, scorer: ScorerSpec = ScorerSpec("contains"), right: int | None = None) -> Suite:  # noqa: B008
    """Cases that an echo answers: the first `right` of them rightly."""
    cases = tuple(
        Case(
            f"c{n}",
            (Message("user", (TextPart(f"case {n}!"),)),),
            f"case {n}!" if right is None or n < right else "never said",
        )
        for n in range(count)
    )
    return Suite("mine", "Mine", "general", scorer, cases, 16, 0.0, "Be brief.", None, "", "", "", f"digest {count}")


async def test_every_case_is_asked_as_the_suite_says_and_scored(house: House) -> None:
    models = await house.identities("mini")
    stopped, results = await house.run(a_suite(3, right=2), models, seed=5, prices=a_cent)
    assert stopped == Stopped(0)
    assert {key[2]: row.score for key, row in results.items()} == {"c0": 1.0, "c1": 1.0, "c2": 0.0}
    assert [row.key for row in house.watcher.results] == list(results)
    sent = house.vendor.requests[0].json
    assert (sent["temperature"], sent["seed"], sent["max_completion_tokens"]) == (0.0, 5, 16)
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    row = results["mini", "mine", "c0"]
    assert row.answer is not None
    assert row.answer.reply == "gpt-4o-mini heard: case 0!"
    assert (row.answer.model, row.answer.endpoint) == ("mini", "mini@openai")
    assert (row.answer.upstream_model, row.answer.fingerprint) == ("gpt-4o-mini", "fp_fake000001")
    assert (row.outcome, row.attempts, row.cost_usd, row.cached_from) == ("answered", 1, Decimal("0.01"), None)
    assert row.answer.first_token_s is not None and 0 < row.answer.first_token_s <= row.answer.total_s
    assert row.answer.request_id is not None and row.answer.request_id.startswith("req_")


async def test_no_temperature_is_sent_to_a_model_that_has_its_own(house: House) -> None:
    await house.run(a_suite(1), await house.identities("mini"), own_temperature=True, max_tokens=7)
    sent = house.vendor.requests[0].json
    assert "temperature" not in sent
    assert sent["max_completion_tokens"] == 7


async def test_the_same_question_to_the_same_weights_is_asked_once(house: House) -> None:
    suite = a_suite(3)
    models = await house.identities("mini")
    _, first = await house.run(suite, models, name="r1", prices=a_cent)
    _, again = await house.run(suite, await house.identities("assistant"), name="r2", prices=a_cent)
    assert len(house.asked) == 3, "the route leads to the same weights"
    kept = again["assistant", "mine", "c0"]
    assert (kept.cached_from, kept.attempts, kept.cost_usd) == ("r1", 0, Decimal("0.01"))
    assert kept.spent_usd == 0
    assert kept.answer == first["mini", "mine", "c0"].answer, "with the times of then"
    await house.run(suite, models, name="r3", seed=1)
    assert len(house.asked) == 6, "another seed is another question"
    await house.run(suite, models, name="r4", fresh=True)
    assert len(house.asked) == 9
    await house.run(suite, await house.identities("big"), name="r5")
    assert len(house.asked) == 12


async def test_a_run_that_goes_on_asks_only_what_is_left(house: House) -> None:
    models = await house.identities("mini")
    await house.run(a_suite(2), models, fresh=True)
    stopped, results = await house.run(a_suite(4), models, fresh=True)
    assert (stopped.left, len(results)) == (0, 4)
    assert sorted(house.asked) == ["case 0!", "case 1!", "case 2!", "case 3!"]


async def test_a_rate_limit_is_waited_out(house: House) -> None:
    house.vendor.script(Failure(429, retry_after_s=0.05), Reply(text="case 0!"))
    _, results = await house.run(a_suite(1), await house.identities("mini"))
    row = results["mini", "mine", "c0"]
    assert (row.outcome, row.score, row.attempts) == ("answered", 1.0, 2)


async def test_who_wants_to_be_left_alone_for_long_is_not_waited_for(house: House) -> None:
    house.vendor.script(Failure(429, retry_after_s=3600))
    _, results = await house.run(a_suite(1), await house.identities("mini"))
    row = results["mini", "mine", "c0"]
    assert row.failure is not None
    assert (row.outcome, row.attempts, row.failure.transient) == ("failed", 1, True)
    assert "it wants to be left alone for 3600 s" in row.failure.message
    assert len(house.asked) == 1


async def test_an_answer_that_broke_off_is_asked_for_again(house: House) -> None:
    cut = Reply(text="case 0! and more", delivery=Delivery(events=3, ending=Ending.CLOSE))
    house.vendor.script(cut, Reply(text="case 0!"))
    _, results = await house.run(a_suite(1), await house.identities("mini"))
    row = results["mini", "mine", "c0"]
    assert row.answer is not None
    assert (row.answer.reply, row.attempts) == ("case 0!", 2)


async def test_failures_are_no_wrong_answers_and_asked_again_later(house: House) -> None:
    models = await house.identities("mini")
    suite = a_suite(2)
    house.vendor.script(*[Failure(500)] * 3, Failure(400, message="Not to my taste."))
    stopped, results = await house.run(suite, models, concurrency=1)
    broken, refused = (results["mini", "mine", name] for name in ("c0", "c1"))
    assert (broken.outcome, broken.score, broken.attempts, broken.settled) == ("failed", None, 3, False)
    assert broken.failure is not None and broken.failure.kind == "upstream_failed"
    assert (refused.outcome, refused.attempts, refused.settled) == ("failed", 1, True)
    assert refused.failure is not None and refused.failure.message == "Not to my taste."
    assert stopped.left == 0
    house.vendor.requests.clear()
    _, later = await house.run(suite, models, concurrency=1)
    assert house.asked == ["case 0!"], "what was refused for good is not asked again"
    assert later["mini", "mine", "c0"].score == 1.0


async def test_a_model_that_only_fails_is_let_be(house: House) -> None:
    house.vendor.otherwise, usual = Failure(500), house.vendor.otherwise
    try:
        stopped, results = await house.run(a_suite(20), await house.identities("mini"), concurrency=1)
    finally:
        house.vendor.otherwise = usual
    assert len(house.asked) == 8 * QUICK.attempts_max
    assert (len(results), stopped.left) == (8, 12)
    assert stopped.reasons[0].startswith("mini is not asked any further: 8 requests in a row failed")
    assert house.watcher.notes == list(stopped.reasons)


async def test_a_truncated_answer_is_scored_and_told_apart(house: House) -> None:
    house.vendor.script(Reply(text="case 0! and so", finish_reason="length"))
    _, results = await house.run(a_suite(1), await house.identities("mini"))
    row = results["mini", "mine", "c0"]
    assert (row.outcome, row.score) == ("truncated", 1.0)


async def test_a_model_that_stalls_is_given_up(house: House) -> None:
    house.vendor.script(Reply(text="case 0!", delivery=Delivery(events=1, ending=Ending.STALL)))
    _, results = await house.run(a_suite(1), await house.identities("mini"), timeout_s=0.3)
    row = results["mini", "mine", "c0"]
    assert row.failure is not None
    assert (row.failure.kind, row.attempts) == ("timeout", 1)
    await asyncio.wait_for(house.vendor.requests[0].left.wait(), 10)


async def test_no_more_requests_at_a_time_than_allowed(house: House) -> None:
    gate = asyncio.Event()
    house.vendor.script(*[Reply(text="case", delivery=Delivery(gate=gate))] * 5)
    work = asyncio.create_task(house.run(a_suite(5), await house.identities("mini"), concurrency=3))
    async with asyncio.timeout(10):
        while len(house.vendor.requests) < 3:
            await asyncio.sleep(0.01)
    await house.client.models()  # a round trip, in which a fourth would have come
    assert len(house.vendor.requests) == 3
    gate.set()
    await work
    assert len(house.vendor.requests) == 5


async def test_embedded_models_take_turns(house: House) -> None:
    gate = asyncio.Event()
    house.vendor.script(*[Reply(text="case", delivery=Delivery(gate=gate))] * 2)
    names = await house.identities("mini", "big")
    embedded = tuple(
        msgspec.structs.replace(
            one, endpoints=(EndpointFacts(id="e", provider="llama.cpp", hosting="embedded", sha256=one.name),)
        )
        for one in names
    )
    work = asyncio.create_task(house.run(a_suite(2), embedded))
    async with asyncio.timeout(10):
        while len(house.vendor.requests) < 2:
            await asyncio.sleep(0.01)
    await house.client.models()
    assert {request.json["model"] for request in house.vendor.requests} == {"gpt-4o-mini"}
    gate.set()
    await work
    assert [request.json["model"] for request in house.vendor.requests[2:]] == ["gpt-4o"] * 2


async def test_a_budget_is_never_exceeded(house: House) -> None:
    models = await house.identities("mini")
    suite = a_suite(10)
    stopped, results = await house.run(suite, models, prices=a_cent, budget_usd=Decimal("0.035"), concurrency=4)
    assert (len(results), len(house.asked), stopped.left) == (3, 3, 7)
    assert stopped.reasons[0].startswith("the budget of 0.035 USD is used up: 0.0300 USD are spent")
    more, _ = await house.run(suite, models, prices=a_cent, budget_usd=Decimal("0.05"), concurrency=4)
    assert (len(house.asked), more.left) == (5, 5), "what was spent before counts"


async def test_a_budget_needs_a_price(house: House) -> None:
    with pytest.raises(SetupError, match="no price is known for mini at openai, so a budget cannot be kept"):
        await house.run(a_suite(1), await house.identities("mini"), budget_usd=Decimal("1"))
    assert house.asked == []


async def test_a_judge_scores_and_is_paid_for(house: House) -> None:
    mini, big = await house.identities("mini", "big")
    suite = a_suite(1, scorer=ScorerSpec("judge-grade"))
    house.vendor.script(Reply(text="an answer"), Reply(text="Good enough.\nGRADE: 4"))
    _, results = await house.run(suite, (mini,), judge=big, prices=a_cent)
    row = results["mini", "mine", "c0"]
    assert (row.score, row.cost_usd, row.judge_usd, row.spent_usd) == (
        0.75,
        Decimal("0.01"),
        Decimal("0.01"),
        Decimal("0.02"),
    )
    assert [request.json["model"] for request in house.vendor.requests] == ["gpt-4o-mini", "gpt-4o"]


async def test_an_answer_that_cannot_be_judged_has_no_score(house: House) -> None:
    mini, big = await house.identities("mini", "big")
    suite = a_suite(1, scorer=ScorerSpec("judge-grade"))
    house.vendor.script(Reply(text="an answer"), Failure(400, message="I do not judge."))
    _, results = await house.run(suite, (mini,), judge=big)
    row = results["mini", "mine", "c0"]
    assert row.answer is not None and row.failure is not None
    assert (row.outcome, row.score, row.answer.reply) == ("unscored", None, "an answer")
    assert "the judge big gave no answer: I do not judge." in row.failure.message


async def test_two_runs_at_once_share_what_they_can(house: House) -> None:
    suite = a_suite(4)
    models = await house.identities("mini")
    (one, first), (two, second) = await asyncio.gather(
        house.run(suite, models, name="r1"), house.run(suite, models, name="r2")
    )
    assert (one.left, two.left) == (0, 0)
    assert [row.score for row in first.values()] == [row.score for row in second.values()] == [1.0] * 4


async def test_requests_are_spaced_evenly() -> None:
    pace = Pace(per_minute=1200)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await asyncio.gather(*(pace.turn() for _ in range(4)))
    assert loop.time() - begun >= 3 * 60 / 1200 - 0.001
