"""The answer as a report: the choice first, then the evidence, the arithmetic and what would change it."""

from collections import Counter
from collections.abc import Iterable, Iterator

from ecotone.catalog.terms import FactName, vendor_terms
from ecotone.catalog.verdicts import Citation, Reason
from ecotone.evaluation.advice.answer import Advice, Out, Placed
from ecotone.evaluation.advice.costs import BreakEven
from ecotone.evaluation.advice.document import Document, Folded, Items, Part, Section, Table, Text
from ecotone.evaluation.advice.options import Option, Quality
from ecotone.evaluation.advice.pictures import pictures
from ecotone.evaluation.advice.question import CRITERIA, LOCK_IN_FACTORS, Criterion, Question
from ecotone.evaluation.advice.sensitivity import Flip, hard_conditions
from ecotone.evaluation.wording import counted_noun

MARK = {"open": "●", "closed": "○"}
_SHOWN = 10
_EXPLAINED = 3
_EQUIVALENTS = 4
_DATA_FACTS: tuple[FactName, ...] = (
    "trains_on_inputs",
    "retention_days",
    "zero_retention",
    "residency",
    "human_review",
)


def report(advice: Advice, *, drawn: bool = True) -> Document:
    """All that there is to say; with `drawn`, pictures too."""
    sections = [
        Section("Answer", tuple(_answer(advice))),
        Section("Ranking", tuple(_ranking(advice))),
        *(Section(f"{number}. {named(row.ranked.option)}", tuple(explained(row, advice)))
          for number, row in enumerate(advice.placed[:_EXPLAINED], 1)),
        Section("API or own hardware", tuple(_break_evens(advice))),
        Section("What would change the answer", tuple(_sensitivity(advice))),
        Section("What is not ranked, and why", tuple(_outs(advice))),
        Section("What it rests on", tuple(_basis(advice))),
    ]  # fmt: skip
    if drawn:
        sections.insert(2, Section("Pictures", tuple(pictures(advice))))
    return Document(advice.question.title, tuple(section for section in sections if section.parts))


def named(option: Option) -> str:
    return f"{option.name} at {option.place}" if option.machine is None else f"{option.name} on {option.place}"


def quality_in_words(quality: Quality) -> str:
    """With its interval and, for public evidence, its unit."""
    if quality.measured:
        cases = "" if quality.cases is None else f" on {counted_noun(quality.cases, 'case', 'cases')}"
        return f"{100 * quality.value:.0f} % right ({100 * quality.low:.0f} to {100 * quality.high:.0f}){cases}"
    return f"{quality.value:.0f} points ({quality.low:.0f} to {quality.high:.0f})"


def _answer(advice: Advice) -> Iterator[Part]:
    work = advice.question.work
    what = f"the cases of suite {work.suite}" if work.suite else f"{work.category} work"
    asked = (
        f"{work.requests_per_month:,} requests a month of {what}, {work.input_tokens:,} tokens in and"
        f" {work.output_tokens:,} out"
    )
    if not advice.placed:
        yield Text(f"For {asked}: nothing is left. Every option breaks a condition or waits for an answer; see below.")
        yield from _conditions(advice)
        return
    first = advice.placed[0]
    yield Text(f"For {asked}: {_in_a_line(first)}")
    for weights in ("open", "closed"):
        best = next((row for row in advice.placed if row.ranked.option.weights == weights), None)
        if best is None:
            yield Text(f"No {weights} option is left.")
        elif best is not first:
            yield Text(f"The best {weights} one: {_in_a_line(best)}")
    if len(advice.placed) > 1:
        share = 100 * first.ranked.wins
        yield Text(f"In {share:.0f} of 100 draws from the intervals of the evidence the first one stays first.")
    nearest = [flip_in_words(flip, advice) for flip in advice.flips[:1]]
    if nearest:
        yield Text(f"What would flip it soonest: {nearest[0]}.")
    yield from _conditions(advice)


def _conditions(advice: Advice) -> Iterator[Part]:
    data = advice.question.privacy.data_class
    if data is not None:
        yield Text(f"Data: {data}.")
    demanded = hard_conditions(advice.question)
    if demanded:
        yield Text(f"Hard conditions: {'; '.join(demanded)}.")


def _in_a_line(row: Placed) -> str:
    option = row.ranked.option
    duties = len(row.standing.verdict.duties)
    kept = f", with {counted_noun(duties, 'duty', 'duties')} to keep" if duties else ""
    return (
        f"{named(option)} ({option.openness or 'open weights, licence unknown'}):"
        f" {quality_in_words(option.quality)}, ${row.ranked.monthly_usd:,.2f} a"
        f" month{kept}."
    )


