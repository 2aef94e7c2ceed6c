"""Made-up runs, for tests of what is said about them."""

from datetime import UTC, datetime
from decimal import Decimal

from ecotone.evaluation.answers import Answered, Identity
from ecotone.evaluation.cases import Case, ScorerSpec, Suite
from ecotone.evaluation.results import Results
from ecotone.evaluation.runs import CaseResult, Failure, Machine, Run, RunSettings, RunSuite
from ecotone.upstream.endpoints import EndpointFacts
from ecotone.values.chat import Message, TextPart
from ecotone.values.reply import Usage

NOON = datetime(2026, 3, 4, 12, 0, 0, 0, UTC)


def suite(name: str, count: int, *, source: str | None = None) -> Suite:
    cases = tuple(
        Case(f"c{n}", (Message("user", (TextPart(f"{n}"),)),), "x", source=source and f"{source}{n // 2}")
        for n in range(count)
    )
    return Suite(name, name, "general", ScorerSpec("contains"), cases, 16, 0.0, None, None, "", "", "", name)


def result(model: str, in_suite: str, number: int, score: float | None, **more: object) -> CaseResult:
    told = {"total_s": 2.0, "first_token_s": 1.0, "output_tokens": 11, "cost_usd": None, **more}
    answer = Answered(
        "reply",
        "stop",
        model,
        NOON,
        float(str(told["total_s"])),
        float(str(told["first_token_s"])),
        Usage(input_tokens=100, output_tokens=int(str(told["output_tokens"]))),
    )
    cost = told["cost_usd"]
    assert cost is None or isinstance(cost, Decimal)
    return CaseResult(model, in_suite, f"c{number}", "answered", NOON, score=score, answer=answer, cost_usd=cost)


def failed(model: str, in_suite: str, number: int, kind: str) -> CaseResult:
    failure = Failure(kind, "no answer", transient=True)
    return CaseResult(model, in_suite, f"c{number}", "failed", NOON, failure=failure)


def identity(name: str, hosting: str) -> Identity:
    place = (
        EndpointFacts(id=f"{name}@embedded", provider="llama.cpp", hosting="embedded", sha256="00")
        if hosting == "embedded"
        else EndpointFacts(id=f"{name}@openai", provider="openai", hosting="vendor", name=name)
    )
    return Identity(name, (place,))


def run_of(models: list[Identity], suites: list[Suite]) -> Run:
    return Run(
        id="r1",
        started_at=NOON,
        who="tester",
        models=tuple(models),
        suites=tuple(
            RunSuite(s.name, s.title, s.category, s.digest, "bundled", tuple(c.id for c in s.cases), len(s.cases))
            for s in suites
        ),
        settings=RunSettings(),
        machine=Machine("Linux", "cpu", 2, 1),
        software={},
    )


def keyed(rows: list[CaseResult]) -> Results:
    return {row.key: row for row in rows}
