"""Three organisations, seven models, and the edges of every condition. Expectations were written from the licences'
texts, by hand: which clauses forbid, which demand, which are looked at and do not apply."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecotone.catalog.licences import ACTS, LicenceFacts, Use, all_licences, licence_facts, licence_verdict
from ecotone.catalog.organisation import Organisation
from ecotone.catalog.verdicts import Reason, Verdict

START_UP = Organisation(commercial=True, monthly_users=40_000, revenue=600_000, territories=("FR",), sector="software")
BANK = Organisation(
    commercial=True,
    monthly_users=200_000_000,
    revenue=30_000_000_000,
    territories=("ES", "BR", "MX"),
    sector="banking",
    obligations=("gdpr",),
)
HOBBYIST = Organisation(commercial=False, monthly_users=0, revenue=0, territories=("JP",))

LICENCE_OF = {
    "Llama 3.3": "LicenseRef-scancode-llama-3.3-license-2024",
    "Gemma 3": "LicenseRef-scancode-gemma-tou-2025-03-24",
    "Qwen2.5-72B": "LicenseRef-scancode-qwen-2024",
    "EXAONE 3.5": "LicenseRef-scancode-exaone-ai-model-1.1-nc",
    "Falcon 2": "LicenseRef-scancode-falcon-2-11b-1.0",
    "OLMo 2": "Apache-2.0",
    "Kimi K2": "LicenseRef-scancode-moonshot-ai-modified-mit-2025",
}

AUP = "LicenseRef-ecotone-llama-3.3-use-policy"
PROHIBITED = "LicenseRef-scancode-gemma-pup-2024-02-21"

LLAMA_DUTIES = [
    "1.b.iv",  # the law and the Acceptable Use Policy
    "1.b.i",  # "Built with Llama"
    "1.b.i",  # a copy of the agreement
    f"{AUP}: Prohibited Uses, 1",
    f"{AUP}: Prohibited Uses, 2",
    f"{AUP}: Prohibited Uses, 3",
    f"{AUP}: Prohibited Uses, 4",
]
LLAMA_REASONS = [
    "1.a Grant of Rights",
    "not: 2. Additional Commercial Terms",
    "1.b.i",  # a product or service that contains the model is foreseen
    f"not: {AUP}: the paragraph after the list of Prohibited Uses",
]
GEMMA_DUTIES = [
    "3.2 Use Restrictions",
    "3.1 Distribution and Redistribution, first condition",
    "3.1 Distribution and Redistribution, second condition",
    f"{PROHIBITED}: first item of the list",
    f"{PROHIBITED}: second item of the list",
    f"{PROHIBITED}: third item of the list",
    f"{PROHIBITED}: third item of the list, fourth point",
    f"{PROHIBITED}: fourth item of the list",
]
FALCON_DUTIES = [
    "Acceptable Use, first paragraph (5.1)",
    "Acceptable Use, second paragraph (5.2)",
    "Acceptable Use, third paragraph (5.3)",
]
QWEN_DUTIES = ["5. Rules of use, a", "3. Redistribution, a"]
QWEN_REASONS = ["2. Grant of Rights", "not: 4. Restrictions", "3. Redistribution"]
KIMI_GRANT = "first paragraph (permission)"
KIMI_NAME = "last paragraph (modification)"
RESEARCH_ONLY = "2.1 Grant of License, a"

# model, organisation: the status, the clauses among the reasons ("not:" for one that does not apply), the duties.
# The use is the usual one: run inside, and serve in a product of one's own.
EXPECTED: list[tuple[str, Organisation, str, list[str], list[str]]] = [
    ("Llama 3.3", START_UP, "allowed with duties", LLAMA_REASONS, LLAMA_DUTIES),
    ("Llama 3.3", BANK, "allowed with duties", LLAMA_REASONS, LLAMA_DUTIES),
    ("Llama 3.3", HOBBYIST, "allowed with duties", LLAMA_REASONS, LLAMA_DUTIES),
    ("Gemma 3", START_UP, "allowed with duties", ["2.2 Use"], GEMMA_DUTIES),
    ("Gemma 3", BANK, "allowed with duties", ["2.2 Use"], GEMMA_DUTIES),
    ("Gemma 3", HOBBYIST, "allowed with duties", ["2.2 Use"], GEMMA_DUTIES),
    ("Qwen2.5-72B", START_UP, "allowed with duties", QWEN_REASONS, QWEN_DUTIES),
    ("Qwen2.5-72B", BANK, "not allowed", ["4. Restrictions"], []),
    ("Qwen2.5-72B", HOBBYIST, "allowed with duties", QWEN_REASONS, QWEN_DUTIES),
    ("EXAONE 3.5", START_UP, "not allowed", ["3.1 Commercial Use", RESEARCH_ONLY], []),
    ("EXAONE 3.5", BANK, "not allowed", ["3.1 Commercial Use", RESEARCH_ONLY], []),
    ("EXAONE 3.5", HOBBYIST, "not allowed", [RESEARCH_ONLY], []),
    ("Falcon 2", START_UP, "allowed with duties", ["Grant of Copyright License"], FALCON_DUTIES),
    ("Falcon 2", BANK, "allowed with duties", ["Grant of Copyright License"], FALCON_DUTIES),
    ("Falcon 2", HOBBYIST, "allowed with duties", ["Grant of Copyright License"], FALCON_DUTIES),
    ("OLMo 2", START_UP, "allowed", ["2. Grant of Copyright License"], []),
    ("OLMo 2", BANK, "allowed", ["2. Grant of Copyright License"], []),
    ("OLMo 2", HOBBYIST, "allowed", ["2. Grant of Copyright License"], []),
    ("Kimi K2", START_UP, "allowed", [KIMI_GRANT, f"not: {KIMI_NAME}"], []),
    ("Kimi K2", BANK, "allowed with duties", [KIMI_GRANT], [KIMI_NAME]),
    ("Kimi K2", HOBBYIST, "allowed", [KIMI_GRANT, f"not: {KIMI_NAME}"], []),
]


def facts_of(name: str) -> LicenceFacts:
    facts = licence_facts(LICENCE_OF.get(name, name))
    assert facts is not None
    return facts


def clauses(reasons: tuple[Reason, ...], own: str) -> list[str]:
    """Where each reason stands: the section, after the text's identifier if that is not the licence itself."""
    found = []
    for reason in reasons:
        assert reason.citation is not None
        text = "" if reason.citation.source == own else f"{reason.citation.source}: "
        not_applied = "not: " if reason.text.startswith("Does not apply") else ""
        found.append(f"{not_applied}{text}{reason.citation.section}")
    return found


