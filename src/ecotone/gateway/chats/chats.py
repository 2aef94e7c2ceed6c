"""Chats of the console: who asked what and what was answered, kept in the gateway's own database until deleted.

A chat is a tree: a question edited, or an answer asked for again, stands beside the first one, and nothing is lost.
What is on the way from the root to the chat's `leaf` is what is shown and what the next question goes on from.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from ecotone.gateway.chats.attachments import Attached, Attachment
from ecotone.storage.database import Database, Migration
from ecotone.storage.moments import microseconds, moment
from ecotone.values.chat import Json
from ecotone.values.errors import MalformedRequest, NotFound

MIGRATIONS = (
    Migration(
        "chats",
        1,
        """
        create table chats (
            id text primary key,
            owner text not null,              -- who signed in
            title text not null,
            folded text not null,             -- the title in lower case, to search in
            model text,                       -- the route or model asked last; null: none chosen yet
            class text,                       -- the data class its owner gives it; null: none said
            system text,                      -- instructions for the model
            leaf text,                        -- the last message of the branch that is shown
            created_at_us integer not null,   -- Unix microseconds, UTC
            changed_at_us integer not null
        ) strict, without rowid;
        create index chats_by_time on chats (owner, changed_at_us);
        create table chat_messages (
            number integer primary key,       -- in order of arrival
            id text not null unique,
            chat text not null references chats (id) on delete cascade,
            parent text,                      -- the message it follows; null: the first
            role text not null,               -- user, assistant
            text text not null,
            folded text not null,
            created_at_us integer not null,
            asked text,                       -- of an answer, here and below: the route or model asked
            class text,                       -- the data class that was declared
            state text,                       -- waiting, streaming, done, stopped, failed
            reasoning text not null default '',
            refusal text not null default '',
            error text,
            error_code text,
            request_id text,
            facts text                        -- JSON: who answered, where, how fast, for how much
        ) strict;
        create index chat_messages_by_chat on chat_messages (chat, number);
        create table chat_attachments (
            id text primary key,
            chat text not null references chats (id) on delete cascade,
            message text not null,
            number integer not null,
            name text not null,
            media_type text not null,
            body blob not null
        ) strict;
        create index chat_attachments_by_chat on chat_attachments (chat, message, number);
        """,
    ),
)

State = Literal["waiting", "streaming", "done", "stopped", "failed"]
OPEN_STATES: tuple[State, ...] = ("waiting", "streaming")

TITLE_CHARS_MAX = 120
TEXT_CHARS_MAX = 1_000_000
MESSAGES_MAX = 2_000
_TITLE_FROM_QUESTION_CHARS = 60
_EXCERPT_CHARS = 120
LIST_MAX = 500
_WORDS_MAX = 20
_ID_BYTES = 16
_NEW_CHAT = "New chat"
# What is only for the eye in Markdown: an excerpt goes without.
_MARKS = re.compile(r"[|*`#]+|:?-{2,}:?")


class ChatMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question (`role` is `user`) or an answer. `parent` is the message it follows, None for a first question.

    Of an answer: `asked` is the route or model that was asked, `data_class` what was declared of the request, `facts`
    who answered, where, how fast and for how much (None until it has ended). `error` says why it failed.
    """

    id: str
    parent: str | None
    role: Literal["user", "assistant"]
    text: str
    created_at: datetime
    attachments: tuple[Attachment, ...] = ()
    asked: str | None = None
    data_class: str | None = None
    state: State | None = None
    reasoning: str = ""
    refusal: str = ""
    error: str | None = None
    error_code: str | None = None
    request_id: str | None = None
    facts: Json | None = None

    @property
    def is_open(self) -> bool:
        """Is it an answer that is still coming?"""
        return self.state in OPEN_STATES

    @property
    def said(self) -> str:
        """What a model is told that it answered: its words, or its refusal."""
        return self.text or self.refusal


class ChatHead(msgspec.Struct, frozen=True):
    """Whose chat it is, what it is called, and what its next question goes out with."""

    id: str
    owner: str
    title: str
    model: str | None
    data_class: str | None
    created_at: datetime
    changed_at: datetime


