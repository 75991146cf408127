"""The project's own tests, run on a copy of the workspace with a change in it.

Off unless the caller decides otherwise: a workspace's tests are a workspace's code, and only a trusted one may run. The
copy keeps the user's files as they are; it is no sandbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from codefactory.pipelines.proposal import SuiteRun
from codefactory.pipelines.verdict import Reason

from .workspace import files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_COPY_BYTES = 500_000_000
MAX_FILES = 50_000
MAX_OUTPUT_BYTES = 200_000
"""Of the output's end, where test runners put their summary."""
MAX_SUMMARY_CHARACTERS = 300
GRACE_S = 2.0
"""How long the output may take to close once the process group is killed."""

_KEPT = re.compile(
    "PATH|HOME|LANG|LANGUAGE|LC_.*|TZ|TERM|USER|LOGNAME|SHELL|TMPDIR|TEMP|TMP|SYSTEMROOT|COMSPEC|PATHEXT|USERPROFILE|"
    "APPDATA|LOCALAPPDATA|VIRTUAL_ENV|CONDA_PREFIX|LD_LIBRARY_PATH|JAVA_HOME|GOPATH|GOROOT|CARGO_HOME|RUSTUP_HOME"
)
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|AUTH", re.IGNORECASE)
_COLOUR = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")


async def run_tests(command: Sequence[str], root: Path, changed: Mapping[Path, str], timeout_s: float) -> SuiteRun:
    """Run `command` in a copy of `root`, where the files in `changed` have the given text.

    `changed`: paths, absolute or relative to `root`. What is beside the root's tracked files (a virtual environment)
    is not copied; the command finds it through PATH. On a timeout, or when the task is cancelled, every process that
    the command started in its process group is killed before this returns. A test run that could not happen is one
    that did not pass; its summary says why. Raises CancelledError only.
    """
    started = time.perf_counter()
    folder = Path(tempfile.mkdtemp(prefix="codefactory-tests-"))
    stop = threading.Event()
    copying = asyncio.ensure_future(asyncio.to_thread(_copy, root, folder, changed, stop))
    try:
        problem = await asyncio.shield(copying)
        passed, summary = (False, problem) if problem else await _run(command, folder, timeout_s)
    finally:
        stop.set()
        await asyncio.wait([copying])
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
    return SuiteRun(tuple(command), passed, summary, time.perf_counter() - started)


def judge_tests(before: SuiteRun, after: SuiteRun) -> Reason | None:
    """A change that makes tests fail which passed before is refused; tests that failed before say nothing."""
    if not before.passed or after.passed:
        return None
    command = " ".join(after.command)
    return Reason(
        "tests-failed",
        f"the tests (`{command}`) passed before the change and fail with it: {after.summary}. "
        "Keep the behaviour they test.",
    )


def _copy(root: Path, folder: Path, changed: Mapping[Path, str], stop: threading.Event) -> str | None:
    """Copy the workspace and write the change; why not, if not."""
    size = 0
    try:
        for count, relative in enumerate(files(root), 1):
            if stop.is_set():
                return "The tests were not run: they were cancelled."
            source, target = root / relative, folder / relative
            size += source.stat().st_size
            if size > MAX_COPY_BYTES or count > MAX_FILES:
                return (
                    f"The tests were not run: the workspace has more than {MAX_FILES} files or "
                    f"{MAX_COPY_BYTES // 1_000_000} MB. Ignore what the tests do not need in .gitignore."
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
        for path, text in changed.items():
            relative = (root / path).resolve().relative_to(root.resolve())
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode("utf-8", "surrogatepass"))
    except ValueError:
        return "The tests were not run: a changed file is not in the workspace."
    except OSError as error:
        return f"The tests were not run: the workspace could not be copied: {error}."
    return None


async def _run(command: Sequence[str], folder: Path, timeout_s: float) -> tuple[bool, str]:
    if not command:
        return False, "The tests were not run: no command is set."
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return False, f"The tests could not be started ({command[0]}): {error}."
    output = bytearray()
    reading = asyncio.ensure_future(_read(process, output))
    try:
        code = await asyncio.wait_for(process.wait(), timeout_s)
    except TimeoutError:
        return False, f"The tests did not end within {timeout_s:g} s and were stopped."
    finally:
        _kill_group(process)
        with contextlib.suppress(asyncio.TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(reading, GRACE_S)
        with contextlib.suppress(ProcessLookupError):
            await process.wait()
    return code == 0, _summary(bytes(output), code)


async def _read(process: asyncio.subprocess.Process, output: bytearray) -> None:
    """Keep the end of the output."""
    assert process.stdout is not None  # noqa: S101 - PIPE was asked for
    while chunk := await process.stdout.read(65_536):
        output += chunk
        if len(output) > 2 * MAX_OUTPUT_BYTES:
            del output[:-MAX_OUTPUT_BYTES]


def _kill_group(process: asyncio.subprocess.Process) -> None:
    """The process and what it left behind in its group. The group outlives its leader."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        elif process.returncode is None:
            process.kill()


def _environment() -> dict[str, str]:
    """What programs need to start, and nothing that looks like a secret."""
    kept = {k: v for k, v in os.environ.items() if _KEPT.fullmatch(k) and not _SECRET.search(k)}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1", "CI": "1"}


def _summary(output: bytes, code: int) -> str:
    """The last line that says something, as pytest, unittest, npm and cargo write it."""
    text = _COLOUR.sub(b"", output[-MAX_OUTPUT_BYTES:]).decode("utf-8", "replace")
    lines = [line.strip(" =\t\r") for line in text.splitlines()]
    last = next((line for line in reversed(lines) if line), "no output")
    return last[:MAX_SUMMARY_CHARACTERS] if code == 0 else f"{last[:MAX_SUMMARY_CHARACTERS]} (exit code {code})"
