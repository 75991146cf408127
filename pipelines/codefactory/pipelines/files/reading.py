"""What is in an open file, as text: whole, in lines, in pieces. `shown` is its path, for messages."""

from __future__ import annotations

import codecs
import io
import itertools
import os
from typing import TYPE_CHECKING

from . import text as texts
from .errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .text import Form

MAX_LINE = 64 * 1024 * 1024
PIECE_BYTES = 1 << 20


def form_of(fd: int, encoding: str) -> Form:
    """How the file writes its text, by its first bytes."""
    os.lseek(fd, 0, os.SEEK_SET)
    return texts.form_of(os.read(fd, 4), encoding)


def read(fd: int, start: int, end: int) -> bytes:
    os.lseek(fd, start, os.SEEK_SET)
    parts: list[bytes] = []
    while start < end and (data := os.read(fd, end - start)):
        parts.append(data)
        start += len(data)
    return b"".join(parts)


def some_lines(
    fd: int, shown: str, encoding: str, offset: int, limit: int | None, max_characters: int, check: Callable[[], None]
) -> list[str]:
    """`limit` lines from line `offset` on. Raises FileError if they are larger than `max_characters`."""
    found: list[str] = []
    kept = 0
    for line in itertools.islice(lines(fd, shown, encoding, check), offset, None if limit is None else offset + limit):
        kept += len(line) + 1
        if kept > max_characters:
            raise FileError(f"the lines of `{shown}` are larger than `max_bytes` ({max_characters:,})")
        found.append(line)
    return found


def lines(fd: int, shown: str, encoding: str, check: Callable[[], None]) -> Iterator[str]:
    """All lines without their endings (`\\n`, `\\r\\n` or `\\r`); nothing after the last ending is no line."""
    endings = io.IncrementalNewlineDecoder(None, translate=True)
    pending: list[str] = []
    length = 0
    for piece in pieces(fd, shown, form_of(fd, encoding), 0, os.fstat(fd).st_size, PIECE_BYTES, check):
        first, *others = endings.decode(piece).split("\n")
        pending.append(first)
        length += len(first)
        if length > MAX_LINE:
            raise FileError(f"a line of `{shown}` is longer than {MAX_LINE:,} characters")
        if others:
            yield "".join(pending)
            yield from others[:-1]
            pending, length = [others[-1]], len(others[-1])
    if endings.decode("", final=True) or length:
        yield "".join(pending)


def pieces(
    fd: int, shown: str, form: Form, start: int, end: int, size: int, check: Callable[[], None]
) -> Iterator[str]:
    """The text in pieces of about `size` bytes, never in the middle of a character. Raises FileError naming a byte that
    is not valid."""
    decoder = codecs.getincrementaldecoder(form.encoding)()
    at = max(start, len(form.mark))
    os.lseek(fd, at, os.SEEK_SET)
    while at < end:
        check()
        data = os.read(fd, min(size, end - at))
        if not data:
            break
        try:
            piece = decoder.decode(data, final=at + len(data) >= end)
        except UnicodeDecodeError as error:
            raise texts.not_valid(error, shown, at - (len(error.object) - len(data))) from error
        at += len(data)
        if piece:
            yield piece
