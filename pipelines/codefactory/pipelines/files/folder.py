"""`Folder`: an open folder. Files are opened, made and renamed relative to it; a path could change its meaning."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RELATIVE = os.open in os.supports_dir_fd and os.stat in os.supports_dir_fd
"""Whether the system opens relative to a folder. Where it does not (Windows), names are joined to the real path."""

NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY: int = getattr(os, "O_DIRECTORY", 0)
_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
_BINARY: int = getattr(os, "O_BINARY", 0)
_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)


@dataclass(slots=True)
class Folder:
    """Close it. Names are single components; none of the methods follows a link."""

    path: Path
    """Its real path, for messages and records."""
    fd: int | None

    @classmethod
    def root(cls, path: Path) -> Folder:
        """Raises OSError."""
        if not RELATIVE:
            if not path.is_dir():
                raise NotADirectoryError(f"{path} is no folder")
            return cls(path, None)
        return cls(path, os.open(path, os.O_RDONLY | _DIRECTORY | _CLOEXEC))

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def at(self, name: str) -> str | Path:
        return name if self.fd is not None else self.path / name

    def stat(self, name: str = "") -> os.stat_result:
        """Of a name; of the folder itself without one."""
        if not name:
            return os.fstat(self.fd) if self.fd is not None else os.stat(self.path)  # noqa: PTH116 a descriptor or a path
        return os.stat(self.at(name), dir_fd=self.fd, follow_symlinks=False)

    def find(self, name: str) -> os.stat_result | None:
        try:
            return self.stat(name)
        except FileNotFoundError:
            return None

    def link_target(self, name: str) -> str:
        return os.readlink(self.at(name), dir_fd=self.fd)

    def enter(self, name: str) -> Folder:
        """Raises OSError, also if a link has taken the folder's place."""
        inner = self.path / name
        if self.fd is None:
            if stat.S_ISLNK(self.stat(name).st_mode) or inner.resolve() != inner:
                raise NotADirectoryError(f"{inner} is a link")
            return Folder(inner, None)
        return Folder(inner, os.open(name, os.O_RDONLY | _DIRECTORY | NO_FOLLOW | _CLOEXEC, dir_fd=self.fd))

    def open(self, name: str, flags: int, mode: int = 0o666) -> int:
        """A file's descriptor. Does not wait for the other end of a pipe."""
        return os.open(self.at(name), flags | NO_FOLLOW | _NONBLOCK | _BINARY | _CLOEXEC, mode, dir_fd=self.fd)

    def make(self, name: str) -> None:
        os.mkdir(self.at(name), dir_fd=self.fd)

    def replace(self, name: str, target: Folder, target_name: str) -> None:
        os.replace(self.at(name), target.at(target_name), src_dir_fd=self.fd, dst_dir_fd=target.fd)

    def give_name(self, name: str, new: str) -> None:
        """Raises FileExistsError if the new name is taken, and OSError where files have only one name."""
        source, target = self.at(name), self.at(new)
        os.link(source, target, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def remove(self, name: str) -> None:
        os.unlink(self.at(name), dir_fd=self.fd)

    def remove_folder(self, name: str) -> None:
        os.rmdir(self.at(name), dir_fd=self.fd)

    def names(self) -> list[str]:
        return sorted(os.listdir(self.fd if self.fd is not None else self.path))  # noqa: PTH208 a descriptor or a path

    def sync(self) -> None:
        """Make renames in it last over a power cut, where the system can."""
        if self.fd is not None:
            os.fsync(self.fd)
