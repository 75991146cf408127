"""Keeping a store small and safe: pruning, vacuum, backup, restore, check."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING

from codefactory.pipelines.files import trash

from . import queries
from .database import connect, migrate, move_aside
from .errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from .sqlite import Store

_TABLES = ("step", "event", "receipt", "intent", "question")
_FRESH_S = 3600.0
"""A large result younger than this is kept even if no row names it: its row may be about to be committed."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Which runs are kept. A run goes when any of these says so; runs that are alive or wait for an answer stay."""

    max_age_s: float | None = None
    max_runs: int | None = None
    max_bytes: int | None = None
    """Of the database: the oldest runs go until it fits."""


@dataclass(frozen=True, slots=True)
class Pruned:
    runs: int
    files: int
    bytes: int
    """By which the database and the results shrank."""


async def prune(store: Store, retention: Retention) -> Pruned:
    """Delete what retention no longer keeps, and give the space back to the file system."""
    before = _size(store)
    victims = await store.writer.do(lambda c: _victims(c, retention))
    for start in range(0, len(victims), 200):
        chunk = victims[start : start + 200]
        await _forget(store, chunk)
    if retention.max_bytes is not None:
        while (oldest := await store.writer.do(lambda c: _oversize(c, retention.max_bytes or 0))) is not None:
            await _forget(store, [oldest])
            victims.append(oldest)
    files = await store.writer.do(lambda c: _drop_files(store, c))
    await asyncio.to_thread(vacuum, store)
    return Pruned(len(victims), files, max(0, before - _size(store)))


async def _forget(store: Store, runs: list[int]) -> None:
    """Delete runs, and what their steps had deleted for good."""
    ids = await store.writer.do(lambda c: _delete(c, runs))
    for run_id in ids:
        await asyncio.to_thread(trash.empty, store.place.database.parent, run_id)


def vacuum(store: Store) -> None:
    """Give free pages back. Blocks for as long as the pages take; other processes may go on."""
    with closing(connect(store.place.database)) as connection:
        connection.execute("pragma incremental_vacuum").fetchall()
        connection.execute("pragma wal_checkpoint(truncate)").fetchall()


def _victims(connection: sqlite3.Connection, retention: Retention) -> list[int]:
    rows = queries.list_runs(connection, limit=10_000_000)
    gone = [r for r in rows if r.status != "waiting" and (r.status != "running" or r.interrupted)]
    chosen: set[int] = set()
    if retention.max_age_s is not None:
        limit = time() - retention.max_age_s
        chosen |= {r.n for r in gone if r.updated_at < limit}
    if retention.max_runs is not None:
        kept = {r.n for r in rows[: retention.max_runs]}
        chosen |= {r.n for r in gone if r.n not in kept}
    return sorted(chosen)


def _delete(connection: sqlite3.Connection, runs: list[int]) -> list[str]:
    """The ids of the runs."""
    marks = ",".join("?" * len(runs))
    ids = [str(row[0]) for row in connection.execute(f"select id from run where n in ({marks})", runs)]  # noqa: S608 marks
    for n in runs:
        for table in _TABLES:
            connection.execute(f"delete from {table} where run=?", (n,))  # noqa: S608 names of ours
        connection.execute("delete from run where n=?", (n,))
    connection.execute("delete from plan where version not in (select version from run)")
    connection.execute(
        "delete from worker where beat < ? and id not in (select worker from run where worker is not null)",
        (time() - 86_400,),
    )
    return ids


def _oversize(connection: sqlite3.Connection, max_bytes: int) -> int | None:
    """The oldest run that may go, if the database is over the limit."""
    pages, free, size = (
        connection.execute(f"pragma {p}").fetchone()[0] for p in ("page_count", "freelist_count", "page_size")
    )
    if (pages - free) * size <= max_bytes:
        return None
    victims = _victims(connection, Retention(max_runs=0))
    return victims[0] if victims else None


def _drop_files(store: Store, connection: sqlite3.Connection) -> int:
    named = {row[0] for row in connection.execute("select distinct file from step where file is not null")}
    dropped = 0
    for name, path in store.blobs.names():
        with contextlib.suppress(OSError):
            if name not in named and time() - path.stat().st_mtime > _FRESH_S:
                path.unlink()
                dropped += 1
    return dropped


def _size(store: Store) -> int:
    database = store.place.database
    files = [database, database.with_name(f"{database.name}-wal"), *(path for _, path in store.blobs.names())]
    return sum(f.stat().st_size for f in files if f.exists())


def backup(folder: Path, target: Path) -> None:
    """Copy a store, also one in use, to a folder that does not exist yet. Raises StoreError."""
    if target.exists():
        raise StoreError(f"{target} exists; give a folder that does not")
    if not (folder / "runs.db").is_file():
        raise StoreError(f"there is no run store in {folder}")
    target.mkdir(parents=True)
    with closing(connect(folder / "runs.db")) as source, closing(sqlite3.connect(target / "runs.db")) as copy:
        source.backup(copy)
    # The files after the database: whatever the copy names was there before it was committed.
    if (folder / "results").is_dir():
        shutil.copytree(folder / "results", target / "results")


def restore(source: Path, folder: Path) -> Path | None:
    """Put a backup in the place of a store that nobody has open. What was there is set aside; its new name.

    Raises StoreError if the backup is damaged.
    """
    if problem := check(source):
        raise StoreError(f"the backup in {source} cannot be used: {problem}")
    current = folder / "runs.db"
    aside = move_aside(current) if current.exists() else None
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "runs.db", current)
    if (source / "results").is_dir():
        shutil.copytree(source / "results", folder / "results", dirs_exist_ok=True)
    with closing(connect(current)) as connection:
        migrate(connection, current)
    return aside


def check(folder: Path) -> str | None:
    """What is wrong with a store, or None. Reads all of it."""
    path = folder / "runs.db"
    if not path.is_file():
        return "there is no runs.db"
    try:
        with closing(sqlite3.connect(path)) as connection:
            result = connection.execute("pragma integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if result == "ok" else str(result)
