"""Instructions whose following a program can check: the kinds of IFEval, by their identifiers there.

Zhou et al., "Instruction-Following Evaluation for Large Language Models", arXiv:2311.07911. The rules are written anew
after the paper and the published checkers' behaviour, and differ in three things, since we use neither NLTK nor a
language detector: sentences end at . ! or ? before space and a capital, digit or quote, apart from common
abbreviations; a word in capitals is a run of letters, digits, hyphens and apostrophes; of "in English and in capitals"
only the capitals are checked. `language:response_language` is not known here.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ecotone.evaluation.cases import JsonValue, Score
from ecotone.evaluation.scorers.kind import PlainKind, shown

Arguments = Mapping[str, Any]
Check = Callable[[str, Arguments], bool]

_ABBREVIATION = re.compile(
    r"mr|mrs|ms|dr|prof|st|jr|sr|vs|etc|e\.g|i\.e|inc|ltd|co|corp|no|vol|fig|approx|dept|est|u\.s|u\.k|a\.m|p\.m|[A-HJ-Z]",
    re.IGNORECASE,
)
_WORD_MAX = 40
_SENTENCE_END = re.compile(r"(?<![.!?])[.!?]++[\"'”’)\]]*+(?=\s+[\"'“‘(\[]?[A-Z0-9]|\s*$|\s*\n)")
_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


class Instructions(PlainKind, frozen=True):
    """Right if the reply follows every instruction of the prompt, as IFEval's strict score has it.

    Reference: a list of objects, each with the instruction's `id` and its arguments, such as
    `{"id": "length_constraints:number_words", "relation": "less than", "num_words": 100}`.
    """

    def problem(self, reference: JsonValue) -> str | None:
        if not isinstance(reference, list) or not reference:
            return 'its reference is a list of instructions, such as [{"id": "punctuation:no_comma"}]'
        for instruction in reference:
            if not isinstance(instruction, dict) or instruction.get("id") not in INSTRUCTIONS:
                return f"there is no instruction {shown(instruction)}; known: {', '.join(INSTRUCTIONS)}"
            wanted = INSTRUCTIONS[instruction["id"]].arguments
            given = {key: value for key, value in instruction.items() if key != "id"}
            if problem := _arguments_problem(wanted, given):
                return f"instruction {instruction['id']}: {problem}"
        return None

    def from_cell(self, text: str) -> JsonValue:
        try:
            return json.loads(text)
        except ValueError as error:
            raise ValueError(f"its reference is not JSON: {error}") from None

    def judged(self, reference: JsonValue, reply: str) -> Score:
        if not reply.strip():
            return Score(0.0, "the reply is empty")
        broken = [one["id"] for one in reference if not INSTRUCTIONS[one["id"]].check(reply, one)]
        return Score(float(not broken), f"not followed: {', '.join(broken)}" if broken else "all are followed")


class Instruction:
    """How to check one instruction, and its arguments: the type of each, or the words it may be."""

    def __init__(self, check: Check, **arguments: type | tuple[str, ...]) -> None:
        self.check = check
        self.arguments = arguments


def _arguments_problem(wanted: Mapping[str, type | tuple[str, ...]], given: Arguments) -> str | None:
    if given.keys() != wanted.keys():
        return f"its arguments are {', '.join(wanted) or 'none'}, not {', '.join(given) or 'none'}"
    for name, kind in wanted.items():
        value = given[name]
        if isinstance(kind, tuple):
            if value not in kind:
                return f"{name} is {' or '.join(map(repr, kind))}"
        elif kind is list:
            if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
                return f"{name} is a list of words"
        elif not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, int) and value < 0):
            return f"{name} is {'a number of at least 0' if kind is int else 'a text'}"
    return None


def _related(count: int, relation: str, bound: int) -> bool:
    return count < bound if relation == "less than" else count >= bound


def sentences(text: str) -> int:
    """How many sentences there are; what follows the last end counts if it has a letter or digit."""
    text = text.strip()
    count = 0
    start = 0
    for end in _SENTENCE_END.finditer(text):
        before = text[max(start, end.start() - _WORD_MAX) : end.start()]
        if end[0].startswith(".") and end.end() < len(text) and _is_short_form(before):
            continue
        count += any(map(str.isalnum, text[start : end.start()]))
        start = end.end()
    return count + any(map(str.isalnum, text[start:]))


def _is_short_form(before: str) -> bool:
    """Whether the full stop after this text ends an abbreviation, an initial, or the number of a list's point."""
    if re.search(r"(?:^|\n)[ \t]*\d{1,2}$", before):
        return True
    word = re.search(r"[^\s(\"'“‘]*$", before)
    return word is not None and _ABBREVIATION.fullmatch(word[0]) is not None


def _highlights(text: str) -> int:
    marked = re.findall(r"\*\*[^\n*]+\*\*|\*[^\n*]+\*", text)
    return sum(bool(part.strip("*").strip()) for part in marked)


def _bullets(text: str) -> int:
    return len(re.findall(r"^[ \t]*(?:\*(?!\*)|-)[^\n]+$", text, re.MULTILINE))


def _paragraphs_by_stars(text: str, wanted: Arguments) -> bool:
    parts = [part.strip() for part in text.split("***")]
    inner = parts[1:-1]
    return all(inner) and sum(map(bool, parts)) == int(wanted["num_paragraphs"])


def _two_responses(text: str, _: Arguments) -> bool:
    parts = [part.strip() for part in text.split("******")]
    given = list(filter(None, parts))
    return all(parts[1:-1]) and len(given) == 2 and given[0] != given[1]


