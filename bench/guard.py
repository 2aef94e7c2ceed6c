"""`python -m bench.guard --data DIR`: how well and how fast the shipped content classifier judges.

DIR holds `safety` and, for ordinary prompts, `suites` and `pii`. Only the test parts of the safety sets are judged:
what the classifier and its threshold were made from is left out (scripts/train_guard/splits.py). `--page` puts the
tables into a page between its marks, `--svg` draws the curves. The baseline needs scikit-learn; without it, it is left
out.
"""

import argparse
import gzip
import importlib
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ecotone.policy.guard.classifier import Classifier
from scripts.train_guard.grammar import Grammar
from scripts.train_guard.splits import Item, read_items

from .guard_curves import Curve, drawn

OVER_REFUSAL = 0.05
BEGIN, END = "<!-- figures: made by bench/guard.py -->", "<!-- end of figures -->"
BASELINE_TEXTS, BASELINE_SEED = 30_000, 12
LOOKED_AT = {
    "GSM8K, problems": 150,
    "IFEval, prompts": 150,
    "HumanEval, prompts": 100,
    "Presidio's synthetic texts": 150,
}
"""How many of the first texts of a set were looked at while the grammars were written: they are not counted."""
LONG_CHARS, LONG_TEXTS, TIMED = 2_500, 100, 300
_Z95 = 1.959964


class Judged(NamedTuple):
    item: Item
    score: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.guard", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with safety, suites and pii")
    parser.add_argument("--page", type=Path, help="the page whose figures are replaced")
    parser.add_argument("--svg", type=Path, help="where the curves are drawn")
    options = parser.parse_args()
    classifier = Classifier.shipped()
    items = read_items(options.data / "safety")
    test = [item for item in items if item.part == "test"]
    judged = [Judged(item, harm(classifier, item.text)) for item in test]
    baseline = baseline_scores(items, test)
    ordinary = {
        name: [harm(classifier, text) for text in texts[LOOKED_AT[name] :]]
        for name, texts in ordinary_texts(options.data)
    }
    page = "\n".join(
        [
            *recall_table(judged, baseline),
            "",
            *kinds_table(judged),
            "",
            *ordinary_table(judged, ordinary),
            "",
            *deep_lines(classifier, test, options.data),
            "",
            *time_lines(classifier, options.data),
        ]
    )
    print(page)
    if options.page:
        text = options.page.read_text()
        before, _, rest = text.partition(BEGIN)
        options.page.write_text(f"{before}{BEGIN}\n\n{page}\n\n{END}{rest.partition(END)[2]}")
    if options.svg:
        options.svg.write_text(drawn(curves(judged, baseline)))


def harm(classifier: Classifier, text: str) -> float:
    return max(classifier.scores(text).values())


def safe_scores(judged: Sequence[Judged]) -> list[float]:
    """Scores of the safe prompts that look unsafe."""
    return [one.score for one in judged if one.item.dataset == "xstest" and not one.item.unsafe]


