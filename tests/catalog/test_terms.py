"""Vendors' terms: every file answers the same questions with a source or says what was looked for; ages; verdicts."""

import subprocess
import sys
import tomllib
from datetime import date
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from ecotone.catalog.organisation import Organisation
from ecotone.catalog.providers import PROVIDERS
from ecotone.catalog.terms import (
    ALL_VENDORS,
    CHOSEN_REGION,
    FACT_NAMES,
    SNAPSHOT,
    DataNeeds,
    Fact,
    Source,
    VendorTerms,
    read_terms,
    terms_verdict,
    vendor_terms,
)

ROOT = Path(__file__).parents[2]
FILES = ROOT / "src" / "ecotone" / "catalog" / "data" / "terms"

# Named by the design beside the providers that have a row already.
OTHER_VENDORS = {"anthropic", "gemini", "vertex", "azure", "bedrock", "cohere", "perplexity", "cerebras"}

NOBODY = Organisation()


def shipped(vendor: str) -> VendorTerms:
    terms = vendor_terms(vendor)
    assert terms is not None
    return terms


def raw(vendor: str) -> dict[str, dict[str, dict[str, object]]]:
    return tomllib.loads((FILES / f"{vendor}.toml").read_text("utf-8"))


@pytest.mark.parametrize("vendor", ALL_VENDORS)
def test_every_question_is_answered_with_a_source_or_with_what_was_looked_for(vendor: str) -> None:
    terms = shipped(vendor)
    assert terms.vendor == vendor
    assert tuple(name for name, _ in terms.facts()) == FACT_NAMES
    for name, fact in terms.facts():
        assert len(fact.text) >= 20, name
        assert fact.text.endswith("."), name
        if fact.value is not None:
            assert fact.source is not None, name
            assert fact.section, name
            assert fact.citation is not None, name
        elif fact.source is None and name != "transparency":
            assert any(word in fact.text for word in ("Looked for", "read", "was found")), name
        if fact.condition is not None:
            assert fact.value is not None, name
            assert not fact.condition.endswith("."), name


@pytest.mark.parametrize("vendor", ALL_VENDORS)
def test_every_source_is_an_address_with_honest_dates(vendor: str) -> None:
    described = raw(vendor)["sources"]
    assert {row.get("source") for row in raw(vendor)["facts"].values()} - {None} == set(described)
    for name, fact in shipped(vendor).facts():
        if fact.source is None:
            continue
        source = fact.source
        assert source.address.startswith("https://"), name
        assert source.title, name
        assert source.read_on <= SNAPSHOT, name
        assert source.copied_on is None or source.copied_on <= source.read_on, name
        assert source.page_date is None or source.page_date <= (source.copied_on or source.read_on), name


@pytest.mark.parametrize("vendor", ALL_VENDORS)
def test_numbers_and_regions_are_plausible(vendor: str) -> None:
    terms = shipped(vendor)
    for days in (terms.retention_days, terms.flagged_retention_days, terms.deprecation_days):
        assert days.value is None or 0 <= days.value <= 3 * 366
    for region in terms.residency.value or ():
        assert region == CHOSEN_REGION or (len(region) == 2 and region == region.lower())
    assert terms.transparency.value is None or 0 <= terms.transparency.value <= 100


def test_the_vendors_are_the_files_and_named_like_the_providers() -> None:
    assert {path.stem for path in FILES.glob("*.toml")} == set(ALL_VENDORS)
    assert set(ALL_VENDORS) - set(PROVIDERS) <= OTHER_VENDORS
    assert vendor_terms("nobody") is None
    assert vendor_terms("../terms/openai") is None


def test_twelve_vendors_have_facts_that_were_read() -> None:
    known = {
        vendor: [name for name, fact in shipped(vendor).facts() if fact.value is not None] for vendor in ALL_VENDORS
    }
    assert sum(len(names) >= 4 for names in known.values()) >= 15
    # What decides most is known of most.
    for name, least in (("retention_days", 13), ("trains_on_inputs", 14), ("zero_retention", 16), ("residency", 11)):
        assert sum(name in names for names in known.values()) >= least, name


def test_the_reference_page_is_current() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "scripts" / "terms_reference.py"], capture_output=True, text=True, check=True
    ).stdout
    assert (ROOT / "docs" / "reference" / "vendor-terms.md").read_text("utf-8") == made, (
        "run: python scripts/terms_reference.py > docs/reference/vendor-terms.md"
    )


# Ages


def fact_of(copied_on: date | None = None, page_date: date | None = None) -> Fact[int]:
    source = Source("https://example.com", "a page", "copy", date(2026, 11, 22), copied_on, page_date)
    return Fact("something is so.", 1, source, "1")


