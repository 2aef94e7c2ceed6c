"""What goes out to each provider: the address, the headers and the body, written down by hand."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import pytest

from ecotone.catalog.provider import Provider, Speaks
from ecotone.catalog.providers import PROVIDERS
from ecotone.gateway.settings.config import EndpointConfig
from ecotone.gateway.settings.places import place_key, place_settings
from ecotone.upstream.credentials import Key
from ecotone.upstream.endpoints import Call
from ecotone.upstream.http import Headers, HttpClient, Response, Target
from ecotone.upstream.remote import RemoteEndpoint
from ecotone.upstream.timeouts import Timeouts
from ecotone.values.errors import MalformedRequest, UnsupportedFeature, UpstreamCredentials
from ecotone.wire import WIRES
from ecotone.wire.wire import Wire
from tests.clearing import CHECKER, opened

CHAT, RESPONSES, MESSAGES, GEMINI = "openai-chat", "openai-responses", "anthropic", "gemini"
VERSION = ("anthropic-version", "2023-06-01")


class Sent(msgspec.Struct, frozen=True):
    url: str
    headers: dict[str, str]
    body: dict[str, Any]


class Nothing:
    """An empty answer."""

    status = 200

    def header(self, name: str) -> str | None:
        del name
        return None

    async def read_chunk(self) -> bytes | None:
        return None

    def close(self) -> None: ...


class RecordingClient(HttpClient):
    """Prepares requests as ever, and keeps them instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Sent] = []

    async def send(
        self,
        target: Target,
        body: bytes = b"",
        timeouts: Timeouts = Timeouts(),  # noqa: B008
        headers: Headers = (),
    ) -> Response:
        names = [name for name, _ in (*target.headers, *headers)]
        assert len(names) == len(set(names)), "a header that is sent twice"
        self.sent.append(Sent(target.url, {**dict(target.headers), **dict(headers)}, msgspec.json.decode(body)))
        return Nothing()


@pytest.fixture
async def http() -> AsyncIterator[RecordingClient]:
    client = RecordingClient()
    yield client
    await client.close()


def endpoint(
    http: HttpClient,
    provider: Provider,
    model: str,
    environment: Mapping[str, str],
    base_url: str | None = None,
    **more: Any,
) -> RemoteEndpoint:
    place = EndpointConfig(provider=provider.name, base_url=base_url)
    settings = place_settings(place, environment)
    return RemoteEndpoint(
        identity="ours@theirs",
        upstream_name=model,
        provider=provider,
        base_url=base_url or provider.address(settings) or "",
        hosting="vendor",
        wires=WIRES,
        settings=settings,
        key=place_key(place, environment),
        timeouts=Timeouts(),
        http=http,
        checker=CHECKER,
        **more,
    )


K = "sk-1"
BEARER = {"authorization": "Bearer sk-1"}
X_API_KEY = {"x-api-key": "sk-1", "anthropic-version": "2023-06-01"}
BEARER_MESSAGES = {"authorization": "Bearer sk-1", "anthropic-version": "2023-06-01"}
PROJECT = {"GOOGLE_CLOUD_PROJECT": "p1", "GOOGLE_CLOUD_LOCATION": "europe-west4"}
P1 = "https://europe-west4-aiplatform.googleapis.com/v1/projects/p1/locations/europe-west4"
BEDROCK = "https://bedrock-runtime.eu-west-1.amazonaws.com"
REGION = {"AWS_REGION": "eu-west-1", "AWS_BEARER_TOKEN_BEDROCK": K}
CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
AZURE = "https://acme.openai.azure.com"

