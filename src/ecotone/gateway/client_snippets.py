"""What to write into the clients that people have, so that they ask this gateway.

The texts are those of the guides in `docs/guides/clients`, with the gateway's own address, a key and a model in them.
"""

import re
from typing import Final, Literal

import msgspec

from ecotone.gateway.keys import KEY_PREFIX
from ecotone.values.errors import MalformedRequest

Group = Literal["Any program", "SDKs", "Frameworks", "Coding agents", "Chat programs"]

PLACEHOLDER_KEY: Final = f"{KEY_PREFIX}YOUR_KEY"
"""Stands where a key is needed and none is to be shown."""
NO_KEY: Final = "unused"
"""What clients that insist on a key are given where none is needed."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*")
_ADDRESS = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_KEY = re.compile(r"[A-Za-z0-9_.-]+")


class Snippet(msgspec.Struct, frozen=True):
    """One thing to write. `file` is where it goes, None for what is run; `language` is its fence in Markdown."""

    title: str
    language: Literal["sh", "python", "js", "toml", "json", "text"]
    text: str
    file: str | None = None


_CONTEXT: Final = re.compile(r"<context (\d+)>")


class Client(msgspec.Struct, frozen=True):
    """One client and how it reaches the gateway. `speaks` is the API that it uses, `address` what it wants as its base
    URL, `guide` its page in the documentation. `tokens_min` is what a model must hold at least: with less, the client's
    instructions and tools leave no room for work; None where little will do."""

    name: str
    title: str
    group: Group
    speaks: str
    address: str
    guide: str
    snippets: tuple[Snippet, ...]
    notes: tuple[str, ...] = ()
    tokens_min: int | None = None


def can_be_shown(model: str) -> bool:
    """Is this a name that means nothing to any shell or file format?"""
    return bool(_NAME.fullmatch(model))


def clients(url: str, model: str, key: str | None = None, context_tokens: int | None = None) -> tuple[Client, ...]:
    """All clients, with snippets for the gateway at `url` (without a path), a route or model, and a key; None: none is
    needed. `context_tokens` is what the model holds; where that is unknown, the snippets have the guides' examples.

    Raises MalformedRequest for what cannot stand in a snippet as it is.
    """
    if not _ADDRESS.fullmatch(url):
        raise MalformedRequest(f"{url!r} is no address of a gateway; it looks like http://127.0.0.1:4100.", param="url")
    if not can_be_shown(model):
        raise MalformedRequest(f"The name {model!r} cannot stand in a snippet; choose another model.", param="model")
    if key is not None and not _KEY.fullmatch(key):
        raise MalformedRequest("This is no key of Ecotone's.", param="key")

    def filled(text: str) -> str:
        text = _CONTEXT.sub(lambda found: str(context_tokens or found[1]), text)
        return text.replace("<url>", url).replace("<key>", key or NO_KEY).replace("<model>", model)

    def notes(client: Client) -> tuple[str, ...]:
        if context_tokens is None or client.tokens_min is None or context_tokens >= client.tokens_min:
            return client.notes
        short = f"{model} holds {context_tokens:,} tokens, and this client needs {client.tokens_min:,}: choose another."
        return (short, *client.notes)

    return tuple(
        msgspec.structs.replace(
            client,
            address=filled(client.address),
            notes=notes(client),
            snippets=tuple(
                msgspec.structs.replace(snippet, text=filled(_lines(snippet.text, with_key=key is not None)))
                for snippet in client.snippets
            ),
        )
        for client in _CLIENTS
    )


def _lines(text: str, *, with_key: bool) -> str:
    """Without the lines for the other case: `<+>` begins one that is there with a key alone, `<->` one without."""
    wanted, other = ("<+>", "<->") if with_key else ("<->", "<+>")
    kept = (line for line in text.splitlines() if not line.startswith(other))
    return "".join(f"{line.removeprefix(wanted)}\n" for line in kept)


_CLIENTS: Final = (
    Client(
        "curl",
        "curl",
        "Any program",
        "Chat Completions",
        "<url>/v1",
        "docs/guides/use-your-clients.md",
        (
            Snippet(
                "Ask once",
                "sh",
                """\
