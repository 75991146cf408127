"""JSON, YAML, CSV, TOML and XML as data, and data as text in them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from codefactory.pipelines.engine.values import is_list, is_mapping

from .limits import MAX_DEPTH, TransformError, check_text, measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Format = Literal["json", "jsonl", "yaml", "csv", "tsv", "toml", "xml", "lines"]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes a cell for a formula by."""
ATTRIBUTE, TEXT = "@", "#text"


@dataclass(frozen=True, slots=True)
class Table:
    """How CSV is written."""

    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    columns: Sequence[str] | None = None
    formulas: Literal["escape", "keep"] = "escape"


def parse(text: str, format_: Format, table: Table) -> Any:
    """Raises TransformError that says where the text is wrong."""
    check_text(text, "the text")
    text = text.removeprefix("\ufeff")
    match format_:
        case "json":
            data = _json(text)
        case "jsonl":
            data = [_json(line, number) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        case "yaml":
            data = _yaml(text)
        case "csv" | "tsv":
            data = list(rows(io.StringIO(text, newline=""), table))
        case "toml":
            data = _toml(text)
        case "xml":
            data = _xml(text)
        case "lines":
            data = text.splitlines()
    measure(data, f"the {format_.upper()}")
    return data


def serialise(data: Any, format_: Format, table: Table, *, indent: int | None = None, root: str = "root") -> str:
    """Raises TransformError for data that the format cannot hold."""
    measure(data, "the data")
    match format_:
        case "json":
            text = _to_json(data, indent)
        case "jsonl":
            text = "".join(f"{_to_json(item, None)}\n" for item in _items(data, "JSON lines"))
        case "yaml":
            text = _to_yaml(data)
        case "csv" | "tsv":
            text = to_csv(_items(data, "CSV"), table)
        case "toml":
            text = _to_toml(data)
        case "xml":
            text = _to_xml(data, root, indent)
        case "lines":
            text = "".join(f"{item}\n" for item in _items(data, "lines"))
    return check_text(text, "the text made")


def _items(data: Any, what: str) -> list[Any]:
    if not is_list(data):
        raise TransformError(f"{what} are made of a list, this is {_kind(data)}")
    return data


def _kind(data: Any) -> str:
    return "an object" if is_mapping(data) else f"a {type(data).__name__}"


def _json(text: str, line: int | None = None) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"line {line or error.lineno}, column {error.colno}"
        raise TransformError(f"not valid JSON, {where}: {error.msg}") from error
    except RecursionError as error:
        raise TransformError("the JSON is nested too deeply") from error
    except ValueError as error:  # a number with more digits than Python converts
        raise TransformError(f"not valid JSON: {error}") from error


def _no_constant(name: str) -> Any:
    raise TransformError(f"not valid JSON: {name} is no JSON value")


def _yaml(text: str) -> Any:
    """YAML 1.2 with the reader of definitions: no tags, no aliases that grow, no key given twice."""
    from codefactory.pipelines.definitions.source import SourceError
    from codefactory.pipelines.definitions.source import parse as read

    try:
        return read(text, "yaml").data
    except SourceError as error:
        raise TransformError(f"line {error.place[0] + 1}, column {error.place[1] + 1}: {error}") from error


def _toml(text: str) -> Any:
    import tomllib

    try:
        return _plain(tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        raise TransformError(f"not valid TOML: {error}") from error


def _plain(value: Any) -> Any:
    """Dates and times as texts: JSON has none."""
    if is_mapping(value):
        return {key: _plain(item) for key, item in value.items()}
    if is_list(value):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


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
            raise TransformError(f"a row of CSV is an object or a list, this is {_kind(item)}")
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


def _to_json(data: Any, indent: int | None) -> str:
    try:
        return json.dumps(data, ensure_ascii=False, indent=indent, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TransformError(f"this cannot be JSON: {error}") from error


def _to_yaml(data: Any) -> str:
    import yaml

    from codefactory.pipelines.definitions.source import plain_value

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text_node(dumper: Any, value: str) -> Any:
        """Quoted where YAML 1.2 takes it for another type; PyYAML does so for 1.1, and both versions read the same."""
        style = None if isinstance(plain_value(value), str) else "'"
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text_node)
    text: str = yaml.dump(data, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=120)
    return text


def _to_toml(data: Any) -> str:
    import tomli_w

    if not is_mapping(data):
        raise TransformError(f"TOML is made of an object, this is {_kind(data)}")
    if where := _null(data, "$"):
        raise TransformError(f"TOML has no null: {where}; leave the key out")
    try:
        return tomli_w.dumps(data)
    except (TypeError, ValueError) as error:
        raise TransformError(f"this cannot be TOML: {error}") from error


def _null(data: Any, where: str) -> str | None:
    if data is None:
        return where
    inner = (
        [(f"{where}.{k}", v) for k, v in data.items()]
        if is_mapping(data)
        else [(f"{where}[{i}]", v) for i, v in enumerate(data)]
        if is_list(data)
        else []
    )
    return next((found for place, value in inner if (found := _null(value, place))), None)


def _xml(text: str) -> Any:
    """`{root: …}`: attributes as `@name`, text as `#text`, elements that occur several times as lists."""
    from xml.etree.ElementTree import ParseError

    import defusedxml
    import defusedxml.ElementTree as Xml

    try:
        element = Xml.fromstring(text, forbid_dtd=True)
    except defusedxml.DefusedXmlException as error:
        raise TransformError(f"the XML has a document type or entities, which are refused: {error}") from error
    except (ParseError, ValueError) as error:
        raise TransformError(f"not valid XML: {error}") from error
    return {element.tag: _of_element(element, 0)}


def _of_element(element: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise TransformError(f"the XML is nested more than {MAX_DEPTH} deep")
    found: dict[str, Any] = {f"{ATTRIBUTE}{name}": value for name, value in element.attrib.items()}
    text = (element.text or "").strip()
    for child in element:
        value = _of_element(child, depth + 1)
        before = found.get(child.tag)
        if before is None:
            found[child.tag] = value
        elif isinstance(before, _Several):
            before.append(value)
        else:
            found[child.tag] = _Several([before, value])
        if child.tail and child.tail.strip():
            text = f"{text} {child.tail.strip()}".strip()
    if not found:
        return text
    if text:
        found[TEXT] = text
    return {key: list(value) if isinstance(value, _Several) else value for key, value in found.items()}


class _Several(list[Any]):
    """Elements of one name."""


def _to_xml(data: Any, root: str, indent: int | None) -> str:
    import xml.etree.ElementTree as ET

    if is_mapping(data) and len(data) == 1 and not is_list(next(iter(data.values()))):
        ((root, data),) = data.items()
    element = ET.Element(_tag(root))
    _fill(element, data)
    if indent is not None:
        ET.indent(element, " " * indent)
    text: str = ET.tostring(element, "unicode")
    return f"{text}\n"


def _fill(element: Any, data: Any) -> None:
    import xml.etree.ElementTree as ET

    if is_mapping(data):
        for key, value in data.items():
            if key == TEXT:
                element.text = _xml_text(value)
            elif key.startswith(ATTRIBUTE):
                element.set(_tag(key[1:]), _xml_text(value))
            else:
                for item in value if is_list(value) else [value]:
                    _fill(ET.SubElement(element, _tag(key)), item)
    elif is_list(data):
        for item in data:
            _fill(ET.SubElement(element, "item"), item)
    elif data is not None:
        element.text = _xml_text(data)


def _tag(name: str) -> str:
    import re

    if re.fullmatch(r"(\{[^{}\s]*\})?[^\W\d][\w.-]*", name) is None:
        raise TransformError(f"`{name}` is no name of an XML element or attribute")
    return name


def _xml_text(value: Any) -> str:
    text = ("true" if value else "false") if isinstance(value, bool) else str(cast("object", value))
    if bad := next((c for c in text if ord(c) < 32 and c not in "\t\n\r"), None):
        raise TransformError(f"XML cannot hold the character {bad!r}")
    return text
