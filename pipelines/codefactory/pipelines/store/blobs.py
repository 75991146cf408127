"""Large results as files named by their content, so that equal ones are kept once and a damaged one is noticed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from typing import TYPE_CHECKING

from .errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def name_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Blobs:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes, *, durable: bool) -> str:
        """Keep `data`; its name. Written beside and renamed, so a reader never sees half a file."""
        name = name_of(data)
        path = self._path(name)
        if path.exists():
            os.utime(path)
            return name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(file.name, path)  # noqa: PTH105 the name is a str
        if durable and hasattr(os, "O_DIRECTORY"):
            folder = os.open(path.parent, os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return name

    def get(self, name: str) -> bytes:
        """Raises StoreError if the file is missing or is not what was kept."""
        try:
            data = self._path(name).read_bytes()
        except OSError as error:
            raise StoreError(f"a large result is missing from the run store: {error}") from error
        if name_of(data) != name:
            raise StoreError(f"the large result {self._path(name)} is damaged; run the step again: fork before it")
        return data

    def names(self) -> Iterator[tuple[str, Path]]:
        """Everything kept: name and file."""
        for path in self._folder.glob("??/*"):
            if len(path.name) == 64:
                yield path.name, path

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name
