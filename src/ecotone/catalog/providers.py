"""Providers that speak a known wire: one row of data each.

A row says where the provider's API is, how it wants to be greeted and in which small ways it differs (`quirks`,
by name; what a name does is in `ecotone.wire.quirks`). Whether a request may go there is not said here: where a
model runs (`hosting`) is for the owner to declare.
"""

from typing import Literal
from urllib.parse import urlsplit

import msgspec

Hosting = Literal["embedded", "self-hosted", "vendor"]
Weights = Literal["open", "closed"]


class Provider(msgspec.Struct, frozen=True):
    """`base_url` is what the provider's own SDK takes, None if only the owner knows it. `api_path` leads from there
    to the folder that holds `chat/completions`. `key_env` is the variable that the provider's SDK reads.
    `usual_port` is where the server listens if nobody said otherwise. `weights` tells whether the models served
    are open-weight or closed, None where the provider serves both. `source` is the page that the row rests on.
    """

    name: str
    title: str
    source: str
    base_url: str | None = None
    api_path: str = ""
    key_env: str | None = None
    usual_port: int | None = None
    weights: Weights | None = None
    quirks: tuple[str, ...] = ()


_ROWS = (
    Provider(
        "openai",
        "OpenAI",
        "https://platform.openai.com/docs/api-reference/chat",
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        weights="closed",
    ),
    Provider(
        "xai",
        "xAI",
        "https://docs.x.ai/docs/api-reference",
        base_url="https://api.x.ai/v1",
        key_env="XAI_API_KEY",
        weights="closed",
        quirks=("developer_as_system",),
    ),
    Provider(
        "mistral",
        "Mistral AI",
        "https://docs.mistral.ai/api/",
        base_url="https://api.mistral.ai",
        api_path="/v1",
        key_env="MISTRAL_API_KEY",
        # Any field that it does not know is refused: https://github.com/mistralai/platform-docs-public/issues/7
        quirks=("max_tokens", "no_stream_options", "developer_as_system", "random_seed"),
    ),
    Provider(
        "deepseek",
        "DeepSeek",
        "https://api-docs.deepseek.com/api/create-chat-completion",
        base_url="https://api.deepseek.com",
        key_env="DEEPSEEK_API_KEY",
        quirks=("max_tokens", "developer_as_system"),
    ),
    Provider(
        "groq",
        "Groq",
        "https://console.groq.com/docs/openai",
        base_url="https://api.groq.com",
        api_path="/openai/v1",
        key_env="GROQ_API_KEY",
        weights="open",
    ),
    Provider(
        "together",
        "Together AI",
        "https://docs.together.ai/docs/inference/openai-compatibility",
        base_url="https://api.together.ai",
        api_path="/v1",
        key_env="TOGETHER_API_KEY",
        weights="open",
        quirks=("max_tokens", "developer_as_system"),
    ),
    Provider(
        "fireworks",
        "Fireworks AI",
        "https://docs.fireworks.ai/tools-sdks/openai-compatibility",
        base_url="https://api.fireworks.ai/inference/v1",
        key_env="FIREWORKS_API_KEY",
        weights="open",
        quirks=("developer_as_system",),
    ),
    Provider(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai/docs/api-reference/overview",
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
    ),
    Provider(
        "huggingface",
        "Hugging Face Inference",
        "https://huggingface.co/docs/inference-providers/index",
        base_url="https://router.huggingface.co/v1",
        key_env="HF_TOKEN",
        weights="open",
        quirks=("max_tokens", "developer_as_system"),
    ),
    Provider(
        "vllm",
        "vLLM",
        "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        base_url="http://127.0.0.1:8000/v1",
        key_env="VLLM_API_KEY",
        usual_port=8000,
        weights="open",
    ),
    Provider(
        "sglang",
        "SGLang",
        "https://docs.sglang.ai/basic_usage/openai_api_completions.html",
        base_url="http://127.0.0.1:30000/v1",
        usual_port=30000,
        weights="open",
    ),
    Provider(
        "llama-server",
        "llama.cpp server",
        "https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
        base_url="http://127.0.0.1:8080/v1",
        key_env="LLAMA_API_KEY",
        usual_port=8080,
        weights="open",
        quirks=("max_tokens",),
    ),
    Provider(
        "ollama",
        "Ollama",
        "https://docs.ollama.com/api/openai-compatibility",
        base_url="http://127.0.0.1:11434/v1",
        usual_port=11434,
        weights="open",
        quirks=("max_tokens", "developer_as_system"),
    ),
    Provider(
        "lmstudio",
        "LM Studio",
        "https://lmstudio.ai/docs/developer/openai-compat",
        base_url="http://127.0.0.1:1234/v1",
        usual_port=1234,
        weights="open",
        quirks=("max_tokens", "developer_as_system"),
    ),
    Provider(
        "tgi",
        "Text Generation Inference",
        "https://huggingface.co/docs/text-generation-inference/messages_api",
        base_url="http://127.0.0.1:3000/v1",
        usual_port=3000,
        weights="open",
        quirks=("max_tokens", "developer_as_system"),
    ),
    Provider(
        "openai-compatible",
        "an OpenAI-compatible server",
        "https://platform.openai.com/docs/api-reference/chat",
    ),
)

PROVIDERS: dict[str, Provider] = {row.name: row for row in _ROWS}


def api_root(provider: Provider, base_url: str) -> str:
    """The address of the folder that holds `chat/completions`, without a trailing slash.

    `base_url` may be what the provider's SDK takes or may already end in (a part of) the API path: people paste both.
    """
    root = base_url.rstrip("/")
    steps = provider.api_path.strip("/").split("/") if provider.api_path else []
    for present in range(len(steps), 0, -1):
        if urlsplit(root).path.endswith("/" + "/".join(steps[:present])):
            return "/".join([root, *steps[present:]])
    return "/".join([root, *steps])
