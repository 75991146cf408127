"""`AuditLog`: writes the log, behind a thread of its own, one process at a time.

Records are written together, a few milliseconds after they are noted. `fsync`: `always` makes each batch survive a
power cut; `decisions`, the default, those batches in which a person decided something; `never`, none. What a process
had not written when it was killed is lost; a line that it had half written is cut off by the next one, which says so.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any, Literal

from .place import Head, Place
from .record import GENESIS, Record, make, parse

if TYPE_CHECKING:
    from collections.abc import Generator

Fsync = Literal["always", "decisions", "never"]
DECISIONS = frozenset({"approval", "approval_refused", "answered", "trusted", "trust_revoked"})
MAX_BYTES = 10_000_000
MAX_FACT = 2_000
"""Characters of one fact."""
_TAIL_BYTES = 64_000


@dataclass(slots=True)
class _End:
    """Where the log ends, and the state of the file then: if that is still so, nobody else has written."""

    n: int
    code: str
    seen: tuple[int, int]


class AuditLog:
    """Notes never fail: `problem` says why the last ones could not be written."""

    def __init__(self, place: Place | None = None, *, fsync: Fsync = "decisions", max_bytes: int = MAX_BYTES) -> None:
        self.place = place or Place.of_user()
        self.problem: str | None = None
        self._fsync: Fsync = fsync
        self._max_bytes = max_bytes
        self._queue: queue.SimpleQueue[tuple[float, str, dict[str, Any]] | threading.Event] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._end: _End | None = None
        self._key: bytes | None = None

    def note(self, kind: str, **facts: Any) -> None:
        """From any thread; does not wait. Facts are of JSON types; what looks like a secret in them is masked."""
        self._start()
        self._queue.put((time(), kind, facts))

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until all that was noted is written. Blocks."""
        if self._thread is None:
            return True
        done = threading.Event()
        self._queue.put(done)
        return done.wait(timeout_s)

    def close(self) -> None:
        self.flush()

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="audit", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            items = [self._queue.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    items.append(self._queue.get_nowait())
            notes = [item for item in items if not isinstance(item, threading.Event)]
            if notes:
                try:
                    self._write(notes)
                    self.problem = None
                except Exception as error:  # noqa: BLE001 a run must not fail because of its log; `problem` is shown
                    self.problem = f"the audit log {self.place.file} cannot be written: {error}"
            for item in items:
                if isinstance(item, threading.Event):
                    item.set()

    def _write(self, notes: list[tuple[float, str, dict[str, Any]]]) -> None:
        self.place.log_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(self.place):
            key = self._key = self._key or self.place.key(make=True) or b""
            end, self._end = self._find_end(), None
            fresh = [*self._mended(end), *((at, kind, _clean(facts)) for at, kind, facts in notes)]
            records: list[Record] = []
            for at, kind, facts in fresh:
                record = make(key, end.n + 1, at, kind, facts, end.code)
                records.append(record)
                end.n, end.code = record.n, record.code
            durable = self._fsync == "always" or (
                self._fsync == "decisions" and not DECISIONS.isdisjoint(kind for _, kind, _ in notes)
            )
            self._append(b"".join(record.line() for record in records), durable=durable)
            self.place.put_head(Head(end.n, end.code))
            if self.place.file.stat().st_size > self._max_bytes:
                self.place.file.rename(self.place.rotated())
            self._end = _End(end.n, end.code, self._seen())

    def _append(self, data: bytes, *, durable: bool) -> None:
        descriptor = os.open(self.place.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            written = 0
            while written < len(data):
                written += os.write(descriptor, data[written:])
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _seen(self) -> tuple[int, int]:
        try:
            status = self.place.file.stat()
        except FileNotFoundError:
            return (0, 0)
        return (status.st_ino, status.st_size)

    def _find_end(self) -> _End:
        """Where the log ends; read again if somebody else has written."""
        if self._end is not None and self._end.seen == self._seen() != (0, 0):
            return self._end
        for file in reversed(self.place.files()):
            if (last := _last_record(file)) is not None:
                return _End(last.n, last.code, self._seen())
        return _End(0, GENESIS, self._seen())

    def _mended(self, end: _End) -> list[tuple[float, str, dict[str, Any]]]:
        """Records about what is wrong with the end. After lost records the numbers go on as if they were there, so that
        the gap stays to be seen."""
        found: list[tuple[float, str, dict[str, Any]]] = []
        if (torn := _cut_torn(self.place)) > 0:
            found.append((time(), "torn_line_cut", {"bytes": torn}))
        head = self.place.head()
        if head is not None and head.n > end.n:
            found.append((time(), "records_missing", {"after": end.n, "through": head.n}))
            end.n = head.n
        return found


@contextlib.contextmanager
def _locked(place: Place) -> Generator[None]:
    descriptor = os.open(place.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
        else:
            import msvcrt

            lock: Any = msvcrt
            lock.locking(descriptor, lock.LK_LOCK, 1)
        yield
    finally:
        os.close(descriptor)


def _last_record(file: Any) -> Record | None:
    """The last whole line's, None if there is none. One that is no record is passed over: `verify` will name it."""
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        for tail in (_TAIL_BYTES, size):
            opened.seek(max(size - tail, 0))
            lines = opened.read().split(b"\n")[:-1]
            for line in reversed(lines):
                with contextlib.suppress(ValueError):
                    return parse(line)
    return None


def _cut_torn(place: Place) -> int:
    """Cut a last line without an end off the file; its bytes."""
    try:
        with place.file.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _TAIL_BYTES, 0))
            torn = len(file.read().rpartition(b"\n")[2])
            if torn:
                file.truncate(size - torn)
            return torn
    except FileNotFoundError:
        return 0


def _clean(facts: dict[str, Any]) -> dict[str, Any]:
    from codefactory.pipelines.prompts.masking import hide_known_shapes

    def clean(value: Any) -> Any:
        match value:
            case str():
                text = hide_known_shapes(value)
                return text if len(text) <= MAX_FACT else f"{text[:MAX_FACT]}…"
            case dict():
                return {str(clean(str(k))): clean(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            case list() | tuple():
                return [clean(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
            case bool() | int() | float() | None:
                return value
            case _:
                return clean(str(value))

    return clean(facts)
