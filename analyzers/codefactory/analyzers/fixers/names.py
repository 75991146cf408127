"""What names say: the words in and around a piece of code, for fixers that ask what a value is for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.text import Span

from .nodes import string_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .source import Source

_WORD = re.compile(r"[A-Z]+[0-9]*(?![a-z])|[A-Z]?[a-z0-9]+")
_LINES_NEAR = 5


def vocabulary(text: str) -> frozenset[str]:
    return frozenset(text.split())


PASSWORD = vocabulary("pass passphrase passwd password passwords pwd")


def words(name: str) -> frozenset[str]:
    """The words of a snake_case or camelCase name in lower case, and the name itself."""
    return frozenset({name.lower(), *(word.lower() for word in _WORD.findall(name))})


def words_in(source: Source, span: Span, where: Callable[[cst.CSTNode], bool] = lambda _: True) -> frozenset[str]:
    """The words of all names and strings in `span` that satisfy `where`."""
    found: set[str] = set()
    for node in (*source.starting_in(cst.Name, span), *source.starting_in(cst.SimpleString, span)):
        at = source.span(node)
        if span.start <= at.start and at.end <= span.end and where(node):
            found |= words(node.value if isinstance(node, cst.Name) else string_value(node) or "")
    return frozenset(found)


def statement_span(source: Source, node: cst.CSTNode) -> Span:
    """The statement around `node`; of a compound statement only its head."""
    statement = source.statement(node)
    span = source.span(statement)
    if isinstance(statement, cst.SimpleStatementLine):
        return span
    return Span(span.start, max(source.span(statement.body).start, source.span(node).end))


def scope_span(source: Source, node: cst.CSTNode) -> Span:
    """The function around `node`; outside of functions, the lines around its statement."""
    for ancestor in source.ancestors(node):
        if isinstance(ancestor, cst.FunctionDef):
            return source.span(ancestor)
    span = source.span(source.statement(node))
    return Span.at(max(span.start.line - _LINES_NEAR, 0), 0, span.end.line + _LINES_NEAR + 1, 0)


def scope_names(source: Source, node: cst.CSTNode) -> Iterator[str]:
    """The names of the functions and classes around `node`, innermost first."""
    for ancestor in source.ancestors(node):
        if isinstance(ancestor, (cst.FunctionDef, cst.ClassDef)):
            yield ancestor.name.value