def _first_word_of_paragraph(text: str, wanted: Arguments) -> bool:
    paragraphs = [part.strip() for part in re.split(r"\n\n+", text) if part.strip()]
    number = int(wanted["nth_paragraph"])
    if len(paragraphs) != wanted["num_paragraphs"] or not 1 <= number <= len(paragraphs):
        return False
    word = re.match(r"[\"'“‘*_#]*([^\s.,?!'\"]*)", paragraphs[number - 1])
    return word is not None and word[1].casefold() == str(wanted["first_word"]).casefold()


def _postscript(text: str, wanted: Arguments) -> bool:
    letters = [letter for letter in str(wanted["postscript_marker"]).lower() if letter.isalnum()]
    dotted = r"\.?\s?".join(map(re.escape, letters))
    return re.search(rf"(?<!\w)(?<!p\.)(?<!p\.\s){dotted}", text.lower()) is not None


def _is_json(text: str, _: Arguments) -> bool:
    fenced = re.fullmatch(r"```(?:json)?\s(.*)```", text.strip(), re.DOTALL | re.IGNORECASE)
    try:
        json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return False
    return True


def _capital_words(text: str) -> int:
    return sum(word.isupper() for word in re.findall(r"[^\W_]+(?:[-'’][^\W_]+)*", text))


def _keyword_count(text: str, keyword: str) -> int:
    return text.casefold().count(keyword.strip().casefold())


def _without(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word.strip())}(?!\w)", text, re.IGNORECASE) is None


def _title(text: str, _: Arguments) -> bool:
    opened = (part.partition(">>") for part in text.split("<<")[1:])
    return any(closed and "\n" not in title and title.strip("<> \t") for title, closed, _ in opened)


def _starts_of_sections(text: str, wanted: Arguments) -> bool:
    mark = re.escape(str(wanted["section_spliter"]).strip())
    return len(re.findall(rf"{mark}\s?\d+", text)) >= int(wanted["num_sections"])


def _is_quoted(text: str, _: Arguments) -> bool:
    inner = text.strip()
    return len(inner) > 1 and inner[0] == inner[-1] == '"'


_RELATION = ("less than", "at least")

INSTRUCTIONS: Mapping[str, Instruction] = {
    "change_case:capital_word_frequency": Instruction(
        lambda text, a: _related(_capital_words(text), a["capital_relation"], a["capital_frequency"]),
        capital_relation=_RELATION,
        capital_frequency=int,
    ),
    "change_case:english_capital": Instruction(lambda text, _: text.isupper()),
    "change_case:english_lowercase": Instruction(lambda text, _: text.islower()),
    "combination:repeat_prompt": Instruction(
        lambda text, a: text.strip().lower().startswith(a["prompt_to_repeat"].strip().lower()), prompt_to_repeat=str
    ),
    "combination:two_responses": Instruction(_two_responses),
    "detectable_content:number_placeholders": Instruction(
        lambda text, a: len(re.findall(r"\[[^\[\]\n]*\]", text)) >= a["num_placeholders"], num_placeholders=int
    ),
    "detectable_content:postscript": Instruction(_postscript, postscript_marker=str),
    "detectable_format:constrained_response": Instruction(lambda text, _: any(answer in text for answer in _ANSWERS)),
    "detectable_format:json_format": Instruction(_is_json),
    "detectable_format:multiple_sections": Instruction(_starts_of_sections, section_spliter=str, num_sections=int),
    "detectable_format:number_bullet_lists": Instruction(
        lambda text, a: _bullets(text) == a["num_bullets"], num_bullets=int
    ),
    "detectable_format:number_highlighted_sections": Instruction(
        lambda text, a: _highlights(text) >= a["num_highlights"], num_highlights=int
    ),
    "detectable_format:title": Instruction(_title),
    "keywords:existence": Instruction(
        lambda text, a: all(_keyword_count(text, word) for word in a["keywords"]), keywords=list
    ),
    "keywords:forbidden_words": Instruction(
        lambda text, a: all(_without(text, word) for word in a["forbidden_words"]), forbidden_words=list
    ),
    "keywords:frequency": Instruction(
        lambda text, a: _related(_keyword_count(text, a["keyword"]), a["relation"], a["frequency"]),
        relation=_RELATION,
        keyword=str,
        frequency=int,
    ),
    "keywords:letter_frequency": Instruction(
        lambda text, a: _related(text.lower().count(a["letter"].lower()), a["let_relation"], a["let_frequency"]),
        let_relation=_RELATION,
        letter=str,
        let_frequency=int,
    ),
    "length_constraints:nth_paragraph_first_word": Instruction(
        _first_word_of_paragraph, first_word=str, num_paragraphs=int, nth_paragraph=int
    ),
    "length_constraints:number_paragraphs": Instruction(_paragraphs_by_stars, num_paragraphs=int),
    "length_constraints:number_sentences": Instruction(
        lambda text, a: _related(sentences(text), a["relation"], a["num_sentences"]),
        relation=_RELATION,
        num_sentences=int,
    ),
    "length_constraints:number_words": Instruction(
        lambda text, a: _related(len(re.findall(r"\w+", text)), a["relation"], a["num_words"]),
        relation=_RELATION,
        num_words=int,
    ),
    "punctuation:no_comma": Instruction(lambda text, _: "," not in text),
    "startend:end_checker": Instruction(
        lambda text, a: text.strip().strip('"').lower().endswith(a["end_phrase"].strip().lower()), end_phrase=str
    ),
    "startend:quotation": Instruction(_is_quoted),
}
"""Every instruction known, by IFEval's identifier."""
