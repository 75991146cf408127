"""Where the graph gets files from: `FileSystem`, and three of them (disk, disk under unsaved buffers, memory).

Paths are relative to the file system's root and use "/", on every platform.
"""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pathspec import GitIgnoreSpec

EXCLUDED_FOLDERS = frozenset({
    ".git", ".hg", ".svn", ".jj", ".tox", ".nox", ".venv", "venv", "node_modules", "__pycache__", "__pypackages__",
    ".mypy_cache", ".ruff_cache", ".pytest_cache", ".eggs", ".idea", ".gradle", "target",
})  # fmt: skip
"""Never descended into where git does not say what is ignored ("target" is Cargo's and Maven's output)."""
GIT_TIMEOUT_S = 30


class FileSystem(Protocol):
    """A tree of files. Implementations are safe to read from several threads."""

    def list(self) -> Sequence[str]:
        """Every file that counts: not ignored, not excluded, no symbolic links. Sorted, without doubles."""
        ...

    def read(self, path: str) -> bytes:
        """The content of `path`. Raises OSError."""
        ...

    def locate(self, absolute: str) -> str | None:
        """The path here of a file on this machine; None when it is not below the root."""
        ...

    def on_disk(self, path: str) -> str | None:
        """The absolute path where a worker process reads the same bytes; None when only this process has them."""
        ...


class DiskFiles:
    """The files below a folder that git does not ignore; without git, what the .gitignore files say.

    `excludes` are further patterns in .gitignore's syntax. Symbolic links are left out: they would show a file twice
    or lead out of the folder.
    """

    def __init__(self, root: str | Path, excludes: Sequence[str] = ()) -> None:
        self.root = str(Path(root).absolute())
        self._excludes = _patterns(excludes) if excludes else None

    def list(self) -> Sequence[str]:
        paths = _git_files(self.root)
        if paths is None:
            paths = _walk(self.root)
        if self._excludes is not None:
            paths = [p for p in paths if not self._excludes.match_file(p)]
        return sorted(paths)

    def read(self, path: str) -> bytes:
        return read_regular_file(f"{self.root}/{path}")

    def locate(self, absolute: str) -> str | None:
        try:
            return Path(absolute).relative_to(self.root).as_posix()
        except ValueError:
            return None

    def on_disk(self, path: str) -> str | None:
        return f"{self.root}/{path}"


class OverlayFiles:
    """Another file system under unsaved buffers: where a buffer is open, its text wins."""

    def __init__(self, below: FileSystem, buffers: Mapping[str, str]) -> None:
        """`buffers` may be changed by the caller later on: it is looked into anew each time."""
        self._below = below
        self._buffers = buffers

    def list(self) -> Sequence[str]:
        below = self._below.list()
        known = frozenset(below)
        return sorted([*below, *(path for path in tuple(self._buffers) if path not in known)])

    def read(self, path: str) -> bytes:
        text = self._buffers.get(path)
        return self._below.read(path) if text is None else text.encode("utf-8", "replace")

    def locate(self, absolute: str) -> str | None:
        return self._below.locate(absolute)

    def on_disk(self, path: str) -> str | None:
        return None if path in self._buffers else self._below.on_disk(path)


class MemoryFiles:
    """Files in a dictionary, for tests and for what never was on a disk. Its root is "/"."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self.files = dict(files)

    def list(self) -> Sequence[str]:
        return sorted(self.files)

    def read(self, path: str) -> bytes:
        try:
            content = self.files[path]
        except KeyError:
            raise FileNotFoundError(path) from None
        return content.encode("utf-8", "replace") if isinstance(content, str) else content

    def locate(self, absolute: str) -> str | None:
        return absolute.lstrip("/")

    def on_disk(self, path: str) -> str | None:
        return None


def read_regular_file(path: str) -> bytes:
    """The bytes of a regular file. Raises OSError, for a link, a pipe or a device too: those may never end."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is not a regular file")
        content = os.read(handle, status.st_size + 1)
        while len(content) > status.st_size:  # it grew
            more = os.read(handle, 1 << 20)
            if not more:
                break
            content += more
        return content
    finally:
        os.close(handle)


def _git_files(root: str) -> list[str] | None:
    """Tracked and untracked files that are not ignored; None when `root` is in no git work tree."""
    if not any((folder / ".git").exists() for folder in (Path(root), *Path(root).parents)):
        return None
    # A repository's own configuration may name a program to run as file system monitor.
    command = ["git", "-c", "core.fsmonitor=false", "-C", root, "ls-files", "-z", "--cached", "--others"]
    command += ["--exclude-standard", "--deduplicate"]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=GIT_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError):
        return None
    paths = [os.fsdecode(p) for p in done.stdout.split(b"\0") if p]
    return [p for p in paths if _is_regular(f"{root}/{p}")]


def _is_regular(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _walk(root: str) -> list[str]:
    """In the order of `sorted`, which has then nothing to do: sorting 20,000 paths holds up all threads."""
    found: list[str] = []
    pending: list[tuple[str, tuple[tuple[str, GitIgnoreSpec], ...]]] = [("", ())]
    while pending:
        folder, specs = pending.pop()
        if folder and folder[-1] != "/":
            found.append(folder)
            continue
        try:
            with os.scandir(f"{root}/{folder}") as scan:
                entries = list(scan)
        except OSError:
            continue
        if any(entry.name == ".gitignore" for entry in entries):
            specs = (*specs, (folder, _ignore_file(f"{root}/{folder}.gitignore")))
        inside = [path for entry in entries if (path := _wanted(folder, entry)) and not _ignored(path, specs)]
        pending += [(path, specs) for path in sorted(inside, reverse=True)]
    return found


def _wanted(folder: str, entry: os.DirEntry[str]) -> str | None:
    """The entry's path, with a "/" at the end of a folder's; None for what never counts."""
    if entry.is_file(follow_symlinks=False):
        return folder + entry.name
    if entry.is_dir(follow_symlinks=False) and entry.name not in EXCLUDED_FOLDERS:
        return f"{folder}{entry.name}/"
    return None


def _ignore_file(path: str) -> GitIgnoreSpec:
    try:
        lines = read_regular_file(path).decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    return _patterns(lines)


def _patterns(lines: Sequence[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(lines)


def _ignored(path: str, specs: tuple[tuple[str, GitIgnoreSpec], ...]) -> bool:
    """The .gitignore nearest to the file that has an opinion decides."""
    for folder, spec in reversed(specs):
        verdict = spec.check_file(path[len(folder) :]).include
        if verdict is not None:
            return verdict
    return False
