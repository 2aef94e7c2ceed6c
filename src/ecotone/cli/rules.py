"""`ecotone rules`: what may go where, whether the owner's cases come out as written, and whether a promise holds."""

import os
import traceback
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import typer
from rich.markup import escape

from ecotone.cli.events import moment_since
from ecotone.cli.output import out, print_json, print_table, say, visible
from ecotone.gateway.build import key_names, open_database
from ecotone.gateway.rules.proving import Promise, Rulebook, proved, read_rulebook, strangers, tested
from ecotone.gateway.rules.refusals import recent_refusals
from ecotone.gateway.settings.paths import find_config, find_home
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.prove import NoProof
from ecotone.policy.rules import Rule
from ecotone.policy.starters import starters, summary
from ecotone.values.errors import EcotoneError, SetupError

_REFUSALS_MAX = 1_000


def rulebook(config_file: Path | None) -> Rulebook:
    """The rules of the config that commands work with. Raises ConfigError."""
    return read_rulebook(find_config(config_file, find_home(os.environ), Path.cwd()), os.environ)


def today() -> date:
    """The day, UTC: vendors' terms change with it."""
    return datetime.now(UTC).date()


def show(config_file: Path | None, as_json: bool) -> None:
    """Print the rules in force, in their order."""
    book = rulebook(config_file)
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
    book = rulebook(config_file)
    results = tested(book, today())
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


def refused(since: str, config_file: Path | None, as_json: bool) -> None:
    """Print the requests that the rules refused or flagged since then. Raises SetupError for a time that is none."""
    now = datetime.now(UTC)
    policy = rulebook(config_file).policy
    found = recent_refusals(
        open_database(find_home(os.environ)), moment_since(since, now), risk_min=policy.threshold, limit=_REFUSALS_MAX
    )
    if as_json:
        print_json({"refusals": found})
        return
    if not found:
        say("Nothing was refused or flagged in that time.")
        return
    because = {rule.name: rule.because for rule in policy.rules}
    rows = [
        (
            f"{one.at:%Y-%m-%d %H:%M:%S} UTC",
            one.principal,
            one.asked or "",
            one.data_class,
            ", ".join((*one.kinds, *one.risks)),
            one.outcome,
            "; ".join(f"{name}: {because[name]}" if name in because else name for name in one.rules),
        )
        for one in found
    ]
    print_table(("WHEN", "WHO", "ASKED", "CLASS", "FOUND", "OUTCOME", "RULE AND REASON"), rows)
    if len(found) == _REFUSALS_MAX:
        say(f"These are the latest {_REFUSALS_MAX:,}; there may be more in that time.")


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
        book = rulebook(config_file)
        promise = proved(book, condition, never, today())
        for told in strangers(book, key_names(find_home(os.environ)), condition, never):
            say(f"warning: the promise speaks of {told}")
    except EcotoneError as error:
        _give_up(error.message)
    except NoProof as reason:
        _give_up(str(reason))
    except PolicyProblem as problem:
        _give_up(f"{'--never' if problem.path == ('never',) else 'CONDITION'}: {problem.message}")
    except Exception:  # whatever went wrong, it is no counterexample, which is what 1 would say
        traceback.print_exc()
        raise typer.Exit(2) from None
    if as_json:
        print_json(promise)
    else:
        for line in _picture(promise):
            out.print(escape(visible(line)), style="bold" if line[:1] not in (" ", "") else None)
    if not promise.holds:
        raise typer.Exit(1)


def _give_up(message: str) -> NoReturn:
    say(f"ecotone: {message}")
    raise typer.Exit(2) from None


def _picture(promise: Promise) -> Iterator[str]:
    if promise.counterexample is None:
        yield f"holds: nothing for which {promise.condition} is sent where {promise.never}"
        if promise.idle:
            yield "  note: no request meets both conditions, whatever the rules say"
    else:
        yield f"does not hold: this may be sent where {promise.never}, although {promise.condition}"
        facts = dict(promise.counterexample)
        assumed, unknown = facts.pop("assumed"), facts.pop("unknown")
        spoken, redacted = facts.pop("spoken"), facts.pop("redacted")
        width = max(map(len, facts))
        for name, value in facts.items():
            yield f"  {name.ljust(width)}  {fact_in_words(value)}"
        for text, value in assumed.items():
            yield f"  taken to be {fact_in_words(value)}, having been tried both ways: {text}"
        for text in unknown:
            yield f"  not known there, and so possible: {text}"
        if redacted:
            yield f"  replaced before it is sent: {', '.join(redacted)}"
        if spoken:
            yield f"  rules that speak, and let it pass: {', '.join(spoken)}"
    yield f"checked {promise.combinations:,} combinations"
    for name, count in promise.checked.items():
        yield f"  {count:>6,}  {name}"


def fact_in_words(value: object) -> str:
    """A value that a condition read, as people write it."""
    match value:
        case None:
            return "unknown"
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ", ".join(map(str, value)) or "nothing"
    return str(value)
