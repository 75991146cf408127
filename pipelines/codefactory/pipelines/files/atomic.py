"""A file is replaced whole or not at all: written beside, flushed, renamed."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from .errors import FileError
from .guard import check_regular, kind_of
from .transfer import write_all

if TYPE_CHECKING:
    from collections.abc import Generator

    from .access import Place

PREFIX = ".~codefactory-"
"""Of files that are being written. One that is left over is from a process that was killed."""


@contextmanager
def replacing(place: Place, *, sync: bool = True, exclusive: bool = False) -> Generator[int]:
    """A descriptor to write the new content to. At the end it takes the place's name, with the mode of what was there.

    After an exception nothing has changed. `sync`: whether it lasts over a power cut. `exclusive`: raises FileError if
    something has come to be there. Raises AccessError if something else than a file is there.
    """
    folder, name = place.folder, place.name
    if not name:
        raise FileError(f"`{place.shown}` is a folder")
    if place.found is not None:
        if stat.S_ISDIR(place.found.st_mode):
            raise FileError(f"`{place.shown}` is {kind_of(place.found.st_mode)}")
        check_regular(place.path, place.found)
    beside = f"{PREFIX}{secrets.token_hex(8)}"
    fd = folder.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        try:
            yield fd
            _take_over(fd, place)
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        if not (exclusive and _named(place, beside)):
            folder.replace(beside, folder, name)
        if sync:
            with suppress(OSError):
                folder.sync()
    except BaseException:
        with suppress(OSError):
            folder.remove(beside)
        raise


def _take_over(fd: int, place: Place) -> None:
    """Mode and, where we may, owner of what was there."""
    found = place.found
    if found is None or not hasattr(os, "fchmod"):
        return
    new = os.fstat(fd)
    if (new.st_uid, new.st_gid) != (found.st_uid, found.st_gid):
        with suppress(OSError):
            os.fchown(fd, found.st_uid, found.st_gid)
    os.fchmod(fd, stat.S_IMODE(found.st_mode) & 0o777)


def _named(place: Place, beside: str) -> bool:
    """Give the new file its name only if that is free; False where the file system cannot."""
    try:
        place.folder.give_name(beside, place.name)
    except FileExistsError as error:
        raise FileError(f"there is a `{place.shown}` already") from error
    except OSError:
        if place.folder.find(place.name) is not None:
            raise FileError(f"there is a `{place.shown}` already") from None
        return False
    place.folder.remove(beside)
    return True


def replace_content(place: Place, data: bytes) -> None:
    with replacing(place) as fd:
        write_all(fd, data)
