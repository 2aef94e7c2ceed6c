"""What licences of open-weight models allow, demand and forbid: facts as data, each with its clause, and the verdict
that follows for one organisation and one use.

The facts are in `data/licences/*.toml`, in our words, with a short quotation by which the clause can be found in the
licence's text. `scripts/check_licence_citations.py` looks every quotation up. All of it is information, not legal
advice.
"""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

import msgspec

from ecotone.catalog.organisation import Organisation
from ecotone.catalog.verdicts import Citation, Reason, Verdict

Act = Literal["run", "serve", "host", "adapt", "redistribute", "train_on_outputs"]
ACTS: tuple[Act, ...] = get_args(Act)

Topic = Literal[
    "commercial use",
    "user cap",
    "revenue cap",
    "territory",
    "purpose",
    "acceptable use",
    "later changes",
    "outputs",
    "training on outputs",
    "naming",
    "notices",
    "hosting",
    "remote restriction",
    "share-alike",
    "patents",
    "termination",
]
TOPICS: tuple[Topic, ...] = get_args(Topic)

# "allows" grants; "duty" must be done where use is allowed; "forbids" and "needs a licence" stop the use, the second
# until the owner agrees; "open" is a question that the text raises and does not answer; "note" binds nobody now.
Effect = Literal["allows", "duty", "forbids", "needs a licence", "open", "note"]

EU_MEMBERS = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"}
) | frozenset({"IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"})


class Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the organisation wants to do with a model whose weights it runs itself.

    `run`: use it inside. `serve`: offer a product of its own that works with it. `host`: let third parties call the
    model through an API. `adapt`: fine-tune or otherwise change it. `redistribute`: pass weights on.
    `train_on_outputs`: train other models on what it writes. `research_only`: nothing but research, evaluation and
    experiment.

    `multimodal` says whether the model takes more than text. `territories` are where this use takes place, as the
    organisation's own are written; None means all of the organisation's. `product_monthly_users` and
    `product_monthly_revenue` (US dollars a month) are of the product in question alone; None means that the
    organisation's figures are taken for them, which is the stricter reading.
    """

    run: bool = True
    serve: bool = True
    host: bool = False
    adapt: bool = False
    redistribute: bool = False
    train_on_outputs: bool = False
    research_only: bool = False
    multimodal: bool | None = None
    territories: tuple[str, ...] | None = None
    product_monthly_users: int | None = None
    product_monthly_revenue: int | None = None

    def includes(self, acts: tuple[Act, ...]) -> bool:
        """Whether one of `acts` is wanted; a clause that names none is about any use."""
        return not acts or any(getattr(self, act) for act in acts)


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a clause applies: everything that is given must hold. "Over" is more than, never equal.

    `users_over`: monthly users of all the organisation's products. `counted_in`: the calendar month for which they
    count, `YYYY-MM`; None means at any time. `product_users_over`: monthly users of the product alone.
    `revenue_over`: US dollars a year, the whole organisation. `product_revenue_over`: US dollars a month, the product.
    `territories`: the use takes place in one of them. `home`: the organisation is established there.
    """

    commercial: bool | None = None
    research: bool | None = None
    multimodal: bool | None = None
    users_over: int | None = None
    counted_in: str | None = None
    product_users_over: int | None = None
    revenue_over: int | None = None
    product_revenue_over: int | None = None
    territories: tuple[str, ...] = ()
    home: tuple[str, ...] = ()


