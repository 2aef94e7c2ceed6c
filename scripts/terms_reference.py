#!/usr/bin/env python3
"""Print docs/reference/vendor-terms.md, made from the facts in src/ecotone/catalog/data/terms/.

python scripts/terms_reference.py > docs/reference/vendor-terms.md
"""

from collections.abc import Iterator

from ecotone.catalog.terms import (
    ALL_VENDORS,
    FACT_NAMES,
    SNAPSHOT,
    STALE_AFTER_DAYS,
    Fact,
    FactName,
    Source,
    VendorTerms,
    vendor_terms,
)

HEADINGS: dict[FactName, str] = {
    "retention_days": "kept by default, days",
    "flagged_retention_days": "kept when flagged, days",
    "trains_on_inputs": "trains on inputs",
    "zero_retention": "zero retention",
    "human_review": "people read content",
    "residency": "content can be held in",
    "sub_processors": "sub-processors",
    "outputs_owner": "outputs belong to",
    "outputs_training": "outputs may train",
    "sla": "uptime promise",
    "deprecation_days": "notice before a model goes, days",
    "dpa": "data processing agreement",
    "hipaa_baa": "HIPAA agreement",
    "transparency": "transparency, of 100",
}

# The summary would be too wide with all of them.
SUMMARY: tuple[FactName, ...] = (
    "retention_days",
    "flagged_retention_days",
    "trains_on_inputs",
    "zero_retention",
    "residency",
    "outputs_training",
    "deprecation_days",
    "dpa",
    "hipaa_baa",
    "transparency",
)

HEAD = f"""\
# What vendors say they do with your data

<!-- Made by scripts/terms_reference.py from src/ecotone/catalog/data/terms/*.toml; change it there. -->

The same {len(FACT_NAMES)} questions asked of each of {len(ALL_VENDORS)} closed APIs and hosts, in Ecotone's own words.
**This is information, not legal advice**: read the page that a row names, and your own contract, before you rely on it.

Each row gives the page and the heading or clause that it rests on, and how that page was read:

| mark | meaning |
|---|---|
| copy | a stored copy of the page's own text was read |
| second hand | somebody else's notes that quote or restate the page were read; open the page before you rely on it |
| undated | nothing tells how old the copy is: the date is the day on which it was read for Ecotone |
| **stale** | the page is last known to have said this more than {STALE_AFTER_DAYS} days before {SNAPSHOT} |
| with a condition | the value holds only under the condition in the row |
| unknown | not read, with what was looked for; a need that turns on it gives the verdict "unknown" |

The date is that of the copy or of the notes' author opening the page; where that is not known, the page's own date,
as the copy is no older; where neither is known, the day of reading. Marks on this page are computed for {SNAPSHOT}, the
day on which the facts were last gone through. `*` in the summary stands for a condition, `†` for stale;
`chosen` is a region of the cloud that the customer chooses.

All rows are about the API for developers under the vendor's standard paid terms; what is sold to consumers, and what
you agree on yourself, differs.

**To correct a row**, change its table in `src/ecotone/catalog/data/terms/VENDOR.toml`: set `value` and `text` in your
own words, and describe the page under `sources` with its address and the day on which you read it
(`reading = "copy"`, `copied_on`). Then run `python scripts/terms_reference.py > docs/reference/vendor-terms.md` and the
tests.

## Summary
"""


def reference() -> str:
    every = [terms for vendor in ALL_VENDORS if (terms := vendor_terms(vendor)) is not None]
    return "\n".join([HEAD, *_summary(every), *(line for terms in every for line in _vendor(terms))])


def _summary(every: list[VendorTerms]) -> Iterator[str]:
    yield "| vendor | " + " | ".join(HEADINGS[name] for name in SUMMARY) + " |"
    yield "|---|" + "---|" * len(SUMMARY)
    for terms in every:
        yield f"| {terms.name} | " + " | ".join(_brief(terms.fact(name)) for name in SUMMARY) + " |"


def _brief(fact: Fact[object]) -> str:
    marks = ("*" if fact.condition else "") + ("†" if fact.is_stale(SNAPSHOT) else "")
    return _value(fact) + ("" if fact.value is None else marks.replace("*", r"\*"))


def _value(fact: Fact[object]) -> str:
    match fact.value:
        case None:
            return "unknown"
        case ():
            return "none"
        case tuple():
            return ", ".join(fact.value)
        case _:
            return str(fact.value)


def _vendor(terms: VendorTerms) -> Iterator[str]:
    yield f"\n## {terms.name}\n"
    yield f"Covers: {terms.covers}. Id: `{terms.vendor}`.\n"
    yield "| question | answer | in our words | page and place | date | read |"
    yield "|---|---|---|---|---|---|"
    for name, fact in terms.facts():
        words = fact.text if fact.condition is None else f"{fact.text} *Condition:* {fact.condition}."
        cells = (HEADINGS[name], f"**{_value(fact)}**", words, *_place(fact))
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _place(fact: Fact[object]) -> tuple[str, str, str]:
    if fact.source is None:
        return "none", "", ""
    source = fact.source
    place = f"[{source.title}]({source.address})" + (f", {fact.section}" if fact.section else "")
    return place, _date(source, fact), _reading(source)


def _date(source: Source, fact: Fact[object]) -> str:
    kind = "" if source.dated else ", undated"
    page = f" (page of {source.page_date})" if source.page_date not in {None, source.as_of} else ""
    return f"{source.as_of}{page}{kind}" + (", **stale**" if fact.is_stale(SNAPSHOT) else "")


def _reading(source: Source) -> str:
    return source.reading if source.read_at is None else f"{source.reading}, [read here]({source.read_at})"


if __name__ == "__main__":
    print(reference())
