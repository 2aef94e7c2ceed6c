"""`python -m bench`: start everything, measure in interleaved rounds, print a table, write JSON."""

import argparse
import contextlib
import datetime
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs

from .embedded import embedded
from .measure import WORKLOADS, Workload, rounds
from .processes import Missing
from .report import embedded_ratios, ratios, starved, summarised, text
from .systems import SYSTEMS, Place, System, run, start_upstream

EMBEDDED = "embedded"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: whether it runs, not what it measures")
    parser.add_argument("--only", nargs="+", choices=[*SYSTEMS, EMBEDDED], help="measure only these")
    names = [workload.name for workload in WORKLOADS]
    parser.add_argument("--workload", nargs="+", choices=names, default=names, help="send only these loads")
    parser.add_argument("--rounds", type=int, help="rounds, interleaved (default: 5)")
    parser.add_argument("--seconds", type=int, help="seconds for each measurement (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, raw rounds too, as JSON")
    parser.add_argument("--gguf", type=Path, help="model for the embedded measurement (default: Ecotone's own)")
    parser.add_argument("--cache", type=Path, help="where the peers are installed and kept between runs")
    parser.add_argument("--ecotone", nargs="+", help="command that runs Ecotone (default: the one beside this Python)")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (2 if options.quick else 5)
    return options


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def started(names: list[str], place: Place, missing: dict[str, str]) -> Iterator[list[System]]:
    """The systems that could be started; the others are in `missing` with the reason."""
    systems: list[System] = []
    try:
        for name in names:
            say(f"starting {name}")
            try:
                systems.append(SYSTEMS[name](place))
            except Missing as reason:
                missing[name] = str(reason)
                say(f"  missing: {reason}")
        yield systems
    finally:
        for system in systems:
            if system.process is not None:
                system.process.stop()


def machine() -> dict[str, Any]:
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": model[0].partition(": ")[2] if model else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def measured(options: argparse.Namespace, place: Place) -> dict[str, Any]:
    """Run what was asked for and put the report together."""
    names = [name for name in SYSTEMS if not options.only or name in options.only]
    missing: dict[str, str] = {}
    results: list[dict[str, Any]] = []
    workloads: list[Workload] = [workload for workload in WORKLOADS if workload.name in options.workload]
    report: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "arguments": sys.argv[1:],
        "placement": "the system measured on core 0, upstream and load generator on core 1, all others stopped",
    }
    first_warm_up_s = 3 if options.quick else 20
    with started(names, place, missing) as systems:
        for result in rounds(systems, workloads, options.rounds, options.seconds, first_warm_up_s, place.work):
            results.append(result)
            figure = result.get("rps") or result.get("events_per_s") or result.get("failed")
            say(f"round {result['round'] + 1}: {result['workload']}: {result['system']} {figure}")
        report["versions"] = {system.name: system.version for system in systems}
        report["notes"] = {system.name: system.notes for system in systems}
        report["commands"] = {system.name: system.process.command for system in systems if system.process}
    if not options.only or EMBEDDED in options.only:
        try:
            raw = embedded(place, options.gguf, 2 if options.quick else 9, 32 if options.quick else 96, say)
            report["embedded"], report["embedded_raw"] = embedded_ratios(raw), raw
        except Missing as reason:
            missing[EMBEDDED] = str(reason)
    summary = summarised(results)
    failures = [
        f"{result['system']}, {result['workload']}, round {result['round'] + 1}: {result['failed']}"
        for result in results
        if "failed" in result
    ]
    return report | {
        "summary": summary,
        "ratios": ratios(summary),
        "starved": starved(results),
        "missing": missing,
        "failures": failures,
        "rounds": results,
    }


def main() -> int:
    options = arguments()
    for program in ("wrk", "taskset"):
        if shutil.which(program) is None:
            say(f"{program} is needed: apt-get install wrk util-linux")
            return 2
    if (os.cpu_count() or 1) < 2:
        say("two cores are needed: one for the system measured, one for the load")
        return 2
    cache = options.cache or platformdirs.user_cache_path("ecotone-bench")
    command = options.ecotone or [str(Path(sys.executable).with_name("ecotone"))]
    with tempfile.TemporaryDirectory(prefix="ecotone-bench-") as folder:
        work = Path(folder)
        upstream, port = start_upstream(work)
        try:
            report = measured(options, Place(port, work, cache, command))
        finally:
            upstream.stop()
    report["wrk"] = wrk_version()
    print(text(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if report["failures"] else 0


def wrk_version() -> str:
    words = run(["sh", "-c", "wrk -v 2>&1 || true"], Path.cwd()).split()
    return words[1] if len(words) > 1 else "unknown"


if __name__ == "__main__":
    sys.exit(main())
