"""`GraphCache`: what extraction found, by content, kept in one file between two starts.

The file is zlib-compressed JSON: it may lie where others can write, so nothing in it is executed or unpickled.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from codefactory.analyzers.finding import Problem

from .imports import FileImports

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
"""To be raised whenever extraction gives other results for the same bytes."""
_MAX_BYTES = 1 << 30
_log = logging.getLogger(__name__)


class GraphCache:
    """Entries that were read, by content key. A file that cannot be used is set aside as NAME.bad, and said."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.problem: Problem | None = None
        self._entries: dict[str, Any] = {}
        self._loaded = False

    def get(self, key: bytes) -> FileImports | None:
        if not self._loaded:
            self._load()
        entry = self._entries.get(key.hex())
        if entry is None:
            return None
        try:
            return FileImports.from_json(entry)
        except (ValueError, TypeError, OverflowError) as error:
            del self._entries[key.hex()]
            self._say(f"has an entry that cannot be read ({error}); that file is read anew")
            return None

    def save(self, current: Mapping[bytes, FileImports]) -> None:
        """Write `current`, and as many older entries again: those of the branch that was left. Raises OSError."""
        if not self._loaded:
            self._load()
        entries: dict[str, Any] = {key.hex(): found.to_json() for key, found in current.items() if key}
        for key in list(self._entries)[: len(entries)]:
            entries.setdefault(key, self._entries[key])
        self._entries = entries
        data = zlib.compress(json.dumps([VERSION, entries], separators=(",", ":")).encode(), 1)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_bytes(data)
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)

    def _load(self) -> None:
        self._loaded = True
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            self._say(f"cannot be read ({error.strerror})")
            return
        try:
            version, entries = _decode(data)
        except (ValueError, TypeError, zlib.error, RecursionError) as error:
            aside = self.path.with_name(self.path.name + ".bad")
            with contextlib.suppress(OSError):
                self.path.replace(aside)
            self._say(f"is damaged ({error}); it was set aside as {aside.name}, and all files are read anew")
            return
        if version == VERSION:
            self._entries = entries

    def _say(self, message: str) -> None:
        self.problem = Problem("graph", "configuration", f"The graph's cache {self.path} {message}.")
        _log.warning(self.problem.message)


def _decode(data: bytes) -> tuple[Any, dict[str, Any]]:
    inflate = zlib.decompressobj()
    text = inflate.decompress(data, _MAX_BYTES)
    if not inflate.eof:
        raise ValueError("it is cut short or too large")
    version, entries = json.loads(text)
    if not isinstance(entries, dict):
        raise TypeError("it holds no entries")
    return version, cast("dict[str, Any]", entries)
