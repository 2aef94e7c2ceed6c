"""The page that `ecotone models show` prints."""

from collections.abc import Sequence
from datetime import date

from ecotone.catalog.licences import LicenceFacts
from ecotone.catalog.model_words import (
    DISCLAIMER,
    EFFECTS,
    MOF_CLASSES,
    cited,
    clauses_beside,
    count_cell,
    openness_cell,
    price_cell,
    remarks,
    usd,
    verdict_cell,
)
from ecotone.catalog.prices import Offer
from ecotone.catalog.quality import SNAPSHOT, WORK
from ecotone.catalog.terms import FactName, VendorTerms
from ecotone.catalog.verdicts import Reason
from ecotone.cli.layout import Column, fitting, joined_lines, put, table_lines, terminal_columns, wrapped
from ecotone.gateway.inventory.dossier import RATED_WORK, Dossier, Vendor
from ecotone.gateway.inventory.model_facts import KnownModel, KnownPlace, vendor_title
from ecotone.values.sizes import in_bytes

_WIDTH_MAX = 100
_WIDTH_MIN = 40
_LABEL = 14
_OFFERS_MAX = 8
_BAR_CELLS = 20
_WHOLE_TERMS_MAX = 3
_TERMS: tuple[tuple[FactName, str], ...] = (
    ("trains_on_inputs", "training"),
    ("retention_days", "retention"),
    ("zero_retention", "zero retention"),
    ("residency", "residency"),
)


def print_page(found: Dossier) -> None:
    """Print all sections; each says what is unknown."""
    page = _Page(min(terminal_columns() or _WIDTH_MAX, _WIDTH_MAX))
    _head(page, found)
    _here(page, found)
    _facts(page, found)
    _openness(page, found)
    _licence(page, found)
    _vendors(page, found)
    _offers(page, found)
    _ratings(page, found)
    page.line()
    page.paragraph(f"{DISCLAIMER} Sources and days stand beside the facts; --json has all of them.")


class _Page:
    """Prints headings, labelled paragraphs and tables no wider than `width`."""

    def __init__(self, width: int) -> None:
        self.width = max(width, _WIDTH_MIN)

    def line(self, text: str = "", style: str | None = None) -> None:
        put(text, style)

    def heading(self, text: str) -> None:
        put("")
        put(text, "bold")

    def paragraph(self, text: str, first: str = "", rest: str = "") -> None:
        for line in wrapped(text, self.width, first, rest):
            put(line)

    def row(self, label: str, text: str) -> None:
        """A label and what there is to say, which begins beside it."""
        self.paragraph(text, f"  {label:<{_LABEL}}  ", " " * (_LABEL + 4))

    def under(self, text: str, mark: str = "") -> None:
        """A paragraph under a row, set off by a mark."""
        indent = " " * (_LABEL + 4)
        self.paragraph(text, f"{indent}{mark} " if mark else indent, indent + " " * (len(mark) + bool(mark)))

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        kept = fitting(columns, rows, self.width - 2) or tuple(
            place for place, column in enumerate(columns) if column.leave_out is None
        )
        for number, line in enumerate(table_lines(columns, rows, kept)):
            put(f"  {line}", None if number else "dim")


def _head(page: _Page, found: Dossier) -> None:
    facts = found.facts
    page.paragraph(found.name if facts is None else f"{facts.name}  {facts.id}")
    mark = openness_cell(None, found.weights)[0]
    licence = found.licence.name if found.licence is not None else None if facts is None else facts.licence
    parts = [f"{mark} {found.word or _plain_weights(found)}"]
    if found.weights != "closed":
        parts.append(licence or "licence unknown")
        parts.append(f"licence verdict: {verdict_cell(found.licence_use.verdict)}")
    for line in joined_lines(parts, page.width, ""):
        page.line(line)


def _plain_weights(found: Dossier) -> str:
    return {"open": "open weights", "closed": "closed weights", None: "open or closed is unknown"}[found.weights]


def _here(page: _Page, found: Dossier) -> None:
    page.heading("In this gateway")
    join = found.join
    if join is not None and join.id is None:
        why = (
            f"the catalog has no model {join.text!r}" if join.stated else "not certain which model of the catalog it is"
        )
        page.row("catalog", f'{why}; say it in the config with catalog = "MAKER/MODEL"')
    elif join is not None:
        said = (
            "as the config says"
            if join.stated
            else f"guessed from {join.text!r}; catalog = ... in the config settles it"
        )
        page.row("catalog", f"{join.id}, {said}")
    if not found.models and not found.files:
        page.row("runs", "nowhere: no model of the config is this one")
    for model in found.models:
        for number, place in enumerate(model.places):
            page.row(model.item.name if number == 0 else "", _place(model, place))
        if model.item.source is not None:
            page.under(f"source {model.item.source}")
    for file in found.files:
        page.row("file", f"{file.stored.name}, {in_bytes(file.stored.size)}, in the store; no config names it")


