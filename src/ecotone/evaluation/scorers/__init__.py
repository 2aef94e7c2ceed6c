"""How replies are scored: every kind of scorer there is, by the name that a suite gives."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from ecotone.evaluation.cases import Scorer, ScorerSpec, ScorerTools
from ecotone.evaluation.scorers.choice import Choice, Label
from ecotone.evaluation.scorers.instructions import Instructions
from ecotone.evaluation.scorers.json_value import JsonReply
from ecotone.evaluation.scorers.judge import JudgeGrade, JudgePair
from ecotone.evaluation.scorers.kind import Kind
from ecotone.evaluation.scorers.numeric import Numeric
from ecotone.evaluation.scorers.python_code import PythonCode
from ecotone.evaluation.scorers.refusal import Refusal
from ecotone.evaluation.scorers.text import Contains, Exact, KeyFacts, Normalised, Regex
from ecotone.gateway.settings.toml_file import suggestion
from ecotone.values.errors import SetupError

AnyKind = Kind | PythonCode

KINDS: Mapping[str, type[AnyKind]] = MappingProxyType(
    {
        "exact": Exact,
        "normalised": Normalised,
        "contains": Contains,
        "key-facts": KeyFacts,
        "regex": Regex,
        "numeric": Numeric,
        "choice": Choice,
        "label": Label,
        "json": JsonReply,
        "instructions": Instructions,
        "python": PythonCode,
        "refusal": Refusal,
        "judge-pair": JudgePair,
        "judge-grade": JudgeGrade,
    }
)


def kind_of(spec: ScorerSpec) -> AnyKind:
    """The kind with its options. Raises SetupError for an unknown kind or option, with near names."""
    kind = KINDS.get(spec.kind)
    if kind is None:
        raise SetupError(f"there is no scorer {spec.kind!r}{suggestion(spec.kind, list(KINDS))}")
    unknown = [name for name in spec.options if name not in option_names(kind)]
    if unknown:
        hint = suggestion(unknown[0], option_names(kind)) or " (it has none)"
        raise SetupError(f"scorer {spec.kind!r} has no option {unknown[0]!r}{hint}")
    try:
        return msgspec.convert(spec.options, kind)
    except msgspec.ValidationError as error:
        raise SetupError(f"scorer {spec.kind!r}: {error}") from None


def option_names(kind: type[AnyKind]) -> list[str]:
    """The options that a kind takes."""
    return [field.name for field in msgspec.structs.fields(kind)]


def scorer_for(spec: ScorerSpec, tools: ScorerTools) -> Scorer:
    """A scorer for a suite. Raises SetupError as `kind_of` does, or where a tool is missing that it needs."""
    return kind_of(spec).scorer(tools)
