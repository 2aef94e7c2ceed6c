"""Callers that the rules speak of, and whether there are any of that name."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from ecotone.gateway.keys import CONSOLE, LOCAL
from ecotone.gateway.rules.rulebook import compile_policy
from ecotone.gateway.settings.config import Config
from ecotone.gateway.settings.toml_file import suggestion
from ecotone.policy.conditions import Use
from ecotone.policy.detectors import Detectors
from ecotone.policy.rules import EFFECTS


def caller_warnings(config: Config, keys: Collection[str]) -> Iterator[str]:
    """What rules and their tests say of callers that nobody is, as far as `keys`, the names of all keys, tell today. A
    key may yet be made, so none of it is an error."""
    for rule, reads in _rules_on_callers(config):
        yield from (f"rule {rule!r} speaks of {told}" for told in unknown_callers(config, keys, [reads]))
    known = _known(config, keys)
    for index, test in enumerate(config.rule_tests):
        if test.principal not in known:
            yield f"{test.name or f'rule test {index + 1}'!r} is about {_told(test.principal, known)}"
    for name in config.principals:
        hint = _near(name, keys) if name not in keys and name not in _BUILT_IN else ""
        if hint:
            yield f"[principals.{name}] holds for nobody: there is no key {name!r}{hint}"


def unknown_callers(config: Config, keys: Collection[str], reads: Iterable[Mapping[str, Use]]) -> Iterator[str]:
    """The callers that conditions, by what they read, compare `principal.name` with and that nobody is, in words."""
    known = _known(config, keys)
    named = {str(name) for one in reads if "principal.name" in one for name in one["principal.name"].compared}
    return (_told(name, known) for name in sorted(named - known))


_BUILT_IN = frozenset({LOCAL.name, CONSOLE.name})


def _known(config: Config, keys: Collection[str]) -> frozenset[str]:
    return _BUILT_IN | {*keys, *config.principals}


def _told(name: str, known: Collection[str]) -> str:
    return f"the caller {name!r}, and there is neither a key nor [principals] of that name{_near(name, known)}"


def _near(name: str, known: Collection[str]) -> str:
    hint = suggestion(name, sorted(known))
    return hint if hint.startswith("; did you mean") else ""


def _rules_on_callers(config: Config) -> Iterator[tuple[str, Mapping[str, Use]]]:
    """Names of rules that may read who calls, and what they read."""
    texts = [getattr(rule, effect) or "" for rule in config.rules or () for effect in EFFECTS]
    if any("principal" in text for text in texts):
        for rule in compile_policy(config, Detectors(config.data)).rules:
            yield rule.name, rule.condition.reads
