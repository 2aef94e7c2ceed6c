#!/usr/bin/env python3
"""Print docs/reference/licences.md, made from the facts in src/ecotone/catalog/data/licences.

python scripts/licences_reference.py > docs/reference/licences.md
"""

import re
from collections.abc import Iterator

from ecotone.catalog.licences import TOPICS, Clause, Condition, Effect, LicenceFacts, Topic, all_licences

HEAD = """\
# Licences

<!-- Made by scripts/licences_reference.py from src/ecotone/catalog/data/licences; change it there. -->

What the licences of open-weight models allow, demand and forbid, as far as a machine can hold it against what an
organisation says of itself in `[organisation]`. **This is information drawn from the texts, not legal advice.** Where
much hangs on an answer, read the clause, and ask a lawyer.

## How to read it

Each fact is in our words, with the clause that it rests on and a few words quoted from that clause. A fact is one of:

| effect | means |
|---|---|
| allows | the text grants it |
| duty | must be done where the use is allowed |
| forbids | the use is not allowed |
| needs a licence | the use is not allowed until the owner agrees to it |
| open | the text raises the question and does not answer it: the verdict is unknown |
| note | good to know; it decides nothing today |

"Uses" says which uses a fact is about: `run` (inside the organisation), `serve` (a product of its own works with the
model), `host` (third parties call the model through an API), `adapt` (fine-tune or change it), `redistribute` (pass
weights on), `train_on_outputs` (train other models on what it writes); "any" is all of them. "If" says when it applies.
"More than" never includes the number itself. A topic on which a text says nothing is named as such: silence is not
permission.

The verdict for an organisation and a use is **not allowed** if one fact forbids it, else **unknown** if a fact turns
on something that `[organisation]` does not say, else **allowed with duties**, or **allowed**. Policies that a licence
makes part of itself count with it. The verdict is about running the weights; a vendor that runs them for you has terms
of its own.

Four readings that one may argue with; the reasons of a verdict say when one was used:

- The caps of Llama, HyperCLOVA and Hunyuan count the users of one calendar month in the past. The `monthly_users` that
  are stated are taken for that month.
- The caps of Qwen and Kimi K2 count the users (Kimi K2: or the revenue) of one product. Unless the product's own are
  given, the whole organisation's are taken for it.
- A duty that turns on something unknown makes the verdict unknown, though the use itself may be allowed either way.
- What Ecotone cannot know of (does a product compete with the owner's?) is a duty: "make sure that".

## How to check a citation

Open the licence's text (the address is given, and which copy was read) and search for the quoted words: they are exact,
but for white space. For all at once, put the texts into a folder under the names given here and run

    python scripts/check_licence_citations.py FOLDER

The texts that were read in the ScanCode LicenseDB have their names there; those of the SPDX License List are saved as
`IDENTIFIER.txt`; the few others say where they are from. The script looks up every quotation, and compares the text's
digest with that of the copy that was read. If an owner has changed a text since, the digest tells.

## How to add a licence

1. Read the whole text. Write `src/ecotone/catalog/data/licences/NAME.toml` after the pattern of its neighbours, `id`
   being the SPDX identifier, or a `LicenseRef-` where SPDX has none, `aliases` what people call it.
2. For each of the topics below give at least one `[[clauses]]` entry, or name the topic in `silent`. Nothing from
   memory, and nothing that another licence of the same maker says.
3. Give each clause the `section` as a reader finds it, and in `says` at most 15 words of it. Do not copy more.
4. Conditions (`when`) are tables of which one must hold; everything inside one must hold.
5. Run `python scripts/check_licence_citations.py FOLDER`, which also prints the digest for `text_sha256`.
6. Run `python scripts/licences_reference.py > docs/reference/licences.md` and the tests.

"""

COLUMNS: tuple[Topic, ...] = (
    "commercial use",
    "user cap",
    "revenue cap",
    "territory",
    "acceptable use",
    "later changes",
    "training on outputs",
    "naming",
    "hosting",
    "remote restriction",
    "share-alike",
)

ABOUT: dict[Topic, str] = {
    "commercial use": "may money be earned with it, and what is granted in general",
    "user cap": "a number of users above which other terms hold; who counts, and when",
    "revenue cap": "the same for revenue",
    "territory": "where it may be used",
    "purpose": "what it may be used for in general, such as research only",
    "acceptable use": "uses that are forbidden, by the text itself or by a policy that it brings with it",
    "later changes": "may the owner change the terms, the policy or the model later",
    "outputs": "rights in outputs, and limits on their use",
    "training on outputs": "may other models be trained on outputs",
    "naming": "names that must be shown, or must not be used",
    "notices": "copies of the terms, attribution and marks of change that must go along",
    "hosting": "letting others use the model over a network",
    "remote restriction": "may the owner restrict use from afar",
    "share-alike": "under which terms changed versions may be passed on",
    "patents": "rights in patents, and what suing over them costs",
    "termination": "what ends the rights",
}

