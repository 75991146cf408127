"""`Store`: runs, their steps and events, in one SQLite file with a folder for large results beside it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

from codefactory.pipelines.engine.cache import CacheEntry
from codefactory.pipelines.engine.door import permitted, refuse_from_within
from codefactory.pipelines.engine.errors import PlanError, ResumeError
from codefactory.pipelines.engine.values import encode

from . import queries
from .blobs import Blobs, name_of
from .database import connect, open_database
from .errors import StoreError
from .journal import SqliteJournal
from .nonces import Nonces
from .owner import this_process
from .writer import RunKey, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from codefactory.pipelines.engine.journal import Answer, Durability
    from codefactory.pipelines.engine.plan import Plan
    from codefactory.pipelines.principal import Principal

    from .queries import KeptRun

BEGIN = (
    "insert into run "
    "(id, pipeline, version, inputs, status, parent, worker, created_at, updated_at, policy, principal) "
    "values (?,?,?,?,'running',?,?,?,?,?,?)"
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a store is. Given a folder: `runs.db` and `results/` in it."""

    database: Path
    results: Path


class Store:
    """Open it once a process; close it at the end. `set_aside` is where a damaged database was moved to, if it was."""

    def __init__(self, folder: Path | str, *, cache_max_bytes: int = 256_000_000) -> None:
        """Raises StoreError if the folder or its database cannot be used."""
        folder = Path(folder)
        self.place = _Place(folder / "runs.db", folder / "results")
        self.blobs = Blobs(self.place.results)
        self.nonces = Nonces(self.place.database)
        self.cache_max_bytes = cache_max_bytes
        opened = open_database(self.place.database)
        self.set_aside = opened.set_aside
        self.owner = this_process(uuid.uuid4().hex)
        self._reader = connect(self.place.database)
        self._reading = threading.Lock()
        self._plans: set[str] = set()
        self._watched: dict[int, tuple[RunKey, asyncio.AbstractEventLoop, Callable[[str], None]]] = {}
        """The runs under way in this process that another one may ask to be cancelled."""
        self.writer = Writer(opened.connection, str(self.place.database), self._beat, lambda: bool(self._watched))

    def close(self) -> None:
        self.writer.close()
        self._reader.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    async def begin(
        self,
        run_id: str,
        plan: Plan,
        inputs: Mapping[str, Any],
        durability: Durability,
        *,
        fresh: bool,
        policy: str | None = None,
        principal: str | None = None,
    ) -> SqliteJournal:
        """A new run. Its row is committed with its first checkpoint, or before. `fresh`: the id was just made up;
        any other may be taken, which raises ResumeError. `policy`, `principal`: as JSON."""
        key = RunKey()
        now = time()
        given = encode(dict(inputs), "inputs")
        row = (run_id, plan.name, plan.version, given, None, self.owner.id, now, now, policy, principal)
        self._keep_plan(plan)

        def insert(connection: sqlite3.Connection) -> None:
            key.n = connection.execute(BEGIN, row).lastrowid or 0

        if fresh:
            self.writer.call(insert)
        else:
            try:
                await self.writer.do(insert)
            except sqlite3.IntegrityError as error:
                raise ResumeError(f"there is a run `{run_id}` already; resume it, or give another id") from error
        return SqliteJournal(self, key, durability, run_id)

    def _keep_plan(self, plan: Plan) -> None:
        if plan.version in self._plans:
            return
        self._plans.add(plan.version)
        row = (plan.version, plan.name, plan.source)
        self.writer.call(lambda c: c.execute("insert or ignore into plan values (?,?,?)", row))

    async def reopen(self, kept: KeptRun, durability: Durability) -> SqliteJournal:
        """Take over a run. Raises ResumeError when it has succeeded or somebody else is at it."""
        if kept.status == "succeeded":
            raise ResumeError(f"run {kept.id} has succeeded; fork it to run parts of it again")
        if kept.status == "running" and kept.owner is not None and kept.owner.alive:
            where = "this process" if kept.owner.id == self.owner.id else f"process {kept.owner.pid}"
            raise ResumeError(f"run {kept.id} is under way in {where} on {kept.owner.host}")
        seen = kept.owner.id if kept.owner is not None else None

        def claim(connection: sqlite3.Connection) -> bool:
            claimed = connection.execute(
                "update run set worker=?, status='running', error=null, cancel=null, updated_at=? "
                "where n=? and status=? and worker is ?",
                (self.owner.id, time(), kept.n, kept.status, seen),
            )
            return claimed.rowcount == 1

        if not await self.writer.do(claim):
            raise ResumeError(f"run {kept.id} has just been taken over by another process")
        key = RunKey(kept.n)
        journal = SqliteJournal(self, key, durability, kept.id)
        await self._read(partial(queries.load_into, journal))
        return journal

    async def fork(
        self,
        kept: KeptRun,
        run_id: str,
        plan: Plan,
        inputs: Mapping[str, Any],
        at: str | None,
        edit: Mapping[str, Any],
        *,
        policy: str | None = None,
        principal: str | None = None,
    ) -> None:
        """Copy the checkpoints of a run that stay valid into a new run, ready to be resumed."""
        dropped = queries.dropped_by(plan, at, edit)
        edited = {name: encode(value, name) for name, value in edit.items()}
        self._keep_plan(plan)
        given = encode(dict(inputs), "inputs")

        def copy(connection: sqlite3.Connection) -> None:
            now = time()
            row = (run_id, plan.name, plan.version, given, kept.id, None, now, now, policy, principal)
            n = connection.execute(BEGIN, row).lastrowid or 0
            connection.execute("update run set status='cancelled' where n=?", (n,))
            queries.copy_steps(connection, kept.n, n, dropped, edited, set(plan.index))
            queries.prove_again(connection, kept, n, run_id, self.nonces)

        await self.writer.do(copy)

    async def find_run(self, run_id: str) -> KeptRun:
        """By id or the beginning of one. Raises ResumeError if there is none, or several."""
        await self.writer.committed()
        return await self._read(partial(queries.find_run, run_id=run_id))

    async def plan_of(self, kept: KeptRun, *, trusted: bool = False) -> Plan:
        """The plan of the very version the run was made by. Raises ResumeError if it was built in Python.

        `trusted`: whether the kept definition may run code. A store may have come with a workspace.
        """
        source = await self._read(partial(queries.plan_source, version=kept.version))
        if source is None:
            raise ResumeError(
                f"the plan of run {kept.id} (`{kept.pipeline}`) was built in Python: give it, as in resume(id, plan)"
            )
        from codefactory.pipelines.definitions import load_source

        try:
            plan = load_source(source, trusted=trusted)
        except PlanError as error:
            raise ResumeError(f"the definition kept with run {kept.id} is not valid any more: {error}") from error
        if plan.version != kept.version:
            raise ResumeError(
                f"the definition kept with run {kept.id} is of version {plan.version}, not {kept.version} as it should "
                "be: it was changed, or another Code Factory made it; give the definition's file"
            )
        return plan

    async def expected_s(self, plan: Plan) -> float | None:
        """Median duration of earlier successful runs of this version, else of this pipeline."""
        return await self._read(partial(queries.expected_s, pipeline=plan.name, version=plan.version))

    def query(self, question: Callable[[sqlite3.Connection], Any]) -> Any:
        """Ask `queries` something, from any thread; what this process has not committed yet is not seen. Blocks."""
        with self._reading:
            try:
                return question(self._reader)
            except sqlite3.DatabaseError as error:
                raise StoreError(
                    f"the run store {self.place.database} cannot be read: {error}; "
                    "it is set aside when it is next opened"
                ) from error

    async def _read(self, question: Callable[[sqlite3.Connection], Any]) -> Any:
        return await asyncio.to_thread(self.query, question)

    def keep_file(self, data: bytes, *, durable: bool) -> str:
        """Keep a large result; its name. The file is there before the row that names it is committed."""
        self.writer.call(lambda _connection: self.blobs.put(data, durable=durable))
        return name_of(data)

    async def ask(
        self,
        key: RunKey,
        path: str,
        question: str,
        who: Sequence[str],
        deadline_s: float | None = None,
        *,
        again: bool = False,
    ) -> float:
        """Note a question and who may answer it (empty: anybody), unless this very one is noted already. When it was
        first put."""

        def note(connection: sqlite3.Connection) -> float:
            run_id = queries.id_of(connection, key.n)
            since = queries.asked_at(connection, key.n, path, question)
            if since is None or again or self.nonces.find(run_id, path, question) is None:
                since = time()
                self.nonces.make(run_id, path, question)
                deadline = None if deadline_s is None else since + deadline_s
                connection.execute(
                    "insert or replace into question (run, path, question, asked_at, allowed, deadline) "
                    "values (?,?,?,?,?,?)",
                    (key.n, path, question, since, json.dumps(list(who)), deadline),
                )
            return since

        return await self.writer.do(note)

    async def find_answer(self, key: RunKey, path: str, question: str) -> Answer | None:
        await self.writer.committed()
        return await self._read(partial(queries.answer, n=key.n, path=path, question=question, nonces=self.nonces))

    async def forget_answer(self, key: RunKey, path: str) -> None:
        await self.writer.do(partial(queries.forget_answer, n=key.n, path=path))

    async def answer(self, run_id: str, step: str | None, choice: str, who: str | Principal) -> str:
        """Answer a run's question, from any process; the step's path. A name is vouched for by the caller.

        Raises ResumeError if nothing is asked so, NotAllowedError if `who` may not answer, or it is a step that does.
        """
        refuse_from_within("answer")
        kept = await self.find_run(run_id)
        name = permitted(who, "answer", kept.owner_name)
        put = partial(queries.put_answer, kept=kept, step=step, choice=choice, who=name, nonces=self.nonces)
        return await self.writer.do(put)

    def watch(self, key: RunKey, cancel: Callable[[str], None]) -> None:
        """Call `cancel` with a reason, on this loop, when another process asks for the run to end."""
        self._watched[id(key)] = (key, asyncio.get_running_loop(), cancel)

    async def request_cancel(self, kept: KeptRun, reason: str) -> None:
        """Ask the process that executes a run to end it: it looks every second."""
        await self.writer.do(lambda c: c.execute("update run set cancel=? where n=?", (reason, kept.n)))

    def released(self, key: RunKey) -> None:
        self._watched.pop(id(key), None)

    async def cache_get(self, key: str) -> CacheEntry | None:
        await self.writer.committed()
        row = await self._read(
            lambda c: c.execute("select value, expires_at, pipeline, step from result where key=?", (key,)).fetchone()
        )
        return None if row is None else CacheEntry(*row)

    def cache_put(self, key: str, entry: CacheEntry) -> None:
        size = len(entry.data)
        row = (key, entry.data, entry.expires_at, entry.pipeline, entry.step, size, time())

        def put(connection: sqlite3.Connection) -> None:
            connection.execute("insert or replace into result values (?,?,?,?,?,?,?)", row)
            queries.shrink_cache(connection, self.cache_max_bytes)

        self.writer.call(put)

    def cache_drop(self, keys: Iterable[str] | None, pipeline: str | None, step: str | None) -> None:
        chosen = None if keys is None else list(keys)

        def drop(connection: sqlite3.Connection) -> None:
            if chosen is not None:
                connection.executemany("delete from result where key=?", [(k,) for k in chosen])
            else:
                connection.execute(
                    "delete from result where (?1 is null or pipeline=?1) and (?2 is null or step=?2)", (pipeline, step)
                )

        self.writer.call(drop)

    async def set_status(self, kept: KeptRun, status: str, error: str | None) -> None:
        """Change the status of a run that nobody executes: to cancel it for good."""
        if kept.owner is not None and kept.owner.alive and kept.status == "running":
            raise ResumeError(f"run {kept.id} is under way in process {kept.owner.pid}; end it there")
        await self.writer.do(
            lambda c: c.execute(
                "update run set status=?, error=?, updated_at=?, worker=null where n=?", (status, error, time(), kept.n)
            )
        )

    def _beat(self, connection: sqlite3.Connection) -> None:
        owner = self.owner
        row = (owner.id, owner.pid, owner.host, owner.born, time())
        connection.execute("insert or replace into worker values (?,?,?,?,?)", row)
        if not self._watched:
            return
        asked = dict(connection.execute("select n, cancel from run where worker=? and cancel is not null", (owner.id,)))
        for key, loop, cancel in list(self._watched.values()):
            if key.n in asked and not loop.is_closed():
                loop.call_soon_threadsafe(cancel, asked[key.n])