# provider, model, environment, wire: the address of a whole reply, of a stream, and what is sent beside the usual.
ROWS: list[tuple[str, str, dict[str, str], str, str, str, dict[str, str]]] = [
    ("openai", "m", {"OPENAI_API_KEY": K}, RESPONSES, "https://api.openai.com/v1/responses", "", BEARER),
    ("openai", "m", {"OPENAI_API_KEY": K}, CHAT, "https://api.openai.com/v1/chat/completions", "", BEARER),
    ("anthropic", "m", {"ANTHROPIC_API_KEY": K}, MESSAGES, "https://api.anthropic.com/v1/messages", "", X_API_KEY),
    (
        "anthropic",
        "m",
        {"ANTHROPIC_AUTH_TOKEN": K},
        MESSAGES,
        "https://api.anthropic.com/v1/messages",
        "",
        BEARER_MESSAGES,
    ),
    (
        "gemini",
        "gemini-3-pro",
        {"GEMINI_API_KEY": K},
        GEMINI,
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:generateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse",
        {"x-goog-api-key": K},
    ),
    (
        "gemini",
        "m",
        {"GOOGLE_API_KEY": K},
        GEMINI,
        "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse",
        {"x-goog-api-key": K},
    ),
    (
        "vertex",
        "gemini-3-pro",
        PROJECT,
        GEMINI,
        f"{P1}/publishers/google/models/gemini-3-pro:generateContent",
        f"{P1}/publishers/google/models/gemini-3-pro:streamGenerateContent?alt=sse",
        {},
    ),
    (
        "vertex",
        "claude-sonnet-4-5@20250929",
        PROJECT,
        MESSAGES,
        f"{P1}/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict",
        f"{P1}/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict",
        {},
    ),
    ("vertex", "gpt-5.4", PROJECT, RESPONSES, f"{P1}/publishers/openai/v1/responses", "", {}),
    ("vertex", "meta/llama-3.3-70b-instruct-maas", PROJECT, CHAT, f"{P1}/endpoints/openapi/chat/completions", "", {}),
    ("azure", "our-gpt", {"AZURE_OPENAI_API_KEY": K}, RESPONSES, f"{AZURE}/openai/v1/responses", "", {"api-key": K}),
    ("azure", "our-gpt", {"AZURE_OPENAI_API_KEY": K}, CHAT, f"{AZURE}/openai/v1/chat/completions", "", {"api-key": K}),
    ("azure", "our-gpt", {"AZURE_OPENAI_AD_TOKEN": K}, CHAT, f"{AZURE}/openai/v1/chat/completions", "", BEARER),
    ("azure", "claude-opus-5", {"AZURE_OPENAI_API_KEY": K}, MESSAGES, f"{AZURE}/anthropic/v1/messages", "", X_API_KEY),
    (
        "bedrock",
        CLAUDE,
        REGION,
        MESSAGES,
        f"{BEDROCK}/model/{CLAUDE}/invoke",
        f"{BEDROCK}/model/{CLAUDE}/invoke-with-response-stream",
        BEARER,
    ),
    ("bedrock", "openai.gpt-oss-120b-1:0", REGION, CHAT, f"{BEDROCK}/openai/v1/chat/completions", "", BEARER),
    ("bedrock", "openai.gpt-oss-120b-1:0", REGION, RESPONSES, f"{BEDROCK}/openai/v1/responses", "", BEARER),
    ("xai", "m", {"XAI_API_KEY": K}, RESPONSES, "https://api.x.ai/v1/responses", "", BEARER),
    ("xai", "m", {"XAI_API_KEY": K}, CHAT, "https://api.x.ai/v1/chat/completions", "", BEARER),
    ("mistral", "m", {"MISTRAL_API_KEY": K}, CHAT, "https://api.mistral.ai/v1/chat/completions", "", BEARER),
    ("cohere", "m", {"CO_API_KEY": K}, CHAT, "https://api.cohere.ai/compatibility/v1/chat/completions", "", BEARER),
    ("cohere", "m", {"COHERE_API_KEY": K}, CHAT, "https://api.cohere.ai/compatibility/v1/chat/completions", "", BEARER),
    ("deepseek", "m", {"DEEPSEEK_API_KEY": K}, CHAT, "https://api.deepseek.com/chat/completions", "", BEARER),
    (
        "deepseek",
        "m",
        {"DEEPSEEK_API_KEY": K},
        MESSAGES,
        "https://api.deepseek.com/anthropic/v1/messages",
        "",
        X_API_KEY,
    ),
    ("groq", "m", {"GROQ_API_KEY": K}, CHAT, "https://api.groq.com/openai/v1/chat/completions", "", BEARER),
    ("groq", "m", {"GROQ_API_KEY": K}, RESPONSES, "https://api.groq.com/openai/v1/responses", "", BEARER),
    ("together", "m", {"TOGETHER_API_KEY": K}, CHAT, "https://api.together.ai/v1/chat/completions", "", BEARER),
    (
        "fireworks",
        "m",
        {"FIREWORKS_API_KEY": K},
        CHAT,
        "https://api.fireworks.ai/inference/v1/chat/completions",
        "",
        BEARER,
    ),
    (
        "fireworks",
        "m",
        {"FIREWORKS_API_KEY": K},
        MESSAGES,
        "https://api.fireworks.ai/inference/v1/messages",
        "",
        BEARER_MESSAGES,
    ),
    ("openrouter", "m", {"OPENROUTER_API_KEY": K}, CHAT, "https://openrouter.ai/api/v1/chat/completions", "", BEARER),
    ("openrouter", "m", {"OPENROUTER_API_KEY": K}, RESPONSES, "https://openrouter.ai/api/v1/responses", "", BEARER),
    (
        "openrouter",
        "m",
        {"OPENROUTER_API_KEY": K},
        MESSAGES,
        "https://openrouter.ai/api/v1/messages",
        "",
        BEARER_MESSAGES,
    ),
    (
        "perplexity",
        "sonar-pro",
        {"PERPLEXITY_API_KEY": K},
        CHAT,
        "https://api.perplexity.ai/chat/completions",
        "",
        BEARER,
    ),
    (
        "perplexity",
        "openai/gpt-5.4",
        {"PPLX_API_KEY": K},
        RESPONSES,
        "https://api.perplexity.ai/v1/responses",
        "",
        BEARER,
    ),
    ("cerebras", "m", {"CEREBRAS_API_KEY": K}, CHAT, "https://api.cerebras.ai/v1/chat/completions", "", BEARER),
    ("nvidia", "m", {"NVIDIA_API_KEY": K}, CHAT, "https://integrate.api.nvidia.com/v1/chat/completions", "", BEARER),
    ("moonshot", "m", {"MOONSHOT_API_KEY": K}, CHAT, "https://api.moonshot.ai/v1/chat/completions", "", BEARER),
    ("moonshot", "m", {"MOONSHOT_API_KEY": K}, RESPONSES, "https://api.moonshot.ai/v1/responses", "", BEARER),
    (
        "moonshot",
        "m",
        {"MOONSHOT_API_KEY": K},
        MESSAGES,
        "https://api.moonshot.ai/anthropic/v1/messages",
        "",
        BEARER_MESSAGES,
    ),
    (
        "dashscope",
        "m",
        {"DASHSCOPE_API_KEY": K},
        CHAT,
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions",
        "",
        BEARER,
    ),
    (
        "dashscope",
        "m",
        {"DASHSCOPE_API_KEY": K},
        RESPONSES,
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/responses",
        "",
        BEARER,
    ),
    (
        "dashscope",
        "m",
        {"DASHSCOPE_API_KEY": K},
        MESSAGES,
        "https://dashscope-intl.aliyuncs.com/apps/anthropic/v1/messages",
        "",
        X_API_KEY,
    ),
    ("zai", "m", {"ZAI_API_KEY": K}, CHAT, "https://api.z.ai/api/paas/v4/chat/completions", "", BEARER),
    ("zai", "m", {"ZAI_API_KEY": K}, MESSAGES, "https://api.z.ai/api/anthropic/v1/messages", "", BEARER_MESSAGES),
    ("minimax", "m", {"MINIMAX_API_KEY": K}, CHAT, "https://api.minimax.io/v1/chat/completions", "", BEARER),
    ("minimax", "m", {"MINIMAX_API_KEY": K}, RESPONSES, "https://api.minimax.io/v1/responses", "", BEARER),
    (
        "minimax",
        "m",
        {"MINIMAX_API_KEY": K},
        MESSAGES,
        "https://api.minimax.io/anthropic/v1/messages",
        "",
        BEARER_MESSAGES,
    ),
    ("huggingface", "m", {"HF_TOKEN": K}, CHAT, "https://router.huggingface.co/v1/chat/completions", "", BEARER),
    ("huggingface", "m", {"HF_TOKEN": K}, RESPONSES, "https://router.huggingface.co/v1/responses", "", BEARER),
    ("vllm", "m", {"VLLM_API_KEY": K}, CHAT, "http://127.0.0.1:8000/v1/chat/completions", "", BEARER),
    ("vllm", "m", {}, RESPONSES, "http://127.0.0.1:8000/v1/responses", "", {}),
    ("vllm", "m", {}, MESSAGES, "http://127.0.0.1:8000/v1/messages", "", dict([VERSION])),
    ("sglang", "m", {}, CHAT, "http://127.0.0.1:30000/v1/chat/completions", "", {}),
    ("sglang", "m", {}, MESSAGES, "http://127.0.0.1:30000/v1/messages", "", dict([VERSION])),
    ("llama-server", "m", {"LLAMA_API_KEY": K}, CHAT, "http://127.0.0.1:8080/v1/chat/completions", "", BEARER),
    ("llama-server", "m", {}, RESPONSES, "http://127.0.0.1:8080/v1/responses", "", {}),
    ("llama-server", "m", {}, MESSAGES, "http://127.0.0.1:8080/v1/messages", "", dict([VERSION])),
    ("ollama", "m", {}, CHAT, "http://127.0.0.1:11434/v1/chat/completions", "", {}),
    ("ollama", "m", {}, RESPONSES, "http://127.0.0.1:11434/v1/responses", "", {}),
    ("ollama", "m", {}, MESSAGES, "http://127.0.0.1:11434/v1/messages", "", dict([VERSION])),
    ("lmstudio", "m", {}, CHAT, "http://127.0.0.1:1234/v1/chat/completions", "", {}),
    ("lmstudio", "m", {}, RESPONSES, "http://127.0.0.1:1234/v1/responses", "", {}),
    ("lmstudio", "m", {}, MESSAGES, "http://127.0.0.1:1234/v1/messages", "", dict([VERSION])),
    ("tgi", "m", {}, CHAT, "http://127.0.0.1:3000/v1/chat/completions", "", {}),
    ("localai", "m", {}, CHAT, "http://127.0.0.1:8080/v1/chat/completions", "", {}),
    ("openai-compatible", "m", {}, CHAT, "http://gpu1:8000/v1/chat/completions", "", {}),
]
NEEDED = {"azure": AZURE, "localai": "http://127.0.0.1:8080/v1", "openai-compatible": "http://gpu1:8000/v1"}
# Not asked in this wire unless it is named.
BY_NAME = {("llama-server", RESPONSES)}
# What replaces the model and the stream of the body where the path says them, or the vendor wants it said otherwise.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("vertex", MESSAGES): {"anthropic_version": "vertex-2023-10-16"},
    ("bedrock", MESSAGES): {"anthropic_version": "bedrock-2023-05-31"},
}


