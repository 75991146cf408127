from __future__ import annotations

import codecs
import os
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefactory.server import files
from codefactory.server.files import FileChangedError, TextFile, Unreadable

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> TextFile:
    file = files.read(path)
    assert isinstance(file, TextFile), file
    return file


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"x = 1", "x = 1"),
        (b"x = 1\r\ny = 2\r\n", "x = 1\r\ny = 2\r\n"),
        (b"x = 1\ry = 2\n", "x = 1\ry = 2\n"),
        (codecs.BOM_UTF8 + "x = '😀'\n".encode(), "x = '😀'\n"),
        ("# coding: latin-1\nx = 'é'\n".encode("latin-1"), "# coding: latin-1\nx = 'é'\n"),
        ("#!/usr/bin/python\n# -*- coding: cp1252 -*-\nx = '€'\n".encode("cp1252"), None),
        (b"x = 1\x0c\n", "x = 1\x0c\n"),
    ],
)
def test_bytes_come_back_exactly(tmp_path: Path, data: bytes, text: str | None) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(data)
    file = read(path)
    if text is not None:
        assert file.snapshot.text == text
    assert file.encode(file.snapshot.text) == data
    files.write(file, file.snapshot.text)
    assert path.read_bytes() == data


@given(st.binary(max_size=200))
def test_no_bytes_are_mangled(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = files.decode(data, tmp_path_factory.getbasetemp() / "a.py")
    assert isinstance(file, Unreadable) or file.encode(file.snapshot.text) == data


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.py", b"x = '\xe9'\n", "is not UTF-8: byte 0xe9 at offset 5; declare its encoding (PEP 263)"),
        ("a.js", b"// coding: latin-1\nx = '\xe9'\n", "convert it to UTF-8"),
        ("a.py", b"# coding: klingon\n", "unknown encoding"),
        ("a.py", codecs.BOM_UTF8 + b"# coding: latin-1\n", "was not checked"),
        ("a.py", "x = 1\n".encode("utf-16"), "binary"),
        ("a.py", b"\x7fELF\0\0", "binary"),
    ],
)
def test_what_is_no_text_is_said(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    unreadable = files.read(path)
    assert isinstance(unreadable, Unreadable)
    assert said in unreadable.problem.message
    assert str(path) in unreadable.problem.message


def test_huge_missing_and_special_files(tmp_path: Path) -> None:
    huge = tmp_path / "huge.py"
    with huge.open("wb") as stream:
        stream.truncate(files.MAX_BYTES + 1)
    for path, kind in ((huge, "too-large"), (tmp_path / "none.py", "missing"), (tmp_path, "unsupported")):
        unreadable = files.read(path)
        assert isinstance(unreadable, Unreadable)
        assert unreadable.problem.kind == kind


def test_a_write_keeps_mode_and_symlink(tmp_path: Path) -> None:
    target = tmp_path / "real" / "a.py"
    target.parent.mkdir()
    target.write_text("old\n")
    target.chmod(0o750)
    link = tmp_path / "link.py"
    link.symlink_to(target)
    files.write(read(link), "new\n")
    assert link.is_symlink()
    assert target.read_text() == "new\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o750
    assert [p.name for p in target.parent.iterdir()] == ["a.py"]


def test_a_changed_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("old\n")
    file = read(path)
    path.write_text("somebody else's\n")
    with pytest.raises(FileChangedError, match="changed meanwhile"):
        files.write(file, "new\n")
    assert path.read_text() == "somebody else's\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.py"]


def test_what_the_encoding_lacks_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"# coding: latin-1\n")
    with pytest.raises(UnicodeEncodeError):
        files.write(read(path), "# coding: latin-1\nx = '😀'\n")
    assert path.read_bytes() == b"# coding: latin-1\n"


def test_an_interrupt_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    path.write_text("old\n")
    file = read(path)

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write(file, "new\n")
    assert path.read_text() == "old\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.py"]
