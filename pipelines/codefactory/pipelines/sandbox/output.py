"""What a program says: read as it comes, kept up to a bound, passed on."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal, Self

from .sandbox import Stream

if TYPE_CHECKING:
    from types import TracebackType

OnOutput = Callable[[Stream, bytes], Awaitable[None] | None]
_Source = Literal["stdout", "stderr", "result"]
_CHUNK = 65_536
_SILENCE_S = 0.5
"""How long, once every process has ended, a pipe may be open without saying anything."""


class ResultPipe:
    """A pipe of the program's own, beside stdout and stderr."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        self._open = {self.read_end, self.write_end}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: type[BaseException] | BaseException | TracebackType | None) -> None:
        for descriptor in tuple(self._open):
            self.close(descriptor)

    def close(self, descriptor: int) -> None:
        self._open.discard(descriptor)
        with contextlib.suppress(OSError):
            os.close(descriptor)

    async def reader(self) -> asyncio.StreamReader:
        """Once the program has been started."""
        self.close(self.write_end)
        reader = asyncio.StreamReader()
        file = os.fdopen(self.read_end, "rb", buffering=0)
        self._open.discard(self.read_end)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
        return reader


class Output:
    def __init__(self, limit_bytes: int, on_output: OnOutput | None, *, all_of_it: bool) -> None:
        """`all_of_it`: `on_output` also gets what is beyond the bound."""
        self._left = limit_bytes
        self._all_of_it = all_of_it
        self._on_output = on_output
        self._tasks: list[asyncio.Task[None]] = []
        self._busy = 0
        self.kept: dict[_Source, bytearray] = {"stdout": bytearray(), "stderr": bytearray(), "result": bytearray()}
        self.excess = asyncio.Event()
        """Set once more has been said than may be."""
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Has the exception of `on_output`, if it raised one."""

    @property
    def truncated(self) -> bool:
        return self.excess.is_set()

    async def begin(self, process: asyncio.subprocess.Process, pipe: ResultPipe | None) -> None:
        readers: dict[_Source, asyncio.StreamReader | None] = {"stdout": process.stdout, "stderr": process.stderr}
        if pipe is not None:
            readers["result"] = await pipe.reader()
        for source, reader in readers.items():
            if reader is not None:
                self._tasks.append(asyncio.ensure_future(self._read(source, reader)))

    async def to_the_end(self) -> None:
        """Once every process has ended: what is still in the pipes. Raises what `on_output` raised."""
        _, silent = await asyncio.wait(self._tasks, timeout=_SILENCE_S)
        while silent and self._busy:
            _, silent = await asyncio.wait(silent, timeout=_SILENCE_S)
        failed = self.failed.exception() if self.failed.done() else None
        self.abandon()
        if failed is not None:
            raise failed

    def abandon(self) -> None:
        for task in self._tasks:
            task.cancel()
        if not self.failed.done():
            self.failed.cancel()
        elif not self.failed.cancelled():
            self.failed.exception()

    async def _read(self, source: _Source, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(_CHUNK):
            kept = chunk[: self._left]
            self._left -= len(kept)
            self.kept[source] += kept
            if len(kept) < len(chunk):
                self.excess.set()
            passed = chunk if self._all_of_it else kept
            if source == "result" or self._on_output is None or not passed:
                continue
            self._busy += 1
            try:
                done = self._on_output(source, passed)
                if inspect.isawaitable(done):
                    await done
            except Exception as error:  # noqa: BLE001 it is raised where the program is waited for
                if not self.failed.done():
                    self.failed.set_exception(error)
                return
            finally:
                self._busy -= 1
