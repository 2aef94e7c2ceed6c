"""The arguments and help of `ecotone advise`."""

from pathlib import Path
from typing import Annotated

import typer

from ecotone.cli.options import ConfigOption, JsonOption

_FileArgument = Annotated[
    Path | None, typer.Argument(help="A TOML file with the question. Options change what it says.", metavar="FILE")
]
_Category = Annotated[str | None, typer.Option(help="The kind of work: general, coding, law, medicine, ...")]
_Suite = Annotated[
    str | None, typer.Option(help="A suite of your own: what was measured on it here decides about quality.")
]
_Requests = Annotated[int | None, typer.Option(min=1, help="Requests a month.")]
_InputTokens = Annotated[int | None, typer.Option(min=1, help="Tokens of a prompt, on average.")]
_OutputTokens = Annotated[int | None, typer.Option(min=1, help="Tokens of an answer, on average.")]
_Needs = Annotated[
    list[str] | None, typer.Option(help="What a model must do: tools, images, audio, reasoning, json. Repeatable.")
]
_Stays = Annotated[bool | None, typer.Option("--stays/--may-leave", help="May the texts leave your own machines?")]
_Region = Annotated[
    list[str] | None, typer.Option(help="Where a vendor may keep the texts: EU, US, DE, ... Repeatable.")
]
_RetentionDays = Annotated[int | None, typer.Option(min=0, help="For how many days a vendor may keep them.")]
_Budget = Annotated[str | None, typer.Option(help="The most it may cost in a month, in US dollars.")]
_FirstTokenMs = Annotated[
    int | None, typer.Option(min=1, help="The longest median wait for the first token, where it was measured here.")
]
_Switching = Annotated[
    str | None, typer.Option(help="How hard a later switch would hurt: easy, normal or hard (lock-in counts more).")
]
_DataClass = Annotated[str | None, typer.Option(help="The data class of the texts, for the report.")]
_Only = Annotated[str | None, typer.Option(help="Only `open` weights, or only `closed` ones.")]
_Vendor = Annotated[list[str] | None, typer.Option(help="A vendor to consider. Repeatable. Left out: all.")]
_Model = Annotated[
    list[str] | None, typer.Option("--model", "-m", help="A model to consider. Repeatable. Left out: all.")
]
_Weigh = Annotated[
    list[str] | None,
    typer.Option(help="How much a criterion counts: quality=5, cost=3, lock-in=1, openness=0. Repeatable."),
]
_Assume = Annotated[
    list[str] | None,
    typer.Option(help="What if: vendor-prices=0.5 (half of today's), machine-costs, machine-speeds. Repeatable."),
]
_Html = Annotated[Path | None, typer.Option(help="Write the answer, with pictures, to this HTML file.")]
_Markdown = Annotated[Path | None, typer.Option(help="Write the answer to this Markdown file.")]
_Save = Annotated[Path | None, typer.Option(help="Keep the question in this TOML file.")]


def advise(
    question: _FileArgument = None,
    category: _Category = None,
    suite: _Suite = None,
    requests: _Requests = None,
    input_tokens: _InputTokens = None,
    output_tokens: _OutputTokens = None,
    needs: _Needs = None,
    stays: _Stays = None,
    region: _Region = None,
    retention_days: _RetentionDays = None,
    budget: _Budget = None,
    first_token_ms: _FirstTokenMs = None,
    switching: _Switching = None,
    data_class: _DataClass = None,
    only: _Only = None,
    vendor: _Vendor = None,
    model: _Model = None,
    weigh: _Weigh = None,
    assume: _Assume = None,
    html: _Html = None,
    markdown: _Markdown = None,
    save: _Save = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Open or closed, and which? A ranked answer for your work, with its reasons and what would change it.

    Without a file and options it asks a few questions. Facts come from the catalog and from your own measurements;
    nothing is sent anywhere.
    """
    from ecotone.cli.advise import Flags, Outputs, run

    flags = Flags(
        category=category,
        suite=suite,
        requests=requests,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        needs=tuple(needs or ()),
        stays=stays,
        regions=tuple(region or ()),
        retention_days=retention_days,
        budget=budget,
        first_token_ms=first_token_ms,
        switching=switching,
        data_class=data_class,
        only=only,
        vendors=tuple(vendor or ()),
        models=tuple(model or ()),
        weigh=tuple(weigh or ()),
        assume=tuple(assume or ()),
    )
    run(question, flags, Outputs(html, markdown, save, json), config)
