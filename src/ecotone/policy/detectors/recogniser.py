"""Names of people, places and organisations, by a recogniser that the owner installs with one of Ecotone's extras.

They take milliseconds for a text and more memory than all the rest of Ecotone, so none is on by default, and none is
imported before it is asked for.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, Literal

from ecotone.policy.findings import Finding
from ecotone.policy.problem import PolicyProblem

RECOGNISED_KINDS = ("organisation", "person", "place")
Recogniser = Callable[[str], Iterator[Finding]]

_SPACY_MODELS = ("xx_ent_wiki_sm", "en_core_web_trf", "en_core_web_lg", "en_core_web_md", "en_core_web_sm")
_GLINER_MODEL = "urchade/gliner_multi_pii-v1"
_KINDS: Mapping[str, str] = {
    "PERSON": "person", "PER": "person", "person": "person",
    "GPE": "place", "LOC": "place", "LOCATION": "place", "FAC": "place", "location": "place",
    "ORG": "organisation", "ORGANIZATION": "organisation", "organization": "organisation",
}  # fmt: skip


def recogniser(name: Literal["none", "presidio", "gliner", "spacy"]) -> Recogniser | None:
    """The recogniser of this name; None for `none`. Raises PolicyProblem where its extra or its model is missing."""
    if name == "none":
        return None
    try:
        return _MAKERS[name]()
    except ImportError as error:
        raise _missing(f"{name!r} needs an extra that is not installed: pip install 'ecotone[{name}]'") from error


def _missing(message: str) -> PolicyProblem:
    return PolicyProblem(("data", "recogniser"), message)


def _spacy() -> Recogniser:
    nlp = import_module("spacy").load(_spacy_model())

    def find(text: str) -> Iterator[Finding]:
        for entity in nlp(text).ents:
            kind = _KINDS.get(entity.label_)
            if kind is not None:
                yield Finding(entity.start_char, entity.end_char, kind, "spacy")

    return find


def _spacy_model() -> str:
    installed = import_module("spacy.util").get_installed_models()
    for model in _SPACY_MODELS:
        if model in installed:
            return model
    raise _missing(
        f"there is no spaCy model that knows names; install one: python -m spacy download {_SPACY_MODELS[0]} "
        f"(any of {', '.join(_SPACY_MODELS)})"
    )


def _presidio() -> Recogniser:
    analyzer_module = import_module("presidio_analyzer")
    engines = import_module("presidio_analyzer.nlp_engine")
    models = [{"lang_code": "en", "model_name": _spacy_model()}]
    engine = engines.NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    analyzer = analyzer_module.AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])

    def find(text: str) -> Iterator[Finding]:
        for result in analyzer.analyze(text, language="en", entities=["PERSON", "LOCATION", "ORGANIZATION"]):
            yield Finding(result.start, result.end, _KINDS[result.entity_type], "presidio")

    return find


def _gliner() -> Recogniser:
    try:
        model = import_module("gliner").GLiNER.from_pretrained(_GLINER_MODEL, local_files_only=True)
    except OSError as error:
        raise _missing(f"the model is not on this machine: hf download {_GLINER_MODEL}") from error
    labels = [label for label in _KINDS if label.islower()]

    def find(text: str) -> Iterator[Finding]:
        entities: list[dict[str, Any]] = model.predict_entities(text, labels)
        for entity in entities:
            yield Finding(entity["start"], entity["end"], _KINDS[entity["label"]], "gliner")

    return find


_MAKERS: Mapping[str, Callable[[], Recogniser]] = {"spacy": _spacy, "presidio": _presidio, "gliner": _gliner}