@pytest.mark.parametrize(("name", "model", "environment", "wire", "whole", "stream", "shown"), ROWS)
async def test_what_goes_to_a_provider(
    http: RecordingClient,
    name: str,
    model: str,
    environment: dict[str, str],
    wire: str,
    whole: str,
    stream: str,
    shown: dict[str, str],
) -> None:
    named = wire if (name, wire) in BY_NAME else None
    made = endpoint(http, PROVIDERS[name], model, environment, NEEDED.get(name), wire=named)
    assert made.problem() is None
    for streams, url in ((False, whole), (True, stream or whole)):
        request = {"model": "ours", "stream": streams, "field": [1]}
        await opened(made, Call("chat", wire, request, streams))
        sent = http.sent[-1]
        assert sent.url == url
        usual = {"user-agent": "ecotone", "accept": "*/*", "content-type": "application/json"}
        assert sent.headers == {**usual, **shown}
        if wire == GEMINI:
            assert sent.body == {"stream": streams, "field": [1]}, "what the wire leaves out is not put in"
        elif (name, wire) == ("bedrock", MESSAGES):
            assert sent.body == {"field": [1], **BODIES[name, wire]}
        elif (name, wire) == ("vertex", MESSAGES):
            assert sent.body == {"stream": streams, "field": [1], **BODIES[name, wire]}
        else:
            assert sent.body == {"model": model, "stream": streams, "field": [1]}
        assert request == {"model": "ours", "stream": streams, "field": [1]}, "the caller's request stays as it is"


