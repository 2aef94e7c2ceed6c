"""`ecotone rules`: what may go where, whether the owner's cases come out as written, and whether a promise holds."""

import os
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import typer
from rich.markup import escape

from ecotone.cli.output import out, print_json, print_table, say, visible
from ecotone.gateway.build import load_config
from ecotone.gateway.config import Config, parse_config
from ecotone.gateway.discovery import found_keys
from ecotone.gateway.paths import find_config, find_home
from ecotone.gateway.rulebook import compile_policy, model_places, open_ended_place
from ecotone.gateway.toml_file import TomlFile, read_text
from ecotone.policy.detectors import Detectors
from ecotone.policy.places import Place
from ecotone.policy.policy import Policy
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.prove import Counterexample, NoProof, Proof, prove
from ecotone.policy.rule_tests import run_rule_tests
from ecotone.policy.rules import Rule
from ecotone.policy.starters import starters, summary
from ecotone.values.errors import EcotoneError, SetupError


class Rulebook(msgspec.Struct, frozen=True, eq=False):
    """A config with its rules compiled, its tests not yet run. Without a config there are no rules."""

    config: Config
    policy: Policy
    detectors: Detectors
    toml: TomlFile | None

    def error(self, problem: PolicyProblem) -> EcotoneError:
        return SetupError(problem.message) if self.toml is None else self.toml.error(problem.path, problem.message)

    def candidates(self) -> dict[str, tuple[Place, ...]]:
        """The places behind every name that can be asked for. Regions that the config leaves out are those of this
        environment, which should be the gateway's."""
        today = datetime.now(UTC).date()
        config = self.config
        found = {name: tuple(model_places(name, config, today, os.environ)) for name in config.models}
        for name, route in config.routes.items():
            found[name] = tuple(place for model in route.models for place in found[model])
        for vendor in () if self.toml is not None else found_keys(os.environ):
            found[f"{vendor.name}/*"] = (open_ended_place(vendor, "*", config, today),)
        return found


def _rulebook(config_file: Path | None) -> Rulebook:
    """Raises ConfigError."""
    file = find_config(config_file, find_home(os.environ), Path.cwd())
    if file is None:
        config, toml = load_config(None), None
    else:
        text = read_text(file, "put it there, or start without it")
        config, toml = parse_config(text, file), TomlFile(text, file)
    try:
        detectors = Detectors(config.data)
        return Rulebook(config, compile_policy(config, detectors), detectors, toml)
    except PolicyProblem as problem:
        if toml is None:
            raise
        raise toml.error(problem.path, problem.message) from None


def show(config_file: Path | None, as_json: bool) -> None:
    """Print the rules in force, in their order."""
    book = _rulebook(config_file)
    rules = book.policy.rules
    if as_json:
        print_json(
            {
                "digest": book.policy.digest,
                "classes": list(book.policy.classes.names),
                "rules": [_rule(rule) for rule in rules],
            }
        )
        return
    if not rules:
        say("There are no rules: everything may go everywhere. `ecotone rules start` shows some to begin with.")
        return
    rows = [(rule.name, rule.on, rule.effect, " ".join(rule.condition.text.split()), rule.because) for rule in rules]
    print_table(("NAME", "ON", "EFFECT", "CONDITION", "BECAUSE"), rows)


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "on": rule.on,
        "effect": rule.effect,
        "condition": rule.condition.text,
        "because": rule.because,
        "kinds": sorted(rule.kinds),
        "reads": sorted(rule.condition.reads),
    }


def test(config_file: Path | None, as_json: bool) -> None:
    """Run the config's `[[rule_tests]]`. Exits with 1 if any fails."""
    book = _rulebook(config_file)
    try:
        results = run_rule_tests(book.config.rule_tests, book.policy, book.candidates(), book.detectors)
    except PolicyProblem as problem:
        raise book.error(problem) from None
    failed = [result for result in results if not result.passed]
    if as_json:
        rows = [{**msgspec.to_builtins(result), "passed": result.passed} for result in results]
        print_json({"passed": len(results) - len(failed), "failed": len(failed), "tests": rows})
    else:
        for result in results:
            told = f"passed  {result.name}" if result.problem is None else f"FAILED  {result.problem}"
            out.print(escape(visible(told)), style=None if result.passed else "bold red")
        say(
            f"{len(results) - len(failed)} passed, {len(failed)} failed" if results else "The config has no rule tests."
        )
    if failed:
        raise typer.Exit(1)


