"""Run code in the sandbox; say in words why it failed."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from codefactory.pipelines.engine.errors import StepError

from .languages import Interpreter, Language, LanguageError, interpreter_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from codefactory.pipelines.engine.errors import Category
    from codefactory.pipelines.sandbox import Completed, Limits, Sandbox
    from codefactory.pipelines.sandbox.sandbox import Stream

_TOLD = 2_000
"""Characters of a traceback or of the last output that an error shows."""
_LARGE = 200_000
_OUT_OF_MEMORY = re.compile(rb"heap out of memory|Zone Allocation failed|Fatal process out of memory|MemoryError")


@dataclass(frozen=True, slots=True)
class Program:
    language: Language
    code: str
    inputs: Mapping[str, Any]
    interpreter: str | None = None
    """In place of the usual one."""
    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    environment: Mapping[str, str] | None = None


async def run_code(
    sandbox: Sandbox,
    program: Program,
    limits: Limits,
    on_output: Callable[[Stream, bytes], Awaitable[None] | None] | None = None,
) -> Any:
    """What the code gives: the value it names, or else what it has printed.

    Raises StepError: `timeout` for the wall clock, `invalid_output` for what is not JSON, `transient` where the system
    ended the process, `fatal` for the rest.
    """
    try:
        interpreter = interpreter_for(program.language, program.interpreter, limits.memory_bytes)
        request = json.dumps({"code": program.code, "inputs": dict(program.inputs)}, allow_nan=False).encode()
    except LanguageError as error:
        raise StepError(str(error)) from error
    except (TypeError, ValueError) as error:
        raise StepError(f"its inputs have no JSON form: {error}") from error
    done = await _run(sandbox, program, interpreter, request, limits, on_output)
    if (stopped := _stopped(done, limits)) is not None:
        raise stopped
    size = len(done.result)
    result = await asyncio.to_thread(_parsed, done.result) if size > _LARGE else _parsed(done.result)
    if result is None:
        raise _silent(done)
    if (failure := result.get("error")) is not None:
        raise _failed(failure, done, limits)
    return result["output"] if "output" in result else done.stdout.decode("utf-8", "replace")


async def _run(
    sandbox: Sandbox,
    program: Program,
    interpreter: Interpreter,
    request: bytes,
    limits: Limits,
    on_output: Callable[[Stream, bytes], Awaitable[None] | None] | None,
) -> Completed:
    try:
        return await sandbox.run(
            interpreter.arguments,
            read=(*interpreter.needs, *program.read),
            write=program.write,
            environment=program.environment,
            stdin=request,
            limits=limits,
            on_output=on_output,
            channel=True,
        )
    except (OSError, ValueError) as error:
        raise StepError(f"the code could not be started: {error}") from error


def _stopped(done: Completed, limits: Limits) -> StepError | None:
    """The error for a limit that was passed, as the sandbox saw it."""
    if done.limit is None:
        return None
    texts: dict[str, tuple[str, Category]] = {
        "wall": (f"did not end within {limits.wall_s:g} s", "timeout"),
        "cpu": (f"used more than {limits.cpu_s:g} s of processor time", "fatal"),
        "memory": (f"used more than {_megabytes(limits.memory_bytes)} of memory", "fatal"),
        "processes": (f"started more than {limits.processes} processes", "fatal"),
        "output": (f"put out more than {_megabytes(limits.output_bytes)}", "fatal"),
        "disk": (f"wrote more than {_megabytes(limits.disk_bytes)}", "fatal"),
    }
    text, category = texts[done.limit]
    return StepError(f"the code was stopped: it {text} ({done.limit} limit){_last_words(done)}", category)


def _failed(failure: Any, done: Completed, limits: Limits) -> StepError:
    if not isinstance(failure, dict):
        return _silent(done)
    told = cast("dict[str, Any]", failure)
    kind, message, trace = (str(told.get(key, "")) for key in ("type", "message", "trace"))
    if kind == "MemoryError":
        return _memory(done, limits)
    if kind == "output":
        return StepError(f"the code's output has no JSON form: {message}", "invalid_output")
    if kind == "SystemExit":
        said = f": {message}" if message else ""
        return StepError(f"the code ended with exit code {done.returncode}{said}{_last_words(done)}")
    if "can't start new thread" in message or kind == "BlockingIOError":
        message += f" (the limit is {limits.processes} processes and threads)"
    shown = trace.strip()[-_TOLD:]
    return StepError(f"the code failed: {kind}: {message}" + (f"\n{shown}" if shown else ""))


def _silent(done: Completed) -> StepError:
    """The error of a process that has ended without a result."""
    if _OUT_OF_MEMORY.search(done.stderr):
        return StepError("the code was stopped: it used more memory than it may (memory limit)")
    if done.signal is not None:
        names = {s.value: s.name for s in signal.Signals}
        name = names.get(done.signal, f"signal {done.signal}")
        if done.signal == signal.SIGKILL:
            return StepError("the code was ended by SIGKILL, perhaps by the system for want of memory", "transient")
        return StepError(f"the code was ended by {name}{_last_words(done)}")
    if done.returncode == 0:
        return StepError(f"the code ended without giving a result{_last_words(done)}", "invalid_output")
    return StepError(f"the code ended with exit code {done.returncode}{_last_words(done)}")


def _memory(done: Completed, limits: Limits) -> StepError:
    limit = _megabytes(limits.memory_bytes)
    return StepError(f"the code was stopped: it needs more than {limit} of memory (memory limit){_last_words(done)}")


def _last_words(done: Completed) -> str:
    text = done.stderr[-_TOLD:].decode("utf-8", "replace").strip()
    return f"\n{text}" if text else ""


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count >= 10**6 else f"{count:,} bytes"


def _parsed(data: bytes) -> dict[str, Any] | None:
    """None for what the harness has not written."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None