def test_the_table_has_every_wire_of_every_provider() -> None:
    assert {(row[0], row[3]) for row in ROWS} == {
        (row.name, way.wire) for row in PROVIDERS.values() for way in row.wires
    }


@pytest.mark.parametrize(
    ("provider", "model", "wires"),
    [
        ("openai", "gpt-5.4", (RESPONSES, CHAT)),
        ("bedrock", "anthropic.claude-opus-5-v1:0", (MESSAGES,)),
        ("bedrock", "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-5-v1:0", (MESSAGES,)),
        ("bedrock", "qwen.qwen3-32b-v1:0", (CHAT,)),
        ("bedrock", "openai.gpt-oss-20b-1:0", (CHAT, RESPONSES)),
        ("vertex", "Gemini-3-flash", (GEMINI,)),
        ("vertex", "openai/gpt-oss-120b-maas", (CHAT,)),
        ("perplexity", "sonar", (CHAT,)),
        ("perplexity", "xai/grok-4.3", (RESPONSES,)),
        ("azure", "claude-opus-5", (MESSAGES,)),
        ("llama-server", "m", (CHAT, MESSAGES)),
    ],
)
async def test_a_models_name_tells_its_wires(
    http: RecordingClient, provider: str, model: str, wires: tuple[str, ...]
) -> None:
    environment = {**PROJECT, **REGION}
    assert endpoint(http, PROVIDERS[provider], model, environment, NEEDED.get(provider)).wires == wires


