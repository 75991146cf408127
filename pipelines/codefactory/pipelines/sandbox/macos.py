"""macOS: a profile for sandbox-exec. Processes are bounded by the watch; there are no namespaces."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .bare import relocated
from .limiting import limited
from .sandbox import Prepared, private_folder

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from .sandbox import MechanismName, Request

_PROGRAM = "/usr/bin/sandbox-exec"
_SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/System",
    "/Library/Frameworks",
    "/Library/Apple",
    "/private/etc/ssl",
    "/opt/homebrew",
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


class SandboxExec:
    name: MechanismName = "sandbox-exec"
    detail = "sandbox-exec: no network, read-only system"

    @contextlib.contextmanager
    def prepare(self, request: Request) -> Generator[Prepared]:
        with private_folder() as temporary:
            real = os.path.realpath(temporary)
            text = profile((*request.read, *(Path(f) for f in _SYSTEM)), (*request.write, Path(real)))
            command = (_PROGRAM, "-p", text, *limited(request.arguments, request.limits, 4096))
            yield Prepared(command, relocated(request, real), str(request.folder or real), (), Path(real))


def available() -> SandboxExec | str:
    return SandboxExec() if Path(_PROGRAM).exists() else f"there is no {_PROGRAM}"


def profile(read: Iterable[Path], write: Iterable[Path]) -> str:
    """In the profile language of sandbox-exec: denied unless allowed; later rules win."""
    writable = list(write)
    readable = [*read, *writable]
    return "\n".join(
        [
            "(version 1)",
            "(deny default)",
            "(deny network*)",
            "(allow process-fork)",
            "(allow process-exec)",
            "(allow process-info* (target same-sandbox))",
            "(allow signal (target same-sandbox))",
            "(allow sysctl-read)",
            "(allow file-read-metadata)",
            '(allow file-read* (literal "/"))',
            *(f"(allow file-read* (subpath {_quoted(path)}))" for path in readable),
            *(f"(allow file-write* (subpath {_quoted(path)}))" for path in writable),
            *(f"(allow file-read* file-write-data (literal {_quoted(Path(device))}))" for device in _DEVICES),
            "(deny file-write-setugid)",
            "",
        ]
    )


def _quoted(path: Path) -> str:
    """As a literal of the profile language. Raises ValueError for a path that could end it."""
    text = str(path)
    if any(ord(c) < 32 for c in text):
        raise ValueError(f"{text!r} has a control character, so it cannot be named in a sandbox profile")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
