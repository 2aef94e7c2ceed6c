"""Noticing that the config file has changed."""

from pathlib import Path

Signature = tuple[int, int, int] | None


class FileWatch:
    """Tells when a file was written, replaced, removed or came back, by its state on disk."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = self._signature()

    def _signature(self) -> Signature:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def changed(self) -> bool:
        """Has the file changed since the last call?"""
        seen, self._seen = self._seen, self._signature()
        return seen != self._seen
