"""`SqliteJournal`: what one run tells the store. Values become JSON on the caller's thread, rows on the writer's."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from codefactory.pipelines.engine.errors import ResumeError
from codefactory.pipelines.engine.plan import MISSING
from codefactory.pipelines.engine.values import decode, encode

if TYPE_CHECKING:
    import sqlite3
    from asyncio import Future
    from collections.abc import Callable, Mapping, Sequence

    from codefactory.pipelines.engine.events import Event, Status
    from codefactory.pipelines.engine.journal import Answer, Durability
    from codefactory.pipelines.engine.plan import Step

    from .blobs import Blobs
    from .sqlite import Store
    from .writer import RunKey

STEP = "insert into step values (?,?,?,?,?,?,?,?,?,?,?,?,?)"
EVENT = "insert into event values (?,?,?)"
RECEIPT = "insert or replace into receipt values (?,?,?,?)"
CLOSE = (
    "update run set status=?, error=?, outputs=?, spent=?, updated_at=?, duration_s=?-created_at, worker=null where n=?"
)

APPROVAL = "\0approval"
"""The receipt that proves how an approval was settled. No step's own receipt is called so."""

INLINE_BYTES = 64_000
"""Results up to this size are in the database, larger ones in files."""


@dataclass(slots=True)
class StepRecord:
    """A settled step as the store has it."""

    skipped: bool
    output: bytes | None
    file: str | None
    writes: list[tuple[str, Any]]
    blobs: Blobs

    def value(self, output_type: Any) -> Any:
        data = self.blobs.get(self.file) if self.file is not None else self.output
        return None if data is None else decode(data, output_type)


@dataclass(slots=True)
class SqliteJournal:
    store: Store
    key: RunKey
    durability: Durability
    run_id: str = ""
    restored: Mapping[str, StepRecord] = field(default_factory=dict[str, StepRecord])
    last_seq: int = 0
    spent: Mapping[str, float] = field(default_factory=dict[str, float])
    receipts: dict[tuple[str, str], bytes | None] = field(default_factory=dict[tuple[str, str], "bytes | None"])
    asked: bool = False
    """Whether this process has put a question of the run's."""
    intents: set[str] = field(default_factory=set[str])

    def finish(
        self,
        path: str,
        step: Step | None,
        value: Any,
        writes: list[tuple[str, Any]] | None,
        started: float,
        finished: float,
        start_seq: int,
        seq: int,
        attempts: int = 1,
        cached: bool = False,
        recovered: str | None = None,
    ) -> Future[None] | None:
        output: bytes | None = encode(value, path)
        if step is not None and step.type == "approval":
            proof = encode(self.store.nonces.sign(self.run_id, path, output), path)
            self.store.writer.insert(RECEIPT, self.key, (path, APPROVAL, proof))
        file = None
        if len(output) > INLINE_BYTES:
            file = self.store.keep_file(output, durable=self.durability == "full")
            output = None
        written = encode(writes, path).decode() if writes else None
        row = (path, None, output, file, written, started, finished, start_seq, seq, attempts, cached, recovered)
        self.store.writer.insert(STEP, self.key, row)
        return self._committed()

    def skip(self, path: str, reason: str, at: float, seq: int) -> Future[None] | None:
        row = (path, reason, None, None, None, at, at, None, seq, 0, False, None)
        self.store.writer.insert(STEP, self.key, row)
        # What comes after it waits for its own checkpoint; a skip that is lost is only decided again.
        return None

    async def intend(self, path: str) -> None:
        if path in self.intents:
            raise ResumeError(
                f"step `{path}` was under way when the run was interrupted, and it is not to be run twice; "
                "find out whether it took effect, then fork the run and give its output"
            )
        self.store.writer.insert("insert or replace into intent values (?,?)", self.key, (path,))
        await self.store.writer.committed(full=self.durability == "full")

    def event(self, event: Event) -> None:
        self.store.writer.insert(EVENT, self.key, (event.seq, encode(event.to_json(), "an event").decode()))

    def receipt(self, path: str, key: str) -> Any:
        data = self.receipts.get((path, key), MISSING)
        return decode(data) if isinstance(data, bytes) else data

    def put_receipt(self, path: str, key: str, value: Any) -> Future[None] | None:
        data = encode(value, path)
        self.receipts[path, key] = data
        self.store.writer.insert(RECEIPT, self.key, (path, key, data))
        # An effect on the world is worth waiting for in any case.
        return self.store.writer.committed(full=self.durability == "full")

    def watch(self, cancel: Callable[[str], None]) -> None:
        self.store.watch(self.key, cancel)

    async def asked_at(
        self, path: str, question: str, who: Sequence[str], deadline_s: float | None, *, again: bool
    ) -> float:
        self.asked = True
        return await self.store.ask(self.key, path, question, who, deadline_s, again=again)

    async def answer(self, path: str, question: str) -> Answer | None:
        return await self.store.find_answer(self.key, path, question)

    def proves(self, path: str) -> bool:
        record = self.restored.get(path)
        if record is None or record.output is None:
            return False
        return self.store.nonces.signed(self.run_id, path, record.output, self.receipt(path, APPROVAL))

    async def forget_answer(self, path: str) -> None:
        await self.store.forget_answer(self.key, path)

    def close(
        self, status: Status, error: str | None, outputs: Any, spent: Mapping[str, float], at: float
    ) -> Future[None] | None:
        try:
            kept = encode(outputs, "outputs")
        except Exception:  # noqa: BLE001 the outputs are made of steps' outputs, which are kept: a stream is the exception
            kept = None
        values = (status, error, kept, json.dumps(dict(spent)), at, at)
        key = self.key
        settled = self.asked and status == "succeeded"

        def update(connection: sqlite3.Connection) -> None:
            connection.execute(CLOSE, (*values, key.n))
            if settled:
                self.store.nonces.drop(self.run_id)

        self.store.writer.call(update, last=True)
        self.store.released(key)
        return self._committed()

    def _committed(self) -> Future[None] | None:
        if self.durability == "none":
            return None
        return self.store.writer.committed(full=self.durability == "full")
