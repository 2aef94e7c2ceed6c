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
from ecotone.evaluation.advice.question import Criterion
from ecotone.evaluation.advice.ranking import CRITERIA
from ecotone.evaluation.advice.sensitivity import Flip

MARK = {"open": "●", "closed": "○"}
_SHOWN = 10
_EXPLAINED = 3
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
        *(Section(f"{number}. {_named(row.ranked.option)}", tuple(_explained(row, advice)))
          for number, row in enumerate(advice.placed[:_EXPLAINED], 1)),
        Section("API or own hardware", tuple(_break_evens(advice))),
        Section("What would change the answer", tuple(_sensitivity(advice))),
        Section("What is not ranked, and why", tuple(_outs(advice))),
        Section("What it rests on", tuple(_basis(advice))),
    ]  # fmt: skip
    if drawn:
        sections.insert(2, Section("Pictures", tuple(pictures(advice))))
    return Document(advice.question.title, tuple(section for section in sections if section.parts))


def _named(option: Option) -> str:
    return f"{option.name} at {option.place}" if option.machine is None else f"{option.name} on {option.place}"


def quality_in_words(quality: Quality) -> str:
    """With its interval and, for public evidence, its unit."""
    if quality.measured:
        return f"{100 * quality.value:.0f} % right ({100 * quality.low:.0f} to {100 * quality.high:.0f})"
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
    nearest = [_flip_in_words(flip, advice) for flip in advice.flips[:1]]
    if nearest:
        yield Text(f"What would flip it soonest: {nearest[0]}.")