class ChatRow(ChatHead, frozen=True):
    """A chat as lists have it. `excerpt` is where a search found its words; None where nothing was searched, or only
    the title fits. `answering`: is an answer still coming?"""

    messages: int
    answering: bool
    excerpt: str | None = None


class Chat(ChatHead, frozen=True):
    """A chat with all its messages, in order of arrival."""

    system: str | None
    leaf: str | None
    messages: tuple[ChatMessage, ...]

    def message(self, identity: str) -> ChatMessage:
        """Raises NotFound."""
        for message in self.messages:
            if message.id == identity:
                return message
        raise NotFound("This chat has no such message; it may have been deleted in another tab. Load the page again.")

    def path(self, leaf: str | None = None) -> tuple[ChatMessage, ...]:
        """From the first question to `leaf`, else to the leaf that is shown."""
        by_id = {message.id: message for message in self.messages}
        found: list[ChatMessage] = []
        at = leaf or self.leaf
        while at is not None:
            found.append(by_id[at])
            at = found[-1].parent
        return tuple(reversed(found))

    def beside(self, message: ChatMessage) -> tuple[ChatMessage, ...]:
        """The messages that stand in the same place, this one among them, the oldest first."""
        return tuple(one for one in self.messages if one.parent == message.parent and one.role == message.role)

    def leaf_under(self, identity: str) -> str:
        """The newest message that follows from this one; itself where none does."""
        last = {message.parent: message.id for message in self.messages if message.parent is not None}
        while identity in last:
            identity = last[identity]
        return identity


