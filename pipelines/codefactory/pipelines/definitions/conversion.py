"""YAML ⇄ JSON without loss of content or order; edits of YAML that keep its comments and layout.

JSON has no comments: `to_json` keeps them under the key `#` at the top, `to_yaml` puts them back where they were.
"""

from __future__ import annotations

import io
import json
from typing import Any

from codefactory.pipelines.engine.values import is_list, is_mapping

from .source import parse

COMMENTS = "#"
"""The key of a JSON definition that holds the comments of the YAML it was made of."""


def to_json(text: str) -> str:
    """A YAML definition as JSON. Raises SourceError."""
    data = parse(text, "yaml").data
    comments = _comments(text)
    if comments and is_mapping(data):
        data = {COMMENTS: comments, **data}
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def to_yaml(text: str) -> str:
    """A JSON definition as YAML. Raises SourceError."""
    data = parse(text, "json").data
    if not is_mapping(data) or COMMENTS not in data:
        return dump_yaml(data)
    comments: dict[str, Any] = data[COMMENTS]
    original = comments.get("text")
    rest = {k: v for k, v in data.items() if k != COMMENTS}
    if isinstance(original, str):
        return merge_yaml(original, rest)
    return dump_yaml(rest)


def dump_yaml(data: Any) -> str:
    """Plain data as YAML in its own order, long texts as blocks."""
    out = io.StringIO()
    _yaml().dump(_blocks(data), out)
    return out.getvalue()


def load_yaml(text: str) -> Any:
    """YAML that remembers comments and layout: ruamel.yaml's round-trip types."""
    return _yaml().load(text)


def write_yaml(data: Any) -> str:
    out = io.StringIO()
    _yaml().dump(data, out)
    return out.getvalue()


def merge_yaml(text: str, data: Any) -> str:
    """`text` changed to hold `data`, its comments and layout kept wherever the content stayed."""
    if parse(text, "yaml").data == data:
        return text
    return write_yaml(_merged(load_yaml(text), data))


def _merged(old: Any, new: Any) -> Any:
    layout: Any = old
    if is_mapping(old) and is_mapping(new):
        for key in [k for k in old if k not in new]:
            del old[key]
        for key, value in new.items():
            old[key] = _merged(old[key], value) if key in old else _blocks(value)
        if list(old) != list(new):
            for key in new:
                layout.move_to_end(key)
        return old
    if is_list(old) and is_list(new) and len(old) == len(new):
        for i, value in enumerate(new):
            old[i] = _merged(old[i], value)
        return old
    return old if old == new and type(old) is not bool else _blocks(new)


def _comments(text: str) -> dict[str, Any]:
    """What JSON cannot say: the YAML's own text, if it has comments."""
    import yaml

    # Scalars cover every `#` that is none.
    bare = list(text)
    untyped: Any = yaml
    for token in untyped.scan(text, Loader=yaml.SafeLoader):
        if isinstance(token, yaml.ScalarToken):
            start, end = token.start_mark.index, token.end_mark.index
            if token.style in ("|", ">"):
                start = text.find("\n", start)
            bare[start:end] = " " * (end - start)
    return {"text": text} if "#" in "".join(bare) else {}


def _blocks(data: Any) -> Any:
    from ruamel.yaml.scalarstring import LiteralScalarString

    if is_mapping(data):
        return {k: _blocks(v) for k, v in data.items()}
    if is_list(data):
        return [_blocks(v) for v in data]
    if isinstance(data, str) and "\n" in data and not any(line != line.rstrip() for line in data.split("\n")):
        return LiteralScalarString(data)
    return data


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