def start(name: str | None, as_json: bool) -> None:
    """Print a starter, or say which ones there are."""
    every = starters()
    if name is not None and name not in every:
        raise SetupError(f"there is no starter {name!r}; there are: {', '.join(every)}")
    if name is not None:
        if as_json:
            print_json({"name": name, "about": summary(every[name]), "text": every[name]})
        else:
            out.out(every[name], highlight=False, end="")
    elif as_json:
        print_json([{"name": key, "about": summary(text)} for key, text in every.items()])
    else:
        print_table(("NAME", "WHAT IT DOES"), [(key, summary(text)) for key, text in every.items()])
        say("`ecotone rules start NAME` prints one, to copy into ecotone.toml.")


def prove_promise(condition: str, never: str, config_file: Path | None, as_json: bool) -> None:
    """Print whether nothing for which `condition` holds is ever sent where `never` holds. Exits with 1 if something may
    be, with 2 if that cannot be told."""
    try:
        book = _rulebook(config_file)
        if not any(book.candidates().values()):
            raise NoProof("there is no model that anything could be sent to; add one to the config, and prove it then")
        proof = _proof(book, condition, never)
    except EcotoneError as error:
        _give_up(error.message)
    except NoProof as error:
        _give_up(str(error))
    except Exception:  # whatever went wrong, it is no counterexample, which is what 1 would say
        traceback.print_exc()
        raise typer.Exit(2) from None
    if as_json:
        print_json(_as_json(proof, condition, never, book.policy))
    else:
        for line in _picture(proof, condition, never, book.policy):
            out.print(escape(visible(line)), style="bold" if line[:1] not in (" ", "") else None)
    if not proof.holds:
        raise typer.Exit(1)


def _give_up(message: str) -> NoReturn:
    say(f"ecotone: {message}")
    raise typer.Exit(2) from None


def _proof(book: Rulebook, condition: str, never: str) -> Proof:
    detectors = book.detectors
    try:
        return prove(
            book.policy,
            condition,
            never,
            candidates=book.candidates(),
            kinds=detectors.kinds,
            rank=detectors.rank,
        )
    except PolicyProblem as problem:
        where = "--never" if problem.path == ("never",) else "CONDITION"
        raise SetupError(f"{where}: {problem.message}") from None


def _as_json(proof: Proof, condition: str, never: str, policy: Policy) -> dict[str, Any]:
    hole = proof.counterexample
    return {
        "holds": proof.holds,
        "condition": condition,
        "never": never,
        "combinations": proof.combinations,
        "checked": dict(_checked(proof)),
        "idle": proof.idle,
        "counterexample": None if hole is None else _facts(hole, policy),
    }


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


def _picture(proof: Proof, condition: str, never: str, policy: Policy) -> Iterator[str]:
    hole = proof.counterexample
    if hole is None:
        yield f"holds: nothing for which {condition} is sent where {never}"
        if proof.idle:
            yield "  note: no request meets both conditions, whatever the rules say"
    else:
        yield f"does not hold: this may be sent where {never}, although {condition}"
        facts = _facts(hole, policy)
        assumed, unknown = facts.pop("assumed"), facts.pop("unknown")
        spoken, redacted = facts.pop("spoken"), facts.pop("redacted")
        width = max(map(len, facts))
        for name, value in facts.items():
            yield f"  {name.ljust(width)}  {_told(value)}"
        for text, value in assumed.items():
            yield f"  taken to be {_told(value)}, having been tried both ways: {text}"
        for text in unknown:
            yield f"  not known there, and so possible: {text}"
        if redacted:
            yield f"  replaced before it is sent: {', '.join(redacted)}"
        if spoken:
            yield f"  rules that speak, and let it pass: {', '.join(spoken)}"
    yield f"checked {proof.combinations:,} combinations"
    for name, count in _checked(proof):
        yield f"  {count:>6,}  {name}"


def _told(value: object) -> str:
    match value:
        case None:
            return "unknown"
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ", ".join(map(str, value)) or "nothing"
    return str(value)