class Chats:
    """The chats in a database. Whoever gives an `owner` sees that one's chats alone; None sees all."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # What is deleted is gone from the file, not only from the index.
        database.execute("pragma secure_delete = on")

    # --- chats

    def create(
        self,
        owner: str,
        now: datetime,
        *,
        title: str | None = None,
        model: str | None = None,
        data_class: str | None = None,
        system: str | None = None,
    ) -> str:
        """Begin a chat and return its id. Without a title it takes that of its first question."""
        identity, now_us = secrets.token_urlsafe(_ID_BYTES), microseconds(now)
        title = _checked_title(title) if title is not None else _NEW_CHAT
        with self._database.transaction():
            self._database.execute(
                "insert into chats values (?, ?, ?, ?, ?, ?, ?, null, ?, ?)",
                (identity, owner, title, title.casefold(), model, data_class, system or None, now_us, now_us),
            )
        return identity

    def list(
        self, owner: str | None, *, search: str = "", limit: int = LIST_MAX, before: datetime | None = None
    ) -> tuple[ChatRow, ...]:
        """Chats, the one that changed last first; with `search` those whose title or messages have these words, each
        of them. `before`: only those that changed before then, to go on from the end of an earlier list. Raises
        MalformedRequest for too many words."""
        words = list(dict.fromkeys(search.casefold().split()))
        if len(words) > _WORDS_MAX:
            raise MalformedRequest(f"Search for at most {_WORDS_MAX} words at a time.", param="search")
        found, values = _where(owner, words, before)
        rows = self._database.execute(
            f"{_ROWS} where {found} order by changed_at_us desc, id limit ?",
            (*values, max(1, min(limit, LIST_MAX))),
        )
        return tuple(
            ChatRow(**_head(head), messages=messages, answering=bool(answering), excerpt=self._excerpt(head[0], words))
            for *head, messages, answering in rows
        )

    def _excerpt(self, chat: str, words: Sequence[str]) -> str | None:
        for word in words:
            rows = self._database.execute(
                "select text from chat_messages where chat = ? and instr(folded, ?) order by number limit 1",
                (chat, word),
            )
            if rows:
                return _around(rows[0][0], word)
        return None

    def get(self, chat: str, owner: str | None) -> Chat:
        """Raises NotFound."""
        rows = self._database.execute(
            f"select {_HEAD}, system, leaf from chats where id = ? and (? is null or owner = ?)",  # noqa: S608 - no input
            (chat, owner, owner),
        )
        if not rows:
            raise NotFound("There is no such chat; it may have been deleted.")
        attached: dict[str, list[Attachment]] = {}
        for message, *facts in self._database.execute(
            "select message, id, name, media_type, length(body) from chat_attachments where chat = ?"
            " order by message, number",
            (chat,),
        ):
            attached.setdefault(message, []).append(Attachment(*facts))
        messages = self._database.execute(f"{_MESSAGES} where chat = ? order by number", (chat,))
        *head, system, leaf = rows[0]
        return Chat(
            **_head(head),
            system=system,
            leaf=leaf,
            messages=tuple(_message(row, attached.get(row[0], ())) for row in messages),
        )

    def rename(self, chat: str, owner: str | None, title: str) -> None:
        """Raises NotFound and MalformedRequest. Its place in the list stays."""
        title = _checked_title(title)
        self._set(chat, owner, {"title": title, "folded": title.casefold()})

    def arrange(self, chat: str, owner: str | None, changes: Mapping[str, str | None]) -> None:
        """Change what the next question goes out with: `model`, `data_class`, `system`. Raises NotFound."""
        columns = {"model": "model", "data_class": "class", "system": "system"}
        self._set(chat, owner, {columns[name]: value or None for name, value in changes.items()})

    def show(self, chat: str, owner: str | None, message: str) -> None:
        """Go over to the branch that this message is on, to its newest end. Raises NotFound."""
        with self._database.transaction():
            found = self.get(chat, owner)
            leaf = found.leaf_under(found.message(message).id)
            self._database.execute("update chats set leaf = ? where id = ?", (leaf, chat))

    def _set(self, chat: str, owner: str | None, values: Mapping[str, str | None]) -> None:
        if not values:
            return
        named = ", ".join(f"{column} = ?" for column in values)
        with self._database.transaction():
            self.get(chat, owner)
            self._database.execute(f"update chats set {named} where id = ?", (*values.values(), chat))  # noqa: S608

    def delete(self, chat: str, owner: str | None) -> None:
        """Delete a chat with all that was said and attached, from the database's files too. Raises NotFound."""
        with self._database.transaction():
            self.get(chat, owner)
            self._database.execute("delete from chats where id = ?", (chat,))
        # The write-ahead log has pages as they were; whoever reads them at the moment lets go of them soon.
        self._database.execute("pragma wal_checkpoint(truncate)")

    # --- messages

    def ask(
        self,
        chat: str,
        owner: str | None,
        text: str,
        asked: str,
        now: datetime,
        *,
        parent: str | None = None,
        data_class: str | None = None,
        attached: Sequence[Attached] = (),
        kept: Sequence[str] = (),
    ) -> tuple[str, str]:
        """Put a question after the answer `parent` (None: as a first question) and begin its answer. Returns the ids of
        both. `kept` are attachments of the chat's earlier questions that go with this one too. Raises NotFound and
        MalformedRequest."""
        if not text.strip() and not attached and not kept:
            raise MalformedRequest("There is nothing to ask: write something, or attach a file.", param="text")
        if len(text) > TEXT_CHARS_MAX:
            raise MalformedRequest(f"A question has at most {TEXT_CHARS_MAX:,} characters.", param="text")
        with self._database.transaction():
            found = self.get(chat, owner)
            if parent is not None and found.message(parent).role != "assistant":
                raise MalformedRequest("A question follows an answer.", param="parent")
            self._check_room(found)
            question = self._add(chat, parent, "user", text, now)
            self._attach(chat, question, attached, kept)
            answer = self._add_answer(chat, question, asked, data_class, now)
            if not found.messages and found.title == _NEW_CHAT:
                title = _title_of(text) or (attached[0].name if attached else _NEW_CHAT)
                self._database.execute(
                    "update chats set title = ?, folded = ? where id = ?", (title, title.casefold(), chat)
                )
        return question, answer

    def ask_again(
        self, chat: str, owner: str | None, answer: str, asked: str, now: datetime, *, data_class: str | None = None
    ) -> str:
        """Begin another answer to the same question, beside this one. Returns its id. Raises NotFound and
        MalformedRequest."""
        with self._database.transaction():
            found = self.get(chat, owner)
            earlier = found.message(answer)
            if earlier.role != "assistant" or earlier.parent is None:
                raise MalformedRequest("Only an answer can be asked for again.")
            self._check_room(found)
            return self._add_answer(chat, earlier.parent, asked, data_class, now)

    def _check_room(self, chat: Chat) -> None:
        if len(chat.messages) + 2 > MESSAGES_MAX:
            raise MalformedRequest(f"A chat holds at most {MESSAGES_MAX:,} messages; begin a new one.")

    def _add_answer(self, chat: str, question: str, asked: str, data_class: str | None, now: datetime) -> str:
        answer = self._add(chat, question, "assistant", "", now, asked=asked, data_class=data_class)
        self._database.execute(
            "update chats set leaf = ?, model = ?, class = ?, changed_at_us = ? where id = ?",
            (answer, asked, data_class, microseconds(now), chat),
        )
        return answer

    def _add(
        self,
        chat: str,
        parent: str | None,
        role: str,
        text: str,
        now: datetime,
        *,
        asked: str | None = None,
        data_class: str | None = None,
    ) -> str:
        identity = secrets.token_urlsafe(_ID_BYTES)
        state = "waiting" if role == "assistant" else None
        self._database.execute(
            "insert into chat_messages (id, chat, parent, role, text, folded, created_at_us, asked, class, state)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (identity, chat, parent, role, text, text.casefold(), microseconds(now), asked, data_class, state),
        )
        return identity

    def _attach(self, chat: str, message: str, attached: Sequence[Attached], kept: Sequence[str]) -> None:
        for number, identity in enumerate(kept):
            copied = self._database.execute(
                "insert into chat_attachments select ?, chat, ?, ?, name, media_type, body from chat_attachments"
                " where chat = ? and id = ? returning id",
                (secrets.token_urlsafe(_ID_BYTES), message, number, chat, identity),
            )
            if not copied:
                raise NotFound("A file that is to go along is not in this chat; attach it again.", param="kept")
        for number, one in enumerate(attached, len(kept)):
            self._database.execute(
                "insert into chat_attachments values (?, ?, ?, ?, ?, ?, ?)",
                (secrets.token_urlsafe(_ID_BYTES), chat, message, number, one.name, one.media_type, one.body),
            )

    def keep_progress(self, answer: str, text: str, reasoning: str, request_id: str | None) -> None:
        """Keep what has come so far, so that a crash does not lose it."""
        self._database.execute(
            "update chat_messages set state = 'streaming', text = ?, folded = ?, reasoning = ?, request_id = ?"
            " where id = ? and state in ('waiting', 'streaming')",
            (text, text.casefold(), reasoning, request_id, answer),
        )

    def end(
        self,
        answer: str,
        state: State,
        *,
        text: str,
        now: datetime,
        reasoning: str = "",
        refusal: str = "",
        error: str | None = None,
        error_code: str | None = None,
        request_id: str | None = None,
        facts: Json | None = None,
    ) -> None:
        """Keep the whole answer. Does nothing where the chat has been deleted meanwhile."""
        told = None if facts is None else msgspec.json.encode(facts).decode()
        with self._database.transaction():
            self._database.execute(
                "update chat_messages set state = ?, text = ?, folded = ?, reasoning = ?, refusal = ?, error = ?,"
                " error_code = ?, request_id = ?, facts = ? where id = ?",
                (state, text, text.casefold(), reasoning, refusal, error, error_code, request_id, told, answer),
            )
            self._database.execute(
                "update chats set changed_at_us = ? where id = (select chat from chat_messages where id = ?)",
                (microseconds(now), answer),
            )

    def end_orphans(self, why: str) -> int:
        """Answers that were still coming when an earlier process ended will not come any more: say so. Returns how
        many there were."""
        with self._database.transaction():
            orphans = self._database.execute("select id from chat_messages where state in ('waiting', 'streaming')")
            self._database.execute(
                "update chat_messages set state = 'failed', error = ?, error_code = 'interrupted'"
                " where state in ('waiting', 'streaming')",
                (why,),
            )
        return len(orphans)

    def attachment(self, chat: str, owner: str | None, identity: str) -> Attached:
        """Raises NotFound."""
        rows = self._database.execute(
            "select a.name, a.media_type, a.body from chat_attachments a join chats c on c.id = a.chat"
            " where a.chat = ? and a.id = ? and (? is null or c.owner = ?)",
            (chat, identity, owner, owner),
        )
        if not rows:
            raise NotFound("There is no such attachment.")
        return Attached(*rows[0])

    def attached_to(self, chat: str, messages: Sequence[str]) -> dict[str, tuple[Attached, ...]]:
        """What is attached to these messages, by message."""
        found: dict[str, list[Attached]] = {message: [] for message in messages}
        rows = self._database.execute(
            "select message, name, media_type, body from chat_attachments"
            " where chat = ? and message in (select value from json_each(?)) order by message, number",
            (chat, msgspec.json.encode(messages).decode()),
        )
        for message, *attached in rows:
            found[message].append(Attached(*attached))
        return {message: tuple(attached) for message, attached in found.items()}


