"""A run in the terminal: what it would take, what it came to."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

import msgspec

from ecotone.cli.output import out, print_json, print_table, say, visible
from ecotone.evaluation.cases import Suite
from ecotone.evaluation.estimate import Estimate, smallest_difference, total_seconds
from ecotone.evaluation.results import Comparison, Measured, Summary
from ecotone.evaluation.runs import Run
from ecotone.evaluation.wording import between, dollars, in_words, seconds, share

# --- before


def print_estimate(run: Run, suites: Mapping[str, Suite], rows: Sequence[Estimate], *, as_json: bool) -> None:
    """What `--dry-run` says."""
    smallest = {name: smallest_difference(len(suite.cases)) for name, suite in suites.items()}
    if as_json:
        print_json(
            {
                "models": [model.name for model in run.models],
                "suites": [msgspec.to_builtins(suite) for suite in run.suites],
                "estimates": [msgspec.to_builtins(row, builtin_types=(Decimal,), enc_hook=str) for row in rows],
                "seconds": total_seconds(run, rows),
                "smallest_difference": smallest,
            }
        )
        return
    print_table(
        ("MODEL", "SUITE", "CASES", "KEPT", "TOKENS IN", "TOKENS OUT", "COST", "TIME", "SHOWS FROM"),
        [
            (
                row.model,
                row.suite,
                f"{row.cases:,}",
                f"{row.kept:,}" if row.kept else "",
                f"about {row.input_tokens:,}",
                f"about {row.output_tokens:,}"
                if row.output_tokens is not None
                else f"at most {row.output_tokens_max:,}",
                _cost(row),
                seconds(row.seconds) if row.seconds is not None else "unknown",
                "nothing" if (least := smallest[row.suite]) is None else f"{100 * least:.0f} points",
            )
            for row in rows
        ],
    )
    say_estimate(run, rows, done=0)
    say("KEPT cases were answered in an earlier run and are not asked again (--fresh asks them)")
    say("SHOWS FROM: the smallest true difference between two models that so many cases show four times in five")


def _outputs(row: Estimate) -> str:
    return f"at most {row.output_tokens_max:,}" if row.output_tokens is None else f"about {row.output_tokens:,}"


def _cost(row: Estimate) -> str:
    if row.own_machine:
        return "own machine"
    if row.cost_usd_max is None:
        return "no price known"
    if row.cost_usd is not None:
        return f"{dollars(row.cost_usd)}, at most {dollars(row.cost_usd_max)}"
    return f"at most {dollars(row.cost_usd_max)}"


def say_estimate(run: Run, rows: Sequence[Estimate], *, done: int) -> None:
    """The same in two lines, before a run begins. `done` results are there already."""
    cases = sum(row.cases for row in rows)
    kept = sum(row.kept for row in rows)
    names = ", ".join(model.name for model in run.models)
    named = "1 suite" if len(run.suites) == 1 else f"{len(run.suites)} suites"
    parts = [f"{cases:,} cases ({named}, {names})"]
    if done:
        parts.append(f"{done:,} of them done")
    if kept > done:
        parts.append(f"{kept - done:,} answered before")
    time = total_seconds(run, rows)
    parts.append("time unknown" if time is None else f"about {seconds(time)}")
    costs = [row.cost_usd_max for row in rows if not row.own_machine]
    known = [cost for cost in costs if cost is not None]
    if costs:
        parts.append(f"at most {dollars(sum(known, Decimal(0)))}" if len(known) == len(costs) else "cost unknown")
    say("; ".join(parts))
    for model in run.models:
        if not model.certain:
            say(
                f"{model.name} has no sha256 in the config, so nobody can tell later which weights it had, and its"
                " answers are not kept for other runs; `sha256sum FILE` tells what to write there"
            )


# --- after


def print_summary(run: Run, summary: Summary) -> None:
    """Scores, times, costs, and in words which differences are real."""
    rows = [row for model in run.models for row in _rows_of(model.name, summary)]
    print_table(
        ("MODEL", "SUITE", "CASES", "SCORE", "95 %", "NO ANSWER", "CUT", "FIRST TOKEN", "TOKENS/S", "COST"),
        [_cells(row) for row in rows],
    )
    print_words(summary.comparisons)
    for row in summary.overall:
        if row.failures:
            kinds = ", ".join(f"{kind} {count}" for kind, count in row.failures.items())
            say(f"{row.model} gave no answer to {row.failed} cases ({kinds}); they are not counted as wrong")
    for suite, agreement in run.agreement.items():
        kappa = "" if agreement.kappa is None else f", kappa {agreement.kappa:.2f}"
        say(f"on {suite} the judge agrees with people in {share(agreement.same)} of {agreement.n} verdicts{kappa}")
    say(f"run {run.id}; more with: ecotone eval show {run.id} --wrong, ecotone eval report {run.id}")


def print_words(comparisons: Sequence[Comparison]) -> None:
    """Which differences are more than chance; a sentence for each pair of models."""
    if comparisons:
        out.print()
    for (a, b), rows in groupby(comparisons, key=lambda found: (found.a, found.b)):
        out.out(visible(in_words(a, b, list(rows))), highlight=False)
    if comparisons:
        say("in brackets: 95 % intervals, in points")


def _rows_of(model: str, summary: Summary) -> list[Measured]:
    own = [row for row in summary.measured if row.model == model]
    return [*own, summary.of(model, None)] if len(own) > 1 else own


def _cells(row: Measured) -> tuple[str, ...]:
    return (
        row.model,
        row.suite or "all, equally",
        f"{row.scored:,}" if not row.missing else f"{row.scored:,} of {row.cases:,}",
        share(row.score),
        between(row.interval),
        str(row.failed + row.unscored or ""),
        str(row.truncated or ""),
        seconds(row.first_token_p50_s),
        "?" if row.tokens_per_s is None else f"{row.tokens_per_s:.0f}",
        dollars(row.cost_usd, own_machine=row.own_machine),
    )


def summary_data(run: Run, summary: Summary) -> dict[str, Any]:
    """What `--json` prints of a run."""
    return {
        "run": msgspec.to_builtins(run, enc_hook=str),
        "summary": msgspec.to_builtins(summary, enc_hook=str),
    }
