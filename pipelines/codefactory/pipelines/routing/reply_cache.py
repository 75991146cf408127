"""`ReplyCache`: replies to requests that leave nothing to chance, kept in the user's cache folder.

Keys are hashes, so that the cache holds no request. It is bounded; what was used longest ago goes first.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from codefactory.pipelines.store.database import Schema
from codefactory.pipelines.store.errors import StoreError
from codefactory.pipelines.store.serial import SerialDatabase

if TYPE_CHECKING:
    import sqlite3

log = logging.getLogger(__name__)

APPLICATION_ID = 0x43464152
"""In the file's header: "CFAR"."""

MIGRATIONS = (
    """
    create table reply (key text primary key, text text not null, size integer not null, used_at real not null)
        without rowid;
    create index reply_by_use on reply (used_at);
    """,
)

REPLIES = Schema("cache of replies", APPLICATION_ID, MIGRATIONS)


class ReplyCache:
    def __init__(self, path: Path, max_bytes: int) -> None:
        self._database = SerialDatabase(path, REPLIES)
        self._max_bytes = max_bytes

    async def get(self, key: str) -> str | None:
        """None also when the cache cannot be read: it only saves money."""

        def read(connection: sqlite3.Connection) -> str | None:
            row: Any = connection.execute("select text from reply where key = ?", (key,)).fetchone()
            if row is None:
                return None
            connection.execute("update reply set used_at = ? where key = ?", (time.time(), key))
            return str(row[0])

        try:
            return await self._database.do(read)
        except StoreError as error:
            log.warning("%s", error)
            return None

    def put(self, key: str, text: str) -> None:
        """Written soon; at the latest before the process ends."""
        try:
            size = len(text.encode()) + len(key)
        except UnicodeEncodeError:  # SQLite keeps no half of a surrogate pair
            return
        if size > self._max_bytes // 4:
            return

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("insert or replace into reply values (?, ?, ?, ?)", (key, text, size, time.time()))
            total: int = connection.execute("select sum(size) from reply").fetchone()[0]
            if total <= self._max_bytes:
                return
            for old, old_size in connection.execute("select key, size from reply order by used_at").fetchall():
                if total <= self._max_bytes * 3 // 4:
                    break
                connection.execute("delete from reply where key = ?", (old,))
                total -= old_size

        self._database.write(write)

    def close(self) -> None:
        self._database.close()


def key_of(**request: Any) -> str:
    """Of everything that can change the reply; values as for JSON."""
    said = json.dumps(request, sort_keys=True, ensure_ascii=True, default=repr)
    return hashlib.sha256(said.encode()).hexdigest()


def default_cache(max_bytes: int) -> ReplyCache:
    """The user's; the same object for all of this process."""
    return _cache_at(Path(platformdirs.user_cache_dir("codefactory")) / "replies.db", max_bytes)


@functools.cache
def _cache_at(path: Path, max_bytes: int) -> ReplyCache:
    return ReplyCache(path, max_bytes)
