"""What detectors find, and what they leave: published example numbers, and texts written by hand."""

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecotone.policy.detectors import Detectors
from ecotone.policy.detectors.secret_formats import FORMS
from ecotone.policy.findings import Finding
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.settings import DataSettings, PatternSettings

DETECTORS = Detectors()


def found(text: str, detectors: Detectors = DETECTORS) -> list[tuple[str, str]]:
    return [(one.kind, text[one.start : one.end]) for one in detectors.find(text)]


# Between guillemets stands what has to be found, and nothing else may be.
FOUND = {
    "credit_card": [
        # test numbers that the card networks and their processors publish
        "card «4111 1111 1111 1111», please",
        "«4111-1111-1111-1111»",
        "«4111111111111111».",
        "(«5555555555554444»)",
        "amex «3782 822463 10005»",
        "«371449635398431»",
        "diners «30569309025904»",
        "«3530111333300000»",
        "«6011 0009 9013 9424»",
        "Mastercard «2223003122003222»",
        "«4222222222222»",
        "Maestro «6759649826438453»",
        "«4111 1111 1111 1111» 12/29 123",
        "id 7 «4111111111111111»,5",
        "a,«4111111111111111»,b",
        '{"n": "«4111.1111.1111.1111»"}',
        "«4111 1111\n1111 1111»",
        "«4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1»",
        "card«4111111111111111»",
        "КАРТА «4111 1111 1111 1111»",
    ],
    "iban": [
        # the examples of the IBAN registry
        "«GB29NWBK60161331926819»",
        "IBAN: «GB29 NWBK 6016 1331 9268 19» is mine",
        "«DE89 3704 0044 0532 0130 00»",
        "«fr14 2004 1010 0505 0001 3m02 606»",
        "«NO9386011117947»",
        "«MT84MALT011000012345MTLCAST001S»",
        "IBAN«NL91ABNA0417164300»",
        "«ES91-2100-0418-4502-0005-1332»,",
    ],
    "email": [
        "write to «jane.doe+tag@example.co.uk».",
        "<«a@b.io»>",
        "mailto:«JOHN@EXAMPLE.COM»?subject=x",
        "**«x_y-z@sub.domain.museum»**",
        "('«o'brien@example.com»')",
        "«jörg@müller.de»",
        "«user@xn--mller-kva.de»",
        "«root@[192.0.2.1]»",
        '«"john doe"@example.com»',
        "邮箱«zhang@example.cn»。",
        "«jane [at] example [dot] com»",
    ],
    "ip": [
        "host «192.0.2.17» is up",
        "«192.0.2.17»:8080",
        "«10.0.0.0»/8",
        "at «2001:db8::1».",
        "[«2001:db8:85a3::8a2e:370:7334»]:443",
        "«::1» and «fe80::1»%eth0",
        "«::ffff:192.0.2.128»",
        "«2001:0DB8:0000:0000:0000:FF00:0042:8329»",
        "«198[.]51[.]100[.]7»",
    ],
    "mac": ["eth0 «00:1A:2B:3C:4D:5E» up", "«00-1a-2b-3c-4d-5e»", "«001a.2b3c.4d5e»", "MAC «001A2B3C4D5E»"],
    "url": [
        "see «https://example.com/a?b=c#d».",
        "[text](«https://en.wikipedia.org/wiki/RE2_(software)»)",
        "<«ftp://ftp.example.org/x»>",
        "visit «www.example.com», then",
        "at «example.com» today",
        "«EXAMPLE.CO.UK»",
        "our page «my-shop.store/cart»!",
        "«bücher.de»",
        "«пример.рф»",
        "«xn--bcher-kva.example.com»",
        "«https://例え.jp/»",
        "请访问«https://example.com»查看",
        '"«http://localhost:4100/v1»"',
        "«docs.python.org/3»",
        "go to «163.com»",
    ],
    "us_ssn": [
        "SSN «536-90-4399»",
        "«536 90 4399»",
        "social security number: «536904399»",
        "ssn#«078-05-1120»",
    ],
    "phone": [
        "+ «+44 20 7946 0958»",
        "«+1 (212) 555-0123 ext. 45»",
        "«(212) 555-0123»",
        "«212-555-0123»",
        "«212.555.0123»",
        "«020 7946 0958»",
        "Tel. «030/1234567»",
        "«+49 (0)30 1234567»",
        "«01 23 45 67 89»",
        "call me on «555 0123»",
        "Telefon: «12345678»",
        "電話«03-1234-5678»",
        "«0044 20 7946 0958»",
        "fax «2125550123»",
    ],
    "crypto_address": [
        "«1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa»",  # Bitcoin's first block
        "«BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4»",  # BIP 173
        "«bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y»",  # BIP 350
        "«0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed»",  # ERC-55
        "«rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh»",  # the XRP Ledger's genesis account
    ],
    "coordinates": [
        "at «48.85837, 2.29448» in Paris",
        "«-33.8568,151.2153»",
        "«48°51'29.9\"N 2°17'40.2\"E»",
        "https://maps.example/@«48.8583701,2.2944813»,17z",
        "«geo:37.786971,-122.399677»",
        "«8FVC9G8F+6X»",  # the Open Location Code of its documentation
    ],
    "birth_date": [
        "born on «12 March 1984» in",
        "DOB: «03/12/1984»",
        "Geburtsdatum «12.03.1984»",
        "date of birth is «1984-03-12»",
        "née le «12 mars 1984»",
        "生年月日:«1984年3月12日»",
    ],
    "bank_account": [
        "account number «12345678»",
        "routing number «021000021»",
        "sort code «20-00-00»",
        "SWIFT: «DEUTDEFF500»",
    ],
    "secret": [
        "«AKIAIOSFODNN7EXAMPLE»",  # of AWS' documentation
        "export TOKEN=«ghp_0123456789abcdefghijABCDEFGHIJ012345»",
        "«sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789»",
        # of RFC 7519, section 3.1
        "«eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UifQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk»",
        "«postgres://app:s3cr3t@db.internal:5432/prod»",
        "password: «hunter2»",
        "my password is «correct7horse»",
        'DB_PASSWORD="«letmein»"',
        'the Wi-Fi password: "«correct horse battery»"',
        "pwd=«Sup3rS3cret!»",
        "Passwort: «geheim!1»",
        "aws_secret_access_key = «wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»",
        "Authorization: Bearer «mF_9.B5f-4.1JqM0q8»",
        "Server=db;User Id=sa;Password=«Yukon900»;",
        "«-----BEGIN PRIVATE KEY-----\nMIIBVgIBADANBgkqhkiG9w0B\nAQE=\n-----END PRIVATE KEY-----»\nhello",
    ],
}

