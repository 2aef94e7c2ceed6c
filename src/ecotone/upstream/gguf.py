"""What a GGUF model file says of itself, and whether all of it is there.

Only the header is read: metadata and tensor table, never the weights. A file may come from anywhere, so every count
and length is checked against a bound before anything is allocated for it.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3; little-endian).
"""

import struct
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, TypeGuard

import msgspec

from ecotone.upstream.store import is_kept
from ecotone.values.errors import StoreError

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_HEADER_BYTES_MAX: Final = 128 * 1024**2
_ENTRIES_MAX: Final = 65_536
_TENSORS_MAX: Final = 1_048_576
_KEY_BYTES_MAX: Final = 65_535
_STRING_BYTES_MAX: Final = 4 * 1024**2
_ARRAY_ITEMS_MAX: Final = 8 * 1024**2
_KEPT_ITEMS_MAX: Final = 4_096
_DIMENSIONS_MAX: Final = 4
_ALIGNMENT_DEFAULT: Final = 32

_STRING: Final = 8
_ARRAY: Final = 9
_SCALARS: Final = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_U32: Final = _SCALARS[4]
_U64: Final = _SCALARS[10]

# ggml_type: (elements a block, bytes a block), from the block structures in ggml-common.h.
_TENSOR_TYPES: Final = {
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    16: (256, 66),  # IQ2_XXS
    17: (256, 74),  # IQ2_XS
    18: (256, 98),  # IQ3_XXS
    19: (256, 50),  # IQ1_S
    20: (32, 18),  # IQ4_NL
    21: (256, 110),  # IQ3_S
    22: (256, 82),  # IQ2_S
    23: (256, 136),  # IQ4_XS
    24: (1, 1),  # I8
    25: (1, 2),  # I16
    26: (1, 4),  # I32
    27: (1, 8),  # I64
    28: (1, 8),  # F64
    29: (256, 56),  # IQ1_M
    30: (1, 2),  # BF16
    34: (256, 54),  # TQ1_0
    35: (256, 66),  # TQ2_0
    39: (32, 17),  # MXFP4
    40: (64, 36),  # NVFP4
}

# llama_ftype in llama.h: the recipe that most of the tensors follow.
_QUANTISATIONS: Final = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4_MOE",
    39: "NVFP4",
    40: "Q1_0",
}

_OWN_FILE: Final = "Put a sound GGUF file there, or correct the model's source."
# Buffers for one step and the Python interpreter: 31 to 74 MB measured beyond weights and cache, rounded up.
_OVERHEAD_BYTES: Final = 96 * 1024**2
_KV_BYTES_PER_VALUE: Final = 2  # the cache holds 16-bit floats


class GgufInfo(msgspec.Struct, frozen=True):
    """A model file's own description.

    `size_bytes` is the whole file. `parameters` counts the elements of all tensors. `context_length` is what the model
    was trained for, None if the file does not say. `kv_heads` has one entry a layer. `key_length` and `value_length`
    are elements a head. `quantisation` is the file's label such as `Q4_K_M`, None if unknown. `pooling` is the
    llama.cpp pooling type that embedding models declare, None for others. `chat_template` is Jinja source.
    """

    path: Path
    size_bytes: int
    architecture: str
    name: str | None
    parameters: int
    context_length: int | None
    embedding_length: int
    vocabulary: int
    kv_heads: tuple[int, ...]
    key_length: int
    value_length: int
    quantisation: str | None
    pooling: int | None
    chat_template: str | None

    @property
    def kv_bytes_per_token(self) -> int:
        """What one token of context takes in the key-value cache. Sliding windows are not credited: an upper bound."""
        return sum(self.kv_heads) * (self.key_length + self.value_length) * _KV_BYTES_PER_VALUE

    def memory_bytes(self, context_total: int) -> int:
        """Memory to run the model with `context_total` tokens of cache over all its slots: weights, cache, buffers."""
        return self.size_bytes + self.kv_bytes_per_token * context_total + _OVERHEAD_BYTES