curl --fail --silent --show-error <url>/v1/chat/completions \\
  -H 'content-type: application/json' \\
<+>  -H 'authorization: Bearer <key>' \\
  -d '{"model": "<model>", "messages": [{"role": "user", "content": "What is an ecotone?"}], "max_tokens": 40}'
""",
            ),
        ),
        ("The content type is required: it keeps web pages from using the gateway without asking.",),
    ),
    Client(
        "environment",
        "Environment variables",
        "Any program",
        "whatever the program was made for",
        "<url>/v1",
        "docs/guides/use-your-clients.md",
        (
            Snippet(
                "Made for OpenAI",
                "sh",
                """\
export OPENAI_BASE_URL=<url>/v1
export OPENAI_API_KEY=<key>
""",
            ),
            Snippet(
                "Made for Anthropic",
                "sh",
                """\
export ANTHROPIC_BASE_URL=<url>
export ANTHROPIC_API_KEY=<key>
""",
            ),
            Snippet(
                "Made for Google",
                "sh",
                """\
export GOOGLE_GEMINI_BASE_URL=<url>
export GEMINI_API_KEY=<key>
""",
            ),
            Snippet(
                "Made for Ollama",
                "sh",
                """\
export OLLAMA_HOST=<url>
<+>export OLLAMA_API_KEY=<key>
""",
            ),
        ),
        (
            "Programs made for OpenAI want the address with /v1, all others without.",
            "Where a program takes only names of models that it knows, give a route such a name.",
        ),
    ),
    Client(
        "openai",
        "OpenAI SDK",
        "SDKs",
        "Chat Completions, Responses",
        "<url>/v1",
        "docs/guides/clients/openai-sdk.md",
        (
            Snippet(
                "Python",
                "python",
                """\
from openai import OpenAI

client = OpenAI(base_url="<url>/v1", api_key="<key>")
question = [{"role": "user", "content": "What is an ecotone?"}]

stream = client.chat.completions.create(model="<model>", messages=question, max_tokens=60, stream=True)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
""",
            ),
            Snippet(
                "Python, Responses",
                "python",
                """\
from openai import OpenAI

client = OpenAI(base_url="<url>/v1", api_key="<key>")
response = client.responses.create(
    model="<model>", instructions="Be brief.", input="What is an ecotone?", max_output_tokens=20, store=False
)
print(response.output_text)
""",
            ),
            Snippet(
                "Node",
                "js",
                """\
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "<url>/v1", apiKey: "<key>" });
const stream = await client.chat.completions.create({
  model: "<model>",
  messages: [{ role: "user", content: "What is an ecotone?" }],
  max_tokens: 20,
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
""",
            ),
        ),
        (
            "To say how sensitive a request is, send the header x-ecotone-class: default_headers of the client, or"
            " extra_headers of one call.",
            "What a model cannot be told is in the reply's header x-ecotone-losses.",
        ),
    ),
    Client(
        "anthropic",
        "Anthropic SDK",
        "SDKs",
        "Messages",
        "<url>",
        "docs/guides/clients/anthropic-sdk.md",
        (
            Snippet(
                "Python",
                "python",
                """\
from anthropic import Anthropic

client = Anthropic(base_url="<url>", api_key="<key>")
question = [{"role": "user", "content": "What is an ecotone?"}]
message = client.messages.create(model="<model>", max_tokens=20, messages=question)
print(message.content[0].text, message.usage.output_tokens)
""",
            ),
            Snippet(
                "Node",
                "js",
                """\
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: "<url>", apiKey: "<key>" });
const stream = client.messages.stream({
  model: "<model>",
  max_tokens: 20,
  messages: [{ role: "user", content: "What is an ecotone?" }],
});
stream.on("text", (text) => process.stdout.write(text));
await stream.finalMessage();
""",
            ),
        ),
        ("The address has no /v1: the SDK adds it.",),
    ),
    Client(
        "google",
        "Google Gen AI SDK",
        "SDKs",
        "Gemini API",
        "<url>",
        "docs/guides/clients/google-sdk.md",
        (
            Snippet(
                "Python",
                "python",
                """\
