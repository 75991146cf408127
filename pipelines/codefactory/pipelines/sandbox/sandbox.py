"""`Sandbox`: run a program behind walls. One interface, whatever the mechanism."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

MechanismName = Literal["bubblewrap", "landlock", "sandbox-exec", "none"]
Stream = Literal["stdout", "stderr"]
Limit = Literal["memory", "cpu", "wall", "output", "processes", "disk"]
"""What a program was stopped for."""

TEMPORARY = "/tmp"  # noqa: S108 the name inside; the folder is private
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


class SandboxUnavailableError(Exception):
    """No sandbox works here. The message says why, for each mechanism, and what to do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of everything the program starts, taken together, but where said."""

    memory_bytes: int = 512_000_000
    """For each process at once; of all together, noticed within a tenth of a second."""
    cpu_s: float = 60.0
    processes: int = 64
    file_bytes: int = 100_000_000
    """The largest file that may be written."""
    temporary_bytes: int = 200_000_000
    """Of the private folder for temporary files."""
    disk_bytes: int = 1_000_000_000
    """By how much the writable folders may grow."""
    wall_s: float = 60.0
    output_bytes: int = 10_000_000
    """Of stdout, stderr and the result together."""
    open_files: int = 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What a mechanism has to arrange."""

    arguments: tuple[str, ...]
    read: tuple[Path, ...]
    """Absolute, real paths that exist."""
    write: tuple[Path, ...]
    environment: Mapping[str, str]
    folder: Path | None
    """Where the program starts; None: in its private temporary folder."""
    limits: Limits
    home: Path | None = None
    """Where the program's empty home is, if not in its temporary folder; only bubblewrap can arrange it."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A command that the operating system can be given."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str
    descriptors: tuple[int, ...] = ()
    """Open files it inherits; closed by whoever prepared it."""
    temporary: Path | None = None
    """The private folder, where it is on a disk that has no other bound."""


class Mechanism(Protocol):
    name: MechanismName

    @property
    def detail(self) -> str:
        """What is in force, for people: "bubblewrap 0.8.0: no network, …"."""
        ...

    def prepare(self, request: Request) -> AbstractContextManager[Prepared]: ...


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that has ended, with all that it started."""

    returncode: int
    """As a shell has it: 128 + n after signal n."""
    stdout: bytes
    stderr: bytes
    result: bytes
    """What came through the channel for results."""
    limit: Limit | None
    """The bound for which it was stopped."""
    wall_s: float
    cpu_s: float
    """Seen last while it ran: a lower bound."""
    sandbox: MechanismName
    truncated: bool = False
    """Whether output was dropped."""

    @property
    def signal(self) -> int | None:
        return self.returncode - 128 if 128 < self.returncode < 193 else None


@dataclass(frozen=True, slots=True)
class Sandbox:
    mechanism: Mechanism = field(repr=False)

    @property
    def name(self) -> MechanismName:
        return self.mechanism.name

    @property
    def detail(self) -> str:
        return self.mechanism.detail

    async def run(
        self,
        arguments: Sequence[str],
        *,
        read: Iterable[Path] = (),
        write: Iterable[Path] = (),
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        home: Path | None = None,
        stdin: bytes = b"",
        limits: Limits | None = None,
        on_output: Callable[[Stream, bytes], Awaitable[None] | None] | None = None,
        excess: Literal["stop", "drop"] = "stop",
        channel: bool = False,
    ) -> Completed:
        """Run a program to its end. It sees the system, `read`, `write`, a private temporary folder, and no network.

        `environment` is added to a minimal one; nothing is inherited. `on_output` gets each piece as it comes; the
        program waits while it does not return. `excess`: what happens beyond `limits.output_bytes`. `home`: bubblewrap
        shows an empty folder there, with what is in `read` and `write` in it. `channel`: the program finds the number
        of a pipe in CODEFACTORY_RESULT, and what it writes there is `Completed.result`.

        Cancelling ends the program and everything it started before this returns. Raises OSError when the program
        cannot be started and ValueError for a folder that does not exist or is not absolute.
        """
        from .running import run

        limits = limits or Limits()
        request = Request(
            tuple(arguments),
            _real(read),
            _real(write),
            minimal_environment() | dict(environment or {}),
            _real([folder])[0] if folder is not None else None,
            limits,
            home,
        )
        return await run(self.mechanism, request, stdin, on_output, stop_at_excess=excess == "stop", channel=channel)


def minimal_environment() -> dict[str, str]:
    return {"PATH": DEFAULT_PATH, "HOME": TEMPORARY, "TMPDIR": TEMPORARY, "LANG": "C.UTF-8"}


def _real(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Resolved here, once: what is bound is what was checked."""
    found: list[Path] = []
    for path in paths:
        if not path.is_absolute():
            raise ValueError(f"{path} is not absolute; a sandbox is given whole paths")
        real = Path(os.path.realpath(path))
        if not real.exists():
            raise ValueError(f"{path} does not exist, so the sandbox cannot be given it")
        if real not in found:
            found.append(real)
    return tuple(found)


def private_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="codefactory-sandbox-", ignore_cleanup_errors=True)
