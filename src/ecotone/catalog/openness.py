"""How open a model is, component by component: the Model Openness Framework's class, OSI's definition, a plain word.

The class and the progress towards each are computed as the Model Openness Tool does
(https://github.com/lfai/model_openness_tool, the framework: https://arxiv.org/abs/2403.13784); OSI's definition is
OSAID 1.0 (https://opensource.org/ai/open-source-ai-definition). docs/concepts/openness.md has the formulas.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Literal

import msgspec

from ecotone.catalog.licence_names import LicenceName, Meaning, is_open, licence_id, spdx_licences
from ecotone.catalog.model_description import (
    DescribedComponent,
    ModelDescription,
    MofComponent,
    appropriate_content,
    mof_components,
    read_description,
    shipped_descriptions,
)

__all__ = [
    "ComponentState",
    "Finding",
    "ModelDescription",
    "Openness",
    "Osaid",
    "Word",
    "classify",
    "known_openness",
    "read_description",
    "shipped_descriptions",
    "word_for",
]

Word = Literal["closed", "API only", "open weights with restrictions", "open weights", "open source", "open science"]
State = Literal["open", "not open", "no licence", "not released"]
Answer = Literal["met", "not met", "unknown"]
MofClass = Literal[1, 2, 3]

_LABELS: Mapping[int, str] = {
    0: "Unclassified",
    1: "Class I - Open Science Model",
    2: "Class II - Open Tooling Model",
    3: "Class III - Open Model",
}
_PARAMETERS = "Model parameters (Final)"
_REPORT = "Technical report"
_PAPER = "Research paper"
_DATASETS = "Datasets"
_DATA_CARD = "Data card"
# OSAID's "complete source code used to train and run the system", in the framework's components. The two others count
# only where they are released, since OSAID asks for them "if used".
_CODE_NEEDED = ("Model architecture", "Inference code", "Training code", "Data preprocessing code")
_CODE_IF_RELEASED = ("Evaluation code", "Supporting libraries and tools")


class ComponentState(msgspec.Struct, frozen=True):
    """One of the 17 components in one model. `licence` is an identifier, None where there is none or none is known;
    `written` is what the description says. `meant_for_it` tells whether the framework's table names the licence for
    this kind of content (None unless the licence is open)."""

    name: str
    mof_class: MofClass
    required: bool
    state: State
    licence: str | None = None
    written: str | None = None
    meaning: Meaning | None = None
    meant_for_it: bool | None = None


class Finding(msgspec.Struct, frozen=True):
    """One requirement of OSI's definition, and why it is met, is not, or cannot be told from a description."""

    answer: Answer
    reason: str


class Osaid(msgspec.Struct, frozen=True):
    """OSI's definition: met only if all three requirements are; not met as soon as one is not."""

    answer: Answer
    data_information: Finding
    code: Finding
    parameters: Finding


class Openness(msgspec.Struct, frozen=True):
    """A model's openness. `mof_class` is 1, 2 or 3 (1 asks for most), 0 for none.

    `progress` is the percentage of each class's required components that are released under open licences, 0 while a
    less demanding class is not complete; `missing` names, for each class, what it lacks whatever the others come to.
    `notes` are what a reader should know: licence names that had to be guessed, licences not meant for their content.
    """

    mof_class: int
    label: str
    progress: Mapping[int, float]
    missing: Mapping[int, tuple[str, ...]]
    osaid: Osaid
    word: Word
    components: tuple[ComponentState, ...]
    notes: tuple[str, ...] = ()


