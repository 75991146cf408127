"""Where a local name got its value, as far as straight-line code proves it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from .source import Source

Block = cst.Module | cst.IndentedBlock


@dataclass(frozen=True, slots=True)
class Assignment:
    """`name = value`, alone on its line."""

    statement: cst.SimpleStatementLine
    value: cst.BaseExpression
    is_only_for_this_use: bool
    """Whether nothing else reads the value."""


def assignment(source: Source, use: cst.Name) -> Assignment | None:
    """The statement `name = value` whose value this use of the name must read; None where that is not proved.

    It stands before the use in the same block or in one around it, within one function; nothing between them, no
    loop around the use alone and no `global` can give the name another value.
    """
    name = use.value
    if any(item.name.value == name for item in source.all(cst.NameItem)):
        return None
    node: cst.CSTNode = source.statement(use)
    if source.binds(node, name):
        return None
    while True:
        block = source.parent(node)
        if not isinstance(block, (cst.Module, cst.IndentedBlock)):
            return None
        earlier = _last_binding_before(source, block, node, name)
        if earlier is not None:
            return _assignment(source, earlier, use)
        owner = source.parent(block)
        if owner is None:
            return None
        node = source.statement(owner)
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)) or source.binds(node, name):
            return None


def statements_between(source: Source, first: cst.CSTNode, last: cst.CSTNode) -> list[cst.CSTNode]:
    """The statements of `first`'s block behind it, up to and without the one `last` is in."""
    block = source.parent(first)
    if not isinstance(block, (cst.Module, cst.IndentedBlock)):
        return []
    behind = [s for s in block.body if source.span(s).start > source.span(first).start]
    return [s for s in behind if source.span(s).end <= source.span(last).start]


def scope(source: Source, node: cst.CSTNode) -> cst.CSTNode:
    """The function, class or module whose names `node`'s are."""
    for ancestor in source.ancestors(node):
        if isinstance(ancestor, (cst.FunctionDef, cst.Lambda, cst.ClassDef, cst.Module)):
            return ancestor
    return source.module


def uses_in(source: Source, name: str, home: cst.CSTNode) -> list[cst.Name]:
    """The uses of a name inside one scope, those in its inner scopes included."""
    names = source.uses(name)
    if isinstance(home, cst.Module):
        return names
    span = source.span(home)
    first = bisect_left(names, span.start, key=lambda n: source.span(n).start)
    return names[first : bisect_right(names, span.end, key=lambda n: source.span(n).start)]


def _last_binding_before(source: Source, block: Block, node: cst.CSTNode, name: str) -> cst.CSTNode | None:
    """The last statement of `block` before `node` that binds the name, itself or somewhere inside."""
    body: list[cst.CSTNode] = list(block.body)
    start = source.span(body[0]).start
    places = source.binding_places(name)
    last = bisect_left(places, source.span(node).start) - 1
    if last < 0 or places[last] < start:
        return None
    index = bisect_right(body, places[last], key=lambda s: source.span(s).start) - 1
    return body[index]


def _assignment(source: Source, statement: cst.CSTNode, use: cst.Name) -> Assignment | None:
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return None
    match statement.body[0]:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name())], value=value):
            pass
        case cst.AnnAssign(target=cst.Name(), value=cst.BaseExpression() as value):
            pass
        case _:
            return None
    return Assignment(statement, value, _readers(source, statement, use) == [use])


def _readers(source: Source, statement: cst.SimpleStatementLine, use: cst.Name) -> list[cst.Name]:
    """Every place that may read the value assigned in `statement`."""
    span = source.span(statement)
    end = next((source.span(s).end for s in _rebindings_behind(source, statement, use.value)), None)
    in_loop = any(isinstance(a, (cst.For, cst.While)) for a in source.ancestors(statement))
    home = scope(source, statement)
    readers: list[cst.Name] = []
    for name in uses_in(source, use.value, home):
        at = source.span(name)
        if source.is_binding(name) and not isinstance(source.parent(name), cst.AugAssign):
            continue
        if span.start <= at.start and at.end <= span.end:
            continue
        local = scope(source, name) is home
        behind = span.end <= at.start and (end is None or at.start < end)
        # Before the assignment it is read only in the next round of a loop, or by a function that runs later.
        if behind or in_loop or not local:
            readers.append(name)
    home_is_module = isinstance(home, cst.Module)
    return [name for name in readers if scope(source, name) is home or home_is_module or _is_inside(source, name, home)]


def _is_inside(source: Source, node: cst.CSTNode, outer: cst.CSTNode) -> bool:
    return any(a is outer for a in source.ancestors(node))


def _rebindings_behind(source: Source, statement: cst.SimpleStatementLine, name: str) -> list[cst.CSTNode]:
    """Plain assignments of the same block that surely give the name a new value."""
    block = source.parent(statement)
    if isinstance(block, (cst.Module, cst.IndentedBlock)):
        body: list[cst.CSTNode] = list(block.body)
        behind = body[body.index(statement) + 1 :]
        return [s for s in behind if isinstance(s, cst.SimpleStatementLine) and source.binds(s, name)]
    return []
