"""What steps deleted, until it is restored or its run is pruned: `trash/RUN/N/` in the store's folder.

`content` is the file or folder itself, moved; `entry.json` says where it was. The record may lie in a workspace, where
others can write: restoring goes through an `Access` like any step.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

from .errors import AccessError, FileError, said
from .folder import Folder

if TYPE_CHECKING:
    from collections.abc import Generator

    from .access import Access, Place

FOLDER = "trash"
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Trashed:
    """Something that a run deleted."""

    number: int
    path: Path
    """Where it was."""
    step: str
    at: float
    folder: bool
    bytes: int

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "path": str(self.path),
            "step": self.step,
            "at": self.at,
            "kind": "folder" if self.folder else "file",
            "bytes": self.bytes,
        }


def throw_away(place: Place, records: Path, run_id: str, step: str) -> Trashed:
    """Move what is at the place into the run's trash below `records`. Raises FileError if that is on another disk."""
    found = place.found
    if found is None:
        raise FileError(f"there is no `{place.shown}`")
    is_folder = stat.S_ISDIR(found.st_mode)
    with _run_folder(records, run_id, make=True) as trash:
        number, slot = _slot(trash)
        try:
            entry = Trashed(number, place.path, step, time(), is_folder, found.st_size)
            fd = slot.open("entry.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            with os.fdopen(fd, "wb") as file:
                file.write(json.dumps(entry.to_json()).encode())
            try:
                place.folder.replace(place.name, slot, "content")
            except OSError as error:
                _drop(trash, slot, str(number))
                if error.errno == errno.EXDEV:
                    raise FileError(
                        f"`{place.shown}` is on another disk than the run store, so it could not be restored; keep "
                        "the store on the same one (`--store`)"
                    ) from error
                raise said(place.shown, error) from error
        finally:
            slot.close()
    return entry


def trashed(records: Path, run_id: str) -> list[Trashed]:
    """What is in a run's trash, in the order of deletion. An entry that cannot be read is left out."""
    found: list[Trashed] = []
    try:
        with _run_folder(records, run_id, make=False) as trash:
            for name in sorted((n for n in trash.names() if n.isdigit()), key=int):
                with suppress(OSError, ValueError, KeyError, TypeError):
                    found.append(_entry(trash, name))
    except FileNotFoundError:
        return []
    return found


def restore(records: Path, run_id: str, entry: Trashed, access: Access, to: str | None = None) -> Path:
    """Put an entry back to where it was, or to `to`. Raises AccessError outside of `access`, FileError if there is
    something."""
    with (
        _run_folder(records, run_id, make=False) as trash,
        access.writing(to or str(entry.path), follow=False, parents=True) as place,
    ):
        if place.found is not None:
            raise FileError(f"there is a `{place.shown}` again; restore to another place (`--to`)")
        slot = trash.enter(str(entry.number))
        try:
            slot.replace("content", place.folder, place.name)
            _drop(trash, slot, str(entry.number))
        except OSError as error:
            raise said(place.shown, error) from error
        finally:
            slot.close()
        return place.path


def deleted_by(records: Path, run_id: str, path: Path, step: str) -> bool:
    """Whether this step of this run has deleted the path before: a crash came between that and its checkpoint."""
    return any(entry.path == path and entry.step == step for entry in trashed(records, run_id))


def empty(records: Path, run_id: str) -> None:
    """Delete a run's trash for good."""
    import shutil

    if _RUN_ID.match(run_id):
        shutil.rmtree(records / FOLDER / run_id, ignore_errors=True)


@contextmanager
def _run_folder(records: Path, run_id: str, *, make: bool) -> Generator[Folder]:
    """Raises FileNotFoundError without `make`."""
    if not _RUN_ID.match(run_id):
        raise AccessError(f"`{run_id}` is no run")
    if make:
        records.mkdir(parents=True, exist_ok=True)
    opened = [Folder.root(Path(os.path.realpath(records)))]
    try:
        for name in (FOLDER, run_id):
            if make:
                with suppress(FileExistsError):
                    opened[-1].make(name)
            opened.append(opened[-1].enter(name))
        yield opened[-1]
    finally:
        for folder in opened:
            folder.close()


def _slot(trash: Folder) -> tuple[int, Folder]:
    number = max((int(n) for n in trash.names() if n.isdigit()), default=0) + 1
    while True:
        try:
            trash.make(str(number))
        except FileExistsError:
            number += 1
        else:
            return number, trash.enter(str(number))


def _entry(trash: Folder, name: str) -> Trashed:
    slot = trash.enter(name)
    try:
        with os.fdopen(slot.open("entry.json", os.O_RDONLY), "rb") as file:
            data = json.loads(file.read(1_000_000))
        if slot.find("content") is None:
            raise ValueError("its content is gone")
    finally:
        slot.close()
    path = Path(str(data["path"]))
    return Trashed(int(name), path, str(data["step"]), float(data["at"]), data["kind"] == "folder", int(data["bytes"]))


def _drop(trash: Folder, slot: Folder, name: str) -> None:
    with suppress(OSError):
        slot.remove("entry.json")
        trash.remove_folder(name)
