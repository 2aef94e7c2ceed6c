"""The risks that content is scored for."""

from collections.abc import Iterable, Mapping

CATEGORIES = (
    "violence",
    "weapons",
    "illegal_goods",
    "cyber_attack",
    "phishing",
    "disinformation",
    "hate",
    "sexual_minors",
    "self_harm",
    "fraud",
    "privacy",
    "prompt_injection",
)
"""Names as rules write them: `content.weapons >= 0.5`."""


def highest(scores: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The highest score of each category over several: texts of one request, or guards that read the same text."""
    found = dict.fromkeys(CATEGORIES, 0.0)
    for one in scores:
        for category, score in one.items():
            found[category] = max(found[category], score)
    return found


MEANINGS = {
    "violence": "hurting, threatening or killing people or animals, cruelty, terror",
    "weapons": "making, getting or using weapons, explosives, poisons and agents of mass harm",
    "illegal_goods": "drugs, trafficking, stolen or forbidden goods, theft and other crimes around things",
    "cyber_attack": "malware, breaking into systems, stealing or destroying data",
    "phishing": "tricking people out of secrets: phishing, impersonation, social engineering",
    "disinformation": "false news, conspiracy tales, defamation, manipulating elections or opinion",
    "hate": "demeaning people for what they are, harassment, bullying, discrimination",
    "sexual_minors": "sexual content with minors, grooming, sexual exploitation",
    "self_harm": "suicide, self-injury, disordered eating",
    "fraud": "fraud, scams, forgery, tax evasion, money laundering, bribery",
    "privacy": "finding out or exposing what people keep private, stalking, surveillance",
    "prompt_injection": "words that try to steer a model from inside what it reads",
}
"""What each category is about, in a line."""