_HEAD = "id, owner, title, model, class, created_at_us, changed_at_us"
_ROWS = f"""
select {_HEAD},
    (select count(*) from chat_messages where chat = chats.id),
    exists (select 1 from chat_messages where chat = chats.id and state in ('waiting', 'streaming'))
from chats
"""  # noqa: S608 - no input
_MESSAGES = """
select id, parent, role, text, created_at_us, asked, class, state, reasoning, refusal, error, error_code, request_id,
    facts
from chat_messages
"""
_HAS_WORD = """
(instr(folded, ?) or exists (select 1 from chat_messages m where m.chat = chats.id and instr(m.folded, ?)))
"""


def _head(row: Sequence[Any]) -> dict[str, Any]:
    identity, owner, title, model, data_class, created_at_us, changed_at_us = row
    return {
        "id": identity,
        "owner": owner,
        "title": title,
        "model": model,
        "data_class": data_class,
        "created_at": moment(created_at_us),
        "changed_at": moment(changed_at_us),
    }


def _message(row: Sequence[Any], attachments: Sequence[Attachment]) -> ChatMessage:
    identity, parent, role, text, created_at_us, *rest, facts = row
    asked, data_class, state, reasoning, refusal, error, error_code, request_id = rest
    return ChatMessage(
        id=identity,
        parent=parent,
        role=role,
        text=text,
        created_at=moment(created_at_us),
        attachments=tuple(attachments),
        asked=asked,
        data_class=data_class,
        state=state,
        reasoning=reasoning,
        refusal=refusal,
        error=error,
        error_code=error_code,
        request_id=request_id,
        facts=None if facts is None else msgspec.json.decode(facts, type=Json),
    )