NOTHING = [
    "In 2019 there were 12 plots, now there are 37 of them (see page 4).",
    "on 2024-01-15 at 12:34:56, or 15.01.2024 10:30",
    "1990-1995, pages 123-145",
    "version 1.2.3.4 of the driver",
    "std::vector<int> a; bad::face::b",
    "read README.md and main.py, run build.sh",
    "self.name = obj.info()",
    "It is over.It was long.",
    "e.g. this, i.e. that, at 5 p.m. in the U.S. with a Ph.D.",
    "4111 1111 1111 1112",
    "1234567812345678",
    "550e8400-e29b-41d4-a716-446655440000",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "GB29NWBK60161331926818",
    "DE89 is a road",
    "000-12-3456, 666-12-3456, 912-12-3456, 123-00-4567, 123-45-0000",
    "order 536904399",
    "Password: string; token: str",
    "password = os.environ['PASSWORD']",
    "api_key: ${API_KEY}",
    "The secret is simple: work.",
    "@someone wrote to @other",
    "ratio 3:2, scores 10:9:8",
    "12 345 678 inhabitants, 1 200 000 of them",
    "$1,234,567.89 and €2.500.000",
    "ISBN 978-3-16-148410-0",
    "He was born in a small town.",
    "0.12345678 0.23456789",
    "[0.123456, -0.234567, 0.345678]",
    "665.7469353509508 and 519.4482544211168",
    "a[1::2], b[::2]",
    "Mozilla/5.0 (X11) Chrome/120.0.0.0 Safari/537.36, rv:1.9.6.20",
    "git@github.com:user/repo",
    "from ecotone.values.chat import x; t.id, source.id",
    "passing_labels: List[str], password=auth[2]",
    "max_tokens = 512\\ntemperature = 0.5",
    "--subject-token-type=urn:ietf:params:oauth:token-type:saml2",
    "your account | 2026-08-08 | b. Customers 2026-09-26",
    "a tweet 1734123740905073571, order 57173412374090",
]


