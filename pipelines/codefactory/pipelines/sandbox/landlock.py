"""landlock: the kernel's own walls around files, for where bubblewrap is missing.

A shim locks itself in and becomes the program. Where there may be user namespaces, network and processes are its own,
too; where not, it gets no socket at all and reaches no process but its own. Landlock knows no change of a file's mode,
owner or times, and no connection to a UNIX socket, so these are refused everywhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import marshal
import math
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import seccomp, system
from .bare import relocated
from .limiting import beside_others
from .sandbox import Prepared, private_folder

if TYPE_CHECKING:
    from collections.abc import Generator

    from .sandbox import MechanismName, Request

_SHIM = Path(__file__).with_name("landlock_shim.py")
_CREATE_RULESET = 444
_SIGNALS_SINCE, _TRUNCATION_SINCE = 6, 3


class Landlock:
    name: MechanismName = "landlock"

    def __init__(self, abi: int, *, namespaces: bool = True) -> None:
        """`namespaces`: whether to try for them."""
        self.abi = abi
        self._namespaces = namespaces
        truncation = abi >= _TRUNCATION_SINCE
        self._filter = seccomp.program(landlock=True, truncation=truncation, sockets="internet")
        self._alone = seccomp.program(
            landlock=True, truncation=truncation, sockets="none", signals=abi >= _SIGNALS_SINCE
        )

    @property
    def detail(self) -> str:
        return f"landlock (version {self.abi} of its interface): no network, read-only system, system calls filtered"

    @contextlib.contextmanager
    def prepare(self, request: Request) -> Generator[Prepared]:
        with private_folder() as made, tempfile.TemporaryFile(buffering=0) as file:
            temporary = os.path.realpath(made)
            file.write(marshal.dumps(self._specification(request, temporary)))
            file.seek(0)
            command = (sys.executable, "-I", "-S", str(_SHIM), str(file.fileno()))
            yield Prepared(command, {"PATH": os.defpath}, "/", (file.fileno(),), Path(temporary))

    def _specification(self, request: Request, temporary: str) -> dict[str, Any]:
        return {
            "parent": os.getpid(),
            "abi": self.abi,
            "namespaces": self._namespaces,
            "arguments": request.arguments,
            "environment": dict(relocated(request, temporary)),
            "folder": str(request.folder or temporary),
            "read": [str(p) for p in (*system.folders(), *system.settings(), *request.read)],
            "write": [*map(str, request.write), temporary],
            "bounds": _bounds(request),
            "filter": self._filter,
            "filter_without_namespaces": self._alone,
        }


def _bounds(request: Request) -> dict[str, list[int]]:
    limits = request.limits
    seconds, processes = math.ceil(limits.cpu_s), beside_others(limits)
    return {
        "RLIMIT_CORE": [0, 0],
        "RLIMIT_CPU": [seconds, seconds + 1],
        "RLIMIT_DATA": [limits.memory_bytes] * 2,
        "RLIMIT_FSIZE": [limits.file_bytes] * 2,
        "RLIMIT_NOFILE": [limits.open_files] * 2,
        "RLIMIT_NPROC": [processes] * 2,
    }


def available() -> Landlock | str:
    """Or why it is not."""
    if platform.machine() not in seccomp.ARCHITECTURES:
        return f"not known for {platform.machine()}"
    abi = ctypes.CDLL(None, use_errno=True).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if abi < 1:
        return "the kernel does not have it, or it is turned off"
    return Landlock(abi)
