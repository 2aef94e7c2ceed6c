"""Chats: what the console's own page works with, and any other program may."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from ecotone.gateway.chats.attachments import IMAGES, check_attached, read_attached
from ecotone.gateway.chats.chat_texts import as_json, as_markdown
from ecotone.gateway.chats.chats import LIST_MAX, Chat, ChatRow, Chats
from ecotone.gateway.inventory.choices import Choice, choice, choices
from ecotone.gateway.sessions import Session
from ecotone.values.chat import Json
from ecotone.values.errors import SetupError, UnsupportedFeature
from ecotone.web.control.answering import Answering, Form
from ecotone.web.control.api import Call, File, Stream
from ecotone.web.control.control import Control


class ChatsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`search`: words that the title or a message must have, each of them. `before`: only chats that changed before
    then, to go on from the end of an earlier list."""

    search: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIST_MAX)] = 100
    before: datetime | None = None


class NewChat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without a title it takes that of its first question. `system` are instructions for the model."""

    title: str | None = None
    model: str | None = None
    data_class: str | None = None
    system: str | None = None


class ChatChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays as it is; null takes it away."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    model: str | msgspec.UnsetType | None = msgspec.UNSET
    data_class: str | msgspec.UnsetType | None = msgspec.UNSET
    system: str | msgspec.UnsetType | None = msgspec.UNSET


class NewFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that goes with a question: text in UTF-8, or a PNG, JPEG, GIF or WebP image. `data` is base64."""

    name: str
    data: str


class NewQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question to `model`, a route or a model. It follows the answer `parent`; null: it is a first question.
    `data_class` is what is declared of it. `kept` are attachments of earlier questions that go with this one too.
    `in_force` is the config that the asker was shown, as the `config` events name it: where another is in force and
    the question might leave the house, it is refused."""

    text: str
    model: str
    parent: str | None = None
    data_class: str | None = None
    attachments: tuple[NewFile, ...] = ()
    kept: tuple[str, ...] = ()
    in_force: str | None = None


class AskAgain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to ask this time; `in_force` as with a question."""

    model: str
    data_class: str | None = None
    in_force: str | None = None


class AnswerBegun(msgspec.Struct, frozen=True):
    """A question and the answer to it that has begun."""

    question: str | None
    answer: str


class Trail(msgspec.Struct, frozen=True):
    """Where an answer came from: who gave it, where, how fast and for how much; how many places were asked; and what
    the rules said, by place, with the labels found (null where no rule was asked)."""

    asked: str | None
    facts: Json | None
    attempts: int | None
    decision: Json | None


class WatchQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether answers come as the model's own text, or as the HTML of the pages."""

    form: Form = "text"


class ExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """JSON has all branches and the files themselves; Markdown is the branch that is shown."""

    form: Literal["json", "markdown"] = "json"


def answering(control: Control) -> Answering:
    """The chats of this gateway."""
    return control.once(Answering)


async def list_chats(control: Control, session: Session, query: ChatsQuery) -> tuple[ChatRow, ...]:
    """List your chats, the one that changed last first."""
    return await answering(control).do(
        lambda chats: chats.list(session.name, search=query.search, limit=query.limit, before=query.before)
    )


async def list_choices(control: Control) -> tuple[Choice, ...]:
    """List who can be asked: where the words would go, how open it is, what it takes."""
    return await asyncio.to_thread(choices, control.runtime.gateway.directory)


async def watch_choices(control: Control) -> Stream:
    """Follow which config is in force: where it is another, list anew who can be asked."""
    async for event in answering(control).watch_config():
        yield event


async def create_chat(control: Control, session: Session, body: NewChat) -> Chat:
    """Begin a chat."""
    control.check_class(body.data_class)

    def create(chats: Chats) -> Chat:
        made = chats.create(session.name, control.now(), **msgspec.structs.asdict(body))
        return chats.get(made, session.name)

    return await answering(control).do(create)


async def show_chat(control: Control, session: Session, chat: str) -> Chat:
    """Show a chat with all its messages."""
    return await answering(control).do(lambda chats: chats.get(chat, session.name))


async def change_chat(control: Control, session: Session, chat: str, body: ChatChanges) -> Chat:
    """Rename a chat, or change what its next question goes out with."""
    changes: Mapping[str, str | None] = {
        name: value
        for name in ("model", "data_class", "system")
        if not isinstance(value := getattr(body, name), msgspec.UnsetType)
    }
    control.check_class(changes.get("data_class"))

    def change(chats: Chats) -> Chat:
        if not isinstance(body.title, msgspec.UnsetType):
            chats.rename(chat, session.name, body.title)
        chats.arrange(chat, session.name, changes)
        return chats.get(chat, session.name)

    changed = await answering(control).do(change)
    answering(control).tell(chat)
    return changed


async def delete_chat(control: Control, session: Session, chat: str) -> None:
    """Delete a chat with all that was said and attached, for good."""
    await answering(control).do(lambda chats: chats.get(chat, session.name))
    await answering(control).stop_all(chat)
    await answering(control).do(lambda chats: chats.delete(chat, session.name))
    answering(control).forget()
    answering(control).tell(chat)


