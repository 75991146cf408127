"""Threads and child processes of steps, and how they are ended when a run is cancelled.

A Python thread cannot be killed; the processes it started can. So blocking steps run in our threads, and when one is
cancelled, the children of just that thread (Linux keeps them apart) are killed with all their descendants, again and
again until the thread gives up.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_AGAIN_S = 0.02
_TRIES = 500


class Threads:
    """Where blocking steps run. Starts no thread before the first one."""

    def __init__(self, limit: int = 32) -> None:
        self._limit = limit
        self._pool: ThreadPoolExecutor | None = None

    async def run(self, body: Callable[[], Any]) -> Any:
        """The result of `body`, called in a thread with this context. Cancelling kills the processes it started."""
        loop = asyncio.get_running_loop()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._limit, thread_name_prefix="step")
        job = _Job()
        context = contextvars.copy_context()
        future = loop.run_in_executor(self._pool, lambda: context.run(job.run, body))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            job.cancelled = True
            future.add_done_callback(_forget)
            job.kill(loop, future)
            raise

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _forget(future: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more: its error is not worth a warning."""
    if not future.cancelled():
        future.exception()


class _Job:
    cancelled = False
    thread_id: int | None = None

    def run(self, body: Callable[[], Any]) -> Any:
        if self.cancelled:
            return None
        self.thread_id = threading.get_native_id()
        try:
            return body()
        finally:
            self.thread_id = None

    def kill(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], tries: int = _TRIES) -> None:
        thread_id = self.thread_id
        if future.done() or not tries:
            return
        for pid in _children(os.getpid(), thread_id) if thread_id is not None else ():
            kill_tree(pid)
        loop.call_later(_AGAIN_S, self.kill, loop, future, tries - 1)


def _children(pid: int, thread_id: int) -> list[int]:
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{thread_id}/children").read_bytes().split()]
    except (OSError, ValueError):
        return []


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, the nearest first. Empty where /proc does not tell."""
    found: list[int] = []
    queue = [pid]
    while queue:
        parent = queue.pop(0)
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{parent}/task"):  # noqa: PTH208 names only, and it may be gone at once
                below = _children(parent, int(thread))
                found += below
                queue += below
    return found


def kill_tree(pid: int) -> None:
    """SIGKILL a process, its descendants and, if it leads a group, the group. What is gone already is fine."""
    if os.name == "nt":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(pid)], capture_output=True, check=False)
        return
    victims = [pid, *descendants(pid)]
    for victim in victims:
        with contextlib.suppress(OSError):
            if os.getpgid(victim) == victim:
                os.killpg(victim, signal.SIGKILL)
            os.kill(victim, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Completed:
    """A process that has ended. Output is cut at the limit asked for; `truncated` says so."""

    returncode: int
    stdout: bytes
    stderr: bytes
    truncated: bool = False


async def run_process(
    arguments: Sequence[str],
    *,
    stdin: bytes = b"",
    cwd: str | None = None,
    env: dict[str, str] | None = None,
    limit_bytes: int = 10_000_000,
) -> Completed:
    """Run a program in a session of its own. Cancelling kills it and everything it started."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd,
        env=env,
        start_new_session=True,
    )
    feeding = asyncio.ensure_future(_feed(process.stdin, stdin))
    try:
        (out, cut_out), (err, cut_err) = await asyncio.gather(
            _read(process.stdout, limit_bytes), _read(process.stderr, limit_bytes)
        )
        await feeding
        return Completed(await process.wait(), out, err, cut_out or cut_err)
    finally:
        feeding.cancel()
        if process.returncode is None:
            kill_tree(process.pid)
            await process.wait()


async def _feed(pipe: asyncio.StreamWriter | None, data: bytes) -> None:
    if pipe is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        pipe.write(data)
        await pipe.drain()
    pipe.close()


async def _read(pipe: asyncio.StreamReader | None, limit: int) -> tuple[bytes, bool]:
    """Everything up to `limit`; the rest is read and dropped, so that the process does not block."""
    kept = bytearray()
    cut = False
    while pipe is not None and (chunk := await pipe.read(65536)):
        if len(kept) < limit:
            kept += chunk[: limit - len(kept)]
        cut = cut or len(kept) >= limit
    return bytes(kept), cut
