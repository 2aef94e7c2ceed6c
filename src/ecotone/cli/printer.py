"""Answers on the terminal, as they come."""

import sys
from typing import TextIO

from ecotone.cli.output import say, visible
from ecotone.gateway.client import Answer
from ecotone.values.reply import Event, ReasoningDelta, RefusalDelta, TextDelta

_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


class AnswerPrinter:
    """Writes an answer to standard output, and what the model thinks, dimmed, to standard error if that is a terminal.

    On a terminal, control characters are made visible: a model's words must not steer the terminal.
    """

    def __init__(self) -> None:
        self._last = "\n"
        self._thinking = False
        self._thoughts = sys.stderr if sys.stderr.isatty() else None

    def show(self, event: Event) -> None:
        match event:
            case TextDelta() | RefusalDelta() if event.text:
                self._end_thoughts()
                _write(sys.stdout, event.text)
                self._last = event.text[-1]
            case ReasoningDelta() if self._thoughts is not None and event.text:
                if not self._thinking:
                    self._thoughts.write(_DIM)
                self._thinking = True
                _write(self._thoughts, event.text)

    def end(self) -> None:
        """Bring the cursor to the start of a line, after the last piece or in the middle of a broken answer."""
        self._end_thoughts()
        if self._last != "\n":
            _write(sys.stdout, "\n")
        self._last = "\n"

    def _end_thoughts(self) -> None:
        if self._thinking and self._thoughts is not None:
            self._thinking = False
            self._thoughts.write(_PLAIN + "\n")
            self._thoughts.flush()


def _write(stream: TextIO, text: str) -> None:
    stream.write(visible(text) if stream.isatty() else text)
    stream.flush()


def tell_shortcomings(answer: Answer, max_tokens: int | None = None) -> None:
    """Say on standard error in which way an answer that came is not all that the model had to say."""
    if answer.finish == "length" and max_tokens is not None:
        say(f"cut off at {max_tokens} tokens; allow more with --max-tokens")
    elif answer.finish == "length":
        say("cut off: the model reached the end of its context or of what it may write")
    elif answer.finish == "content_filter":
        say("cut off by the content filter of the model's provider")
    if answer.wordless:
        say("left out: content that is no text (tool calls, sound or images)")
    elif not (answer.text or answer.refusal):
        say("the model answered without a word")
