"""`ecotone ask`: one question, one answer."""

import os
import select
import stat
import sys
from pathlib import Path

import typer

from ecotone.cli.connecting import Connection, connected
from ecotone.cli.output import print_json, say
from ecotone.cli.printer import AnswerPrinter, tell_shortcomings
from ecotone.gateway.client import Answer
from ecotone.values.chat import ChatRequest, Message, Sampling, TextPart
from ecotone.values.errors import SetupError

_INPUT_MAX_BYTES = 32 * 1024 * 1024
_PATIENCE_S = 2.0


def run(
    question: str | None,
    *,
    model: str | None,
    system: str | None,
    max_tokens: int | None,
    temperature: float | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Ask, print the answer as it comes, and say on standard error what is amiss with it."""
    text = "\n\n".join(filter(None, (question, _standard_input(has_question=question is not None))))
    if not text.strip():
        raise typer.BadParameter("there is nothing to ask; write `ecotone ask 'QUESTION'`, or pipe text in")
    with connected(config_file) as connection:
        request = ChatRequest(
            model=model or connection.run(connection.gateway.default_model()),
            messages=(Message("user", (TextPart(text),)),),
            system=(Message("system", (TextPart(system),)),) if system else (),
            sampling=Sampling(max_tokens=max_tokens, temperature=temperature),
        )
        answer = Answer(request.model)
        if as_json:
            connection.run(connection.gateway.ask(request, answer, lambda event: None))
            print_json(_summary(request.model, answer))
            return
        _print(connection, request, answer)
        tell_shortcomings(answer, max_tokens)


def _print(connection: Connection, request: ChatRequest, answer: Answer) -> None:
    printer = AnswerPrinter()
    try:
        connection.run(connection.gateway.ask(request, answer, printer.show))
    finally:
        printer.end()


def _summary(asked: str, answer: Answer) -> dict[str, object]:
    """What `--json` prints. Unknown is null."""
    usage = answer.usage
    names = ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens")
    return {
        "asked": asked,
        "model": answer.model,
        "answer": answer.text,
        "reasoning": answer.reasoning or None,
        "refusal": answer.refusal or None,
        "finish_reason": answer.finish,
        "usage": None if usage is None else {name: getattr(usage, name) for name in names},
        "request_id": answer.request_id,
        "timings": {
            "first_token_s": None if answer.first_token_s is None else round(answer.first_token_s, 4),
            "total_s": None if answer.total_s is None else round(answer.total_s, 4),
        },
    }


def _standard_input(*, has_question: bool) -> str:
    """What is piped in; nothing if standard input is a terminal or closed."""
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    try:
        descriptor = sys.stdin.fileno()
        kind = os.fstat(descriptor).st_mode
        waits = stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)
        if has_question and waits and not select.select([descriptor], [], [], _PATIENCE_S)[0]:
            say("waiting for standard input to end (Ctrl-D); `< /dev/null` leaves it out")
        data = sys.stdin.buffer.read(_INPUT_MAX_BYTES + 1)
    except OSError as error:
        raise SetupError(f"standard input cannot be read: {error.strerror}") from None
    if len(data) > _INPUT_MAX_BYTES:
        raise SetupError(f"standard input is over {_INPUT_MAX_BYTES // 1048576} MiB, more than a question may be")
    return data.decode("utf-8", "replace").removesuffix("\n")
