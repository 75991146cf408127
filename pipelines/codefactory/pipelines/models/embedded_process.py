"""`EmbeddedProcess`: the one process of an embedded model, shared by everybody in this program.

It starts with the first use, ends after a time without one, is asked whether it is well before each use, and is
started anew after it died. It never outlives this program.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import loopback
from .embedded_host import Launch
from .model import ModelError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

START_S = 300.0
"""Longer than a large model takes on a slow, busy machine."""
HEALTH_S = 10.0
GONE_S = 2.0
"""How long after a broken connection the end of the process is waited for."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the process listens."""

    base_url: str
    api_key: str
    pid: int

    def __repr__(self) -> str:
        return f"Endpoint({self.base_url!r}, pid={self.pid})"


def host_command() -> list[str]:
    """How the process is started: with this one's import path, and without what a workspace could supply."""
    paths = [path for path in sys.path if Path(path).is_absolute()]
    module = "codefactory.pipelines.models.embedded_host"
    return [sys.executable, "-I", "-c", f"import sys; sys.path[:] = {paths!r}; from {module} import serve; serve()"]


class EmbeddedProcess:
    """For any thread and any event loop. `idle_s`: how long it stays without being used."""

    def __init__(
        self,
        name: str,
        path: Path,
        context_tokens: int,
        *,
        idle_s: float = 600.0,
        max_threads: int | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        self._name = name
        self._path = path
        self._context_tokens = context_tokens
        self._max_threads = max_threads
        self._command = command
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._uses = 0
        self._idle: threading.Timer | None = None
        self.idle_s = idle_s

    @property
    def pid(self) -> int | None:
        """None while there is no process."""
        running = self._running
        return running.pid if running is not None and not running.ended.is_set() else None

    @property
    def needs_xllamacpp(self) -> bool:
        return self._command is None

    @property
    def in_use(self) -> bool:
        return self._uses > 0

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[Use]:
        """The process, running and well, for as long as the block. Raises ModelError."""
        with self._lock:
            self._uses += 1
            self._stop_timer()
        try:
            yield await self._ready()
        finally:
            with self._lock:
                self._uses -= 1
                if not self._uses:
                    self._start_timer()

    def close(self, *, wait_s: float = 0.0) -> None:
        """End the process; the next use starts a new one. From any thread. `wait_s`: for its memory to be free."""
        with self._lock:
            self._stop_timer()
            running, self._running = self._running, None
        if running is not None:
            running.kill("was ended with the program that used it")
            running.ended.wait(wait_s)

    async def _ready(self) -> Use:
        running = self._current()
        endpoint = await running.endpoint()
        if not running.fresh and not await _is_well(endpoint):
            running.kill("did not answer whether it is well")
            running = self._current()
            endpoint = await running.endpoint()
        running.fresh = False
        return Use(endpoint, running)

    def _current(self) -> _Running:
        with self._lock:
            if self._running is None or self._running.ended.is_set():
                launch = Launch(
                    str(self._path),
                    self._name,
                    self._context_tokens,
                    threads(self._max_threads),
                    secrets.token_urlsafe(32),
                )
                self._running = _Running(self._name, self._command or host_command(), launch)
            return self._running

    def _start_timer(self) -> None:
        self._idle = threading.Timer(self.idle_s, self._end_idle)
        self._idle.daemon = True
        self._idle.start()

    def _stop_timer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _end_idle(self) -> None:
        with self._lock:
            if self._uses:
                return
            running, self._running = self._running, None
        if running is not None:
            running.kill("was not used any more")


@dataclass(frozen=True, slots=True)
class Use:
    endpoint: Endpoint
    _running: _Running

    async def death(self) -> str | None:
        """What became of the process, as "was killed (SIGKILL)", if it is gone; waits a moment for that."""
        await loopback.in_thread(lambda: self._running.ended.wait(GONE_S), GONE_S + 1)
        return self._running.said if self._running.ended.is_set() else None


class _Running:
    """One process, and the thread that started it and waits for its end.

    Linux ends a process that asked for it with the *thread* that started it, so this one lives as long.
    """

    def __init__(self, name: str, command: Sequence[str], launch: Launch) -> None:
        self.fresh = True
        self.ended = threading.Event()
        self.said = "ended"
        self._name = name
        self._command = list(command)
        self._launch = launch
        self._process: subprocess.Popen[bytes] | None = None
        self._killed: str | None = None
        self._endpoint: Future[Endpoint] = Future()
        self._errors: deque[str] = deque(maxlen=20)
        threading.Thread(target=self._supervise, name=f"model-{name}", daemon=True).start()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def endpoint(self) -> Endpoint:
        """Once it serves. Raises ModelError. Cancelling the wait does not end the process."""
        return await asyncio.shield(asyncio.wrap_future(self._endpoint))

    def kill(self, reason: str) -> None:
        self._killed = self._killed or reason
        if self._process is not None:
            self._process.kill()

    def _supervise(self) -> None:
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl+C in a terminal is the parent's to act on
            )
        except OSError as error:
            self.said = f"could not be started: {error}"
            self.ended.set()
            self._endpoint.set_exception(ModelError("fatal", f"{self._name}: its process {self.said}."))
            return
        self._process = process
        if self._killed:
            process.kill()
        late = threading.Timer(START_S, self.kill, (f"was not ready within {START_S:g} s",))
        late.daemon = True
        late.start()
        reader = threading.Thread(target=self._read_errors, args=(process,), daemon=True)
        reader.start()
        answer = self._ask(process)
        late.cancel()
        if address := answer.get("address"):
            self._endpoint.set_result(Endpoint(f"{address}/v1", self._launch.api_key, process.pid))
        code = process.wait()
        reader.join(1.0)
        self.said = self._killed or _description(code)
        self.ended.set()
        if not self._endpoint.done():
            self._endpoint.set_exception(ModelError("fatal", self._failure(answer.get("error"))))

    def _ask(self, process: subprocess.Popen[bytes]) -> dict[str, str]:
        """What the process says once the model is loaded; nothing when it died before."""
        if process.stdin is None or process.stdout is None:
            raise ValueError("the process was started without pipes")
        with contextlib.suppress(OSError, ValueError):
            process.stdin.write(json.dumps(asdict(self._launch)).encode() + b"\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())
        return {}

    def _read_errors(self, process: subprocess.Popen[bytes]) -> None:
        if process.stderr is not None:
            for line in process.stderr:
                if text := line.decode("utf-8", "replace").strip():
                    self._errors.append(text)

    def _failure(self, error: str | None) -> str:
        if error is not None and "ModuleNotFoundError" in error:
            return f"{self._name}: xllamacpp, which runs it, cannot be imported ({error[:200]})."
        last = error or (self._errors[-1] if self._errors else "it said nothing")
        return f"{self._name}: its process {self.said} before the model was loaded ({last[:300]})."


async def _is_well(endpoint: Endpoint) -> bool:
    port = int(endpoint.base_url.rsplit(":", 1)[1].split("/")[0])
    return await loopback.in_thread(lambda: loopback.get(port, "/health", timeout_s=HEALTH_S), HEALTH_S + 1) is not None


def _description(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else f"signal {-code}"
        memory = ", perhaps for want of memory" if name == "SIGKILL" else ""
        return f"was killed ({name}{memory})"
    return f"ended with exit code {code}"


def threads(limit: int | None = None) -> int:
    """The cores that are free, and at least half of them: threads that wait for a core slow each other down."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        cores = os.cpu_count() or 1
    busy = int(os.getloadavg()[0]) if hasattr(os, "getloadavg") else 0
    count = max(cores - busy, cores // 2, 1)
    return count if limit is None else min(count, limit)