def verdict(name: str, organisation: Organisation, **use: Any) -> Verdict:
    return licence_verdict(facts_of(name), organisation, Use(**use))


@pytest.mark.parametrize(
    ("model", "organisation", "status", "reasons", "duties"),
    EXPECTED,
    ids=[f"{row[0]}-{row[1].sector or 'hobbyist'}" for row in EXPECTED],
)
def test_three_organisations_and_seven_models(
    model: str, organisation: Organisation, status: str, reasons: list[str], duties: list[str]
) -> None:
    found = verdict(model, organisation, multimodal=model in {"Gemma 3"})
    own = LICENCE_OF[model]
    assert found.status == status
    assert sorted(clauses(found.reasons, own)) == sorted(reasons)
    assert sorted(clauses(found.duties, own)) == sorted(duties)


def test_every_pair_of_the_walk_is_there() -> None:
    assert {(row[0], row[1]) for row in EXPECTED} == {
        (model, organisation) for model in LICENCE_OF for organisation in (START_UP, BANK, HOBBYIST)
    }


def test_a_duty_says_what_to_do_and_a_refusal_what_is_missing() -> None:
    duties = " ".join(duty.text for duty in verdict("Llama 3.3", BANK, multimodal=False).duties)
    assert "“Built with Llama”" in duties
    assert "Acceptable Use Policy" in duties
    (refusal,) = verdict("Qwen2.5-72B", BANK).reasons
    assert "200,000,000 monthly users in all, taken for the product's" in refusal.text
    assert "Alibaba Cloud has granted a licence" in refusal.text
    (shown,) = verdict("Kimi K2", BANK).duties
    assert "“Kimi K2”" in shown.text


