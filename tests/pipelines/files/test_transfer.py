"""Bytes from file to file: every way gives the same, and stops where it must."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from codefactory.pipelines.files import transfer as module
from codefactory.pipelines.files.errors import FileError
from codefactory.pipelines.files.transfer import transfer

if TYPE_CHECKING:
    from pathlib import Path

DATA = os.urandom(700_001)


@pytest.fixture(params=["the kernel", "sendfile", "by hand", "the kernel cannot"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(_source: int, _target: int) -> int:
        raise OSError(module._CANNOT[0], "not on this file system")

    monkeypatch.setattr(module, "STEP_BYTES", 100_000)
    if request.param != "the kernel":
        monkeypatch.setattr(module, "_kernel_copy", cannot if request.param == "the kernel cannot" else None)
    if request.param == "by hand":
        monkeypatch.setattr(module, "_sendfile", None)


def copied(folder: Path, limit: int, start: int = 0) -> tuple[bytes, int, list[int]]:
    (folder / "source").write_bytes(DATA)
    source = os.open(folder / "source", os.O_RDONLY)
    target = os.open(folder / "target", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    progress: list[int] = []
    try:
        os.lseek(source, start, os.SEEK_SET)
        count = transfer(source, target, limit, progress.append)
    finally:
        os.close(source)
        os.close(target)
    return (folder / "target").read_bytes(), count, progress


@pytest.mark.usefixtures("way")
def test_all_ways_give_the_same(tmp_path: Path) -> None:
    data, count, progress = copied(tmp_path, len(DATA))
    assert data == DATA
    assert count == progress[-1] == len(DATA)
    assert progress == sorted(progress)
    assert copied(tmp_path, len(DATA), start=5)[0] == DATA[5:]


@pytest.mark.usefixtures("way")
def test_a_file_that_is_too_large_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="larger than the 700,000 bytes"):
        copied(tmp_path, 700_000)


def test_a_full_disk_is_an_error() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="No space left"):
            module.write_all(full, b"x")
    finally:
        os.close(full)
