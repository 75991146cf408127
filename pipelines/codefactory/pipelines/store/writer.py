"""The writer: one thread that commits what has come in meanwhile, all at once.

Waiting for a disk costs the same for one row and for a thousand, so while one commit is under way the next batch
gathers. Nothing of SQLite happens on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from .errors import StoreError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

Insert = tuple[str, "RunKey", tuple[Any, ...]]
"""Statement, run, and the values after the run's number."""

BEAT_S = 1.0


@dataclass(slots=True)
class RunKey:
    """The number of a run's row, known once its insert has been executed."""

    n: int = 0


@dataclass(slots=True)
class _Batch:
    calls: list[Callable[[sqlite3.Connection], Any]] = field(
        default_factory=list["Callable[[sqlite3.Connection], Any]"]
    )
    inserts: dict[str, list[tuple[RunKey, tuple[Any, ...]]]] = field(
        default_factory=dict[str, list[tuple[RunKey, tuple[Any, ...]]]]
    )
    last: list[Callable[[sqlite3.Connection], Any]] = field(default_factory=list["Callable[[sqlite3.Connection], Any]"])
    waiting: list[asyncio.Future[None]] = field(default_factory=list["asyncio.Future[None]"])
    full: bool = False


class Writer:
    """Owns the connection that writes. While `busy`, `beat` is called every BEAT_S seconds, inside a transaction; a
    store that nobody uses writes nothing."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        name: str,
        beat: Callable[[sqlite3.Connection], None],
        busy: Callable[[], bool],
    ) -> None:
        self._connection = connection
        self._name = name
        self._beat = beat
        self._busy = busy
        self._beaten = 0.0
        self._batch = _Batch()
        self._lock = threading.Lock()
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._woken = False
        self._closing = False
        self._full = False
        self._thread = threading.Thread(target=self._work, name="run-store", daemon=True)
        self._thread.start()

    def insert(self, statement: str, run: RunKey, values: tuple[Any, ...]) -> None:
        """Add one row; rows of one statement are inserted together, in order."""
        with self._lock:
            rows = self._batch.inserts.get(statement)
            if rows is None:
                self._batch.inserts[statement] = [(run, values)]
            else:
                rows.append((run, values))
        if not self._woken:
            self._wake_soon()

    def call(self, work: Callable[[sqlite3.Connection], Any], *, last: bool = False) -> None:
        """Do something in the next transaction: before its rows, or after."""
        with self._lock:
            (self._batch.last if last else self._batch.calls).append(work)
        if not self._woken:
            self._wake_soon()

    def committed(self, *, full: bool = False) -> asyncio.Future[None]:
        """Done when everything handed in so far is committed; with `full`, also against a power cut.

        Raises StoreError when it could not be.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._closing:
                raise StoreError(f"the run store {self._name} is closed")
            self._batch.waiting.append(future)
            if full:
                self._batch.full = True
        if not self._woken:
            self._wake_soon()
        return future

    def _wake_soon(self) -> None:
        """Wake the thread once the loop has run what is ready now: that makes one batch instead of many small ones,
        and the two threads do not fight for the interpreter."""
        self._woken = True
        try:
            asyncio.get_running_loop().call_soon(self._wake.put, None)
        except RuntimeError:
            self._wake.put(None)

    async def do(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """The result of `work`, called in a transaction of the writer's. An exception of `work` comes back as it is,
        and undoes only what `work` did."""
        box: list[Any] = []

        def guarded(connection: sqlite3.Connection) -> None:
            connection.execute("savepoint work")
            try:
                box.append((work(connection), None))
            except Exception as error:  # noqa: BLE001 handed to whoever asked
                connection.execute("rollback to work")
                box.append((None, error))
            connection.execute("release work")

        self.call(guarded)
        await self.committed()
        value, error = box[-1]
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """Commit what is left and end the thread."""
        with self._lock:
            self._closing = True
        self._wake.put(None)
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        while True:
            with contextlib.suppress(queue.Empty):
                self._wake.get(timeout=BEAT_S)
            self._woken = False
            with self._lock:
                batch, self._batch = self._batch, _Batch()
                closing = self._closing
            error: BaseException | None = None
            working = bool(batch.calls or batch.inserts or batch.last)
            beating = (working or self._busy()) and monotonic() - self._beaten >= BEAT_S
            if beating or working:
                try:
                    self._commit(batch, beating)
                except Exception as failure:  # noqa: BLE001 whoever waits is told
                    error = StoreError(f"the run store {self._name} cannot be written: {failure}")
            _tell(batch.waiting, error)
            if closing:
                return

    def _commit(self, batch: _Batch, beating: bool) -> None:
        connection = self._connection
        if batch.full != self._full:
            connection.execute(f"pragma synchronous = {'full' if batch.full else 'normal'}")
            self._full = batch.full
        connection.execute("begin immediate")
        try:
            for work in batch.calls:
                work(connection)
            for statement, rows in batch.inserts.items():
                connection.executemany(statement, [(run.n, *values) for run, values in rows])
            for work in batch.last:
                work(connection)
            if beating:
                self._beat(connection)
                self._beaten = monotonic()
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise


def _tell(waiting: list[asyncio.Future[None]], error: BaseException | None) -> None:
    """Finish the futures, each on its own loop: one wake-up a loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for future in waiting:
        by_loop.setdefault(future.get_loop(), []).append(future)
    for loop, futures in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(partial(_finish, futures, error))


def _finish(futures: list[asyncio.Future[None]], error: BaseException | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
