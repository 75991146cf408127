"""The files of a workspace, without those that git ignores."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

GIT_TIMEOUT_S = 20.0
_SKIPPED = frozenset({".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache"})


def files(root: Path) -> Iterator[PurePosixPath]:
    """Paths relative to `root`, sorted: what git tracks or would add; without git all but `.gitignore`'s and caches.

    No path leads out of the root, and none is a symlink.
    """
    listed = _git_files(root)
    for relative in sorted(listed if listed is not None else _walked(root)):
        path = root / relative
        if not path.is_symlink() and path.is_file() and path.resolve().is_relative_to(root.resolve()):
            yield relative


def _git_files(root: Path) -> list[PurePosixPath] | None:
    command = ["git", "-c", "core.fsmonitor=false", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, timeout=GIT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    return [PurePosixPath(os.fsdecode(name)) for name in done.stdout.split(b"\0") if name]


def _walked(root: Path) -> list[PurePosixPath]:
    from pathspec import GitIgnoreSpec

    try:
        spec = GitIgnoreSpec.from_lines((root / ".gitignore").read_text("utf-8", "replace").splitlines())
    except OSError:
        spec = GitIgnoreSpec.from_lines([])
    found: list[PurePosixPath] = []
    for folder, folders, names in os.walk(root, followlinks=False):
        base = PurePosixPath(Path(folder).relative_to(root).as_posix())
        folders[:] = [f for f in folders if f not in _SKIPPED and not spec.match_file(f"{base / f}/")]
        found += [base / name for name in names if not spec.match_file(str(base / name))]
    return found