def test_a_fact_is_stale_after_180_days() -> None:
    # 2026-01-01 is day 1 of the year and 2026-06-30 is day 181, so they are 180 days apart.
    fact = fact_of(copied_on=date(2026, 1, 1))
    assert not fact.is_stale(date(2026, 6, 30))
    assert fact.is_stale(date(2026, 7, 1))


def test_the_copy_tells_the_age_then_the_page_then_the_reading() -> None:
    page = date(2025, 6, 17)
    confirmed = fact_of(copied_on=date(2026, 10, 5), page_date=page)
    assert confirmed.source is not None
    assert (confirmed.source.as_of, confirmed.source.dated) == (date(2026, 10, 5), True)
    only_page = fact_of(page_date=page)
    assert only_page.source is not None
    assert (only_page.source.as_of, only_page.source.dated) == (page, True)
    assert only_page.is_stale(date(2026, 11, 22))
    neither = fact_of()
    assert neither.source is not None
    assert (neither.source.as_of, neither.source.dated) == (date(2026, 11, 22), False)


def test_what_rests_on_nothing_is_not_stale() -> None:
    assert not Fact[int]("not read.").is_stale(date(2999, 1, 1))


def test_reading_second_hand_shows_in_the_citation() -> None:
    source = Source("https://example.com", "a page", "second hand", date(2026, 11, 22), date(2026, 10, 5))
    citation = Fact("something is so.", 1, source, "3.3(e)").citation
    assert citation is not None
    assert (citation.section, citation.read_on) == ("3.3(e) (read second hand)", date(2026, 10, 5))


# Reading files

VENDOR = """
vendor = "acme"
name = "Acme"
covers = "its API"
fmti_company = "IBM"

[sources.page]
address = "https://acme.example/terms"
title = "Terms"
reading = "copy"
read_on = 2026-11-22
copied_on = 2026-11-01
"""


def acme(**values: str) -> VendorTerms:
    """Terms of a made-up vendor that answers what `values` give, as TOML, and nothing else."""
    text = VENDOR
    for name in FACT_NAMES:
        if name == "transparency":
            continue
        text += f'\n[facts.{name}]\ntext = "{name} in words."\n'
        if name in values:
            text += f'value = {values[name]}\nsource = "page"\nsection = "{name}"\n'
        if condition := values.get(f"{name}_condition"):
            text += f'condition = "{condition}"\n'
    return read_terms(text)


def test_a_file_that_is_wrong_says_what_is_wrong() -> None:
    good = (FILES / "openai.toml").read_text("utf-8")
    with pytest.raises(ValueError, match="names the source nowhere"):
        read_terms(good.replace('source = "data"', 'source = "nowhere"', 1))
    with pytest.raises(msgspec.ValidationError, match="opt-ni"):
        read_terms(good.replace('value = "opt-in"', 'value = "opt-ni"'))
    with pytest.raises(msgspec.ValidationError, match="unknown field `sIa`"):
        read_terms(good.replace("[facts.sla]", "[facts.sIa]"))
    with pytest.raises(msgspec.ValidationError, match="names its `source` and `section`"):
        read_terms(good.replace('section = "the list"\n', "", 1))


# Verdicts, each expectation worked out by hand from the values given.


@pytest.mark.parametrize(
    ("value", "status", "duty"),
    [
        ('"no"', "allowed", None),
        ('"opt-in"', "allowed with duties", "leave the sharing"),
        ('"opt-out"', "allowed with duties", "switch off the use"),
        ('"yes"', "not allowed", None),
    ],
)
def test_training_on_inputs(value: str, status: str, duty: str | None) -> None:
    terms = acme(trains_on_inputs=value)
    verdict = terms_verdict(terms, NOBODY, DataNeeds())
    assert verdict.status == status
    assert [reason.text for reason in verdict.reasons] == ["Acme: trains_on_inputs in words."]
    assert verdict.reasons[0].citation is not None
    assert verdict.reasons[0].citation.source == "https://acme.example/terms"
    assert [line.text.startswith(duty or "?") for line in verdict.duties] == ([True] if duty else [])
    assert terms_verdict(terms, NOBODY, DataNeeds(training_tolerated=True)).status == "allowed"


def test_a_condition_of_a_fact_is_a_duty() -> None:
    terms = acme(trains_on_inputs='"no"', trains_on_inputs_condition="pay for it")
    verdict = terms_verdict(terms, NOBODY, DataNeeds())
    assert verdict.status == "allowed with duties"
    assert [line.text for line in verdict.duties] == ["pay for it"]


