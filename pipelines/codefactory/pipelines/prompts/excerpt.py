"""`excerpt()`: the part of a long file that a model needs to see."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codefactory.pipelines.budget import tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from codefactory.analyzers.text import Text

WINDOW_LINES = 12
"""Shown above and below a line that is in no function, or in one that is too long."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive lines; `first` and `last` are 0-based. The text has ``\\n`` as its line ending."""

    first: int
    last: int
    text: str


@dataclass(frozen=True, slots=True)
class Excerpt:
    pieces: tuple[Piece, ...]
    lines: frozenset[int]
    """The asked-for lines that are in it. The others had no room."""
    whole: bool


def excerpt(text: Text, lines: Sequence[int], language: str, max_tokens: int) -> Excerpt:
    """The whole text if it has at most `max_tokens`; else its imports and, around each of `lines` as far as there is
    room, the function it is in, or some lines."""
    last = text.line_count - 1
    if last and not text.line(last):
        last -= 1  # after a final newline there is no line to show
    whole = _piece(text, 0, last)
    if tokens_of(whole.text) <= max_tokens:
        return Excerpt((whole,), frozenset(lines), whole=True)
    imports, functions = _outline(text) if language == "python" else ([], [])
    chosen: list[tuple[int, int]] = []
    for span in imports:
        if _tokens(text, [*chosen, span]) <= max_tokens // 4:
            chosen.append(span)
    shown: set[int] = set()
    for line in lines:
        for span in _around(line, functions, last):
            if _tokens(text, [*chosen, span]) <= max_tokens:
                chosen.append(span)
                shown.add(line)
                break
    pieces = tuple(_piece(text, first, end) for first, end in _joined(chosen))
    return Excerpt(pieces, frozenset(shown), whole=False)


def _around(line: int, functions: Sequence[tuple[int, int]], last: int) -> Iterator[tuple[int, int]]:
    """Ranges with `line` in them, the most useful first: functions from the outermost in, then ever fewer lines."""
    yield from sorted((f for f in functions if f[0] <= line <= f[1]), key=lambda f: f[0] - f[1])
    for size in (WINDOW_LINES, 4, 1, 0):
        yield max(0, line - size), min(last, line + size)


def _outline(text: Text) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Line ranges of the top-level imports and of all functions; nothing where the text does not parse."""
    try:
        tree = ast.parse(text.value.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [], []
    imports = [_lines(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    functions = [_lines(node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return imports, functions


def _lines(node: ast.stmt) -> tuple[int, int]:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else []
    return min([node.lineno, *(d.lineno for d in decorators)]) - 1, (node.end_lineno or node.lineno) - 1


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order; those that overlap or touch as one."""
    out: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            out.append((first, last))
    return out


def _tokens(text: Text, spans: Sequence[tuple[int, int]]) -> int:
    return sum(tokens_of(_piece(text, *span).text) for span in _joined(spans))


def _piece(text: Text, first: int, last: int) -> Piece:
    value = "\n".join(text.line(number) for number in range(first, last + 1))
    return Piece(first, last, value.removeprefix("\ufeff"))