def classify(description: ModelDescription) -> Openness:
    """Judge a description. What it does not list counts as not released."""
    listed = {component.name: component for component in description.components}
    notes: dict[str, None] = dict.fromkeys(description.notes)
    components = tuple(
        _state(component, listed.get(component.name), description, notes) for component in mof_components().values()
    )
    states = {component.name: component for component in components}
    opened = frozenset(component.name for component in components if component.state == "open")
    missing = {number: _missing(number, opened) for number in (1, 2, 3)}
    mof_class = next((number for number in (1, 2, 3) if not any(missing[n] for n in range(number, 4))), 0)
    osaid = _osaid(states)
    return Openness(
        mof_class=mof_class,
        label=_LABELS[mof_class],
        progress={number: _progress(number, opened) for number in (1, 2, 3)},
        missing=missing,
        osaid=osaid,
        word=_word(states[_PARAMETERS], mof_class, osaid, bool(description.page)),
        components=components,
        notes=(*notes, *_more_notes(components, states[_PARAMETERS], description.page)),
    )


@cache
def known_openness(name: str | None) -> Openness | None:
    """The openness of a model by its name in the openness table, which `ModelFacts.openness` gives; None where the
    table does not have it."""
    description = None if name is None else shipped_descriptions().get(name)
    return None if description is None else classify(description)


def word_for(
    openness: Openness | None, *, weights: Literal["open", "closed"] | None, licence: str | None, has_api: bool
) -> Word | None:
    """The plain word for a model of which other sources may know more than a description, or for which there is none.

    `weights` says whether they can be had, `licence` under which identifier, `has_api` whether a vendor answers with
    the model. Weights that others know to be closed are closed, whatever a description says; else one that lists the
    final parameters speaks for itself. None: nobody knows about the weights, or under which licence they are.
    """
    if weights != "closed" and openness is not None and openness.word != "closed":
        return openness.word
    if weights == "open":
        if licence is None:
            return None
        return "open weights" if is_open(licence) else "open weights with restrictions"
    if weights == "closed" or openness is not None:
        return "API only" if has_api else "closed"
    return None


def _state(
    component: MofComponent, listed: DescribedComponent | None, description: ModelDescription, notes: dict[str, None]
) -> ComponentState:
    row = ComponentState(component.name, component.mof_class, component.required, "not released")
    if listed is None:
        return row
    written = _written_licence(component, listed, description)
    found = licence_id(written) if written else LicenceName(None, None, "none stated")
    row = msgspec.structs.replace(row, licence=found.spdx_or_ref, written=written or None, meaning=found.meaning)
    if found.meaning == "not included":
        return row
    if found.note:
        notes[found.note] = None
    if found.meaning == "none stated":
        return msgspec.structs.replace(row, state="no licence")
    if found.spdx_or_ref is None or not is_open(found.spdx_or_ref):
        return msgspec.structs.replace(row, state="not open")
    fits = component.content in appropriate_content(found.spdx_or_ref)
    return msgspec.structs.replace(row, state="open", meant_for_it=fits)


def _written_licence(component: MofComponent, listed: DescribedComponent, description: ModelDescription) -> str:
    """A component's own licence, else the release's for its kind of content, else that for the whole release."""
    if listed.licence is not None:
        return listed.licence
    return description.licences.get(component.content) or description.licences.get("distribution") or ""


def _required(mof_class: int) -> tuple[str, ...]:
    """What a class asks for, with all that the less demanding classes ask for."""
    return tuple(row.name for row in mof_components().values() if row.required and row.mof_class >= mof_class)


def _missing(mof_class: int, opened: frozenset[str]) -> tuple[str, ...]:
    """A research paper does for the technical report; class I wants the paper itself."""
    lacking = (name for name in _required(mof_class) if name not in opened)
    if mof_class == 1:
        return tuple(name for name in lacking if name != _REPORT)
    return tuple(
        name if name != _REPORT else f"{_REPORT} or {_PAPER}" for name in lacking if not _replaced(name, opened)
    )


def _replaced(name: str, opened: frozenset[str]) -> bool:
    return name == _REPORT and _PAPER in opened


def _progress(mof_class: int, opened: frozenset[str]) -> float:
    """Per cent of what the class asks for; 0 while a less demanding class lacks something.

    The report counts if it is there. Where the paper stands in for it, classes III and II count the paper in its
    place, and class I, which counts the paper anyway, asks for one component fewer.
    """
    if any(_missing(less, opened) for less in range(mof_class + 1, 4)):
        return 0.0
    required = _required(mof_class)
    have = len(opened.intersection(required))
    total = len(required)
    if _REPORT not in opened and _PAPER in opened:
        have, total = (have, total - 1) if mof_class == 1 else (have + 1, total)
    return have / total * 100


