#!/usr/bin/env python3
"""Print docs/reference/providers.md, made from the rows in src/ecotone/catalog/providers.py and the quirks' own words.

python scripts/providers_reference.py > docs/reference/providers.md
"""

import inspect
from collections.abc import Iterator

from ecotone.catalog.provider import Provider, Speaks, api_root, joined
from ecotone.catalog.providers import PROVIDERS
from ecotone.wire.quirks import QUIRKS

HEAD = """\
# Providers

<!-- Made by scripts/providers_reference.py from src/ecotone/catalog/providers.py; change it there. -->

What `provider = "..."` may say in `ecotone.toml`, and which wires each provider is asked in. A client of one of these
wires gets it unchanged; a client of any other wire is translated into the first. `wire = "..."` on a model or endpoint
names one of them for all clients. A wire that a server speaks only in part is used only where `wire` names it.

A `base_url` may be what the provider's own SDK takes, or the whole address of any of its APIs: what is missing is
added, what is there is not added twice. Without one, requests go to the addresses below.

**How far this was tried.** No closed vendor was asked in any test. Each wire is tested against a fake server that
checks requests with the types of that vendor's own SDK, and the embedded engine is tested for real. Of each row the
tests check that requests go to the address, with the headers and in the body that this page says. Tokens of Google are
got from a server that checks their requests' signatures, signatures for AWS are compared with botocore's, and Amazon's
framing of streams is read from frames built by hand. That the page is right rests on the documentation it cites and,
for the names of fields, on the vendor's own SDK where there is one. If a vendor refuses something, its words reach the
client; please report it.

A provider that is not here can be reached as `openai-compatible`, or [added by a package](../guides/extend.md).

Where a provider serves models of several families, a model's name tells how it is asked; for one whose name does not
(a deployment on Azure with a name of your own, an inference profile of Bedrock), say `wire`.

"Weights" says whether the models served are open-weight, as far as that is the same for all of them. It says nothing
about where they run: that is `hosting`, which you declare.
"""

AUTH = """\
## Keys

| way | what is sent |
|---|---|
| `bearer` | `authorization: Bearer KEY` |
| `x-api-key`, `x-goog-api-key`, `api-key` | the key in the header of that name |
| `google` | `authorization: Bearer TOKEN`, the token from Application Default Credentials or a service account's file \
(`pip install 'ecotone[google]'`) |
| `aws` | a signature (SigV4) from the usual AWS credentials (`pip install 'ecotone[aws]'`) |

A variable marked "as bearer" holds a token that is sent as `bearer` in place of the wire's own way; so does a `key_env`
for a provider whose way is `google` or `aws`.
"""

QUIRKS_HEAD = """\
## Quirks

Small ways in which servers differ. Each changes a request just before it is sent, and changes no meaning; what a
server cannot do at all is refused.

| quirk | why | used for |
|---|---|---|"""

FILLED = {"project": "PROJECT", "location": "LOCATION", "region": "REGION"}
PATHS = {
    "openai-chat": "/chat/completions",
    "openai-responses": "/responses",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/{model}:generateContent",
}


def reference() -> str:
    rows = [row for row in PROVIDERS.values() if not row.any_wire]
    # A server of one's own that has no port to itself has no address either.
    local = [row for row in rows if row.usual_port is not None or (row.base_url is None and row.key_env is None)]
    vendors = [row for row in rows if row not in local]
    other = [row for row in PROVIDERS.values() if row.any_wire]
    return "\n".join(
        [
            HEAD,
            *_section("Vendors", "Their key is needed at their own address.", vendors),
            *_section(
                "Servers that you run",
                "Found on their usual port when there is no config. A key is sent if its variable is set.",
                local,
            ),
            *_section(
                "Any other",
                "Needs a `base_url`, and `key_env` where the server wants a key. `wire` may name any wire.",
                other,
            ),
            AUTH,
            QUIRKS_HEAD,
            *_quirks(),
            "",
        ]
    )


def _section(title: str, says: str, rows: list[Provider]) -> Iterator[str]:
    yield f"## {title}\n\n{says}\n"
    yield "| provider | key | weights | wires, the preferred first |"
    yield "|---|---|---|---|"
    for row in rows:
        wires = "<br>".join(_way(row, way) for way in row.wires)
        title = f"`{row.name}`<br>[{row.title}]({row.source})"
        yield f"| {title} | {_keys(row)} | {row.weights or 'either'} | {wires} |"
    yield ""


def _keys(row: Provider) -> str:
    said = [f"`{name}`" for name in (row.key_env, *row.also_key_envs) if name]
    said += [f"`{row.bearer_env}` as bearer"] if row.bearer_env else []
    said += [f"{setting.key}: `{'`, `'.join(setting.variables)}`" for setting in row.settings]
    return "<br>".join(said) or "none"


def _way(row: Provider, way: Speaks) -> str:
    path = way.whole_path or PATHS[way.wire]
    base_url = row.base_url or row.base_url_like
    address = f"your address{path}" if row.any_wire else joined(api_root(row, base_url, way.wire), path)
    for name, word in FILLED.items():
        address = address.replace(f"{{{name}}}", word)
    told = [f"[`{way.wire}`]({way.source or row.source}) `{address.replace('{model}', 'MODEL')}`"]
    told += [f"for models `{way.models}`"] if way.models else []
    told += ["only where `wire` names it"] if way.partial else []
    told += [f"{way.auth}"] if way.auth != "bearer" else []
    told += [f"quirks {', '.join(f'`{quirk}`' for quirk in way.quirks)}"] if way.quirks else []
    return "; ".join(told).replace("|", "\\|")


def _quirks() -> Iterator[str]:
    for name, change in QUIRKS.items():
        users = [row.name for row in PROVIDERS.values() if any(name in way.quirks for way in row.wires)]
        says = " ".join((inspect.getdoc(change) or "").split())
        yield f"| `{name}` | {says} | {', '.join(f'`{user}`' for user in users)} |"


if __name__ == "__main__":
    print(reference(), end="")