class _Bad(Exception):
    """What is wrong with the file, in words; becomes a StoreError that also names the file and the fix."""


def read_gguf(path: Path, *, model: str) -> GgufInfo:
    """Read the header of `path` and check that the file is as long as its tensor table demands.

    `model` is the name the user knows the file by; it appears in the advice, which tells files that a store keeps from
    the user's own. Raises StoreError if the file is missing, is not GGUF, is damaged, or is cut short.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _read(_Reader(file, size), path, size)
    except FileNotFoundError:
        raise StoreError(f"The file of model {model} is gone: {path}. Pull the model again.") from None
    except OSError as error:
        raise StoreError(f"The file of model {model} cannot be read: {path}: {error.strerror or error}.") from error
    except _Bad as problem:
        advice = f"Remove it with `ecotone models rm {model}` and pull it again." if is_kept(path) else _OWN_FILE
        raise StoreError(f"The file of model {model} cannot be used: {path}: {problem}. {advice}") from None


class _Reader:
    """Reads forward, never past the end, never more at once than a bound allows."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self.position = 0

    def take(self, count: int) -> bytes:
        self._advance(count)
        return self._file.read(count)

    def skip(self, count: int) -> None:
        self._advance(count)
        self._file.seek(count, 1)

    def _advance(self, count: int) -> None:
        self.position += count
        if self.position > self._size:
            raise _Bad(f"it ends inside its header, at {self._size:,} bytes")
        if self.position > _HEADER_BYTES_MAX:
            raise _Bad(f"its header is damaged: longer than {_HEADER_BYTES_MAX:,} bytes")

    def scalar(self, kind: struct.Struct) -> int | float | bool:
        value: int | float | bool = kind.unpack(self.take(kind.size))[0]
        return value

    def count(self, maximum: int, what: str, kind: struct.Struct = _U64) -> int:
        (value,) = kind.unpack(self.take(kind.size))
        if value > maximum:
            raise _Bad(f"its header is damaged: {what} of {value:,} where at most {maximum:,} make sense")
        return int(value)

    def text(self, maximum: int, what: str) -> str:
        return self.take(self.count(maximum, what)).decode("utf-8", "replace")


_Value: TypeAlias = str | int | float | bool | tuple[int | float | bool, ...] | None


