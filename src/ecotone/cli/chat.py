"""`ecotone chat`: a conversation in the terminal."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

import msgspec

from ecotone.cli.connecting import Connection, connected
from ecotone.cli.output import out, say
from ecotone.cli.printer import AnswerPrinter, tell_shortcomings
from ecotone.gateway.client import Answer
from ecotone.gateway.settings.paths import find_home
from ecotone.values.chat import ChatRequest, Message, TextPart
from ecotone.values.errors import EcotoneError

_HISTORY_MAX_LINES = 1000
_HELP = """\
/model NAME    ask another model or route from now on; without NAME: which one is asked
/models        what can be asked
/system TEXT   instructions for the model; without TEXT: none any more
/reset         forget the conversation
/retry         ask the last question again
/save FILE     write the conversation to a new file: Markdown, or JSON if its name ends in .json
/exit          leave; Ctrl-D does, too. Ctrl-C stops an answer"""


class _LeaveError(Exception):
    """The user wants to leave."""


def run(*, model: str | None, system: str | None, config_file: Path | None) -> None:
    """Talk until the end of the input."""
    with connected(config_file) as connection:
        if model is not None:
            connection.run(connection.gateway.model(model))  # to refuse a name that nobody has, as `ask` does
        chosen = model or connection.run(connection.gateway.default_model())
        conversation = _Conversation(connection, chosen, system)
        if sys.stdin.isatty():
            say(f"talking to {chosen} at {connection.gateway.url}; /help shows what else there is, Ctrl-D leaves")
        with suppress(_LeaveError):
            for line in _lines():
                conversation.take(line.strip())


def _lines() -> Iterator[str]:
    """What the user types, with line editing on a terminal. Ctrl-C takes back the line."""
    if not sys.stdin.isatty():
        yield from sys.stdin
        return
    remember, typed = _line_editing()
    while True:
        try:
            line = input("> ")
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            if not typed():
                say("Ctrl-D leaves")
            continue
        except EOFError:
            sys.stdout.write("\n")
            return
        remember()
        yield line


def _line_editing() -> tuple[Callable[[], None], Callable[[], str]]:
    """Turn on editing with the lines of earlier conversations. Returns what keeps the lines typed so far, and what
    tells the one that was being typed."""
    try:
        import readline
    except ImportError:  # a Python without it: plain lines
        return lambda: None, lambda: ""
    file = find_home(os.environ).folder / "chat_history"
    with suppress(OSError):
        file.touch(mode=0o600)
        readline.read_history_file(file)
    readline.set_history_length(_HISTORY_MAX_LINES)

    def remember() -> None:
        with suppress(OSError):
            readline.write_history_file(file)

    return remember, readline.get_line_buffer


class _Conversation:
    """What was said so far, and what the user can do with it.

    A question that found no answer is not part of it, so that an error or an early Ctrl-C leaves the conversation as
    it was; `/retry` asks it again all the same.
    """

    def __init__(self, connection: Connection, model: str, system: str | None) -> None:
        self._connection = connection
        self._model = model
        self._system = system
        self._said: list[Message] = []
        self._question: str | None = None

    def take(self, line: str) -> None:
        """Act on a line: a question, or a command."""
        word, _, rest = line.partition(" ")
        if not line:
            return
        if word[0] != "/" or "/" in word[1:]:
            self._ask(line)
            return
        command = self._commands().get(word)
        if command is None:
            say(f"there is no {word}; /help shows what there is")
            return
        try:
            command(rest.strip())
        except EcotoneError as error:
            say(error.message)

    def _commands(self) -> dict[str, Callable[[str], None]]:
        return {
            "/help": lambda _: out.out(_HELP, highlight=False),
            "/model": self._choose,
            "/models": self._list,
            "/system": self._instruct,
            "/reset": self._reset,
            "/retry": self._retry,
            "/save": self._save,
            "/exit": _leave,
        }

    def _ask(self, question: str) -> None:
        self._question = question
        messages = (*self._said, Message("user", (TextPart(question),)))
        system = (Message("system", (TextPart(self._system),)),) if self._system else ()
        answer = Answer(self._model)
        printer = AnswerPrinter()
        try:
            request = ChatRequest(model=self._model, messages=messages, system=system)
            self._connection.run(self._connection.gateway.ask(request, answer, printer.show))
            printer.end()
            tell_shortcomings(answer)
        except KeyboardInterrupt:
            printer.end()
            say("stopped")
        except EcotoneError as error:
            printer.end()
            say(error.message)
        text = answer.text or answer.refusal
        if text:
            self._said = [*messages, Message("assistant", (TextPart(text),))]

    def _choose(self, name: str) -> None:
        if not name:
            say(f"asking {self._model}")
            return
        names = [row.id for row in self._connection.run(self._connection.gateway.models())]
        if name not in names and "/" not in name:  # PROVIDER/NAME is not listed: there is no end of them
            near = get_close_matches(name, names)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names)}"
            say(f"there is no model or route {name!r}; {hint}")
            return
        self._model = name
        say(f"asking {name} from now on")

    def _list(self, _: str) -> None:
        for row in self._connection.run(self._connection.gateway.models()):
            mark = "*" if row.id == self._model else " "
            out.out(f"{mark} {row.id} ({'route' if row.owned_by == 'ecotone' else row.owned_by})", highlight=False)

    def _instruct(self, text: str) -> None:
        self._system = text or None
        say("instructions set" if text else "no instructions any more")

    def _reset(self, _: str) -> None:
        self._said, self._question = [], None
        say("forgotten")

    def _retry(self, _: str) -> None:
        if self._question is None:
            say("there is no question yet")
            return
        if self._said and self._said[-2] == Message("user", (TextPart(self._question),)):
            del self._said[-2:]
        self._ask(self._question)

    def _save(self, name: str) -> None:
        if not name:
            say("/save needs the name of a file")
            return
        file = Path(shlex.split(name)[0] if name[0] in "\"'" else name).expanduser()
        try:
            with file.open("x", encoding="utf-8") as target:
                target.write(self._as_json() if file.suffix == ".json" else self._as_markdown())
        except FileExistsError:
            say(f"{file} is there already; choose another name")
        except OSError as error:
            say(f"{file} cannot be written: {error.strerror}")
        else:
            say(f"saved to {file}")

    def _turns(self) -> list[dict[str, str]]:
        """The conversation as OpenAI's API takes it."""
        turns = [{"role": "system", "content": self._system}] if self._system else []
        for message in self._said:
            text = "".join(part.text for part in message.parts if isinstance(part, TextPart))
            turns.append({"role": message.role, "content": text})
        return turns

    def _as_json(self) -> str:
        return msgspec.json.format(msgspec.json.encode({"messages": self._turns()}), indent=2).decode() + "\n"

    def _as_markdown(self) -> str:
        return "\n".join(f"**{turn['role']}**\n\n{turn['content'].strip()}\n" for turn in self._turns())


def _leave(_: str) -> None:
    raise _LeaveError
