"""Channels: named pieces of run state, and how several writes to one combine.

A step sees what its ancestors wrote, combined in the plan's order, never in the order of time. So concurrent steps give
the same state on every run, and a replay sees what the first run saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def append(state: Any, value: Any) -> Any:
    """The list with one more item."""
    return [*(state or ()), value]


def extend(state: Any, value: Any) -> Any:
    """The list with more items."""
    return [*(state or ()), *value]


def merge(state: Any, value: Any) -> Any:
    """Mappings, later keys winning, nested mappings merged."""
    merged: dict[str, Any] = dict(state or {})
    for key, new in value.items():
        old = merged.get(key)
        merged[key] = merge(old, new) if isinstance(old, dict) and isinstance(new, dict) else new
    return merged


def last(_state: Any, value: Any) -> Any:
    """The value written last in the plan's order."""
    return value


def add(state: Any, value: Any) -> Any:
    """The sum."""
    return value if state is None else state + value


REDUCERS: dict[str, Callable[[Any, Any], Any]] = {
    "append": append,
    "extend": extend,
    "merge": merge,
    "last": last,
    "sum": add,
}


@dataclass(frozen=True, slots=True)
class Channel:
    name: str
    reducer: Callable[[Any, Any], Any] = last
    initial: Any = None