class Clause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fact and where it stands.

    `means` is the fact in our words. `section` names the clause as a reader finds it; `says` is a phrase of at most 15
    words from it, exact but for white space. `acts` are the uses it is about (none named: any). It applies if one of
    the conditions in `when` holds, or always if there is none.
    """

    topic: Topic
    effect: Effect
    means: str
    section: str
    says: str
    acts: tuple[Act, ...] = ()
    when: tuple[Condition, ...] = ()


class LicenceFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A licence, or a policy that a licence makes part of itself.

    `id` is the SPDX identifier, or a `LicenseRef-` (ScanCode's where it has one) where SPDX has none. `aliases` are
    other names that people write. `same_text` are other identifiers of the same text (`GPL-3.0-or-later`). `source`
    says which copy was read, `text_file` under which name, and `text_sha256` is the digest of its text (see
    `scripts/check_licence_citations.py`). `read_on` is the day of that copy, given where the owner may change the text.
    `policies` are identifiers of texts that bind with this one. `silent` are topics on which the text says nothing.
    """

    id: str
    name: str
    owner: str
    address: str
    source: str
    text_file: str
    text_sha256: str
    clauses: tuple[Clause, ...]
    kind: Literal["licence", "policy"] = "licence"
    aliases: tuple[str, ...] = ()
    same_text: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    silent: tuple[Topic, ...] = ()
    read_on: date | None = None

    def about(self, topic: Topic) -> tuple[Clause, ...]:
        """What the text says on one topic; empty where it says nothing."""
        return tuple(clause for clause in self.clauses if clause.topic == topic)

    def citation(self, clause: Clause) -> Citation:
        return Citation(self.id, clause.section, self.read_on)


