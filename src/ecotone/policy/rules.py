"""Rules: one condition with one effect, read from the config and checked."""

from collections.abc import Iterable, Sequence

import msgspec

from ecotone.policy.cel_library import Context, Fault
from ecotone.policy.cel_syntax import ConditionError
from ecotone.policy.conditions import Condition, near, read_condition, told
from ecotone.policy.problem import Path, PolicyProblem
from ecotone.policy.schema import Schema
from ecotone.policy.settings import RuleSettings
from ecotone.policy.verdict import Effect, Side, Spoken

EFFECTS: tuple[Effect, ...] = ("deny", "require", "redact", "flag", "prefer")
RULES_MAX = 1_000


class Rule(msgspec.Struct, frozen=True, eq=False):
    """A rule that has been found right. `kinds` are what it redacts; empty: all that was found."""

    name: str
    on: Side
    effect: Effect
    condition: Condition
    because: str
    kinds: frozenset[str] = frozenset()

    def outcome(self, context: Context) -> bool | Fault:
        """Does its condition hold? A Fault that names what is unknown where that cannot be said."""
        return holds(self.condition, context)

    def spoken(self, outcome: bool | Fault) -> Spoken | None:
        """What it has to say to that: a condition that could not be evaluated denies, whatever the effect."""
        if isinstance(outcome, Fault):
            return Spoken(self.name, self.effect, self.because, outcome.reason)
        speaks = not outcome if self.effect == "require" else outcome
        return Spoken(self.name, self.effect, self.because) if speaks else None


def holds(condition: Condition, context: Context) -> bool | Fault:
    """Whether a condition holds. A Fault that names the variable where that cannot be said."""
    outcome = condition.program.holds(context)
    if isinstance(outcome, Fault) and outcome.unknown is not None:
        paths = [path for path in condition.reads if path.partition(".")[2] == outcome.unknown]
        return Fault(f"{' or '.join(paths) or outcome.unknown} is unknown", outcome.unknown)
    return outcome


def read_rules(rules: Sequence[RuleSettings], schema: Schema, kinds: Iterable[str] | None) -> tuple[Rule, ...]:
    """The rules of a config, in its order. Raises PolicyProblem for the first that is not right."""
    if len(rules) > RULES_MAX:
        raise PolicyProblem(("rules",), f"there are at most {RULES_MAX} rules")
    found: list[Rule] = []
    names: set[str] = set()
    for index, settings in enumerate(rules):
        rule = _read_rule(index, settings, schema, kinds)
        if rule.name in names:
            raise PolicyProblem(("rules", index, "name"), f"two rules are called {rule.name!r}; give one another name")
        names.add(rule.name)
        found.append(rule)
    return tuple(found)


def _read_rule(index: int, settings: RuleSettings, schema: Schema, kinds: Iterable[str] | None) -> Rule:
    path: Path = ("rules", index)
    name = settings.name if settings.name is not None else f"rule {index + 1}"
    given = [effect for effect in EFFECTS if getattr(settings, effect) is not None]
    if len(given) != 1:
        problem = f"says {' and '.join(given)}" if given else "says nothing to do"
        raise PolicyProblem(path, f"{name} {problem}: give it one of {', '.join(EFFECTS)}")
    effect = given[0]
    if not name.strip():
        raise PolicyProblem((*path, "name"), "the name is empty; leave it out, or say what decisions call the rule")
    if not settings.because.strip():
        raise PolicyProblem((*path, "because"), f"{name} gives no reason; write one for whoever meets the rule")
    if settings.on == "reply" and effect == "prefer":
        raise PolicyProblem((*path, "prefer"), "a reply comes from where it comes: prefer goes with requests only")
    if settings.kinds and effect != "redact":
        raise PolicyProblem((*path, "kinds"), f"kinds go with redact, and {name} says {effect}")
    for kind in settings.kinds:
        if kinds is not None and kind not in kinds:
            raise PolicyProblem((*path, "kinds"), f"nothing finds {kind!r}{near(kind, kinds)}")
    text: str = getattr(settings, effect)
    try:
        condition = read_condition(text, schema)
    except ConditionError as error:
        raise PolicyProblem((*path, effect), told(error, text)) from None
    return Rule(name, settings.on, effect, condition, settings.because, frozenset(settings.kinds))
