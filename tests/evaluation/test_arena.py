"""Battles in the database: what is kept, who may vote when, and what of a blind one may be told."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from ecotone.evaluation.arena import MIGRATIONS, Battle, Battles, Settings, SideAnswer, Vote, record_of
from ecotone.evaluation.turns import TurnFacts
from ecotone.storage.database import Database
from ecotone.values.errors import MalformedRequest, NotFound, SetupError

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ALPHA = TurnFacts(
    model="alpha",
    endpoint="alpha@here",
    hosting="vendor",
    provider="openai",
    weights="closed",
    first_token_s=0.25,
    total_s=1.0,
    tokens_per_s=40.0,
    input_tokens=10,
    output_tokens=31,
    cost_usd=Decimal("0.000123"),
    finish="stop",
    request_id="req-alpha",
)
YES = SideAnswer("done", "Yes.", facts=ALPHA)
NO = SideAnswer("done", "No.")
FAILED = SideAnswer("failed", error="alpha is unreachable", code="upstream_unreachable")


@pytest.fixture
def battles(tmp_path: Path) -> Iterator[Battles]:
    database = Database(tmp_path / "ecotone.db", MIGRATIONS)
    yield Battles(database)
    database.close()


def begun(
    battles: Battles, *names: str, blind: bool = True, prompt: str = "Is it so?", at: datetime = NOON, by: str = "ana"
) -> Battle:
    return battles.begin(names or ("alpha", "beta"), prompt, blind=blind, settings=Settings(), by=by, now=at)


def fought(battles: Battles, *answers: SideAnswer, blind: bool = True) -> Battle:
    battle = begun(battles, *("alpha", "beta", "gamma", "delta")[: len(answers)], blind=blind)
    for side, answer in enumerate(answers):
        battles.keep(battle.id, 1, side, answer)
    return battles.get(battle.id)


def test_all_of_it_is_kept(battles: Battles) -> None:
    settings = Settings("Be brief.", max_tokens=9, temperature=0.5, data_class="internal")
    battle = battles.begin(("beta", "alpha"), "Is it so?", blind=False, settings=settings, by="ana", now=NOON)
    battles.keep(battle.id, 1, 1, YES)
    battles.keep(battle.id, 1, 0, FAILED)
    battles.ask(battle.id, "Why?", NOON + timedelta(seconds=5))
    kept = battles.get(battle.id)
    assert (kept.names, kept.settings, kept.started_by, kept.started_at) == (("beta", "alpha"), settings, "ana", NOON)
    first, second = kept.rounds
    assert (first.prompt, first.answers) == ("Is it so?", (FAILED, YES))
    assert (second.prompt, second.answers, second.asked_at) == ("Why?", (None, None), NOON + timedelta(seconds=5))


def test_the_lot_gives_sides_and_no_place_is_favoured(battles: Battles) -> None:
    chance = random.Random(7)
    made = [
        battles.begin(("x", "y", "z"), "So?", blind=True, settings=Settings(), by="ana", now=NOON, chance=chance).names
        for _ in range(300)
    ]
    for place in range(3):
        for name in "xyz":
            # 100 are expected; 25 away from that is three standard deviations.
            assert 75 < sum(names[place] == name for names in made) < 125
    named = [
        battles.begin(("x", "y", "z"), "So?", blind=False, settings=Settings(), by="ana", now=NOON).names
        for _ in range(9)
    ]
    assert set(named) == {("x", "y", "z")}


def test_nothing_of_a_blind_battle_tells_who_is_who_before_the_vote(battles: Battles) -> None:
    battle = fought(battles, YES, NO, FAILED)
    record = record_of(battle)
    assert record.order is None and record.winner is None
    assert record.models == ("alpha", "beta", "gamma")
    answers = record.rounds[0].answers
    assert [(one.state, one.text) for one in answers if one] == [("done", "Yes."), ("done", "No."), ("failed", "")]
    told = msgspec.json.encode(msgspec.structs.replace(record, models=())).decode()
    for clue in ("alpha", "beta", "gamma", "openai", "closed", "vendor", "0.000123", "40.0", "req-", "unreachable"):
        assert clue not in told
    assert record_of(battles.vote(battle.id, "a", by="ben", now=NOON)).order == battle.names


def test_the_vote_opens_the_names_and_stands(battles: Battles) -> None:
    battle = fought(battles, YES, NO)
    later = NOON + timedelta(minutes=1)
    record = record_of(battles.vote(battle.id, "b", by="ben", now=later))
    assert (record.vote, record.winner) == ("b", battle.names[1])
    assert (record.voted_by, record.voted_at, record.voted_after) == ("ben", later, 1)
    first = record.rounds[0].answers[0]
    assert first is not None and first.facts == ALPHA
    with pytest.raises(SetupError, match="stands as it was cast"):
        battles.vote(battle.id, "a", by="ana", now=later)


@pytest.mark.parametrize("vote", ["tie", "all_bad"])
def test_nobody_wins_a_tie(battles: Battles, vote: Vote) -> None:
    battle = fought(battles, YES, NO)
    record = record_of(battles.vote(battle.id, vote, by="ben", now=NOON))
    assert (record.vote, record.winner, record.order) == (vote, None, battle.names)


def test_no_vote_while_an_answer_comes(battles: Battles) -> None:
    battle = fought(battles, YES, NO)
    battles.ask(battle.id, "Why?", NOON)
    battles.keep(battle.id, 2, 0, YES)
    with pytest.raises(SetupError, match="Wait until all answers have ended"):
        battles.vote(battle.id, "a", by="ana", now=NOON)
    battles.keep(battle.id, 2, 1, NO)
    after = battles.vote(battle.id, "a", by="ana", now=NOON).ballot
    assert after is not None and after.after == 2


def test_who_has_not_answered_cannot_win(battles: Battles) -> None:
    battle = fought(battles, YES, FAILED)
    with pytest.raises(SetupError, match="B has not answered"):
        battles.vote(battle.id, "b", by="ana", now=NOON)
    with pytest.raises(SetupError, match="no side D"):
        battles.vote(battle.id, "d", by="ana", now=NOON)
    assert battles.vote(battle.id, "a", by="ana", now=NOON).ballot is not None


def test_names_shown_without_a_vote_end_the_voting(battles: Battles) -> None:
    battle = fought(battles, YES, FAILED)
    revealed = battles.reveal(battle.id, NOON)
    record = record_of(revealed)
    assert record.order == battle.names and record.revealed_at == NOON
    failed = record.rounds[0].answers[1]
    assert failed is not None and failed.error == "alpha is unreachable"
    with pytest.raises(SetupError, match="shown without a vote"):
        battles.vote(battle.id, "a", by="ana", now=NOON)
    # Where names are known from the beginning there is nothing to show, and the vote stays open.
    other = fought(battles, YES, NO, blind=False)
    assert battles.reveal(other.id, NOON).revealed_at is None
    assert battles.vote(other.id, "a", by="ana", now=NOON).winner == "alpha"


def test_answers_that_a_stop_of_the_gateway_cut_are_noted(battles: Battles) -> None:
    battle = begun(battles, "alpha", "beta")
    battles.keep(battle.id, 1, 1, NO)
    whole = fought(battles, YES, NO)
    battles.settle()
    first, second = battles.get(battle.id).rounds[0].answers
    assert first is not None and first.state == "lost" and second == NO
    assert battles.get(whole.id) == whole
    assert battles.vote(battle.id, "b", by="ana", now=NOON).ballot is not None


def by(model: str, digest: str | None = None) -> SideAnswer:
    facts = msgspec.structs.replace(ALPHA, model=model, weights_digest=digest)
    return SideAnswer("done", "Yes.", facts=facts)


def same_sides(battles: Battles, *rounds: tuple[SideAnswer, ...]) -> set[tuple[int, int]]:
    """Which sides of a battle with these answers a vote on it has down as the same model."""
    battle = fought(battles, *rounds[0])
    for number, answers in enumerate(rounds[1:], 2):
        battles.ask(battle.id, "And?", NOON)
        for side, answer in enumerate(answers):
            battles.keep(battle.id, number, side, answer)
    battles.vote(battle.id, "a", by="ana", now=NOON)
    return set(next(vote for vote in battles.votes(blind=True) if vote.battle == battle.id).same)


def test_votes_tell_where_one_model_answered_behind_two_sides(battles: Battles) -> None:
    assert same_sides(battles, (by("x"), by("y"))) == set()
    assert same_sides(battles, (by("x"), by("y"), by("x"))) == {(0, 2)}
    assert same_sides(battles, (by("x", "one"), by("y", "one"), by("z", "two"))) == {(0, 1)}
    # A route that went to another model in one round was not that model alone.
    assert same_sides(battles, (by("x"), by("x")), (by("x"), by("y"))) == set()
    # Nothing is known of who answered here.
    assert same_sides(battles, (NO, NO)) == set()


def test_votes_tell_which_answers_came_to_their_end(battles: Battles) -> None:
    battle = fought(battles, YES, NO, SideAnswer("stopped", "Ye"))
    battles.vote(battle.id, "b", by="ben", now=NOON)
    named = fought(battles, YES, FAILED, blind=False)
    battles.vote(named.id, "a", by="ana", now=NOON)
    # What comes after the vote has no part in it.
    battles.ask(battle.id, "Why?", NOON)
    battles.keep(battle.id, 2, 0, FAILED)
    fought(battles, YES, NO)
    (blind,) = battles.votes(blind=True)
    assert (blind.battle, blind.names, blind.vote, blind.by) == (battle.id, battle.names, "b", "ben")
    assert (blind.prompt, blind.answered) == ("Is it so?", (True, True, False))
    assert battles.count(voted=True) == 2 and battles.count(voted=False) == 1
    assert {found.id for found in battles.latest(voted=True)} == {battle.id, named.id}
    (other,) = battles.votes(blind=False)
    assert (battles.vote_count(blind=True), battles.vote_count(blind=False)) == (1, 1)
    assert other.answered == (True, False)


def test_the_list_is_narrowed_by_model_and_words(battles: Battles) -> None:
    one = begun(battles, "alpha", "beta", prompt="Where does the\n river rise?", at=NOON)
    two = begun(battles, "beta", "gamma", prompt="Name a RIVER.", at=NOON + timedelta(minutes=1))
    assert [battle.id for battle in battles.latest()] == [two.id, one.id]
    assert [battle.id for battle in battles.latest(oldest_first=True)] == [one.id, two.id]
    assert battles.names() == ("alpha", "beta", "gamma")
    assert [battle.id for battle in battles.latest(model="alpha")] == [one.id]
    assert [battle.id for battle in battles.latest(words="river name")] == [two.id]
    assert [battle.id for battle in battles.latest(skip=1)] == [one.id]
    assert (battles.count(), battles.count(model="beta"), battles.count(words="sea")) == (2, 2, 0)
    assert battles.latest(model="alpha")[0].title == "Where does the river rise?"
    battles.delete(two.id)
    assert [battle.id for battle in battles.latest()] == [one.id]
    with pytest.raises(NotFound, match="may have been deleted"):
        battles.get(two.id)
    # An answer that comes after the battle was deleted has no place any more.
    battles.keep(two.id, 1, 0, YES)
    assert [record.id for record in battles.records()] == [one.id]


@pytest.mark.parametrize("words", ["über straße", "ÜBER STRASSE", "Über"])
def test_words_are_found_whatever_their_case(battles: Battles, words: str) -> None:
    battle = begun(battles, prompt="Wer geht über die Straße?")
    begun(battles, prompt="Who goes over the street?")
    assert [found.id for found in battles.latest(words=words)] == [battle.id]


def test_an_export_goes_on_where_a_battle_is_deleted_meanwhile(battles: Battles) -> None:
    one, two, three = (begun(battles, at=NOON + timedelta(hours=hour)) for hour in range(3))
    records = battles.records()
    assert next(records).id == one.id
    battles.delete(two.id)
    assert [record.id for record in records] == [three.id]


@pytest.mark.parametrize(
    ("names", "settings", "message"),
    [
        (("alpha",), Settings(), "Choose 2 to 4"),
        (("a", "b", "c", "d", "e"), Settings(), "Choose 2 to 4"),
        (("alpha", "alpha"), Settings(), "twice"),
        (("alpha", "beta"), Settings(max_tokens=0), "at least one token"),
        (("alpha", "beta"), Settings(temperature=float("nan")), "between 0 and 2"),
    ],
)
def test_what_cannot_be_compared(battles: Battles, names: tuple[str, ...], settings: Settings, message: str) -> None:
    with pytest.raises(MalformedRequest, match=message):
        battles.begin(names, "So?", blind=True, settings=settings, by="ana", now=NOON)


def test_prompts_have_bounds(battles: Battles) -> None:
    battle = begun(battles)
    with pytest.raises(MalformedRequest, match="nothing to ask"):
        battles.ask(battle.id, " \n", NOON)
    with pytest.raises(MalformedRequest, match="400,000"):
        battles.ask(battle.id, "x" * 400_001, NOON)
    with pytest.raises(NotFound):
        battles.ask("nowhere", "Why?", NOON)
    for _ in range(49):
        battles.ask(battle.id, "Why?", NOON)
    with pytest.raises(SetupError, match="50 rounds at most"):
        battles.ask(battle.id, "Why?", NOON)
