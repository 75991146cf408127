"""`secret:NAME` in the settings of a step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from codefactory.pipelines.names import snake

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REFERENCE = re.compile(r"secret:([A-Za-z0-9][A-Za-z0-9_-]{0,63})")


def name_in(text: str) -> str | None:
    """The secret's name, if the whole text is a reference."""
    match = REFERENCE.fullmatch(text)
    return snake(match[1]) if match else None


def names_in(value: Any) -> Iterator[str]:
    """The names of all references in a value of JSON types."""
    match value:
        case str():
            if name := name_in(value):
                yield name
        case dict():
            for item in cast("dict[Any, Any]", value).values():
                yield from names_in(item)
        case list() | tuple():
            for item in cast("list[Any]", value):
                yield from names_in(item)
        case _:
            return


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """The value with each reference replaced by what `values` has for it."""
    match value:
        case str():
            name = name_in(value)
            return value if name is None else values[name]
        case dict():
            return {key: filled(item, values) for key, item in cast("dict[Any, Any]", value).items()}
        case list() | tuple():
            return [filled(item, values) for item in cast("list[Any]", value)]
        case _:
            return value
