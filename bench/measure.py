"""The measurements through HTTP: rounds in which each system in turn gets the same load."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import bodies
from .processes import LOAD_CORE, Process, on_core, only
from .systems import STREAM_MODEL, System

Result = dict[str, Any]
GRACE_S = 120


@dataclass(frozen=True)
class Workload:
    """What is sent, and over how many connections."""

    name: str
    body: Callable[[str], bytes]
    connections: int
    streams: bool = False


WORKLOADS = (
    Workload("small, c=1", bodies.small, 1),
    Workload("small, c=32", bodies.small, 32),
    Workload("agent, c=1", bodies.agent, 1),
    Workload("agent, c=32", bodies.agent, 32),
    Workload("stream, c=8", bodies.streaming, 8, streams=True),
)

WARM_UP = WORKLOADS[1]
WARM_UP_S = 1


def load_command(system: System, workload: Workload, seconds: int, work: Path) -> list[str]:
    """The load generator for one measurement, on its own core."""
    model = STREAM_MODEL if workload.streams else "bench"
    body = work / f"{workload.name.replace(', ', '-')}.json"
    body.write_bytes(workload.body(model))
    count = str(workload.connections)
    if workload.streams:
        counted = [str(body), count, str(seconds), str(bodies.STREAM_EVENTS)]
        return on_core(
            LOAD_CORE, [sys.executable, "-m", "bench.streams", system.chat_url, *counted, *system.header_lines]
        )
    script = str(Path(__file__).with_name("load.lua"))
    wrk = ["wrk", "-t1", f"-c{count}", f"-d{seconds}s", "--timeout", "30s", "-s", script, system.chat_url]
    return on_core(LOAD_CORE, [*wrk, "--", str(body), *system.header_lines])


def loaded(command: Sequence[str], seconds: int) -> Result:
    """Run the load and return what it measured."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE_S)
    except subprocess.TimeoutExpired:
        return {"failed": f"the load generator did not end within {seconds + GRACE_S} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        words = (done.stderr or done.stdout).strip()[-500:]
        return {"failed": f"the load generator ended with status {done.returncode}: {words}"}
    result: Result = json.loads(lines[0].removeprefix("RESULT "))
    return result


def watched(process: Process | None, command: Sequence[str], seconds: int) -> Result:
    """The load's result, with the memory and the processor time that the system took for it.

    Processor time a request says what a request costs even where others use the same core; `core_share` says whether
    they did: a saturated system that had its core to itself has a share near 1.
    """
    if process is None:
        return loaded(command, seconds)
    cpu_s, started = process.cpu_s(), time.monotonic()
    result = loaded(command, seconds)
    cpu_s, took_s = process.cpu_s() - cpu_s, time.monotonic() - started
    done = result.get("requests") or result.get("events")
    return result | {
        "resident_mib": round(process.resident_mib(), 1),
        "core_share": round(cpu_s / took_s, 3),
        "cpu_us": round(cpu_s / done * 1e6, 2) if done else None,
    }


def rounds(
    systems: Sequence[System], workloads: Sequence[Workload], count: int, seconds: int, first_warm_up_s: int, work: Path
) -> Iterator[Result]:
    """Measure in the order A, B, C, D, A, B, C, D; all but one stand still each time. Yields each raw result.

    Each system is warmed up once for `first_warm_up_s` under the heaviest small load, since a compiler at run time
    (Node's) needs thousands of requests to reach its speed, and for `WARM_UP_S` before each measurement.
    """
    processes: list[Process] = [system.process for system in systems if system.process is not None]
    for system in systems:
        with only(system.process, processes):
            loaded(load_command(system, WARM_UP, first_warm_up_s, work), first_warm_up_s)
    for number in range(count):
        for workload in workloads:
            for system in systems:
                with only(system.process, processes):
                    loaded(load_command(system, workload, WARM_UP_S, work), WARM_UP_S)
                    busy = float(Path("/proc/loadavg").read_text().split()[0])
                    command = load_command(system, workload, seconds, work)
                    result = watched(system.process, command, seconds)
                yield {
                    "round": number,
                    "workload": workload.name,
                    "system": system.name,
                    "load_average_before": busy,
                } | result
