"""What differs between two definitions, in terms of steps rather than lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from codefactory.pipelines.engine.values import is_mapping

ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Change:
    """`place` is dotted, as `steps.fetch.with.url`."""

    kind: Literal["added", "removed", "changed"]
    place: str
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        match self.kind:
            case "added":
                return f"+ {self.place}: {_short(self.after)}"
            case "removed":
                return f"- {self.place}: {_short(self.before)}"
            case "changed":
                return f"~ {self.place}: {_short(self.before)} → {_short(self.after)}"


def compare(before: Any, after: Any, place: str = "") -> list[Change]:
    """The changes, in the order of `before`, then what is new. Order of keys is no difference."""
    if is_mapping(before) and is_mapping(after):
        changes: list[Change] = []
        for key in [*before, *(k for k in after if k not in before)]:
            inner = f"{place}.{key}" if place else str(key)
            old, new = before.get(key, ABSENT), after.get(key, ABSENT)
            if old is ABSENT:
                changes.append(Change("added", inner, None, new))
            elif new is ABSENT:
                changes.append(Change("removed", inner, old, None))
            else:
                changes += compare(old, new, inner)
        return changes
    same = before == after and isinstance(before, bool) == isinstance(after, bool)
    return [] if same else [Change("changed", place, before, after)]


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:59]}…"
