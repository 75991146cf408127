"""`LedgerStore`: the ledger's file, and the one thread of this process that works on it."""

from __future__ import annotations

import asyncio
import functools
import logging
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import platformdirs

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

T = TypeVar("T")
log = logging.getLogger(__name__)


class LedgerStore:
    """Opened on first use. What was handed in is written before the process ends; nothing blocks an event loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set_aside: Path | None = None
        """Where a damaged file was moved to, once it was opened."""
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")  # joined when the interpreter ends
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """The result of `work`, done in a transaction of its own. Raises, in the future, what it raises, or
        StoreError."""
        return self._thread.submit(self._do, work)

    async def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.wrap_future(self.submit(work))

    def write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """As `submit`, for what nobody waits for; a failure is logged."""
        try:
            self.submit(work).add_done_callback(_log_failure)
        except RuntimeError as error:  # the process ends, or the store was closed
            log.warning("the ledger misses an entry: %s", error)

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self._thread.submit(self._disconnect)
        self._thread.shutdown()

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        from codefactory.pipelines.store import StoreError

        connection = self._connect()
        try:
            connection.execute("begin immediate")
            try:
                result = work(connection)
                connection.execute("commit")
            except BaseException:
                connection.execute("rollback")
                raise
        except sqlite3.Error as error:
            raise StoreError(f"the ledger {self.path} cannot be written: {error}") from error
        return result

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            from .database import open_ledger  # here, since it imports the engine

            opened = open_ledger(self.path)
            self._connection, self.set_aside = opened.connection, opened.set_aside
            if opened.set_aside:
                log.warning("the ledger was damaged; it is kept as %s, and a new one begun", opened.set_aside)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def ledger_path() -> Path:
    return Path(platformdirs.user_data_dir("codefactory")) / "ledger.db"


def default_store() -> LedgerStore:
    """The user's ledger; the same object for all of this process."""
    return _store_at(ledger_path())


@functools.cache
def _store_at(path: Path) -> LedgerStore:
    return LedgerStore(path)


def _log_failure(done: Future[object]) -> None:
    if not done.cancelled() and (error := done.exception()):
        log.warning("the ledger misses an entry: %s", error)
