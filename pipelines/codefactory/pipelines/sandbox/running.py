"""Start what a mechanism has wrapped, read what it says, bound it, and leave nothing of it behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .output import Output, ResultPipe
from .process_tree import end_below
from .sandbox import Completed
from .watching import Watch

if TYPE_CHECKING:
    from .output import OnOutput
    from .sandbox import Limit, Mechanism, Prepared, Request

CHANNEL = "CODEFACTORY_RESULT"
"""The environment variable with the number of the pipe for results."""
_LAST_S = 2.0
"""How long the process that we started may outlive those below it."""


async def run(
    mechanism: Mechanism,
    request: Request,
    stdin: bytes,
    on_output: OnOutput | None,
    *,
    stop_at_excess: bool,
    channel: bool,
) -> Completed:
    started = perf_counter()
    async with contextlib.AsyncExitStack() as stack:
        pipe = stack.enter_context(ResultPipe()) if channel else None
        if pipe is not None:
            request = replace(request, environment={**request.environment, CHANNEL: str(pipe.write_end)})
        arranged = mechanism.prepare(request)
        prepared = arranged.__enter__()
        # There may be many files in its temporary folder.
        stack.push_async_callback(asyncio.to_thread, arranged.__exit__, None, None, None)
        process = await _start(prepared, (pipe.write_end,) if pipe is not None else ())
        output = Output(request.limits.output_bytes, on_output, all_of_it=not stop_at_excess)
        watch = Watch(request, prepared)
        try:
            await output.begin(process, pipe)
            limit = await _first_limit(process, output, watch, stdin, request, stop_at_excess=stop_at_excess)
        except BaseException:
            output.abandon()
            raise
        finally:
            await asyncio.shield(_end(process))
        await output.to_the_end()
        code = _shell_code(process.returncode or 0)
        if limit is None and code == 128 + signal.SIGXCPU:
            limit = "cpu"
        if limit is None and stop_at_excess and output.truncated:
            limit = "output"
        return Completed(
            code,
            bytes(output.kept["stdout"]),
            bytes(output.kept["stderr"]),
            bytes(output.kept["result"]),
            limit,
            perf_counter() - started,
            watch.cpu_s,
            mechanism.name,
            output.truncated,
        )


async def _start(prepared: Prepared, descriptors: tuple[int, ...]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *prepared.arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=prepared.folder,
        env=dict(prepared.environment),
        pass_fds=(*prepared.descriptors, *descriptors),
        start_new_session=True,
    )


async def _first_limit(
    process: asyncio.subprocess.Process,
    output: Output,
    watch: Watch,
    stdin: bytes,
    request: Request,
    *,
    stop_at_excess: bool,
) -> Limit | None:
    """Wait for the end of the program, or for the first limit that it passes."""
    ended = asyncio.ensure_future(process.wait())
    watching = asyncio.ensure_future(watch.until_exceeded(process.pid))
    excess = asyncio.ensure_future(output.excess.wait())
    feeding = asyncio.ensure_future(_feed(process.stdin, stdin))
    tasks = (ended, watching, excess, feeding)
    waiting: set[asyncio.Future[Any]] = {ended, watching, output.failed}
    if stop_at_excess:
        waiting.add(excess)
    try:
        done, _ = await asyncio.wait(waiting, timeout=request.limits.wall_s, return_when=asyncio.FIRST_COMPLETED)
        if output.failed in done:
            output.failed.result()
        if ended in done:
            return None
        if watching in done:
            return watching.result()
        return "output" if excess in done else "wall"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _feed(pipe: asyncio.StreamWriter | None, data: bytes) -> None:
    if pipe is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        pipe.write(data)
        await pipe.drain()
    pipe.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End all that is below the process first, so that it can wait for its children; then the process and its group."""
    if process.returncode is None:
        await asyncio.to_thread(end_below, process.pid)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), _LAST_S)
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _shell_code(returncode: int) -> int:
    return 128 - returncode if returncode < 0 else returncode
