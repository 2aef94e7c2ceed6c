"""The rules of one config at hand: to be shown, tested, tried on a text, and proved."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from ecotone.catalog.provider import Provider
from ecotone.gateway.build import load_config
from ecotone.gateway.rules.named_callers import unknown_callers
from ecotone.gateway.rules.rulebook import all_places, compile_policy, open_ended_place
from ecotone.gateway.settings.config import Config, parse_config
from ecotone.gateway.settings.discovery import found_keys
from ecotone.gateway.settings.toml_file import TomlFile, read_text
from ecotone.policy.conditions import read_condition
from ecotone.policy.detectors import Detectors
from ecotone.policy.places import Place
from ecotone.policy.policy import Policy
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.prove import Counterexample, NoProof, Proof, prove
from ecotone.policy.rule_tests import RuleTestResult, run_rule_tests
from ecotone.values.errors import EcotoneError, SetupError

Environment = Mapping[str, str]


class Rulebook(msgspec.Struct, frozen=True, eq=False):
    """A config with its rules compiled, its tests not yet run. Without a config there are no rules.

    `environment` is the gateway's: regions that the config leaves out are named there. Models of `vendors` can be asked
    for as PROVIDER/NAME. `toml` is the file that the config was read from, to name the line of a problem in it.
    """

    config: Config
    policy: Policy
    detectors: Detectors
    environment: Environment
    vendors: tuple[Provider, ...] = ()
    toml: TomlFile | None = None

    def error(self, problem: PolicyProblem) -> EcotoneError:
        return SetupError(problem.message) if self.toml is None else self.toml.error(problem.path, problem.message)

    def candidates(self, today: date) -> dict[str, tuple[Place, ...]]:
        """The places behind every name that can be asked for; `openai/*` stands for all models of a vendor whose models
        are not configured."""
        freely = {f"{vendor.name}/*": (open_ended_place(vendor, "*", self.config, today),) for vendor in self.vendors}
        return all_places(self.config, today, self.environment) | freely


def compile_rulebook(
    config: Config, environment: Environment, vendors: tuple[Provider, ...] = (), toml: TomlFile | None = None
) -> Rulebook:
    """The rules of a config. Raises PolicyProblem."""
    detectors = Detectors(config.data)
    return Rulebook(
        config, compile_policy(config, detectors, any_model=bool(vendors)), detectors, environment, vendors, toml
    )


def read_rulebook(file: Path | None, environment: Environment) -> Rulebook:
    """The rules of a config file; of None, those of a gateway without a config: none. Raises ConfigError."""
    if file is None:
        return compile_rulebook(load_config(None), environment, tuple(found_keys(environment)))
    text = read_text(file, "put it there, or start without it")
    config, toml = parse_config(text, file), TomlFile(text, file)
    try:
        return compile_rulebook(config, environment, toml=toml)
    except PolicyProblem as problem:
        raise toml.error(problem.path, problem.message) from None


def tested(book: Rulebook, today: date) -> tuple[RuleTestResult, ...]:
    """What comes of the config's `[[rule_tests]]`. Raises EcotoneError for one that cannot be run."""
    try:
        return run_rule_tests(book.config.rule_tests, book.policy, book.candidates(today), book.detectors)
    except PolicyProblem as problem:
        raise book.error(problem) from None


class Promise(msgspec.Struct, frozen=True):
    """What came of checking that nothing for which `condition` holds is ever sent where `never` holds.

    `checked` says what requests can differ in, in words, and with how many values of each the promise was tried.
    `idle`: no request meets both conditions, whatever the rules say. `counterexample` is a request that breaks the
    promise, None where it holds: its facts by name, as far as a condition reads them; `assumed`, conditions that were
    tried both ways, with the outcome that leads there; `unknown`, parts of the promise that cannot be evaluated and so
    may hold; `spoken`, the rules that speak and let it pass; `redacted`, the kinds that would be replaced.
    """

    holds: bool
    condition: str
    never: str
    combinations: int
    checked: dict[str, int]
    idle: bool
    counterexample: dict[str, Any] | None


