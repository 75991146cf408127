"""Text files: bytes ↔ text without loss, and writes that are whole or not at all.

Line endings, a byte order mark and the encoding a Python file declares (PEP 263) come back exactly as they were. What
is not text in its declared encoding is a Problem, never a guess.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import re
import stat
import tempfile
import tokenize
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codefactory.analyzers import Problem, Snapshot, language_of

if TYPE_CHECKING:
    from codefactory.analyzers.finding import ProblemKind

MAX_BYTES = 20_000_000
"""Larger files are not read. bandit and the grammars need many times a file's size in memory."""

_SNIFFED_BYTES = 8192
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*[-\w.]+", re.MULTILINE)


class FileChangedError(OSError):
    """The file is no longer what was read; nothing was written."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file as it was read: its text, and what is needed to write it back the same way."""

    path: Path
    snapshot: Snapshot
    encoding: str
    """A Python codec name, without the byte order mark."""
    bom: bool
    digest: bytes
    """blake2b of the bytes."""

    def encode(self, text: str) -> bytes:
        """Raises UnicodeEncodeError when the file's encoding has no such character."""
        return (codecs.BOM_UTF8 if self.bom else b"") + text.encode(self.encoding)

    @property
    def is_plain_utf8(self) -> bool:
        """Whether a tool that reads the file by itself sees the same text at the same columns."""
        return self.encoding == "utf-8" and not self.bom


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that could not be taken as text, and why."""

    path: Path
    problem: Problem
    binary: bool = False


def read(path: Path, language: str | None = None) -> TextFile | Unreadable:
    """Read one file. `language` overrides what its name says."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return _unreadable(path, "unsupported", "is not a regular file")
        if status.st_size > MAX_BYTES:
            text = f"was not checked: {status.st_size:,} bytes are over the limit of {MAX_BYTES:,}"
            return _unreadable(path, "too-large", text)
        data = path.read_bytes()
    except OSError as error:
        return _unreadable(path, "missing", f"cannot be read: {error.strerror or error}")
    return decode(data, path, language)


def decode(data: bytes, path: Path, language: str | None = None) -> TextFile | Unreadable:
    """Bytes that are, or are to be taken for, the file at `path`."""
    language = language or language_of(str(path))
    if is_binary(data):
        text = f"{path} is a binary file, or UTF-16 or UTF-32 text; it was not checked."
        return Unreadable(path, Problem("files", "unsupported", text), binary=True)
    bom = data.startswith(codecs.BOM_UTF8)
    content = data.removeprefix(codecs.BOM_UTF8)
    encoding = "utf-8"
    try:
        if language == "python":
            encoding = _declared_encoding(data)
        text = content.decode(encoding)
        exact = text.encode(encoding) == content
    except SyntaxError as error:  # an unknown encoding, or one that contradicts the byte order mark
        return _unreadable(path, "unsupported", f"was not checked: {error.msg}")
    except UnicodeDecodeError as error:
        remedy = "declare its encoding (PEP 263) or convert it" if language == "python" else "convert it to UTF-8"
        text = f"is not {encoding.upper()}: byte 0x{data[error.start]:02x} at offset {error.start:,}; {remedy}"
        return _unreadable(path, "unsupported", text)
    except (UnicodeError, LookupError) as error:
        return _unreadable(path, "unsupported", f"was not checked: {error}")
    if not exact:
        return _unreadable(
            path, "unsupported", f"cannot be written back in {encoding} as it was, so it was not checked"
        )
    snapshot = Snapshot(path.absolute().as_uri(), text, language)
    return TextFile(path, snapshot, encoding, bom, _digest(data))


def is_binary(data: bytes) -> bool:
    """As git: a null byte near the beginning."""
    return b"\0" in data[:_SNIFFED_BYTES]


def write(file: TextFile, text: str) -> None:
    """Replace the file's content by `text`, atomically: a reader, or a crash, sees the old or the new file.

    A symlink stays one and its target is replaced; mode and, where permitted, owner stay. Raises FileChangedError when
    the file is not what was read, UnicodeEncodeError, or another OSError; then nothing has changed.
    """
    data = file.encode(text)
    target = Path(os.path.realpath(file.path))
    status = target.stat()
    if not os.access(target, os.W_OK):
        raise PermissionError(f"{file.path} is write-protected")
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".codefactory", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        _copy_ownership(temporary, status)
        _check_unchanged(file, target)
        temporary.replace(target)
    except BaseException:  # KeyboardInterrupt too: leave no temporary file behind
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


def _check_unchanged(file: TextFile, target: Path) -> None:
    if _digest(target.read_bytes()) != file.digest:
        raise FileChangedError(f"{file.path} changed meanwhile; nothing was written")


def _copy_ownership(path: Path, status: os.stat_result) -> None:
    made = path.stat()
    if hasattr(os, "chown") and (status.st_uid, status.st_gid) != (made.st_uid, made.st_gid):
        with suppress(OSError):
            os.chown(path, status.st_uid, status.st_gid)
    path.chmod(stat.S_IMODE(status.st_mode))


def _declared_encoding(data: bytes) -> str:
    """By PEP 263. Raises SyntaxError."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError:
        head = data.removeprefix(codecs.BOM_UTF8).split(b"\n", 2)[:2]
        if _COOKIE.search(b"\n".join(head)):
            raise
        return "utf-8"  # no declaration: decoding says where it is not UTF-8
    return "utf-8" if encoding == "utf-8-sig" else encoding


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _unreadable(path: Path, kind: ProblemKind, text: str) -> Unreadable:
    return Unreadable(path, Problem("files", kind, f"{path} {text}."))