def _ranking(advice: Advice) -> Iterator[Part]:
    shown = [*enumerate(advice.placed[:_SHOWN], 1)]
    for kind in ("open", "closed"):
        best = next(
            ((place, row) for place, row in enumerate(advice.placed, 1) if row.ranked.option.weights == kind), None
        )
        if best is not None and best[0] > _SHOWN:
            shown.append(best)
    timed = any(row.ranked.option.speed is not None for row in advice.placed)
    heads = ("", "MODEL", "AT", _quality_head(advice), "USD/MONTH", "TOTAL", "FIRST", "PLACES", "TERMS")
    rows = tuple(_row(place, row, timed=timed) for place, row in sorted(shown, key=lambda pair: pair[0]))
    yield Table((*heads, *(("FIRST TOKEN", "TOKENS/S") if timed else ())), rows, (0, 4, 5, 6, 7, 9, 10), (6, 7))
    yield Text(f"TOTAL is the weighted mean of the criteria: {_weights_in_words(advice.question)}.")
    yield Text(
        "FIRST: in how many of 100 draws from the intervals of quality it comes first. PLACES: who could run the same"
        f" model. {MARK['open']} open weights, {MARK['closed']} closed."
    )
    more = len(advice.placed) - min(_SHOWN, len(advice.placed))
    below = [counted_noun(more, "more is", "more are") + " ranked below"] if more else []
    dearer = counted_noun(advice.other_places, "dearer place", "dearer places")
    below += [f"{dearer} for the same models left out"] if advice.other_places else []
    if below:
        yield Text(f"{', '.join(below)}.")
    yield Folded(
        "The whole ranking, with each criterion's value",
        (
            Table(
                ("", "OPTION", _quality_head(advice), "USD A MONTH", *map(_criterion, CRITERIA), "TOTAL", "RANGE"),
                tuple(
                    (
                        str(place),
                        row.ranked.option.key,
                        _quality_cell(row.ranked.option.quality),
                        f"{row.ranked.monthly_usd:,.2f}",
                        *(f"{row.ranked.values[criterion]:.3f}" for criterion in CRITERIA),
                        f"{row.ranked.total:.3f}",
                        f"{row.ranked.low:.3f} to {row.ranked.high:.3f}",
                    )
                    for place, row in enumerate(advice.placed, 1)
                ),
                (0, 3, 4, 5, 6, 7, 8),
            ),
        ),
    )


def _weights_in_words(question: Question) -> str:
    said = ", ".join(
        f"{_criterion(criterion)} {question.counted.of(criterion).normalize():f}" for criterion in CRITERIA
    )
    if question.work.switching == "normal":
        return said
    factor = LOCK_IN_FACTORS[question.work.switching]
    return f"{said} (lock-in {factor} times as stated, as a later switch is {question.work.switching})"


def _criterion(criterion: Criterion) -> str:
    return criterion.replace("_", "-")


def _row(place: int, row: Placed, *, timed: bool) -> tuple[str, ...]:
    ranked, option = row.ranked, row.ranked.option
    wait, rate = (None, None) if option.speed is None else (option.speed.first_token_ms, option.speed.tokens_per_s)
    speeds = (_figure(wait, " ms"), _figure(rate)) if timed else ()
    return (
        str(place),
        f"{MARK[option.weights]} {option.name}",
        option.place,
        _quality_cell(option.quality),
        f"{ranked.monthly_usd:,.2f}",
        f"{ranked.total:.3f}",
        f"{100 * ranked.wins:.0f}",
        str(option.places),
        terms_in_words(row),
        *speeds,
    )


def _figure(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:,.0f}{unit}"


def _quality_head(advice: Advice) -> str:
    return "% RIGHT (95 %)" if advice.question.work.suite else "RATING (95 %)"


def _quality_cell(quality: Quality) -> str:
    factor = 100 if quality.measured else 1
    return f"{factor * quality.value:.0f} ({factor * quality.low:.0f}–{factor * quality.high:.0f})"


def terms_in_words(row: Placed) -> str:
    duties = len(row.standing.verdict.duties)
    return counted_noun(duties, "duty", "duties") if duties else "allowed"


