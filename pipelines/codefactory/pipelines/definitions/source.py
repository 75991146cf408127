"""A definition's text: YAML 1.2 or JSON into data, knowing where everything stands.

YAML is read with libyaml's parser and the types of YAML 1.2's core schema: `yes` and `on` are words, `1_000` and dates
are strings. Keys given twice, aliases that grow beyond all bounds and tags are errors.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.analyzers.finding import Finding
    from codefactory.analyzers.text import Span

Place = tuple[int, int, int, int]
"""Start line and column, end line and column, from 0. The analyzers' types are imported when there is a finding."""
Level = Literal["info", "low", "medium", "high"]
Format = Literal["yaml", "json"]
Path = tuple[str | int, ...]

TOOL = "pipeline"
MAX_BYTES = 5_000_000
MAX_NODES = 200_000
"""Nodes after aliases are followed: more than any real definition, fewer than a "billion laughs"."""

_INT = re.compile(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_SCALARS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    ".inf": float("inf"),
    "-.inf": float("-inf"),
    ".nan": float("nan"),
}


class SourceError(ValueError):
    """The text is not YAML or JSON, or too large. `span` is where."""

    def __init__(self, message: str, place: Place = (0, 0, 0, 0)) -> None:
        super().__init__(message)
        self.place = place

    @property
    def span(self) -> Span:
        return span_at(self.place)


def span_at(place: Place) -> Span:
    from codefactory.analyzers.text import Span

    return Span.at(*place)


@dataclass(frozen=True)
class Source:
    """`data` is the content; `span(path)` is where a part of it stands."""

    text: str
    format: Format
    data: Any = None
    places: dict[Path, tuple[Place, Place]] = field(default_factory=dict[Path, tuple[Place, Place]])
    """Path → span of its key (or of itself in a list), span of its value."""

    @cached_property
    def _json_places(self) -> dict[Path, tuple[Place, Place]]:
        return _JsonPlaces(self.text).read()

    def span(self, path: Sequence[str | int], *, key: bool = False) -> Span:
        return span_at(self.place(path, key=key))

    def place(self, path: Sequence[str | int], *, key: bool = False) -> Place:
        """Where the value, or the key, of `path` stands; of the nearest part around it, if there is no such."""
        places = self._json_places if self.format == "json" else self.places
        where = tuple(path)
        while where not in places:
            if not where:
                return (0, 0, 0, 0)
            where = where[:-1]
        return places[where][0 if key else 1]

    def finding(
        self,
        code: str,
        message: str,
        path: Sequence[str | int] = (),
        *,
        key: bool = False,
        severity: Level = "high",
    ) -> Finding:
        return finding(code, message, self.place(path, key=key), severity)


def finding(code: str, message: str, place: Place = (0, 0, 0, 0), severity: Level = "high") -> Finding:
    from codefactory.analyzers.finding import Confidence, Finding, Severity

    return Finding(TOOL, code, message.replace("?.", "?"), span_at(place), Severity[severity.upper()], Confidence.HIGH)


def format_of(name: str) -> Format:
    return "json" if name.lower().endswith(".json") else "yaml"


def parse(text: str, format_: Format = "yaml") -> Source:
    """Raises SourceError."""
    if len(text) > MAX_BYTES:
        raise SourceError(f"the definition is larger than {MAX_BYTES} characters")
    if format_ == "json":
        return _parse_json(text)
    try:
        untyped: Any = yaml
        node = untyped.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line, mark.column, mark.line, mark.column) if mark else (0, 0, 0, 0)
        raise SourceError(f"not valid YAML: {error.problem or error.context}", at) from error
    except yaml.YAMLError as error:
        raise SourceError(f"not valid YAML: {error}") from error
    except RecursionError as error:
        raise SourceError("the YAML is nested too deeply") from error
    source = Source(text, "yaml")
    if node is None:
        return source
    reader = _YamlReader(source.places)
    return Source(text, "yaml", reader.read(node, (), None), source.places)


def _parse_json(text: str) -> Source:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in items:
            if key in found:
                twice.append(key)
            found[key] = value
        return found

    twice: list[str] = []
    try:
        data = json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        at = _Lines(text).place(error.pos, error.pos)
        raise SourceError(f"not valid JSON: {error.msg}", at) from error
    except RecursionError as error:
        raise SourceError("the JSON is nested too deeply") from error
    if twice:
        at = text.rfind(json.dumps(twice[0], ensure_ascii=False))
        raise SourceError(
            f"`{twice[0]}` is given twice", _Lines(text).place(max(at, 0), max(at, 0) + len(twice[0]) + 2)
        )
    return Source(text, "json", data)