def _read(reader: _Reader, path: Path, size: int) -> GgufInfo:
    if size < len(_MAGIC) or reader.take(len(_MAGIC)) != _MAGIC:
        raise _Bad("it is not a GGUF file")
    version = int(reader.scalar(_U32))
    if version not in _VERSIONS:
        raise _Bad(f"it has GGUF version {version}, and only versions 2 and 3 (little-endian) can be read")
    tensor_count = reader.count(_TENSORS_MAX, "a tensor count")
    entry_count = reader.count(_ENTRIES_MAX, "a metadata count")
    metadata: dict[str, _Value] = {}
    lengths: dict[str, int] = {}
    for _ in range(entry_count):
        key = reader.text(_KEY_BYTES_MAX, "a key length")
        metadata[key] = _read_value(reader, key, lengths)
    parameters, data_bytes = _read_tensors(reader, tensor_count)
    alignment = _number(metadata.get("general.alignment"), "general.alignment") or _ALIGNMENT_DEFAULT
    needed = -(-reader.position // alignment) * alignment + data_bytes
    if data_bytes and size < needed:
        raise _Bad(f"it is only {size:,} of at least {needed:,} bytes long, so it was pulled by halves")
    return _describe(path, size, metadata, lengths, parameters)


def _read_value(reader: _Reader, key: str, lengths: dict[str, int]) -> _Value:
    kind = int(reader.scalar(_U32))
    if kind == _STRING:
        return reader.text(_STRING_BYTES_MAX, f"a string length in {key!r}")
    if kind == _ARRAY:
        return _read_array(reader, key, lengths)
    if kind not in _SCALARS:
        raise _Bad(f"its header is damaged: {key!r} has the unknown type {kind}")
    return reader.scalar(_SCALARS[kind])


def _read_array(reader: _Reader, key: str, lengths: dict[str, int]) -> _Value:
    """Short arrays of numbers (one value a layer) are kept; vocabularies are only counted and stepped over."""
    kind = int(reader.scalar(_U32))
    count = reader.count(_ARRAY_ITEMS_MAX, f"an array length in {key!r}")
    lengths[key] = count
    if kind == _STRING:
        for _ in range(count):
            reader.skip(reader.count(_STRING_BYTES_MAX, f"a string length in {key!r}"))
        return None
    if kind not in _SCALARS:
        raise _Bad(f"its header is damaged: {key!r} is an array of the unknown type {kind}")
    item = _SCALARS[kind]
    if count > _KEPT_ITEMS_MAX:
        reader.skip(count * item.size)
        return None
    return tuple(value for (value,) in item.iter_unpack(reader.take(count * item.size)))


def _read_tensors(reader: _Reader, count: int) -> tuple[int, int]:
    """Elements of all tensors, and how many bytes of data the table demands."""
    parameters = data_bytes = 0
    for _ in range(count):
        name = reader.text(_KEY_BYTES_MAX, "a tensor name length")
        dimensions = reader.count(_DIMENSIONS_MAX, f"a dimension count in {name!r}", _U32)
        elements = 1
        for _ in range(dimensions):
            elements *= int(reader.scalar(_U64))
        kind = int(reader.scalar(_U32))
        offset = int(reader.scalar(_U64))
        # A type newer than this table still has at least one byte where it begins.
        per_block, block_bytes = _TENSOR_TYPES.get(kind, (max(elements, 1), 1))
        parameters += elements
        data_bytes = max(data_bytes, offset + -(-elements // per_block) * block_bytes)
    return parameters, data_bytes


def _describe(path: Path, size: int, metadata: dict[str, _Value], lengths: dict[str, int], parameters: int) -> GgufInfo:
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str):
        raise _Bad("its header names no architecture")

    def number(key: str) -> int | None:
        return _number(metadata.get(f"{architecture}.{key}"), f"{architecture}.{key}")

    layers = number("block_count") or 0
    if layers > _KEPT_ITEMS_MAX:
        raise _Bad(f"its header is damaged: {layers:,} layers")
    embedding = number("embedding_length") or 0
    heads = max(_per_layer(metadata.get(f"{architecture}.attention.head_count"), layers, 0), default=0)
    kv_heads = _per_layer(metadata.get(f"{architecture}.attention.head_count_kv"), layers, heads)
    head_length = embedding // heads if heads else 0
    file_type = _number(metadata.get("general.file_type"), "general.file_type")
    name = metadata.get("general.name")
    template = metadata.get("tokenizer.chat_template")
    return GgufInfo(
        path=path,
        size_bytes=size,
        architecture=architecture,
        name=name if isinstance(name, str) else None,
        parameters=parameters,
        context_length=number("context_length"),
        embedding_length=embedding,
        vocabulary=lengths.get("tokenizer.ggml.tokens", 0),
        kv_heads=kv_heads,
        key_length=number("attention.key_length") or head_length,
        value_length=number("attention.value_length") or head_length,
        quantisation=None if file_type is None else _QUANTISATIONS.get(file_type),
        pooling=number("pooling_type"),
        chat_template=template if isinstance(template, str) else None,
    )


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _number(value: _Value, key: str) -> int | None:
    if value is None:
        return None
    if not _is_count(value):
        raise _Bad(f"its header is damaged: {key!r} is no count")
    return value


def _per_layer(value: _Value, layers: int, default: int) -> tuple[int, ...]:
    """Head counts: one number for all layers, or one a layer."""
    if _is_count(value):
        return (value,) * layers
    if isinstance(value, tuple) and len(value) == layers:
        return tuple(item for item in value if _is_count(item))
    return (default,) * layers
