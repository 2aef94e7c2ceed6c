"""A question as a query string: there and back, what is left out, and what cannot be read."""

from decimal import Decimal
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecotone.catalog.organisation import Organisation
from ecotone.evaluation.advice.examples import examples
from ecotone.evaluation.advice.query import DEFAULT_WORK, as_pairs, read_pairs
from ecotone.evaluation.advice.question import (
    Assumptions,
    Limits,
    OwnMachine,
    Privacy,
    Question,
    Weights,
    Work,
    problems,
)

counts = st.integers(1, 10**9)
amounts = st.decimals(0, 10**6, places=3)
factors = st.decimals("0.001", 1000, places=3)
words = st.text("abcXYZ ü<>&=+%?#;\"'/.-", min_size=1, max_size=12).filter(lambda text: text == text.strip())
codes = st.sampled_from(["EU", "US", "DE", "CH"])

questions = st.builds(
    Question,
    work=st.builds(
        Work,
        counts,
        st.integers(1, 10**5),
        st.integers(1, 10**5),
        category=st.sampled_from(["general", "law"]),
        cached_input_share=st.decimals(0, 1, places=2),
        context_tokens=st.none() | st.integers(10**6, 10**7),
        needs=st.lists(st.sampled_from(["tools", "json"]), unique=True).map(tuple),
        switching=st.sampled_from(["easy", "normal", "hard"]),
    ),
    title=words,
    providers=st.none() | st.lists(st.sampled_from(["openai", "groq"]), min_size=1, unique=True).map(tuple),
    train_on_outputs=st.booleans(),
    privacy=st.builds(
        Privacy,
        data_class=st.none() | words,
        may_leave=st.booleans(),
        regions=st.none() | st.lists(codes, min_size=1, unique=True).map(tuple),
        retention_days_max=st.none() | st.integers(0, 100),
        training_allowed=st.booleans(),
    ),
    limits=st.builds(
        Limits,
        monthly_usd_max=st.none() | amounts,
        tokens_per_s_min=st.none() | st.floats(0, 1000, allow_subnormal=False),
        weights=st.sampled_from([None, "open", "closed"]),
    ),
    weights=st.builds(Weights, quality=factors, cost=amounts),
    assumptions=st.builds(Assumptions, vendor_prices=factors, machine_speeds=factors),
    organisation=st.builds(Organisation, commercial=st.none() | st.booleans(), revenue=st.none() | counts),
    machines=st.lists(
        st.builds(
            OwnMachine,
            name=words,
            tokens_per_s=st.dictionaries(words.filter(lambda text: "," not in text), factors, min_size=1, max_size=3),
            rent_per_hour=st.none() | amounts,
        ),
        max_size=2,
        unique_by=lambda machine: machine.name,
    ).map(tuple),
).filter(lambda question: not problems(question))


@settings(max_examples=60, deadline=None)
@given(question=questions, whole=st.booleans())
def test_a_link_asks_the_same_question(question: Question, whole: bool) -> None:
    query = urlencode(as_pairs(question, whole=whole))
    read = read_pairs(parse_qsl(query, keep_blank_values=True))
    assert not read.problems
    assert read.question == question


def test_what_stands_at_its_default_is_not_in_the_link() -> None:
    assert as_pairs(Question(DEFAULT_WORK)) == ()
    changed = Question(msgspec.structs.replace(DEFAULT_WORK, input_tokens=2_000), weights=Weights(cost=Decimal("0.50")))
    assert as_pairs(changed) == (("work.input_tokens", "2000"), ("weights.cost", "0.5"))


def test_numbers_as_people_write_them() -> None:
    said = [("work.requests_per_month", "1 000,000"), ("limits.monthly_usd_max", "$4_000"), ("work.input_tokens", " ")]
    question = read_pairs(said).question
    assert question is not None
    assert question.work.requests_per_month == 1_000_000
    assert question.limits.monthly_usd_max == 4_000
    assert question.work.input_tokens == DEFAULT_WORK.input_tokens


def test_several_values_come_in_one_field_or_in_many() -> None:
    one = read_pairs([("privacy.regions", "EU, CH"), ("work.needs", "tools")])
    many = read_pairs([("privacy.regions", "EU"), ("privacy.regions", "CH"), ("work.needs", "tools")])
    assert one.question == many.question
    assert one.question is not None
    assert one.question.privacy.regions == ("EU", "CH")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("work.requests_per_month", "many", "a whole number"),
        ("work.requests_per_month", "2.5", "a whole number"),
        ("work.requests_per_month", "0", "at least 1"),
        ("work.input_tokens", "9" * 30, "that somebody could mean"),
        ("weights.cost", "1e400", "that somebody could mean"),
        ("weights.cost", "NaN", "that somebody could mean"),
        ("weights.cost", "sNaN", "number"),
        ("limits.tokens_per_s_min", "inf", "that somebody could mean"),
        ("limits.weights", "ajar", "one of open, closed"),
        ("work.needs", "wings", "one of tools"),
        ("work.category", "cooking", "unknown category"),
        ("privacy.may_leave", "perhaps", "yes or no"),
        ("privacy.regions", "Mars", "is no region"),
        ("assumptions.vendor_prices", "0", "above 0"),
        ("machines.0.speeds.0.model", "openai/gpt-oss-20b", "how many tokens a second"),
        ("machines.0.speeds.0.tokens_per_s", "5", "which model"),
    ],
)
def test_what_cannot_be_read_is_named_where_it_stands(name: str, value: str, reason: str) -> None:
    read = read_pairs([(name, value)])
    assert read.question is None
    (told,) = read.problems.values()
    assert reason in told


def test_names_from_elsewhere_are_left_alone() -> None:
    assert read_pairs([("sort", "cost"), ("work.colour", "blue"), ("key", "x")]).question == Question(DEFAULT_WORK)


def test_examples_can_be_linked() -> None:
    assert [row.name for row in examples()] == [
        "bulk-classification",
        "chatbot",
        "hospital",
        "legal-research",
        "startup-coding",
    ]
    for row in examples():
        assert read_pairs(as_pairs(row.question)).question == row.question
