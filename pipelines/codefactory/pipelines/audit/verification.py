"""`verify()`: whether the log is what was written, all of it, in order; else the first record that is not."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .record import GENESIS, Record, code_of, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .place import Head, Place


@dataclass(frozen=True, slots=True)
class Broken:
    """The first thing that is wrong."""

    n: int
    """The record's number, or that of the one that should be there."""
    why: str
    file: Path | None = None
    line: int = 0
    """From 1."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file is not None else ""
        return f"{where}record {self.n}: {self.why}"


@dataclass(frozen=True, slots=True)
class Verdict:
    records: int
    broken: Broken | None = None
    torn: int = 0
    """Bytes of a last line that a crash has cut short: nothing is missing but what it would have said."""


def verify(place: Place) -> Verdict:
    """Raises OSError."""
    head = place.head()
    key = place.key()
    files = place.files()
    if not files and head is None:
        return Verdict(0)
    if key is None:
        return Verdict(0, Broken(1, f"the key {place.proof_folder / 'audit.key'} is gone: nothing can be proved"))
    last_n, last_code, torn, count = 0, GENESIS, 0, 0
    anchored = head is None
    for file, number, line in _lines(files):
        if not line.endswith(b"\n") and file == files[-1] and file == place.file:
            torn = len(line)
            break
        found = _check(line, key, last_n, last_code)
        if isinstance(found, str):
            return Verdict(count, Broken(last_n + 1, found, file, number))
        last_n, last_code, count = found.n, found.code, count + 1
        if head is not None and found.n == head.n:
            anchored = found.code == head.code
            if not anchored:
                return Verdict(count, Broken(found.n, "it is not the record that was written last", file, number))
    return Verdict(count, _missing(head, last_n, anchored), torn)


def read(place: Place) -> Iterator[Record]:
    """All that are records, the oldest first, unchecked. Raises OSError."""
    for _file, _number, line in _lines(place.files()):
        try:
            yield parse(line)
        except ValueError:
            continue


def _missing(head: Head | None, last_n: int, anchored: bool) -> Broken | None:
    if head is None and last_n:
        return Broken(last_n + 1, "the head is gone: whether records are missing at the end cannot be told")
    if head is not None and not anchored:
        through = f" through {head.n}" if head.n > last_n + 1 else ""
        return Broken(last_n + 1, f"it was written{through}, and is missing: the log was cut off at its end")
    return None


def _check(line: bytes, key: bytes, last_n: int, last_code: str) -> Record | str:
    """The record, or what is wrong with it."""
    try:
        record = parse(line)
    except ValueError:
        return "the line is no record"
    if record.n != last_n + 1:
        return f"there is record {record.n} in its place: records were taken out, put in or moved"
    if record.before != last_code:
        return "it does not follow the record before it"
    code = code_of(key, record.n, record.at, record.kind, record.facts, record.before)
    if not hmac.compare_digest(code, record.code):
        return "it was changed, or made by somebody else"
    return record


def _lines(files: list[Path]) -> Iterator[tuple[Path, int, bytes]]:
    for file in files:
        with file.open("rb") as opened:
            for number, line in enumerate(opened, 1):
                yield file, number, line
