"""From raw rounds to medians, differences and ratios, and from those to a table."""

from collections.abc import Sequence
from statistics import median
from typing import Any

Result = dict[str, Any]
PEERS = ("litellm", "portkey")
COLUMNS = ("system", "p50 ms", "p99 ms", "req/s", "added p50 ms", "CPU us/req", "core share", "errors", "MiB")
STREAM_COLUMNS = ("system", "events/s", "first event ms", "CPU us/event", "core share", "errors", "MiB")
FULL_SHARE = 0.9
MEASURED = ("p50_us", "p99_us", "rps", "events_per_s", "first_event_p50_us", "cpu_us", "core_share", "resident_mib")


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Median with the least and the most; None of nothing."""
    return {"median": median(values), "min": min(values), "max": max(values)} if values else None


def summarised(results: Sequence[Result]) -> dict[str, dict[str, Result]]:
    """Medians over the rounds, by workload and system. `added_p50_us` is against the direct call of the same round."""
    table: dict[str, dict[str, Result]] = {}
    for workload in dict.fromkeys(result["workload"] for result in results):
        rows = [result for result in results if result["workload"] == workload and "failed" not in result]
        direct = {row["round"]: row["p50_us"] for row in rows if row["system"] == "direct" and "p50_us" in row}
        systems: dict[str, Result] = {}
        for name in dict.fromkeys(row["system"] for row in rows):
            own = [row for row in rows if row["system"] == name]
            systems[name] = {
                what: spread([row[what] for row in own if row.get(what) is not None])
                for what in MEASURED
                if any(row.get(what) is not None for row in own)
            }
            systems[name]["errors"] = sum(row["errors"] for row in own)
            systems[name]["rounds"] = len(own)
            if name != "direct" and direct and "p50_us" in own[0]:
                added = [row["p50_us"] - direct[row["round"]] for row in own if row["round"] in direct]
                systems[name]["added_p50_us"] = spread(added)
        table[workload] = systems
    return table


def ratios(summary: dict[str, dict[str, Result]]) -> dict[str, dict[str, float]]:
    """How many times a peer's throughput Ecotone has, and how many times Ecotone's added latency a peer has."""
    found: dict[str, dict[str, float]] = {}
    for workload, systems in summary.items():
        ours = systems.get("ecotone")
        for peer in PEERS:
            theirs = systems.get(peer)
            if not ours or not theirs:
                continue
            entry = found.setdefault(f"{workload}, against {peer}", {})
            for what, larger_is_better in (("rps", True), ("events_per_s", True), ("added_p50_us", False)):
                mine, other = ours.get(what), theirs.get(what)
                if mine and other and mine["median"] > 0 and other["median"] > 0:
                    ratio = mine["median"] / other["median"]
                    entry[what] = round(ratio if larger_is_better else 1 / ratio, 1)
    return found


def starved(results: Sequence[Result]) -> list[str]:
    """Measurements under many connections in which a system did not get its core: other work, or too slow a load."""
    return [
        f"{row['system']}, {row['workload']}, round {row['round'] + 1}: {row['core_share']:.2f} of its core"
        for row in results
        if not row["workload"].endswith("c=1") and row.get("core_share", 1) < FULL_SHARE
    ]


def embedded_ratios(raw: dict[str, dict[str, list[float]]]) -> dict[str, Result]:
    """Tokens a second of both sides, and gateway / engine alone: within each repeat, and of the best repeats.

    The engine's threads wait for one another, so anything else that runs can slow a repeat tenfold, and never speeds
    one up: on a busy machine the best repeats say more than the median.
    """
    found: dict[str, Result] = {}
    for concurrency, sides in raw.items():
        alone, through = sides["engine alone"], sides["through Ecotone"]
        pairs = [ours / bare for ours, bare in zip(through, alone, strict=True)]
        found[concurrency] = {
            "engine alone": spread(alone),
            "through Ecotone": spread(through),
            "ratio": spread(pairs),
            "ratio_of_best": round(max(through) / max(alone), 3),
        }
    return found


def shown(value: dict[str, float] | None, scale: float = 1, digits: int = 0) -> str:
    if value is None:
        return "-"
    middle, least, most = (f"{value[key] * scale:,.{digits}f}" for key in ("median", "min", "max"))
    return middle if least == most else f"{middle} ({least}..{most})"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        numbers = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        lines.append("  ".join([row[0].ljust(widths[0]), *numbers]))
    return lines


def request_row(name: str, row: Result) -> tuple[str, ...]:
    return (
        name,
        shown(row.get("p50_us"), 1e-3, 2),
        shown(row.get("p99_us"), 1e-3, 2),
        shown(row.get("rps")),
        shown(row.get("added_p50_us"), 1e-3, 2),
        shown(row.get("cpu_us")),
        shown(row.get("core_share"), 1, 2),
        str(row["errors"]),
        shown(row.get("resident_mib")),
    )


def stream_row(name: str, row: Result) -> tuple[str, ...]:
    return (
        name,
        shown(row.get("events_per_s")),
        shown(row.get("first_event_p50_us"), 1e-3, 2),
        shown(row.get("cpu_us"), 1, 2),
        shown(row.get("core_share"), 1, 2),
        str(row["errors"]),
        shown(row.get("resident_mib")),
    )


def text(report: Result) -> str:
    """The whole report for people: medians with their least and most."""
    lines: list[str] = []
    for workload, systems in report["summary"].items():
        streams = any("events_per_s" in row for row in systems.values())
        rows = [(stream_row if streams else request_row)(name, row) for name, row in systems.items()]
        lines += [workload, *(f"  {line}" for line in aligned([STREAM_COLUMNS if streams else COLUMNS, *rows])), ""]
    words = {"rps": "times its req/s", "events_per_s": "times its events/s", "added_p50_us": "times less latency added"}
    for what, entry in report["ratios"].items():
        lines.append(f"Ecotone, {what}: " + ", ".join(f"{ratio:,.1f} {words[name]}" for name, ratio in entry.items()))
    for concurrency, entry in report.get("embedded", {}).items():
        alone, through = shown(entry["engine alone"], 1, 1), shown(entry["through Ecotone"], 1, 1)
        ratio = shown(entry["ratio"], 1, 3)
        lines.append(f"embedded, {concurrency}: engine alone {alone}, through Ecotone {through} tokens/s")
        lines.append(f"  ratio {ratio}, of the best repeats {entry['ratio_of_best']}")
    lines += [f"{name}: {note}" for name, note in report["notes"].items()]
    if report["starved"]:
        lines.append(f"NOT SATURATED in {len(report['starved'])} measurements: trust CPU us more than req/s there")
    lines += [f"MISSING {name}: {reason}" for name, reason in report["missing"].items()]
    lines += [f"FAILED {failure}" for failure in report["failures"]]
    return "\n".join(lines)