def _where(owner: str | None, words: Sequence[str], before: datetime | None) -> tuple[str, list[str | int]]:
    found, values = ["1"], list[str | int]()
    if owner is not None:
        found.append("owner = ?")
        values.append(owner)
    if before is not None:
        found.append("changed_at_us < ?")
        values.append(microseconds(before))
    for word in words:
        found.append(_HAS_WORD)
        values += [word, word]
    return " and ".join(found), values


def _around(text: str, word: str) -> str:
    """The words around the first place where `word` is, on one line and without marks of Markdown."""
    folded = text.casefold()
    # Folding may change lengths (ß becomes ss): the place is then a little off, and the excerpt still near it.
    at = max(0, folded.find(word))
    start = max(0, at - _EXCERPT_CHARS // 3)
    told = " ".join(_MARKS.sub(" ", text[start : start + _EXCERPT_CHARS]).split())
    return f"{'… ' if start else ''}{told}{' …' if start + _EXCERPT_CHARS < len(text) else ''}"


def _checked_title(title: str) -> str:
    told = " ".join(title.split())
    if not told:
        raise MalformedRequest("A chat needs a name.", param="title")
    if len(told) > TITLE_CHARS_MAX:
        raise MalformedRequest(f"A chat's name has at most {TITLE_CHARS_MAX} characters.", param="title")
    return told


def _title_of(text: str) -> str:
    """The beginning of a question, cut between words."""
    told = " ".join(text[: 10 * _TITLE_FROM_QUESTION_CHARS].split())
    if len(told) <= _TITLE_FROM_QUESTION_CHARS:
        return told
    cut = told[:_TITLE_FROM_QUESTION_CHARS]
    return f"{cut.rpartition(' ')[0] or cut}…"
