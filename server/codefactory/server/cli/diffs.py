"""Unified diffs: as bytes that `git apply` and `patch -p1` take, and coloured for people."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from .terminal import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HUNK = re.compile(rb"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_STYLE = {"-": ("red", "bold red reverse"), "+": ("green", "bold green reverse")}
_LEAST_ALIKE = 0.5
"""Lines less alike than this are two lines, not one that was changed."""


def unified(path: Path, before: bytes, after: bytes) -> bytes:
    """A diff of one file, its name relative to the current folder: where `git apply` is to be run."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    # bytes.splitlines also splits at a lone CR, which to git and patch is a character like any other.
    old, new = _joined_at_cr(old), _joined_at_cr(new)
    name = _relative(path)
    lines = difflib.diff_bytes(difflib.unified_diff, old, new, _header(b"a/" + name), _header(b"b/" + name))
    return b"".join(x if x.endswith(b"\n") else x + b"\n\\ No newline at end of file\n" for x in lines)


def coloured(diff: bytes, encoding: str, width: int) -> Iterator[Text]:
    """The lines of a diff, with line numbers and what changed inside a line marked; long lines are folded."""
    lines = diff.splitlines(keepends=True)
    lines = [line.decode(encoding, "replace").rstrip("\r\n") for line in _joined_at_cr(lines)]
    numbers = [0, 0]
    digits = max((len(m[2]) for m in _HUNK.finditer(diff)), default=1) + 1
    index = 2
    while index < len(lines):
        line = lines[index]
        if line.startswith("@@"):
            hunk = _HUNK.match(line.encode())
            numbers = [int(hunk[1]), int(hunk[2])] if hunk else numbers
            if index > 2:
                yield Text(f"{' ' * digits}   ⋯", "dim")
            index += 1
        elif line[:1] in ("-", "+"):
            removed = _run(lines, index, "-")
            added = _run(lines, index + len(removed), "+")
            emphasis = _changed_parts(removed, added)
            for at, changed in enumerate((*removed, *added)):
                sign = changed[0]
                side = 0 if sign == "-" else 1
                yield _line(str(numbers[side]), sign, changed[1:], emphasis.get(at), digits, width)
                numbers[side] += 1
            index += len(removed) + len(added)
        elif line.startswith("\\"):
            yield Text(f"{' ' * digits}   {line[2:]}", "dim italic")
            index += 1
        else:
            yield _line(str(numbers[1]), " ", line[1:], None, digits, width)
            numbers = [numbers[0] + 1, numbers[1] + 1]
            index += 1


def _line(number: str, sign: str, code: str, emphasis: tuple[int, int] | None, digits: int, width: int) -> Text:
    style, strong = _STYLE.get(sign, ("", ""))
    body = Text(safe(code), style)
    if emphasis:
        body.stylize(strong, *emphasis)
    body.expand_tabs(4)
    gutter = Text.assemble((number.rjust(digits), "dim"), (f" {sign} ", style or "dim"))
    room = max(20, width - digits - 3)
    if cell_len(body.plain) <= room:
        return gutter + body
    pieces: list[Text] = []
    rest = body
    while cell_len(rest.plain) > room:
        cut = len(rest.plain)
        while cell_len(rest.plain[:cut]) > room:
            cut -= max(1, (cell_len(rest.plain[:cut]) - room) // 2)
        head, rest = rest.divide([cut])
        pieces.append(head)
    margin = Text.assemble((" " * digits, ""), (" ┊ ", style or "dim"))
    return Text("\n").join([gutter + pieces[0], *(margin + piece for piece in (*pieces[1:], rest))])


def _run(lines: Sequence[str], start: int, sign: str) -> list[str]:
    end = start
    while end < len(lines) and lines[end].startswith(sign):
        end += 1
    return list(lines[start:end])


def _changed_parts(removed: Sequence[str], added: Sequence[str]) -> dict[int, tuple[int, int]]:
    """Index among removed and added lines → the part of the line (without its sign) that differs from its partner."""
    parts: dict[int, tuple[int, int]] = {}
    if len(removed) != len(added):
        return parts
    for index, (old, new) in enumerate(zip(removed, added, strict=True)):
        a, b = old[1:], new[1:]
        if difflib.SequenceMatcher(a=a, b=b, autojunk=False).quick_ratio() < _LEAST_ALIKE:
            continue
        head = _common(a, b)
        tail = _common(a[head:][::-1], b[head:][::-1])
        parts[index] = (head, len(a) - tail)
        parts[len(removed) + index] = (head, len(b) - tail)
    return parts


def _common(a: str, b: str) -> int:
    """The length of the common beginning."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _joined_at_cr(lines: list[bytes]) -> list[bytes]:
    if not any(line.endswith(b"\r") for line in lines):
        return lines
    whole = b"".join(lines).split(b"\n")
    return [line + b"\n" for line in whole[:-1]] + ([whole[-1]] if whole[-1] else [])


def _relative(path: Path) -> bytes:
    absolute = path.absolute()
    inside = absolute.is_relative_to(Path.cwd())
    return os.fsencode((absolute.relative_to(Path.cwd()) if inside else absolute).as_posix().lstrip("/"))


def _header(name: bytes) -> bytes:
    """A name as git writes it: quoted when it holds quotes or control characters, ended by a tab when it has blanks."""
    if re.search(rb'["\\\x00-\x1f\x7f]', name):
        quoted = re.sub(rb'["\\\x00-\x1f\x7f]', lambda m: b"\\%03o" % m[0][0], name)
        return b'"' + quoted + b'"'
    return name + b"\t" if b" " in name else name
