"""`FileIndex`: which files exist, by path and by folder. What resolvers look into instead of the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class FileIndex:
    """The files of the graph by number, and the configuration files beside them.

    A removed file's number is given to the next one that is added.
    """

    def __init__(self, read: Callable[[str], bytes]) -> None:
        """`read` gives a configuration file's content, and raises OSError."""
        self.ids: dict[str, int] = {}
        self.paths: list[str] = []
        """By number; "" where a file was removed."""
        self.folders: dict[str, set[str]] = {}
        """Folder ("" for the root, else ending in "/") → names of the files and, ending in "/", folders in it."""
        self.configurations: dict[str, int] = {}
        self.facts: dict[int, tuple[str, ...]] = {}
        """`FileImports.facts` of the files that have any."""
        self._read = read
        self._free: list[int] = []

    def __contains__(self, path: object) -> bool:
        return path in self.ids

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, path: str) -> int:
        if path in self.ids:
            return self.ids[path]
        if self._free:
            number = self._free.pop()
            self.paths[number] = path
        else:
            number = len(self.paths)
            self.paths.append(path)
        self.ids[path] = number
        self._enter(path)
        return number

    def remove(self, path: str) -> int:
        """Raises KeyError when there is no such file."""
        number = self.ids.pop(path)
        self.paths[number] = ""
        self.facts.pop(number, None)
        self._free.append(number)
        self._leave(path)
        return number

    def add_configuration(self, path: str) -> None:
        if path not in self.configurations:
            self.configurations[path] = 0
            self._enter(path)

    def remove_configuration(self, path: str) -> None:
        if self.configurations.pop(path, None) is not None:
            self._leave(path)

    def is_folder(self, path: str) -> bool:
        """`path` without a trailing "/"; "" is the root."""
        return (path + "/" if path else "") in self.folders

    def files_in(self, folder: str) -> list[str]:
        """Paths of the graph's files right in `folder` (as a key of `folders`), sorted."""
        return sorted(folder + n for n in self.folders.get(folder, ()) if n[-1] != "/" and folder + n in self.ids)

    def configuration(self, path: str) -> str | None:
        """The text of a configuration file; None when there is none or it cannot be read."""
        if path not in self.configurations:
            return None
        try:
            return self._read(path).decode("utf-8-sig", "replace")
        except OSError:
            return None

    def _enter(self, path: str) -> None:
        folder, name = split(path)
        while True:
            names = self.folders.get(folder)
            if names is not None:
                names.add(name)
                return
            self.folders[folder] = {name}
            if not folder:
                return
            folder, name = split(folder[:-1])
            name += "/"

    def _leave(self, path: str) -> None:
        folder, name = split(path)
        while True:
            names = self.folders.get(folder)
            if names is None:
                return
            names.discard(name)
            if names or not folder:
                return
            del self.folders[folder]
            folder, name = split(folder[:-1])
            name += "/"


def split(path: str) -> tuple[str, str]:
    """Folder (with its "/", "" for the root) and name."""
    cut = path.rfind("/") + 1
    return path[:cut], path[cut:]


def join(folder: str, relative: str) -> str | None:
    """`relative` seen from `folder` (as a key of `FileIndex.folders`), without "." and ".."; None above the root."""
    parts = folder.split("/")[:-1]
    for part in relative.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part and part != ".":
            parts.append(part)
    return "/".join(parts)
