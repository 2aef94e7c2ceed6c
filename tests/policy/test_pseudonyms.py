"""Pseudonyms are of their values' kind and shape, the same every time, and stand for one value each."""

import ipaddress
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import iban, luhn

from ecotone.policy.invented import MAKERS
from ecotone.policy.pseudonyms import ATTEMPTS_MAX, Pseudonyms, PseudonymTable
from ecotone.policy.restoring import Pseudonymous
from ecotone.policy.signed import signed_reasoning

ONE = Pseudonyms(bytes(range(32)))
KINDS = [*MAKERS, "de_id", "case_number"]

VALUES = [
    ("credit_card", "4111 1111 1111 1111", r"9999 \d{4} \d{4} \d{4}"),
    ("credit_card", "3782-822463-10005", r"9999-\d{6}-\d{5}"),
    ("iban", "DE89 3704 0044 0532 0130 00", r"DE\d\d( \d{4}){4} \d\d"),
    ("iban", "gb82west12345698765432", r"gb\d\d[a-z]{4}\d{14}"),
    ("us_ssn", "219-09-9999", r"9\d\d-4\d-\d{4}"),
    ("us_ssn", "078 05 1120", r"000 (?!00)\d\d \d{4}"),
    ("us_itin", "912-71-1234", r"9\d\d-4\d-\d{4}"),
    ("email", "anna.k@uni.edu", r"[a-z]{6,}\.[a-z]{4,}\d\d@[a-z]{8,}\.example"),
    ("email", "ANNA@UNI.EDU", r"[A-Z]{6,}\d\d@[a-z]{8,}\.example"),
    ("phone", "+1 (415) 867-5309", r"\+1 \([2-9][0-8]\d\) 555-01\d\d"),
    ("phone", "415.867.5309", r"[2-9][0-8]\d\.555\.01\d\d"),
    ("phone", "+44 (0)20 7123 4567", r"\+44 \(0\)\d\d \d{4} \d{4}"),
    ("phone", "+33 6 12 34 56 78", r"\+33 \d( \d\d){4}"),
    ("phone", "0049 30 1234567", r"0049 [1-9]\d \d{7}"),
    ("phone", "030 1234567", r"0[1-9]\d \d{7}"),
    ("ip", "10.1.2.3", r"198\.1[89]\.[12]\d\d\.[12]\d\d"),
    ("ip", "10.1.2.3/24", r"198\.1[89]\.[12]\d\d\.[12]\d\d/24"),
    ("ip", "2a00:1450:4001::200e", r"2001:db8(:[0-9a-f]{4}){6}"),
    ("url", "https://www.hospital.org:8443/a/12.pdf?id=7&q=%20b#c", r"https://www\.[a-z]+\.example:8443/[a-z]/\d\d\.pdf\?.*"),
    ("url", "hospital.org", r"[a-z]{8,}\.example"),
    ("url", "http://10.0.0.1/x", r"http://198\.1[89]\.\d{3}\.\d{3}/[a-z]"),
    ("mac", "00:1B:44:11:3A:B7", r"[0-9A-F][26AE](:[0-9A-F]{2}){5}"),
    ("mac", "001b.4411.3ab7", r"[0-9a-f][26ae][0-9a-f]{2}(\.[0-9a-f]{4}){2}"),
    ("secret", "sk-ant-api03-AbC123xyZ_90", r"sk-ant-api03-[A-Z][a-z][A-Z]\d{3}[a-z]{2}[A-Z]_\d\d"),
    ("secret", "AKIAIOSFODNN7EXAMPLE", r"AKIA[A-Z]{8}\d[A-Z]{7}"),
    ("secret", "5f4dcc3b5aa765d61d8327deb882cf99", r"[0-9a-f]{32}"),
    ("secret", "postgres://bob:s3cret@db.corp:5432/x", r"postgres://[a-z]{3}:[a-z]\d[a-z]{4}@[a-z]+\.example:5432/[a-z]"),
    ("secret", "-----BEGIN X-----\nMIIE+/=\n-----END X-----", r"-{5}BEGIN X-{5}\n[A-Z]{4}\+/=\n-{5}END X-{5}"),
    ("secret", "correct-horse-battery", r"(?!correct)[a-z]{7}-(?!horse)[a-z]{5}-(?!battery)[a-z]{7}"),
    ("crypto_address", "0x52908400098527886E0F7030069857D2E4169EE7", r"0x[0-9a-f]{40}"),
    ("crypto_address", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", r"1[1-9A-HJ-NP-Za-km-z]{33}"),
    ("crypto_address", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", r"bc1[02-9ac-hj-np-z]{39}"),
    ("coordinates", "-33.8688, 151.2093", r"-[1-8]\d\.\d{4}, 1[0-7]\d\.\d{4}"),
    ("birth_date", "1980-03-12", r"19[789]\d-(0[1-9]|1[012])-(0[1-9]|1[012])"),
    ("birth_date", "March 12, 1980", r"[A-Z][a-z]{2,8} \d\d, 19[789]\d"),
    ("birth_date", "12 Mar 1980", r"\d\d [A-Z][a-z]{2} 19[789]\d"),
    ("person", "Maria J. SCHMIDT", r"[A-Z][a-z]{5,} [A-Z]\. [A-Z]{6,}"),
    ("person", "王小明", r"[\u4e00-\u9fff]{4}"),
    ("person", "Иван Петров", r"[А-Я][а-я]{3} [А-Я][а-я]{5}"),
    ("de_id", "L01X00T47", r"[A-Z]\d\d[A-Z]\d\d[A-Z]\d\d"),
    ("case_number", "AB", r"[A-Z]{2}[a-z]{6,}"),
    ("case_number", 'q"7\\c', r"[a-z]-\d-[a-z]{5,}"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "shape"), VALUES)
def test_shape(kind: str, value: str, shape: str) -> None:
    for attempt in range(20):
        made = ONE.pseudonym(kind, value, attempt)
        assert re.fullmatch(shape, made, re.DOTALL), made
        assert made == ONE.pseudonym(kind, value, attempt)


def test_check_digits_and_reserved_ranges() -> None:
    for attempt in range(50):
        card = ONE.pseudonym("credit_card", "4111111111111111", attempt)
        assert luhn.is_valid(card)
        account = ONE.pseudonym("iban", "DE89370400440532013000", attempt)
        assert iban.calc_check_digits(account) == account[2:4]
        assert ipaddress.ip_address(ONE.pseudonym("ip", "8.8.8.8", attempt)) in ipaddress.ip_network("198.18.0.0/15")
        assert ipaddress.ip_address(ONE.pseudonym("ip", "::1", attempt)) in ipaddress.ip_network("2001:db8::/32")


def test_another_key_gives_another_pseudonym() -> None:
    other = Pseudonyms(bytes(32))
    for kind, value, _ in VALUES:
        assert ONE.pseudonym(kind, value) != other.pseudonym(kind, value)


def test_spellings_of_one_number_get_one_number() -> None:
    spellings = ["4111 1111 1111 1111", "4111-1111-1111-1111", "4111111111111111"]
    made = [ONE.pseudonym("credit_card", spelling) for spelling in spellings]
    assert [re.sub(r"\d", "#", one) for one in made] == [re.sub(r"\d", "#", one) for one in spellings]
    assert len({re.sub(r"\D", "", one) for one in made}) == 1


@pytest.mark.parametrize(
    "spellings", [["12.345.678-9", "12345678-9", "123456789"], ["Project Falcon", "PROJECT FALCON", "projectfalcon"]]
)
def test_spellings_of_what_is_of_no_known_kind(spellings: list[str]) -> None:
    made = [ONE.pseudonym("own", spelling) for spelling in spellings]
    assert len({re.sub(r"\W", "", one).lower() for one in made}) == 1
    table = PseudonymTable(ONE)
    table.replace("own", spellings[0])
    assert table.originals[re.sub(r"\W", "", made[0])] == re.sub(r"\W", "", spellings[0])
    assert table.originals[made[0].upper()] == spellings[0].upper()


def test_what_belongs_together_stays_so() -> None:
    """The same domain in addresses, and the same word in names, get the same in their place."""
    hosts = [
        ONE.pseudonym("email", "anna@uni.edu").partition("@")[2],
        ONE.pseudonym("email", "bob@Uni.edu").partition("@")[2],
        ONE.pseudonym("url", "https://uni.edu/x").split("/")[2],
        ONE.pseudonym("url", "http://www.uni.edu").removeprefix("http://www."),
    ]
    assert len(set(hosts)) == 1
    assert ONE.pseudonym("person", "Maria Schmidt").split()[0] == ONE.pseudonym("person", "Maria")
    assert ONE.pseudonym("person", "MARIA") == ONE.pseudonym("person", "Maria").upper()


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.text(max_size=12)), max_size=12))
@settings(max_examples=60)
def test_no_two_values_share_a_pseudonym(values: list[tuple[str, str]]) -> None:
    values = [(kind, value) for kind, value in values if value]
    table = PseudonymTable(ONE)
    made = {(kind, value): table.replace(kind, value) for kind, value in values}
    for (_, value), pseudonym in made.items():
        if pseudonym != value:
            assert table.originals[pseudonym] == value
    assert all(table.replace(*asked) == pseudonym for asked, pseudonym in made.items())
    said, _ = Pseudonymous(table.originals).restored(" | ".join(made.values()))
    assert said == " | ".join(value for _, value in made)


