"""bubblewrap: namespaces of its own for everything, and of the file system only what is bound."""

from __future__ import annotations

import contextlib
import itertools
import os
import platform
import re
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

from . import seccomp, system
from .limiting import limited
from .sandbox import TEMPORARY, Prepared

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from .sandbox import MechanismName, Request

_SHARED_MEMORY_BYTES = 64_000_000


class Bubblewrap:
    name: MechanismName = "bubblewrap"

    def __init__(self, program: str) -> None:
        self._program = program
        self._filter = seccomp.program() if platform.machine() in seccomp.ARCHITECTURES else None
        self._base = _system_options()

    @property
    def detail(self) -> str:
        version = re.search(r"[\d.]+", _version(self._program))
        filtered = "system calls filtered" if self._filter else "system calls not filtered on this machine"
        return (
            f"bubblewrap {version[0] if version else ''} ({self._program}): own namespaces, no network, "
            f"read-only system, {filtered}"
        )

    @contextlib.contextmanager
    def prepare(self, request: Request) -> Generator[Prepared]:
        with contextlib.ExitStack() as stack:
            options = [
                *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"),
                *("--hostname", "sandbox", *self._base),
                *("--size", str(_SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),  # noqa: S108
                *("--size", str(request.limits.temporary_bytes), "--tmpfs", TEMPORARY),
                *_home(request),
                *_files(stack, request.home),
                *_bound(request),
                *("--remount-ro", "/", "--chdir", str(request.folder or TEMPORARY)),
            ]
            descriptors = list(_opened(options))
            if self._filter:
                descriptors.append(_readable(self._filter, stack))
                options += ["--seccomp", str(descriptors[-1])]
            for name, value in request.environment.items():
                options += ["--setenv", name, value]
            # Not on the command line, which everybody can read: the environment may hold a secret.
            descriptors.append(_readable(b"".join(os.fsencode(o) + b"\0" for o in options), stack))
            command = (self._program, "--args", str(descriptors[-1]), "--", *limited(request.arguments, request.limits))
            yield Prepared(command, {"PATH": os.defpath}, "/", tuple(descriptors))


def find() -> str | None:
    return shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin:/run/current-system/sw/bin")


def _version(program: str) -> str:
    try:
        return subprocess.run([program, "--version"], capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _system_options() -> list[str]:
    options: list[str] = []
    for path in system.folders():
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
        else:
            options += ["--ro-bind", str(path), str(path)]
    for path in system.settings():
        options += ["--ro-bind-try", str(path), str(path)]
    # Read-only: root in the sandbox is root to the kernel's settings, /proc/sys/kernel/core_pattern among them, which
    # names a program that the kernel starts outside. bubblewrap 0.8 covers only what is a folder one may write in.
    return [*options, "--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]


def _bound(request: Request) -> list[str]:
    """Outer folders first: what is inside another is bound over it."""
    places = [("--ro-bind", p) for p in request.read] + [("--bind", p) for p in request.write]
    return [o for option, path in sorted(places, key=_depth) for o in (option, str(path), str(path))]


def _depth(place: tuple[str, Path]) -> int:
    return len(place[1].parts)


def _home(request: Request) -> list[str]:
    if request.home is None:
        return []
    return ["--size", str(request.limits.temporary_bytes), "--tmpfs", str(request.home)]


def _files(stack: contextlib.ExitStack, home: Path | None) -> list[str]:
    """The user and the host, by names that tell nothing."""
    user = f"user:x:{os.getuid()}:{os.getgid()}::{home or TEMPORARY}:/bin/sh\n"
    contents = {
        "/etc/passwd": user,
        "/etc/group": f"user:x:{os.getgid()}:\n",
        "/etc/hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    }
    options: list[str] = []
    for path, text in contents.items():
        options += ["--ro-bind-data", str(_readable(text.encode(), stack)), path]
    return options


def _opened(options: list[str]) -> Iterator[int]:
    for option, value in itertools.pairwise(options):
        if option == "--ro-bind-data":
            yield int(value)


def _readable(data: bytes, stack: contextlib.ExitStack) -> int:
    """An open file with this content, at its beginning."""
    file = stack.enter_context(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 the stack is one
    file.write(data)
    file.seek(0)
    return file.fileno()
