"""What runs made here say of models, as `advise` uses it: quality on one suite, and speed."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec

from ecotone.catalog.models import find_model, model_facts
from ecotone.evaluation.advice.options import Measurement, Quality, Speed
from ecotone.evaluation.advice.question import OwnMachine
from ecotone.evaluation.answers import Identity
from ecotone.evaluation.results import Measured, summarise
from ecotone.evaluation.runs import Run, RunFolder, RunStore
from ecotone.evaluation.statistics import Interval
from ecotone.values.errors import SetupError


def measurements(store: RunStore, suite: str | None, unread: Callable[[str], None]) -> dict[str, Measurement]:
    """By catalog id, the latest run of each model on `suite`; without a suite, of any, for its speed alone.

    Models that the catalog does not know are left out: give them an id with `catalog` in the config. So are runs that
    cannot be read; `unread` is told which, and why.
    """
    found: dict[str, Measurement] = {}
    for folder in store.runs():
        try:
            found.update(_of_run(folder, suite))
        except SetupError as error:
            unread(f"Run {folder.path.name} is left out: {error.message}.")
    return found


def _of_run(folder: RunFolder, suite: str | None) -> Iterator[tuple[str, Measurement]]:
    run, suites = folder.read(), folder.suites()
    if suite is not None and suite not in suites:
        return
    results = folder.results()
    for model in run.models:
        # One model at a time: comparisons between models take long and are not needed.
        alone = msgspec.structs.replace(run, models=(model,))
        row = summarise(alone, suites, results).of(model.name, suite)
        catalog_id = _catalog_id(model)
        if catalog_id is not None and row.score is not None and row.interval is not None:
            quality = _quality(row, row.score, row.interval, run)
            yield catalog_id, Measurement(catalog_id, quality, _speed(row), _place(model), model.embedded)


def _quality(row: Measured, score: float, interval: Interval, run: Run) -> Quality:
    return Quality(
        score,
        interval.low,
        interval.high,
        measured=True,
        as_of=run.started_at.date(),
        source=f"run {run.id}, {row.suite or 'all its suites'}, as {row.model}",
        cases=row.scored,
    )


def _speed(row: Measured) -> Speed:
    wait = row.first_token_p50_s
    return Speed(None if wait is None else 1000 * wait, row.tokens_per_s)


def _place(model: Identity) -> str | None:
    places = {place.provider if place.hosting == "vendor" else "own" for place in model.endpoints}
    return places.pop() if len(places) == 1 else None


def _catalog_id(model: Identity) -> str | None:
    """The catalog's id of what answered: the owner's word for it, else what its name at the provider says."""
    for place in model.endpoints:
        facts = model_facts(place.catalog) if place.catalog is not None else None
        if facts is None:
            facts = find_model(f"{place.provider}/{place.name}") if place.name is not None else find_model(model.name)
        if facts is not None:
            return facts.id
    return None


def this_machine(found: dict[str, Measurement]) -> OwnMachine | None:
    """The machine that embedded models were measured on, as one at hand: what it gave to one request at a time."""
    speeds = {
        row.model: Decimal(f"{row.speed.tokens_per_s:.1f}")
        for row in found.values()
        if row.embedded and row.speed.tokens_per_s
    }
    return OwnMachine("this machine", speeds, throughput="measured") if speeds else None
