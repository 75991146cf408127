"""JSON, YAML, CSV, TOML and XML as data, and data as text in them."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any, Literal

from codefactory.pipelines.engine.values import is_list, is_mapping

from . import xml_form
from .limits import TransformError, check_text, kind_of, measure
from .tables import rows, to_csv

if TYPE_CHECKING:
    from .tables import Table

Format = Literal["json", "jsonl", "yaml", "csv", "tsv", "toml", "xml", "lines"]
_LONG = 500_000
"""Characters of JSON from which on a list is read item by item."""


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
            data = xml_form.read(text)
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
            text = xml_form.write(data, root, indent)
        case "lines":
            text = "".join(f"{item}\n" for item in _items(data, "lines"))
    return check_text(text, "the text made")


def _items(data: Any, what: str) -> list[Any]:
    if not is_list(data):
        raise TransformError(f"{what} are made of a list, this is {kind_of(data)}")
    return data


def _json(text: str, line: int | None = None) -> Any:
    try:
        if len(text) > _LONG and text.startswith("["):
            return _json_list(text)
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"line {line or error.lineno}, column {error.colno}"
        raise TransformError(f"not valid JSON, {where}: {error.msg}") from error
    except RecursionError as error:
        raise TransformError("the JSON is nested too deeply") from error
    except ValueError as error:  # a number with more digits than Python converts
        raise TransformError(f"not valid JSON: {error}") from error


def _json_list(text: str) -> list[Any]:
    """A long list, item by item: other threads get their turn between two, as they do not within one call."""
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    items: list[Any] = []
    at = _skip(text, 1)
    while text[at] != "]":
        item, at = decoder.raw_decode(text, at)
        items.append(item)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
            if text[at] == "]":
                raise json.JSONDecodeError("Illegal trailing comma", text, at)
        elif text[at] != "]":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    if (end := at + 1) < len(text) and text[end:].strip(" \t\r\n"):
        raise json.JSONDecodeError("Extra data", text, end)
    return items


_SPACE = re.compile(r"[ \t\r\n]*")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    end = match.end() if match else at
    if end == len(text):
        raise json.JSONDecodeError("Expecting value", text, end)
    return end


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


def _to_json(data: Any, indent: int | None) -> str:
    try:
        if is_list(data) and indent is None:
            return f"[{', '.join(json.dumps(item, ensure_ascii=False, allow_nan=False) for item in data)}]"
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
        raise TransformError(f"TOML is made of an object, this is {kind_of(data)}")
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
