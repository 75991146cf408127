"""Names and kinds of files that are refused, wherever the policy's folders are."""

from __future__ import annotations

import os
import stat
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from codefactory.pipelines.private_files import own_folders

from .errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import PurePath

OURS = {".git": "the repository itself", ".codefactory": "Code Factory's own records"}
_KERNEL = ("/proc", "/sys", "/dev")
_MEMORY = "/dev/shm"  # noqa: S108 a name, not a file
_IGNORED = ("Cf", "Mn")
"""Categories of characters that some file systems leave out of names: zero-width ones, marks."""


def protected(name: str, names: Collection[str] = OURS) -> str | None:
    """What a name stands for that steps may not change, however it is spelled: `.GIT`, `.g\u200cit`. `names`: lower
    case."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if unicodedata.category(c) not in _IGNORED)
    plain = plain.casefold().partition(":")[0].rstrip(". ")
    return OURS.get(plain) or ("what the policy protects" if plain in names else None)


def check_changeable(path: PurePath, root: PurePath, names: Collection[str] = OURS) -> None:
    """Raises AccessError if the path, from `root` on, is or leads through something that steps may not change."""
    for part in path.relative_to(root).parts if path.is_relative_to(root) else path.parts:
        if what := protected(part, names):
            raise AccessError(f"`{path}` belongs to {what} (`{part}`): steps may not change it")


def check_place(path: PurePath, device: int) -> None:
    """Raises AccessError for the kernel's own file systems, also where they are mounted elsewhere, and for our own
    settings, trust, proofs and audit log."""
    text = path.as_posix()
    inside = any(text == root or text.startswith(f"{root}/") for root in _KERNEL)
    if (inside and not f"{text}/".startswith(f"{_MEMORY}/")) or device in _kernel_devices():
        raise AccessError(f"`{path}` is the system's own and no file")
    if any(path.is_relative_to(os.path.realpath(folder)) for folder in own_folders()):
        raise AccessError(f"`{path}` is Code Factory's own: no step may use it")


@cache
def _kernel_devices() -> frozenset[int]:
    return frozenset(_devices(("/proc", "/sys")))


def _devices(paths: Iterable[str]) -> Iterable[int]:
    base = Path("/").stat().st_dev
    for path in paths:
        if os.path.ismount(path) and (device := Path(path).stat().st_dev) != base:
            yield device


def check_regular(path: PurePath, found: os.stat_result, owner: int | None = None) -> None:
    """Raises AccessError unless it is a regular file.

    `owner`: of the folder. A file of somebody else's with more names is one that was linked in from elsewhere.
    """
    mode = found.st_mode
    if stat.S_ISREG(mode):
        if owner is not None and found.st_nlink > 1 and found.st_uid != owner:
            raise AccessError(f"`{path}` is another name of a file of somebody else's (a hard link)")
        return
    raise AccessError(f"`{path}` is {kind_of(mode)}, not a file")


def kind_of(mode: int) -> str:
    for test, kind in (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISLNK, "a link"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    ):
        if test(mode):
            return kind
    return "a file" if stat.S_ISREG(mode) else "something special"
