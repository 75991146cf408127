"""What is too much for one value. More goes through files, item by item: see `stream`."""

from __future__ import annotations

from typing import Any, cast

from codefactory.pipelines.engine.errors import StepError
from codefactory.pipelines.engine.values import is_list, is_mapping

MAX_TEXT = 32 * 1024 * 1024
"""Characters of a text that is parsed, made or matched."""
MAX_NODES = 2_000_000
"""Values in a value, counted as often as they occur."""
MAX_DEPTH = 100


class TransformError(StepError):
    """Data cannot be transformed as asked. The message says what and where."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "invalid_output")


class TooMuchError(TransformError):
    """A limit was reached."""


def check_text(text: str, what: str) -> str:
    if len(text) > MAX_TEXT:
        raise TooMuchError(f"{what} has {len(text):,} characters, more than {MAX_TEXT:,}; take it from a file (`from`)")
    return text


def measure(value: Any, what: str, limit: int = MAX_NODES) -> int:
    """The values and, by the kilobyte, texts in `value`. Raises TooMuchError beyond the limit, without walking on."""
    total, queue = 0, [(value, 0)]
    while queue:
        item, depth = queue.pop()
        if depth > MAX_DEPTH:
            raise TooMuchError(f"{what} is nested more than {MAX_DEPTH} deep")
        total += 1
        if isinstance(item, str):
            total += len(item) >> 10
        elif is_mapping(item):
            queue += [(inner, depth + 1) for inner in item.values()]
        elif isinstance(item, (list, tuple)):
            queue += [(inner, depth + 1) for inner in cast("list[Any]", item)]
        if total + len(queue) > limit:
            raise TooMuchError(f"{what} has more than {limit:,} values")
    return total


def kind_of(data: Any) -> str:
    """What data is, in a word of JSON."""
    match data:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case _:
            return "an object" if is_mapping(data) else "a list" if is_list(data) else type(data).__name__
