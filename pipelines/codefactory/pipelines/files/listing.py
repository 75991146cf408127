"""What is in a folder: list and glob, folder by folder, links never followed."""

from __future__ import annotations

import fnmatch
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import AccessError, FileError, said
from .guard import check_place, protected

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Generator, Sequence

    from .access import Access
    from .folder import Folder

MAX_ENTRIES = 100_000
MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Entry:
    parts: tuple[str, ...]
    """From the folder that was asked about."""
    found: os.stat_result
    path: str
    """As the step's other operations take it."""

    def to_json(self) -> dict[str, Any]:
        mode = self.found.st_mode
        kind = next(
            (k for test, k in ((stat.S_ISREG, "file"), (stat.S_ISDIR, "folder"), (stat.S_ISLNK, "link")) if test(mode)),
            "other",
        )
        return {
            "path": self.path,
            "name": self.parts[-1],
            "kind": kind,
            "bytes": self.found.st_size if kind == "file" else 0,
            "modified": self.found.st_mtime,
        }


def entries(
    access: Access, text: str, *, recursive: bool | Callable[[Sequence[str]], bool], check: Callable[[], None]
) -> list[Entry]:
    """What is in the folder, sorted by path. The repository's and our own records are not gone into.

    `recursive`: whether inner folders are, or which, by their components from the folder that was asked about.
    """
    into = recursive if callable(recursive) else _always if recursive else _never
    with access.reading(text) as place:
        if place.found is None:
            raise FileError(f"there is no `{text}`")
        if not place.is_folder:
            raise FileError(f"`{text}` is no folder")
        folder = place.folder.enter(place.name) if place.name else place.folder
        prefix = access.shown(place.path)
        prefix = "" if prefix == "." else f"{prefix}/"
        try:
            return list(_walk(folder, (), prefix, into, check, [0]))
        except OSError as error:
            raise said(text, error) from error
        finally:
            if place.name:
                folder.close()


def _always(_parts: Sequence[str]) -> bool:
    return True


def _never(_parts: Sequence[str]) -> bool:
    return False


def _walk(
    folder: Folder,
    above: tuple[str, ...],
    prefix: str,
    into: Callable[[Sequence[str]], bool],
    check: Callable[[], None],
    count: list[int],
) -> Generator[Entry]:
    check_place(folder.path, folder.stat().st_dev)
    for name in folder.names():
        check()
        count[0] += 1
        if count[0] > MAX_ENTRIES:
            raise FileError(f"there are more than {MAX_ENTRIES:,} files; begin further down")
        found = folder.find(name)
        if found is None:  # gone since
            continue
        parts = (*above, name)
        yield Entry(parts, found, prefix + "/".join(parts))
        if stat.S_ISDIR(found.st_mode) and protected(name) is None and len(parts) < MAX_DEPTH and into(parts):
            try:
                inner = folder.enter(name)
            except OSError:  # no longer a folder, or closed to us: it is listed, not gone into
                continue
            try:
                yield from _walk(inner, parts, prefix, into, check, count)
            finally:
                inner.close()


class Pattern:
    """A glob: `*`, `?` and `[…]` within a name, `**` for any number of folders. Raises AccessError if it leads out."""

    def __init__(self, text: str) -> None:
        if len(text) > 1000 or text.count("**") > 10:
            raise FileError("the pattern is too long")
        if text.startswith("/") or "\\" in text or ".." in text.split("/") or "\0" in text:
            raise AccessError(f"the pattern `{text}` leads out of its folder")
        segments = [s for s in text.split("/") if s not in ("", ".")]
        self._segments = [None if s == "**" else re.compile(fnmatch.translate(s)) for s in segments]

    def matches(self, parts: Sequence[str]) -> bool:
        return len(self._segments) in self._states(parts)

    def goes_into(self, parts: Sequence[str]) -> bool:
        """Whether something in this folder could match."""
        return any(at < len(self._segments) for at in self._states(parts))

    def _states(self, parts: Sequence[str]) -> set[int]:
        """How many segments a walk along `parts` can have used up: linear in each part, whatever the pattern."""
        segments = self._segments
        states = _spread({0}, segments)
        for part in parts:
            after: set[int] = set()
            for at in states:
                if at == len(segments):
                    continue
                segment = segments[at]
                if segment is None:
                    after.add(at)
                elif segment.match(part):
                    after.add(at + 1)
            states = _spread(after, segments)
        return states


def _spread(states: set[int], segments: Sequence[re.Pattern[str] | None]) -> set[int]:
    """`**` may also stand for no folder."""
    queue = list(states)
    while queue:
        at = queue.pop()
        if at < len(segments) and segments[at] is None and at + 1 not in states:
            states.add(at + 1)
            queue.append(at + 1)
    return states


def glob(access: Access, text: str, pattern: str, check: Callable[[], None]) -> list[str]:
    """The paths of files that match, sorted; nothing inside of what is protected."""
    wanted = Pattern(pattern)
    found = entries(access, text, recursive=wanted.goes_into, check=check)
    return [e.path for e in found if stat.S_ISREG(e.found.st_mode) and wanted.matches(e.parts)]


def check_nothing_protected(access: Access, folder: Folder, name: str, shown: str) -> None:
    """Raises AccessError if a folder that is to go away holds what steps may not change."""
    inner = folder.enter(name)
    try:
        for entry in _walk(inner, (), "", _always, lambda: None, [0]):
            what = (
                "Code Factory's own records, the run store"
                if access.is_records(entry.found)
                else protected(entry.parts[-1], access.protected)
            )
            if what is not None:
                raise AccessError(f"`{shown}` holds {what} (`{entry.path}`): steps may not change it")
    finally:
        inner.close()