def _place(model: KnownModel, place: KnownPlace) -> str:
    """A place in one line: who serves it, where data goes, what it costs, whether it can answer."""
    where = {
        "embedded": "inside Ecotone",
        "self-hosted": f"at {place.place.address}",
        "vendor": f"{place.place.provider}, which calls it {place.place.name}",
    }[place.place.hosting]
    goes = f"data: {place.data_goes}"
    known_price = "price unknown" if place.offer is None else f"{price_cell(place.offer)} per million tokens"
    price = "own machine" if place.own_machine else known_price
    item = model.item
    state = place.place.problem or ("ready" if item.source is None else item.state)
    size = "" if item.size_bytes is None else f", {in_bytes(item.size_bytes)}"
    return f"{where}; {goes}; {price}; {state}{size}"


def _facts(page: _Page, found: Dossier) -> None:
    facts = found.facts
    page.heading("The model")
    if facts is None:
        page.row("facts", "unknown")
        return
    page.row("maker", facts.maker)
    page.row("released", facts.released or "unknown")
    page.row("knowledge", f"to {facts.knowledge}" if facts.knowledge else "unknown")
    page.row("context", f"{_tokens(facts.context_tokens)}; longest answer {_tokens(facts.output_tokens_max)}")
    page.row("takes, gives", f"{_kinds(facts.input_kinds)} → {_kinds(facts.output_kinds)}")
    can = (("tools", facts.tools), ("reasoning", facts.reasoning), ("structured output", facts.structured_output))
    page.row("can", ", ".join(f"{what}: {_yes(value)}" for what, value in can))
    if facts.status is not None:
        page.row("status", facts.status)
    if facts.note is not None:
        page.row("note", facts.note)
    if facts.aliases:
        page.row("also called", ", ".join(facts.aliases))
    if facts.page is not None:
        page.row("page", facts.page)
    page.row("facts from", ", ".join(facts.sources))


def _tokens(count: int | None) -> str:
    return "unknown" if count is None else f"{count_cell(count)} tokens"


def _kinds(kinds: tuple[str, ...]) -> str:
    return ", ".join(kinds) or "unknown"


def _yes(value: bool | None) -> str:
    return "unknown" if value is None else "yes" if value else "no"


def _openness(page: _Page, found: Dossier) -> None:
    page.heading("Openness")
    page.row("in a word", found.word or _plain_weights(found))
    openness = found.openness
    if openness is None:
        no_class = "none: the framework's classes begin with open weights"
        unknown = "unknown: no description of the release is at hand"
        page.row("MOF class", no_class if found.weights == "closed" else unknown)
        return
    page.row("MOF class", openness.label)
    for number in (3, 2, 1):
        share = openness.progress[number]
        cells = int(share / 100 * _BAR_CELLS)
        page.under(f"{'█' * cells}{'░' * (_BAR_CELLS - cells)} {share:3.0f} % of class {MOF_CLASSES[number]}")
    for number in (3, 2, 1):
        if openness.missing[number]:
            page.row(f"to class {MOF_CLASSES[number]}", f"it lacks {', '.join(openness.missing[number])}")
            break
    page.row("OSAID 1.0", f"{openness.osaid.answer} (OSI's Open Source AI Definition)")
    osaid = openness.osaid
    for what, finding in (
        ("data information", osaid.data_information),
        ("code", osaid.code),
        ("parameters", osaid.parameters),
    ):
        page.under(f"{what}: {finding.answer}: {finding.reason}", "-")
    for note in openness.notes:
        page.row("note", note)


def _licence(page: _Page, found: Dossier) -> None:
    page.heading("Licence of the weights, for whoever runs them")
    facts, licence, verdict = found.facts, found.licence, found.licence_use.verdict
    if found.weights == "closed":
        page.row("licence", "none: the weights cannot be had, so the vendor's terms count")
        return
    if licence is None:
        page.row("licence", "unknown" if facts is None or facts.licence is None else facts.licence)
    else:
        page.row("licence", f"{licence.name} ({licence.id}), {licence.address}")
    if facts is not None and facts.licence_source is not None:
        page.row("stated by", facts.licence_source)
    page.row("for you", verdict.status)
    for reason in verdict.reasons:
        page.under(_told(reason, licence), "-")
    if verdict.duties:
        page.row("duties", "what you must do")
        for duty in verdict.duties:
            page.under(_told(duty, licence), "-")
    if licence is not None:
        rest = clauses_beside(verdict, licence)
        if rest:
            page.row("it also says", "clauses that this verdict does not turn on")
        for text, clause in rest:
            acts = f", to {', '.join(clause.acts)}".replace("_", " ") if clause.acts else ""
            citation = cited(text.citation(clause), licence)
            page.under(f"{EFFECTS[clause.effect]}{acts}: {clause.means} ({citation})", "-")


def _told(reason: Reason, licence: LicenceFacts | None) -> str:
    return reason.text if reason.citation is None else f"{reason.text} ({cited(reason.citation, licence)})"