def threshold_at(safe: Sequence[float], share: float = OVER_REFUSAL) -> float:
    """The lowest score that at most `share` of the safe ones reach or pass: just over the highest allowed one."""
    allowed = math.floor(share * len(safe))
    return math.nextafter(sorted(safe, reverse=True)[allowed], math.inf)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927)."""
    share, z2 = hits / count, _Z95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    reach = _Z95 * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def share_text(scores: Sequence[float], threshold: float) -> str:
    """`90% (84-94, 120 of 133)`."""
    hits = sum(score >= threshold for score in scores)
    low, high = wilson(hits, len(scores))
    return f"{hits / len(scores):.0%} ({low * 100:.0f}-{high * 100:.0f}; {hits} of {len(scores)})"


def unsafe_scores(judged: Sequence[Judged], dataset: str) -> list[float]:
    return [one.score for one in judged if one.item.dataset == dataset and one.item.unsafe]


def recall_table(judged: Sequence[Judged], baseline: Sequence[Judged]) -> Iterator[str]:
    safe = safe_scores(judged)
    at, shipped = threshold_at(safe), Classifier.threshold
    yield "| | classifier at 5% over-refusal | at the shipped threshold | TF-IDF at 5% over-refusal |"
    yield "|---|---|---|---|"
    baseline_at = threshold_at(safe_scores(baseline)) if baseline else 0.0
    for dataset, name in (
        ("xstest", "XSTest, unsafe contrasts"),
        ("advbench", "AdvBench"),
        ("harmbench", "HarmBench validation without copyright"),
        ("injection_text", "BIPIA text injections, alone"),
        ("injection_code", "BIPIA code injections, alone"),
    ):
        scores = unsafe_scores(judged, dataset)
        beside = share_text(unsafe_scores(baseline, dataset), baseline_at) if baseline else "not measured"
        yield f"| {name}: recall | {share_text(scores, at)} | {share_text(scores, shipped)} | {beside} |"
    beside = share_text(safe_scores(baseline), baseline_at) if baseline else "not measured"
    yield f"| XSTest, safe prompts: over-refusal | {share_text(safe, at)} | {share_text(safe, shipped)} | {beside} |"
    yield ""
    yield f"The threshold for 5% over-refusal on this test part is {at:.3f}; the shipped one is {shipped}."


def kinds_table(judged: Sequence[Judged]) -> Iterator[str]:
    at = threshold_at(safe_scores(judged))
    yield "| data set | its category | flagged at 5% over-refusal | at the shipped threshold |"
    yield "|---|---|---|---|"
    kinds = sorted({(one.item.dataset, one.item.unsafe, one.item.kind) for one in judged})
    for dataset, unsafe, kind in kinds:
        scores = [one.score for one in judged if (one.item.dataset, one.item.kind) == (dataset, kind)]
        label = "" if unsafe else " (safe)"
        row = f"{share_text(scores, at)} | {share_text(scores, Classifier.threshold)}"
        yield f"| {dataset} | {kind}{label} | {row} |"


def ordinary_texts(data: Path) -> Iterator[tuple[str, list[str]]]:
    """Prompts and texts that have nothing to do with harm, by the set that they are from."""
    suites = data / "suites"
    with (suites / "gsm8k_train_400.jsonl").open() as stream:
        yield "GSM8K, problems", [json.loads(line)["question"] for line in stream]
    with (suites / "ifeval_a.jsonl").open() as stream:
        yield "IFEval, prompts", [json.loads(line)["prompt"] for line in stream]
    with gzip.open(suites / "HumanEval.jsonl.gz", "rt") as stream:
        yield "HumanEval, prompts", [json.loads(line)["prompt"] for line in stream]
    texts = json.loads((data / "pii" / "synth_dataset_v2.json").read_text())
    yield "Presidio's synthetic texts", [row["full_text"] for row in texts]


def ordinary_table(judged: Sequence[Judged], ordinary: dict[str, list[float]]) -> Iterator[str]:
    at = threshold_at(safe_scores(judged))
    yield "| ordinary texts | flagged at 5% over-refusal | at the shipped threshold |"
    yield "|---|---|---|"
    for name, scores in ordinary.items():
        yield f"| {name} | {share_text(scores, at)} | {share_text(scores, Classifier.threshold)} |"


def long_texts(data: Path, rng: random.Random) -> list[list[str]]:
    """Sentences of ordinary texts, together about 2.5 KB each."""
    pool = [text for name, texts in ordinary_texts(data) if "synthetic" in name or "GSM8K" in name for text in texts]
    found = []
    for _ in range(LONG_TEXTS):
        sentences: list[str] = []
        while sum(map(len, sentences)) < LONG_CHARS:
            sentences.append(rng.choice(pool))
        found.append(sentences)
    return found


def deep_lines(classifier: Classifier, test: Sequence[Item], data: Path) -> Iterator[str]:
    """How often a harmful request is seen inside 2.5 KB of ordinary text, and how often such text is flagged alone."""
    rng = random.Random(BASELINE_SEED)
    harmful = [item.text for item in test if item.dataset in ("advbench", "harmbench") and item.unsafe]
    clean, mixed = [], []
    for sentences in long_texts(data, rng):
        clean.append(harm(classifier, "\n".join(sentences)))
        place = rng.randrange(len(sentences) + 1)
        mixed.append(harm(classifier, "\n".join([*sentences[:place], rng.choice(harmful), *sentences[place:]])))
    flagged, false = share_text(mixed, Classifier.threshold), share_text(clean, Classifier.threshold)
    yield f"A request of AdvBench or HarmBench among 2.5 KB of ordinary lines is flagged in {flagged},"
    yield f"the same lines without it in {false}, at the shipped threshold."


def time_lines(classifier: Classifier, data: Path) -> Iterator[str]:
    texts = ["\n".join(sentences)[:LONG_CHARS] for sentences in long_texts(data, random.Random(1))]
    took = []
    for index in range(TIMED):
        begun = time.perf_counter()
        classifier.scores(texts[index % len(texts)])
        took.append((time.perf_counter() - begun) * 1_000)
    took = sorted(took[LONG_TEXTS:])
    middle, high = took[len(took) // 2], took[int(len(took) * 0.95)]
    yield f"Time for 2.5 KB of text, one thread: median {middle:.2f} ms, least {took[0]:.2f} ms, 95th percentile"
    yield f"{high:.2f} ms."


def baseline_scores(items: Sequence[Item], test: Sequence[Item]) -> list[Judged]:
    """TF-IDF over words and pairs with logistic regression, taught with the same texts; empty without scikit-learn."""
    if find_spec("sklearn") is None:
        return []
    vectorizer: Any = importlib.import_module("sklearn.feature_extraction.text").TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True
    )
    model: Any = importlib.import_module("sklearn.linear_model").LogisticRegression(C=10, max_iter=1000)
    drawn_texts = Grammar().texts(BASELINE_TEXTS, random.Random(BASELINE_SEED))
    texts = [(one.text, one.category is not None) for one in drawn_texts]
    texts += [(item.text, item.unsafe) for item in items if item.part == "train" for _ in range(4)]
    model.fit(vectorizer.fit_transform([text for text, _ in texts]), [unsafe for _, unsafe in texts])
    scores = model.predict_proba(vectorizer.transform([item.text for item in test]))[:, 1]
    return [Judged(item, float(score)) for item, score in zip(test, scores, strict=True)]


def curves(judged: Sequence[Judged], baseline: Sequence[Judged]) -> list[Curve]:
    found = [
        Curve(name, roc(unsafe_scores(judged, dataset), safe_scores(judged)), dashed=False)
        for dataset, name in (("advbench", "AdvBench"), ("harmbench", "HarmBench"), ("xstest", "XSTest"))
    ]
    if baseline:
        points = roc(unsafe_scores(baseline, "xstest"), safe_scores(baseline))
        found.append(Curve("XSTest, TF-IDF", points, dashed=True))
    return found


def roc(unsafe: Sequence[float], safe: Sequence[float]) -> list[tuple[float, float]]:
    """(over-refusal, recall) at every threshold."""
    points = [(0.0, 0.0)]
    for threshold in sorted({*unsafe, *safe}, reverse=True):
        over = sum(score >= threshold for score in safe) / len(safe)
        points.append((over, sum(score >= threshold for score in unsafe) / len(unsafe)))
    return points


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
