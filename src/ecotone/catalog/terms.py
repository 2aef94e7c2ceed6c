"""What vendors of closed APIs and hosts say they do with your data: the same facts asked of each, as data with sources,
and the verdict that follows for one organisation's needs.

The facts are in `data/terms/*.toml`, in our words. Each names the page and the heading or clause it rests on and says
how and when that page was read; what was not read is unknown, with what was looked for. All of it is information, not
legal advice.
"""

import tomllib
from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Generic, Literal, TypeVar, get_args

import msgspec

from ecotone.catalog.licences import EU_MEMBERS
from ecotone.catalog.organisation import Organisation
from ecotone.catalog.verdicts import Citation, Reason, Verdict, combined

FactName = Literal[
    "retention_days",
    "flagged_retention_days",
    "trains_on_inputs",
    "zero_retention",
    "human_review",
    "residency",
    "sub_processors",
    "outputs_owner",
    "outputs_training",
    "sla",
    "deprecation_days",
    "dpa",
    "hipaa_baa",
    "transparency",
]
FACT_NAMES: tuple[FactName, ...] = get_args(FactName)

STALE_AFTER_DAYS = 180

# The day on which the shipped facts were last gone through; pages that state ages compute them against it.
SNAPSHOT = date(2026, 11, 22)

# In `residency`: the customer chooses one of a cloud's regions, and content stays there.
CHOSEN_REGION = "chosen"

Value = TypeVar("Value", covariant=True)

# "opt-in": not used unless the customer says so. "opt-out": used unless the customer switches it off.
Training = Literal["no", "opt-in", "opt-out", "yes"]
# "default": nothing is kept without a switch. "self-service": the customer's own switch. "on request": needs approval.
ZeroRetention = Literal["default", "self-service", "on request", "no"]
HumanReview = Literal["no", "when flagged", "yes"]
# "not claimed": the vendor claims no ownership and assigns none. "model terms": each model's own terms decide.
OutputsOwner = Literal["customer", "not claimed", "vendor", "model terms"]
# What outputs may train: "not competing" is any model that does not compete with the vendor; "with permission" is
# none unless the vendor agreed beforehand.
OutputsTraining = Literal["allowed", "not competing", "with permission", "forbidden", "model terms"]
# "by contract": only for a tier or an agreement bought separately.
Sla = Literal["published", "by contract", "none"]
Offer = Literal["included", "on request", "no"]
SubProcessors = Literal["published", "on request", "not published"]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page, and how it came to be read.

    `reading` is "copy" where a stored copy of the page's own text was read, and "second hand" where somebody else's
    notes were read that quote or restate it and say when they did. `read_on` is the day on which that was done for
    Ecotone. `copied_on` is the day of the copy, or on which the notes' author opened the page; None is not known.
    `page_date` is the date that the page gives itself (last updated, effective). `read_at` is where the copy or the
    notes can be read, where that is another address than the page's own.
    """

    address: str
    title: str
    reading: Literal["copy", "second hand"]
    read_on: date
    copied_on: date | None = None
    page_date: date | None = None
    read_at: str | None = None

    @property
    def as_of(self) -> date:
        """The latest day on which the page is known to have said this.

        The day of the copy; where that is not known, the page's own date, as the copy is no older; where neither is
        known, only the day of reading is left, and `dated` is false.
        """
        return self.copied_on or self.page_date or self.read_on

    @property
    def dated(self) -> bool:
        """Whether anything but the day of reading tells how old the copy is."""
        return self.copied_on is not None or self.page_date is not None


class Fact(msgspec.Struct, Generic[Value], frozen=True, forbid_unknown_fields=True):
    """One answer. `value` is None where it is not known, and `text` then says what was looked for.

    `condition` is what must hold or be done for the value to be true, such as a paid plan or a switch: a verdict that
    rests on the fact makes it a duty. `section` is the heading or clause in the source.
    """

    text: str
    value: Value | None = None
    source: Source | None = None
    section: str | None = None
    condition: str | None = None

    def __post_init__(self) -> None:
        if self.value is not None and (self.source is None or self.section is None):
            raise ValueError("a fact with a value names its `source` and `section`")

    @property
    def citation(self) -> Citation | None:
        if self.source is None:
            return None
        section = self.section or "the whole page"
        if self.source.reading == "second hand":
            section += " (read second hand)"
        return Citation(self.source.address, section, self.source.as_of)

    def is_stale(self, today: date) -> bool:
        """Whether more than 180 days lie between `Source.as_of` and `today`. What rests on no source is not stale."""
        return self.source is not None and (today - self.source.as_of).days > STALE_AFTER_DAYS


class VendorTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one vendor says of its API for developers under its standard, paid terms.

    `retention_days`: how long a plain request and its answer may be kept by default, abuse monitoring included;
    0 is not at all. `flagged_retention_days`: how long where they are flagged as abuse or looked into.
    `residency`: regions in which content can be made to stay, as ISO 3166 codes of two letters or `eu`, in lower case;
    `chosen` for a cloud's regions; empty where none can be chosen. `deprecation_days`: least notice before a model
    that is generally available goes. `transparency`: points of 100 in the Foundation Model Transparency Index, given
    to the company rather than to the service.
    """

    vendor: str
    name: str
    covers: str
    retention_days: Fact[int]
    flagged_retention_days: Fact[int]
    trains_on_inputs: Fact[Training]
    zero_retention: Fact[ZeroRetention]
    human_review: Fact[HumanReview]
    residency: Fact[tuple[str, ...]]
    sub_processors: Fact[SubProcessors]
    outputs_owner: Fact[OutputsOwner]
    outputs_training: Fact[OutputsTraining]
    sla: Fact[Sla]
    deprecation_days: Fact[int]
    dpa: Fact[Offer]
    hipaa_baa: Fact[Offer]
    transparency: Fact[int]

    def fact(self, name: FactName) -> Fact[object]:
        found: Fact[object] = getattr(self, name)
        return found

    def facts(self) -> Iterator[tuple[FactName, Fact[object]]]:
        """All facts in the order in which they are shown."""
        for name in FACT_NAMES:
            yield name, self.fact(name)