def test_many_of_a_kind_with_few_pseudonyms() -> None:
    """There are 72,000 of these phone numbers and 48,000 of these addresses; some of 2,000 meet by chance."""
    table = PseudonymTable(ONE)
    values = [("phone", f"415-222-{number:04}") for number in range(2000)]
    values += [("ip", f"10.0.{number // 250}.{number % 250}") for number in range(2000)]
    assert len({table.replace(*value) for value in values}) == 4000


def test_what_the_text_says_is_no_pseudonym() -> None:
    first = ONE.pseudonym("credit_card", "4111 1111 1111 1111")
    second = ONE.pseudonym("credit_card", "4111 1111 1111 1111", 1)
    assert (
        PseudonymTable(ONE, ["Hello", f"my card is {first}!"]).replace("credit_card", "4111 1111 1111 1111") == second
    )
    name = ONE.pseudonym("person", "Maria")
    table = PseudonymTable(ONE, [f"x{name}y"])
    assert table.replace("person", "Maria") == ONE.pseudonym("person", "Maria", 1)
    compact = re.sub(r"\D", "", first)
    table = PseudonymTable(ONE, [f"order {compact}."])
    assert table.replace("credit_card", "4111 1111 1111 1111") == first
    assert compact not in table.originals


def test_a_conversation_keeps_its_pseudonyms_as_it_grows() -> None:
    values = [("email", f"user{number}@uni.edu") for number in range(20)]
    earlier = PseudonymTable(ONE, ["first turn"])
    later = PseudonymTable(ONE, ["first turn", "second turn"])
    assert [earlier.replace(*value) for value in values] == [
        later.replace(*value) for value in [*values, ("email", "new@uni.edu")]
    ][:20]


