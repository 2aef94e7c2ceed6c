"""Birth dates: a date near a word that says whose day it is."""

import re
from collections.abc import Iterator

from ecotone.policy.detectors.detector import Detector
from ecotone.policy.findings import Finding

KIND = "birth_date"

_MONTH = (
    "jan(?:uary|uar|vier|eiro)?|januari|enero|gennaio|feb(?:ruary|ruar|ruari|rero|braio)?|fév(?:rier)?|fevereiro|mar(?:ch|s|zo|ço|et)?|"
    "märz|maart|apr(?:il|ile)?|avr(?:il)?|abril|may|mai|mayo|maio|maggio|mei|june?|juni|juin|junio|junho|giugno|july?|juli|juillet|"
    "julio|julho|luglio|aug(?:ust|ustus)?|août|agosto|sept?(?:ember|embre)?|septiembre|setembro|settembre|oct(?:ober|obre)?|okt(?:ober)?|"
    "octubre|outubro|ottobre|nov(?:ember|embre)?|noviembre|novembro|dec(?:ember)?|déc(?:embre)?|dez(?:ember|embro)?|"
    "dic(?:iembre|embre)?|"
    "stycznia|lutego|marca|kwietnia|maja|czerwca|lipca|sierpnia|września|października|listopada|grudnia"
)
_YEAR = "(?:1[89]|20)[0-9]{2}"
_DAY = "(?:0?[1-9]|[12][0-9]|3[01])"
_DATE = (
    rf"(?:{_YEAR}[-/. ](?:0?[1-9]|1[0-2])[-/. ]{_DAY}(?![0-9])"
    rf"|{_DAY}[-/. ] ?{_DAY}[-/. ] ?(?:{_YEAR}|[0-9]{{2}})(?![0-9])"
    rf"|{_DAY}(?:st|nd|rd|th|er|º|\.)? ?(?:of |de |del )?-?(?:{_MONTH})\.?,?-? ?(?:de |del )?{_YEAR}(?![0-9])"
    rf"|(?:{_MONTH})\.? {_DAY}(?:st|nd|rd|th)?,? {_YEAR}(?![0-9])"
    rf"|(?:1[89]|20)[0-9]{{2}} ?年 ?[0-9]{{1,2}} ?月 ?[0-9]{{1,2}} ?日"
    rf"|(?<![0-9])(?:19|20)[0-9]{{2}}[01][0-9][0-3][0-9](?![0-9]))"
)
_WORDS = (
    r"(?<![^\W\d_])(?:d\.?o\.?b\b\.?|birth(?:[ _-]?date|[ _-]?day|s?\b)|(?:date|day|data)[ _-]?of[ _-]?birth|born"
    r"|geb(?:oren|urtsdatum|urtstag|\.)"
    r"|né(?:e|\(e\))?\b|naissance|naci(?:ó|do|da|miento)|nasc(?:ido|ida|imento|eu)|nat[oa]\b|nascita|geboren|geboorte|född|født"
    r"|syntynyt|urodz|ur\.|narozen|született|doğum|родил|рожден)|生年月日|出生|生日|생년월일|תאריך לידה|ميلاد|जन्म"
)
_BETWEEN = 36
_FIND = re.compile(
    rf"(?:{_WORDS})(?P<between>(?:(?!\n\n)[\s\S]){{0,{_BETWEEN}}}?)(?<![A-Za-z0-9.])(?P<date>{_DATE})", re.IGNORECASE
)


def _find(text: str, begin: int, stop: int) -> Iterator[Finding]:
    for found in _FIND.finditer(text, begin, stop):
        yield Finding(*found.span("date"), KIND, "context")


DETECTOR = Detector(
    (KIND,),
    (
        r"(?i:\bd\.?o\.?b|birth|born|geb|\bnée?|naissance|naci|nasc|nat[oa]\b|född|født|syntynyt|urodz|\bur\.|narozen|született|doğum|родил|рожден"
        r"|生年月日|出生|生日|생년월일|תאריך לידה|ميلاد|जन्म)(?s:.){0,40}[0-9]",
    ),
    _find,
    48,
)