@pytest.mark.parametrize(("kind", "marked"), [(kind, text) for kind, texts in FOUND.items() for text in texts])
def test_is_found(kind: str, marked: str) -> None:
    text = marked.replace("«", "").replace("»", "")
    wanted = [(kind, part.partition("»")[0]) for part in marked.split("«")[1:]]
    assert [one for one in found(text) if one[0] == kind] == wanted


@pytest.mark.parametrize("text", NOTHING)
def test_nothing_is_found(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("country", "kind", "text"),
    [
        ("gb", "gb_nhs", "NHS 943 476 5870"),
        ("gb", "gb_nino", "AB 12 34 56 C"),
        ("de", "de_idnr", "Steuer-ID 36 574 261 809"),
        ("fr", "fr_nir", "2 95 10 99 126 111 93"),
        ("es", "es_dni", "54362315-K"),
        ("it", "it_codice_fiscale", "RCCMNL83S18D969H"),
        ("nl", "nl_bsn", "BSN 1112.22.333"),
        ("be", "be_nn", "85.07.30-033.28"),
        ("se", "se_personnummer", "880320-0016"),
        ("fi", "fi_hetu", "131052-308T"),
        ("pl", "pl_pesel", "PESEL 44051401359"),
        ("ch", "ch_ahv", "756.9217.0769.85"),
        ("br", "br_cpf", "390.533.447-05"),
        ("in", "in_aadhaar", "2341 2341 2346"),
        ("ca", "ca_sin", "123-456-782"),
        ("us", "us_itin", "912-90-3456"),
    ],
)
def test_national_numbers_are_found_where_the_owner_names_the_country(country: str, kind: str, text: str) -> None:
    assert kind in [one[0] for one in found(text, Detectors(DataSettings(countries=(country,))))]
    assert kind not in [one[0] for one in found(text, Detectors(DataSettings(countries=())))]


SEVERAL_COUNTRIES = Detectors(
    DataSettings(countries=("us", "de", "nl", "cz", "sk"), raises={"us_ssn": "internal", "nl_bsn": "restricted"})
)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("SSN 536-90-4399, BSN 111222333, born on 3 May 1957", ["us_ssn", "nl_bsn", "birth_date"]),
        ("BSN: 111222333, SSN: 536904399", ["nl_bsn", "us_ssn"]),
        ("ssn 111222333 bsn 111222333", ["us_ssn", "nl_bsn"]),
        ("burgerservicenummer 111222333 (no social security)", ["nl_bsn"]),
        ("Social security number: 111222333", ["us_ssn"]),
        ("111222333 is my BSN, SSN follows", ["nl_bsn"]),
        # The words do not say which of them it is.
        ("BSN/SSN 111222333", ["nl_bsn", "us_ssn"]),
        ("SSN 536-90-4399, identity card 111222333", ["us_ssn", "cz_rc", "nl_bsn", "sk_rc", "us_ssn"]),
        ("rodné číslo 780123/3540", ["cz_rc", "sk_rc"]),
    ],
)
def test_a_number_of_several_countries_is_what_the_word_beside_it_says_or_all_of_them(
    text: str, kinds: list[str]
) -> None:
    assert [kind for kind, _ in found(text, SEVERAL_COUNTRIES)] == kinds