def test_a_pseudonym_that_comes_back_stays() -> None:
    """Signed reasoning of an earlier turn holds pseudonyms, which are found as if they were real."""
    table = PseudonymTable(ONE, ["ask anna@uni.edu"])
    made = table.replace("email", "anna@uni.edu")
    assert table.replace("email", made) == made
    assert table.replace("email", made.upper()) == made.upper()
    assert table.originals[made] == "anna@uni.edu"


@pytest.mark.parametrize(
    "request_",
    [
        {"messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": "T", "signature": "c2ln"}]}]},
        {
            "input": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "T"}], "encrypted_content": "e"}
            ]
        },
        {"contents": [{"parts": [{"thought": True, "text": "T", "thoughtSignature": "c2ln"}]}]},
        {"messages": [{"reasoning_details": [{"type": "reasoning.text", "text": "T", "signature": "c2ln"}]}]},
    ],
)
def test_signed_reasoning_stays_as_it_is(request_: dict[str, Any]) -> None:
    """What the model made up in it is no secret of the client's; what the client said is, wherever it stands."""
    text = "bob@new.org asks whether anna@uni.edu is there"
    request = json.loads(json.dumps(request_).replace('"T"', json.dumps(text)))
    signed = list(signed_reasoning(request))
    assert text in signed
    assert not {"c2ln", "e"} & set(signed)
    table = PseudonymTable(ONE, ["ask anna@uni.edu"], signed)
    assert table.replace("email", "bob@new.org") == "bob@new.org"
    assert table.replace("email", "anna@uni.edu") != "anna@uni.edu"
    assert PseudonymTable(ONE, ["ask anna@uni.edu"]).replace("email", "bob@new.org") != "bob@new.org"


