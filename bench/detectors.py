"""`python -m bench.detectors --data FILE`: how much the detectors find of what is marked in a data set, and how fast.

The data are those of presidio-research: a JSON list of texts with the places of what is in them. With `--presidio` the
recognisers of presidio-analyzer read the same texts; it has to be installed beside Ecotone for that:
`uv run --with presidio-analyzer python -m bench.detectors --data FILE --presidio`. With `--page` the tables are written
into a page of the documentation, between its two marks.
"""

import argparse
import platform
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import msgspec

from ecotone.policy.detectors import Detectors

KINDS = {
    "CREDIT_CARD": "credit_card",
    "IBAN_CODE": "iban",
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
    "DOMAIN_NAME": "url",
    "US_SSN": "us_ssn",
    "PHONE_NUMBER": "phone",
}
STRUCTURED = ("credit_card", "iban", "email", "ip", "url", "us_ssn")
PRESIDIO_KINDS = KINDS | {"URL": "url"}
PRESIDIO_SCORES = (0.0, 0.4)
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
CLEAN = Path(__file__).with_name("clean_text.txt")

Span = tuple[int, int, str]
Find = Callable[[str], Iterable[Span]]


class Text(msgspec.Struct, frozen=True):
    text: str
    spans: tuple[Span, ...]


class Counts(msgspec.Struct):
    """Of one kind: marked and found, marked and not found, found and not marked; `exact` of those found to a letter."""

    found: int = 0
    missed: int = 0
    false: int = 0
    exact: int = 0

    @property
    def recall(self) -> float:
        return self.found / max(1, self.found + self.missed)

    @property
    def precision(self) -> float:
        return self.found / max(1, self.found + self.false)

    @property
    def f1(self) -> float:
        return 2 * self.found / max(1, 2 * self.found + self.missed + self.false)


class Result(msgspec.Struct):
    name: str
    counts: dict[str, Counts]
    misses: list[tuple[str, str]]
    false: list[tuple[str, str]]
    seconds: float
    clean_us: float


def texts(file: Path) -> list[Text]:
    rows = msgspec.json.decode(file.read_bytes())
    return [
        Text(
            row["full_text"],
            tuple(
                (span["start_position"], span["end_position"], KINDS[span["entity_type"]])
                for span in row["spans"]
                if span["entity_type"] in KINDS
            ),
        )
        for row in rows
    ]


def overlap(one: Span, other: Span) -> bool:
    """Whether they are of one kind and share at least half of the longer one."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return one[2] == other[2] and 2 * shared >= max(one[1] - one[0], other[1] - other[0])


def measured(name: str, find: Find, data: list[Text]) -> Result:
    counts: dict[str, Counts] = defaultdict(Counts)
    misses, false = [], []
    for text in data:
        left = [span for span in find(text.text) if span[2] in KINDS.values()]
        for marked in text.spans:
            match = next((span for span in left if overlap(marked, span)), None)
            if match is None:
                counts[marked[2]].missed += 1
                misses.append((marked[2], text.text[marked[0] : marked[1]]))
            else:
                left.remove(match)
                counts[marked[2]].found += 1
                counts[marked[2]].exact += match == marked
        for span in left:
            counts[span[2]].false += 1
            false.append((span[2], text.text[span[0] : span[1]]))
    clean = CLEAN.read_text("utf-8")
    seconds = best(lambda: [find(text.text) for text in data], 3)
    return Result(name, counts, misses, false, seconds, 1e6 * best(lambda: find(clean), 400))


def best(work: Callable[[], object], times: int) -> float:
    """The shortest of some runs, in seconds: what else the machine does can only make one longer."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def own() -> Find:
    detectors = Detectors()
    return lambda text: [(one.start, one.end, one.kind) for one in detectors.find(text)]


def presidio(score: float) -> Find:
    """Presidio's pattern recognisers with their context words, over an empty spaCy pipeline: no model of names."""
    analyzer, shipped = import_module("presidio_analyzer"), import_module("presidio_analyzer.predefined_recognizers")
    nlp = import_module("presidio_analyzer.nlp_engine").SpacyNlpEngine()
    nlp.nlp = {"en": import_module("spacy").blank("en")}
    names = ("CreditCard", "Iban", "Email", "Ip", "Url", "UsSsn", "Phone")
    recognisers = [getattr(shipped, f"{name}Recognizer")() for name in names]
    registry = analyzer.RecognizerRegistry(recognizers=recognisers)
    engine = analyzer.AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["en"])

    def find(text: str) -> list[Span]:
        found = engine.analyze(text, language="en", score_threshold=score)
        return [(one.start, one.end, PRESIDIO_KINDS[one.entity_type]) for one in found]

    return find


def pooled(result: Result) -> Counts:
    counts = [result.counts[kind] for kind in STRUCTURED]
    return Counts(*(sum(getattr(one, field) for one in counts) for field in ("found", "missed", "false", "exact")))


def rows(result: Result) -> Iterator[tuple[str, Counts]]:
    for kind in KINDS.values():
        yield f"`{kind}`", result.counts[kind]
    yield "all but `phone`, pooled", pooled(result)


def report(results: list[Result], data: list[Text]) -> Iterator[str]:
    yield "| kind | marked | " + " | ".join(f"{result.name}: recall | precision | exact" for result in results) + " |"
    yield "|---|---|" + "---|---|---|" * len(results)
    for lines in zip(*(list(rows(result)) for result in results), strict=True):
        first = lines[0][1]
        cells = [f"{one.recall:.3f} | {one.precision:.3f} | {one.exact}" for _, one in lines]
        yield f"| {lines[0][0]} | {first.found + first.missed} | " + " | ".join(cells) + " |"
    size = sum(len(text.text.encode()) for text in data)
    yield ""
    clean = len(CLEAN.read_bytes())
    yield f"| | time for all {len(data):,} texts ({size / 1000:,.0f} kB) | {clean:,} bytes of clean text |"
    yield "|---|---|---|"
    for result in results:
        yield f"| {result.name} | {1000 * result.seconds:,.0f} ms | {result.clean_us:,.0f} µs |"
    yield ""
    yield f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages(results))
    for result in results[:1]:
        yield ""
        yield f"Misses of {result.name}: " + told(result.misses)
        yield ""
        yield f"Found and not marked: {told(result.false)}"


def packages(results: list[Result]) -> tuple[str, ...]:
    return ("google-re2", *(("presidio-analyzer", "phonenumbers", "spacy") if len(results) > 1 else ()))


def told(listed: list[tuple[str, str]]) -> str:
    counted = Counter(listed)
    return "; ".join(f"`{kind}` {value!r}" for kind, value in counted) + "." if counted else "none."


def write(page: Path, lines: Iterable[str]) -> None:
    text = page.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}", "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.detectors", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a data set in presidio-research's form")
    parser.add_argument("--presidio", action="store_true", help="measure presidio-analyzer beside")
    parser.add_argument("--page", type=Path, help="write the tables into this page, between its marks")
    options = parser.parse_args()
    data = texts(options.data)
    results = [measured("Ecotone", own(), data)]
    if options.presidio:
        try:
            results += [measured(f"presidio from {score}", presidio(score), data) for score in PRESIDIO_SCORES]
        except ImportError as error:
            print(f"{error.name} is not installed: run this with presidio-analyzer installed", file=sys.stderr)
            return 2
    lines = list(report(results, data))
    print("\n".join(lines))
    if options.page:
        write(options.page, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