def _osaid(states: Mapping[str, ComponentState]) -> Osaid:
    data, code, parameters = _data_information(states), _code(states), _parameters(states[_PARAMETERS])
    answers = {finding.answer for finding in (data, code, parameters)}
    overall: Answer = "not met" if "not met" in answers else "unknown" if "unknown" in answers else "met"
    return Osaid(overall, data, code, parameters)


def _data_information(states: Mapping[str, ComponentState]) -> Finding:
    released = [name for name in (_DATASETS, _DATA_CARD, _REPORT, _PAPER) if states[name].state != "not released"]
    if not released:
        return Finding("not met", "no datasets, data card, report or paper is released")
    if states[_DATASETS].state == "open" and states[_DATA_CARD].state == "open":
        return Finding("met", "the datasets themselves and a data card are released under open licences")
    told = ", ".join(released)
    return Finding("unknown", f"somebody has to read whether this is enough to build an equivalent system: {told}")


def _code(states: Mapping[str, ComponentState]) -> Finding:
    lacking = [name for name in _CODE_NEEDED if states[name].state == "not released"]
    if lacking:
        return Finding("not met", f"not released: {', '.join(lacking)}")
    present = [states[name] for name in (*_CODE_NEEDED, *_CODE_IF_RELEASED) if states[name].state != "not released"]
    refused = [part.name for part in present if not _osi_approved(part) and part.meaning != "unclear"]
    if refused:
        return Finding("not met", f"not under a licence that OSI approves: {', '.join(refused)}")
    unclear = [part.name for part in present if not _osi_approved(part)]
    if unclear:
        return Finding("unknown", f"it is unclear which licence is meant for: {', '.join(unclear)}")
    return Finding("met", "all of it is under licences that OSI approves")


def _parameters(part: ComponentState) -> Finding:
    if part.state == "not released":
        return Finding("not met", "the final parameters are not released")
    if _osi_approved(part):
        return Finding("met", f"{part.licence} is a licence that OSI approves")
    if part.state == "open":
        return Finding("unknown", f"{part.licence} is open, but not among the licences that OSI approves")
    if part.meaning == "unclear":
        return Finding("unknown", f"it is unclear which licence {part.written!r} is")
    if part.state == "no licence":
        return Finding("not met", "no licence is stated for the parameters")
    return Finding("not met", f"{part.licence or part.written!r} is not a licence that OSI approves")


def _osi_approved(part: ComponentState) -> bool:
    row = None if part.licence is None else spdx_licences().get(part.licence)
    return row is not None and row.osi_approved


def _word(parameters: ComponentState, mof_class: int, osaid: Osaid, has_page: bool) -> Word:
    if parameters.state == "not released" or parameters.meaning == "undisclosed":
        return "closed"
    if parameters.state == "no licence" and not has_page:
        return "closed"
    if parameters.state != "open":
        return "open weights with restrictions"
    if mof_class == 1:
        return "open science"
    if osaid.answer == "met" or (osaid.answer == "unknown" and mof_class == 2):
        return "open source"
    return "open weights"


def _more_notes(components: Iterable[ComponentState], parameters: ComponentState, page: str) -> Iterator[str]:
    unusual = [f"{part.name} ({part.licence})" for part in components if part.meant_for_it is False]
    if unusual:
        yield f"open, but not licences that the framework names for that kind of content: {', '.join(unusual)}"
    if parameters.state == "no licence":
        yield "no licence is stated for the final parameters: without one, nothing is granted"
        if not page:
            yield "no page is named where the final parameters are, so they count as not released in the plain word"
    if parameters.state == "not released" and page:
        yield f"the description does not list the final parameters; see whether {page} has them"
