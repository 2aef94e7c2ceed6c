"""Guard models that the owner runs: how each form is asked, and what its answer says of our categories.

Forms, as their makers document them:

- `llama-guard`, Llama Guard 3 and 4: the model's chat template holds its policy, so the text is sent as the user's
  turn, a reply as the assistant's turn after it. It answers `safe`, or `unsafe` and a line of hazard codes (`S1,S9`).
  https://www.llama.com/docs/model-cards-and-prompt-formats/llama-guard-3/ and https://ollama.com/library/llama-guard3
- `shieldgemma`: the policy and the text are one prompt; the answer starts with Yes or No.
  https://ai.google.dev/gemma/docs/shieldgemma/model_card
- `granite-guardian`, Granite Guardian 3.x: a system turn names the risk, the text is the user's turn. It answers Yes or
  No; 3.2 adds `<confidence>`, 3.3 answers inside `<score>`, after `<think>` if asked to think.
  https://www.ibm.com/granite/docs/models/guardian/ and https://ollama.com/library/granite3-guardian

An answer that is in none of these forms is an error: it says nothing, and nothing must pass for that.
"""

import re
from collections.abc import Mapping
from typing import Literal

from ecotone.values.chat import Message, TextPart
from ecotone.values.errors import UpstreamMalformed

GuardForm = Literal["llama-guard", "shieldgemma", "granite-guardian"]

_HAZARDS: Mapping[str, tuple[str, ...]] = {
    "S1": ("violence",),
    "S2": ("illegal_goods", "fraud"),
    "S3": ("violence",),
    "S4": ("sexual_minors",),
    "S5": ("disinformation",),
    "S6": (),
    "S7": ("privacy",),
    "S8": (),
    "S9": ("weapons",),
    "S10": ("hate",),
    "S11": ("self_harm",),
    "S12": (),
    "S13": ("disinformation",),
    "S14": ("cyber_attack",),
}
"""Llama Guard's hazards: violent crimes, non-violent crimes, sex crimes, child exploitation, defamation, specialised
advice, privacy, intellectual property, indiscriminate weapons, hate, self-harm, sexual content, elections, code
interpreter abuse. Those without a category of ours raise no score."""

_RISKS: Mapping[str, tuple[str, ...]] = {
    "jailbreak": ("prompt_injection",),
    "violence": ("violence",),
    "social_bias": ("hate",),
    "unethical_behavior": ("fraud",),
}
"""Granite Guardian's risks that have a category of ours; each is one question."""

_PRINCIPLES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "dangerous": (
        '"No Dangerous Content": the {subject} shall not seek or give help with harming oneself or others, such as '
        "building weapons or explosives, making or getting drugs, attacking people or systems, or suicide.",
        ("violence", "weapons", "illegal_goods", "self_harm"),
    ),
    "hate": (
        '"No Hate Speech": the {subject} shall not demean, dehumanise or call for exclusion of or violence against '
        "people for their identity or a protected attribute.",
        ("hate",),
    ),
    "harassment": (
        '"No Harassment": the {subject} shall not bully, threaten, intimidate or abuse another person.',
        ("hate",),
    ),
    "sexual": (
        '"No Sexually Explicit Information": the {subject} shall not contain or ask for explicit sexual content, above '
        "all where minors are concerned.",
        ("sexual_minors",),
    ),
}
"""ShieldGemma's four kinds of harm, in our words, and the categories that a Yes raises."""

_YES_NO = re.compile(r"(yes|no)(?=[ \t]*(?:[.,:;!*<\n]|$))", re.IGNORECASE)
_SCORE_TAG = re.compile(r"<score>\s*(yes|no)\s*</score>", re.IGNORECASE)
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_CONFIDENCE = re.compile(r"<confidence>\s*(high|low)\s*</confidence>", re.IGNORECASE)
_ANSWER_SHOWN_CHARS = 80


def guard_questions(form: GuardForm) -> tuple[str, ...]:
    """What is to be asked of a model of this form to cover its categories: one request for each."""
    match form:
        case "llama-guard":
            return ("all",)
        case "shieldgemma":
            return tuple(_PRINCIPLES)
        case "granite-guardian":
            return tuple(_RISKS)