@pytest.mark.parametrize("organisation", [START_UP, BANK, HOBBYIST])
def test_exaone_may_be_tried_out_by_anyone(organisation: Organisation) -> None:
    found = verdict("EXAONE 3.5", organisation, serve=False, research_only=True)
    own = LICENCE_OF["EXAONE 3.5"]
    assert found.status == "allowed with duties"
    assert sorted(clauses(found.reasons, own)) == [
        RESEARCH_ONLY,
        "not: 2.1 Grant of License, a",
        "not: 3.1 Commercial Use",
    ]
    assert sorted(clauses(found.duties, own)) == [
        "3.2 Reverse Engineering",
        "3.3 Unlawful Use",
        "3.4 Ethical Use",
        "4.2 Output",
        "4.3 Attribution",
    ]


def company(**changes: Any) -> Organisation:
    known: dict[str, Any] = {"commercial": True, "monthly_users": 1_000, "revenue": 10_000, "territories": ("US",)}
    return Organisation(**(known | changes))


@pytest.mark.parametrize(
    ("name", "users", "status"),
    [
        ("Qwen2.5-72B", 100_000_000, "allowed with duties"),
        ("Qwen2.5-72B", 100_000_001, "not allowed"),
        ("tongyi-qianwen", 100_000_000, "allowed with duties"),
        ("tongyi-qianwen", 100_000_001, "not allowed"),
        ("Kimi K2", 100_000_000, "allowed"),
        ("Kimi K2", 100_000_001, "allowed with duties"),
        ("llama2", 700_000_000, "allowed with duties"),
        ("llama2", 700_000_001, "not allowed"),
        ("llama3", 700_000_000, "allowed with duties"),
        ("llama3", 700_000_001, "not allowed"),
        ("llama3.1", 700_000_000, "allowed with duties"),
        ("llama3.1", 700_000_001, "not allowed"),
        ("llama3.2", 700_000_000, "allowed with duties"),
        ("llama3.2", 700_000_001, "not allowed"),
        ("Llama 3.3", 700_000_000, "allowed with duties"),
        ("Llama 3.3", 700_000_001, "not allowed"),
        ("llama4", 700_000_000, "allowed with duties"),
        ("llama4", 700_000_001, "not allowed"),
        ("HyperCLOVA X SEED", 10_000_000, "allowed with duties"),
        ("HyperCLOVA X SEED", 10_000_001, "not allowed"),
        ("tencent-hunyuan-community", 1_000_000, "allowed with duties"),
        ("tencent-hunyuan-community", 1_000_001, "not allowed"),
    ],
)
def test_a_cap_on_users_is_passed_by_more_than_its_number(name: str, users: int, status: str) -> None:
    assert verdict(name, company(monthly_users=users)).status == status


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("llama2", "2023-06"),  # released 18 July 2023
        ("llama3", "2024-03"),  # 18 April 2024
        ("llama3.1", "2024-06"),  # 23 July 2024
        ("llama3.2", "2024-08"),  # 25 September 2024
        ("Llama 3.3", "2024-11"),  # 6 December 2024
        ("llama4", "2025-03"),  # 5 April 2025
        ("HyperCLOVA X SEED", "2025-03"),  # 24 April 2025
        ("tencent-hunyuan-community", "2024-12"),  # 21 January 2025
    ],
)
def test_caps_of_the_release_date_name_the_month_before_it(name: str, month: str) -> None:
    (reason,) = verdict(name, company(monthly_users=10**9)).reasons
    assert f"1,000,000,000 monthly users, taken for {month}" in reason.text


@pytest.mark.parametrize(
    ("name", "changes", "use", "status"),
    [
        # 20 million dollars a month are 240 million a year.
        ("Kimi K2", {"revenue": 240_000_000}, {}, "allowed"),
        ("Kimi K2", {"revenue": 240_000_001}, {}, "allowed with duties"),
        ("Kimi K2", {"revenue": 10**12}, {"product_monthly_revenue": 20_000_000}, "allowed"),
        ("Kimi K2", {"revenue": 10**12}, {"product_monthly_revenue": 20_000_001}, "allowed with duties"),
        ("Kimi K2", {"revenue": 10**12, "commercial": False}, {}, "allowed"),
        ("Kimi K2", {"revenue": 10**12}, {"serve": False}, "allowed"),
        ("Kimi K2", {"revenue": 10**12}, {"serve": False, "host": True}, "allowed with duties"),
        ("Kimi K2", {"monthly_users": 10**9}, {"product_monthly_users": 100_000_000}, "allowed"),
        ("Kimi K2", {"monthly_users": 10**9}, {"product_monthly_users": 100_000_001}, "allowed with duties"),
        ("Qwen2.5-72B", {"monthly_users": 10**9}, {"product_monthly_users": 100_000_000}, "allowed with duties"),
        ("Qwen2.5-72B", {"monthly_users": 10**9}, {"product_monthly_users": 100_000_001}, "not allowed"),
        ("Qwen2.5-72B", {"monthly_users": 10**9, "commercial": False}, {}, "allowed with duties"),
        ("stabilityai-ai-community", {"revenue": 1_000_000}, {}, "allowed with duties"),
        ("stabilityai-ai-community", {"revenue": 1_000_001}, {}, "not allowed"),
        ("stabilityai-ai-community", {"revenue": 1_000_001, "commercial": False}, {}, "not allowed"),
    ],
)
def test_caps_on_revenue_and_on_one_product(
    name: str, changes: dict[str, Any], use: dict[str, Any], status: str
) -> None:
    assert verdict(name, company(**changes), **use).status == status


