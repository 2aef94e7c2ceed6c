"""The benchmark's own parts: what is sent, what is counted, what is concluded."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import bodies, report
from bench.processes import Missing, Process, free_port
from tests.vendors.openai_rules import chat_refusal


@pytest.mark.parametrize("body", [bodies.small, bodies.agent])
def test_requests_are_as_large_as_they_say_and_sound(body: Any) -> None:
    sent = body("bench")
    assert len(sent) == {bodies.small: 300, bodies.agent: 65_536}[body]
    assert chat_refusal(json.loads(sent)) is None


async def output_of(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return output.decode()


@pytest.fixture
def upstream_port(tmp_path: Path) -> Any:
    port = free_port()
    process = Process([sys.executable, "-m", "bench.upstream", str(port)], tmp_path / "upstream.log")
    process.wait_until(lambda: "ready" in process.log.read_text(), "the upstream", 30)
    yield port
    process.stop()


async def counted(port: int, tmp_path: Path, sent: int, expected: int) -> Any:
    body = tmp_path / "body.json"
    body.write_bytes(bodies.streaming(f"stream-{sent}"))
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    line = await output_of("-m", "bench.streams", url, str(body), "2", "0.2", str(expected))
    return json.loads(line.removeprefix("RESULT "))


async def test_streams_are_counted_whole(upstream_port: int, tmp_path: Path) -> None:
    result = await counted(upstream_port, tmp_path, sent=130, expected=130)
    assert result["errors"] == 0
    assert result["streams"] >= 2
    assert result["events"] == 130 * result["streams"]


async def test_a_stream_that_lacks_an_event_counts_for_nothing(upstream_port: int, tmp_path: Path) -> None:
    result = await counted(upstream_port, tmp_path, sent=129, expected=130)
    assert (result["streams"], result["events"]) == (0, 0)
    assert result["errors"] >= 2


def measured(system: str, number: int, p50_us: int, rps: float) -> dict[str, Any]:
    row = {"system": system, "workload": "small, c=1", "round": number, "errors": 0}
    return row | {"p50_us": p50_us, "p99_us": 2 * p50_us, "rps": rps}


def test_medians_differences_and_ratios() -> None:
    rows = [
        *(measured("direct", number, p50, 10_000) for number, p50 in enumerate((100, 300, 200))),
        *(measured("ecotone", number, p50, 3_000) for number, p50 in enumerate((400, 500, 600))),
        *(measured("litellm", number, p50, 100) for number, p50 in enumerate((6_300, 6_300, 6_200))),
    ]
    summary = report.summarised(rows)
    ecotone = summary["small, c=1"]["ecotone"]
    assert ecotone["p50_us"] == {"median": 500, "min": 400, "max": 600}
    # Differences within each round: 300, 200, 400.
    assert ecotone["added_p50_us"] == {"median": 300, "min": 200, "max": 400}
    # LiteLLM adds 6200, 6000, 6000: twenty times as much.
    assert report.ratios(summary) == {"small, c=1, against litellm": {"rps": 30, "added_p50_us": 20}}


def test_a_failed_measurement_is_no_number() -> None:
    failed = {"system": "portkey", "workload": "small, c=1", "round": 1, "failed": "ended with status 1"}
    summary = report.summarised([measured("portkey", 0, 700, 50), failed])
    assert summary["small, c=1"]["portkey"]["rounds"] == 1


def test_embedded_ratio_is_taken_within_each_repeat() -> None:
    raw = {"c=1": {"engine alone": [100.0, 50.0, 80.0], "through Ecotone": [98.0, 50.0, 76.0]}}
    found = report.embedded_ratios(raw)["c=1"]
    assert found["ratio"] == {"median": 0.98, "min": 0.95, "max": 1.0}
    assert found["ratio_of_best"] == 0.98


def test_a_starved_measurement_is_named() -> None:
    rows: list[dict[str, Any]] = [
        {"system": "ecotone", "workload": "small, c=32", "round": 0, "core_share": 0.5},
        {"system": "ecotone", "workload": "small, c=32", "round": 1, "core_share": 0.97},
        {"system": "ecotone", "workload": "small, c=1", "round": 0, "core_share": 0.5},
    ]
    assert report.starved(rows) == ["ecotone, small, c=32, round 1: 0.50 of its core"]


def test_a_child_that_ends_early_is_missing_with_its_last_words(tmp_path: Path) -> None:
    process = Process([sys.executable, "-c", "raise SystemExit('no such model')"], tmp_path / "log")
    with pytest.raises(Missing, match=r"status 1: no such model"):
        process.wait_until(lambda: False, "it", 30)
