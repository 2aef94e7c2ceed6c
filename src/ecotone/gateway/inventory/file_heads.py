"""What model files say of themselves, read once for as long as they stay as they are: a head may hold a vocabulary of
150,000 words, which takes a third of a second to step over."""

from functools import lru_cache
from pathlib import Path

from ecotone.upstream.gguf import GgufInfo, read_gguf

_KEPT_MAX = 256


def head_of(path: Path, *, model: str) -> GgufInfo:
    """As `read_gguf`: the file's own description. Raises StoreError."""
    try:
        status = path.stat()
    except OSError:
        return read_gguf(path, model=model)
    return _head(path, model, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=_KEPT_MAX)
def _head(path: Path, model: str, mtime_ns: int, size: int) -> GgufInfo:
    return read_gguf(path, model=model)