def explained(row: Placed, advice: Advice) -> Iterator[Part]:
    option, verdict = row.ranked.option, row.standing.verdict
    said = "; ".join(row.reasons)
    yield Text(f"{said[0].upper()}{said[1:]}.")
    quality = option.quality
    licence = f", {option.facts.licence}" if option.facts.licence is not None else ""
    yield Text(
        f"Quality: {quality_in_words(quality)}; {quality.source}, {quality.as_of}. Weights: {option.weights}{licence}."
    )
    yield Text("Cost:")
    yield Items((*row.arithmetic, *_price_source(option)))
    yield Text("The data:")
    yield Items(tuple(_data(option)))
    yield Text(f"Terms: {verdict.status}. {'Licence of the weights' if option.machine else 'The vendor'}:")
    yield Items(tuple(map(_cited, verdict.reasons)) or ("nothing speaks against it",))
    if verdict.duties:
        yield Text("To be done:")
        yield Items(tuple(map(_cited, verdict.duties)))
    yield Text("Leaving it:")
    yield Items(tuple(_leaving(row, advice)))
    yield Text(f"Speed: {_speed_in_words(option)}.")


def _speed_in_words(option: Option) -> str:
    wait, rate = (None, None) if option.speed is None else (option.speed.first_token_ms, option.speed.tokens_per_s)
    figures = [f"{wait:,.0f} ms to the first token"] if wait is not None else []
    figures += [f"{rate:,.0f} tokens/s of one answer"] if rate is not None else []
    if figures:
        return f"{', '.join(figures)}, measured here"
    return "not measured at this place; `ecotone eval run` or `ecotone compare` does"


def _price_source(option: Option) -> Iterator[str]:
    if option.offer is not None:
        yield f"price of {option.offer.as_of} from {option.offer.source}"
        if option.offer.disagreement is not None:
            yield option.offer.disagreement


def _data(option: Option) -> Iterator[str]:
    if option.machine is not None:
        rented = option.machine.rent_per_hour is not None
        whose = "; it is rented, so read the terms of whoever it belongs to" if rented else ""
        yield f"stays on {option.place}{whose}"
        return
    terms = vendor_terms(option.place)
    if terms is None:
        yield f"nobody has read the terms of {option.place} for the catalog"
        return
    for name in _DATA_FACTS:
        fact = terms.fact(name)
        yield _cited(Reason(fact.text, fact.citation))


def _leaving(row: Placed, advice: Advice) -> Iterator[str]:
    option = row.ranked.option
    same = option.places - 1
    if same:
        here = f"under these conditions {', '.join(row.elsewhere)}" if row.elsewhere else "none under these conditions"
        known = counted_noun(same, "other place runs or could run", "other places run or could run")
        yield f"{known} the same model, {here}: a change of one line in the config"
    else:
        yield "no other place has the same model: leaving means another model, and testing the prompts again"
    others = {
        other.ranked.option.key: f"{named(other.ranked.option)}, ${other.ranked.monthly_usd:,.2f} a month"
        for other in advice.placed
        if other.ranked.option.key in row.equivalents
    }
    listed = "; ".join([*others.values()][:_EQUIVALENTS]) + ("; and more" if len(others) > _EQUIVALENTS else "")
    if others:
        yield f"as good within the evidence at up to 1.5 times the cost: {listed}"
    else:
        yield "no other model that is ranked is as good within the evidence at up to 1.5 times the cost"
    machine = option.machine
    if machine is not None and machine.price is not None:
        yield f"${machine.price:,.2f} a machine are spent, and spread over {machine.lifetime_months} months here"
    notice = None if machine is not None else vendor_terms(option.place)
    if notice is not None:
        fact = notice.fact("deprecation_days")
        yield f"notice before a model goes: {_cited(Reason(fact.text, fact.citation))}"


def _cited(reason: Reason) -> str:
    return reason.text if reason.citation is None else f"{reason.text} [{_where(reason.citation)}]"


def _where(citation: Citation) -> str:
    read = "" if citation.read_on is None else f", {citation.read_on}"
    return f"{citation.source}, {citation.section}{read}"


def _break_evens(advice: Advice) -> Iterator[Part]:
    if not advice.question.machines:
        return
    options = _options(advice)
    for row in advice.break_evens:
        own, vendor = options[row.own], options[row.vendor]
        other = (
            ""
            if own.model == vendor.model
            else f" (another model: {quality_in_words(vendor.quality)} against {quality_in_words(own.quality)})"
        )
        yield Text(f"{named(own)} against {named(vendor)}{other}: {break_even_in_words(row, advice)}")
        yield Items(row.arithmetic)
    if not advice.break_evens:
        yield Text("No own machine stands in the ranking, or no vendor's price is known to hold it against.")