class DataNeeds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an organisation asks of whoever gets its data; None and False ask for nothing.

    `regions` are where content must stay while it is processed and kept, as in `VendorTerms.residency`; any one of
    them will do. `retention_days_max` is how long content may be kept by default.
    """

    regions: tuple[str, ...] | None = None
    retention_days_max: int | None = None
    training_tolerated: bool = False
    hipaa: bool = False
    trains_on_outputs: bool = False


ALL_VENDORS: tuple[str, ...] = (
    "openai",
    "anthropic",
    "gemini",
    "vertex",
    "bedrock",
    "azure",
    "xai",
    "mistral",
    "cohere",
    "deepseek",
    "together",
    "groq",
    "openrouter",
    "fireworks",
    "perplexity",
    "cerebras",
    "huggingface",
)


@cache
def vendor_terms(vendor: str) -> VendorTerms | None:
    """The facts about the vendor with this id, as in `ALL_VENDORS`; None where none were gathered."""
    if vendor not in ALL_VENDORS:
        return None
    return read_terms(_data(f"terms/{vendor}.toml"))


def read_terms(text: str) -> VendorTerms:
    """Terms from the text of such a file. ValueError (msgspec's ValidationError) says what is wrong with it.

    The file has `vendor`, `name`, `covers`, perhaps `fmti_company`, a table `sources` and a table `facts`, whose rows
    name a source by its key.
    """
    raw = tomllib.loads(text)
    sources = raw.pop("sources", {})
    facts = raw.pop("facts", {})
    company = raw.pop("fmti_company", None)
    for name, row in facts.items():
        key = row.get("source")
        if key is not None and key not in sources:
            raise ValueError(f"the fact {name} names the source {key}, which the file does not describe")
        facts[name] = row if key is None else {**row, "source": sources[key]}
    facts["transparency"] = _transparency(company)
    return msgspec.convert({**raw, **facts}, VendorTerms)


def _data(path: str) -> str:
    return files("ecotone.catalog").joinpath("data", *path.split("/")).read_text(encoding="utf-8")


class _Index(msgspec.Struct, frozen=True):
    """`data/fmti.json`, as scripts/import/fmti.py writes it."""

    title: str
    address: str
    published: str
    indicators: int
    scores: dict[str, int]


@cache
def _index() -> _Index:
    return msgspec.json.decode(_data("fmti.json"), type=_Index)


def _transparency(company: str | None) -> dict[str, Any]:
    index = _index()
    if company is None:
        return {"text": f"The company is not among the {len(index.scores)} of the {index.title}."}
    return {
        "value": index.scores[company],
        "text": f"{company}, as a company, meets {index.scores[company]} of {index.indicators} indicators "
        f"of the {index.title}.",
        "section": f"scores, column {company}: sum of {index.indicators} indicators",
        "source": {
            "address": index.address,
            "title": index.title,
            "reading": "copy",
            "read_on": SNAPSHOT,
            "page_date": date.fromisoformat(f"{index.published}-01"),
        },
    }


def terms_verdict(
    terms: VendorTerms,
    organisation: Organisation,
    needs: DataNeeds,
    today: date | None = None,
) -> Verdict:
    """Whether this vendor may have this organisation's data, as far as `needs` and the organisation's obligations go.

    Each need is held against the one fact it turns on; an unknown fact gives "unknown", never leave. `gdpr` among the
    obligations asks for a data processing agreement and `hipaa` for a business associate agreement. With `today`,
    facts older than 180 days, or of unknown age, are named among the reasons.
    """
    obligations = {word.lower() for word in organisation.obligations}
    asked: list[tuple[FactName, Verdict]] = []
    if not needs.training_tolerated:
        asked.append(("trains_on_inputs", _training(terms)))
    if needs.retention_days_max is not None:
        asked.append(("retention_days", _retention(terms, needs.retention_days_max)))
    if needs.regions is not None:
        asked.append(("residency", _residency(terms, needs.regions)))
    if needs.trains_on_outputs:
        asked.append(("outputs_training", _outputs(terms)))
    if needs.hipaa or "hipaa" in obligations:
        asked.append(("hipaa_baa", _agreement(terms, "hipaa_baa", terms.hipaa_baa, "a business associate agreement")))
    if "gdpr" in obligations:
        asked.append(("dpa", _agreement(terms, "dpa", terms.dpa, "a data processing agreement")))
    if not asked:
        return Verdict("allowed", (Reason("no need was stated that a vendor's terms could go against"),))
    verdicts = [verdict for _, verdict in asked]
    if today is not None:
        verdicts.append(Verdict("allowed", tuple(_ages(terms, [name for name, _ in asked], today))))
    return combined(verdicts)


def _training(terms: VendorTerms) -> Verdict:
    fact = terms.trains_on_inputs
    match fact.value:
        case None:
            return _unknown(terms, fact, "whether it trains on inputs")
        case "no":
            return _holds(terms, fact)
        case "opt-in":
            return _holds(terms, fact, "leave the sharing of data for training switched off")
        case "opt-out":
            return _holds(terms, fact, "switch off the use of data for training before anything is sent")
        case "yes":
            return _fails(terms, fact)


def _retention(terms: VendorTerms, days_max: int) -> Verdict:
    fact, zero = terms.retention_days, terms.zero_retention
    if fact.value is not None and fact.value <= days_max:
        return _holds(terms, fact, *_flagged(terms, days_max))
    match zero.value:
        case "default":
            return _holds(terms, zero)
        case "self-service":
            return _holds(terms, zero, "switch on zero data retention before anything is sent")
        case "on request":
            return _holds(terms, zero, "have zero data retention approved before anything is sent")
        case "no":
            return _fails(terms, zero if fact.value is None else fact)
        case None if fact.value is None:
            return _unknown(terms, fact, "how long inputs and outputs are kept")
        case None:
            return _unknown(terms, zero, f"whether less than the usual {fact.value} days can be had")


def _flagged(terms: VendorTerms, days_max: int) -> Iterator[str]:
    flagged = terms.flagged_retention_days
    if flagged.value is None:
        yield f"ask {terms.name} how long content flagged as abuse is kept: no number was found"
    elif flagged.value > days_max:
        yield f"accept that content flagged as abuse may be kept for {flagged.value} days, or agree on less"


def _residency(terms: VendorTerms, wanted: tuple[str, ...]) -> Verdict:
    fact = terms.residency
    if fact.value is None:
        return _unknown(terms, fact, "where content is processed and kept")
    if CHOSEN_REGION in fact.value:
        return _holds(terms, fact, f"choose a region within {', '.join(wanted)} that has the model")
    if any(_lies_within(region, wanted) for region in fact.value):
        return _holds(terms, fact)
    return _fails(terms, fact)


def _lies_within(region: str, wanted: tuple[str, ...]) -> bool:
    names = {name.lower() for name in wanted}
    return region.lower() in names or ("eu" in names and region.upper() in EU_MEMBERS)


def _outputs(terms: VendorTerms) -> Verdict:
    fact = terms.outputs_training
    match fact.value:
        case None:
            return _unknown(terms, fact, "what its outputs may train")
        case "model terms":
            return _unknown(terms, fact, "what outputs may train, as each model's own terms decide it")
        case "allowed":
            return _holds(terms, fact)
        case "not competing":
            return _holds(terms, fact, "train nothing that competes with the vendor, and have it confirmed in writing")
        case "with permission" | "forbidden":
            return _fails(terms, fact)


def _agreement(terms: VendorTerms, name: str, fact: Fact[Offer], what: str) -> Verdict:
    match fact.value:
        case None:
            return _unknown(terms, fact, f"whether {what} can be had")
        case "included":
            return _holds(terms, fact)
        case "on request":
            return _holds(terms, fact, f"sign {what} before anything is sent")
        case "no":
            return _fails(terms, fact)


def _holds(terms: VendorTerms, fact: Fact[object], *todo: str) -> Verdict:
    """Leave on the strength of `fact`; its condition and what is to be done are duties."""
    duties = [line for line in (*todo, fact.condition) if line is not None]
    reason = Reason(f"{terms.name}: {fact.text}", fact.citation)
    status: Literal["allowed", "allowed with duties"] = "allowed with duties" if duties else "allowed"
    return Verdict(status, (reason,), tuple(Reason(line, fact.citation) for line in duties))


def _fails(terms: VendorTerms, fact: Fact[object]) -> Verdict:
    return Verdict("not allowed", (Reason(f"{terms.name}: {fact.text}", fact.citation),))


def _unknown(terms: VendorTerms, fact: Fact[object], question: str) -> Verdict:
    return Verdict("unknown", (Reason(f"{terms.name}: not known {question}. {fact.text}", fact.citation),))


def _ages(terms: VendorTerms, names: list[FactName], today: date) -> Iterator[Reason]:
    for name in names:
        fact = terms.fact(name)
        if fact.source is None:
            continue
        said = f"{terms.name}: what is said here of {name.replace('_', ' ')}"
        if fact.is_stale(today):
            age = f"dates from {fact.source.as_of}, more than {STALE_AFTER_DAYS} days ago"
            yield Reason(f"{said} {age}; read the page again", fact.citation)
        elif not fact.source.dated:
            yield Reason(f"{said} rests on a copy of unknown age; read the page again", fact.citation)
