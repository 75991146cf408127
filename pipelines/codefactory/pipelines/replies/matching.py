"""Where a block's text is in a file: whole lines, exactly or but for white space at their ends; never fuzzily."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codefactory.analyzers.text import Text

_MAX_CANDIDATES = 64
_TRAILING = " \t\f\v"
_UNITS = (4, 2, 8)


@dataclass(frozen=True, slots=True)
class Place:
    """A range of offsets in the text and what to put there."""

    start: int
    end: int
    new_text: str


@dataclass(frozen=True, slots=True)
class NoPlace:
    """Why there is none."""

    count: int
    """How many there are: 0, or more than one."""


@dataclass(frozen=True)
class Target:
    """A text in which blocks are looked for."""

    text: Text

    @cached_property
    def lines(self) -> list[str]:
        """Without their endings. No line is counted after a final newline."""
        value, starts = self.text.value, self.text.line_starts
        ends = (*starts[1:], len(value))
        lines = [value[a:b].rstrip("\r\n") for a, b in zip(starts, ends, strict=True)]
        return lines[:-1] if lines[-1] == "" and len(lines) > 1 else lines

    @cached_property
    def uses_tabs(self) -> bool:
        return any(line.startswith("\t") for line in self.lines)

    @cached_property
    def _exact(self) -> _Index:
        return _Index(self.lines)

    @cached_property
    def _stripped(self) -> _Index:
        return _Index([line.strip(_TRAILING) for line in self.lines])

    def find(self, search: str, replace: str) -> Place | NoPlace:
        """Where `search` is, and `replace` as it has to be written there."""
        old, new = search.split("\n"), replace.split("\n") if replace else []
        if not any(line.strip() for line in old):
            return NoPlace(0)
        exact = self._exact.find(old, limit=2)
        if len(exact) == 1:
            return self._place(exact[0], old, new)
        if exact:
            return NoPlace(len(exact))
        old, new = _trimmed(old, new)
        if self.uses_tabs and not any("\t" in _indent(line) for line in old):
            readings = [(_tabbed(old, unit), _tabbed(new, unit)) for unit in _UNITS]
        else:
            readings = []
        for old_lines, new_lines in ((old, new), *readings):
            places = self._shifted(old_lines, new_lines)
            if len(places) == 1:
                return places[0]
            if places:
                return NoPlace(len(places))
        return self._fragment(search, replace)

    def _shifted(self, old: list[str], new: list[str]) -> list[Place]:
        """Places where `old` is but for trailing white space and one common change of indentation."""
        stripped = [line.strip(_TRAILING) for line in old]
        places: list[Place] = []
        for at in self._stripped.find(stripped, limit=_MAX_CANDIDATES):
            shift = _shift(old, self.lines[at : at + len(old)])
            if shift is not None and (moved := _moved(new, *shift)) is not None:
                places.append(self._place(at, old, moved))
        return places

    def _place(self, at: int, old: list[str], new: list[str]) -> Place:
        """The lines from `at` on, with the endings they have in this text."""
        starts, value = self.text.line_starts, self.text.value
        end_line = at + len(old)
        start = starts[at]
        end = starts[end_line] if end_line < len(starts) else len(value)
        if not new:
            return Place(start, end, "")
        first_end = starts[at + 1] if at + 1 < len(starts) else len(value)
        newline = _ending(value[start:first_end]) or self.text.newline
        return Place(start, end, newline.join(new) + _ending(value[start:end]))

    def _fragment(self, search: str, replace: str) -> Place | NoPlace:
        """Part of a line, where that occurs once and cuts no word."""
        fragment = search.strip()
        if "\n" in fragment or "\n" in replace.strip("\n"):
            return NoPlace(0)
        value = self.text.value
        at = value.find(fragment)
        if at < 0:
            return NoPlace(0)
        if value.find(fragment, at + 1) >= 0:
            return NoPlace(2)
        end = at + len(fragment)
        if _cuts_word(value, at) or _cuts_word(value, end):
            return NoPlace(0)
        return Place(at, end, replace.strip())


class _Index:
    """Finds runs of lines with `str.find`, whose time is linear."""

    def __init__(self, lines: list[str]) -> None:
        self._joined = "\n" + "\n".join(lines) + "\n"
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line) + 1)
        self._line_of = {start: number for number, start in enumerate(starts)}

    def find(self, lines: list[str], *, limit: int) -> list[int]:
        """The first line numbers, at most `limit`, where `lines` are."""
        needle = "\n" + "\n".join(lines) + "\n"
        found: list[int] = []
        at = self._joined.find(needle)
        while at >= 0 and len(found) < limit:
            found.append(self._line_of[at])
            at = self._joined.find(needle, at + 1)
        return found


def _trimmed(old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    """Without blank lines at the ends of `old`, and without as many of those of `new`."""
    head = next(i for i, line in enumerate(old) if line.strip())
    tail = next(i for i, line in enumerate(reversed(old)) if line.strip())
    new = _without_blank(new, head)
    new = _without_blank(new[::-1], tail)[::-1]
    return old[head : len(old) - tail], new


def _without_blank(lines: list[str], most: int) -> list[str]:
    """Without the first blank lines, at most so many."""
    blank = 0
    while blank < min(most, len(lines)) and not lines[blank].strip():
        blank += 1
    return lines[blank:]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _tabbed(lines: list[str], unit: int) -> list[str]:
    """With each `unit` spaces of indentation as a tab."""
    out: list[str] = []
    for line in lines:
        tabs, rest = divmod(len(_indent(line)), unit)
        out.append("\t" * tabs + " " * rest + line.lstrip(" \t"))
    return out


def _shift(old: list[str], lines: list[str]) -> tuple[str, str] | None:
    """(prefix to take away, prefix to add) that turns each of `old` into the line of the file; None: there is none."""
    pairs = [(_indent(a), _indent(b)) for a, b in zip(old, lines, strict=True) if a.strip()]
    first_old, first_new = pairs[0]
    if first_new.endswith(first_old):
        shift = ("", first_new[: len(first_new) - len(first_old)])
    elif first_old.endswith(first_new):
        shift = (first_old[: len(first_old) - len(first_new)], "")
    else:
        return None
    remove, add = shift
    fits = all(a.startswith(remove) and add + a[len(remove) :] == b for a, b in pairs)
    return shift if fits else None


def _moved(lines: list[str], remove: str, add: str) -> list[str] | None:
    """`lines` with their indentation changed; None when one of them has less than is to be taken away."""
    if any(line.strip() and not line.startswith(remove) for line in lines):
        return None
    return [add + line[len(remove) :] if line.strip() else "" for line in lines]


def _ending(text: str) -> str:
    """The line ending at the end of `text`; empty where it has none."""
    if text.endswith("\r\n"):
        return "\r\n"
    return text[-1] if text.endswith(("\n", "\r")) else ""


def _cuts_word(value: str, at: int) -> bool:
    return 0 < at < len(value) and all(c.isalnum() or c == "_" for c in value[at - 1 : at + 1])
