"""Facts of models in few words, for the cells of tables."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from ecotone.catalog.licences import Clause, Effect, LicenceFacts, licence_facts
from ecotone.catalog.openness import Openness, Word
from ecotone.catalog.prices import Offer
from ecotone.catalog.providers import Weights
from ecotone.catalog.quality import Rating
from ecotone.catalog.verdicts import Citation, Verdict

DISCLAIMER = "Verdicts are information drawn from public texts, not legal advice."

MOF_CLASSES: Mapping[int, str] = {0: "-", 1: "I", 2: "II", 3: "III"}
_OPENNESS_CELLS: Mapping[Word, str] = {
    "closed": "○ closed",
    "API only": "○ API only",
    "open weights with restrictions": "● restricted",
    "open weights": "● open weights",
    "open source": "● open source",
    "open science": "● open science",
}
_WEIGHTS_CELLS: Mapping[Weights | None, str] = {"open": "● open", "closed": "○ closed", None: "? unknown"}


EFFECTS: Mapping[Effect, str] = {
    "allows": "allowed",
    "duty": "duty",
    "forbids": "forbidden",
    "needs a licence": "needs a licence of its own",
    "open": "left open by the text",
    "note": "note",
}


def usd(price: Decimal | None) -> str:
    """A price for people: $0.60, $0.075, and ? where it is unknown."""
    if price is None:
        return "?"
    plain = f"{price.normalize():f}"
    return f"${price:.2f}" if len(plain.partition(".")[2]) < 2 else f"${plain}"


def price_cell(offer: Offer | None) -> str:
    """Input and output, US dollars per million tokens."""
    return "?" if offer is None else f"{usd(offer.input_per_million)} / {usd(offer.output_per_million)}"


def count_cell(tokens: int | None) -> str:
    return "?" if tokens is None else f"{tokens:,}"


def licence_cell(licence: str | None, weights: Weights | None) -> str:
    """The licence of the weights, shortened; `-` where they cannot be had."""
    return "-" if weights == "closed" else "?" if licence is None else short_licence(licence)


def short_licence(licence: str) -> str:
    """A licence's identifier without what only tells it from others of its family: `llama-3.3`, `Apache-2.0`."""
    bare = re.sub(r"^LicenseRef-(?:scancode-|ecotone-)?", "", licence)
    return re.sub(r"-(?:license|tou|cla|la)?-?(?:\d{4})(?:-\d{2}){0,2}$", "", bare) if bare != licence else licence


def openness_cell(word: Word | None, weights: Weights | None) -> str:
    """● for weights that can be had, ○ for closed ones, and the plain word, shortened."""
    return _WEIGHTS_CELLS[weights] if word is None else _OPENNESS_CELLS[word]


def class_cell(openness: Openness | None, weights: Weights | None) -> str:
    """The Model Openness Framework's class; `-` for none, `?` where no description of the release is known."""
    if openness is not None:
        return MOF_CLASSES[openness.mof_class]
    return "-" if weights == "closed" else "?"


def verdict_cell(verdict: Verdict) -> str:
    """The status; of a use that is allowed with duties, how many there are."""
    if verdict.status != "allowed with duties":
        return verdict.status
    return "1 duty" if len(verdict.duties) == 1 else f"{len(verdict.duties)} duties"


def rating_cell(rating: Rating | None) -> str:
    """A rating and how far its interval reaches up and down."""
    if rating is None:
        return "?"
    up, down = f"{rating.high - rating.rating:.0f}", f"{rating.rating - rating.low:.0f}"
    return f"{rating.rating:.0f} ±{up}" if up == down else f"{rating.rating:.0f} +{up} -{down}"


def clauses_beside(verdict: Verdict, licence: LicenceFacts) -> list[tuple[LicenceFacts, Clause]]:
    """What a licence, and the policies that bind with it, say beside what the verdict turns on."""
    shown = "\n".join(reason.text for reason in (*verdict.reasons, *verdict.duties))
    texts = (licence, *(text for policy in licence.policies if (text := licence_facts(policy)) is not None))
    return [(text, clause) for text in texts for clause in text.clauses if clause.means not in shown]


def cited(citation: Citation, licence: LicenceFacts | None) -> str:
    """The clause; of another text than the licence itself, that too."""
    if licence is not None and citation.source == licence.id:
        return citation.section
    text = licence_facts(citation.source)
    return f"{citation.source if text is None else text.name}, {citation.section}"


def remarks(offer: Offer) -> Iterator[str]:
    """What must be known beside the price: that it ends, what long input or peak hours cost, and who doubts it."""
    if offer.status is not None:
        yield offer.status
    for tier in offer.tiers:
        yield f"above {tier.above:,} tokens of input {usd(tier.input)} in, {usd(tier.output)} out"
    if offer.peak is not None:
        hours = ", ".join(offer.peak_hours)
        yield f"{usd(offer.peak.input)} in, {usd(offer.peak.output)} out from {hours} UTC"
    if offer.disagreement is not None:
        yield f"the sources disagree: {offer.disagreement}"
