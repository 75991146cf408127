"""`GraphCache`: what extraction found, by content, kept in one file between two starts.

A line of JSON with the version and the number of entries, then zlib-compressed blocks of lines, one entry a line: no
step of reading or writing it holds up other threads, and an entry is parsed when it is asked for. The file may lie
where others can write, so nothing in it is executed or unpickled.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import zlib
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from codefactory.analyzers.finding import Problem

from .imports import FileImports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VERSION = 2
"""To be raised whenever extraction gives other results for the same bytes, or the file's form changes."""
_NAME = "codefactory graph"
_BLOCK_ENTRIES = 200
_MAX_BYTES = 1 << 30
_SIZE = struct.Struct("<I")
_KEY_DIGITS = 32


class GraphCache:
    """Entries that were read, by content key. A file that cannot be used is set aside as NAME.bad, and said."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.problem: Problem | None = None
        self._entries: dict[bytes, bytes] = {}
        """Hexadecimal content key → JSON."""
        self._loaded = False

    def get(self, key: bytes) -> FileImports | None:
        if not self._loaded:
            self._load()
        digits = key.hex().encode()
        entry = self._entries.get(digits)
        if entry is None:
            return None
        try:
            return FileImports.from_json(json.loads(entry))
        except (ValueError, TypeError, RecursionError) as error:
            del self._entries[digits]
            self._say(f"has an entry that cannot be read ({error}); that file is read anew")
            return None

    def save(self, current: Mapping[bytes, FileImports]) -> None:
        """Write `current`, and as many older entries again: those of the branch that was left. Nothing is written when
        the file has all of it. Raises OSError."""
        if not self._loaded:
            self._load()
        digits = {key.hex().encode(): key for key in current if key}
        if digits.keys() <= self._entries.keys():
            return
        entries = {
            name: self._entries.get(name) or json.dumps(current[key].to_json(), separators=(",", ":")).encode()
            for name, key in digits.items()
        }
        older = (item for item in self._entries.items() if item[0] not in digits)
        entries.update(islice(older, len(digits)))
        self._entries = entries
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                file.writelines(_encode(entries))
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
            self._entries = _decode(data)
        except (ValueError, TypeError, struct.error, zlib.error, RecursionError) as error:
            aside = self.path.with_name(self.path.name + ".bad")
            with contextlib.suppress(OSError):
                self.path.replace(aside)
            self._say(f"is damaged ({error}); it was set aside as {aside.name}, and all files are read anew")

    def _say(self, message: str) -> None:
        import logging  # not in a worker, which imports this module without using it

        self.problem = Problem("graph", "configuration", f"The graph's cache {self.path} {message}.")
        logging.getLogger(__name__).warning(self.problem.message)


def _encode(entries: Mapping[bytes, bytes]) -> Iterator[bytes]:
    yield json.dumps([_NAME, VERSION, len(entries)]).encode() + b"\n"
    remaining = iter(entries.items())
    while lines := [b"%b %b\n" % item for item in islice(remaining, _BLOCK_ENTRIES)]:
        block = zlib.compress(b"".join(lines), 1)
        yield _SIZE.pack(len(block)) + block


def _decode(data: bytes) -> dict[bytes, bytes]:
    """Empty for a file of another version."""
    header, _, blocks = data.partition(b"\n")
    name, version, count = json.loads(header)
    if name != _NAME:
        raise ValueError("it is no cache of a graph")
    if version != VERSION:
        return {}
    entries: dict[bytes, bytes] = {}
    for block in _inflated(memoryview(blocks)):
        for line in block.splitlines():
            key, _, entry = line.partition(b" ")
            if len(key) != _KEY_DIGITS:
                raise ValueError("an entry has no key")
            entries[key] = entry
    if len(entries) != count:
        raise ValueError("it is cut short")
    return entries


def _inflated(data: memoryview) -> Iterator[bytes]:
    at, room = 0, _MAX_BYTES
    while at < len(data):
        (size,) = _SIZE.unpack_from(data, at)
        at += _SIZE.size
        inflate = zlib.decompressobj()
        block = inflate.decompress(data[at : at + size], max(room, 1))  # 0 would mean: no limit
        if not inflate.eof:
            raise ValueError("it is cut short or too large")
        yield block
        at, room = at + size, room - len(block)