@pytest.mark.parametrize(
    ("territories", "status"),
    [
        (("US",), "allowed with duties"),
        (("US", "CH", "NO", "KP"), "allowed with duties"),
        ((), "allowed with duties"),
        (("EU",), "not allowed"),
        (("DE",), "not allowed"),
        (("us", "ie"), "not allowed"),
        (("GB",), "not allowed"),
        (("UK",), "not allowed"),
        (("US", "KR"), "not allowed"),
    ],
)
def test_hunyuan_stays_out_of_three_territories(territories: tuple[str, ...], status: str) -> None:
    found = verdict("tencent-hunyuan-community", company(territories=territories))
    assert found.status == status
    if status == "not allowed":
        assert clauses(found.reasons, facts_of("tencent-hunyuan-community").id) == ["5. Rules of Use, c"]


def test_the_territory_of_a_use_may_be_narrower_than_the_organisations() -> None:
    everywhere = company(territories=("US", "DE"))
    refused = verdict("tencent-hunyuan-community", everywhere)
    assert "(in DE)" in refused.reasons[0].text
    assert verdict("tencent-hunyuan-community", everywhere, territories=("US",)).status == "allowed with duties"
    assert verdict("tencent-hunyuan-community", company(), territories=("DE",)).status == "not allowed"


@pytest.mark.parametrize("name", ["llama3.2", "llama4"])
@pytest.mark.parametrize(
    ("territories", "multimodal", "status"),
    [
        (("FR",), True, "not allowed"),
        (("EU",), True, "not allowed"),
        (("FR", "DE"), True, "not allowed"),
        (("FR", "US"), True, "unknown"),  # the principal place of business decides, and is not stated
        (("US",), True, "allowed with duties"),
        (("GB",), True, "allowed with duties"),
        (("FR",), False, "allowed with duties"),
        (("FR",), None, "unknown"),
        (("US",), None, "allowed with duties"),
        (None, True, "unknown"),
        (None, False, "allowed with duties"),
    ],
)
def test_multimodal_llamas_are_not_for_companies_of_the_european_union(
    name: str, territories: tuple[str, ...] | None, multimodal: bool | None, status: str
) -> None:
    found = verdict(name, company(territories=territories), multimodal=multimodal)
    assert found.status == status
    if status == "not allowed":
        (reason,) = found.reasons
        assert reason.citation is not None
        assert reason.citation.section == "the paragraph after the list of Prohibited Uses"


@pytest.mark.parametrize(
    ("name", "users", "missing"),
    [
        ("Llama 3.3", 5, "monthly_users"),
        ("Qwen2.5-72B", 10**9, "commercial"),
        ("Qwen2.5-72B", 5, "monthly_users"),
        ("Kimi K2", 5, "revenue"),
        ("CC-BY-NC-4.0", 5, "commercial"),
        ("stabilityai-ai-community", 5, "revenue"),
        ("stabilityai-ai-community", 5, "commercial"),
        ("tencent-hunyuan-community", 5, "territories"),
    ],
)
def test_what_the_organisation_does_not_say_is_named(name: str, users: int, missing: str) -> None:
    found = verdict(name, company(**({"monthly_users": users} | {missing: None})), multimodal=False)
    assert found.status == "unknown"
    assert any(f"set `{missing}` in [organisation]" in reason.text for reason in found.reasons)
    assert all(reason.citation is not None for reason in found.reasons)


