"""What leaves with an answer: data for programs, the question as TOML, and the command that asks it again."""

import shlex
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from ecotone import __version__
from ecotone.catalog.verdicts import Reason
from ecotone.evaluation.advice.answer import Advice, Out, Placed
from ecotone.evaluation.advice.options import Option
from ecotone.evaluation.advice.query import DEFAULT_WORK
from ecotone.evaluation.advice.question import Question
from ecotone.gateway.settings.toml_text import toml

FOOTER = f"Made by Ecotone {__version__}. Information drawn from the sources named, not legal advice."


def as_toml(question: Question) -> str:
    """The question as the file that `ecotone advise FILE` asks again; what stands at its default is left out."""
    return toml(_without_defaults(question))


def _without_defaults(question: Question) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, msgspec.Struct):
            defaults = {field.name: field.default for field in msgspec.structs.fields(value)}
            said = ((name, getattr(value, name)) for name in value.__struct_fields__)
            kept = {name: plain(item) for name, item in said if item is not None and item != defaults[name]}
            return {name: item for name, item in kept.items() if item != {}}
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        return float(value) if isinstance(value, Decimal) else value

    found: dict[str, Any] = plain(question)
    return found


def as_command(question: Question) -> str | None:
    """The command that asks it; None where flags cannot say all of it and a file has to."""
    work, privacy, limits = question.work, question.privacy, question.limits
    said: list[tuple[str, object]] = [
        ("category", None if work.category == DEFAULT_WORK.category else work.category),
        ("suite", work.suite),
        ("requests", work.requests_per_month),
        ("input-tokens", work.input_tokens),
        ("output-tokens", work.output_tokens),
        *(("needs", need) for need in work.needs),
        ("stays", None if privacy.may_leave else ""),
        *(("region", region) for region in privacy.regions or ()),
        ("retention-days", privacy.retention_days_max),
        ("budget", None if limits.monthly_usd_max is None else f"{limits.monthly_usd_max:f}"),
        ("first-token-ms", limits.first_token_ms_max),
        ("switching", None if work.switching == DEFAULT_WORK.switching else work.switching),
        ("data-class", privacy.data_class),
        ("only", limits.weights),
        *(("vendor", vendor) for vendor in question.providers or ()),
        *(("model", model) for model in question.models or ()),
        *(("weigh", pair) for pair in _factors(question.weights)),
        *(("assume", pair) for pair in _factors(question.assumptions)),
    ]
    if not _said_by_flags(question):
        return None
    words = [part for name, value in said if value is not None for part in (f"--{name}", str(value)) if part]
    return shlex.join(["ecotone", "advise", *words])


def _factors(table: msgspec.Struct) -> Iterator[str]:
    for field in msgspec.structs.fields(table):
        value = getattr(table, field.name)
        if value != field.default:
            yield f"{field.name.replace('_', '-')}={value.normalize():f}"


def _said_by_flags(question: Question) -> bool:
    """Whether nothing is said but what has a flag."""
    replace = msgspec.structs.replace
    unsaid = Question(DEFAULT_WORK)
    work = replace(question.work, cached_input_share=Decimal(0), context_tokens=None)
    privacy = replace(question.privacy, training_allowed=False, baa_needed=False)
    limits = replace(question.limits, rating_min=None, score_min=None, tokens_per_s_min=None)
    rest = replace(
        question,
        title=unsaid.title,
        train_on_outputs=False,
        organisation=unsaid.organisation,
        machines=(),
        work=work,
        privacy=privacy,
        limits=limits,
    )
    return rest == question


def as_data(advice: Advice) -> dict[str, Any]:
    """The answer for a program. Money is decimal strings."""
    return {
        "question": msgspec.to_builtins(advice.question, str_keys=True),
        "today": advice.today.isoformat(),
        "ranked": [_placed(place, row) for place, row in enumerate(advice.placed, 1)],
        "undecided": [_out(row) for row in advice.undecided],
        "fallen": [_out(row) for row in advice.fallen],
        "other_places": advice.other_places,
        "best_rating": advice.best_rating,
        "break_evens": msgspec.to_builtins(advice.break_evens),
        "flips": msgspec.to_builtins(advice.flips),
        "relaxed": msgspec.to_builtins(advice.relaxed),
        "notes": list(advice.notes),
    }


def _placed(place: int, row: Placed) -> dict[str, Any]:
    ranked, verdict = row.ranked, row.standing.verdict
    return {
        "rank": place,
        **_option(ranked.option),
        "monthly_usd": str(ranked.monthly_usd),
        "values": dict(ranked.values),
        "total": ranked.total,
        "low": ranked.low,
        "high": ranked.high,
        "wins": ranked.wins,
        "terms": verdict.status,
        "terms_reasons": _reasons(verdict.reasons),
        "duties": _reasons(verdict.duties),
        "reasons": list(row.reasons),
        "arithmetic": list(row.arithmetic),
        "equivalents": list(row.equivalents),
    }


def _out(row: Out) -> dict[str, Any]:
    return {**_option(row.option), "why": _reasons(row.reasons)}


def _option(option: Option) -> dict[str, Any]:
    offer = option.offer
    return {
        "key": option.key,
        "model": option.model,
        "name": option.name,
        "weights": option.weights,
        "openness": option.openness,
        "hosting": option.hosting,
        "place": option.place,
        "places": option.places,
        "quality": msgspec.to_builtins(option.quality),
        "speed": msgspec.to_builtins(option.speed),
        "price_as_of": None if offer is None else offer.as_of.isoformat(),
        "price_source": None if offer is None else offer.source,
    }


def _reasons(reasons: tuple[Reason, ...]) -> list[Any]:
    found: list[Any] = msgspec.to_builtins(reasons)
    return found
