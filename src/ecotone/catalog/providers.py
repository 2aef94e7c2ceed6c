"""The providers that Ecotone knows: one row of data each. What the fields mean is in `ecotone.catalog.provider`."""

from ecotone.catalog.provider import (
    ANTHROPIC_VERSION,
    Auth,
    Hosting,
    Provider,
    Speaks,
    Weights,
    api_root,
)

__all__ = ["PROVIDERS", "Hosting", "Provider", "Weights", "api_root"]


# Anthropic's API as others speak it: the key in Anthropic's own header, and the version that its SDK sends.
def _messages(
    path: str = "", source: str | None = None, *, auth: Auth = "x-api-key", quirks: tuple[str, ...] = ()
) -> Speaks:
    return Speaks("anthropic", path, source, auth=auth, headers=(ANTHROPIC_VERSION,), quirks=quirks)


_VENDORS = (
    Provider(
        "openai",
        "OpenAI",
        "https://platform.openai.com/docs/api-reference/chat",
        wires=(
            Speaks("openai-responses", "/v1", "https://platform.openai.com/docs/api-reference/responses"),
            Speaks("openai-chat", "/v1"),
        ),
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        weights="closed",
    ),
    Provider(
        "anthropic",
        "Anthropic",
        "https://platform.claude.com/docs/en/api/messages",
        wires=(_messages(),),
        base_url="https://api.anthropic.com",
        key_env="ANTHROPIC_API_KEY",
        bearer_env="ANTHROPIC_AUTH_TOKEN",
        weights="closed",
    ),
    Provider(
        "gemini",
        "Google Gemini",
        "https://ai.google.dev/api/generate-content",
        wires=(Speaks("gemini", auth="x-goog-api-key"),),
        base_url="https://generativelanguage.googleapis.com",
        key_env="GEMINI_API_KEY",
        also_key_envs=("GOOGLE_API_KEY",),
    ),
    Provider(
        "xai",
        "xAI",
        "https://docs.x.ai/developers/model-capabilities/text/comparison",
        # Its Anthropic wire is deprecated: https://docs.x.ai/developers/rest-api-reference/inference/legacy
        wires=(Speaks("openai-responses", "/v1"), Speaks("openai-chat", "/v1", quirks=("developer_as_system",))),
        base_url="https://api.x.ai/v1",
        key_env="XAI_API_KEY",
        weights="closed",
    ),
    Provider(
        "mistral",
        "Mistral AI",
        "https://docs.mistral.ai/api/",
        wires=(
            # Any field that it does not know is refused: https://github.com/mistralai/platform-docs-public/issues/7
            Speaks(
                "openai-chat",
                "/v1",
                quirks=("max_tokens", "no_stream_options", "developer_as_system", "random_seed"),
            ),
        ),
        base_url="https://api.mistral.ai",
        key_env="MISTRAL_API_KEY",
    ),
    Provider(
        "deepseek",
        "DeepSeek",
        "https://api-docs.deepseek.com/api/create-chat-completion",
        wires=(
            Speaks("openai-chat", quirks=("max_tokens", "developer_as_system")),
            _messages("/anthropic", "https://api-docs.deepseek.com/guides/anthropic_api"),
        ),
        base_url="https://api.deepseek.com",
        key_env="DEEPSEEK_API_KEY",
    ),
    Provider(
        "groq",
        "Groq",
        "https://console.groq.com/docs/openai",
        wires=(Speaks("openai-chat", "/openai/v1"),),
        base_url="https://api.groq.com",
        key_env="GROQ_API_KEY",
        weights="open",
    ),
    Provider(
        "together",
        "Together AI",
        "https://docs.together.ai/docs/inference/openai-compatibility",
        wires=(Speaks("openai-chat", "/v1", quirks=("max_tokens", "developer_as_system")),),
        base_url="https://api.together.ai",
        key_env="TOGETHER_API_KEY",
        weights="open",
    ),
    Provider(
        "fireworks",
        "Fireworks AI",
        "https://docs.fireworks.ai/tools-sdks/openai-compatibility",
        wires=(
            Speaks("openai-chat", "/v1", quirks=("developer_as_system",)),
            _messages("", "https://docs.fireworks.ai/tools-sdks/anthropic-compatibility", auth="bearer"),
        ),
        base_url="https://api.fireworks.ai/inference/v1",
        key_env="FIREWORKS_API_KEY",
        weights="open",
    ),
    Provider(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai/docs/api-reference/overview",
        wires=(Speaks("openai-chat", "/v1"),),
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
    ),
    Provider(
        "huggingface",
        "Hugging Face Inference",
        "https://huggingface.co/docs/inference-providers/index",
        wires=(Speaks("openai-chat", "/v1", quirks=("max_tokens", "developer_as_system")),),
        base_url="https://router.huggingface.co/v1",
        key_env="HF_TOKEN",
        weights="open",
    ),
)

_SERVERS = (
    Provider(
        "vllm",
        "vLLM",
        "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        wires=(Speaks("openai-chat", "/v1"),),
        base_url="http://127.0.0.1:8000/v1",
        key_env="VLLM_API_KEY",
        usual_port=8000,
        weights="open",
    ),
    Provider(
        "sglang",
        "SGLang",
        "https://docs.sglang.ai/basic_usage/openai_api_completions.html",
        wires=(
            Speaks("openai-chat", "/v1"),
            _messages("", "https://docs.sglang.io/docs/basic_usage/anthropic_api", auth="bearer"),
        ),
        base_url="http://127.0.0.1:30000/v1",
        usual_port=30000,
        weights="open",
    ),
    Provider(
        "llama-server",
        "llama.cpp server",
        "https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
        wires=(Speaks("openai-chat", "/v1", quirks=("max_tokens",)),),
        base_url="http://127.0.0.1:8080/v1",
        key_env="LLAMA_API_KEY",
        usual_port=8080,
        weights="open",
    ),
    Provider(
        "ollama",
        "Ollama",
        "https://docs.ollama.com/api/openai-compatibility",
        wires=(
            Speaks("openai-chat", "/v1", quirks=("max_tokens", "developer_as_system")),
            Speaks("openai-responses", "/v1"),
            # Its cloud takes the key as bearer alone, the server on this machine ignores it.
            _messages("", "https://docs.ollama.com/api/anthropic-compatibility", auth="bearer"),
        ),
        base_url="http://127.0.0.1:11434/v1",
        usual_port=11434,
        weights="open",
    ),
    Provider(
        "lmstudio",
        "LM Studio",
        "https://lmstudio.ai/docs/developer/openai-compat",
        wires=(
            Speaks("openai-chat", "/v1", quirks=("max_tokens", "developer_as_system")),
            Speaks("openai-responses", "/v1"),
            _messages("", "https://lmstudio.ai/docs/developer/anthropic-compat"),
        ),
        base_url="http://127.0.0.1:1234/v1",
        usual_port=1234,
        weights="open",
    ),
    Provider(
        "tgi",
        "Text Generation Inference",
        "https://huggingface.co/docs/text-generation-inference/messages_api",
        wires=(Speaks("openai-chat", "/v1", quirks=("max_tokens", "developer_as_system")),),
        base_url="http://127.0.0.1:3000/v1",
        usual_port=3000,
        weights="open",
    ),
    Provider(
        "openai-compatible",
        "an OpenAI-compatible server",
        "https://platform.openai.com/docs/api-reference/chat",
        wires=(Speaks("openai-chat"),),
        any_wire=True,
    ),
)

PROVIDERS: dict[str, Provider] = {row.name: row for row in (*_VENDORS, *_SERVERS)}
