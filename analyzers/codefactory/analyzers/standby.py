"""Tools that read one text from standard input and answer: a process each, and one started ahead for the next text.

Two thirds of what ruff takes for a text are its start and its end. A process on standby has started and read its
configuration, and nobody waits for the end of one that has answered.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cancellation import Cancellation

PAUSE_S = 0.05
"""Between an answer and the start of the next process, which would otherwise hold up the answer's way to the user."""
KEEP_S = 30.0
"""How long a process waits for a text."""
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Launch:
    """How a tool is started. Two that are equal give the same answer to the same text."""

    command: tuple[str, ...]
    folder: str | None
    environment: tuple[tuple[str, str], ...] = ()
    """Variables in addition to this process's own."""
    reads: tuple[str, ...] = ()
    """Files that the tool looks for when it starts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a process said. `code` is 0 for one that has answered in full and may not have ended yet."""

    code: int
    out: bytes
    err: bytes


class Standby:
    """At most one process that waits, for the launch that was asked for last. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: tuple[Launch, _State, _Process] | None = None
        self._ending: list[_Process] = []
        self._timer: threading.Timer | None = None
        self._closed = False

    def take(self, launch: Launch) -> _Process | None:
        """The process for `launch` if there is one, and what it has read at its start is as it was."""
        with self._lock:
            self._reap()
            waiting, self._waiting = self._waiting, None
        if waiting is None:
            return None
        known, state, process = waiting
        if known == launch and process.runs and state == _state(launch):
            return process
        process.end()
        return None

    def release(self, launch: Launch, process: _Process) -> None:
        """`process` has answered: let it end by itself, and have another one soon."""
        with self._lock:
            if self._closed:
                process.end()
                return
            self._ending.append(process)
            self._schedule(PAUSE_S, lambda: self._start(launch))

    @property
    def pid(self) -> int | None:
        """Of the process that waits."""
        with self._lock:
            return self._waiting[2].pid if self._waiting else None

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
            ending, self._ending = self._ending, []
            waiting, self._waiting = self._waiting, None
        for process in (*ending, *([waiting[2]] if waiting else [])):
            process.end()

    def _start(self, launch: Launch) -> None:
        try:
            state = _state(launch)
            process = _Process(launch)
        except OSError:  # the next analysis meets it again, and says so
            return
        with self._lock:
            self._reap()
            replaced, self._waiting = self._waiting, None
            if self._closed:
                replaced = (launch, state, process)
            else:
                self._waiting = launch, state, process
                self._schedule(KEEP_S, self._expire)
        if replaced is not None:
            replaced[2].end()

    def _expire(self) -> None:
        with self._lock:
            self._reap()
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting[2].end()

    def _schedule(self, delay_s: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(delay_s, call)
        self._timer.daemon = True
        self._timer.start()

    def _reap(self) -> None:
        running = [process for process in self._ending if process.runs]
        for process in self._ending:
            if process not in running:
                process.end()
        self._ending = running


_State = tuple[tuple[int, int] | None, ...]


def _state(launch: Launch) -> _State:
    """Of the files that a process reads at its start."""

    def of(path: str) -> tuple[int, int] | None:
        try:
            status = os.stat(path)  # noqa: PTH116  (twenty of them before each analysis: a Path costs more than the call)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size

    return tuple(of(path) for path in launch.reads)


class _Process:
    """Raises OSError when it cannot be started."""

    def __init__(self, launch: Launch) -> None:
        import tempfile

        # A file: nobody has to read it while the answer is read, and it never fills up.
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `end`, or with this object)
        try:
            self._process = subprocess.Popen(
                launch.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd=launch.folder,
                env={**os.environ, **dict(launch.environment)},
                bufsize=0,
            )
        except BaseException:
            self._errors.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        """At once, and leave nothing behind."""
        self._process.kill()
        self._close()

    def ask(self, data: bytes, is_whole: Callable[[bytes], bool] | None) -> Answer:
        """Give it the text. With `is_whole` the process may run on when this returns, and is the caller's to end."""
        assert self._process.stdin is not None  # noqa: S101  (PIPE was asked for)
        assert self._process.stdout is not None  # noqa: S101  (as above)
        with contextlib.suppress(OSError):  # it may not want the text, or may have died: its end tells
            remaining = memoryview(data)
            while remaining:
                remaining = remaining[self._process.stdin.write(remaining) or 0 :]
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        handle = self._process.stdout.fileno()
        out = b""
        while chunk := os.read(handle, _CHUNK_BYTES):
            out += chunk
            if is_whole is not None and is_whole(out):
                return Answer(0, out, b"")
        code = self._process.wait()
        self._errors.seek(0)
        answer = Answer(code, out, self._errors.read())
        self._close()
        return answer

    def _close(self) -> None:
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def run(
    launch: Launch,
    data: bytes,
    timeout_s: float,
    cancellation: Cancellation,
    standby: Standby | None = None,
    is_whole: Callable[[bytes], bool] | None = None,
) -> Answer:
    """What the tool answers to `data`, at the price of its start unless it is on `standby`.

    `is_whole` says of the output so far whether the answer is complete. Blocks. Raises OSError when the tool cannot be
    started, subprocess.TimeoutExpired and CancelledError; its process has ended then.
    """
    cancellation.raise_if_cancelled()
    waiting = standby.take(launch) if standby is not None else None
    process = waiting or _Process(launch)
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    # `communicate(timeout=…)` polls for the process's end with sleeps, which costs a tenth of the whole.
    timer = threading.Timer(timeout_s, stop)
    timer.daemon = True
    timer.start()
    try:
        with cancellation.calling(process.kill):
            answer = process.ask(data, is_whole if standby is not None else None)
    except BaseException:
        process.end()
        raise
    finally:
        timer.cancel()
    if cancellation.cancelled or late.is_set():
        process.end()
        cancellation.raise_if_cancelled()
        raise subprocess.TimeoutExpired(launch.command, timeout_s)
    if waiting is not None and answer.code != 0:  # it was killed while it waited, or its configuration has become wrong
        return run(launch, data, timeout_s, cancellation)
    if standby is not None:
        standby.release(launch, process)
    return answer
