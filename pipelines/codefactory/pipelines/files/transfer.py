"""Bytes from one open file to another, in the kernel where it can: no byte passes through Python then."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from .errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable

STEP_BYTES = 32 * 1024 * 1024
"""Moved between two looks at whether to go on: some 20 ms."""
BUFFER_BYTES = 256 * 1024
_CANNOT = (
    errno.EXDEV,
    errno.ENOSYS,
    errno.EINVAL,
    errno.EOPNOTSUPP,
    errno.EBADF,
    errno.EPERM,
    getattr(errno, "ENOTSUP", errno.EOPNOTSUPP),
)


def transfer(source: int, target: int, limit: int, progress: Callable[[int], None]) -> int:
    """Copy from where `source` is to its end; the bytes copied. `progress(copied)` is called between steps and may
    raise. Raises FileError beyond `limit` bytes, and OSError."""
    ways = [way for way in (_kernel_copy, _sendfile) if way is not None]
    by_hand = _ByHand()
    copied = 0
    while True:
        step = _next(ways, by_hand, source, target)
        if not step:
            return copied
        copied += step
        if copied > limit:
            raise FileError(f"it is larger than the {limit:,} bytes that a file may have (`maxFileBytes`)")
        progress(copied)


def _next(ways: list[Callable[[int, int], int]], by_hand: Callable[[int, int], int], source: int, target: int) -> int:
    while ways:
        try:
            return ways[0](source, target) or by_hand(source, target)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            del ways[0]
    return by_hand(source, target)


if hasattr(os, "copy_file_range"):

    def _copy_file_range(source: int, target: int) -> int:
        return os.copy_file_range(source, target, STEP_BYTES)

    _kernel_copy: Callable[[int, int], int] | None = _copy_file_range
else:
    _kernel_copy = None

if hasattr(os, "sendfile"):

    def _send(source: int, target: int) -> int:
        return os.sendfile(target, source, None, STEP_BYTES)

    _sendfile: Callable[[int, int], int] | None = _send
else:
    _sendfile = None


class _ByHand:
    """Through one buffer, which stays in the processor's cache."""

    def __init__(self) -> None:
        self._buffer: bytearray | None = None

    def __call__(self, source: int, target: int) -> int:
        if self._buffer is None:
            self._buffer = bytearray(BUFFER_BYTES)
        count = os.readv(source, [self._buffer]) if hasattr(os, "readv") else self._read(source, self._buffer)
        write_all(target, memoryview(self._buffer)[:count])
        return count

    def _read(self, source: int, buffer: bytearray) -> int:
        data = os.read(source, len(buffer))
        buffer[: len(data)] = data
        return len(data)


def write_all(target: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
