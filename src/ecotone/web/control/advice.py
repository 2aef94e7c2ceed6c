"""Open or closed, and which? The answer that `ecotone advise` gives, over HTTP."""

import asyncio
from typing import Any, Literal

import msgspec

from ecotone.evaluation.advice.adviser import Adviser
from ecotone.evaluation.advice.answer import Advice
from ecotone.evaluation.advice.document import as_markdown
from ecotone.evaluation.advice.document_html import as_html
from ecotone.evaluation.advice.examples import examples
from ecotone.evaluation.advice.export import FOOTER, as_command, as_data, as_toml
from ecotone.evaluation.advice.query import Pairs, as_pairs
from ecotone.evaluation.advice.question import Question, problems
from ecotone.evaluation.advice.report import report
from ecotone.values.errors import MalformedRequest
from ecotone.web.control.api import Call, File
from ecotone.web.control.control import Control

Form = Literal["html", "markdown", "json", "toml"]


class ReportWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question, and the form in which its answer (as `toml`: the question) is wanted."""

    question: Question
    form: Form = "html"


class Said(msgspec.Struct, frozen=True):
    """A question with the link that asks it on the console's page, and the command that does (None: a file has to)."""

    name: str
    question: Question
    query: Pairs
    command: str | None


async def advise(control: Control, body: Question) -> dict[str, Any]:
    """Answer a question: what is ranked and why, what fell out, what would change it."""
    return as_data(await answered(control, body))


async def make_report(control: Control, body: ReportWish) -> File:
    """The answer as a report to keep: HTML with pictures, Markdown, JSON, or the question as TOML."""
    return await asyncio.to_thread(as_file, await answered(control, body.question), body.form)


async def list_examples() -> list[Said]:
    """Questions to begin from."""
    return [Said(row.name, row.question, as_pairs(row.question), as_command(row.question)) for row in examples()]


CALLS = (
    Call("POST", "/advice", advise),
    Call("POST", "/advice/report", make_report),
    Call("GET", "/advice/examples", list_examples),
)


def adviser_of(control: Control) -> Adviser:
    """The one that keeps this gateway's answers."""
    return control.once(_adviser)


def _adviser(control: Control) -> Adviser:
    return Adviser(control.home)


async def answered(control: Control, question: Question) -> Advice:
    """The answer, worked out off the event loop. Raises MalformedRequest for what cannot be meant, SetupError where
    there is no evidence."""
    for path, reason in problems(question).items():
        raise MalformedRequest(f"{'.'.join(map(str, path))}: {reason}")
    organisation = control.runtime.config.organisation
    today = control.now().date()
    # It works out one answer at a time: whoever waits for their turn takes no thread meanwhile.
    async with control.once(_turn):
        return await asyncio.to_thread(adviser_of(control).answer, question, organisation=organisation, today=today)


def _turn(_: Control) -> asyncio.Lock:
    return asyncio.Lock()


def as_file(advice: Advice, form: Form) -> File:
    """What is downloaded."""
    match form:
        case "html":
            return File(as_html(report(advice), FOOTER).encode(), "text/html; charset=utf-8", "open-or-closed.html")
        case "markdown":
            text = as_markdown(report(advice, drawn=False))
            return File(text.encode(), "text/markdown; charset=utf-8", "open-or-closed.md")
        case "json":
            return File(msgspec.json.encode(as_data(advice)), "application/json", "open-or-closed.json")
        case "toml":
            return File(as_toml(advice.question).encode(), "application/toml; charset=utf-8", "question.toml")