@cache
def all_licences() -> Mapping[str, LicenceFacts]:
    """Every licence and policy that is known, by its identifier, in alphabetical order."""
    folder = files("ecotone.catalog") / "data" / "licences"
    texts = (entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    every = (msgspec.convert(tomllib.loads(text), LicenceFacts) for text in texts)
    return MappingProxyType({facts.id: facts for facts in sorted(every, key=lambda facts: facts.id.lower())})


@cache
def _by_any_name() -> Mapping[str, LicenceFacts]:
    return {
        name.casefold(): facts
        for facts in all_licences().values()
        for name in (*facts.aliases, *facts.same_text, facts.id)
    }


def licence_facts(licence_id: str) -> LicenceFacts | None:
    """The facts of a licence by its identifier or another of its names, in any case. None if it is not known."""
    return _by_any_name().get(licence_id.strip().casefold())


USUAL_USE = Use()


def licence_verdict(facts: LicenceFacts, organisation: Organisation, use: Use = USUAL_USE) -> Verdict:
    """May this organisation use a model under this licence so, and what must it do?

    Policies that the licence brings with it count too. A clause that turns on what the organisation does not say, or
    that the text leaves open, makes the verdict unknown, unless another forbids the use in any case.
    """
    forbidden: list[Reason] = []
    unknown: list[Reason] = []
    duties: list[Reason] = []
    allowed: list[Reason] = []
    for text, clause in _clauses(facts):
        if clause.effect == "note" or not use.includes(clause.acts):
            continue
        answer = _applies(clause, organisation, use)
        because = f" ({'; '.join(answer.why)})" if answer.why else ""
        reason = Reason(f"{clause.means}{because}", text.citation(clause))
        if answer.holds is False:
            if clause.effect != "allows":
                allowed.append(Reason(f"Does not apply{because}: {clause.means}", text.citation(clause)))
        elif answer.holds is None or clause.effect == "open":
            unknown.append(reason)
        elif clause.effect == "duty":
            duties.append(reason)
        elif clause.effect == "allows":
            allowed.append(reason)
        else:
            forbidden.append(reason)
    if forbidden:
        return Verdict("not allowed", _once(forbidden))
    if unknown:
        return Verdict("unknown", _once(unknown), _once(duties))
    return Verdict("allowed with duties" if duties else "allowed", _once(allowed), _once(duties))


def _clauses(facts: LicenceFacts) -> Iterator[tuple[LicenceFacts, Clause]]:
    for text in (facts, *(all_licences()[policy] for policy in facts.policies)):
        for clause in text.clauses:
            yield text, clause


def _once(reasons: list[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))


class _Answer(NamedTuple):
    """Whether something holds (None: it cannot be said), and the facts that this rests on or that are missing."""

    holds: bool | None
    why: tuple[str, ...] = ()


def _applies(clause: Clause, organisation: Organisation, use: Use) -> _Answer:
    if not clause.when:
        return _Answer(True)
    return _strongest([_holds(condition, organisation, use) for condition in clause.when], (True, None, False))


def _strongest(answers: list[_Answer], order: tuple[bool | None, ...]) -> _Answer:
    """The first outcome in `order` that occurs, with all that led to it."""
    outcome = min((answer.holds for answer in answers), key=order.index)
    whys = (why for answer in answers if answer.holds is outcome for why in answer.why)
    return _Answer(outcome, tuple(dict.fromkeys(whys)))


def _holds(condition: Condition, organisation: Organisation, use: Use) -> _Answer:
    answers = [
        *_kind_of_use(condition, organisation, use),
        *_sizes(condition, organisation, use),
        *_places(condition, organisation, use),
    ]
    return _strongest(answers, (False, None, True))


def _kind_of_use(condition: Condition, organisation: Organisation, use: Use) -> Iterator[_Answer]:
    if condition.commercial is not None:
        if organisation.commercial is None:
            yield _Answer(None, ("set `commercial` in [organisation]",))
        else:
            why = "the organisation is commercial" if organisation.commercial else "the organisation is not commercial"
            yield _Answer(organisation.commercial is condition.commercial, (why,))
    if condition.research is not None:
        why = "for research only" if use.research_only else "not for research only"
        yield _Answer(use.research_only is condition.research, (why,))
    if condition.multimodal is not None:
        if use.multimodal is None:
            yield _Answer(None, ("whether the model takes more than text is not known",))
        else:
            why = "the model takes more than text" if use.multimodal else "the model takes text only"
            yield _Answer(use.multimodal is condition.multimodal, (why,))


def _sizes(condition: Condition, organisation: Organisation, use: Use) -> Iterator[_Answer]:
    users = organisation.monthly_users
    if condition.users_over is not None:
        what = f"monthly users, taken for {condition.counted_in}" if condition.counted_in else "monthly users"
        yield _over(users, condition.users_over, what, "monthly_users")
    if condition.product_users_over is not None:
        if use.product_monthly_users is not None:
            yield _over(use.product_monthly_users, condition.product_users_over, "monthly users of the product", "")
        else:
            what = "monthly users in all, taken for the product's"
            yield _over(users, condition.product_users_over, what, "monthly_users")
    revenue = organisation.revenue
    if condition.revenue_over is not None:
        yield _over(revenue, condition.revenue_over, "US dollars a year", "revenue")
    if condition.product_revenue_over is not None:
        if use.product_monthly_revenue is not None:
            what = "US dollars a month from the product"
            yield _over(use.product_monthly_revenue, condition.product_revenue_over, what, "")
        else:
            what = "US dollars a year in all, taken for the product's"
            yield _over(revenue, 12 * condition.product_revenue_over, what, "revenue")


def _over(stated: int | None, limit: int, what: str, key: str) -> _Answer:
    if stated is None:
        return _Answer(None, (f"set `{key}` in [organisation]",))
    return _Answer(stated > limit, (f"{stated:,} {what}",))


def _places(condition: Condition, organisation: Organisation, use: Use) -> Iterator[_Answer]:
    if condition.territories:
        places = organisation.territories if use.territories is None else use.territories
        yield _within(places, condition.territories, any_is_enough=True)
    if condition.home:
        yield _within(organisation.territories, condition.home, any_is_enough=False)


def _within(places: tuple[str, ...] | None, named: tuple[str, ...], *, any_is_enough: bool) -> _Answer:
    if places is None:
        return _Answer(None, ("set `territories` in [organisation]",))
    countries = frozenset().union(*(_countries(place) for place in named))
    inside = [place for place in places if _countries(place) & countries]
    if not inside:
        return _Answer(False, (f"{', '.join(places) or 'no territory'}: not in {', '.join(named)}",))
    if any_is_enough or len(inside) == len(places):
        return _Answer(True, (f"in {', '.join(inside)}",))
    why = f"the principal place of business counts, and `territories` in [organisation] has {', '.join(places)}"
    return _Answer(None, (why,))


def _countries(place: str) -> frozenset[str]:
    code = place.strip().upper()
    return EU_MEMBERS if code == "EU" else frozenset({"GB" if code == "UK" else code})
