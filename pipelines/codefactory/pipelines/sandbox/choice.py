"""Which mechanism works on this machine. Each is tried once, by running a program in it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
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


_survey: tuple[Found, ...] | None = None


async def survey() -> tuple[Found, ...]:
    """Every mechanism of this system, the best first. Remembered."""
    global _survey
    if _survey is None:
        _survey = tuple([await _tried(name, made) for name, made in _candidates()])
    return _survey


async def chosen(mode: Mode = "required") -> Sandbox:
    """The best sandbox that works here. `mode` "none": no walls where there is none, rather than an error.

    Raises SandboxUnavailableError, which says why each mechanism does not work.
    """
    found = await survey()
    for each in found:
        if each.sandbox is not None:
            return each.sandbox
    if mode == "none":
        from .bare import Bare

        return Sandbox(Bare())
    reasons = "; ".join(f"{each.name}: {each.reason}" for each in found) or f"there is none for {sys.platform}"
    remedy = _INSTALL.get(sys.platform, "run on Linux or macOS")
    raise SandboxUnavailableError(
        f"code cannot be run: no sandbox works here ({reasons}). To have one, {remedy}. To run code with all your "
        'rights instead, set `policy.sandbox = "none"`'
    )


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
