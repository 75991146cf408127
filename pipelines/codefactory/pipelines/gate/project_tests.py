"""The project's own tests, run on a copy of the workspace with a change in it.

Off unless the caller decides otherwise: a workspace's tests are a workspace's code, and only a trusted one may run. The
copy keeps the user's files as they are. Where bubblewrap is, the tests run in it: with the copy to write in, the
workspace and what is installed to read, and neither network nor home.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from codefactory.pipelines.proposal import SuiteRun
from codefactory.pipelines.verdict import Reason

from .workspace import files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from codefactory.pipelines.sandbox import Sandbox

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
_PREFIXES = frozenset(("VIRTUAL_ENV", "CONDA_PREFIX", "JAVA_HOME", "GOROOT", "RUSTUP_HOME"))
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|AUTH", re.IGNORECASE)
_COLOUR = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")


async def run_tests(
    command: Sequence[str],
    root: Path,
    changed: Mapping[Path, str],
    timeout_s: float,
    *,
    sandbox: Literal["auto", "none"] = "none",
) -> SuiteRun:
    """Run `command` in a copy of `root`, where the files in `changed` have the given text.

    `changed`: paths, absolute or relative to `root`. What is beside the root's tracked files (a virtual environment)
    is not copied; the command finds it through PATH. On a timeout, or when the task is cancelled, every process that
    the command started in its process group is killed before this returns. A test run that could not happen is one
    that did not pass; its summary says why. `sandbox` "auto": in bubblewrap, where that works. Raises CancelledError
    only.
    """
    started = time.perf_counter()
    folder = Path(tempfile.mkdtemp(prefix="codefactory-tests-"))
    stop = threading.Event()
    walls = await _walls() if sandbox == "auto" else None
    copying = asyncio.ensure_future(asyncio.to_thread(_copy, root, folder, changed, stop))
    try:
        problem = await asyncio.shield(copying)
        if problem:
            passed, summary = False, problem
        elif walls is not None:
            passed, summary = await _run_inside(walls, command, root, folder, timeout_s)
        else:
            passed, summary = await _run(command, folder, timeout_s)
    finally:
        stop.set()
        await asyncio.wait([copying])
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
    name = walls.name if walls is not None else "none"
    return SuiteRun(tuple(command), passed, summary, time.perf_counter() - started, name)


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


async def _walls() -> Sandbox | None:
    """Bubblewrap. Landlock refuses what many tests do: changing modes, UNIX sockets, shared memory."""
    from codefactory.pipelines.sandbox import survey

    return next((found.sandbox for found in await survey() if found.name == "bubblewrap"), None)


async def _run_inside(
    walls: Sandbox, command: Sequence[str], root: Path, folder: Path, timeout_s: float
) -> tuple[bool, str]:
    from codefactory.pipelines.sandbox import Limits, toolchain

    if not command:
        return False, "The tests were not run: no command is set."
    environment = _environment()
    program = await asyncio.to_thread(_found, command[0], folder, environment.get("PATH"))
    if program is None:
        return False, f"The tests could not be started ({command[0]}): there is no such program."
    home = Path(environment.get("HOME") or Path.home())
    read = await asyncio.to_thread(
        lambda: [*_installed(environment, home), *toolchain.needed(program), *_shown(root, home)]
    )
    tail = bytearray()

    def keep(_stream: str, data: bytes) -> None:
        tail.extend(data)
        if len(tail) > 2 * MAX_OUTPUT_BYTES:
            del tail[:-MAX_OUTPUT_BYTES]

    limits = Limits(
        memory_bytes=16_000_000_000,
        cpu_s=math.ceil(timeout_s) * (os.cpu_count() or 1) + 1,
        processes=2_000,
        file_bytes=4_000_000_000,
        temporary_bytes=4_000_000_000,
        disk_bytes=8_000_000_000,
        wall_s=timeout_s,
        output_bytes=0,
        open_files=4_096,
    )
    try:
        done = await walls.run(
            command,
            read=read,
            write=[folder],
            environment={k: v for k, v in environment.items() if k not in ("TMPDIR", "TEMP", "TMP")},
            folder=folder,
            home=home,
            limits=limits,
            on_output=keep,
            excess="drop",
        )
    except (OSError, ValueError) as error:
        return False, f"The tests could not be started ({command[0]}): {error}."
    if done.limit == "wall":
        return False, f"The tests did not end within {timeout_s:g} s and were stopped."
    if done.limit is not None:
        return False, f"The tests were stopped: they passed the limit of the sandbox for {done.limit}."
    return done.returncode == 0, _summary(bytes(tail), done.returncode)


def _found(program: str, folder: Path, path: str | None) -> Path | None:
    """Where the command's program is; a relative one is in the copy."""
    if os.path.dirname(program):  # noqa: PTH120 whether there is a separator in it
        file = folder / program
        return file if file.exists() else None
    found = shutil.which(program, path=path)
    return Path(found).absolute() if found else None


def _shown(root: Path, home: Path) -> list[Path]:
    """The workspace, for packages that were installed from it, unless the home is in it."""
    return [] if home.is_relative_to(root) else [root]


def _installed(environment: Mapping[str, str], home: Path) -> list[Path]:
    """Folders of programs in PATH, and of what is installed in the user's home. What is in them is no secret."""
    from codefactory.pipelines.sandbox import toolchain

    found = [Path(name) for name in environment.get("PATH", "").split(os.pathsep) if name]
    found += [Path(value) for name, value in environment.items() if name in _PREFIXES]
    kept = [path for path in found if path.is_absolute() and path.is_dir() and not home.is_relative_to(path)]
    return [*kept, *toolchain.in_home(home)]


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
