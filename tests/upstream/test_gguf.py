"""The GGUF header reader: a real model's facts, cut and hostile files, memory by hand."""

import os
import struct
from pathlib import Path

import pytest

from ecotone.upstream.gguf import GgufInfo, read_gguf
from ecotone.values.errors import StoreError

U8, U32, F32, STRING, ARRAY, U64 = 0, 4, 6, 8, 9, 10
Q4_0, F32_TENSOR = 2, 0


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def entry(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def u32(key: str, value: int) -> bytes:
    return entry(key, U32, struct.pack("<I", value))


def array(key: str, kind: int, count: int, items: bytes) -> bytes:
    return entry(key, ARRAY, struct.pack("<IQ", kind, count) + items)


def tensor(name: str, dimensions: list[int], kind: int, offset: int) -> bytes:
    shape = struct.pack(f"<{len(dimensions)}Q", *dimensions)
    return text(name) + struct.pack("<I", len(dimensions)) + shape + struct.pack("<IQ", kind, offset)


def gguf(entries: list[bytes], tensors: list[bytes], *, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(entries)) + b"".join(entries + tensors)


def read(tmp_path: Path, content: bytes) -> GgufInfo:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    return read_gguf(path, model="tiny")


def refusal(tmp_path: Path, content: bytes) -> str:
    """What is said of a file that the store keeps: its description lies beside it."""
    (tmp_path / ".about.json").touch()
    with pytest.raises(StoreError) as caught:
        read(tmp_path, content)
    message = caught.value.message
    assert str(tmp_path / "model.gguf") in message
    assert "`ecotone models rm tiny`" in message
    return message


def test_nobody_is_told_to_remove_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"<html>not found</html>")
    with pytest.raises(StoreError, match="it is not a GGUF file") as caught:
        read_gguf(tmp_path / "model.gguf", model="tiny")
    assert "Put a sound GGUF file there" in caught.value.message
    assert "models rm" not in caught.value.message


LLAMA = [
    entry("general.architecture", STRING, text("llama")),
    u32("llama.block_count", 2),
    u32("llama.embedding_length", 64),
    u32("llama.attention.head_count", 4),
]


def test_a_real_model_describes_itself(smollm2_path: Path) -> None:
    info = read_gguf(smollm2_path, model="smollm2")
    assert info.architecture == "llama"
    assert info.name == "Smollm2 135M 8k Lc100K Mix1 Ep2"
    assert info.size_bytes == 98_362_432
    assert info.parameters == 134_515_008  # as llama.cpp counts them
    assert info.context_length == 8_192
    assert info.kv_heads == (3,) * 30
    assert (info.key_length, info.value_length) == (64, 64)
    assert info.vocabulary == 49_152
    assert info.quantisation == "Q4_1"
    assert info.pooling is None
    assert info.chat_template is not None
    assert "<|im_start|>" in info.chat_template


def test_memory_is_weights_and_cache_and_buffers(smollm2_path: Path) -> None:
    info = read_gguf(smollm2_path, model="smollm2")
    # 30 layers x 3 heads x (64 keys + 64 values) x 2 bytes.
    assert info.kv_bytes_per_token == 23_040
    assert info.memory_bytes(8_192) - info.memory_bytes(0) == 188_743_680
    assert info.memory_bytes(0) > 98_362_432


@pytest.mark.parametrize("kept", [0, 3, 4, 20, 1_000, 1_000_000, 1_785_663, 1_785_664, 50_000_000, 98_362_431])
def test_every_cut_of_a_real_file_is_noticed(smollm2_path: Path, tmp_path: Path, kept: int) -> None:
    with smollm2_path.open("rb") as file:
        message = refusal(tmp_path, file.read(kept))
    if kept >= 1_785_664:  # the header is whole
        assert f"only {kept:,} of at least 98,362,432 bytes" in message


def test_bytes_after_the_tensors_do_no_harm(smollm2_path: Path, tmp_path: Path) -> None:
    padded = tmp_path / "padded.gguf"
    padded.write_bytes(smollm2_path.read_bytes() + b"\0" * 100)
    assert read_gguf(padded, model="padded").parameters == 134_515_008


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is gone"):
        read_gguf(tmp_path / "none.gguf", model="none")


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        read_gguf(tmp_path, model="folder")


