"""Worker processes: where code that holds the GIL, may crash or may never end is run.

bandit's plugins, tree-sitter and libcst all hold the GIL, and a hostile text can exhaust a parser's stack. So they
run in a child process that speaks length-prefixed JSON over its standard streams. A worker that hangs or dies costs one
Problem and is replaced. It ends by itself when its parent does.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from .cancellation import Cancellation, CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable

_HEADER = struct.Struct(">I")
_MAX_MESSAGE = 1 << 30
MEMORY_LIMIT_BYTES = 4 << 30
"""Address space of one worker, where the platform can limit it."""


class WorkerError(Exception):
    """The worker could not do it: it crashed (`kind` "crash"), or took too long ("timeout")."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class WorkerPool:
    """Up to `size` worker processes, started when they are needed and reused.

    `call` blocks the calling thread; call it from several threads to use several workers.
    """

    def __init__(self, size: int = 1) -> None:
        self._free: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._all: set[_Worker] = set()
        self._closed = False
        for _ in range(size):
            self._free.put(None)

    def call(
        self, method: str, params: dict[str, Any], timeout_s: float, cancellation: Cancellation | None = None
    ) -> Any:
        """Run `method` (a key of `METHODS`) in a worker. `timeout_s` counts from when a worker is free.

        Raises WorkerError, or CancelledError when `cancellation` fires; in both cases the worker is ended.
        """
        cancellation = cancellation or Cancellation()
        worker = self._take(cancellation)
        keep: _Worker | None = None
        try:
            with cancellation.calling(worker.kill):
                result = worker.call(method, params, timeout_s)
            keep = worker
        except WorkerError as error:
            if cancellation.cancelled:
                raise CancelledError from error
            if error.kind == "error":  # it answered, so it lives
                keep = worker
            raise
        finally:
            self._give_back(worker, keep)
        cancellation.raise_if_cancelled()
        return result

    def close(self) -> None:
        """End all workers at once; what is running fails with WorkerError."""
        with self._lock:
            self._closed = True
            workers = list(self._all)
            self._all.clear()
        for worker in workers:
            worker.kill()

    @property
    def pids(self) -> tuple[int, ...]:
        with self._lock:
            return tuple(worker.pid for worker in self._all)

    def _take(self, cancellation: Cancellation) -> _Worker:
        while True:
            cancellation.raise_if_cancelled()
            if self._closed:  # before a process is started for nothing: thousands of calls may still be waiting
                raise WorkerError("crash", "the worker pool is closed")
            try:
                worker = self._free.get(timeout=0.05)
                break
            except queue.Empty:
                continue
        if worker is not None and worker.alive:
            return worker
        try:
            worker = _Worker()
        except OSError as error:
            self._free.put(None)
            raise WorkerError("crash", f"a worker process could not be started: {error}") from error
        with self._lock:
            if not self._closed:
                self._all.add(worker)
                return worker
        worker.kill()
        self._free.put(None)
        raise WorkerError("crash", "the worker pool is closed")

    def _give_back(self, worker: _Worker, keep: _Worker | None) -> None:
        if keep is None:
            worker.kill()
            with self._lock:
                self._all.discard(worker)
        self._free.put(keep)


def command() -> list[str]:
    """How a worker is started: with this process's own import path, which a bundled server has set up for itself.

    -I: neither PYTHONPATH nor the current folder, which may be a hostile workspace, can supply modules.
    """
    paths = [path for path in sys.path if Path(path).is_absolute()]
    code = f"import sys; sys.path[:] = {paths!r}; from codefactory.analyzers.worker import serve; serve()"
    return [sys.executable, "-I", "-c", code]


class _Worker:
    """One child process. Not for use by two threads at once."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl+C in a terminal reaches a whole group; when to end is the parent's decision
        )
        self._stdin, self._stdout = _streams(self._process)
        self._replies: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True, name=f"worker-{self.pid}").start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def call(self, method: str, params: dict[str, Any], timeout_s: float) -> Any:
        try:
            _write(self._stdin, {"method": method, "params": params})
            reply = self._replies.get(timeout=timeout_s)
        except queue.Empty:
            self.kill()
            raise WorkerError("timeout", f"no answer within {timeout_s:g} s; it was stopped") from None
        except OSError:
            reply = None
        if reply is None:
            code = self._process.wait()
            raise WorkerError("crash", f"the worker process ended unexpectedly (exit code {code})")
        if "error" in reply:
            raise WorkerError("error", reply["error"])
        return reply["result"]

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        while (message := _read(self._stdout)) is not None:
            self._replies.put(message)
        self._replies.put(None)
        self._process.wait()
        self._stdout.close()


def _streams(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise ValueError("the process was started without pipes")
    return process.stdin, process.stdout


def _write(stream: IO[bytes], message: dict[str, Any]) -> None:
    data = json.dumps(message).encode()  # ASCII, so lone surrogates survive
    stream.write(_HEADER.pack(len(data)) + data)
    stream.flush()


def _read(stream: IO[bytes]) -> dict[str, Any] | None:
    try:
        header = stream.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return None
        (size,) = _HEADER.unpack(header)
        if size > _MAX_MESSAGE:
            return None
        data = stream.read(size)
        return json.loads(data) if len(data) == size else None
    except (OSError, ValueError):
        return None


def _analyze(params: dict[str, Any]) -> Any:
    from . import bandit, syntax
    from .document import Snapshot
    from .finding import Analysis, analysis_to_json

    snapshot = Snapshot(params["uri"], params["text"], params["language"])
    parts: list[Analysis] = []
    if "syntax" in params["analyzers"]:
        parts.append(syntax.analyze(snapshot))
    if "bandit" in params["analyzers"]:
        parts.append(bandit.analyze(snapshot, bandit.BanditOptions(**params["bandit"])))
    return analysis_to_json(Analysis.merge(parts))


def _fixes(params: dict[str, Any]) -> Any:
    from . import fixers
    from .document import Snapshot
    from .finding import finding_from_json

    snapshot = Snapshot(params["uri"], params["text"], params["language"])
    findings = [finding_from_json(f) for f in params["findings"]]
    return [fixers.outcome_to_json(o) for o in fixers.fixes_for(snapshot, findings)]


def _imports(params: dict[str, Any]) -> Any:
    from .graph import extraction

    return extraction.serve(params)


def _warm_up(_params: dict[str, Any]) -> Any:
    from . import bandit

    bandit.warm_up()


METHODS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "analyze": _analyze,
    "fixes": _fixes,
    "imports": _imports,
    "warm_up": _warm_up,
}


def serve() -> None:
    """Answer inbox from standard input until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where there are no sessions (Windows)
    _limit_memory()
    inbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a plugin prints must not become a reply

    def receive() -> None:
        while (request := _read(sys.stdin.buffer)) is not None:
            inbox.put(request)
        os._exit(0)  # the parent is gone: end even in the middle of a request

    threading.Thread(target=receive, daemon=True).start()
    while True:
        request = inbox.get()
        started = time.perf_counter()
        try:
            reply: dict[str, Any] = {"result": METHODS[request["method"]](request["params"])}
        except Exception as error:  # noqa: BLE001  (the caller must get an answer, whatever it was)
            reply = {"error": f"{type(error).__name__}: {error}"}
        reply["duration_s"] = time.perf_counter() - started
        _write(replies, reply)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = MEMORY_LIMIT_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_LIMIT_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
