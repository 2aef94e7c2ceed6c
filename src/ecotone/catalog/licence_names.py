"""Licence names as people write them, and the identifiers they stand for.

Identifiers are SPDX's where SPDX lists the licence, else `LicenseRef-scancode-...` as the ScanCode LicenseDB has them.
A name that was understood only by guessing comes back with a note that says so; one that fits several licences, or
none, comes back without an identifier and with a note that says what to write instead.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

Meaning = Literal["licence", "unclear", "none stated", "undisclosed", "not included"]
"""What a name says: a licence (known here or not); something that fits several or no licence; that no licence is
given; that the terms or the thing itself are kept from the public; that the thing is not part of the release."""

_NAME_MAX_CHARS = 200
_CANDIDATES_MAX = 6


class SpdxLicence(msgspec.Struct, frozen=True):
    """One row of SPDX's list. `open_content` marks licences for data and documents that are open by the same measure
    as software licences, though neither OSI nor FSF reviews all such; `retired`: SPDX has a newer identifier."""

    id: str
    name: str
    osi_approved: bool = False
    fsf_libre: bool = False
    open_content: bool = False
    retired: bool = False

    @property
    def is_open(self) -> bool:
        """Open by the Model Openness Framework's measure: OSI approves it, FSF calls it free, or it is open content."""
        return self.osi_approved or self.fsf_libre or self.open_content


class LicenceName(msgspec.Struct, frozen=True):
    """What a written name came to. `note` is for the person who reads it; None where nothing had to be guessed."""

    spdx_or_ref: str | None
    note: str | None = None
    meaning: Meaning = "licence"


class _SpdxFile(msgspec.Struct, frozen=True):
    version: str
    released: str
    licences: dict[str, tuple[str, str]]


@cache
def spdx_licences() -> Mapping[str, SpdxLicence]:
    """SPDX's list of licences as shipped, by identifier."""
    raw = (files("ecotone.catalog") / "data" / "spdx.json").read_bytes()
    rows = msgspec.json.decode(raw, type=_SpdxFile).licences
    return {
        name: SpdxLicence(name, title, "o" in flags, "f" in flags, "d" in flags, "x" in flags)
        for name, (title, flags) in rows.items()
    }


def is_open(licence: str) -> bool:
    """Whether a licence, given by its identifier, is open. Every `LicenseRef-...` here is one that is not."""
    row = spdx_licences().get(licence)
    return row is not None and row.is_open


def licence_id(name: str) -> LicenceName:
    """The identifier for a licence's name: "Apache 2.0" is Apache-2.0, with a note that it was read so.

    Identifiers themselves are found whatever their case and need no note.
    """
    written = unicodedata.normalize("NFKC", name).strip()
    shown = _shown(written)
    if len(written) > _NAME_MAX_CHARS:
        return LicenceName(None, f"{shown!r} is too long for a licence's name: write its SPDX identifier", "unclear")
    exact = _ids_by_lower_case().get(written.lower())
    if exact is not None:
        return LicenceName(exact, _note_on_retired(exact))
    if re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", written):
        return LicenceName(written)
    key = _key(written)
    stated = _STATEMENTS.get(key)
    if stated is not None:
        return LicenceName(None, None, stated)
    if _special_key(key) in _WITHOUT_IDENTIFIER:
        return LicenceName(None, f"{shown!r} is {_WITHOUT_IDENTIFIER[_special_key(key)]}")
    if re.search(r"\s(OR|AND|WITH)\s", written):
        return LicenceName(None, f"{shown!r} names several licences at once: write the one that applies", "unclear")
    if key in _NOT_NAMES:
        return LicenceName(None, f"{shown!r} names no licence: {_NOT_NAMES[key]}", "unclear")
    return _guess(shown, key, _key(re.sub(r"\([^)]*\)", " ", written)))


def _guess(shown: str, *keys: str) -> LicenceName:
    for key in dict.fromkeys(keys):
        special = _SPECIAL.get(_special_key(key))
        if special is not None:
            found, remark = special
            return LicenceName(found, f"read {shown!r} as {found}" + (f": {remark}" if remark else ""))
        for tried in (key, f"{key} 0"):
            ids = _ids_by_key().get(tried, ())
            if len(ids) == 1:
                return LicenceName(ids[0], f"read {shown!r} as {ids[0]}")
            if ids:
                return _ambiguous(shown, ids)
    candidates = _candidates(keys[0])
    if len(candidates) == 1 and _key(candidates[0]).removeprefix(keys[0]).replace(" ", "").isdecimal():
        return LicenceName(candidates[0], f"read {shown!r} as {candidates[0]}, the only version there is")
    if candidates:
        return _ambiguous(shown, candidates)
    return LicenceName(None, f"{shown!r} is no licence known here: write its SPDX identifier if it has one")