def _options(advice: Advice) -> dict[str, Option]:
    """Every option by its key, except dearer places of what is ranked."""
    outs = (out.option for out in (*advice.undecided, *advice.fallen))
    return {option.key: option for option in (*(row.ranked.option for row in advice.placed), *outs)}


def break_even_in_words(row: BreakEven, advice: Advice) -> str:
    work = advice.question.work
    today = (
        f"At today's {work.requests_per_month:,} the own machine costs ${row.own_usd:,.2f} a month, the vendor"
        f" ${row.vendor_usd:,.2f}."
    )
    if row.requests is None:
        return f"the vendor is cheaper at any volume. {today}"
    gap = "" if row.requests == row.always_from else ", with gaps where another machine has to be added"
    return f"the own machine is cheaper from {row.requests:,.0f} requests a month on{gap}. {today}"


def flip_in_words(flip: Flip, advice: Advice) -> str:
    unit = f" {flip.unit}" if flip.unit else ""
    change = f"{flip.assumption} at {flip.then:,f}{unit} instead of {flip.now.normalize():,f}"
    times = "" if flip.now == 1 else f" ({flip.factor.normalize():f} times)"
    out = f"; the first one falls out: {'; '.join(flip.because)}" if flip.because else ""
    return f"{change}{times}: {winner_in_words(flip.winner, advice)}{out}"


def winner_in_words(key: str | None, advice: Advice) -> str:
    if key is None:
        return "nothing would be left"
    option = _options(advice).get(key)
    return f"{key if option is None else named(option)} would come first"


def _sensitivity(advice: Advice) -> Iterator[Part]:
    if advice.flips:
        yield Text("Each assumption alone, the nearest value at which another option comes first:")
        yield Items(tuple(flip_in_words(flip, advice) for flip in advice.flips))
        if advice.question.machines:
            yield Text(
                "The speeds of own machines are for prompts and answers of the stated lengths and are not changed with"
                " them; longer prompts make machines slower."
            )
    elif advice.placed:
        yield Text("No single assumption, made up to 86 times larger or smaller, changes the first place.")
    if advice.relaxed:
        yield Text("Without a condition:")
        yield Items(
            tuple(f"{row.condition}: without it, {winner_in_words(row.winner, advice)}" for row in advice.relaxed)
        )


def _outs(advice: Advice) -> Iterator[Part]:
    if advice.undecided:
        waiting = counted_noun(len(advice.undecided), "option waits", "options wait")
        yield Text(f"{waiting} for an answer that no source gives:")
        yield Items(tuple(_counted(advice.undecided)))
    if advice.fallen:
        broken = counted_noun(len(advice.fallen), "option breaks", "options break")
        yield Text(f"{broken} a condition:")
        yield Items(tuple(_counted(advice.fallen)))
    for title, outs in (("Every option that waits", advice.undecided), ("Every option that fell out", advice.fallen)):
        if outs:
            rows = tuple((out.option.key, "; ".join(map(_cited, out.reasons))) for out in outs)
            yield Folded(title, (Table(("OPTION", "WHY"), rows),))


def _counted(outs: Iterable[Out]) -> Iterator[str]:
    """Reasons, the commonest first, with how many options each keeps out and one of them."""
    counts: Counter[str] = Counter()
    example: dict[str, str] = {}
    for out in outs:
        for words in dict.fromkeys(reason.text for reason in out.reasons):
            counts[words] += 1
            example.setdefault(words, out.option.key)
    for words, count in counts.most_common(_SHOWN):
        yield f"{count}: {words} ({'such as ' if count > 1 else ''}{example[words]})"
    if len(counts) > _SHOWN:
        yield f"and {counted_noun(len(counts) - _SHOWN, 'rarer reason', 'rarer reasons')}"


def _basis(advice: Advice) -> Iterator[Part]:
    qualities = {(row.ranked.option.quality.source, row.ranked.option.quality.as_of) for row in advice.placed}
    prices = {(offer.source, offer.as_of) for row in advice.placed if (offer := row.ranked.option.offer) is not None}
    found = [f"quality: {source}, {day}" for source, day in sorted(qualities)]
    found += [f"prices: {source}, {day}" for source, day in sorted(prices)]
    yield Items((*found, f"asked on {advice.today}"))
    for note in advice.notes:
        yield Text(note)
