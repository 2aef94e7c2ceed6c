"""Chats in the database: branches, search, deletion, what goes out, what is taken along."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecotone.gateway.chats.attachments import Attached, question_parts, read_attached
from ecotone.gateway.chats.chat_texts import as_json, as_markdown, request_for, sent
from ecotone.gateway.chats.chats import MIGRATIONS, Chats
from ecotone.storage.database import Database
from ecotone.values.chat import ImagePart, Inline, Message, TextPart
from ecotone.values.errors import BodyTooLarge, EcotoneError, MalformedRequest, NotFound, UnsupportedMediaType

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def chats(tmp_path: Path) -> Chats:
    return Chats(Database(tmp_path / "ecotone.db", MIGRATIONS))


def answered(chats: Chats, chat: str, question: str, answer: str, parent: str | None = None) -> tuple[str, str]:
    asked, answering = chats.ask(chat, "me", question, "assistant", NOW, parent=parent)
    chats.end(answering, "done", text=answer, now=NOW)
    return asked, answering


def texts(chats: Chats, chat: str) -> list[str]:
    return [message.text for message in chats.get(chat, "me").path()]


def test_a_chat_is_named_after_its_first_question(chats: Chats) -> None:
    chat = chats.create("me", NOW)
    assert chats.get(chat, "me").title == "New chat"
    chats.ask(chat, "me", "  What is\nan ecotone?  ", "assistant", LATER)
    kept = chats.get(chat, "me")
    assert (kept.title, kept.created_at, kept.changed_at) == ("What is an ecotone?", NOW, LATER)
    chats.ask(chat, "me", "And a biome?", "assistant", LATER)
    assert chats.get(chat, "me").title == "What is an ecotone?"
    long = chats.create("me", NOW)
    chats.ask(long, "me", "word " * 40, "assistant", NOW)
    assert chats.get(long, "me").title == "word " * 11 + "word…"
    named = chats.create("me", NOW, title="Mine")
    chats.ask(named, "me", "What?", "assistant", NOW)
    assert chats.get(named, "me").title == "Mine"


def test_another_answer_and_an_edited_question_stand_beside_the_first(chats: Chats) -> None:
    chat = chats.create("me", NOW)
    _, first = answered(chats, chat, "one?", "1")
    second_question, _ = answered(chats, chat, "two?", "2", first)
    again = chats.ask_again(chat, "me", first, "other", NOW)
    chats.end(again, "done", text="uno", now=NOW)
    assert texts(chats, chat) == ["one?", "uno"]
    kept = chats.get(chat, "me")
    assert [one.text for one in kept.beside(kept.message(again))] == ["1", "uno"]
    assert kept.model == "other"
    chats.show(chat, "me", first)
    assert texts(chats, chat) == ["one?", "1", "two?", "2"], "with what followed from it"
    answered(chats, chat, "too?", "also", first)
    assert texts(chats, chat) == ["one?", "1", "too?", "also"]
    kept = chats.get(chat, "me")
    assert [one.text for one in kept.beside(kept.message(second_question))] == ["two?", "too?"]
    with pytest.raises(MalformedRequest, match="follows an answer"):
        chats.ask(chat, "me", "x", "assistant", NOW, parent=second_question)
    with pytest.raises(MalformedRequest, match="Only an answer"):
        chats.ask_again(chat, "me", second_question, "assistant", NOW)


def test_what_found_no_answer_is_not_sent_again(chats: Chats) -> None:
    chat = chats.create("me", NOW, system="Be short.")
    _, first = answered(chats, chat, "one?", "1")
    _, refused = chats.ask(chat, "me", "4111 1111 1111 1111", "assistant", NOW, parent=first)
    chats.end(refused, "failed", text="", now=NOW, error="no cards", error_code="policy_refused")
    _, stopped = chats.ask(chat, "me", "go on", "assistant", NOW, parent=refused)
    chats.end(stopped, "stopped", text="so", now=NOW)
    last, _ = chats.ask(chat, "me", "three?", "assistant", NOW, parent=stopped)
    kept = chats.get(chat, "me")
    assert [one.text for one in sent(kept.path(last))] == ["one?", "1", "go on", "so", "three?"]
    request = request_for(kept, last, "assistant", {}, kept.system)
    assert request.system == (Message("system", (TextPart("Be short."),)),)
    assert [message.role for message in request.messages] == ["user", "assistant"] * 2 + ["user"]
    refusal = chats.ask_again(chat, "me", stopped, "assistant", NOW)
    chats.end(refusal, "done", text="", refusal="I will not.", now=NOW)
    after, _ = chats.ask(chat, "me", "why?", "assistant", NOW, parent=refusal)
    said = [message.parts for message in request_for(chats.get(chat, "me"), after, "m", {}, None).messages]
    assert said[-2:] == [(TextPart("I will not."),), (TextPart("why?"),)]


def test_files_go_first_and_text_is_fenced(chats: Chats) -> None:
    chat = chats.create("me", NOW)
    files = (Attached("a.md", "text/plain", b"```\nx\n```\n"), Attached("p.png", "image/png", PNG))
    question, answer = chats.ask(chat, "me", "which?", "assistant", NOW, attached=files)
    chats.end(answer, "done", text="that", now=NOW)
    (kept, _) = chats.get(chat, "me").path()
    assert [(one.name, one.kind, one.size_bytes) for one in kept.attachments] == [
        ("a.md", "text", 10),
        ("p.png", "image", 28),
    ]
    request = request_for(chats.get(chat, "me"), question, "m", chats.attached_to(chat, [question]), None)
    assert request.messages[0].parts == (
        TextPart("File a.md:\n````\n```\nx\n```\n````\n\n"),
        ImagePart(Inline(base64.b64encode(PNG).decode(), "image/png")),
        TextPart("which?"),
    )
    edited, _ = chats.ask(chat, "me", "which one?", "assistant", NOW, kept=[kept.attachments[1].id])
    (copy,) = chats.get(chat, "me").message(edited).attachments
    assert copy.name == "p.png" and copy.id != kept.attachments[1].id
    assert chats.attachment(chat, "me", copy.id).body == PNG
    with pytest.raises(NotFound):
        chats.attachment(chat, "you", copy.id)


def encoded(body: bytes) -> str:
    return base64.b64encode(body).decode()


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("a.txt", "%%%", MalformedRequest),
        ("a.txt", "", MalformedRequest),
        ("a.txt", encoded(b"\xff\xfe\x00"), UnsupportedMediaType),
        ("a.txt", encoded(b"a\0b"), UnsupportedMediaType),
        ("a.png", encoded(b"%PDF-1.7 \xe2\xe3"), UnsupportedMediaType),
        ("a.txt", encoded(b"a" * (1024 * 1024 + 1)), BodyTooLarge),
        ("a.png", encoded(PNG + bytes(8 * 1024 * 1024)), BodyTooLarge),
    ],
)
def test_files_that_are_not_taken(name: str, data: str, error: type[EcotoneError]) -> None:
    with pytest.raises(error, match=name):
        read_attached(name, data)


def test_a_file_that_is_not_there_to_go_along_is_not_left_out_silently(chats: Chats) -> None:
    chat, other = chats.create("me", NOW), chats.create("me", NOW)
    elsewhere, _ = chats.ask(other, "me", "", "assistant", NOW, attached=[Attached("a.txt", "text/plain", b"a")])
    (theirs,) = chats.get(other, "me").message(elsewhere).attachments
    for kept in ("nothing", theirs.id):
        with pytest.raises(NotFound, match="attach it again"):
            chats.ask(chat, "me", "which?", "assistant", NOW, kept=[kept])
    assert chats.get(chat, "me").messages == ()


def test_what_a_file_is_its_bytes_say() -> None:
    assert read_attached("x.txt", encoded(PNG)).media_type == "image/png"
    assert read_attached("x.jpg", encoded(b"\xff\xd8\xff\xe0")).media_type == "image/jpeg"
    svg = read_attached("../../etc/x.svg", encoded(b"\xef\xbb\xbf<svg onload='x()'/>"))
    assert (svg.name, svg.media_type, svg.body) == (".. .. etc x.svg", "text/plain", b"<svg onload='x()'/>")
    assert question_parts("", [svg]) == (TextPart("File .. .. etc x.svg:\n```\n<svg onload='x()'/>\n```\n\n"),)


def test_search_finds_titles_and_words_in_any_case(chats: Chats) -> None:
    forest, river = chats.create("me", NOW, title="ÜBUNG im Wald"), chats.create("me", LATER)
    answered(
        chats,
        river,
        "rivers?",
        "They meet the sea. " * 10 + "An **ESTUARY** is | :--: | where. " + "More follows. " * 10,
    )
    chats.create("you", LATER, title="estuary")
    assert [row.id for row in chats.list("me", search="übung wald")] == [forest]
    (found,) = chats.list("me", search="estuary RIVERS")
    assert found.id == river and found.excerpt is not None
    assert "ESTUARY is where" in found.excerpt and found.excerpt.startswith("… ") and found.excerpt.endswith(" …")
    assert chats.list("me", search="100%") == () == chats.list("me", search="lake")
    assert len(chats.list(None, search="estuary")) == 2
    assert len(chats.list(None, search="estuary " * 2000)) == 2
    with pytest.raises(MalformedRequest, match="at most 20 words"):
        chats.list(None, search=" ".join(map(str, range(21))))


def test_lists_go_on(chats: Chats) -> None:
    made = [chats.create("me", NOW + timedelta(minutes=minute)) for minute in range(5)]
    first = chats.list("me", limit=2)
    assert [row.id for row in first] == [made[4], made[3]]
    assert [row.id for row in chats.list("me", before=first[-1].changed_at)] == [made[2], made[1], made[0]]


CALLS: dict[str, Callable[[Chats, str], object]] = {
    "get": lambda chats, chat: chats.get(chat, "you"),
    "rename": lambda chats, chat: chats.rename(chat, "you", "x"),
    "arrange": lambda chats, chat: chats.arrange(chat, "you", {"model": "x"}),
    "ask": lambda chats, chat: chats.ask(chat, "you", "x", "m", NOW),
    "ask_again": lambda chats, chat: chats.ask_again(chat, "you", "a", "m", NOW),
    "show": lambda chats, chat: chats.show(chat, "you", "x"),
    "delete": lambda chats, chat: chats.delete(chat, "you"),
}


@pytest.mark.parametrize("call", CALLS)
def test_nobody_else_gets_at_a_chat(chats: Chats, call: str) -> None:
    chat = chats.create("me", NOW, title="Mine", model="m")
    with pytest.raises(NotFound):
        CALLS[call](chats, chat)
    kept = chats.get(chat, "me")
    assert (kept.title, kept.model, kept.messages) == ("Mine", "m", ())


def test_what_is_deleted_is_in_no_file_any_more(chats: Chats, tmp_path: Path) -> None:
    words, file = b"the-swordfish-swims-at-midnight", b"enclosed-pearls"
    chat, other = chats.create("me", NOW), chats.create("me", NOW)
    chats.ask(chat, "me", words.decode(), "assistant", NOW, attached=[Attached("f", "text/plain", file)])
    answered(chats, other, "stays?", "stays")

    def found() -> tuple[bool, bool, bool]:
        kept = b"".join(part.read_bytes() for part in tmp_path.iterdir())
        return words in kept, file in kept, b"stays" in kept

    assert found() == (True, True, True)
    chats.delete(chat, "me")
    assert found() == (False, False, True)
    with pytest.raises(NotFound):
        chats.get(chat, "me")


def test_an_answer_that_an_earlier_process_left_is_told_of(chats: Chats) -> None:
    chat = chats.create("me", NOW)
    _, answer = chats.ask(chat, "me", "one?", "assistant", NOW)
    assert [row.answering for row in chats.list("me")] == [True]
    chats.keep_progress(answer, "It is", "hm", "req_1")
    assert chats.end_orphans("The gateway stopped.") == 1
    kept = chats.get(chat, "me").message(answer)
    assert (kept.state, kept.text, kept.reasoning, kept.error) == ("failed", "It is", "hm", "The gateway stopped.")
    chats.keep_progress(answer, "late", "", None)
    assert chats.get(chat, "me").message(answer).text == "It is", "what has ended stays as it is"
    assert chats.end_orphans("again") == 0


def test_names(chats: Chats) -> None:
    chat = chats.create("me", NOW)
    chats.rename(chat, "me", "  A \n name ")
    assert chats.get(chat, "me").title == "A name"
    for bad in ("", " \n", "x" * 121):
        with pytest.raises(MalformedRequest):
            chats.rename(chat, "me", bad)
    with pytest.raises(MalformedRequest, match="nothing to ask"):
        chats.ask(chat, "me", " ", "m", NOW)


def test_exports_tell_where_words_went(chats: Chats) -> None:
    chat = chats.create("me", NOW, title="Sea")
    _, first = chats.ask(chat, "me", "deep?", "assistant", NOW, attached=[Attached("a.txt", "text/plain", b"hi")])
    facts = {"model": "m1", "hosting": "vendor", "provider": "acme", "weights": "closed", "output_tokens": 7}
    facts["losses"] = "seed: unknown"
    chats.end(first, "done", text="**Very.**", now=NOW, facts=facts, request_id="req_1")
    _, refused = chats.ask(chat, "me", "secret?", "assistant", NOW, parent=first)
    chats.end(refused, "failed", text="", now=NOW, error="not allowed", error_code="policy_refused")
    kept = chats.get(chat, "me")
    decisions = {"req_1": {"class": "internal", "kinds": ["email"]}}
    assert as_markdown(kept, decisions).splitlines() == [
        "# Sea", "", "2026-03-04 05:06 UTC, me", "",
        "## Question", "", "(attached: a.txt)", "deep?", "",
        "## Answer of m1", "", "**Very.**", "",
        "*2026-03-04 05:06 UTC, left the house (acme), closed weights, 7 tokens,"
        " lost on the way to it: seed: unknown, class internal, req_1*", "",
        "## Question", "", "secret?", "",
        "## Answer of assistant", "", "", "> No answer: not allowed", "",
        "*2026-03-04 05:06 UTC, refused by the rules*",
    ]  # fmt: skip
    told = json.loads(as_json(kept, chats.attached_to(chat, [kept.messages[0].id]), decisions))
    assert told["title"] == "Sea"
    assert told["messages"][0]["attachments"] == [{"name": "a.txt", "media_type": "text/plain", "data": "aGk="}]
    assert told["messages"][1]["decision"] == {"class": "internal", "kinds": ["email"]}
    assert told["messages"][1]["facts"] == facts
    assert told["messages"][3]["error_code"] == "policy_refused"