def _ambiguous(shown: str, ids: tuple[str, ...]) -> LicenceName:
    if len(ids) == 1:
        return LicenceName(None, f"{shown!r} names no licence for certain: write {ids[0]} if that is meant", "unclear")
    named = ", ".join(ids[:_CANDIDATES_MAX])
    more = f" or {len(ids) - _CANDIDATES_MAX} others" if len(ids) > _CANDIDATES_MAX else ""
    return LicenceName(None, f"{shown!r} fits several licences: write which ({named}{more})", "unclear")


def _candidates(key: str) -> tuple[str, ...]:
    """Licences whose name goes on where `key` stops; versions that nobody should choose any more are left out."""
    found = {
        licence: None
        for known, ids in _ids_by_key().items()
        if known.startswith(f"{key} ")
        for licence in ids
        if licence not in spdx_licences() or not spdx_licences()[licence].retired
    }
    special = _special_key(key)
    if special:
        found |= {ref: None for known, (ref, _) in _SPECIAL.items() if known.startswith(f"{special} ")}
    return tuple(sorted(found))


def _note_on_retired(licence: str) -> str | None:
    row = spdx_licences().get(licence)
    if row is None or not row.retired:
        return None
    return f"SPDX has retired the identifier {licence}"


def _shown(written: str) -> str:
    return written if len(written) <= 60 else written[:59] + "…"


_FILLERS = frozenset(
    {"license", "licence", "licenses", "licences", "licensed", "agreement", "public", "the", "under"}
    | {"international", "unported", "generic"}
)
_JOINED = {
    "noncommercial": "non commercial",
    "sharealike": "share alike",
    "noderivatives": "no derivatives",
    "noderivs": "no derivatives",
    "openrail": "open rail",
    "creativeml": "creative ml",
}


@cache
def _key(text: str) -> str:
    """A name without what writers vary: case, punctuation, the word "licence", "v" before a number."""
    lower = re.sub(r"(?:version|ver|v)\.?\s*(?=\d)", " ", text.lower())
    words = [word for word in re.findall(r"[^\W\d_]+|\d+", lower) if word not in _FILLERS]
    split = " ".join(_JOINED.get(word, word) for word in words).split()
    half = len(split) // 2
    if half and split[:half] == split[half:]:
        split = split[:half]
    return " ".join(split)


@cache
def _ids_by_lower_case() -> Mapping[str, str]:
    known = {licence.lower(): licence for licence in spdx_licences()}
    return known | {ref.lower(): ref for ref, _ in _SPECIAL.values()} | _RENAMED


@cache
def _ids_by_key() -> Mapping[str, tuple[str, ...]]:
    """Identifiers and full names in their comparable form. A retired identifier gives way to those in force."""
    found: dict[str, list[str]] = {}
    for licence, row in spdx_licences().items():
        for key in {_key(licence), _key(row.name)}:
            found.setdefault(key, []).append(licence)
    return {
        key: tuple(licence for licence in ids if not spdx_licences()[licence].retired) or tuple(ids)
        for key, ids in found.items()
    } | {_key(name): ids for name, ids in _FAMILIES.items()}


# ScanCode had its own reference for this one before SPDX listed it.
_RENAMED = {"licenseref-scancode-openmdw-1.0": "OpenMDW-1.0"}

# Common short names that fit no identifier's beginning.
_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "BSD": ("BSD-2-Clause", "BSD-3-Clause"),
    "BSD 2": ("BSD-2-Clause",),
    "BSD 3": ("BSD-3-Clause",),
    "New BSD": ("BSD-3-Clause",),
    "Simplified BSD": ("BSD-2-Clause",),
    "Apache": ("Apache-1.0", "Apache-1.1", "Apache-2.0"),
    "Apache Software License 2.0": ("Apache-2.0",),
    "CC0": ("CC0-1.0",),
    "GPL 2": ("GPL-2.0-only", "GPL-2.0-or-later"),
    "GPL 3": ("GPL-3.0-only", "GPL-3.0-or-later"),
    "LGPL 3": ("LGPL-3.0-only", "LGPL-3.0-or-later"),
    "AGPL 3": ("AGPL-3.0-only", "AGPL-3.0-or-later"),
    "Open Data Commons Attribution": ("ODC-By-1.0",),
    "OpenRAIL": tuple(
        f"LicenseRef-scancode-{name}"
        for name in ("bigcode-open-rail-m-v1", "bigscience-open-rail-m", "bigscience-open-rail-m2")
    ),
}

