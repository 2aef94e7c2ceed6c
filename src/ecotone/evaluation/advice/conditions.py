"""What keeps an option out: hard conditions it breaks, and questions that nobody has answered yet."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache

import msgspec

from ecotone.catalog.licences import Use, licence_facts, licence_verdict
from ecotone.catalog.organisation import Organisation
from ecotone.catalog.terms import DataNeeds, terms_verdict, vendor_terms
from ecotone.catalog.verdicts import Reason, Verdict
from ecotone.evaluation.advice.options import Option
from ecotone.evaluation.advice.question import Question

# A model's id with one of these before it names an inference profile, which routes within that geography or anywhere.
_BEDROCK_PROFILES = frozenset({"global", "us", "eu", "apac", "jp", "au"})


class Standing(msgspec.Struct, frozen=True):
    """An option held against the question. It is out of the ranking if anything is `broken` (hard conditions) or
    `open` (what a condition turns on and nobody knows). `verdict` is that of the licence or of the vendor's terms."""

    option: Option
    verdict: Verdict
    broken: tuple[Reason, ...]
    open: tuple[Reason, ...]

    @property
    def stands(self) -> bool:
        return not self.broken and not self.open


def standing(option: Option, question: Question, monthly: Decimal | None, *, today: date) -> Standing:
    """`monthly` is what it costs in a month, None if that is unknown."""
    verdict = (
        _licence(option, question)
        if option.machine is not None
        else _terms(option.place, question.organisation, _needs(question), today)
    )
    broken = [*_unfit(option, question), *_too_short(option, question), *_too_dear(question, monthly)]
    unanswered = [*_unpriced(option, monthly), *_open(option, question)]
    if verdict.status == "not allowed":
        broken += verdict.reasons
    elif verdict.status == "unknown":
        unanswered += verdict.reasons
    return Standing(option, verdict, tuple(broken), tuple(unanswered))


def stands_at_any_volume(found: Standing, question: Question) -> bool:
    """Whether nothing keeps it out but what more or fewer requests, tokens or dollars could change."""
    return (
        found.verdict.status not in ("not allowed", "unknown")
        and not any(_unfit(found.option, question))
        and not any(_open(found.option, question))
    )


def long_enough(option: Option, question: Question) -> bool:
    """Whether prompts and answers of these lengths fit in."""
    return not any(_too_short(option, question))


def affordable(monthly: Decimal, question: Question) -> bool:
    """Whether so much a month is within the limit."""
    most = question.limits.monthly_usd_max
    return most is None or monthly <= most


def _needs(question: Question) -> DataNeeds:
    privacy = question.privacy
    return DataNeeds(
        regions=privacy.regions,
        retention_days_max=privacy.retention_days_max,
        training_tolerated=privacy.training_allowed,
        hipaa=privacy.baa_needed,
        trains_on_outputs=question.train_on_outputs,
    )


@lru_cache(maxsize=1024)
def _terms(vendor: str, organisation: Organisation, needs: DataNeeds, today: date) -> Verdict:
    terms = vendor_terms(vendor)
    if terms is None:
        return Verdict("unknown", (Reason(f"nobody has read the terms of {vendor} for the catalog"),))
    return terms_verdict(terms, organisation, needs, today)


def _licence(option: Option, question: Question) -> Verdict:
    licence = option.facts.licence
    if licence is None:
        return Verdict("unknown", (Reason("the catalog does not know under which licence the weights are"),))
    facts = licence_facts(licence)
    if facts is None:
        return Verdict("unknown", (Reason(f"nobody has read the licence {licence} for the catalog"),))
    kinds = option.facts.input_kinds
    use = Use(train_on_outputs=question.train_on_outputs, multimodal=len(kinds) > 1 if kinds else None)
    return _licence_verdict(facts.id, question.organisation, use)


@lru_cache(maxsize=1024)
def _licence_verdict(licence: str, organisation: Organisation, use: Use) -> Verdict:
    facts = licence_facts(licence)
    return licence_verdict(facts, organisation, use) if facts is not None else Verdict("unknown")