@pytest.mark.parametrize(
    ("kept", "flagged", "zero", "most", "status"),
    [
        ("30", "30", None, 30, "allowed"),
        ("30", "730", None, 30, "allowed with duties"),  # what is flagged stays longer
        ("30", None, None, 30, "allowed with duties"),  # nothing known of what is flagged: to be asked
        ("30", "30", '"on request"', 0, "allowed with duties"),
        ("30", "30", '"self-service"', 0, "allowed with duties"),
        ("30", "30", '"default"', 0, "allowed"),
        ("30", "30", '"no"', 0, "not allowed"),
        ("30", "30", None, 0, "unknown"),
        (None, None, None, 30, "unknown"),
        (None, None, '"no"', 0, "not allowed"),
        (None, None, '"self-service"', 0, "allowed with duties"),
        ("0", "0", None, 0, "allowed"),
    ],
)
def test_how_long_data_is_kept(kept: str | None, flagged: str | None, zero: str | None, most: int, status: str) -> None:
    values = {"retention_days": kept, "flagged_retention_days": flagged, "zero_retention": zero}
    terms = acme(**{name: value for name, value in values.items() if value is not None})
    needs = DataNeeds(training_tolerated=True, retention_days_max=most)
    assert terms_verdict(terms, NOBODY, needs).status == status


@pytest.mark.parametrize(
    ("offered", "wanted", "status"),
    [
        ('["us", "eu"]', ("eu",), "allowed"),
        ('["us", "eu"]', ("EU",), "allowed"),
        ('["us"]', ("eu",), "not allowed"),
        ('["fr"]', ("eu",), "allowed"),
        ('["eu"]', ("fr",), "not allowed"),  # somewhere in the Union need not be France
        ('["gb"]', ("eu",), "not allowed"),
        ('["chosen"]', ("eu",), "allowed with duties"),
        ("[]", ("us",), "not allowed"),
        (None, ("us",), "unknown"),
    ],
)
def test_where_data_stays(offered: str | None, wanted: tuple[str, ...], status: str) -> None:
    terms = acme(residency=offered) if offered else acme()
    assert terms_verdict(terms, NOBODY, DataNeeds(training_tolerated=True, regions=wanted)).status == status


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ('"allowed"', "allowed"),
        ('"not competing"', "allowed with duties"),
        ('"with permission"', "not allowed"),
        ('"forbidden"', "not allowed"),
        ('"model terms"', "unknown"),
        (None, "unknown"),
    ],
)
def test_what_outputs_may_train(value: str | None, status: str) -> None:
    terms = acme(outputs_training=value) if value else acme()
    needs = DataNeeds(training_tolerated=True, trains_on_outputs=True)
    assert terms_verdict(terms, NOBODY, needs).status == status


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ('"included"', "allowed"),
        ('"on request"', "allowed with duties"),
        ('"no"', "not allowed"),
        (None, "unknown"),
    ],
)
def test_agreements_follow_from_obligations(value: str | None, status: str) -> None:
    tolerant = DataNeeds(training_tolerated=True)
    for fact, law in (("dpa", "GDPR"), ("hipaa_baa", "hipaa")):
        terms = acme(**{fact: value}) if value else acme()
        assert terms_verdict(terms, Organisation(obligations=(law,)), tolerant).status == status
        assert terms_verdict(terms, NOBODY, tolerant).status == "allowed"
    terms = acme(hipaa_baa=value) if value else acme()
    assert terms_verdict(terms, NOBODY, DataNeeds(training_tolerated=True, hipaa=True)).status == status


def test_one_unknown_need_is_enough_for_unknown_and_one_breach_for_no() -> None:
    needs = DataNeeds(regions=("eu",), hipaa=True)
    verdict = terms_verdict(acme(trains_on_inputs='"no"', residency='["eu"]'), NOBODY, needs)
    assert verdict.status == "unknown"
    assert any("business associate agreement" in reason.text for reason in verdict.reasons)
    assert terms_verdict(acme(trains_on_inputs='"yes"'), NOBODY, needs).status == "not allowed"


def test_old_facts_are_named_when_the_day_is_given() -> None:
    terms = acme(trains_on_inputs='"no"')
    # The copy is of 2026-11-01: 180 days later is 2027-04-30, 181 days is 2027-05-01.
    assert len(terms_verdict(terms, NOBODY, DataNeeds(), date(2027, 4, 30)).reasons) == 1
    late = terms_verdict(terms, NOBODY, DataNeeds(), date(2027, 5, 1))
    assert late.status == "allowed"
    assert "2026-11-01" in late.reasons[1].text


