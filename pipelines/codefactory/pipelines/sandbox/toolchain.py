"""The folders that an interpreter needs, wherever it is installed. They are bound read-only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import system

_LINKS = 20
_TOO_MUCH = frozenset(map(Path, ("/", "/home", "/Users", "/root", "/opt", "/var", "/tmp", "/mnt", "/srv")))  # noqa: S108


_CACHES = (
    *(".pyenv", ".rbenv", ".asdf", ".volta", ".rustup", ".nvm", ".sdkman/candidates", ".cargo/bin", ".cargo/registry"),
    *(".cargo/git", "go/pkg", "go/bin", ".m2/repository", ".m2/wrapper", ".npm/_cacache", ".local/bin", ".local/lib"),
    *(".local/share/uv", ".local/share/pnpm", ".local/share/mise", ".bun/bin", ".deno/bin", ".gem/ruby"),
    ".cache/ms-playwright",
)


def in_home(home: Path) -> tuple[Path, ...]:
    """What tests need of a home: programs and packages that were installed there, nothing that is the user's own."""
    return tuple(path for name in _CACHES if (path := home / name).is_dir())


def interpreter() -> Path:
    """The Python that we run on, without our own packages."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))


def needed(program: Path) -> tuple[Path, ...]:
    """What must be readable for an absolute `program` to start: its installation, each one that a link or a virtual
    environment leads to, and nothing for what the system has anyway."""
    found: list[Path] = []
    queue = [program]
    for _ in range(_LINKS):
        if not queue:
            break
        path = queue.pop()
        root = _installation(path)
        if root is not None and root not in found:
            found.append(root)
            queue += _home(root, path.name)
        if path.is_symlink():
            queue.append(Path(os.path.normpath(path.parent / path.readlink())))
    return tuple(found)


def _installation(program: Path) -> Path | None:
    folder = Path(os.path.realpath(program.parent))
    if any(folder.is_relative_to(system_folder) for system_folder in system.FOLDERS):
        return None
    prefix = folder.parent if folder.name in ("bin", "Scripts", "shims") else folder
    home = Path.home()
    return folder if prefix in _TOO_MUCH or prefix in (home, home / ".local", home / ".cargo") else prefix


def _home(root: Path, name: str) -> list[Path]:
    """The Python that a virtual environment is made of."""
    try:
        lines = (root / "pyvenv.cfg").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    homes = [value.strip() for key, _, value in (line.partition("=") for line in lines) if key.strip() == "home"]
    return [Path(home) / name for home in homes if Path(home).is_absolute()]
