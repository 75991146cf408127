"""What the `file` step does, one function an operation. They block; a `Job` runs them in a thread."""

from __future__ import annotations

import base64
import binascii
import errno
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from . import reading
from . import text as texts
from .access import Access
from .atomic import replace_content, replacing
from .errors import AccessError, FileError, said
from .guard import check_regular
from .job import Job
from .listing import check_nothing_protected, entries
from .transfer import transfer, write_all
from .trash import deleted_by, throw_away

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from codefactory.pipelines.engine import Context

    from .access import Place
    from .text import Form, Newline

As = Literal["text", "lines", "base64", "chunks"]
SAMPLE_BYTES = 65_536
"""Of a file that is written to: enough to know its line endings."""
REPORT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Files:
    """The operations of one step of one run."""

    access: Access
    job: Job
    records: Path
    """Where the run's trash is."""
    run_id: str
    step: str
    sync: bool = False
    """Whether copies are flushed to the disk, too: the run is to survive a power cut."""

    @classmethod
    def of(cls, ctx: Context) -> Files:
        """What the run's policy lets this step do. May be called from threads."""
        run = ctx.scope.run
        store = run.engine.store
        records = store.place.database.parent if store is not None else None
        access = Access.of(ctx.policy, records)
        trash = records or (access.base or Path()) / ".codefactory"
        durable = run.journal is not None and getattr(run.journal, "durability", "normal") == "full"
        return cls(access, Job(ctx), trash, ctx.run_id, ctx.path, durable)

    def read(
        self, path: str, as_: As, encoding: str, offset: int, limit: int | None, max_bytes: int, chunk_bytes: int
    ) -> Any:
        """`offset` and `limit` count bytes, for `lines` lines."""
        with self.opened(path) as (place, fd):
            size = os.fstat(fd).st_size
            if as_ == "lines":
                return reading.some_lines(fd, path, encoding, offset, limit, max_bytes, self.job.check)
            end = size if limit is None else min(size, offset + limit)
            if as_ == "chunks":
                return self._chunks(fd, place, encoding, offset, end, chunk_bytes)
            if end - offset > max_bytes:
                raise FileError(
                    f"`{path}` has {end - offset:,} bytes, more than `max_bytes` ({max_bytes:,}); read a part "
                    "(`offset`, `limit`), read it `as: chunks`, or copy it"
                )
            data = reading.read(fd, offset, end)
            if as_ == "base64":
                return base64.b64encode(data).decode()
            return texts.decoded(data, reading.form_of(fd, encoding), path, offset)

    def lines(self, path: str, encoding: str) -> Iterator[str]:
        """One after the other, without their endings."""
        with self.opened(path) as (_, fd):
            yield from reading.lines(fd, path, encoding, self.job.check)

    def _chunks(self, fd: int, place: Place, encoding: str, offset: int, end: int, size: int) -> dict[str, Any]:
        form = reading.form_of(fd, encoding)
        count = 0
        for piece in reading.pieces(fd, place.shown, form, offset, end, size, self.job.check):
            self.job.report(piece)
            count += 1
        return {"path": self.access.shown(place.path), "bytes": max(0, end - offset), "chunks": count}

    def write(self, path: str, content: Any, encoding: str, newline: Newline, *, parents: bool) -> dict[str, Any]:
        with self.access.writing(path, parents=parents) as place:
            form = self._form(place, encoding)
            data = self._content(content, form, newline, place)
            self._check_size(len(data), place)
            with _said(place):
                replace_content(place, data)
            return self._done(place, len(data))

    def append(self, path: str, content: Any, encoding: str, newline: Newline, *, parents: bool) -> dict[str, Any]:
        """At the end of what is there. A failure takes back what it wrote; another name of the file (a hard link) keeps
        the old content."""
        with self.access.writing(path, parents=parents) as place:
            if place.found is None:
                form = self._form(place, encoding)
                data = self._content(content, form, newline, place)
                self._check_size(len(data), place)
                with _said(place), replacing(place, exclusive=True) as fd:
                    write_all(fd, data)
                return self._done(place, len(data))
            check_regular(place.path, place.found)
            form = self._form(place, encoding)
            data = self._content(content, replace(form, mark=b""), newline, place)
            self._check_size(place.found.st_size + len(data), place)
            with _said(place):
                if place.found.st_nlink > 1:
                    self._append_to_copy(place, data)
                else:
                    _append_in_place(place, data)
            return self._done(place, len(data))

    def _append_to_copy(self, place: Place, data: bytes) -> None:
        source = place.folder.open(place.name, os.O_RDONLY)
        try:
            check_regular(place.path, os.fstat(source))
            with replacing(place) as fd:
                transfer(source, fd, self.access.max_file_bytes, lambda _n: self.job.check())
                write_all(fd, data)
        finally:
            os.close(source)

    def delete(self, path: str, *, recursive: bool, missing_ok: bool) -> dict[str, Any]:
        with self.access.writing(path, follow=False) as place:
            shown = self.access.shown(place.path)
            if place.found is None:
                if missing_ok or deleted_by(self.records, self.run_id, place.path, self.step):
                    return {"path": shown, "deleted": False}
                raise FileError(f"there is no `{path}`")
            self._check_movable(place, recursive=recursive)
            self._check_trash()
            with _said(place):
                entry = throw_away(place, self.records, self.run_id, self.step)
            return {"path": shown, "deleted": True, "trash": entry.number}

    def copy(self, path: str, to: str, *, overwrite: bool, parents: bool, recursive: bool) -> dict[str, Any]:
        with self.access.reading(path) as source:
            if source.is_folder:
                return self._copy_folder(path, to, overwrite=overwrite, parents=parents, recursive=recursive)
        with self.opened(path) as (place, fd), self.access.writing(to, parents=parents) as target:
            return self._copy_file(place, fd, target, overwrite=overwrite)

    def _copy_file(self, place: Place, fd: int, target: Place, *, overwrite: bool) -> dict[str, Any]:
        found = os.fstat(fd)
        if target.found is not None:
            if (found.st_dev, found.st_ino) == (target.found.st_dev, target.found.st_ino):
                raise FileError(f"`{place.shown}` and `{target.shown}` are the same file")
            if target.is_folder:
                raise FileError(f"`{target.shown}` is a folder; name the file in it")
            if not overwrite:
                raise FileError(f"there is a `{target.shown}` already; say `overwrite: true`")
        self._check_size(found.st_size, target)
        with _said(target), replacing(target, sync=self.sync, exclusive=not overwrite) as out:
            if target.found is None and hasattr(os, "fchmod"):
                os.fchmod(out, stat.S_IMODE(found.st_mode) & 0o777)
            copied = transfer(fd, out, self.access.max_file_bytes, _Progress(self.job, found.st_size))
        return self._done(target, copied)

    def _copy_folder(self, path: str, to: str, *, overwrite: bool, parents: bool, recursive: bool) -> dict[str, Any]:
        if not recursive:
            raise FileError(f"`{path}` is a folder; say `recursive: true`")
        found = entries(self.access, path, recursive=True, check=self.job.check)
        with self.access.reading(path) as source, self.access.writing(to, parents=parents) as target:
            if target.path.is_relative_to(source.path):
                raise FileError(f"`{to}` is inside of `{path}`")
        total = files = 0
        for entry in found:
            self.job.check()
            inner = "/".join((to, *entry.parts))
            if stat.S_ISDIR(entry.found.st_mode):
                self._make_folder(inner)
            elif stat.S_ISREG(entry.found.st_mode):
                outer = "/".join((path, *entry.parts))
                with self.opened(outer) as (place, fd), self.access.writing(inner, parents=True) as target:
                    total += int(self._copy_file(place, fd, target, overwrite=overwrite)["bytes"])
                files += 1
            else:
                raise FileError(f"`{entry.path}` is neither a file nor a folder; it cannot be copied")
        return {"path": to, "bytes": total, "files": files}

    def _make_folder(self, path: str) -> None:
        with self.access.writing(f"{path}/-", parents=True):
            """Its folders are made on the way."""

    def move(self, path: str, to: str, *, overwrite: bool, parents: bool) -> dict[str, Any]:
        with (
            self.access.writing(path, follow=False) as source,
            self.access.writing(to, follow=False, parents=parents) as target,
        ):
            if source.found is None:
                raise FileError(f"there is no `{path}`")
            self._check_movable(source, recursive=True)
            if target.found is not None:
                if not overwrite:
                    raise FileError(f"there is a `{to}` already; say `overwrite: true`")
                self._check_movable(target, recursive=True)
            if target.path.is_relative_to(source.path):
                raise FileError(f"`{to}` is `{path}` itself or inside of it")
            with _said(target):
                if target.found is not None:
                    self._check_trash()
                    throw_away(target, self.records, self.run_id, self.step)
                try:
                    source.folder.replace(source.name, target.folder, target.name)
                except OSError as error:
                    if error.errno != errno.EXDEV:
                        raise
                    return self._move_over(path, to, source)
            return self._done(target, source.found.st_size)

    def _move_over(self, path: str, to: str, source: Place) -> dict[str, Any]:
        """To another disk: a copy, and then the original goes."""
        if source.is_folder:
            raise FileError(f"`{path}` is a folder and `{to}` is on another disk; copy it and delete it")
        done = self.copy(path, to, overwrite=True, parents=True, recursive=False)
        source.folder.remove(source.name)
        return done

    def _check_movable(self, place: Place, *, recursive: bool) -> None:
        """What goes away must be a file, a link or a whole folder that nothing protected is in."""
        found = place.found
        if found is None or not place.name or place.path in (*self.access.write, *self.access.read):
            raise FileError(f"`{place.shown}` is a folder of the policy itself: it stays")
        if stat.S_ISDIR(found.st_mode):
            if not recursive:
                raise FileError(f"`{place.shown}` is a folder; say `recursive: true`")
            check_nothing_protected(self.access, place.folder, place.name, place.shown)
        elif not stat.S_ISLNK(found.st_mode):
            check_regular(place.path, found)

    def _check_trash(self) -> None:
        """Without a store the trash is in the workspace, which may have come with a link in its place."""
        if self.access.records is None and self.records.is_symlink():
            raise AccessError(f"`{self.records}` is a link, so nothing can be kept there to be restored; remove it")

    def _form(self, place: Place, encoding: str) -> Form:
        """How the file that is there writes its text; a new one: as asked, lines ending in `\\n`."""
        if place.found is None or not place.name or not stat.S_ISREG(place.found.st_mode):
            return texts.form_of(b"", encoding)
        with _said(place):
            fd = place.folder.open(place.name, os.O_RDONLY)
        try:
            check_regular(place.path, os.fstat(fd))
            head = os.read(fd, SAMPLE_BYTES)
        finally:
            os.close(fd)
        form = texts.form_of(head, encoding)
        sample = head.removeprefix(form.mark).decode(form.encoding, "replace")
        return texts.with_newline(form, sample)

    def _content(self, content: Any, form: Form, newline: Newline, place: Place) -> bytes:
        """Of a new content, with the file's mark."""
        if isinstance(content, dict):
            try:
                return base64.b64decode(str(content["base64"]), validate=True)  # pyright: ignore[reportUnknownArgumentType]
            except (binascii.Error, ValueError) as error:
                raise FileError(f"the content for `{place.shown}` is not base64: {error}") from error
        text = texts.with_endings(content, newline, form)
        return form.mark + texts.encoded(text, form, place.shown)

    def _check_size(self, size: int, place: Place) -> None:
        limit = self.access.max_file_bytes
        if size > limit:
            raise FileError(
                f"`{place.shown}` would have {size:,} bytes; a file may have {limit:,} (`maxFileBytes` of the policy)"
            )

    def _done(self, place: Place, size: int) -> dict[str, Any]:
        return {"path": self.access.shown(place.path), "bytes": size}

    @contextmanager
    def opened(self, path: str) -> Generator[tuple[Place, int]]:
        with self.access.reading(path) as place:
            if place.found is None:
                raise FileError(f"there is no `{path}`")
            # Before it is opened: opening alone does something to a device.
            check_regular(place.path, place.found, place.folder.stat().st_uid)
            with _said(place):
                fd = place.folder.open(place.name, os.O_RDONLY)
            try:
                check_regular(place.path, os.fstat(fd), place.folder.stat().st_uid)
                yield place, fd
            finally:
                os.close(fd)


class _Progress:
    """Reports every REPORT_BYTES of a large copy."""

    def __init__(self, job: Job, total: int) -> None:
        self._job = job
        self._total = total
        self._next = REPORT_BYTES

    def __call__(self, copied: int) -> None:
        self._job.check()
        if copied >= self._next:
            self._next = copied + REPORT_BYTES
            self._job.report({"bytes": copied, "of": self._total})


@contextmanager
def _said(place: Place) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise said(place.shown, error) from error


def _append_in_place(place: Place, data: bytes) -> None:
    fd = place.folder.open(place.name, os.O_RDWR | os.O_APPEND)
    try:
        found = os.fstat(fd)
        check_regular(place.path, found)
        _lock(fd)
        size = os.fstat(fd).st_size
        try:
            write_all(fd, data)
            os.fsync(fd)
        except BaseException:
            os.ftruncate(fd, size)
            raise
    finally:
        os.close(fd)


def _lock(fd: int) -> None:
    """Two steps that append to one file take turns, so that taking back one's own is possible."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    fcntl.flock(fd, fcntl.LOCK_EX)