class _YamlReader:
    """Nodes → data, noting the places."""

    def __init__(self, places: dict[Path, tuple[Place, Place]]) -> None:
        self._places = places
        self._count = 0
        self._open: set[int] = set()

    def read(self, node: Any, path: Path, key: Place | None) -> Any:
        span = _span(node)
        self._places.setdefault(path, (key or span, span))
        self._count += 1
        if self._count > MAX_NODES:
            raise SourceError(f"the YAML's aliases make more than {MAX_NODES} values", span)
        if node.id == "scalar":
            return _scalar(node, span)
        if node.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            raise SourceError(f"the tag {node.tag} is not allowed", span)
        if id(node) in self._open:
            raise SourceError("an alias contains itself", span)
        if len(path) > 60:
            raise SourceError("the YAML is nested too deeply", span)
        self._open.add(id(node))
        try:
            if node.id == "sequence":
                return [self.read(item, (*path, i), None) for i, item in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name_span = _span(name_node)
            if name_node.id != "scalar":
                raise SourceError("a key must be a word, not a list or mapping", name_span)
            name = str(name_node.value)
            if name in found:
                raise SourceError(f"`{name}` is given twice", name_span)
            found[name] = self.read(value_node, (*path, name), name_span)
        return found


def _span(node: Any) -> Place:
    start, end = node.start_mark, node.end_mark
    return start.line, start.column, end.line, end.column


def _scalar(node: Any, span: Place) -> Any:
    text: str = node.value
    if node.tag not in _SCALARS:
        raise SourceError(f"the tag {node.tag} is not allowed", span)
    plain = node.style is None or node.style == ""
    if not plain:
        return text
    if node.tag == "tag:yaml.org,2002:str" or text in _WORDS:
        # libyaml resolves by YAML 1.1; only what 1.2's core schema knows counts.
        return plain_value(text)
    return _number(text)


def plain_value(text: str) -> Any:
    """What a text means in YAML 1.2 without quotes around it."""
    return _WORDS[text] if text in _WORDS else _number(text)


def _number(text: str) -> Any:
    if _INT.match(text):
        if len(text) > 400:
            return text
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    return float(text) if _FLOAT.match(text) else text


class _Lines:
    """Offsets → lines and columns."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(m.end() for m in re.finditer(r"\r\n|\n|\r", text))]

    def place(self, start: int, end: int) -> Place:
        first, last = bisect_right(self._starts, start) - 1, bisect_right(self._starts, end) - 1
        return first, start - self._starts[first], last, end - self._starts[last]


class _JsonPlaces:
    """Where everything stands in a JSON text that is known to be valid."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._index = _Lines(text)
        self._places: dict[Path, tuple[Place, Place]] = {}
        self._space = re.compile(r"[ \t\r\n]*")
        self._decoder = json.JSONDecoder()

    def read(self) -> dict[Path, tuple[Place, Place]]:
        self._value(self._skip(0), (), None)
        return self._places

    def _skip(self, at: int) -> int:
        match = self._space.match(self._text, at)
        return match.end() if match else at

    def _value(self, at: int, path: Path, key: Place | None) -> int:
        opening = self._text[at]
        if opening == "{":
            end = self._members(at, path)
        elif opening == "[":
            end = self._items(at, path)
        else:
            end = self._decoder.raw_decode(self._text, at)[1]
        span = self._index.place(at, end)
        self._places[path] = (key or span, span)
        return end

    def _members(self, at: int, path: Path) -> int:
        at = self._skip(at + 1)
        while self._text[at] != "}":
            name, end = self._decoder.raw_decode(self._text, at)
            key = self._index.place(at, end)
            at = self._skip(self._value(self._skip(self._skip(end) + 1), (*path, name), key))
            at = self._skip(at + 1) if self._text[at] == "," else at
        return at + 1

    def _items(self, at: int, path: Path) -> int:
        at, number = self._skip(at + 1), 0
        while self._text[at] != "]":
            at = self._skip(self._value(at, (*path, number), None))
            at = self._skip(at + 1) if self._text[at] == "," else at
            number += 1
        return at + 1
