"""The JSON form of values, as the store and the cache keep them.

JSON types stay as they are. Dataclasses, pydantic models, enums, dates, paths, bytes and sets get a JSON form, and come
back as what they were where the step's declared output type says so.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import enum
import functools
import json
from pathlib import PurePath
from typing import Any, TypeGuard, cast

from .errors import UnserialisableError


def is_mapping(value: object) -> TypeGuard[dict[str, Any]]:
    """`isinstance` for what comes from JSON: its keys are texts."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def encode(value: Any, owner: str, *, sort: bool = False) -> bytes:
    """UTF-8 JSON. Raises UnserialisableError naming the place, as `$.items[3]`."""
    if type(value) is int:
        return b"%d" % value
    try:
        return (_sorted if sort else _encode).encode(value).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, RecursionError) as error:
        place, kind = _culprit(value)
        raise UnserialisableError(
            f"`{owner}` gave {kind} at {place}, which has no JSON form; return dicts, lists, strings, numbers, "
            "dataclasses or pydantic models"
        ) from error


def decode(data: bytes | str, output_type: Any = None) -> Any:
    """The value again; as `output_type` where that is not a plain JSON type."""
    if isinstance(data, bytes):
        data = data.decode("utf-8", "surrogatepass")
    if output_type in _JSON_TYPES:
        return json.loads(data)
    return _adapter(output_type).validate_json(data)


def _encoder(*, sort: bool) -> json.JSONEncoder:
    return json.JSONEncoder(
        ensure_ascii=False, separators=(",", ":"), check_circular=False, sort_keys=sort, default=_plain
    )


_JSON_TYPES = (None, Any, int, float, str, bool, list, dict, object)


@functools.cache
def _adapter(output_type: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(output_type)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if (dump := getattr(value, "model_dump", None)) is not None:
        return dump(mode="json")
    match value:
        case enum.Enum():
            return value.value
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case PurePath():
            return str(value)
        case bytes() | bytearray():
            return base64.b64encode(value).decode()
        case set() | frozenset():
            return sorted(value, key=repr)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case _:
            raise TypeError(f"no JSON form for {type(value).__name__}")


def _culprit(value: Any, place: str = "$", depth: int = 0) -> tuple[str, str]:
    """Where in `value` the part without a JSON form is, and what it is."""
    if depth > 100:
        return place, "something nested more than 100 deep"
    children: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        for key, item in cast("dict[Any, Any]", value).items():
            if not isinstance(key, (str, int, float, bool, type(None))):
                return place, f"a key of type {type(key).__name__}"
            children.append((f"{place}.{key}", item))
    elif isinstance(value, (list, tuple)):
        children = [(f"{place}[{i}]", item) for i, item in enumerate(cast("list[Any]", value))]
    elif not isinstance(value, (str, int, float, bool, type(None))):
        try:
            return _culprit(_plain(value), place, depth + 1)
        except (TypeError, ValueError):
            return place, f"a {type(value).__name__}"
    for where, item in children:
        found = _culprit(item, where, depth + 1)
        if found[1]:
            return found
    return place, ""


_encode, _sorted = _encoder(sort=False), _encoder(sort=True)