async def test_a_wire_that_the_owner_names_is_the_only_one(http: RecordingClient) -> None:
    made = endpoint(http, PROVIDERS["azure"], "our-own-name", {"AZURE_OPENAI_API_KEY": K}, AZURE, wire=MESSAGES)
    assert made.wires == (MESSAGES,)
    await opened(made, Call("chat", MESSAGES, {"model": "x"}))
    assert http.sent[-1].url == "https://acme.openai.azure.com/anthropic/v1/messages"
    any_wire = endpoint(http, PROVIDERS["openai-compatible"], "m", {}, "http://gpu1:1/v1", wire=MESSAGES)
    await opened(any_wire, Call("chat", MESSAGES, {"model": "x"}))
    assert http.sent[-1].url == "http://gpu1:1/v1/messages"
    assert http.sent[-1].headers["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("us-east5", "us-east5-aiplatform.googleapis.com"),
    ],
)
async def test_vertex_has_its_own_hosts_for_some_locations(http: RecordingClient, location: str, host: str) -> None:
    environment = {"GOOGLE_CLOUD_PROJECT": "p1", "GOOGLE_CLOUD_LOCATION": location}
    made = endpoint(http, PROVIDERS["vertex"], "gemini-3-pro", environment)
    await opened(made, Call("chat", GEMINI, {}))
    assert http.sent[-1].url.startswith(f"https://{host}/v1/projects/p1/locations/{location}/publishers/google/")
    assert made.place == f"vertex at {host}"


async def test_a_clients_headers_go_along_and_replace_constant_ones(http: RecordingClient) -> None:
    made = endpoint(http, PROVIDERS["anthropic"], "m", {"ANTHROPIC_API_KEY": K})
    await opened(made, Call("chat", MESSAGES, {}, headers=[("anthropic-beta", "a,b")]))
    assert http.sent[-1].headers["anthropic-beta"] == "a,b"
    assert http.sent[-1].headers["anthropic-version"] == "2023-06-01"
    await opened(made, Call("chat", MESSAGES, {}, headers=[("anthropic-version", "2024-01-01")]))
    assert http.sent[-1].headers["anthropic-version"] == "2024-01-01"
    assert http.sent[-1].headers["x-api-key"] == K


