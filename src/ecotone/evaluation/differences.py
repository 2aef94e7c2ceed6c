"""Two runs beside each other: what differs on the cases that both have, and which cases changed."""

from collections.abc import Mapping

import msgspec

from ecotone.evaluation.answers import Identity
from ecotone.evaluation.cases import Suite
from ecotone.evaluation.results import Comparison, compare
from ecotone.evaluation.runs import Run, RunFolder
from ecotone.values.errors import SetupError


class Flip(msgspec.Struct, frozen=True):
    """A case whose score changed from the one run to the other."""

    suite: str
    case: str
    model_a: str
    model_b: str
    score_a: float
    score_b: float


class Difference(msgspec.Struct, frozen=True):
    """Run `b` compared with run `a`, both by their ids. `same` are the models, two and two, that have two names and are
    known to be one: what differs between those is chance, or a setting."""

    a: str
    b: str
    comparisons: tuple[Comparison, ...]
    flips: tuple[Flip, ...]
    same: tuple[tuple[str, str], ...] = ()


def difference(a: RunFolder, b: RunFolder) -> Difference:
    """Compare runs: each model with itself, or where they have none in common, the one model of each.

    Raises SetupError where there is nothing to compare.
    """
    run_a, run_b = a.read(), b.read()
    common = _common(a.suites(), b.suites())
    if not common:
        raise SetupError(f"runs {run_a.id} and {run_b.id} have no case in common; compare runs of the same suite")
    results_a, results_b = a.results(), b.results()
    found: list[Comparison] = []
    flips: list[Flip] = []
    for model_a, model_b in _pairs(run_a, run_b):
        of_a = {(suite, case): row for (model, suite, case), row in results_a.items() if model == model_a}
        of_b = {(suite, case): row for (model, suite, case), row in results_b.items() if model == model_b}
        label_a, label_b = (model_a, model_b) if model_a != model_b else (f"{model_a} in A", f"{model_b} in B")
        found += compare(label_a, of_a, label_b, of_b, common.values(), seed=run_a.settings.seed)
        for name, suite in common.items():
            for case in suite.cases:
                left, right = of_a.get((name, case.id)), of_b.get((name, case.id))
                if left is None or right is None or left.score is None or right.score is None:
                    continue
                if left.score != right.score:
                    flips.append(Flip(name, case.id, model_a, model_b, left.score, right.score))
    same = tuple(pair for pair in _pairs(run_a, run_b) if _one_model(run_a.identity(pair[0]), run_b.identity(pair[1])))
    return Difference(run_a.id, run_b.id, tuple(found), tuple(flips), same)


def _one_model(a: Identity, b: Identity) -> bool:
    return a.name != b.name and a.certain and b.certain and a.digest == b.digest


def _common(of_a: Mapping[str, Suite], of_b: Mapping[str, Suite]) -> dict[str, Suite]:
    """The suites that both have, with the cases that are the same in both, scored by the same rules."""
    found = {}
    for name, suite in of_a.items():
        other = of_b.get(name)
        if other is None or suite.scorer != other.scorer or suite.system != other.system:
            continue
        theirs = {case.id: case for case in other.cases}
        cases = tuple(case for case in suite.cases if theirs.get(case.id) == case)
        if cases:
            found[name] = msgspec.structs.replace(suite, cases=cases)
    return found


def _pairs(run_a: Run, run_b: Run) -> list[tuple[str, str]]:
    names_a, names_b = ([model.name for model in run.models] for run in (run_a, run_b))
    both = [(name, name) for name in names_a if name in names_b]
    if both:
        return both
    if len(names_a) == len(names_b) == 1:
        return [(names_a[0], names_b[0])]
    raise SetupError(
        f"runs {run_a.id} and {run_b.id} have no model in common, and not one each; compare runs of the same model"
    )