def test_what_is_not_signed_may_be_changed() -> None:
    unsigned = [
        {"type": "thinking", "thinking": "T", "signature": ""},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "T"}]},
        {"text": "T", "thoughtSignature": "c2ln"},
        {"type": "text", "text": "T"},
    ]
    assert list(signed_reasoning({"messages": [{"content": unsigned}]})) == []


def test_forms_in_which_a_model_may_repeat_it() -> None:
    table = PseudonymTable(ONE)
    card = re.sub(r"\D", "", table.replace("credit_card", "4111111111111111"))
    phone = re.sub(r"\D", "", table.replace("phone", "+1 415 867 5309"))
    ssn = re.sub(r"\D", "", table.replace("us_ssn", "219-09-9999"))
    mail = table.replace("email", "Anna@uni.edu")
    first, last = table.replace("person", "Maria Schmidt").split()
    address = table.replace("url", "https://www.hospital.org/a?id=7").removeprefix("https://")
    host = address.split("/")[0]
    expected = {
        f"{card[:4]} {card[4:8]} {card[8:12]} {card[12:]}": "4111 1111 1111 1111",
        f"{card[:4]}-{card[4:8]}-{card[8:12]}-{card[12:]}": "4111-1111-1111-1111",
        phone: "14158675309",
        f"({phone[1:4]}) {phone[4:7]}-{phone[7:]}": "(415) 867-5309",
        f"{phone[1:4]}-{phone[4:7]}-{phone[7:]}": "415-867-5309",
        ssn: "219099999",
        f"{ssn[:3]} {ssn[3:5]} {ssn[5:]}": "219 09 9999",
        mail.lower(): "anna@uni.edu",
        mail.upper(): "ANNA@UNI.EDU",
        first: "Maria",
        last.upper(): "SCHMIDT",
        address: "www.hospital.org/a?id=7",
        address.removeprefix("www."): "hospital.org/a?id=7",
        host.removeprefix("www."): "hospital.org",
    }
    assert expected.items() <= table.originals.items()


def test_when_nothing_of_the_shape_is_left() -> None:
    """A host alone has one pseudonym an attempt; with all of them said, the shape is given up."""
    said = [ONE.pseudonym("url", "hospital.org", attempt) for attempt in range(ATTEMPTS_MAX)]
    made = PseudonymTable(ONE, [" ".join(said)]).replace("url", "hospital.org")
    assert re.fullmatch(r"url-[a-z]{24,}", made)
    assert "hospital" not in made


def test_characters_that_would_not_come_back_as_they_went() -> None:
    made = ONE.pseudonym("case_number", "a<b>&'c'\u200b\x00\ud800" + "x" * 8)
    assert re.fullmatch(r"[a-z]-[a-z]--[-a-z]*", made)
    assert made.encode()
