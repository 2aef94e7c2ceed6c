"""The providers that Ecotone knows: one row of data each. What the fields mean is in `ecotone.catalog.provider`."""

from ecotone.catalog.provider import (
    ANTHROPIC_VERSION,
    Auth,
    Hosting,
    Provider,
    Setting,
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


# What open servers take beyond OpenAI's description, and who keeps to it refuses.
_SAMPLING_BEYOND = ("top_k", "min_p")
_VERTEX = "/v1/projects/{project}/locations/{location}"

_VENDORS = (
    Provider(
        "openai",
        "OpenAI",
        "https://platform.openai.com/docs/api-reference/chat",
        wires=(
            Speaks("openai-responses", "/v1", "https://platform.openai.com/docs/api-reference/responses"),
            Speaks("openai-chat", "/v1", quirks=("no_reasoning_text",), lacks=_SAMPLING_BEYOND),
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
        wires=(Speaks("gemini", "/v1beta", auth="x-goog-api-key"),),
        base_url="https://generativelanguage.googleapis.com",
        key_env="GEMINI_API_KEY",
        also_key_envs=("GOOGLE_API_KEY",),
    ),
    Provider(
        "vertex",
        "Google Vertex AI",
        "https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest",
        wires=(
            Speaks(
                "gemini",
                f"{_VERTEX}/publishers/google",
                "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
                auth="google",
                models=r"gemini.*|learnlm.*",
                whole_path="/models/{model}:generateContent",
                stream_path="/models/{model}:streamGenerateContent?alt=sse",
            ),
            Speaks(
                "anthropic",
                f"{_VERTEX}/publishers/anthropic",
                "https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai",
                auth="google",
                header_fields=(("anthropic-version", ""),),
                quirks=("vertex_version",),
                models=r"claude.*",
                whole_path="/models/{model}:rawPredict",
                stream_path="/models/{model}:streamRawPredict",
            ),
            # As OpenAI's own SDK has it (`openai.providers.vertex`).
            Speaks(
                "openai-responses",
                f"{_VERTEX}/publishers/openai/v1",
                "https://github.com/openai/openai-python",
                auth="google",
                models=r"gpt-(?!oss).*",
            ),
            Speaks(
                "openai-chat",
                f"{_VERTEX}/endpoints/openapi",
                "https://cloud.google.com/vertex-ai/generative-ai/docs/open-models/use-maas",
                auth="google",
                models=r"(?!gemini|learnlm|claude|gpt-(?!oss)).*",
            ),
        ),
        base_url="https://{location}-aiplatform.googleapis.com",
        special_addresses=(
            ("global", "https://aiplatform.googleapis.com"),
            ("us", "https://aiplatform.us.rep.googleapis.com"),
            ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        ),
        settings=(
            Setting("project", ("GOOGLE_CLOUD_PROJECT",)),
            Setting("location", ("GOOGLE_CLOUD_LOCATION",)),
        ),
    ),
    Provider(
        "azure",
        "Azure OpenAI",
        "https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle",
        wires=(
            Speaks("openai-responses", "/openai/v1", auth="api-key", models=r"(?!claude).*"),
            Speaks(
                "openai-chat",
                "/openai/v1",
                auth="api-key",
                quirks=("no_reasoning_text",),
                lacks=_SAMPLING_BEYOND,
                models=r"(?!claude).*",
            ),
            # At a Foundry resource's address (NAME.services.ai.azure.com). A deployment has its model's name unless its
            # owner gave it another: then the config says which wire.
            Speaks(
                "anthropic",
                "/anthropic",
                "https://platform.claude.com/docs/en/build-with-claude/claude-in-microsoft-foundry",
                auth="x-api-key",
                headers=(ANTHROPIC_VERSION,),
                models=r"claude.*",
            ),
        ),
        key_env="AZURE_OPENAI_API_KEY",
        bearer_env="AZURE_OPENAI_AD_TOKEN",
        base_url_like="https://NAME.openai.azure.com",
    ),
    Provider(
        "bedrock",
        "Amazon Bedrock",
        "https://docs.aws.amazon.com/bedrock/latest/userguide/apis.html",
        wires=(
            Speaks(
                "anthropic",
                "",
                "https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html",
                auth="aws",
                header_fields=(("anthropic-version", ""), ("anthropic-beta", "anthropic_beta")),
                quirks=("bedrock_version",),
                models=r"(.*[./])?anthropic\..*",
                whole_path="/model/{model}/invoke",
                stream_path="/model/{model}/invoke-with-response-stream",
                framing="aws-event-stream",
            ),
            Speaks(
                "openai-chat",
                "/openai/v1",
                "https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html",
                auth="aws",
                models=r"(?!(.*[./])?anthropic\.).*",
            ),
            Speaks(
                "openai-responses",
                "/openai/v1",
                "https://developers.openai.com/api/docs/guides/amazon-bedrock",
                auth="aws",
                models=r"(.*[./])?openai\..*",
            ),
        ),
        base_url="https://bedrock-runtime.{region}.amazonaws.com",
        bearer_env="AWS_BEARER_TOKEN_BEDROCK",
        settings=(Setting("region", ("AWS_REGION", "AWS_DEFAULT_REGION")),),
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
                quirks=(
                    "max_tokens",
                    "no_stream_options",
                    "developer_as_system",
                    "random_seed",
                    # https://mistralai.github.io/mistral-common/usage/tools/
                    "short_call_ids",
                    # https://github.com/charmbracelet/crush/issues/1590
                    "no_reasoning_text",
                ),
                lacks=(*_SAMPLING_BEYOND, "user"),
            ),
        ),
        base_url="https://api.mistral.ai",
        key_env="MISTRAL_API_KEY",
    ),
    Provider(
        "cohere",
        "Cohere",
        "https://docs.cohere.com/docs/compatibility-api",
        wires=(
            # https://strandsagents.com/docs/user-guide/concepts/model-providers/cohere/
            Speaks(
                "openai-chat",
                "/compatibility/v1",
                quirks=("max_tokens", "no_stream_options", "developer_as_system", "no_reasoning_text"),
            ),
        ),
        base_url="https://api.cohere.ai",
        key_env="CO_API_KEY",
        also_key_envs=("COHERE_API_KEY",),
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
        wires=(
            # https://github.com/janhq/jan/issues/8136
            Speaks("openai-chat", "/openai/v1", quirks=("no_names", "no_reasoning_text"), lacks=_SAMPLING_BEYOND),
            Speaks("openai-responses", "/openai/v1", "https://console.groq.com/docs/responses-api"),
        ),
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
        wires=(
            Speaks("openai-chat", "/v1", quirks=("one_model",)),
            Speaks(
                "openai-responses",
                "/v1",
                "https://openrouter.ai/docs/api/reference/responses/overview",
                quirks=("one_model",),
            ),
            _messages(
                "",
                "https://openrouter.ai/docs/api/api-reference/anthropic-messages/create-a-message",
                auth="bearer",
                quirks=("one_model",),
            ),
        ),
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
    ),
    Provider(
        "perplexity",
        "Perplexity",
        "https://docs.perplexity.ai/docs/grounded-llm/openai-compatibility",
        wires=(
            # https://github.com/perplexityai/api-discussion/issues/265
            Speaks(
                "openai-chat",
                "",
                "https://docs.perplexity.ai/api-reference/chat-completions-post",
                quirks=("max_tokens", "developer_as_system", "no_reasoning_text", "alternating"),
                models=r"sonar.*",
            ),
            Speaks("openai-responses", "/v1", models=r"(?!sonar).*"),
        ),
        base_url="https://api.perplexity.ai",
        key_env="PERPLEXITY_API_KEY",
        also_key_envs=("PPLX_API_KEY",),
    ),
    Provider(
        "cerebras",
        "Cerebras",
        "https://inference-docs.cerebras.ai/resources/openai",
        # https://github.com/CherryHQ/cherry-studio/issues/16790
        wires=(Speaks("openai-chat", "/v1", quirks=("developer_as_system", "no_reasoning_text")),),
        base_url="https://api.cerebras.ai/v1",
        key_env="CEREBRAS_API_KEY",
        weights="open",
    ),
    Provider(
        "nvidia",
        "NVIDIA NIM",
        "https://docs.nvidia.com/nim/large-language-models/latest/api-reference.html",
        wires=(Speaks("openai-chat", "/v1", quirks=("max_tokens", "developer_as_system")),),
        base_url="https://integrate.api.nvidia.com/v1",
        key_env="NVIDIA_API_KEY",
        weights="open",
    ),
    Provider(
        "moonshot",
        "Moonshot AI (Kimi)",
        "https://platform.kimi.ai/docs/api/chat",
        wires=(
            Speaks("openai-chat", "/v1", quirks=("developer_as_system",)),
            Speaks("openai-responses", "/v1", "https://platform.kimi.ai/docs/api/overview"),
            _messages("/anthropic", "https://platform.kimi.ai/docs/api/overview", auth="bearer"),
        ),
        base_url="https://api.moonshot.ai/v1",
        key_env="MOONSHOT_API_KEY",
    ),
    Provider(
        "dashscope",
        "Alibaba Cloud Model Studio (Qwen)",
        "https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
        wires=(
            Speaks("openai-chat", "/compatible-mode/v1", quirks=("max_tokens", "developer_as_system")),
            Speaks(
                "openai-responses",
                "/compatible-mode/v1",
                "https://help.aliyun.com/en/model-studio/compatibility-with-openai-responses-api",
            ),
            _messages("/apps/anthropic", "https://www.alibabacloud.com/help/zh/model-studio/anthropic-api-messages"),
        ),
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        key_env="DASHSCOPE_API_KEY",
    ),
    Provider(
        "zai",
        "Z.ai",
        "https://docs.z.ai/guides/develop/openai/python",
        wires=(
            Speaks("openai-chat", "/paas/v4", quirks=("max_tokens", "developer_as_system")),
            _messages("/anthropic", "https://docs.z.ai/scenario-example/develop-tools/claude", auth="bearer"),
        ),
        base_url="https://api.z.ai/api/paas/v4",
        key_env="ZAI_API_KEY",
    ),
    Provider(
        "minimax",
        "MiniMax",
        "https://platform.minimax.io/docs/api-reference/text-openai-api",
        wires=(
            Speaks("openai-chat", "/v1", quirks=("developer_as_system",)),
            Speaks("openai-responses", "/v1"),
            _messages("/anthropic", "https://platform.minimax.io/docs/api-reference/text-anthropic-api", auth="bearer"),
        ),
        base_url="https://api.minimax.io/v1",
        key_env="MINIMAX_API_KEY",
    ),
    Provider(
        "huggingface",
        "Hugging Face Inference",
        "https://huggingface.co/docs/inference-providers/index",
        wires=(
            Speaks("openai-chat", "/v1", quirks=("max_tokens", "developer_as_system")),
            Speaks("openai-responses", "/v1", "https://huggingface.co/docs/inference-providers/guides/responses-api"),
        ),
        base_url="https://router.huggingface.co/v1",
        key_env="HF_TOKEN",
        weights="open",
    ),
)

_SERVERS = (
    Provider(
        "vllm",
        "vLLM",
        "https://docs.vllm.ai/en/stable/serving/online_serving.html",
        wires=(
            Speaks("openai-chat", "/v1"),
            Speaks("openai-responses", "/v1"),
            _messages(auth="bearer"),
        ),
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
        wires=(
            Speaks("openai-chat", "/v1", quirks=("max_tokens",)),
            # It drops what it does not know (a schema for the output, custom tools), refuses reasoning without its text
            # and assistants' messages without a type, calls what it cut short completed, and numbers no events.
            Speaks("openai-responses", "/v1", "https://github.com/ggml-org/llama.cpp/pull/18486", partial=True),
            _messages(auth="bearer"),
        ),
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
        "localai",
        "LocalAI",
        "https://localai.io/docs/features/text-generation/index.html",
        wires=(Speaks("openai-chat", "/v1", quirks=("max_tokens", "developer_as_system")),),
        base_url_like="http://127.0.0.1:8080/v1",
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
