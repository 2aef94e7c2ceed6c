"""All detectors together: what is in a text."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

import re2

from ecotone.policy.classes import DataClasses
from ecotone.policy.detectors import bank, birth, cards, crypto, national, network, phone, places, secrets, web
from ecotone.policy.detectors.detector import Detector, compiled, windows
from ecotone.policy.detectors.overlap import resolved
from ecotone.policy.detectors.own import own_detectors
from ecotone.policy.detectors.ranks import shipped_rank
from ecotone.policy.detectors.recogniser import RECOGNISED_KINDS, recogniser
from ecotone.policy.detectors.unfolding import ODD_TRIGGERS, unfold
from ecotone.policy.findings import Finding
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.settings import DataSettings

_EVERYWHERE = (
    cards.DETECTOR,
    *bank.DETECTORS,
    phone.DETECTOR,
    *network.DETECTORS,
    *web.DETECTORS,
    crypto.DETECTOR,
    places.DETECTOR,
    birth.DETECTOR,
    *secrets.DETECTORS,
)
_FIRST_PASS_MEMORY_MAX_BYTES = 64 << 20


class Detectors:
    """The detectors that the owner's settings ask for. Raises PolicyProblem where they make no sense."""

    def __init__(self, settings: DataSettings | None = None) -> None:
        settings = settings or DataSettings()
        shipped = [*_EVERYWHERE, *_national(settings.countries)]
        self._recognise = recogniser(settings.recogniser)
        found = {kind for detector in shipped for kind in detector.kinds}
        if self._recognise is not None:
            found.update(RECOGNISED_KINDS)
        own = list(own_detectors(settings.patterns))
        self.kinds = tuple(sorted(found | set(settings.patterns)))
        """All that can be found."""
        self.slow = self._recognise is not None
        """Whether `find` takes milliseconds, and so belongs in a thread."""
        self._ranks = _ranks(self.kinds, found, settings)
        self._first_pass = _FirstPass([*shipped, *own])

    def find(self, text: str) -> tuple[Finding, ...]:
        """What is in the text, in order. No two findings of one kind overlap; where kinds overlap, see `resolved`.

        Takes time in proportion to the length of the text.
        """
        findings = self._first_pass.find(text)
        if self._recognise is not None:
            findings = [*findings, *self._recognise(text)]
        return resolved(findings) if findings else ()

    def rank(self, kind: str) -> int:
        """The rank of the class to which a find of this kind raises. Raises KeyError for a kind that is not found."""
        return self._ranks[kind]


class _FirstPass:
    """Tries the triggers of all detectors in one pass over the text; those that hit then read it themselves."""

    def __init__(self, detectors: Iterable[Detector]) -> None:
        options = re2.Options()
        options.max_mem = _FIRST_PASS_MEMORY_MAX_BYTES
        options.log_errors = False
        options.never_capture = True
        self._set = re2.Set.SearchSet(options)
        self._readers: list[_Reader | None] = []
        for trigger in ODD_TRIGGERS:
            self._add(trigger, None)
        for detector in detectors:
            reader = _Reader(detector)
            for trigger in detector.triggers:
                self._add(trigger, reader)
        self._set.Compile()

    def _add(self, trigger: str, reader: "_Reader | None") -> None:
        self._set.Add(trigger)
        self._readers.append(reader)

    def find(self, text: str) -> list[Finding]:
        """What each detector finds: overlaps are not resolved."""
        data = text.encode(errors="replace")
        hits = self._set.Match(data)
        if hits is None:
            return []
        if len(data) > len(text):
            text = data.decode()  # half a surrogate pair, which no JSON may have, reads as a question mark
        findings = self._read(text, hits)
        unfolded = unfold(text) if min(hits) < len(ODD_TRIGGERS) else None
        if unfolded is not None:
            hits = self._set.Match(unfolded.text.encode())
            findings += [
                Finding(*unfolded.original(one.start, one.end), one.kind, one.detector)
                for one in self._read(unfolded.text, hits or ())
            ]
        return findings

    def _read(self, text: str, hits: Iterable[int]) -> list[Finding]:
        readers = dict.fromkeys(reader for reader in map(self._readers.__getitem__, hits) if reader is not None)
        return [finding for reader in readers for finding in reader.read(text)]


class _Reader:
    """One detector's second look, where its triggers matched."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._triggers = compiled("|".join(f"(?:{trigger})" for trigger in detector.triggers))

    def read(self, text: str) -> Iterator[Finding]:
        reach = self._detector.reach_chars
        if reach is None or len(text) <= reach:
            yield from self._detector.find(text, 0, len(text))
            return
        matches = (found.span() for found in self._triggers.finditer(text))
        for begin, stop in windows(matches, reach, len(text)):
            yield from self._detector.find(text, begin, stop)


def _national(countries: Iterable[str]) -> Iterator[Detector]:
    for number, country in enumerate(countries):
        if country not in national.NUMBERS:
            known = ", ".join(national.NUMBERS)
            raise PolicyProblem(
                ("data", "countries", number), f"{country!r} is no country whose numbers are known; known are {known}"
            )
        yield from national.detectors(country)


def _ranks(kinds: Iterable[str], shipped: set[str], settings: DataSettings) -> Mapping[str, int]:
    classes = DataClasses(settings.classes)

    def rank(name: str, path: tuple[str | int, ...]) -> int:
        if name not in classes:
            raise PolicyProblem(path, f"{name!r} is no class of yours; they are {', '.join(classes.names)}")
        return classes.rank(name)

    ranks = {kind: shipped_rank(kind, classes) if kind in shipped else 0 for kind in kinds}
    for kind, pattern in settings.patterns.items():
        if pattern.data_class is not None:
            ranks[kind] = rank(pattern.data_class, ("data", "patterns", kind, "class"))
    for kind, name in settings.raises.items():
        if kind not in ranks:
            raise PolicyProblem(
                ("data", "raises", kind),
                f"nothing finds {kind!r}{_near(kind, ranks)}; `ecotone detect --kinds` lists what is found",
            )
        ranks[kind] = rank(name, ("data", "raises", kind))
    return ranks


def _near(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f": did you mean {near[0]!r}?" if near else ""
