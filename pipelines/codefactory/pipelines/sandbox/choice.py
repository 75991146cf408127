"""Which mechanism works on this machine. Each is tried once, by running a program in it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from .sandbox import Limits, Sandbox, SandboxUnavailableError

if TYPE_CHECKING:
    from .sandbox import Mechanism, MechanismName

Mode = Literal["required", "none"]

_TRIAL = Limits(wall_s=10.0)
_INSTALL = {
    "linux": "install bubblewrap (apt, dnf or pacman install bubblewrap), or a kernel with landlock (5.13)",
    "darwin": "sandbox-exec, part of macOS, must be in /usr/bin",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one mechanism."""

    name: MechanismName
    sandbox: Sandbox | None
    reason: str
    """What is in force, or why it does not work."""


_known: dict[MechanismName, Found] = {}
"""What works does not change while we run."""


async def survey() -> tuple[Found, ...]:
    """Every mechanism of this system, the best first. Remembered."""
    return tuple([await _found(name, made) for name, made in _candidates()])


async def chosen(mode: Mode = "required", only: MechanismName | None = None) -> Sandbox:
    """The best sandbox that works here; those after it are not tried. `only`: no other than this one. `mode` "none":
    no walls where there is none, rather than an error.

    Raises SandboxUnavailableError, which says why each mechanism does not work.
    """
    reasons: list[str] = []
    for name, made in _candidates():
        if only in (None, name):
            found = await _found(name, made)
            if found.sandbox is not None:
                return found.sandbox
            reasons.append(f"{name}: {found.reason}")
    if mode == "none":
        from .bare import Bare

        return Sandbox(Bare())
    why = "; ".join(reasons) or f"there is none for {sys.platform}"
    remedy = _INSTALL.get(sys.platform, "run on Linux or macOS")
    raise SandboxUnavailableError(
        f"code cannot be run: no sandbox works here ({why}). To have one, {remedy}. To run code with all your "
        'rights instead, set `policy.sandbox = "none"`'
    )


async def _found(name: MechanismName, made: Mechanism | str) -> Found:
    if name not in _known:
        _known[name] = await _tried(name, made)
    return _known[name]


@cache
def _candidates() -> list[tuple[MechanismName, Mechanism | str]]:
    """Mechanisms, or why there is none."""
    if sys.platform == "linux":
        from . import bubblewrap, landlock

        program = bubblewrap.find()
        wrap = bubblewrap.Bubblewrap(program) if program else "the program bwrap is not installed"
        return [("bubblewrap", wrap), ("landlock", landlock.available())]
    if sys.platform == "darwin":
        from . import macos

        return [("sandbox-exec", macos.available())]
    return []


async def _tried(name: MechanismName, made: Mechanism | str) -> Found:
    if isinstance(made, str):
        return Found(name, None, made)
    sandbox = Sandbox(made)
    try:
        done = await sandbox.run(["/bin/sh", "-c", "echo works"], limits=_TRIAL)
    except (OSError, ValueError) as error:
        return Found(name, None, f"{error}")
    if done.stdout.strip() != b"works":
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return Found(name, None, said[-1] if said else f"a trial ended with code {done.returncode}")
    return Found(name, sandbox, made.detail)