def test_positions_count_characters_not_bytes() -> None:
    assert DETECTORS.find("Grüße 😀 an jane@example.com") == (Finding(11, 27, "email", "form"),)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("x 4111\u200b1111\u200d1111\u00ad1111 y", "credit_card", "4111\u200b1111\u200d1111\u00ad1111"),
        ("x ４１１１１１１１１１１１１１１１ y", "credit_card", "４１１１１１１１１１１１１１１１"),
        ("x ٤١١١١١١١١١١١١١١١ y", "credit_card", "٤١١١١١١١١١١١١١١١"),
        ("x 4111\u00a01111\u20111111\u20131111 y", "credit_card", "4111\u00a01111\u20111111\u20131111"),
        ("x 4\u03361\u03361\u03361\u03361111 1111 1111 y", "credit_card", "4\u03361\u03361\u03361\u03361111 1111 1111"),
        ("x jane＠example．com y", "email", "jane＠example．com"),
        ("x jane%40example.com y", "email", "jane%40example.com"),
        ("x jane&#64;example.com y", "email", "jane&#64;example.com"),
        ("x jane\\u0040example.com y", "email", "jane\\u0040example.com"),
        ("x\\n4111111111111111\\ny", "credit_card", "4111111111111111"),
    ],
)
def test_hidden_values_are_found_where_they_stand(text: str, kind: str, value: str) -> None:
    assert (kind, value) in found(text)


def test_of_overlapping_readings_the_more_specific_stands() -> None:
    assert found("http://192.0.2.1:8080/x") == [("url", "http://192.0.2.1:8080/x"), ("ip", "192.0.2.1")]
    assert found("https://x.org/?mail=jane@example.com") == [
        ("url", "https://x.org/?mail=jane@example.com"),
        ("email", "jane@example.com"),
    ]
    assert found("tel 4111111111111111") == [("credit_card", "4111111111111111")]
    assert found("jane@example.com") == [("email", "jane@example.com")]
    assert found("postgres://u:pw@192.0.2.1/x") == [("secret", "postgres://u:pw@192.0.2.1/x"), ("ip", "192.0.2.1")]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form[0])
@given(data=st.data())
@settings(max_examples=3)
def test_every_vendors_form_passes_the_first_look(form: tuple[str, str, str], data: st.DataObject) -> None:
    key = data.draw(st.from_regex(re.compile(f"(?:{form[1]}{form[2]})", re.ASCII), fullmatch=True))
    assert any(
        one.kind == "secret" and one.end >= 4 + len(key.rstrip("=.")) for one in DETECTORS.find(f"use {key} now")
    )


TEXTS = st.text(alphabet="0123456789 .-/:@+()aAeEkX=\"'\n\u200b\u00a0é٤＠", max_size=60)


@given(
    TEXTS, st.sampled_from(["4111 1111 1111 1111", "jane@example.com", "GB29NWBK60161331926819", "536-90-4399"]), TEXTS
)
def test_a_value_among_spaces_is_found_whatever_stands_around(before: str, value: str, after: str) -> None:
    text = f"{before} | {value} | {after}"
    start = len(before) + 3
    assert any(one.start <= start and one.end >= start + len(value) for one in DETECTORS.find(text))


@given(TEXTS)
def test_findings_lie_in_the_text_in_order_and_no_two_of_a_kind_overlap(text: str) -> None:
    findings = DETECTORS.find(text)
    assert list(findings) == sorted(findings)
    last: dict[str, int] = {}
    for one in findings:
        assert 0 <= one.start < one.end <= len(text)
        assert last.get(one.kind, 0) <= one.start
        last[one.kind] = one.end


