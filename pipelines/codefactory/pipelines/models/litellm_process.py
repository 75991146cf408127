"""The process in which litellm runs: started on first use, shared by all calls, ended when nobody has used it for long.

One that dies fails the calls it was working on; the next call starts another.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from .model import Chunk, ModelError, ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

Environment = frozenset[tuple[str, str]]
IDLE_S = 600.0
START_S = 120.0
"""The longest that the import of litellm is waited for."""
GRACE_S = 10.0
"""The process measures a model's silence by itself. One that is silent for this much longer is given up."""


async def stream(
    request: Mapping[str, Any], *, timeout_s: float, environment: Environment = frozenset()
) -> AsyncGenerator[Chunk]:
    """One request, without retries: arguments of litellm's `acompletion`. Raises ModelError. `timeout_s` is the longest
    silence; `environment`: variables that the process has to have. The HTTP stream is closed when this generator is, at
    the latest."""
    process = _current(environment)
    call = process.ask(request, timeout_s)
    model: str = request["model"]
    try:
        while True:
            try:
                async with asyncio.timeout(timeout_s + (GRACE_S if process.ready else START_S)):
                    message = await call.inbox.get()
            except TimeoutError:
                process.kill()
                raise _gone(model, "does not answer") from None
            if "text" in message:
                yield Chunk(message["text"])
            elif "last" in message:
                yield _last(message["last"])
                return
            elif "error" in message:
                error: dict[str, Any] = message["error"]
                raise ModelError(
                    error["category"], error["message"], error["retry_after_s"], unreported=error["unreported"]
                )
            elif "broken" in message:
                raise ModelError(
                    "fatal",
                    f"{model}: litellm could not be imported ({message['broken']}). Install Code Factory again.",
                    unreported=0,
                )
            else:
                raise _gone(model, f"has ended ({message['ended']})")
    finally:
        process.forget(call)


def _gone(model: str, what: str) -> ModelError:
    return ModelError("transient", f"{model}: the process that runs litellm {what}. The next request starts another.")


def _last(fields: dict[str, Any]) -> Chunk:
    calls = tuple(ToolCall(**call) for call in fields["tool_calls"])
    return Chunk(fields["text"], Usage(**fields["usage"]), fields["finish"], calls)


class _Inbox:
    """Takes messages from the process's thread and wakes the caller's loop, once for all that wait."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: deque[Mapping[str, Any]] = deque()
        self._filled = asyncio.Event()
        self._woken = False

    def put(self, item: Mapping[str, Any]) -> None:
        """From any thread."""
        self._items.append(item)
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the caller's loop is closed
                self._loop.call_soon_threadsafe(self._filled.set)

    async def get(self) -> Mapping[str, Any]:
        while not self._items:
            self._filled.clear()
            self._woken = False
            if not self._items:  # again: one may have come between, and woken nobody
                await self._filled.wait()
        return self._items.popleft()


class _Call:
    def __init__(self, number: int) -> None:
        self.number = number
        self.inbox = _Inbox()
        self.ended = False


class LiteLLMProcess:
    """One child process and the two threads that write to it and read from it."""

    def __init__(self, environment: Environment = frozenset()) -> None:
        self._environment = environment
        self.ready = False
        self.dead = False
        self.pid: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._calls: dict[int, _Call] = {}
        self._outbox: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle: threading.Timer | None = None
        threading.Thread(target=self._run, name="litellm", daemon=True).start()

    def ask(self, request: Mapping[str, Any], timeout_s: float) -> _Call:
        call = _Call(next(self._numbers))
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
                self._idle = None
            if self.dead:
                call.inbox.put({"ended": "before the request"})
                return call
            self._calls[call.number] = call
        self._outbox.put({"id": call.number, "request": request, "timeout_s": timeout_s})
        return call

    def forget(self, call: _Call) -> None:
        """The caller wants nothing more: ends the request if it is under way."""
        with self._lock:
            known = self._calls.pop(call.number, None)
            if not self._calls and not self.dead:
                self._idle = threading.Timer(IDLE_S, self._end_if_idle)
                self._idle.daemon = True
                self._idle.start()
        if known is not None and not call.ended:
            self._outbox.put({"id": call.number})

    def kill(self) -> None:
        self.dead = True
        self._outbox.put(None)
        if self._process is not None:
            self._process.kill()

    def _end_if_idle(self) -> None:
        with self._lock:
            if self._calls:
                return
            self.dead = True
        self.kill()

    def _run(self) -> None:
        try:
            process = subprocess.Popen(
                command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=os.environ | dict(self._environment),
            )
        except OSError as error:
            self._ended(f"it could not be started: {error}")
            return
        self._process, self.pid = process, process.pid
        threading.Thread(target=self._write, args=(process.stdin,), name="litellm-requests", daemon=True).start()
        for line in process.stdout or ():
            self._received(json.loads(line))
        code = process.wait()
        self._ended(f"signal {-code}" if code < 0 else f"exit code {code}")

    def _write(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(OSError), pipe:
            while (message := self._outbox.get()) is not None:
                pipe.write(json.dumps(message).encode() + b"\n")
                pipe.flush()

    def _received(self, message: Mapping[str, Any]) -> None:
        if "ready" in message:
            self.ready = True
        elif "broken" in message:
            self._ended(message["broken"], "broken")
        else:
            call = self._calls.get(message["id"])
            if call is not None:
                call.ended = "text" not in message
                call.inbox.put(message)

    def _ended(self, how: str, kind: str = "ended") -> None:
        with self._lock:
            self.dead = True
            calls = list(self._calls.values())
        self._outbox.put(None)
        for call in calls:
            call.ended = True
            call.inbox.put({kind: how})


def command() -> list[str]:
    """-I: neither PYTHONPATH nor the current folder, which may be a hostile workspace, can supply modules."""
    paths = [path for path in sys.path if Path(path).is_absolute()]
    code = (
        f"import sys; sys.path[:] = {paths!r}; from codefactory.pipelines.models.litellm_worker import serve; serve()"
    )
    return [sys.executable, "-I", "-c", code]


_lock = threading.Lock()
_processes: dict[Environment, LiteLLMProcess] = {}


def _current(environment: Environment) -> LiteLLMProcess:
    with _lock:
        process = _processes.get(environment)
        if process is None or process.dead:
            process = _processes[environment] = LiteLLMProcess(environment)
        return process


def running() -> tuple[LiteLLMProcess, ...]:
    """The processes that are used now: one for each environment."""
    with _lock:
        return tuple(process for process in _processes.values() if not process.dead)


@atexit.register
def stop() -> None:
    """End the processes, if there are any; the next call starts another."""
    for process in running():
        process.kill()