async def ask_question(control: Control, session: Session, chat: str, body: NewQuestion) -> AnswerBegun:
    """Ask something; the answer comes in the chat's events."""
    control.check_class(body.data_class)
    attached = await asyncio.to_thread(lambda: [read_attached(one.name, one.data) for one in body.attachments])
    check_attached(attached, len(body.kept))
    await _check_model(control, body.model, any(one.media_type in IMAGES for one in attached), body.in_force)
    at_work = answering(control)
    at_work.check_room()
    question, answer = await at_work.do(
        lambda chats: chats.ask(
            chat,
            session.name,
            body.text,
            body.model,
            control.now(),
            parent=body.parent,
            data_class=body.data_class,
            attached=attached,
            kept=body.kept,
        )
    )
    await at_work.begin(chat, session.name, question, answer)
    return AnswerBegun(question, answer)


async def ask_again(control: Control, session: Session, chat: str, message: str, body: AskAgain) -> AnswerBegun:
    """Ask for another answer to the same question, of the same model or of another."""
    control.check_class(body.data_class)
    await _check_model(control, body.model, False, body.in_force)
    at_work = answering(control)
    at_work.check_room()

    def begin(chats: Chats) -> tuple[str, str]:
        answer = chats.ask_again(chat, session.name, message, body.model, control.now(), data_class=body.data_class)
        return chats.get(chat, session.name).message(answer).parent or "", answer

    question, answer = await at_work.do(begin)
    await at_work.begin(chat, session.name, question, answer)
    return AnswerBegun(question, answer)


async def stop_answer(control: Control, session: Session, chat: str, message: str) -> None:
    """Stop an answer that is coming; what has come is kept."""
    await answering(control).do(lambda chats: chats.get(chat, session.name).message(message))
    await answering(control).stop(message)


async def show_branch(control: Control, session: Session, chat: str, message: str) -> None:
    """Go over to the branch that this message is on."""
    await answering(control).do(lambda chats: chats.show(chat, session.name, message))
    answering(control).tell(chat)


async def show_trail(control: Control, session: Session, chat: str, message: str) -> Trail:
    """Tell where an answer came from and what the rules said of its request."""
    found = await answering(control).do(lambda chats: chats.get(chat, session.name))
    answer = found.message(message)
    logged = (await answering(control).logged((answer,))).get(answer.request_id or "")
    return Trail(
        answer.asked,
        answer.facts,
        None if logged is None else logged.attempts,
        None if logged is None else logged.decision,
    )


async def watch_chat(control: Control, session: Session, chat: str, query: WatchQuery) -> Stream:
    """Follow a chat: `config` for the config in force, `chat` when the chat has changed or an answer has ended,
    `answer` while one comes."""
    async for event in answering(control).watch(chat, session.name, query.form):
        yield event


async def show_attachment(control: Control, session: Session, chat: str, attachment: str) -> File:
    """Give a file that was attached."""
    found = await answering(control).do(lambda chats: chats.attachment(chat, session.name, attachment))
    return File(found.body, found.media_type, _file_name(found.name))


async def export_chat(control: Control, session: Session, chat: str, query: ExportQuery) -> File:
    """Take a chat along, with what is known of each answer."""
    at_work = answering(control)
    found = await at_work.do(lambda chats: chats.get(chat, session.name))
    logged = await at_work.logged(found.messages)
    decisions = {request: row.decision for request, row in logged.items() if row.decision is not None}
    name = _file_name(found.title)
    if query.form == "markdown":
        text = await asyncio.to_thread(as_markdown, found, decisions)
        return File(text.encode(), "text/markdown; charset=utf-8", f"{name}.md")
    attached = await at_work.do(lambda chats: chats.attached_to(chat, [one.id for one in found.messages]))
    body = await asyncio.to_thread(as_json, found, attached, decisions)
    return File(body, "application/json", f"{name}.json")


async def _check_model(control: Control, name: str, images: bool, seen: str | None) -> None:
    """Raises ModelNotFound; UnsupportedFeature for images where nobody behind the name can look at them; SetupError
    where the config is not the one that was seen, and what is asked might leave the house."""
    directory = control.runtime.gateway.directory
    found = await asyncio.to_thread(choice, directory, name)
    if images and found.images is False:
        able = [one.name for one in await asyncio.to_thread(choices, directory) if one.images]
        others = f"Ask {' or '.join(able[:3])}." if able else "No model here can."
        raise UnsupportedFeature(f"{name} cannot look at images. {others}", param="attachments")
    # Last, so that little can come between this and what is sent.
    if seen not in (None, answering(control).in_force) and found.hosting in ("vendor", "mixed"):
        raise SetupError("What may answer has changed, and it may leave the house now. Look again, and ask.")


def _file_name(title: str) -> str:
    """A title as a name for a file that any system takes."""
    told = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in title)
    return "-".join(part for part in told.split("-") if part)[:80] or "chat"


CALLS = (
    Call("GET", "/chats", list_chats),
    Call("POST", "/chats", create_chat),
    Call("GET", "/choices", list_choices),
    Call("GET", "/choices/events", watch_choices),
    Call("GET", "/chats/{chat}", show_chat),
    Call("PATCH", "/chats/{chat}", change_chat),
    Call("DELETE", "/chats/{chat}", delete_chat),
    Call("POST", "/chats/{chat}/messages", ask_question),
    Call("POST", "/chats/{chat}/messages/{message}/again", ask_again),
    Call("POST", "/chats/{chat}/messages/{message}/stop", stop_answer),
    Call("POST", "/chats/{chat}/messages/{message}/show", show_branch),
    Call("GET", "/chats/{chat}/messages/{message}/trail", show_trail),
    Call("GET", "/chats/{chat}/events", watch_chat),
    Call("GET", "/chats/{chat}/attachments/{attachment}", show_attachment),
    Call("GET", "/chats/{chat}/export", export_chat),
)