def proved(book: Rulebook, condition: str, never: str, today: date) -> Promise:
    """Check a promise over everything that the config allows. It may take seconds.

    Raises PolicyProblem for a condition that is not right (its path is `("condition",)` or `("never",)`), and NoProof.
    """
    candidates = book.candidates(today)
    if not any(candidates.values()):
        raise NoProof("there is no model that anything could be sent to; add one to the config, and prove it then")
    detectors = book.detectors
    proof = prove(book.policy, condition, never, candidates=candidates, kinds=detectors.kinds, rank=detectors.rank)
    hole = proof.counterexample
    return Promise(
        holds=proof.holds,
        condition=condition,
        never=never,
        combinations=proof.combinations,
        checked=dict(_checked(proof)),
        idle=proof.idle,
        counterexample=None if hole is None else _facts(hole, book.policy),
    )


def strangers(book: Rulebook, keys: Collection[str], condition: str, never: str) -> tuple[str, ...]:
    """The callers that a promise speaks of and that nobody is, in words; `keys` are the names of all keys. Both
    conditions are right."""
    reads = [read_condition(text, book.policy.schema).reads for text in (condition, never)]
    return tuple(unknown_callers(book.config, keys, reads))


_TRIED = {
    "asked": "places, by the names that lead to them",
    "caller": "callers, one of them for all that are not named",
    "class": "classes",
    "other kinds": "numbers of other kinds found",
    "inspected": "guard: it answered, and it did not",
    "other flagged": "numbers of other categories flagged",
    "operation": "operations",
    "stream": "as a stream, and whole",
    "tools": "with tools, and without",
    "bytes": "lengths",
    "time": "moments",
}
_TRIED_BY_PREFIX = {
    "kind ": "with and without a find: ",
    "uninspected ": "with and without content that nobody read: ",
    "score ": "scores, unknown among them: ",
    "free ": "both true and false: ",
    "if unnamed ": "both true and false, for callers who are not named: ",
}


def _checked(proof: Proof) -> Iterator[tuple[str, int]]:
    """With how many values each thing was tried, in words."""
    for name, count in proof.dimensions.items():
        prefix = next((prefix for prefix in _TRIED_BY_PREFIX if name.startswith(prefix)), None)
        yield _TRIED[name] if prefix is None else _TRIED_BY_PREFIX[prefix] + name.removeprefix(prefix), count


def _facts(hole: Counterexample, policy: Policy) -> dict[str, Any]:
    """What the counterexample is, as far as a condition reads it."""
    labels = hole.labels
    facts: dict[str, Any] = {
        "class": policy.classes.name(labels.data_class),
        "principal": labels.principal,
        "asked": hole.asked,
        "model": hole.place.fact("model.name"),
        "endpoint": hole.place.fact("endpoint.id"),
        "hosting": hole.place.fact("endpoint.hosting"),
    }
    scores = labels.scores or {}
    read = {
        "data.kinds": ("found", sorted(labels.kinds)),
        "data.uninspected": ("uninspected", sorted(labels.uninspected)),
        "principal.purpose": ("purpose", labels.purpose),
        "request.operation": ("operation", labels.operation),
        "request.stream": ("stream", labels.streams),
        "request.tools": ("tools", labels.tools),
        "request.bytes": ("bytes", labels.input_bytes),
    }
    facts |= {name: value for path, (name, value) in read.items() if path in hole.read}
    if any(path.startswith("content.") for path in hole.read):
        facts["content inspected"] = labels.scores is not None
        facts |= {path: scores[path[8:]] for path in hole.read if path.startswith("content.") and path[8:] in scores}
    shown = ("model.name", "endpoint.id", "endpoint.hosting")
    of_place = [path for path in hole.read if path.startswith(("model.", "endpoint.")) and path not in shown]
    facts |= {path: hole.place.fact(path) for path in of_place}
    if hole.time is not None:
        facts["time"] = hole.time
    facts["assumed"] = dict(hole.assumed)
    facts["unknown"] = list(hole.unknown)
    facts["spoken"] = [] if hole.verdict is None else [one.rule for one in hole.verdict.spoken]
    facts["redacted"] = [] if hole.verdict is None else sorted(hole.verdict.redact)
    return facts