from google import genai

client = genai.Client(api_key="<key>", http_options={"base_url": "<url>"})
reply = client.models.generate_content(
    model="<model>", contents="What is an ecotone?", config={"max_output_tokens": 20}
)
print(reply.text, reply.usage_metadata.total_token_count)
""",
            ),
            Snippet(
                "Node",
                "js",
                """\
import { GoogleGenAI } from "@google/genai";

const client = new GoogleGenAI({ apiKey: "<key>", httpOptions: { baseUrl: "<url>" } });
const reply = await client.models.generateContent({
  model: "<model>",
  contents: "What is an ecotone?",
  config: { maxOutputTokens: 20 },
});
console.log(reply.text);
""",
            ),
        ),
        ("The address has no version: the SDK adds it.",),
    ),
    Client(
        "ollama",
        "Ollama's clients",
        "SDKs",
        "Ollama's API",
        "<url>",
        "docs/guides/clients/ollama.md",
        (
            Snippet(
                "Python",
                "python",
                """\
from ollama import Client

<->client = Client(host="<url>")
<+>client = Client(host="<url>", headers={"Authorization": "Bearer <key>"})
print([model.model for model in client.list().models])
reply = client.chat(
    model="<model>", messages=[{"role": "user", "content": "What is an ecotone?"}], options={"num_predict": 20}
)
print(reply.message.content)
""",
            ),
        ),
        ("Pulling and deleting models is Ecotone's own business: see the page Models.",),
    ),
    Client(
        "langchain",
        "LangChain",
        "Frameworks",
        "Chat Completions",
        "<url>/v1",
        "docs/guides/clients/langchain.md",
        (
            Snippet(
                "Python",
                "python",
                """\
from langchain_openai import ChatOpenAI

model = ChatOpenAI(model="<model>", base_url="<url>/v1", api_key="<key>")
print(model.invoke("What is an ecotone?").text)
""",
            ),
        ),
        ("OpenAIEmbeddings needs check_embedding_ctx_length=False: other models have other tokens.",),
    ),
    Client(
        "llamaindex",
        "LlamaIndex",
        "Frameworks",
        "Chat Completions",
        "<url>/v1",
        "docs/guides/clients/llamaindex.md",
        (
            Snippet(
                "Python",
                "python",
                """\
from llama_index.llms.openai_like import OpenAILike

llm = OpenAILike(
    model="<model>",
    api_base="<url>/v1",
    api_key="<key>",
    is_chat_model=True,
    is_function_calling_model=True,
    context_window=<context 8192>,
)
print(llm.complete("What is an ecotone?"))
""",
            ),
        ),
        ("Say in context_window what the model holds: LlamaIndex cuts to that.",),
    ),
    Client(
        "vercel",
        "Vercel AI SDK",
        "Frameworks",
        "Chat Completions",
        "<url>/v1",
        "docs/guides/clients/vercel-ai-sdk.md",
        (
            Snippet(
                "Node",
                "js",
                """\
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";

