"""The files of workspace folders that can be repaired."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from codefactory.analyzers import language_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .configuration import Folder

LANGUAGES = frozenset({"python"})
SKIPPED = frozenset({"node_modules", "__pycache__", "venv", "site-packages", "build", "dist"})


async def files(folders: Sequence[Folder]) -> list[str]:
    """URIs, in order of path."""
    paths = [folder.path for folder in folders if folder.path is not None]
    return await asyncio.to_thread(lambda: [p.as_uri() for p in sorted({f for path in paths for f in _files(path)})])


def _files(root: Path) -> Iterable[Path]:
    listed = _by_git(root)
    found = _by_walking(root) if listed is None else listed
    return (path for path in found if language_of(path.name) in LANGUAGES)


def _by_git(root: Path) -> list[Path] | None:
    """What git tracks or would track; None where there is no git or no repository."""
    # The repository may be hostile: its fsmonitor would be a program of its choice.
    git = ["git", "-C", str(root), "-c", "core.fsmonitor=false"]
    command = [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    names = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    return [path for name in names if name and (path := root / name).is_file()]


def _by_walking(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in SKIPPED and not f.startswith(".")]
        yield from (Path(folder, name) for name in names)