# What a detector begins to read again and again, were it not bounded.
HOSTILE = [
    "4",
    "4 ",
    "a@",
    "a.",
    "a.com?",
    "://",
    "-----BEGIN PRIVATE KEY-----",
    "password=",
    "GB29",
    "1:",
    "eyJ",
    "(+1 ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_hostile_text_is_read_to_its_end(piece: str) -> None:
    text = piece * (60_000 // len(piece)) + " | jane@example.com"
    assert (len(text) - 16, len(text)) in [(one.start, one.end) for one in DETECTORS.find(text)]


def own(**settings: object) -> Detectors:
    return Detectors(DataSettings(patterns={"project": msgspec.convert(settings, PatternSettings)}))


def test_the_owners_pattern_is_found() -> None:
    detectors = own(pattern="PRJ-[0-9]{4}")
    assert found("über PRJ-1234, PRJ-99", detectors) == [("project", "PRJ-1234")]
    assert "project" in detectors.kinds


def test_the_owners_words_are_found_whole_and_in_any_case() -> None:
    detectors = own(words=("Blue Heron", "straße", "鷺"))
    text = "the BLUE  heron, blue herons, Straße 7, Hauptstraße, 青鷺だ"
    assert [one[1] for one in found(text, detectors)] == ["BLUE  heron", "Straße", "鷺"]


def test_what_the_owner_names_stands_beside_what_else_it_is() -> None:
    text = "number 536-90-4399, jane@example.com"
    ssn, mail = ("us_ssn", "536-90-4399"), ("email", "jane@example.com")
    assert found(text, own(pattern="[0-9]{3}-[0-9]{2}-[0-9]{4}")) == [("project", "536-90-4399"), ssn, mail]
    assert found(text, own(words=("example",))) == [ssn, mail, ("project", "example")]
    same = Detectors(DataSettings(patterns={"email": PatternSettings(pattern="[a-z]+@[a-z]+")}))
    assert found(text, same) == [ssn, ("email", "jane@example")]


@pytest.mark.parametrize(
    ("written", "path", "words"),
    [
        (
            {"pattern": "a(?=b)"},
            ("data", "patterns", "project", "pattern"),
            "the pattern of 'project' is no regular expression in RE2",
        ),
        (
            {"pattern": "["},
            ("data", "patterns", "project", "pattern"),
            "the pattern of 'project' is no regular expression in RE2",
        ),
        ({"pattern": "x*"}, ("data", "patterns", "project", "pattern"), "the pattern of 'project' matches the empty"),
        ({"pattern": r"\b"}, ("data", "patterns", "project", "pattern"), "the pattern of 'project' matches the empty"),
        ({"words": ("a", " ")}, ("data", "patterns", "project", "words", 1), "one of the words of 'project' is empty"),
        ({}, ("data", "patterns", "project"), "pattern"),
        ({"words": ("a",), "class": "hidden"}, ("data", "patterns", "project", "class"), "public"),
    ],
)
def test_settings_that_cannot_be_honoured_are_refused(
    written: dict[str, object], path: tuple[str | int, ...], words: str
) -> None:
    with pytest.raises(PolicyProblem, match=words) as caught:
        own(**written)
    assert caught.value.path == path


def test_unknown_countries_kinds_and_classes_are_refused() -> None:
    for written, path in (
        (DataSettings(countries=("us", "xx")), ("data", "countries", 1)),
        (DataSettings(raises={"creditcard": "public"}), ("data", "raises", "creditcard")),
        (DataSettings(raises={"email": "hidden"}), ("data", "raises", "email")),
    ):
        with pytest.raises(PolicyProblem) as caught:
            Detectors(written)
        assert caught.value.path == path


def test_kinds_raise_to_the_shipped_classes_unless_the_owner_says_otherwise() -> None:
    assert [DETECTORS.rank(kind) for kind in ("url", "ip", "email", "credit_card", "us_ssn")] == [0, 1, 2, 3, 3]
    changed = DataSettings(
        raises={"email": "public"}, patterns={"x": PatternSettings(words=("x",), data_class="internal")}
    )
    assert [Detectors(changed).rank(kind) for kind in ("email", "x")] == [0, 1]
    two = Detectors(DataSettings(classes=("open", "closed")))
    assert [two.rank(kind) for kind in ("url", "ip", "email", "credit_card")] == [0, 1, 1, 1]


def test_a_recogniser_whose_extra_is_missing_says_which() -> None:
    with pytest.raises(PolicyProblem, match=r"ecotone\[gliner\]") as caught:
        Detectors(DataSettings(recogniser="gliner"))
    assert caught.value.path == ("data", "recogniser")
