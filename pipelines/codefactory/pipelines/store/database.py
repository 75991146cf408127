"""The database file: schema, migrations, and what happens to a file that is damaged.

A damaged file is renamed, never overwritten, and a new one takes its place: `Opened.set_aside` says where it is.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION_ID = 0x43464143
"""In the file's header, so that `file` and we know whose it is: "CFAC"."""

MIGRATIONS = (
    """
    create table plan (version text primary key, name text not null, source text) without rowid;
    create table worker (
        id text primary key, pid integer not null, host text not null, born text not null, beat real not null
    ) without rowid;
    create table run (
        n integer primary key, id text not null unique, pipeline text not null, version text not null,
        inputs blob not null, status text not null, error text, outputs blob, spent text, parent text,
        worker text, created_at real not null, updated_at real not null, duration_s real
    );
    create index run_by_pipeline on run (pipeline, version, status);
    create table step (
        run integer not null, path text not null, skipped text, output blob, file text, writes text,
        started real not null, finished real not null, start_seq integer, seq integer not null,
        attempts integer not null, cached integer not null, recovered text
    );
    create index step_by_run on step (run);
    create table event (run integer not null, seq integer not null, data text not null);
    create index event_by_run on event (run);
    create table receipt (
        run integer not null, path text not null, key text not null, value blob, primary key (run, path, key)
    ) without rowid;
    create table intent (run integer not null, path text not null, primary key (run, path)) without rowid;
    create table question (
        run integer not null, path text not null, question text not null, asked_at real not null,
        choice text, who text, answered_at real, primary key (run, path)
    ) without rowid;
    """,
    """
    create table result (
        key text primary key, value blob not null, expires_at real, pipeline text not null, step text not null,
        size integer not null, used_at real not null
    ) without rowid;
    create index result_by_use on result (used_at);
    """,
    "alter table run add column cancel text; alter table question add column allowed text",
    """
    alter table run add column policy text;
    alter table run add column principal text;
    alter table question add column deadline real;
    alter table question add column proof text;
    """,
)
"""Each brings the schema from version i to i + 1. Never changed once released; only added to."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Of one kind of database."""

    name: str
    """In messages: "run store"."""
    application_id: int
    migrations: tuple[str, ...]


RUNS = Schema("run store", APPLICATION_ID, MIGRATIONS)

_CHECK_BELOW_BYTES = 64_000_000
"""Databases up to this size are checked as a whole after an unclean end; it takes about 1 ms a MB."""


@dataclass(frozen=True, slots=True)
class Opened:
    connection: sqlite3.Connection
    set_aside: Path | None = None
    """Where a damaged file was moved to."""


def connect(path: Path, *, timeout_s: float = 30.0) -> sqlite3.Connection:
    """A connection with our settings; may be used from any thread, one at a time."""
    connection = sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma journal_size_limit = 4000000")
    connection.execute("pragma temp_store = memory")
    return connection


def open_database(path: Path, schema: Schema = RUNS) -> Opened:
    """Open or make the database, with the newest schema. Raises StoreError if that cannot be done."""
    set_aside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if _damaged(path, schema):
            set_aside = move_aside(path)
        connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
        # Both only take effect before the first table is made.
        connection.execute("pragma auto_vacuum = incremental")
        connection.close()
        connection = connect(path)
        migrate(connection, path, schema)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"the {schema.name} {path} cannot be opened: {error}; is its folder writable?") from error
    return Opened(connection, set_aside)


def migrate(connection: sqlite3.Connection, path: Path, schema: Schema = RUNS) -> None:
    """Bring the schema to the newest version, all or nothing. Raises StoreError for a newer one."""
    found = _version(connection)
    newest = len(schema.migrations)
    if found > newest:
        raise StoreError(
            f"the {schema.name} {path} has schema {found}, this program knows up to {newest}: "
            "use the newer Code Factory that made it"
        )
    if found == newest:
        return
    connection.execute("begin immediate")
    try:
        # Read again: another process may have migrated while this one waited.
        for script in schema.migrations[_version(connection) :]:
            for statement in script.split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"pragma application_id = {schema.application_id}")
        connection.execute(f"pragma user_version = {newest}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("pragma user_version").fetchone()[0])


def _damaged(path: Path, schema: Schema) -> bool:
    """Whether the file is there and SQLite cannot read it, or it is not ours."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    unclean = path.with_name(f"{path.name}-wal").exists()
    connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
    try:
        connection.execute("select count(*) from sqlite_master").fetchone()
        if unclean and path.stat().st_size <= _CHECK_BELOW_BYTES:
            return connection.execute("pragma quick_check(1)").fetchone()[0] != "ok"
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "unable to open" in str(error):
            raise StoreError(f"the {schema.name} {path} cannot be opened: {error}") from error
        return True
    except sqlite3.DatabaseError:
        return True
    finally:
        with suppress(sqlite3.Error):
            connection.close()
    return False


def move_aside(path: Path) -> Path:
    """Rename the database and its companions. Gives the new name of the database."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    target = path.with_name(f"{path.name}.corrupt-{stamp}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.corrupt-{stamp}-{number}")
    for suffix in ("-wal", "-shm", ""):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(target.with_name(target.name + suffix))
    return target