def _vendors(page: _Page, found: Dossier) -> None:
    page.heading("Where vendors serve it: their terms")
    if not found.vendors:
        page.row("vendors", "none known")
        return
    page.row("for you", "nothing is to be trained on your data, and your obligations are to be met")
    rows = [_vendor_cells(vendor, vendor.terms) for vendor in found.vendors if vendor.terms is not None]
    if rows:
        columns = (
            Column("VENDOR"),
            Column("VERDICT"),
            Column("TRAINS"),
            Column("KEEPS", leave_out=1, right=True),
            Column("ZERO RETENTION", leave_out=2),
            Column("REGIONS", leave_out=3),
        )
        page.table(columns, rows)
    unread = [vendor.title for vendor in found.vendors if vendor.terms is None]
    if unread:
        page.row("unknown", f"nobody has read the terms of {', '.join(unread)} for the catalog")
    for vendor in _told_whole(found):
        if vendor.terms is not None:
            _terms(page, vendor, vendor.terms, found.today)


def _told_whole(found: Dossier) -> Sequence[Vendor]:
    """The vendors of this gateway, else its maker's own or the cheapest: others' sources are in the JSON."""
    read = [vendor for vendor in found.vendors if vendor.terms is not None]
    ours = [vendor for vendor in read if vendor.here]
    if ours or len(read) <= _WHOLE_TERMS_MAX:
        return ours or read
    maker = "" if found.facts is None else found.facts.maker
    return [vendor for vendor in read if vendor.id == maker][:1] or read[:1]


def _vendor_cells(vendor: Vendor, terms: VendorTerms) -> tuple[str, ...]:
    days, regions = terms.retention_days.value, terms.residency.value
    return (
        terms.name,
        verdict_cell(vendor.judgement.verdict),
        terms.trains_on_inputs.value or "?",
        "?" if days is None else f"{days} day" if days == 1 else f"{days} days",
        terms.zero_retention.value or "?",
        "?" if regions is None else ", ".join(regions) or "none to choose",
    )


def _terms(page: _Page, vendor: Vendor, terms: VendorTerms, today: date) -> None:
    page.line()
    page.paragraph(f"{terms.name} ({terms.covers})", "  ", "  ")
    verdict = vendor.judgement.verdict
    page.row("for you", verdict.status)
    for duty in verdict.duties:
        page.under(f"duty: {duty.text}", "-")
    if verdict.status in ("not allowed", "unknown"):
        for reason in verdict.reasons:
            page.under(reason.text, "-")
    for name, label in _TERMS:
        fact = terms.fact(name)
        page.row(label, fact.text if fact.value is not None else f"unknown. {fact.text}")
        if fact.citation is not None and fact.source is not None:
            age = "" if fact.source.dated else ", age of the copy unknown"
            stale = ", STALE: older than 180 days" if fact.is_stale(today) else ""
            page.under(f"{fact.citation.section}; {fact.source.as_of}{age}{stale}")
            page.under(fact.source.address)


def _offers(page: _Page, found: Dossier) -> None:
    page.heading("Prices, US dollars per million tokens")
    if not found.offers:
        page.row("offers", "unknown: no source has a price for it")
        return
    columns = (
        Column("AT"),
        Column("NAME THERE", leave_out=3),
        Column("IN", right=True),
        Column("OUT", right=True),
        Column("CACHED IN", leave_out=2, right=True),
        Column("AS OF", leave_out=1),
    )
    page.table(columns, [_offer_cells(offer) for offer in found.offers[:_OFFERS_MAX]])
    if len(found.offers) > _OFFERS_MAX:
        page.row("", f"and {len(found.offers) - _OFFERS_MAX} dearer ones: --json has all")
    sources = dict.fromkeys(f"{offer.source}, {offer.as_of}" for offer in found.offers[:_OFFERS_MAX])
    page.row("from", "; ".join(sources))
    for offer in found.offers[:_OFFERS_MAX]:
        for remark in remarks(offer):
            page.row("note", f"{vendor_title(offer.provider)}: {remark}")


def _offer_cells(offer: Offer) -> tuple[str, ...]:
    return (
        vendor_title(offer.provider),
        offer.name_there,
        usd(offer.input_per_million),
        usd(offer.output_per_million),
        usd(offer.cached_input_per_million),
        str(offer.as_of),
    )


def _ratings(page: _Page, found: Dossier) -> None:
    page.heading("What a crowd prefers: public ratings")
    if not found.ratings:
        page.row("ratings", f"unknown: not rated in {SNAPSHOT.source} of {SNAPSHOT.as_of}")
        return
    rows = []
    for work in RATED_WORK:
        rating = found.ratings.get(WORK[work].category)
        if rating is not None:
            rows.append((work, f"{rating.rating:.0f}", f"{rating.low:.0f} to {rating.high:.0f}"))
    page.table((Column("WORK"), Column("RATING", right=True), Column("95 % INTERVAL")), rows)
    variant = next(iter(found.ratings.values())).variant
    if variant is not None:
        page.row("setting", variant)
    if found.other_settings:
        page.row("rated also", ", ".join(found.other_settings))
    page.row("from", f"{SNAPSHOT.source}, {SNAPSHOT.as_of}; 400 points are odds of ten to one")
