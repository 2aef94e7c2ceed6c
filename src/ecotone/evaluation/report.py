"""A run as one HTML page: what it found first, then everything that this rests on, and how to repeat it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import msgspec

from ecotone.evaluation.answers import Identity, known_weights
from ecotone.evaluation.cases import Case, JsonValue, Suite
from ecotone.evaluation.html import (
    Cell,
    Column,
    block,
    code,
    definitions,
    figure,
    folded,
    items,
    note,
    page,
    paragraph,
    section,
    table,
)
from ecotone.evaluation.markup import Markup, joined
from ecotone.evaluation.plots import Axis, Bar, Kind, Point, interval_bars, scatter_with_intervals
from ecotone.evaluation.results import Comparison, Measured, Results, Summary, summarise
from ecotone.evaluation.runs import CaseResult, Run, command_of
from ecotone.evaluation.wording import between, dollars, in_words, on_what, points, seconds, share
from ecotone.values.chat import TextPart

_WRONG_SHOWN_MAX = 3
_TEXT_SHOWN_MAX = 4000
# Beyond so many sentences nobody reads them; the tables below have it all.
_SENTENCES_MAX = 12


def report_of(run: Run, suites: Mapping[str, Suite], results: Results) -> str:
    """The page. The same run gives the same bytes."""
    summary = summarise(run, suites, results)
    names = ", ".join(model.name for model in run.models)
    begun = f"{run.started_at:%Y-%m-%d %H:%M} UTC"
    parts = [
        *_verdict(run, summary),
        *_scores(run, suites, summary),
        *_differences(summary),
        *_times(run, summary),
        *_failures(summary, results),
        *_wrong(run, suites, results),
        _repeat(run, suites, results),
    ]
    total = sum(len(suite.cases) for suite in suites.values())
    return page(
        f"Measured: {names}",
        *parts,
        subtitle=f"{len(suites)} suites, {total:,} cases for each model, {begun}",
        footer=f"Run {run.id}, made with Ecotone {run.software.get('ecotone', '?')}.",
    )


# --- what was found


def _verdict(run: Run, summary: Summary) -> Iterator[Markup]:
    """In words, the clear differences first."""
    if run.finished_at is None:
        left = sum(row.missing for row in summary.measured)
        yield note(
            f"This run is not finished: {left:,} cases are left. What follows is what there is so far.", kind="warning"
        )
    sentences = [in_words(a, b, list(rows)) for (a, b), rows in _pairs(summary)][:_SENTENCES_MAX]
    if not summary.comparisons:
        sentences = [
            f"{row.model} scores {share(row.score)} (95 % interval {between(row.interval)}) on {on_what(row.suite)}."
            for row in (*summary.measured, *summary.overall)
            if row.score is not None and (row.suite is not None or len(run.suites) > 1)
        ][:_SENTENCES_MAX]
    body = [items(sentences)] if sentences else [paragraph("Nothing has been scored yet.")]
    if summary.comparisons:
        body.append(
            paragraph("In brackets: 95 % intervals, in points; where no difference was seen, of the difference.")
        )
    clear = any(row.clear for row in summary.comparisons)
    yield section("What was found", note(*body, kind="good" if clear else "plain"))


def _pairs(summary: Summary) -> Iterator[tuple[tuple[str, str], Iterator[Comparison]]]:
    return groupby(summary.comparisons, key=lambda found: (found.a, found.b))


def _scores(run: Run, suites: Mapping[str, Suite], summary: Summary) -> Iterator[Markup]:
    rows = [summary.of(model.name, suite) for suite in _all_of(run) for model in run.models]
    bars = [
        Bar(
            row.model,
            row.score,
            weights_of(run.identity(row.model)),
            None if row.interval is None else row.interval.low,
            None if row.interval is None else row.interval.high,
            group="All suites, each counting the same" if row.suite is None else _title(suites[row.suite]),
        )
        for row in rows
        if row.score is not None
    ]
    if not bars:
        return
    picture = interval_bars(
        bars,
        title="Scores with 95 % intervals",
        x=Axis("Score", unit="%"),
        source=f"Run {run.id} on this gateway, {run.started_at:%Y-%m-%d}",
    )
    columns = (
        Column("Suite"),
        Column("Model"),
        Column("Cases", numeric=True),
        Column("Score", numeric=True),
        Column("95 % interval", numeric=True),
        Column("No answer", numeric=True),
        Column("Cut off", numeric=True),
        Column("From before", numeric=True),
    )
    cells = [
        (
            row.suite or "all, equally",
            row.model,
            Cell(f"{row.scored:,}" if not row.missing else f"{row.scored:,} of {row.cases:,}", row.scored),
            Cell(share(row.score), row.score),
            Cell(f"{between(row.interval)} %", None if row.interval is None else row.interval.low),
            Cell(str(row.failed + row.unscored or ""), row.failed + row.unscored),
            Cell(str(row.truncated or ""), row.truncated),
            Cell(str(row.cached or ""), row.cached),
        )
        for row in rows
    ]
    explained = (
        "Intervals: Wilson's for right or wrong, its form for graded scores, wider where cases share a source."
        " No answer: counted neither as right nor as wrong. Cut off: the reply met the limit of tokens and was scored"
        " as it was. From before: answered in an earlier run by the same weights, and not asked again."
    )
    yield section("Scores", figure(picture), paragraph(explained), table(columns, cells, sortable=True))


def _all_of(run: Run) -> list[str | None]:
    names: list[str | None] = [suite.name for suite in run.suites]
    return names if len(names) < 2 else [None, *names]


def _title(suite: Suite) -> str:
    return suite.name if suite.title == suite.name else f"{suite.name}: {suite.title}"


def _differences(summary: Summary) -> Iterator[Markup]:
    if not summary.comparisons:
        return
    explained = (
        "On cases that both answered; points above 0 speak for the first. p: the chance of a difference at least this"
        " large if both were equally good (McNemar's exact test; the sign-flip test for graded scores and for cases"
        " that share a source). Many comparisons find something by chance: of twenty without any difference, one has a"
        " p below 0.05."
    )
    tables = [
        section(f"{b} against {a}", table(_columns(a, b), map(_compared, rows), sortable=True), level=3)
        for (a, b), rows in _pairs(summary)
    ]
    yield section("Differences", paragraph(explained), *tables)


def _columns(a: str, b: str) -> tuple[Column, ...]:
    return (
        Column("Suite"),
        Column("Cases", numeric=True),
        Column("Points", numeric=True),
        Column("95 % interval", numeric=True),
        Column("p", numeric=True),
        Column(f"{b} scored more", numeric=True),
        Column(f"{a} scored more", numeric=True),
    )


def _compared(row: Comparison) -> tuple[str | Cell, ...]:
    return (
        row.suite or "all, equally",
        Cell(f"{row.n:,}", row.n),
        Cell(points(row.difference), row.difference),
        Cell(f"{points(row.interval.low)} to {points(row.interval.high)}", row.interval.low),
        Cell("" if row.p is None else _p(row.p), row.p),
        Cell(str(row.only_b), row.only_b),
        Cell(str(row.only_a), row.only_a),
    )


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


# --- time and money


def _times(run: Run, summary: Summary) -> Iterator[Markup]:
    columns = (
        Column("Model"),
        Column("First token", numeric=True),
        Column("95 % within", numeric=True),
        Column("Answer", numeric=True),
        Column("Tokens/s", numeric=True),
        Column("Tokens", numeric=True),
        Column("Cost/case", numeric=True),
        Column("Cost", numeric=True),
    )
    cells = [
        (
            row.model,
            Cell(seconds(row.first_token_p50_s), row.first_token_p50_s),
            Cell(seconds(row.first_token_p95_s), row.first_token_p95_s),
            Cell(seconds(row.total_p50_s), row.total_p50_s),
            Cell("?" if row.tokens_per_s is None else f"{row.tokens_per_s:.0f}", row.tokens_per_s),
            Cell("?" if row.output_tokens is None else f"{row.output_tokens:,}", row.output_tokens),
            _money(row, whole=False),
            _money(row, whole=True),
        )
        for row in summary.overall
    ]
    at_a_time = run.settings.concurrency or 4
    explained = (
        f"Measured through the gateway with up to {at_a_time} requests at a time to each model; answers from earlier"
        " runs have the times of then. First token, answer and tokens/s are medians; tokens/s are output tokens after"
        " the first over the time after it. Costs are list prices in US dollars; an own machine has none by"
        f" the token. This run paid {dollars(summary.spent_usd)}."
    )
    measured = [row for row in summary.overall if row.score is not None and row.total_p50_s is not None]
    pictures = [_speed(run, measured)] if len(measured) > 1 else []
    yield section("Time and cost", *pictures, paragraph(explained), table(columns, cells, sortable=True))


def _money(row: Measured, *, whole: bool) -> Cell:
    value = row.cost_usd if whole else row.cost_per_case_usd
    return Cell(dollars(value, own_machine=row.own_machine), None if value is None else float(value))


def _speed(run: Run, rows: Sequence[Measured]) -> Markup:
    placed = [
        Point(
            row.model,
            row.total_p50_s or 0.0,
            row.score or 0.0,
            weights_of(run.identity(row.model)),
            None if row.interval is None else row.interval.low,
            None if row.interval is None else row.interval.high,
        )
        for row in rows
    ]
    picture = scatter_with_intervals(
        placed,
        title="Score against time",
        x=Axis("Median time of an answer, s"),
        y=Axis("Average score", unit="%"),
        source=f"Run {run.id} on this gateway, {run.started_at:%Y-%m-%d}",
        front=False,
    )
    return figure(picture)


# --- what went wrong


def _failures(summary: Summary, results: Results) -> Iterator[Markup]:
    lacking = [row for row in results.values() if row.failure is not None]
    if not lacking:
        return
    kinds: dict[tuple[str, str, str], list[CaseResult]] = {}
    for row in lacking:
        assert row.failure is not None  # noqa: S101 - chosen so above
        kinds.setdefault((row.model, row.outcome, row.failure.kind), []).append(row)
    columns = (Column("Model"), Column("What"), Column("Kind"), Column("Cases", numeric=True), Column("For example"))
    cells = [
        (
            model,
            "no answer" if outcome == "failed" else "no score",
            code(kind),
            Cell(str(len(rows)), len(rows)),
            rows[0].failure.message if rows[0].failure is not None else "",
        )
        for (model, outcome, kind), rows in kinds.items()
    ]
    yield section(
        "Cases without an answer or a score",
        table(columns, cells, caption="They are counted neither as right nor as wrong."),
    )


def _wrong(run: Run, suites: Mapping[str, Suite], results: Results) -> Iterator[Markup]:
    shown: list[Markup] = []
    for suite in suites.values():
        for model in run.models:
            found = [
                (case, row)
                for case in suite.cases
                if (row := results.get((model.name, suite.name, case.id))) is not None
                and row.score is not None
                and row.score < 1
            ]
            if found:
                cases = [_case(suite, case, row) for case, row in found[:_WRONG_SHOWN_MAX]]
                words = f"{suite.name}, {model.name}: {len(found):,} not right in full"
                if len(found) > _WRONG_SHOWN_MAX:
                    words += f", the first {_WRONG_SHOWN_MAX}"
                shown.append(folded(words, *cases))
    if shown:
        more = joined(["All of them: ", code(f"ecotone eval show {run.id} --wrong")])
        yield section("Some of what was wrong", *shown, paragraph(more))


def _case(suite: Suite, case: Case, row: CaseResult) -> Markup:
    parts: list[Markup] = []
    said = [*([("System", suite.system)] if suite.system else [])]
    for message in case.messages:
        words = "\n".join(part.text for part in message.parts if isinstance(part, TextPart))
        said.append(("Prompt" if message.role == "user" else message.role.capitalize(), words))
    said.append(("Reply", row.answer.reply if row.answer is not None else ""))
    if case.reference is not None:
        said.append(("Reference", _written(case.reference)))
    for name, words in said:
        parts += [paragraph(name), block(_shortened(words) or "(nothing)")]
    why = f"{share(row.score)}: {row.why}" if row.why else share(row.score)
    return section(f"Case {case.id}", *parts, paragraph(why), level=3)


def _written(reference: JsonValue) -> str:
    return reference if isinstance(reference, str) else msgspec.json.encode(reference).decode()


def _shortened(words: str) -> str:
    return words if len(words) <= _TEXT_SHOWN_MAX else f"{words[:_TEXT_SHOWN_MAX]} [...]"


# --- how to repeat it


def _repeat(run: Run, suites: Mapping[str, Suite], results: Results) -> Markup:
    settings = run.settings
    told = [
        ("Run", code(run.id)),
        ("Started", f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC, by {run.who}"),
        ("Finished", "not yet" if run.finished_at is None else f"{run.finished_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Seed", str(settings.seed)),
        ("Temperature", _temperature(run)),
        ("Requests at a time", str(settings.concurrency or 4)),
        ("Time limit of a request", seconds(settings.timeout_s)),
        ("Machine", f"{run.machine.processor}, {run.machine.cores} cores, {run.machine.memory_bytes / 1e9:.1f} GB"),
        ("System", run.machine.system),
        ("Software", ", ".join(f"{name} {version}" for name, version in run.software.items())),
    ]
    if run.judge is not None:
        told.append(("Judge", run.judge.name))
    for suite, agreement in run.agreement.items():
        kappa = "" if agreement.kappa is None else f", kappa {agreement.kappa:.2f}"
        told.append((f"Judge and people on {suite}", f"same in {share(agreement.same)} of {agreement.n}{kappa}"))
    who = [
        (model.name, place.hosting, place.provider, place.name or "", _version(model, results), _digest(place.sha256))
        for model in (*run.models, *filter(None, (run.judge,)))
        for place in model.endpoints
    ]
    heads = ("Model", "Hosting", "Provider", "Name there", "Version told", "SHA-256 of the weights")
    engines = sorted({place.engine for model in run.models for place in model.endpoints if place.engine})
    if engines:
        told.append(("Engine", ", ".join(engines)))
    asked = [
        (
            suite.name,
            Cell(f"{len(suite.cases):,} of {recorded.of:,}", float(len(suite.cases))),
            suite.scorer.kind,
            suite.licence,
            suite.source,
            code(suite.digest[:16]),
        )
        for recorded in run.suites
        for suite in (suites[recorded.name],)
    ]
    suite_heads = (
        Column("Suite"),
        Column("Cases", numeric=True),
        Column("Scored by"),
        Column("Licence"),
        Column("Source"),
        Column("Digest"),
    )
    return section(
        "How to repeat it",
        block(command_of(run) + " --fresh"),
        definitions(told),
        table([Column(head) for head in heads], who, caption="Who answered"),
        table(suite_heads, asked, caption="What was asked"),
    )


def _temperature(run: Run) -> str:
    if run.settings.own_temperature:
        return "the models' own"
    return "as the suites say" if run.settings.temperature is None else f"{run.settings.temperature:g}"


def _version(model: Identity, results: Results) -> str:
    """What the upstream said of itself in its replies: the model's name there, and its fingerprint."""
    told = {
        " ".join(filter(None, (row.answer.upstream_model, row.answer.fingerprint)))
        for row in results.values()
        if row.model == model.name and row.answer is not None
    }
    return ", ".join(sorted(filter(None, told)))


def _digest(sha256: str | None) -> Markup:
    return Markup("") if sha256 is None else code(sha256)


def weights_of(model: Identity) -> Kind:
    """Open or closed; what is unknown counts as closed."""
    return known_weights(model) or "closed"
