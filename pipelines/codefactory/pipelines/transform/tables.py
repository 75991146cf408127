"""CSV: rows as mappings or lists, and back, without formulas that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from codefactory.pipelines.engine.values import is_list, is_mapping

from .limits import TransformError, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes a cell for a formula by."""


@dataclass(frozen=True, slots=True)
class Table:
    """How CSV is written."""

    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    columns: Sequence[str] | None = None
    formulas: Literal["escape", "keep"] = "escape"


def rows(source: Iterable[str], table: Table) -> Iterator[Any]:
    """A mapping a row with a header, a list without. Rows that are longer or shorter than the header are errors."""
    csv.field_size_limit(16 * 1024 * 1024)
    reader = csv.reader(source, delimiter=table.delimiter, quotechar=table.quote, strict=True)
    header: list[str] | None = list(table.columns) if table.columns is not None else None
    try:
        for row in reader:
            if not row:
                continue
            if not table.header:
                yield dict(zip(header, row, strict=True)) if header is not None else row
            elif header is None:
                header = row
                if len(set(header)) < len(header):
                    raise TransformError("two columns of the CSV have the same name; say `header: false`")
            else:
                yield dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise TransformError(f"not valid CSV, line {reader.line_num}: {error}") from error
    except ValueError as error:
        raise TransformError(
            f"line {reader.line_num} of the CSV has another number of fields than its header ({len(header or ())})"
        ) from error


def to_csv(items: Iterable[Any], table: Table) -> str:
    """Of mappings, with a header; or of lists."""
    out = io.StringIO(newline="")
    writer = CsvWriter(out, table)
    for item in items:
        writer.write(item)
    return out.getvalue()


class CsvWriter:
    """One row after the other; the first one says what the columns are, where the table does not."""

    def __init__(self, out: io.TextIOBase, table: Table) -> None:
        self._table = table
        self._writer = csv.writer(out, delimiter=table.delimiter, quotechar=table.quote, lineterminator="\n")
        self._columns = list(table.columns) if table.columns is not None else None
        self._begun = False

    def write(self, item: Any) -> None:
        if is_mapping(item):
            if self._columns is None:
                self._columns = [str(key) for key in item]
            if extra := [key for key in item if key not in self._columns]:
                raise TransformError(f"a row has `{extra[0]}`, which is none of the columns; name them (`columns`)")
            row = [item.get(column) for column in self._columns]
        elif is_list(item):
            row = item
        else:
            raise TransformError(f"a row of CSV is an object or a list, this is {kind_of(item)}")
        if not self._begun and self._table.header and self._columns is not None:
            self._writer.writerow([self._cell(column) for column in self._columns])
        self._begun = True
        self._writer.writerow([self._cell(value) for value in row])

    def _cell(self, value: Any) -> Any:
        if isinstance(value, (dict, list)):
            value = json.dumps(value, ensure_ascii=False)
        elif isinstance(value, bool):
            value = "true" if value else "false"
        if self._table.formulas == "escape" and isinstance(value, str) and value.startswith(_FORMULA):
            return value if _is_number(value) else f"'{value}"
        return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return not text[:1].isspace()