def test_the_data_section_is_measured_in_blocks(tmp_path: Path) -> None:
    # One row of 64 elements in Q4_0: two blocks of 32 elements, 18 bytes each, after 32 bytes of another tensor.
    tensors = [tensor("a", [8], F32_TENSOR, 0), tensor("b", [64], Q4_0, 32)]
    header = gguf(LLAMA, tensors)
    aligned = header + b"\0" * (-len(header) % 32)
    assert read(tmp_path, aligned + b"\0" * (32 + 36)).parameters == 72
    assert "bytes long" in refusal(tmp_path, aligned + b"\0" * (32 + 35))


def test_the_data_section_follows_the_files_own_alignment(tmp_path: Path) -> None:
    header = gguf([*LLAMA, u32("general.alignment", 4_096)], [tensor("a", [1], F32_TENSOR, 0)])
    assert len(header) < 4_096
    assert read(tmp_path, header.ljust(4_100, b"\0")).parameters == 1
    assert "4,100 bytes" in refusal(tmp_path, header.ljust(4_099, b"\0"))


def test_heads_may_differ_from_layer_to_layer(tmp_path: Path) -> None:
    heads = array("llama.attention.head_count_kv", U32, 2, struct.pack("<II", 4, 0))
    lengths = [u32("llama.attention.key_length", 10), u32("llama.attention.value_length", 6)]
    info = read(tmp_path, gguf([*LLAMA, heads, *lengths], []))
    assert info.kv_heads == (4, 0)
    assert info.kv_bytes_per_token == 4 * (10 + 6) * 2


def test_without_a_count_of_its_own_every_head_has_keys(tmp_path: Path) -> None:
    info = read(tmp_path, gguf(LLAMA, []))
    assert info.kv_heads == (4, 4)
    assert info.key_length == 16  # 64 / 4
    assert info.context_length is None
    assert info.quantisation is None
    assert info.chat_template is None


def test_an_embedding_model_declares_its_pooling(tmp_path: Path) -> None:
    assert read(tmp_path, gguf([*LLAMA, u32("llama.pooling_type", 2)], [])).pooling == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a GGUF file"),
        (b"PK\x03\x04 a zip file", "not a GGUF file"),
        (gguf(LLAMA, [], version=1), "version 1"),
        (gguf(LLAMA, [], version=0x03000000), "version 50331648"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 0), "a tensor count"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**40), "a metadata count"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62), "a key length"),
        (gguf([entry("k", STRING, struct.pack("<Q", 2**50))], []), "a string length"),
        (gguf([array("k", U8, 2**50, b"")], []), "an array length"),
        (gguf([array("k", U64, 2**20, b"")], []), "ends inside its header"),
        (gguf([array("k", STRING, 2**20, b"")], []), "ends inside its header"),
        (gguf([array("k", STRING, 1, struct.pack("<Q", 2**60))], []), "a string length"),
        (gguf([array("k", ARRAY, 1, b"")], []), "unknown type 9"),
        (gguf([entry("k", 77, b"")], []), "unknown type 77"),
        (gguf([], []), "no architecture"),
        (gguf([u32("general.architecture", 1)], []), "no architecture"),
        (gguf([*LLAMA[:1], u32("llama.block_count", 2**31)], []), "layers"),
        (gguf([*LLAMA[:1], entry("llama.block_count", F32, struct.pack("<f", 2.5))], []), "is no count"),
        (gguf(LLAMA, [text("t") + struct.pack("<I", 9)]), "a dimension count"),
        (gguf(LLAMA, [tensor("t", [2**63, 2**63, 2**63, 2**63], F32_TENSOR, 0)]), "bytes long"),
        (gguf(LLAMA, [tensor("t", [1], F32_TENSOR, 2**63)]), "bytes long"),
        (gguf(LLAMA, [tensor("t", [1], 999, 10_000)]), "bytes long"),
    ],
)
def test_damaged_and_hostile_headers_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refusal(tmp_path, content)


def test_a_header_of_endless_metadata_is_given_up(tmp_path: Path) -> None:
    # A sparse file: an array of 2^24 numbers that would be 128 MiB long, and is there on disk.
    path = tmp_path / "model.gguf"
    many = array("k", U64, 2**23, b"")
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 3) + many)
        file.seek(2**26, os.SEEK_CUR)
        file.write(many)
        file.truncate(2**30)
    with pytest.raises(StoreError, match="longer than"):
        read_gguf(path, model="sparse")