def _in_a_line(row: Placed) -> str:
    option = row.ranked.option
    duties = len(row.standing.verdict.duties)
    kept = f", with {duties} {'duty' if duties == 1 else 'duties'} to keep" if duties else ""
    return (
        f"{_named(option)} ({option.openness}): {quality_in_words(option.quality)}, ${row.ranked.monthly_usd:,.2f} a"
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
    heads = ("", "MODEL", "", "AT", _quality_head(advice), "USD A MONTH", "PLACES", "TOTAL", "FIRST", "TERMS")
    rows = tuple(_row(place, row) for place, row in sorted(shown, key=lambda pair: pair[0]))
    yield Table(heads, rows, (0, 5, 6, 7, 8))
    weights = advice.question.weights
    said = ", ".join(f"{_criterion(criterion)} {weights.of(criterion)}" for criterion in CRITERIA)
    yield Text(
        f"TOTAL is the mean of the criteria's values, weighed {said}. FIRST: in how many of 100 draws from the"
        " intervals of quality it comes first. PLACES: who could run the same model. ● open weights, ○ closed."
    )
    more = len(advice.placed) - min(_SHOWN, len(advice.placed))
    if more:
        yield Text(f"{more} more are ranked below, and {advice.other_places} dearer places for the same models.")
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


def _criterion(criterion: Criterion) -> str:
    return criterion.replace("_", "-")


def _row(place: int, row: Placed) -> tuple[str, ...]:
    ranked, option = row.ranked, row.ranked.option
    return (
        str(place),
        option.name,
        MARK[option.weights],
        option.place,
        _quality_cell(option.quality),
        f"{ranked.monthly_usd:,.2f}",
        str(option.places),
        f"{ranked.total:.3f}",
        f"{100 * ranked.wins:.0f}",
        _terms_cell(row),
    )


def _quality_head(advice: Advice) -> str:
    return "% RIGHT (95 %)" if advice.question.work.suite else "RATING (95 %)"


def _quality_cell(quality: Quality) -> str:
    factor = 100 if quality.measured else 1
    return f"{factor * quality.value:.0f} ({factor * quality.low:.0f} to {factor * quality.high:.0f})"


def _terms_cell(row: Placed) -> str:
    duties = len(row.standing.verdict.duties)
    return f"{duties} {'duty' if duties == 1 else 'duties'}" if duties else "allowed"


def _explained(row: Placed, advice: Advice) -> Iterator[Part]:
    option, verdict = row.ranked.option, row.standing.verdict
    said = "; ".join(row.reasons)
    yield Text(f"{said[0].upper()}{said[1:]}.")
    yield Text("Cost:")
    yield Items((*row.arithmetic, *_price_source(option)))
    yield Text("The data:")
    yield Items(tuple(_data(option)))
    yield Text(f"Terms: {verdict.status}. {'Licence of the weights' if option.machine else 'The vendor'}:")
    yield Items(tuple(map(_cited, verdict.reasons)) or ("nothing speaks against it",))
    if verdict.duties:
        yield Text("To be done:")
        yield Items(tuple(map(_cited, verdict.duties)))
    yield Text(f"Leaving it: {_leaving(row, advice)}")
    if option.speed is not None:
        wait, rate = option.speed.first_token_ms, option.speed.tokens_per_s
        figures = [f"{wait:.0f} ms to the first token"] if wait is not None else []
        figures += [f"{rate:.0f} tokens/s"] if rate is not None else []
        yield Text(f"Speed, measured here: {', '.join(figures) or 'no figures'}.")


def _price_source(option: Option) -> Iterator[str]:
    if option.offer is not None:
        yield f"price of {option.offer.as_of} from {option.offer.source}"
        if option.offer.disagreement is not None:
            yield option.offer.disagreement


def _data(option: Option) -> Iterator[str]:
    if option.machine is not None:
        yield f"stays on {option.place}"
        return
    terms = vendor_terms(option.place)
    if terms is None:
        yield f"nobody has read the terms of {option.place} for the catalog"
        return
    for name in _DATA_FACTS:
        fact = terms.fact(name)
        yield _cited(Reason(fact.text, fact.citation))


def _leaving(row: Placed, advice: Advice) -> str:
    option = row.ranked.option
    same = option.places - 1
    names = {placed.ranked.option.key: placed.ranked.option.name for placed in advice.placed}
    others = list(dict.fromkeys(names[key] for key in row.equivalents))
    move = (
        f"{same} other {'place' if same == 1 else 'places'} could run the same model: one line of the config, no new"
        " tests of prompts"
        if same
        else "no other place has the same model"
    )
    if not others:
        return f"{move}; no other model in reach is as good within the evidence at up to 1.5 times the cost."
    listed = ", ".join(others[:4]) + (" and more" if len(others) > 4 else "")
    return f"{move}; {len(others)} other models are as good within the evidence at up to 1.5 times the cost ({listed})."


def _cited(reason: Reason) -> str:
    return reason.text if reason.citation is None else f"{reason.text} [{_where(reason.citation)}]"


def _where(citation: Citation) -> str:
    read = "" if citation.read_on is None else f", {citation.read_on}"
    return f"{citation.source}, {citation.section}{read}"


def _break_evens(advice: Advice) -> Iterator[Part]:
    if not advice.question.machines:
        return
    for row in advice.break_evens:
        yield Text(f"{row.own} against {row.vendor}: {_break_even_in_words(row, advice)}")
        yield Items(row.arithmetic)
    if not advice.break_evens:
        yield Text("No own machine stands in the ranking, or no vendor's price is known to hold it against.")


def _break_even_in_words(row: BreakEven, advice: Advice) -> str:
    work = advice.question.work
    today = (
        f"At today's {work.requests_per_month:,} the own machine costs ${row.own_usd:,.2f} a month, the vendor"
        f" ${row.vendor_usd:,.2f}."
    )
    if row.requests is None:
        return f"the vendor is cheaper at any volume. {today}"
    gap = "" if row.requests == row.always_from else ", with gaps where another machine has to be added"
    return f"the own machine is cheaper from {row.requests:,.0f} requests a month on{gap}. {today}"


def _flip_in_words(flip: Flip, advice: Advice) -> str:
    unit = f" {flip.unit}" if flip.unit else ""
    change = f"{flip.assumption} at {flip.then.normalize():,f}{unit} instead of {flip.now.normalize():,f}"
    return f"{change} ({flip.factor.normalize():f} times): {_winner_in_words(flip.winner, advice)}"


def _winner_in_words(key: str | None, advice: Advice) -> str:
    if key is None:
        return "nothing would be left"
    for row in advice.placed:
        if row.ranked.option.key == key:
            return f"{_named(row.ranked.option)} would come first"
    return f"{key} would come first"


def _sensitivity(advice: Advice) -> Iterator[Part]:
    if advice.flips:
        yield Text("Each assumption alone, the nearest value at which another option comes first:")
        yield Items(tuple(_flip_in_words(flip, advice) for flip in advice.flips))
    elif advice.placed:
        yield Text("No single assumption, made up to 86 times larger or smaller, changes the first place.")
    if advice.relaxed:
        yield Text("Without a condition:")
        yield Items(
            tuple(f"{row.condition}: without it, {_winner_in_words(row.winner, advice)}" for row in advice.relaxed)
        )


def _outs(advice: Advice) -> Iterator[Part]:
    if advice.undecided:
        yield Text(f"{len(advice.undecided)} options wait for an answer that no source gives:")
        yield Items(tuple(_counted(advice.undecided)))
    if advice.fallen:
        yield Text(f"{len(advice.fallen)} options break a condition:")
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
        yield f"and {len(counts) - _SHOWN} rarer reasons"


def _basis(advice: Advice) -> Iterator[Part]:
    qualities = {(row.ranked.option.quality.source, row.ranked.option.quality.as_of) for row in advice.placed}
    prices = {(offer.source, offer.as_of) for row in advice.placed if (offer := row.ranked.option.offer) is not None}
    found = [f"quality: {source}, {day}" for source, day in sorted(qualities)]
    found += [f"prices: {source}, {day}" for source, day in sorted(prices)]
    yield Items((*found, f"asked on {advice.today}"))
    for note in advice.notes:
        yield Text(note)