def _unfit(option: Option, question: Question) -> Iterator[Reason]:
    """What it is and what is demanded, whatever the volume."""
    limits, facts = question.limits, option.facts
    if limits.weights is not None and option.weights != limits.weights:
        yield Reason(f"its weights are {option.weights}; only {limits.weights} ones are wanted")
    if not question.privacy.may_leave and option.hosting == "vendor":
        yield Reason(f"the texts may not leave the own machines, and {option.place} is a vendor")
    if option.offer is not None and option.offer.status == "deprecated":
        yield Reason(f"{option.place} has announced its end")
    outside = _outside(option, question.privacy.regions)
    if outside is not None:
        yield outside
    if not facts.answers_in_text:
        yield Reason("it does not answer in text")
    for need in question.work.needs:
        if _can(option, need) is False:
            yield Reason(f"it has no {need}")
    yield from _poor(option, question)


def _too_short(option: Option, question: Question) -> Iterator[Reason]:
    work, facts = question.work, option.facts
    if facts.context_tokens is not None and facts.context_tokens < work.context_tokens_min:
        yield Reason(f"its context holds {facts.context_tokens:,} tokens; {work.context_tokens_min:,} are needed")
    if facts.output_tokens_max is not None and facts.output_tokens_max < work.output_tokens:
        yield Reason(f"it writes {facts.output_tokens_max:,} tokens at most; {work.output_tokens:,} are needed")


def _too_dear(question: Question, monthly: Decimal | None) -> Iterator[Reason]:
    if monthly is not None and not affordable(monthly, question):
        yield Reason(f"${monthly:,.2f} a month is over the limit of ${question.limits.monthly_usd_max:,.2f}")


def _outside(option: Option, regions: tuple[str, ...] | None) -> Reason | None:
    """Why a request may be processed outside `regions`, where the name of the offer tells."""
    if regions is None or option.offer is None or option.offer.provider != "bedrock":
        return None
    prefix = option.offer.name_there.partition(".")[0]
    if prefix not in _BEDROCK_PROFILES or prefix.upper() in {region.upper() for region in regions}:
        return None
    where = "anywhere" if prefix == "global" else f"anywhere in {prefix.upper()}"
    terms = vendor_terms("bedrock")
    citation = None if terms is None else terms.fact("residency").citation
    return Reason(f"this inference profile processes {where}, not only in {', '.join(regions)}", citation)


def _poor(option: Option, question: Question) -> Iterator[Reason]:
    limits, quality, speed = question.limits, option.quality, option.speed
    if limits.rating_min is not None and not quality.measured and quality.value < limits.rating_min:
        yield Reason(f"its rating of {quality.value:.0f} is below {limits.rating_min}")
    if limits.score_min is not None and quality.measured and quality.value < limits.score_min:
        yield Reason(f"its score of {quality.value:.2f} is below {limits.score_min:.2f}")
    if speed is None:
        return
    wait, rate = speed.first_token_ms, speed.tokens_per_s
    if limits.first_token_ms_max is not None and wait is not None and wait > limits.first_token_ms_max:
        yield Reason(f"its first token took {wait:.0f} ms here; {limits.first_token_ms_max} ms are wanted")
    if limits.tokens_per_s_min is not None and rate is not None and rate < limits.tokens_per_s_min:
        yield Reason(f"it gave {rate:.0f} tokens/s here; {limits.tokens_per_s_min:.0f} are wanted")


def _unpriced(option: Option, monthly: Decimal | None) -> Iterator[Reason]:
    if monthly is None:
        yield Reason(f"no source says what a request costs at {option.place}")


def _open(option: Option, question: Question) -> Iterator[Reason]:
    if option.facts.context_tokens is None:
        yield Reason("no source says how long its context is")
    for need in question.work.needs:
        if _can(option, need) is None:
            yield Reason(f"no source says whether it has {need}")


def _can(option: Option, need: str) -> bool | None:
    """Whether the model can do it, as far as the sources say."""
    facts = option.facts
    match need:
        case "tools":
            return facts.tools
        case "reasoning":
            return facts.reasoning
        case "json":
            return facts.structured_output
        case _:
            kind = {"images": "image", "audio": "audio"}[need]
            return kind in facts.input_kinds if facts.input_kinds else None