def test_facts_of_unknown_age_are_named_when_the_day_is_given() -> None:
    # The copy of OpenAI's page on data has no date, nor has the page.
    verdict = terms_verdict(shipped("openai"), NOBODY, DataNeeds(), SNAPSHOT)
    assert any("unknown age" in reason.text for reason in verdict.reasons)
    assert len(terms_verdict(shipped("openai"), NOBODY, DataNeeds()).reasons) == len(verdict.reasons) - 1


HOSPITAL = Organisation(obligations=("gdpr", "hipaa"), territories=("US",))


@pytest.mark.parametrize(
    ("vendor", "organisation", "needs", "status"),
    [
        # Training only by the customer's choice; 30 days, and less on request.
        ("openai", NOBODY, DataNeeds(retention_days_max=0), "allowed with duties"),
        # Inference can be held in the United States only.
        ("anthropic", NOBODY, DataNeeds(regions=("eu",)), "not allowed"),
        # Any training on its outputs takes permission.
        ("anthropic", NOBODY, DataNeeds(trains_on_outputs=True), "not allowed"),
        ("anthropic", HOSPITAL, DataNeeds(retention_days_max=30, regions=("us",)), "allowed with duties"),
        # No region can be chosen; training is ruled out with billing only.
        ("gemini", NOBODY, DataNeeds(regions=("us",)), "not allowed"),
        ("gemini", NOBODY, DataNeeds(), "allowed with duties"),
        # Nothing read on HIPAA.
        ("gemini", HOSPITAL, DataNeeds(), "unknown"),
        # A region of the cloud is chosen.
        ("bedrock", NOBODY, DataNeeds(regions=("eu",), retention_days_max=0), "allowed with duties"),
        ("bedrock", HOSPITAL, DataNeeds(regions=("us",), retention_days_max=0), "allowed with duties"),
        # Does not say whether the API's inputs train; stays in China; outputs may train.
        ("deepseek", NOBODY, DataNeeds(), "unknown"),
        ("deepseek", NOBODY, DataNeeds(training_tolerated=True, regions=("eu",)), "not allowed"),
        ("deepseek", NOBODY, DataNeeds(training_tolerated=True, trains_on_outputs=True), "allowed"),
        # Opt-out, European address.
        ("mistral", Organisation(obligations=("gdpr",)), DataNeeds(regions=("eu",)), "allowed with duties"),
        ("xai", NOBODY, DataNeeds(trains_on_outputs=True), "not allowed"),
        ("groq", NOBODY, DataNeeds(retention_days_max=0), "allowed with duties"),
        ("openrouter", NOBODY, DataNeeds(trains_on_outputs=True), "unknown"),
    ],
)
def test_shipped_terms_give_the_verdicts_worked_out_by_hand(
    vendor: str, organisation: Organisation, needs: DataNeeds, status: str
) -> None:
    assert terms_verdict(shipped(vendor), organisation, needs).status == status


# Transparency

# Sums of the columns of the index's table as awk makes them, counting columns from the right because some indicators'
# names hold commas: awk -F, 'NR==1{for(i=0;i<13;i++)n[i]=$(NF-12+i)} NR>1{for(i=0;i<13;i++)s[i]+=$(NF-12+i)}
# END{for(i=0;i<13;i++)print n[i],s[i]}' fmti-2025-12-scores.csv
AWK = {
    "openai": 35,
    "anthropic": 46,
    "gemini": 41,
    "vertex": 41,
    "bedrock": 39,
    "xai": 14,
    "mistral": 18,
    "deepseek": 32,
}


def test_transparency_scores_are_the_index_s() -> None:
    scores = {vendor: shipped(vendor).transparency.value for vendor in ALL_VENDORS}
    assert {vendor: score for vendor, score in scores.items() if score is not None} == AWK
    assert acme().transparency.value == 95  # IBM
    assert shipped("openai").transparency.is_stale(SNAPSHOT)


def importer() -> ModuleType:
    spec = spec_from_file_location("fmti_import", ROOT / "scripts" / "import" / "fmti.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_importer_sums_columns_and_refuses_anything_but_0_and_1() -> None:
    table = 'Indicator,Acme,Big Co\nData,1,0\n"Size, in tokens",1,1\nUse,0,1\n'
    assert importer().scores(table) == {"Acme": 2, "Big Co": 2}
    assert msgspec.json.decode(importer().index(table))["indicators"] == 3
    with pytest.raises(ValueError, match="Use, Big Co: '2'"):
        importer().scores(table.replace("Use,0,1", "Use,0,2"))