def test_nothing_said_is_no_obstacle_where_no_clause_turns_on_it() -> None:
    assert verdict("OLMo 2", Organisation()).status == "allowed"
    assert verdict("Gemma 3", Organisation()).status == "allowed with duties"


@pytest.mark.parametrize(
    ("name", "changes", "status"),
    [
        # One side of an "or" that holds is enough, and one side of an "and" that does not.
        ("Kimi K2", {"monthly_users": 10**9, "revenue": None}, "allowed with duties"),
        ("Kimi K2", {"monthly_users": None, "revenue": 10**12}, "allowed with duties"),
        ("Kimi K2", {"monthly_users": None, "revenue": 0}, "unknown"),
        ("Kimi K2", {"commercial": False, "monthly_users": None, "revenue": None}, "allowed"),
        ("Qwen2.5-72B", {"commercial": None, "monthly_users": 5}, "allowed with duties"),
        ("Qwen2.5-72B", {"commercial": False, "monthly_users": None}, "allowed with duties"),
        ("EXAONE 3.5", {"commercial": None}, "not allowed"),  # not research, whoever it is
    ],
)
def test_what_is_unknown_counts_only_where_it_decides(name: str, changes: dict[str, Any], status: str) -> None:
    assert verdict(name, company(**changes)).status == status


@pytest.mark.parametrize(
    ("name", "status", "section"),
    [
        ("llama2", "not allowed", "1.b.v"),
        ("llama3", "not allowed", "1.b.v"),
        ("tongyi-qianwen", "not allowed", "5. Rules of use, b"),
        ("tencent-hunyuan-community", "not allowed", "5. Rules of Use, b"),
        ("exaone", "not allowed", "3.1 Commercial Use, last sentence"),
        ("Llama 3.3", "allowed with duties", "1.b.i"),
        ("Qwen2.5-72B", "allowed with duties", "5. Rules of use, b"),
        ("Gemma 3", "allowed with duties", '1.1 (e) "Model Derivatives"'),
        ("HyperCLOVA X SEED", "allowed with duties", "3.1, last sentence"),
        ("OpenMDW-1.0", "allowed", "sixth paragraph (outputs)"),
    ],
)
def test_training_other_models_on_outputs(name: str, status: str, section: str) -> None:
    found = verdict(name, company(), multimodal=False, serve=False, train_on_outputs=True)
    assert found.status == status
    cited = found.reasons if status in ("not allowed", "allowed") else found.duties
    assert section in clauses(cited, facts_of(name).id)


def test_a_llama_trained_on_bears_its_name() -> None:
    prefix = "Begin the name of a model that was made, trained or improved with this one or its outputs with “Llama”"
    for act in ("adapt", "train_on_outputs"):
        found = verdict("Llama 3.3", company(), multimodal=False, **{act: True})
        assert any(duty.text.startswith(prefix) for duty in found.duties)
    assert not any(duty.text.startswith(prefix) for duty in verdict("Llama 3.3", company(), multimodal=False).duties)


@pytest.mark.parametrize(
    ("name", "use", "status", "sections"),
    [
        (
            "stabilityai-nc-research-community",
            {"serve": False, "host": True, "research_only": True},
            "not allowed",
            ["1.b"],
        ),
        ("stabilityai-nc-research-community", {"serve": False, "research_only": True}, "allowed with duties", None),
        ("flux-1-dev-non-commercial-license", {"serve": False, "research_only": True}, "allowed with duties", None),
        (
            "flux-1-dev-non-commercial-license",
            {"serve": False},
            "not allowed",
            ["License Grant, “Non-Commercial Use Only” (2.b)"],
        ),
        ("LLaMA License", {"serve": False, "research_only": True}, "unknown", ["1. License Grant, a"]),
        ("MRL", {"serve": False, "research_only": True}, "not allowed", ['9. Definitions, "Research Purposes"']),
        ("CC-BY-NC-4.0", {"serve": False, "research_only": True}, "unknown", ["Section 1(i) NonCommercial"]),
        ("CC-BY-NC-4.0", {"serve": False}, "not allowed", ["Section 2(a)(1)"]),
        ("exaone", {"serve": False, "research_only": True, "redistribute": True}, "unknown", ["2.2 Scope of License"]),
    ],
)
def test_a_company_and_licences_that_are_not_for_business(
    name: str, use: dict[str, Any], status: str, sections: list[str] | None
) -> None:
    found = verdict(name, company(), **use)
    assert found.status == status
    if sections is not None:
        assert clauses(found.reasons, facts_of(name).id) == sections