# What one cell of the overview says, the strongest effect first.
IN_SHORT: dict[Effect, str] = {
    "forbids": "limits",
    "needs a licence": "ask first",
    "open": "unclear",
    "duty": "duty",
    "allows": "yes",
    "note": "see below",
}


def reference() -> str:
    licences = [facts for facts in all_licences().values() if facts.kind == "licence"]
    policies = [facts for facts in all_licences().values() if facts.kind == "policy"]
    lines = [HEAD + "The topics:", "", "| topic | asks |", "|---|---|"]
    lines += [f"| {topic} | {ABOUT[topic]} |" for topic in TOPICS]
    lines += ["", "## Overview", ""]
    lines.append('"limits": something is forbidden, perhaps under a condition; "-": the text says nothing.')
    lines += ["", f"| licence | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    lines += [f"| [{facts.name}](#{_anchor(facts)}) | {' | '.join(_cells(facts))} |" for facts in licences]
    for title, texts in (("Licences", licences), ("Policies that licences make part of themselves", policies)):
        lines += ["", f"## {title}"]
        for facts in texts:
            lines += ["", *_chapter(facts)]
    return "\n".join(lines) + "\n"


def _anchor(facts: LicenceFacts) -> str:
    """The anchor that Markdown viewers make of the chapter's heading."""
    return re.sub(r"[^\w\- ]", "", facts.name.lower()).replace(" ", "-")


def _cells(facts: LicenceFacts) -> Iterator[str]:
    for topic in COLUMNS:
        effects = {clause.effect for clause in facts.about(topic)}
        yield next((word for effect, word in IN_SHORT.items() if effect in effects), "-")


def _chapter(facts: LicenceFacts) -> Iterator[str]:
    yield f"### {facts.name}"
    yield ""
    yield f"`{facts.id}`, by {facts.owner}: <{facts.address}>"
    yield ""
    day = f", copy of {facts.read_on}; the owner may change it" if facts.read_on else ""
    yield f"- Read in: {facts.source} (`{facts.text_file}`{day}), SHA-256 `{facts.text_sha256}`"
    if facts.aliases:
        yield f"- Also called: {', '.join(facts.aliases)}"
    if facts.same_text:
        yield f"- The same text: {', '.join(f'`{name}`' for name in facts.same_text)}"
    if facts.policies:
        texts = [all_licences()[policy] for policy in facts.policies]
        yield f"- Binds with it: {', '.join(f'[{text.name}](#{_anchor(text)})' for text in texts)}"
    if facts.silent:
        yield f"- The text says nothing on: {', '.join(facts.silent)}"
    yield ""
    yield "| topic | effect | fact | uses | if | clause | quoted |"
    yield "|---|---|---|---|---|---|---|"
    for clause in facts.clauses:
        yield f"| {' | '.join(_row(clause))} |"


def _row(clause: Clause) -> Iterator[str]:
    yield clause.topic
    yield clause.effect
    yield clause.means
    yield ", ".join(f"`{act}`" for act in clause.acts) or "any"
    yield "; or ".join(" and ".join(_words(condition)) for condition in clause.when)
    yield clause.section
    yield f"“{clause.says}”"


def _words(condition: Condition) -> Iterator[str]:
    if condition.commercial is not None:
        yield "commercial" if condition.commercial else "not commercial"
    if condition.research is not None:
        yield "for research only" if condition.research else "not for research only"
    if condition.multimodal is not None:
        yield "multimodal" if condition.multimodal else "text only"
    if condition.users_over is not None:
        month = f" in {condition.counted_in}" if condition.counted_in else ""
        yield f"more than {condition.users_over:,} monthly users{month}"
    if condition.product_users_over is not None:
        yield f"more than {condition.product_users_over:,} monthly users of the product"
    if condition.revenue_over is not None:
        yield f"more than {condition.revenue_over:,} US dollars a year"
    if condition.product_revenue_over is not None:
        yield f"more than {condition.product_revenue_over:,} US dollars a month from the product"
    if condition.territories:
        yield f"in {', '.join(condition.territories)}"
    if condition.home:
        yield f"established in {', '.join(condition.home)}"


if __name__ == "__main__":
    print(reference(), end="")
