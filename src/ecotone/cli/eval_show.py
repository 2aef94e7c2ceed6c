"""`ecotone eval`: runs that were made, their cases, differences between them, and reports."""

import os
from pathlib import Path
from typing import Any

import msgspec

from ecotone.cli.eval_tables import print_summary, print_words, summary_data
from ecotone.cli.output import check_sure, out, print_json, print_table, say, visible
from ecotone.evaluation.cases import Case, Suite, words_of
from ecotone.evaluation.differences import difference
from ecotone.evaluation.results import in_order, summarise
from ecotone.evaluation.runs import CaseResult, Run, RunFolder, RunStore
from ecotone.evaluation.wording import between, seconds, share
from ecotone.gateway.settings.paths import find_home
from ecotone.values.errors import SetupError


def _store() -> RunStore:
    return RunStore(find_home(os.environ).evaluations)


def list_runs(as_json: bool) -> None:
    """List runs, the latest last."""
    rows = [(run, _counts(run, folder)) for folder in _store().runs() for run in (folder.read(),)]
    if as_json:
        print_json(
            {
                "runs": [
                    {
                        "id": run.id,
                        "started_at": run.started_at,
                        "finished_at": run.finished_at,
                        "who": run.who,
                        "models": [model.name for model in run.models],
                        "suites": [suite.name for suite in run.suites],
                        "cases": cases,
                        "results": results,
                    }
                    for run, (cases, results) in rows
                ]
            }
        )
        return
    print_table(
        ("RUN", "STARTED (UTC)", "MODELS", "SUITES", "RESULTS", "STATE"),
        [
            (
                run.id,
                f"{run.started_at:%Y-%m-%d %H:%M}",
                ", ".join(model.name for model in run.models),
                ", ".join(suite.name for suite in run.suites),
                f"{results:,} of {cases:,}",
                "finished" if run.finished_at is not None else "not finished",
            )
            for run, (cases, results) in rows
        ],
    )
    if not rows:
        say("there are no runs yet; make one with `ecotone eval run`")


def _counts(run: Run, folder: RunFolder) -> tuple[int, int]:
    return len(run.models) * sum(len(suite.cases) for suite in run.suites), len(folder.results())


# --- one run


def show(text: str, *, case: str | None, failed: bool, wrong: bool, as_json: bool) -> None:
    """A run's summary, or those of its cases that are asked for."""
    folder = _store().find(text)
    run, suites_, results = folder.read(), folder.suites(), folder.results()
    if case is None and not failed and not wrong:
        summary = summarise(run, suites_, results)
        if as_json:
            print_json(summary_data(run, summary))
        else:
            print_summary(run, summary)
        return
    chosen = [
        (suites_[result.suite], found, result)
        for found, result in in_order(run, suites_, results)
        if (case is None or found.id == case)
        and (not failed or result.score is None)
        and (not wrong or (result.score is not None and result.score < 1))
    ]
    if case is not None and not chosen:
        raise SetupError(
            f"run {run.id} has no such result of a case {case!r}; `ecotone eval show {run.id} --json --wrong` lists ids"
        )
    if as_json:
        print_json({"run": run.id, "cases": [_case_data(*found) for found in chosen]})
        return
    for found in chosen:
        _print_case(*found)
    say(f"{len(chosen):,} cases of run {run.id}")


def _case_data(suite: Suite, case: Case, result: CaseResult) -> dict[str, Any]:
    return {
        "case": msgspec.to_builtins(case),
        "system": suite.system,
        "result": msgspec.to_builtins(result, enc_hook=str),
    }


def _print_case(suite: Suite, case: Case, result: CaseResult) -> None:
    answer = result.answer
    score = "no score" if result.score is None else share(result.score)
    head = f"{result.suite} / {result.case}, {result.model}: {score}"
    out.print(visible(head), style="bold", markup=False)
    if suite.system:
        _field("system", suite.system)
    for message in case.messages:
        _field("prompt" if message.role == "user" else message.role, words_of(message))
    if answer is not None:
        if answer.reasoning:
            _field("thought", answer.reasoning)
        _field("reply", answer.reply or "(nothing)")
    if case.reference is not None:
        reference = case.reference
        _field("reference", reference if isinstance(reference, str) else msgspec.json.encode(reference).decode())
    if result.why:
        _field("why", result.why)
    if result.failure is not None:
        _field("failed" if answer is None else "no score", f"{result.failure.kind}: {result.failure.message}")
    if answer is not None:
        cut = ", cut off at the limit of tokens" if result.outcome == "truncated" else ""
        kept = f", answered in run {result.cached_from}" if result.cached_from else ""
        tokens = (
            "?" if answer.usage is None or answer.usage.output_tokens is None else f"{answer.usage.output_tokens:,}"
        )
        _field("took", f"{seconds(answer.total_s)}, {tokens} tokens out{cut}{kept}")
    out.print()


def _field(name: str, text: str) -> None:
    first, *more = visible(text).splitlines() or [""]
    out.out(f"  {name + ':':<10} {first}", highlight=False)
    for line in more:
        out.out(f"  {'':<10} {line}", highlight=False)


def delete(text: str, *, sure: bool) -> None:
    """Delete a run, once the person is sure."""
    store = _store()
    folder = store.find(text)
    run = folder.path.name
    check_sure(
        f"Delete run {run} with its prompts, replies and scores, and the answers that later runs would have taken from"
        " it? This cannot be undone.",
        sure=sure,
    )
    store.delete(folder)
    say(f"deleted run {run}")


# --- two runs


def diff(text_a: str, text_b: str, as_json: bool) -> None:
    """Compare runs: each model with itself, or where they have none in common, the one model of each."""
    found = difference(_store().find(text_a), _store().find(text_b))
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    say(f"A is run {found.a}, B is run {found.b}")
    print_table(
        ("A", "B", "SUITE", "CASES", "B BETTER", "A BETTER", "DIFFERENCE", "95 %", "P"),
        [
            (
                row.a,
                row.b,
                row.suite or "all, equally",
                f"{row.n:,}",
                str(row.only_b),
                str(row.only_a),
                f"{100 * row.difference:+.1f}",
                between(row.interval),
                "" if row.p is None else f"{row.p:.3f}",
            )
            for row in found.comparisons
        ],
    )
    print_words(found.comparisons)
    if found.flips:
        out.print()
        print_table(
            ("SUITE", "CASE", "A", "B", "MODEL"),
            [
                (
                    flip.suite,
                    flip.case,
                    share(flip.score_a),
                    share(flip.score_b),
                    flip.model_a if flip.model_a == flip.model_b else f"{flip.model_a}, {flip.model_b}",
                )
                for flip in found.flips
            ],
        )


# --- reports


def report(text: str, file: Path) -> None:
    """Write a run's HTML report."""
    write_report(_store().find(text), file)


def write_report(folder: RunFolder, file: Path) -> None:
    """Raises SetupError if the file cannot be written."""
    from ecotone.evaluation.report import report_of

    page = report_of(folder.read(), folder.suites(), folder.results())
    try:
        file.write_text(page, "utf-8")
    except OSError as error:
        raise SetupError(f"{file} cannot be written: {error.strerror}; name another place") from None
    say(f"wrote {file}")
