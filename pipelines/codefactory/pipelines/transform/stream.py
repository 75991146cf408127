"""Item by item, from a file to a file: no more than one item is in memory."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any

from codefactory.pipelines.engine.values import is_list
from codefactory.pipelines.files import text as texts
from codefactory.pipelines.files.atomic import replacing

from . import operations as ops
from . import tables
from .apply import apply, is_kept
from .limits import MAX_NODES, TooMuchError, TransformError, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from codefactory.pipelines.files.operations import Files

CHECK_ITEMS = 1000
REPORT_ITEMS = 100_000


def items(source: ops.Source, files: Files) -> Iterator[Any]:
    """The items of a file, as they are read. Raises TransformError that names the line."""
    kind = source.kind()
    lines = files.lines(source.path, source.encoding)
    if kind in ("csv", "tsv"):
        yield from tables.rows((f"{line}\n" for line in lines), source.table(kind))
        return
    for number, line in enumerate(lines, 1):
        if kind == "lines":
            yield line
        elif line.strip():
            yield _json(line, number, source.path)


def _json(line: str, number: int, path: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TransformError(f"`{path}`, line {number}: not valid JSON: {error}") from error


def changed(found: Iterable[Any], operations: Sequence[ops.Operation], files: Files) -> Iterator[Any]:
    """The items after the operations. `filter` and `limit` decide about items; the others change each."""
    work = [_Limited(o) if isinstance(o, ops.Limit) else o for o in operations]
    for number, item in enumerate(found):
        if number % CHECK_ITEMS == 0:
            files.job.check()
            if number and number % REPORT_ITEMS == 0:
                files.job.report({"items": number})
        value, kept = item, True
        for operation in work:
            if isinstance(operation, _Limited):
                if operation.ended:
                    return
                kept = operation.keeps()
            elif isinstance(operation, ops.Filter):
                kept = is_kept(value, operation.condition)
            elif isinstance(operation, ops.Regex) and operation.mode in ("keep", "drop"):
                kept = bool(apply([value], operation))
            else:
                value = apply(value, operation)
            if not kept:
                break
        if kept:
            yield value


class _Limited:
    def __init__(self, limit: ops.Limit) -> None:
        self._skip = limit.start
        self._left = limit.count

    @property
    def ended(self) -> bool:
        return not self._skip and not self._left

    def keeps(self) -> bool:
        if self._skip:
            self._skip -= 1
            return False
        self._left -= 1
        return True


def collected(found: Iterable[Any]) -> list[Any]:
    """All items as one list. Raises TooMuchError beyond what a value may hold."""
    result: list[Any] = []
    size = 0
    for item in found:
        size += measure(item, "an item")
        if size > MAX_NODES:
            raise TooMuchError(f"the items have more than {MAX_NODES:,} values; write them to a file (`to`)")
        result.append(item)
    return result


def written(found: Iterable[Any], target: ops.Target, files: Files) -> dict[str, Any]:
    """Write the items to a file, which appears when all are in it."""
    kind = target.kind()
    count = 0
    with files.access.writing(target.path, parents=True) as place:
        form = texts.form_of(b"", target.encoding)
        with replacing(place, sync=files.sync) as fd:
            raw = _Bounded(fd, files.access.max_file_bytes)
            with io.TextIOWrapper(io.BufferedWriter(raw, 1 << 20), form.encoding, newline="") as out:
                out.write("\ufeff" if form.mark else "")
                write = _writer(out, kind, target)
                for item in found:
                    write(item)
                    count += 1
        return {"path": files.access.shown(place.path), "items": count, "bytes": raw.written}


def _writer(out: io.TextIOWrapper, kind: str, target: ops.Target) -> Callable[[Any], Any]:
    if kind in ("csv", "tsv"):
        return tables.CsvWriter(out, target.table("tsv" if kind == "tsv" else "csv")).write

    def write(item: Any) -> None:
        if kind == "jsonl":
            out.write(json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n")
            return
        if isinstance(item, dict) or is_list(item):
            raise TransformError("an item is no text; make one of it (`template`) or write `.jsonl`")
        out.write(f"{item}\n")

    return write


class _Bounded(io.RawIOBase):
    """A descriptor that somebody else closes, and that takes so many bytes only."""

    def __init__(self, fd: int, limit: int) -> None:
        self._fd = fd
        self._limit = limit
        self.written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.written += len(data)
        if self.written > self._limit:
            raise TooMuchError(f"the file would have more than {self._limit:,} bytes (`maxFileBytes` of the policy)")
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        return len(data)