@pytest.mark.parametrize(
    "name", ["CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0", "flux-1-dev-non-commercial-license"]
)
def test_who_is_not_commercial_may_run_what_is_not_for_business(name: str) -> None:
    assert verdict(name, HOBBYIST, serve=False).status in ("allowed", "allowed with duties")


def test_the_mistral_research_licence_is_for_research_by_those_who_are_not_commercial() -> None:
    assert verdict("MRL", HOBBYIST).status == "not allowed"
    found = verdict("MRL", HOBBYIST, serve=False, research_only=True)
    assert found.status == "allowed with duties"
    assert clauses(found.duties, facts_of("MRL").id) == ["4.2. Outputs"]


@pytest.mark.parametrize(
    ("name", "without", "with_it"),
    [("MIT", "allowed", "allowed with duties"), ("Apache-2.0", "allowed", "allowed with duties")],
)
def test_passing_weights_on_brings_duties(name: str, without: str, with_it: str) -> None:
    assert verdict(name, BANK).status == without
    assert verdict(name, BANK, redistribute=True).status == with_it


def test_a_policy_that_may_change_is_cited_with_the_day_of_the_copy() -> None:
    found = verdict("Gemma 3", BANK)
    days = {duty.citation.read_on is None for duty in found.duties if duty.citation and "pup" in duty.citation.source}
    assert days == {False}


NAMES = st.sampled_from(sorted(all_licences()))
MAYBE = st.one_of(st.none(), st.integers(0, 2_000_000_000))
PLACES = st.one_of(st.none(), st.lists(st.sampled_from(["EU", "DE", "GB", "KR", "US"]), max_size=3).map(tuple))
ORGANISATIONS = st.builds(
    Organisation,
    commercial=st.one_of(st.none(), st.booleans()),
    monthly_users=MAYBE,
    revenue=MAYBE,
    territories=PLACES,
)
USES = st.builds(
    Use,
    **{act: st.booleans() for act in ACTS},
    research_only=st.booleans(),
    multimodal=st.one_of(st.none(), st.booleans()),
)
STRICTNESS = ["allowed", "allowed with duties", "unknown", "not allowed"]


@given(NAMES, ORGANISATIONS, USES)
def test_a_verdict_holds_together(name: str, organisation: Organisation, use: Use) -> None:
    found = licence_verdict(all_licences()[name], organisation, use)
    assert bool(found.duties) <= (found.status in ("allowed with duties", "unknown"))
    if found.status in ("not allowed", "unknown"):
        assert found.reasons
    if found.status == "allowed with duties":
        assert found.duties
    assert len(set(found.reasons)) == len(found.reasons)


@given(NAMES, ORGANISATIONS, USES, st.integers(0, 2_000_000_000), st.integers(0, 2_000_000_000))
def test_learning_more_never_overturns_a_verdict(
    name: str, organisation: Organisation, use: Use, users: int, revenue: int
) -> None:
    facts = all_licences()[name]
    before = licence_verdict(facts, organisation, use).status
    told = Organisation(
        commercial=organisation.commercial,
        monthly_users=users if organisation.monthly_users is None else organisation.monthly_users,
        revenue=revenue if organisation.revenue is None else organisation.revenue,
        territories=organisation.territories,
    )
    if before != "unknown":
        assert licence_verdict(facts, told, use).status == before


@given(NAMES, ORGANISATIONS, USES, st.integers(1, 2_000_000_000))
def test_growing_never_makes_a_verdict_milder(name: str, organisation: Organisation, use: Use, more: int) -> None:
    facts = all_licences()[name]
    if organisation.monthly_users is None or organisation.revenue is None:
        return
    grown = Organisation(
        commercial=organisation.commercial,
        monthly_users=organisation.monthly_users + more,
        revenue=organisation.revenue + more,
        territories=organisation.territories,
    )
    before = licence_verdict(facts, organisation, use).status
    assert STRICTNESS.index(licence_verdict(facts, grown, use).status) >= STRICTNESS.index(before)
