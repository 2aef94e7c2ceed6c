"""National numbers of people, by country, with the checks that each of them carries."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from ecotone.policy.detectors.detector import Context, Detector, digits_of
from ecotone.policy.detectors.overlap import OWN, overlapping
from ecotone.policy.findings import Finding


@dataclass(frozen=True)
class NationalNumber:
    """How one number is written. `shape` is enough by itself once the check holds, `bare` only where a word says what
    it is; both in the syntax that RE2 and Python share, without anchors. `module` is python-stdnum's."""

    kind: str
    module: str
    shape: str | None = None
    bare: str | None = None
    words: tuple[str, ...] = ()


_ID_WORDS = (
    "(?:national|personal|social|citizen|tax|identity|government)[ -]",
    "(?:id|identity|identification|insurance|security|number|code)", r"id (?:number|no|nr|card)", r"id ?[:#]",
    "identity card", "passport", "identifikation", "personalausweis", "steuernummer", "steuer-id", "identité",
    "identidad", "identidade", "identità", "identificación", "identificação", "personnummer",
)  # fmt: skip


def _row(kind: str, module: str, shape: str | None = None, bare: str | None = None, *words: str) -> NationalNumber:
    return NationalNumber(kind, module, shape, bare, words)


# By ISO 3166 code.
NUMBERS: dict[str, tuple[NationalNumber, ...]] = {
    "ar": (_row("ar_cuit", "ar.cuit", r"\d{2}-\d{8}-\d", r"\d{11}", "cuit", "cuil"),),
    "at": (_row("at_vnr", "at.vnr", None, r"\d{4} ?\d{6}", "svnr", "sozialversicherung", "versicherung"),),
    "au": (_row("au_tfn", "au.tfn", None, r"\d{3} ?\d{3} ?\d{2,3}", "tfn", "tax file"),),
    "be": (_row("be_nn", "be.nn", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", r"\d{11}",
                "rijksregister", "registre national", "insz", "niss"),),
    "bg": (_row("bg_egn", "bg.egn", None, r"\d{10}", "egn", "егн"),),
    "br": (_row("br_cpf", "br.cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}", r"\d{11}", "cpf"),),
    "ca": (_row("ca_sin", "ca.sin", r"\d{3}([- ])\d{3}[- ]\d{3}", r"\d{9}", "sin\\b", "social insurance",
                "assurance sociale", "nas\\b"),),
    "ch": (_row("ch_ahv", "ch.ssn", r"756\.\d{4}\.\d{4}\.\d{2}|756\d{10}"),),
    "cl": (_row("cl_rut", "cl.rut", r"\d{1,2}\.\d{3}\.\d{3}-[0-9kK]|\d{7,8}-[0-9kK]"),),
    "cn": (_row("cn_ric", "cn.ric", r"\d{17}[0-9Xx]"),),
    "cz": (_row("cz_rc", "cz.rc", r"\d{6}/\d{3,4}", r"\d{9,10}", "rodné", "rodne", "rč\\b"),),
    "de": (
        _row("de_idnr", "de.idnr", r"\d{2} \d{3} \d{3} \d{3}", r"\d{11}", "idnr", "steuer-?id",
             "identifikationsnummer", "steueridentifikation", "tin\\b"),
    ),
    "dk": (_row("dk_cpr", "dk.cpr", r"\d{6}-\d{4}", r"\d{10}", "cpr"),),
    "ec": (_row("ec_ci", "ec.ci", r"\d{9}-\d", r"\d{10}", "cédula", "cedula", "ci\\b"),),
    "ee": (_row("ee_ik", "ee.ik", None, r"\d{11}", "isikukood"),),
    "es": (
        _row("es_dni", "es.dni", r"\d{8}[ -]?[A-Za-z]|\d{2}\.\d{3}\.\d{3}-?[A-Za-z]"),
        _row("es_nie", "es.nie", r"[XYZxyz][ -]?\d{7}[ -]?[A-Za-z]"),
    ),
    "fi": (_row("fi_hetu", "fi.hetu", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Ya-y]"),),
    "fr": (
        _row("fr_nir", "fr.nir",
             r"[1278] ?\d{2} ?\d{2} ?\d[0-9ABab] ?\d{3} ?\d{3} ?\d{2}"),
        _row("fr_nif", "fr.nif", None, r"[0-3]\d(?: ?\d){11}", "fiscal", "spi\\b", "impôt"),
    ),
    "gb": (
        _row("gb_nhs", "gb.nhs", r"\d{3}([- ])\d{3}[- ]\d{4}", r"\d{10}", "nhs"),
        _row("gb_nino", "", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]"),
        _row("gb_utr", "gb.utr", None, r"\d{5} ?\d{5}", "utr\\b", "taxpayer reference"),
    ),
    "gr": (_row("gr_amka", "gr.amka", None, r"\d{11}", "amka", "αμκα"),),
    "hr": (_row("hr_oib", "hr.oib", None, r"\d{11}", "oib"),),
    "id": (_row("id_nik", "id.nik", None, r"\d{16}", "nik\\b", "ktp"),),
    "ie": (_row("ie_pps", "ie.pps", None, r"\d{7} ?[A-Wa-w][A-IWa-iw]?", "pps"),),
    "il": (_row("il_idnr", "il.idnr", None, r"\d{8,9}", "teudat", "ת.ז", "תעודת זהות"),),
    "in": (
        _row("in_aadhaar", "in_.aadhaar", r"\d{4}([- ])\d{4}[- ]\d{4}", r"\d{12}", "aadha?ar", "uid", "आधार"),
        _row("in_pan", "in_.pan", r"[A-Z]{5}\d{4}[A-Z]"),
    ),
    "is": (_row("is_kennitala", "is_.kennitala", r"\d{6}-\d{4}", r"\d{10}", "kennitala", "kt\\b"),),
    "it": (_row("it_codice_fiscale", "it.codicefiscale",
                r"(?i:[A-Z]{6}[ ]?[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[ ]?[A-Z][0-9LMNP-V]{3}[A-Z])"),),
    "jp": (_row("jp_individual", "jp.in_", None, r"\d{4}[- ]?\d{4}[- ]?\d{4}", "my number", "マイナンバー",
                "個人番号"),),
    "kr": (_row("kr_rrn", "kr.rrn", r"\d{6}-\d{7}", r"\d{13}", "resident", "주민"),),
    "lt": (_row("lt_asmens", "lt.asmens", None, r"\d{11}", "asmens"),),
    "lv": (_row("lv_pk", "lv.pvn", r"\d{6}-\d{5}"),),
    "mx": (
        _row("mx_curp", "mx.curp", r"(?i:[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d)"),
        _row("mx_rfc", "mx.rfc", None, r"(?i:[A-ZÑ&]{3,4}-?\d{6}-?[0-9A-Z]{3})", "rfc\\b"),
    ),
    "my": (_row("my_nric", "my.nric", r"\d{6}-\d{2}-\d{4}", r"\d{12}", "nric", "mykad", "pengenalan"),),
    "nl": (_row("nl_bsn", "nl.bsn", None, r"\d{4}\.?\d{2}\.?\d{3}", "bsn", "burgerservice", "sofi"),),
    "no": (_row("no_fodselsnummer", "no.fodselsnummer", r"\d{6} ?\d{5}"),),
    "nz": (_row("nz_ird", "nz.ird", None, r"\d{2,3}[- ]?\d{3}[- ]?\d{3}", "ird\\b"),),
    "pe": (_row("pe_cui", "pe.cui", None, r"\d{8}-?[0-9A-K]", "dni", "cui\\b"),),
    "pk": (_row("pk_cnic", "pk.cnic", r"\d{5}-\d{7}-\d", r"\d{13}", "cnic"),),
    "pl": (_row("pl_pesel", "pl.pesel", None, r"\d{11}", "pesel"),),
    "pt": (
        _row("pt_cc", "pt.cc", r"\d{8}[ -]?\d[ -]?[0-9A-Z]{2}\d"),
        _row("pt_nif", "pt.nif", None, r"\d{3} ?\d{3} ?\d{3}", "nif\\b", "contribuinte"),
    ),
    "ro": (_row("ro_cnp", "ro.cnp", r"[1-9]\d{12}"),),
    "se": (_row("se_personnummer", "se.personnummer", r"(?:\d{2})?\d{6}[-+]\d{4}", r"(?:\d{2})?\d{10}",
                "personn"),),
    "si": (_row("si_emso", "si.emso", r"\d{13}"),),
    "sk": (_row("sk_rc", "sk.rc", r"\d{6}/\d{3,4}", r"\d{9,10}", "rodné", "rodne", "rč\\b"),),
    "th": (_row("th_pin", "th.pin", r"\d-\d{4}-\d{5}-\d{2}-\d", r"\d{13}", "บัตรประชาชน", "เลขประจำตัว"),),
    "tr": (_row("tr_tckimlik", "tr.tckimlik", r"[1-9]\d{10}"),),
    "ua": (_row("ua_rntrc", "ua.rntrc", None, r"\d{10}", "рнокпп", "ідентифікаційний", "іпн"),),
    "us": (
        _row("us_ssn", "", r"\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4}|\d{3}\.\d{2}\.\d{4}",
             r"\d{9}", "ssn", "ss#", "social", "soc\\b", "seguro social"),
        _row("us_itin", "us.itin", r"9\d{2}-\d{2}-\d{4}|9\d{2} \d{2} \d{4}", r"9\d{8}", "itin",
             "taxpayer"),
    ),
    "za": (_row("za_idnr", "za.idnr", None, r"\d{6} ?\d{4} ?\d{3}", "south africa", "rsa\\b"),),
}  # fmt: skip


def _own_words(words: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile(rf"(?<![^\W\d_])(?:{'|'.join(words)})", re.IGNORECASE) if words else None


_OWN_WORDS = {row.kind: _own_words(row.words) for rows in NUMBERS.values() for row in rows}
# How far a word may be from the number that it names, "social security number: " among them, and how far words reach.
_NAMES_WITHIN_CHARS = 24
_WORD_MAX_CHARS = 36
# "BSN/SSN 111222333", "BSN or SSN".
_SIDE_BY_SIDE_CHARS = 12
_NOT_BETWEEN = re.compile(r"\d")
_NOT_BEFORE_NAME = re.compile(r"[\d,;\n]")


def settled(text: str, findings: list[Finding]) -> list[Finding]:
    """The findings without those national numbers that are another country's by the word beside them.

    One number may fit several countries' forms and checks. The word right before it says which it is, else the one
    right after it; where neither does, all of them stand, so that none is taken for one of a lower class.
    """
    numbers = [one for one in findings if one.kind in _OWN_WORDS and one.detector not in OWN]
    if len({one.kind for one in numbers}) < 2:
        return findings
    others: set[Finding] = set()
    for group in overlapping(numbers):
        if len({one.kind for one in group}) > 1:
            named = _named(text, group)
            others.update(one for one in group if named and one.kind not in named)
    return [one for one in findings if one not in others] if others else findings


def _named(text: str, group: list[Finding]) -> set[str]:
    """The kinds that the word nearest to a number names, several where it is a word for all of them, or where words
    stand side by side."""
    for nearness in (_chars_before, _chars_after):
        found = {one.kind: chars for one in group if (chars := nearness(text, one)) is not None}
        if found:
            return {kind for kind, chars in found.items() if chars <= min(found.values()) + _SIDE_BY_SIDE_CHARS}
    return set()


def _chars_before(text: str, one: Finding) -> int | None:
    """How many characters before a number a word for its kind ends; None: it has none there."""
    words = _OWN_WORDS[one.kind]
    if words is None:
        return None
    begin = max(0, one.start - _NAMES_WITHIN_CHARS - _WORD_MAX_CHARS)
    ends = [found.end() for found in words.finditer(text, begin, one.start)]
    if not ends or one.start - ends[-1] > _NAMES_WITHIN_CHARS or _NOT_BETWEEN.search(text, ends[-1], one.start):
        return None
    return one.start - ends[-1]


def _chars_after(text: str, one: Finding) -> int | None:
    """The same after it, in the same clause: behind a comma begins what is said of something else."""
    words = _OWN_WORDS[one.kind]
    found = words and words.search(text, one.end, one.end + _NAMES_WITHIN_CHARS)
    if not found or _NOT_BEFORE_NAME.search(text, one.end, found.start()):
        return None
    return found.start() - one.end


def is_us_ssn(digits: str) -> bool:
    """Whether a Social Security number could be this: no area 000, 666 or 900 to 999, no group 00, no serial 0000
    (https://www.ssa.gov/employer/randomization.html). There is no check digit."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if len(digits) != 9 or area in ("000", "666") or area[0] == "9" or len(set(digits)) == 1:
        return False
    return group != "00" and serial != "0000"


def _check(row: NationalNumber) -> Callable[[str], bool]:
    if row.kind == "us_ssn":
        return lambda written: is_us_ssn(digits_of(written))
    if not row.module:
        return lambda written: True
    return _stdnum_check(row.module)


@cache
def _stdnum_check(name: str) -> Callable[[str], bool]:
    check: Callable[[str], bool] = import_module(f"stdnum.{name}").is_valid
    return check


def detectors(country: str) -> tuple[Detector, ...]:
    """The detectors for a country's numbers. Raises KeyError where none are known."""
    return tuple(_detector(row) for row in NUMBERS[country])


def _detector(row: NationalNumber) -> Detector:
    check = _check(row)
    shape = _bounded(row.shape) if row.shape else None
    bare = _bounded(row.bare) if row.bare else None
    # What has no check digit is told by its own words alone.
    words = Context(*row.words, *(_ID_WORDS if row.module else ()), before_chars=36, after_chars=16) if bare else None

    def find(text: str, begin: int, stop: int) -> Iterator[Finding]:
        if shape is not None:
            for found in shape.finditer(text, begin, stop):
                if _uniform(found) and check(found[0]):
                    yield Finding(*found.span(), row.kind, row.module or "form")
        if bare is not None and words is not None:
            for found in bare.finditer(text, begin, stop):
                if check(found[0]) and words.near(text, *found.span()):
                    yield Finding(*found.span(), row.kind, "context")

    return Detector((row.kind,), tuple(filter(None, (row.shape, row.bare))), find, 24)


def _bounded(shape: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9_])(?<![0-9][./-])(?:{shape})(?![A-Za-z0-9_]|[./-][0-9])", re.ASCII)


def _uniform(found: re.Match[str]) -> bool:
    """Whether groups are parted by the same character throughout, where the shape asks for it."""
    by = found[1] if found.re.groups else None
    return by is None or set(re.sub("[0-9]", "", found[0])) == {by}