const ecotone = createOpenAICompatible({
  name: "ecotone",
  baseURL: "<url>/v1",
  apiKey: "<key>",
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const { textStream } = streamText({ model: ecotone("<model>"), prompt: "What is an ecotone?" });
for await (const text of textStream) process.stdout.write(text);
""",
            ),
        ),
    ),
    Client(
        "codex",
        "Codex",
        "Coding agents",
        "Responses",
        "<url>/v1",
        "docs/guides/clients/codex.md",
        (
            Snippet(
                "Settings",
                "toml",
                """\
model = "<model>"
model_provider = "ecotone"
web_search = "disabled"
model_context_window = <context 128000>

[model_providers.ecotone]
name = "Ecotone"
base_url = "<url>/v1"
wire_api = "responses"
<+>env_key = "ECOTONE_KEY"
""",
                "~/.codex/config.toml",
            ),
            Snippet(
                "Start it",
                "sh",
                """\
<+>export ECOTONE_KEY=<key>
codex
""",
            ),
        ),
        (
            "Leave web_search out where one of OpenAI's own models answers: it is a tool that runs at OpenAI.",
            "The model must call tools and hold at least 32,000 tokens; model_context_window says what it holds.",
        ),
        tokens_min=32_000,
    ),
    Client(
        "claude-code",
        "Claude Code",
        "Coding agents",
        "Messages",
        "<url>",
        "docs/guides/clients/claude-code.md",
        (
            Snippet(
                "Start it",
                "sh",
                """\
export ANTHROPIC_BASE_URL=<url>
export ANTHROPIC_AUTH_TOKEN=<key>
export ANTHROPIC_MODEL=<model>
export ANTHROPIC_DEFAULT_HAIKU_MODEL=<model>
export CLAUDE_CODE_MAX_CONTEXT_TOKENS=<context 128000>
claude
""",
            ),
        ),
        (
            "CLAUDE_CODE_MAX_CONTEXT_TOKENS says what the model holds; the first request alone has about 20,000.",
            "Take a model that calls tools and holds at least 64,000 tokens.",
        ),
        tokens_min=64_000,
    ),
    Client(
        "gemini-cli",
        "Gemini CLI",
        "Coding agents",
        "Gemini API",
        "<url>",
        "docs/guides/clients/gemini-cli.md",
        (
            Snippet(
                "Start it",
                "sh",
                """\
export GOOGLE_GEMINI_BASE_URL=<url>
export GEMINI_API_KEY=<key>
export GEMINI_MODEL=<model>
gemini
""",
            ),
            Snippet(
                "So that it asks for no login",
                "json",
                """\
{
  "security": {"auth": {"selectedType": "gemini-api-key"}},
  "privacy": {"usageStatisticsEnabled": false},
  "general": {"disableAutoUpdate": true}
}
""",
                "~/.gemini/settings.json",
            ),
        ),
        ("Take a model that calls tools and holds at least 64,000 tokens.",),
        tokens_min=64_000,
    ),
    Client(
        "open-webui",
        "Open WebUI",
        "Chat programs",
        "Chat Completions",
        "<url>/v1",
        "docs/guides/clients/open-webui.md",
        (
            Snippet(
                "Start it",
                "sh",
                """\
pip install open-webui
OPENAI_API_BASE_URL=<url>/v1 OPENAI_API_KEY=<key> ENABLE_OLLAMA_API=false open-webui serve
""",
            ),
        ),
        (
            "In one that runs already: Admin Panel, Settings, Connections, OpenAI API.",
            "From a container, 127.0.0.1 is the container itself: let Ecotone listen on an address that it reaches.",
        ),
    ),
    Client(
        "llm",
        "llm",
        "Chat programs",
        "Chat Completions",
        "<url>/v1",
        "docs/guides/clients/llm.md",
        (
            Snippet(
                "Set it up and ask",
                "sh",
                """\
pip install llm
<+>llm keys set ecotone --value <key>
cat >> "$(dirname "$(llm logs path)")/extra-openai-models.yaml" <<'EOF'
- model_id: <model>
  model_name: <model>
  api_base: <url>/v1
<+>  api_key_name: ecotone
  supports_tools: true
  supports_schema: true
EOF
llm -m <model> "What is an ecotone?"
llm models default <model>
""",
            ),
        ),
    ),
)
