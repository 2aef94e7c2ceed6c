#!/usr/bin/env python3
"""Print docs/reference/cli.md, made from the commands themselves.

python scripts/cli_reference.py > docs/reference/cli.md
"""

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from ecotone.cli.app import app

HEAD = """\
# The command line

<!-- Made by scripts/cli_reference.py from the commands' own help; change it there. -->

All state is under `$ECOTONE_HOME`, else the platform's data folder. Data is printed on standard output, everything said
to a person on standard error. The exit status is 0 if all went well, 1 if something could not be done (one line says
what, and what to do), 2 for a command line that makes no sense, and 130 after Ctrl-C.

`ecotone --install-completion` teaches the shell to complete commands and options.
"""


def reference() -> str:
    return "\n".join([HEAD, *_command(typer.main.get_command(app), "ecotone", None)])


def _command(command: Any, name: str, parent: Any) -> Iterator[str]:
    """One command and all below it. Its type is typer's own copy of click, which has no public name."""
    context = command.context_class(command, info_name=name.rpartition(" ")[2], parent=parent)
    if parent is not None:
        yield f"## `{name}`\n"
    yield inspect.cleandoc(command.help) + "\n"
    yield f"```console\n$ {name} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    rows = [record for param in command.get_params(context) if (record := param.get_help_record(context))]
    for option, meaning in rows:
        if not option.startswith(("-h", "--help")):
            yield f"- `{option}`: {' '.join(meaning.split())}"
    yield ""
    for child in getattr(command, "commands", {}).values():
        yield from _command(child, f"{name} {child.name}", context)


if __name__ == "__main__":
    print(reference(), end="")
