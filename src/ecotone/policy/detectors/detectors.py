"""All detectors together: what is in a text."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

import re2

from ecotone.policy.classes import DataClasses
from ecotone.policy.clean_texts import CleanTexts
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

# Three looks rather than one: the states of an automaton are combinations of those of its patterns, and a text made to
# that end brings up new ones with every character.
_NUMBERS = (
    cards.DETECTOR,
    phone.DETECTOR,
    *network.DETECTORS,
    crypto.DETECTOR,
    places.DETECTOR,
)
_WORDS = (*bank.DETECTORS, *web.DETECTORS, birth.DETECTOR)
_FIRST_LOOK_MEMORY_MAX_BYTES = 16 << 20


class Detectors:
    """The detectors that the owner's settings ask for. Raises PolicyProblem where they make no sense."""

    def __init__(self, settings: DataSettings | None = None) -> None:
        settings = settings or DataSettings()
        numbers = (*_NUMBERS, *_national(settings.countries))
        shipped = (*numbers, *_WORDS, *secrets.DETECTORS)
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
        self.clean = CleanTexts()
        """Texts in which these detectors find nothing."""
        self._odd = _first_look(ODD_TRIGGERS)
        self._looks = [_Look(group) for group in (numbers, _WORDS, secrets.DETECTORS, own) if group]

    def find(self, text: str) -> tuple[Finding, ...]:
        """What is in the text, in order. No two findings of one kind overlap; where kinds overlap, see `resolved`.

        Takes time in proportion to the length of the text.
        """
        findings = self._found(text)
        if self._recognise is not None:
            findings = [*findings, *self._recognise(text)]
        return resolved(findings) if findings else ()

    def _found(self, text: str) -> list[Finding]:
        data = text.encode(errors="replace")
        if len(data) > len(text):
            text = data.decode()  # half a surrogate pair, which no JSON may have, reads as a question mark
        findings = self._read(text, data)
        unfolded = unfold(text) if self._odd.Match(data) is not None else None
        if unfolded is not None:
            for one in self._read(unfolded.text, unfolded.text.encode()):
                place = unfolded.original(one.start, one.end)
                findings.append(Finding(*place, one.kind, one.detector))
        return findings

    def _read(self, text: str, data: bytes) -> list[Finding]:
        return national.settled(text, [one for look in self._looks for one in look.find(text, data)])

    def rank(self, kind: str) -> int:
        """The rank of the class to which a find of this kind raises. Raises KeyError for a kind that is not found."""
        return self._ranks[kind]


def _first_look(triggers: Iterable[str]) -> "re2.Set":
    options = re2.Options()
    options.max_mem = _FIRST_LOOK_MEMORY_MAX_BYTES
    options.log_errors = False
    options.never_capture = True
    look = re2.Set.SearchSet(options)
    for trigger in triggers:
        look.Add(trigger)
    look.Compile()
    return look


class _Look:
    """Tries the triggers of some detectors in one pass over the text; those that hit then read it themselves."""

    def __init__(self, detectors: Iterable[Detector]) -> None:
        readers = [
            (trigger, reader)
            for detector, reader in ((detector, _Reader(detector)) for detector in detectors)
            for trigger in detector.triggers
        ]
        self._triggers = _first_look(trigger for trigger, _ in readers)
        self._readers = [reader for _, reader in readers]

    def find(self, text: str, data: bytes) -> Iterator[Finding]:
        """What each detector finds in `text`, whose UTF-8 is `data`: overlaps are not resolved."""
        hits = self._triggers.Match(data)
        if hits is not None:
            for reader in dict.fromkeys(map(self._readers.__getitem__, hits)):
                yield from reader.read(text)


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
