"""`ecotone battles`: what is kept of comparisons. Reading needs no gateway; what changes something asks the one that
runs, so that open pages see it too."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import quote

import msgspec

from ecotone.cli.controlling import ControlClient, control_client
from ecotone.cli.output import out, print_json, print_table, say, visible
from ecotone.evaluation.arena import MIGRATIONS, SIDES, Battle, Battles, Record, SideAnswer, record_of
from ecotone.evaluation.standings import Standings, Tally, standings
from ecotone.evaluation.wording import between, counted_noun, dollars, seconds, share
from ecotone.gateway.settings.paths import find_home
from ecotone.storage.database import Database

_PROMPT_CHARS = 60
_COMING = ("waiting", "streaming")
_VOTES = {"tie": "tie", "all_bad": "all bad"}


@contextmanager
def _battles() -> Iterator[Battles]:
    with closing(Database(find_home(os.environ).database, MIGRATIONS)) as database:
        yield Battles(database)


def show_list(model: str | None, words: str | None, limit: int, as_json: bool) -> None:
    with _battles() as battles:
        found = battles.latest(model=model, words=words, limit=limit)
        total = battles.count(model=model, words=words)
    if as_json:
        print_json({"total": total, "battles": [_listed(battle) for battle in found]})
    elif found:
        print_table(("ID", "BEGUN", "MODELS", "NAMES", "VOTE", "PROMPT"), map(_cells, found))
        if total > len(found):
            say(f"{total - len(found)} more; --limit shows them")
    else:
        say("There are no such battles. The console's page Compare begins one, and so does `ecotone battles begin`.")


def _listed(battle: Battle) -> dict[str, Any]:
    record = record_of(battle)
    return {
        "id": record.id,
        "started_at": record.started_at,
        "started_by": record.started_by,
        "title": battle.title,
        "blind": record.blind,
        "models": record.models,
        "order": record.order,
        "vote": record.vote,
        "winner": record.winner,
    }


def _cells(battle: Battle) -> tuple[str, ...]:
    names = battle.names if battle.named else sorted(battle.names)
    title = battle.title if len(battle.title) <= _PROMPT_CHARS else battle.title[: _PROMPT_CHARS - 1] + "…"
    return (
        battle.id,
        f"{battle.started_at:%Y-%m-%d %H:%M} UTC",
        ", ".join(names),
        "blind" if battle.blind else "shown",
        "none yet" if battle.ballot is None else battle.winner or _VOTES[battle.ballot.vote],
        title,
    )


def show(battle: str, as_json: bool) -> None:
    with _battles() as battles:
        _print(record_of(battles.get(battle)), as_json)


def _print(record: Record, as_json: bool) -> None:
    if as_json:
        print_json(record)
        return
    for asked in record.rounds:
        out.out(f"> {visible(asked.prompt)}\n", highlight=False)
        for place, answer in enumerate(asked.answers):
            name = f" {visible(record.order[place])}" if record.order is not None else ""
            out.out(f"--- {SIDES[place].upper()}{name}", highlight=False)
            for line in _told(answer):
                out.out(line, highlight=False)
            out.out("")
    if record.revealed_at is not None:
        say("The names were shown without a vote, and none can be cast any more.")
    elif record.vote is None:
        say(f"No vote yet: `ecotone battles vote {record.id} a|b|...|tie|all_bad`")
    else:
        outcome = f"{record.winner} was found better" if record.winner else _VOTES[record.vote]
        say(f"{outcome}, said {record.voted_by}")


def _told(answer: SideAnswer | None) -> list[str]:
    if answer is None:
        return ["(still coming)"]
    lines = [visible(answer.said)] if answer.said else []
    if answer.state == "failed":
        lines.append(visible(answer.error or "no answer; the reason is shown with the names"))
    elif answer.state != "done":
        lines.append(f"({answer.state})")
    facts = answer.facts
    if facts is not None:
        speed = "" if facts.tokens_per_s is None else f", {facts.tokens_per_s:.0f} tokens/s"
        cost = dollars(facts.cost_usd, own_machine=facts.hosting in ("embedded", "self-hosted"))
        lines.append(f"  first token {seconds(facts.first_token_s)}{speed}; cost: {cost}; {facts.model}")
        if facts.losses is not None:
            lines.append(f"  lost on the way to it: {visible(facts.losses)}")
    return lines


# --- what a running gateway does


def begin(wish: Mapping[str, Any], as_json: bool) -> None:
    """Raises SetupError, which is also what the gateway says of a prompt that it does not take."""
    said = {name: value for name, value in wish.items() if value is not None}
    with control_client() as control:
        record = _answered(control, control.ask("POST", "/battles", said)["id"])
    if not as_json:
        say(f"battle {record.id}")
    _print(record, as_json)


def ask_on(battle: str, prompt: str, as_json: bool) -> None:
    """Raises SetupError, also while answers to an earlier prompt are still coming."""
    with control_client() as control:
        control.ask("POST", f"{_path(battle)}/prompts", {"prompt": prompt})
        record = _answered(control, battle)
    _print(record if as_json else msgspec.structs.replace(record, rounds=record.rounds[-1:]), as_json)


def _answered(control: ControlClient, battle: str) -> Record:
    """The battle, once all have answered its last prompt."""
    control.follow(f"{_path(battle)}/events", goes_on)
    return msgspec.convert(control.ask("GET", _path(battle)), type=Record)


def goes_on(event: str, data: Mapping[str, Any]) -> bool:
    """Whether answers are still coming after this event of a battle; the first one is how it stands."""
    match event:
        case "battle":
            return any(answer is None or answer["state"] in _COMING for answer in data["rounds"][-1]["answers"])
        case "ended":
            return bool(data["open"])
    return True


def cast(battle: str, vote: str, as_json: bool) -> None:
    """Raises SetupError."""
    with control_client() as control:
        record = msgspec.convert(control.ask("POST", f"{_path(battle)}/vote", {"vote": vote}), type=Record)
    _print_names(record, as_json)


def reveal(battle: str, as_json: bool) -> None:
    """Raises SetupError."""
    with control_client() as control:
        record = msgspec.convert(control.ask("POST", f"{_path(battle)}/reveal"), type=Record)
    _print_names(record, as_json)


def _print_names(record: Record, as_json: bool) -> None:
    if as_json:
        print_json(record)
        return
    sides = ", ".join(f"{SIDES[place].upper()} was {name}" for place, name in enumerate(record.order or ()))
    say(f"{sides}.")


def delete(battle: str, as_json: bool) -> None:
    """Raises SetupError."""
    with control_client() as control:
        control.ask("DELETE", _path(battle))
    if as_json:
        print_json({"id": battle, "deleted": True})
    else:
        say("Deleted.")


def _path(battle: str) -> str:
    return f"/battles/{quote(battle, safe='')}"


# --- all of them


def show_standings(named: bool, as_json: bool) -> None:
    with _battles() as battles:
        found = standings(battles.votes(blind=not named))
    if as_json:
        print_json(found)
        return
    if not found.votes:
        other = "" if named else " --named counts votes on shown names."
        say(f"There is no vote to count{_not_counted(found)}.{other}")
        return
    heads = ("WON", "LOST", "TIED", "ALL BAD", "SHARE", "95 %")
    print_table(
        ("MODEL", "AGAINST", *heads, "SAYS"),
        [
            *((row.name, "all it met", *_counts(row.tally), "") for row in found.rows),
            *(
                (pair.name, pair.other, *_counts(pair.tally), "better" if pair.tally.clear else "not clear")
                for pair in found.pairs
            ),
        ],
    )
    votes, prompts = counted_noun(found.votes, "vote", "votes"), counted_noun(found.prompts, "prompt", "prompts")
    say(f"{votes} on {prompts} by {counted_noun(found.voters, 'person', 'people')}{_not_counted(found)}")


def _not_counted(found: Standings) -> str:
    told = ""
    if found.left_out:
        told += f"; {found.left_out} not counted, where an answer failed or was stopped"
    if found.same_model:
        told += f"; {found.same_model} where one model answered behind two sides, not counted between those"
    return told


def _counts(tally: Tally) -> tuple[str, ...]:
    counts = (tally.wins, tally.losses, tally.ties, tally.all_bad)
    return (*map(str, counts), share(tally.share), between(tally.interval))


def export(as_json: bool) -> None:
    with _battles() as battles:
        if as_json:
            print_json(list(battles.records()))
            return
        for record in battles.records():
            sys.stdout.write(msgspec.json.encode(record).decode() + "\n")