async def test_bedrock_takes_betas_in_the_body_and_no_version_in_a_header(http: RecordingClient) -> None:
    made = endpoint(http, PROVIDERS["bedrock"], CLAUDE, REGION)
    headers = [("anthropic-beta", "a, b"), ("anthropic-version", "2023-06-01")]
    await opened(made, Call("chat", MESSAGES, {"model": "x", "max_tokens": 5}, headers=headers))
    assert http.sent[-1].body == {
        "max_tokens": 5,
        "anthropic_beta": ["a", "b"],
        "anthropic_version": "bedrock-2023-05-31",
    }
    assert not {"anthropic-beta", "anthropic-version"} & set(http.sent[-1].headers)


async def test_a_header_with_a_line_break_is_refused() -> None:
    client = HttpClient()
    try:
        made = endpoint(client, PROVIDERS["vllm"], "m", {})
        with pytest.raises(MalformedRequest, match="'x-a' holds a line break"):
            await opened(made, Call("chat", MESSAGES, {}, headers=[("x-a", "1\r\nx-b: 2")]))
    finally:
        await client.close()


async def test_other_forms_of_openai_go_beside_the_chat_wire(http: RecordingClient) -> None:
    made = endpoint(http, PROVIDERS["openai"], "m", {"OPENAI_API_KEY": K})
    await opened(made, Call("completions", CHAT, {"model": "ours", "prompt": "a"}))
    assert http.sent[-1] == Sent(
        "https://api.openai.com/v1/completions",
        {"user-agent": "ecotone", "accept": "*/*", "content-type": "application/json", **BEARER},
        {"model": "m", "prompt": "a"},
    )
    with pytest.raises(UnsupportedFeature, match="completions cannot be asked"):
        await opened(made, Call("completions", RESPONSES, {}))


async def test_nothing_is_sent_where_something_is_missing(http: RecordingClient) -> None:
    made = endpoint(http, PROVIDERS["vertex"], "gemini-3-pro", {}, problem="set GOOGLE_CLOUD_PROJECT")
    with pytest.raises(UpstreamCredentials, match="cannot be asked: set GOOGLE_CLOUD_PROJECT"):
        await opened(made, Call("chat", GEMINI, {}))
    assert http.sent == []


async def test_quirks_see_the_body_and_leave_the_callers_request_alone(http: RecordingClient) -> None:
    made = endpoint(http, PROVIDERS["mistral"], "m", {"MISTRAL_API_KEY": K})
    calls = [{"id": "call_123", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    request = {
        "model": "ours",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "assistant", "tool_calls": calls, "reasoning_content": "Hm."},
            {"role": "tool", "tool_call_id": "call_123", "content": "1"},
        ],
    }
    before = msgspec.json.encode(request)
    await opened(made, Call("chat", CHAT, request))
    assert msgspec.json.encode(request) == before
    system, said, result = http.sent[-1].body["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    assert "reasoning_content" not in said
    assert said["tool_calls"][0]["id"] == result["tool_call_id"]


def test_a_key_never_shows() -> None:
    assert "sk-secret" not in repr(Key("sk-secret"))


async def test_a_wire_of_a_strangers_can_be_spoken(http: RecordingClient) -> None:
    def path(model: str, stream: bool) -> str:
        return f"/say/{model}/{'stream' if stream else 'whole'}"

    theirs: Wire = msgspec.structs.replace(WIRES[CHAT], name="theirs", path=path, model_in_path=True)
    row = Provider("p", "P", "https://example.com", (Speaks("theirs", "/api"),), base_url="http://127.0.0.1:1")
    made = RemoteEndpoint(
        identity="ours@theirs",
        upstream_name="m",
        provider=row,
        base_url="http://127.0.0.1:1",
        hosting="vendor",
        wires={"theirs": theirs},
        timeouts=Timeouts(),
        http=http,
        checker=CHECKER,
    )
    await opened(made, Call("chat", "theirs", {"model": "ours", "a": 1}, True))
    assert (http.sent[-1].url, http.sent[-1].body) == ("http://127.0.0.1:1/api/say/m/stream", {"a": 1})