def guard_request(
    form: GuardForm, text: str, question: str | None = None, *, request: str | None = None
) -> tuple[Message, ...]:
    """The messages that ask a guard model of `form` about `text`.

    `question` is one of `guard_questions(form)`; None asks the form's widest question: ShieldGemma for all its
    principles at once, Granite Guardian for `harm`. With `request`, `text` is a model's reply to it.
    """
    turns = (_said("user", text),) if request is None else (_said("user", request), _said("assistant", text))
    match form:
        case "llama-guard":
            return turns
        case "shieldgemma":
            return (_said("user", _shieldgemma_prompt(text, question, request)),)
        case "granite-guardian":
            return (_said("system", question or "harm"), *turns)


def guard_scores(form: GuardForm, reply: str, question: str | None = None) -> dict[str, float]:
    """The scores that a guard model's answer to `guard_request(form, ..., question)` stands for: 1 found, 0 not (of
    Granite Guardian with low confidence 0.75 and 0.25). Only categories that the question covers are in it.

    Raises UpstreamMalformed for an answer that is not of this form.
    """
    match form:
        case "llama-guard":
            return _llama_guard_scores(reply)
        case "shieldgemma":
            found = _YES_NO.match(reply.strip().lstrip("*\"'"))
            if found is None:
                raise _unclear(form, reply)
            return dict.fromkeys(_shieldgemma_categories(question), float(found[1].lower() == "yes"))
        case "granite-guardian":
            return _granite_scores(reply, question)


def _said(role: Literal["system", "user", "assistant"], text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=text),))


def _shieldgemma_prompt(text: str, question: str | None, request: str | None) -> str:
    subject, judged = ("prompt", "user prompt") if request is None else ("response", "chatbot's response")
    chosen = list(_PRINCIPLES) if question is None else [question]
    principles = "\n".join(f"* {_PRINCIPLES[one][0].format(subject=subject)}" for one in chosen)
    turns = f"Human Question: {text}" if request is None else f"Human Question: {request}\n\nChatbot Response: {text}"
    return (
        f"You are a policy expert who decides whether a {judged} violates the safety policies below.\n\n"
        f"<start_of_turn>\n{turns}\n<end_of_turn>\n\n"
        f"Our safety principles are defined below:\n\n{principles}\n\n"
        f"Does the {judged} violate any of the above principles? Your answer must start with 'Yes' or 'No'."
    )


def _shieldgemma_categories(question: str | None) -> tuple[str, ...]:
    if question is not None:
        return _PRINCIPLES[question][1]
    return tuple(dict.fromkeys(category for _, names in _PRINCIPLES.values() for category in names))


def _llama_guard_scores(reply: str) -> dict[str, float]:
    verdict, _, rest = reply.strip().partition("\n")
    scores = dict.fromkeys((category for names in _HAZARDS.values() for category in names), 0.0)
    if verdict.strip().lower() == "safe" and not rest.strip():
        return scores
    codes = [code.strip().upper() for code in rest.strip().split(",")]
    if verdict.strip().lower() != "unsafe" or not set(codes) <= _HAZARDS.keys():
        raise _unclear("llama-guard", reply)
    for code in codes:
        scores |= dict.fromkeys(_HAZARDS[code], 1.0)
    return scores


def _granite_scores(reply: str, question: str | None) -> dict[str, float]:
    answer = _THOUGHT.sub("", reply).strip()
    found = _SCORE_TAG.search(answer) or _YES_NO.match(answer)
    if found is None:
        raise _unclear("granite-guardian", reply)
    confidence = _CONFIDENCE.search(answer)
    sure = confidence is None or confidence[1].lower() == "high"
    score = (1.0 if sure else 0.75) if found[1].lower() == "yes" else (0.0 if sure else 0.25)
    return dict.fromkeys(_RISKS[question] if question else _harm(), score)


def _harm() -> tuple[str, ...]:
    """What Granite Guardian's umbrella risk may stand for: it does not say which."""
    return ("violence", "weapons", "illegal_goods", "hate", "self_harm", "fraud")


def _unclear(form: GuardForm, reply: str) -> UpstreamMalformed:
    shown = reply.strip()[:_ANSWER_SHOWN_CHARS]
    return UpstreamMalformed(
        f"the guard model's answer is not in the form {form!r}: {shown!r}; check that the model is one of that form "
        "and that its server applies the model's own chat template"
    )
