"""`SerialDatabase`: a small database that several programs share, and this process's one thread that works on it."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from .database import open_database
from .errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from .database import Schema

T = TypeVar("T")
log = logging.getLogger(__name__)


class SerialDatabase:
    """Opened on first use. What was handed in is written before the process ends; nothing blocks an event loop."""

    def __init__(self, path: Path, schema: Schema) -> None:
        self.path = path
        self.set_aside: Path | None = None
        """Where a damaged file was moved to, once it was opened."""
        self._schema = schema
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=schema.name)  # joined when the interpreter ends
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
            self.submit(work).add_done_callback(self._log_failure)
        except RuntimeError as error:  # the process ends, or this was closed
            log.warning("the %s misses an entry: %s", self._schema.name, error)

    def close(self) -> None:
        """Write what was handed in, and end the thread."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._thread.submit(self._disconnect)
        self._thread.shutdown()

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
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
            raise StoreError(f"the {self._schema.name} {self.path} cannot be written: {error}") from error
        return result

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            opened = open_database(self.path, self._schema)
            self._connection, self.set_aside = opened.connection, opened.set_aside
            if opened.set_aside:
                log.warning(
                    "the %s was damaged; it is kept as %s, and a new one begun", self._schema.name, opened.set_aside
                )
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _log_failure(self, done: Future[object]) -> None:
        if not done.cancelled() and (error := done.exception()):
            log.warning("the %s misses an entry: %s", self._schema.name, error)
