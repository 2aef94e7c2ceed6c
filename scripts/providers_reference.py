#!/usr/bin/env python3
"""Print docs/reference/providers.md, made from the rows in src/ecotone/catalog/providers.py and the quirks' own words.

python scripts/providers_reference.py > docs/reference/providers.md
"""

import inspect
from collections.abc import Iterator

from ecotone.catalog.providers import PROVIDERS, Provider, api_root
from ecotone.wire.quirks import QUIRKS

HEAD = """\
# Providers

<!-- Made by scripts/providers_reference.py from src/ecotone/catalog/providers.py; change it there. -->

What `provider = "..."` may say in `ecotone.toml`. All of them speak OpenAI's chat format. A row gives the address that
is used if the config has no `base_url` (`/chat/completions` is added to it), the environment variable that holds the
key if it has no `key_env`, and the page that the row rests on.

**How far this was tried.** No closed vendor was asked in any test. The format is tested against a fake server that
checks requests with the types of OpenAI's own SDK and its published API description, and the embedded engine is tested
for real. Each row rests on the documentation it cites and, for the names of fields, on the vendor's own SDK where there
is one. If a vendor refuses something, its words reach the client; please report it.

Not spoken yet are the native APIs of Anthropic, Gemini, Vertex, Azure, Bedrock and Cohere, and some vendors have no
row. Where one has an address in OpenAI's format, `openai-compatible` with that `base_url` and a `key_env` reaches it.

"Weights" says whether the models served are open-weight, as far as that is the same for all of them. It says nothing
about where they run: that is `hosting`, which you declare.
"""

QUIRKS_HEAD = """\
## Quirks

Small ways in which servers differ. Each changes a request just before it is sent, and changes no meaning.

| quirk | why | used for |
|---|---|---|"""


def reference() -> str:
    vendors = [row for row in PROVIDERS.values() if row.base_url and row.usual_port is None]
    local = [row for row in PROVIDERS.values() if row.usual_port is not None]
    other = [row for row in PROVIDERS.values() if row.base_url is None]
    return "\n".join(
        [
            HEAD,
            *_short_addresses(),
            *_section("Vendors", "Their key is needed at their own address.", vendors),
            *_section(
                "Servers that you run",
                "Found on their usual port when there is no config. A key is sent if its variable is set.",
                local,
            ),
            *_section("Any other", "Needs a `base_url`, and `key_env` where the server wants a key.", other),
            QUIRKS_HEAD,
            *_quirks(),
            "",
        ]
    )


def _short_addresses() -> Iterator[str]:
    """Which addresses may be written without their end."""
    rows = [row for row in PROVIDERS.values() if row.base_url and row.api_path]
    pairs = [f"`{row.base_url}` or `{api_root(row, row.base_url)}`" for row in rows if row.base_url]
    yield "A `base_url` may be an address as below or, where that is shorter, what the provider's own SDK takes:"
    yield f"{'; '.join(pairs)}.\n"


def _section(title: str, says: str, rows: list[Provider]) -> Iterator[str]:
    yield f"## {title}\n\n{says}\n"
    yield "| provider | address | key | weights | quirks | rests on |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        address = f"`{api_root(row, row.base_url)}`" if row.base_url else "yours"
        key = f"`{row.key_env}`" if row.key_env else "none"
        quirks = ", ".join(f"`{quirk}`" for quirk in row.quirks) or "none"
        weights = row.weights or "either"
        yield f"| `{row.name}` | {address} | {key} | {weights} | {quirks} | [{row.title}]({row.source}) |"
    yield ""


def _quirks() -> Iterator[str]:
    for name, change in QUIRKS.items():
        users = ", ".join(f"`{row.name}`" for row in PROVIDERS.values() if name in row.quirks)
        yield f"| `{name}` | {' '.join(inspect.getdoc(change).split()) if change.__doc__ else ''} | {users} |"


if __name__ == "__main__":
    print(reference(), end="")