_WITHOUT_IDENTIFIER: Mapping[str, str] = {
    "llama 3": "the licence of Llama 3 itself, which has no identifier here; those of 3.1, 3.2 and 3.3 are others",
}

_STATEMENTS: Mapping[str, Meaning] = {
    "": "none stated",
    "unlicensed": "none stated",
    "none": "none stated",
    "no": "none stated",
    "not specified": "none stated",
    "unknown": "none stated",
    "pending evaluation": "none stated",
    "undisclosed": "undisclosed",
    "proprietary": "undisclosed",
    "closed": "undisclosed",
    "all rights reserved": "undisclosed",
    "component not included": "not included",
    "component not include": "not included",
    "component component not included": "not included",
    "component not included but listed sources": "not included",
    "not included": "not included",
}

_NOT_NAMES: Mapping[str, str] = dict.fromkeys(
    ("open", "open source", "free", "permissive", "other", "custom", "community", "research", "commercial"),
    "write which, as an SPDX identifier such as Apache-2.0, MIT or CC-BY-4.0",
)

_SCANCODE = "LicenseRef-scancode-"

# Words that the makers of models put into their licences' titles or leave out at will.
_TITLE_WORDS = frozenset(("meta", "community", "model", "models", "terms", "of", "use", "tou", "usage"))


def _special_key(key: str) -> str:
    return " ".join(word for word in key.split() if word not in _TITLE_WORDS)


def _special() -> Mapping[str, tuple[str, str]]:
    rows: tuple[tuple[str, str, tuple[str, ...]], ...] = (
        ("llama-license-2023", "", ("llama 1", "llama non commercial")),
        ("llama-2-license-2023", "", ("llama 2",)),
        ("llama-3.1-license-2024", "", ("llama 3.1",)),
        ("llama-3.2-license-2024", "", ("llama 3.2",)),
        ("llama-3.3-license-2024", "", ("llama 3.3",)),
        ("llama-4-cla-2025", "", ("llama 4",)),
        (
            "gemma-tou-2025-03-24",
            "the newest terms known here; copies from before carry those of 2024-04-01",
            ("gemma",),
        ),
        ("gemma-tou-2024-04-01", "", ("gemma 2024-04-01",)),
        ("gemma-tou-2025-03-24", "", ("gemma 2025-03-24",)),
        ("qwen-2024", "", ("qwen", "qwen 2024")),
        ("tongyi-qianwen-2023", "", ("tongyi qianwen",)),
        ("deepseek-la-1.0", "", ("deepseek", "deepseek 1.0")),
        ("exaone-ai-model-1.1-nc", "", ("exaone ai 1.1 nc", "exaone 1.1 nc", "exaone 3.5")),
        (
            "falcon-2-11b-1.0",
            "",
            ("falcon 2", "falcon 2 tii", "falcon 2 11b", "falcon 2 11b tii", "falcon 2 11b tii 1.0"),
        ),
        ("flux-1-nc", "", ("flux 1 dev non commercial", "flux 1 non commercial", "flux 1 dev")),
        ("hyperclova-x-seed-2025", "", ("hyperclova x seed", "hyperclova x seed 2025")),
        ("nvidia-open-model-2025-04-28", "", ("nvidia open",)),
        ("stability-ai-community-2024", "", ("stability ai", "stability ai 2024")),
        ("stability-ai-nc-2023-12-06", "", ("stability ai non commercial research", "stability ai non commercial")),
        ("tencent-hunyuan-3d-2.0-cla", "", ("tencent hunyuan 3d 2.0", "hunyuan 3d 2.0")),
        ("bigcode-open-rail-m-v1", "", ("bigcode open rail m", "bigcode open rail m 1")),
        ("bigscience-open-rail-m", "", ("bigscience open rail m",)),
        ("bigscience-rail-1.0", "", ("bigscience bloom rail 1.0", "bigscience rail 1.0", "bloom rail 1.0")),
        (
            "moonshot-ai-modified-mit-2025",
            "other makers modify MIT in their own ways, so see that it is this text",
            ("modified mit",),
        ),
        ("moonshot-ai-modified-mit-2025", "", ("moonshot ai modified mit", "kimi k2 modified mit", "kimi k2")),
    )
    return {_special_key(_key(name)): (_SCANCODE + ref, remark) for ref, remark, names in rows for name in names}


_SPECIAL = _special()
